//! The languages' own tools.

use super::BuildError;
use serde::Deserialize;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Makes a plugin of a project.
pub(super) trait Toolchain {
    /// Gives the file that was made: a component, or a core module.
    fn build(&self, directory: &Path) -> Result<PathBuf, BuildError>;
}

/// `cargo`, for the target without an operating system.
pub(super) struct Rust;

const RUST_TARGET: &str = "wasm32-unknown-unknown";
const RUST_REMEDY: &str = "install Rust 1.95 or later by rustup";

impl Toolchain for Rust {
    fn build(&self, directory: &Path) -> Result<PathBuf, BuildError> {
        let mut rustc = Command::new("rustc");
        rustc.args(["--print", "target-libdir", "--target", RUST_TARGET]).current_dir(directory);
        let libraries = told(&mut rustc, RUST_REMEDY)?;
        // Who builds the standard library too needs none.
        if !Path::new(libraries.trim()).is_dir() && std::env::var_os("CARGO_UNSTABLE_BUILD_STD").is_none() {
            return Err(BuildError::Missing {
                what: format!("Rust's target {RUST_TARGET}"),
                remedy: format!("rustup target add {RUST_TARGET}"),
            });
        }
        let mut cargo = Command::new("cargo");
        cargo
            .args(["build", "--release", "--target", RUST_TARGET])
            .arg("--message-format=json-render-diagnostics")
            .current_dir(directory);
        let messages = told(&mut cargo, RUST_REMEDY)?;
        module(&messages).ok_or_else(|| BuildError::Missing {
            what: "a library of the kind cdylib in Cargo.toml".to_owned(),
            remedy: "write crate-type = [\"cdylib\", \"rlib\"] into its [lib]".to_owned(),
        })
    }
}

/// One of the lines that cargo writes for programs.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// The last artefact that is WebAssembly: the project's own, after those that it needs.
fn module(messages: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    let artefacts = messages.filter(|message| message.reason == "compiler-artifact");
    let modules = artefacts.flat_map(|message| message.filenames);
    modules.filter(|path| path.extension().is_some_and(|extension| extension == "wasm")).last()
}

/// Runs a command whose words to people go to them; gives what it says to programs.
fn told(command: &mut Command, remedy: &str) -> Result<String, BuildError> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    match output {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(BuildError::Missing { what: shown, remedy: remedy.to_owned() })
        }
        Err(error) => Err(BuildError::Run { command: shown, reason: error.to_string() }),
        Ok(output) if !output.status.success() => {
            let arguments: Vec<_> = command.get_args().map(|one| one.to_string_lossy()).collect();
            Err(BuildError::Failed { command: format!("{shown} {}", arguments.join(" ")) })
        }
        Ok(output) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_named_with_what_to_do() {
        let error = told(&mut Command::new("no-such-program"), "install it").unwrap_err();
        assert_eq!(error.to_string(), "no-such-program is not there; install it");
        let error = told(Command::new("sh").args(["-c", "exit 3"]), "").unwrap_err();
        assert_eq!(error.to_string(), "sh -c exit 3 failed; what it said is above");
        assert_eq!(told(Command::new("sh").args(["-c", "echo a"]), "").unwrap(), "a\n");
    }

    #[test]
    fn the_projects_own_module_is_the_last() {
        let messages = r#"{"reason":"compiler-artifact","filenames":["/t/a.wasm","/t/a.rlib"]}
a line that is no JSON
{"reason":"compiler-artifact","filenames":["/t/b.wasm"]}
{"reason":"build-finished","success":true}"#;
        assert_eq!(module(messages), Some("/t/b.wasm".into()));
        assert_eq!(module(""), None);
    }
}
