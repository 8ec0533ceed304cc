//! The languages' own tools.

use super::{BuildError, Project};
use crate::cli::plugin::language::Language;
use serde::Deserialize;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Makes a plugin of a project: a component, or a core module.
pub(super) fn build(project: &Project, directory: &Path) -> Result<PathBuf, BuildError> {
    let made = directory.join(format!("{}.wasm", project.name));
    match project.language {
        Language::Rust => return rust(directory),
        Language::Typescript | Language::Javascript => node(directory)?,
        Language::Python => python(&project.name, main(project, directory, "order.py")?, directory)?,
        Language::Go => go(&project.name, directory)?,
        Language::C => c(&project.name, main(project, directory, "order.c")?, directory)?,
    }
    Ok(made)
}

/// The file with the rules, as the project names it; projects without a name for it have the template's.
fn main<'p>(project: &'p Project, directory: &Path, default: &'p str) -> Result<&'p Path, BuildError> {
    let main = project.main.as_deref().unwrap_or(Path::new(default));
    let path = directory.join(main);
    if path.is_file() { Ok(main) } else { Err(BuildError::NoMain { path }) }
}

const RUST_TARGET: &str = "wasm32-unknown-unknown";
const RUST_REMEDY: &str = "install Rust 1.95 or later by rustup";

/// `cargo`, for the target without an operating system.
fn rust(directory: &Path) -> Result<PathBuf, BuildError> {
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

const NODE_REMEDY: &str = "install Node.js 20.19 or later";

/// What the lock file names, once, and then the project's own script.
fn node(directory: &Path) -> Result<(), BuildError> {
    if !directory.join("node_modules").is_dir() {
        told(
            Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(directory),
            NODE_REMEDY,
        )?;
    }
    told(Command::new("npm").args(["run", "--silent", "build"]).current_dir(directory), NODE_REMEDY).map(drop)
}

const PYTHON_REMEDY: &str =
    "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt, in the project's directory";

fn python(name: &str, main: &Path, directory: &Path) -> Result<(), BuildError> {
    let mut tool = Command::new(of_environment("componentize-py", directory));
    // Without WASI: what calls it gets an error.
    tool.args(["-d", "wit", "-w", "plugin", "componentize", "--stub-wasi"])
        .arg(module_name(main))
        .arg("-o")
        .arg(format!("{name}.wasm"))
        // Its own functions would bury what is wrong with the plugin.
        .env("RUST_BACKTRACE", "0")
        .current_dir(directory);
    // The packages that the project names, and not those that happen to be on this machine.
    if let Ok(environment) = std::path::absolute(directory.join(".venv")).and_then(|path| path.canonicalize())
    {
        tool.env("VIRTUAL_ENV", environment);
    }
    told(&mut tool, PYTHON_REMEDY).map(drop)
}

/// Of a file in the project, as Python imports it: `rules/order.py` is `rules.order`.
fn module_name(main: &Path) -> String {
    let parts = main.with_extension("");
    parts.iter().map(|part| part.to_string_lossy()).filter(|part| part != ".").collect::<Vec<_>>().join(".")
}

/// A program of the project's own virtual environment, if it has one, or else of the path.
fn of_environment(program: &str, directory: &Path) -> PathBuf {
    let own = directory.join(".venv/bin").join(program);
    // Whole: it is started in another directory.
    std::path::absolute(&own).ok().filter(|own| own.exists()).unwrap_or_else(|| program.into())
}

fn go(name: &str, directory: &Path) -> Result<(), BuildError> {
    let mut go = Command::new("go");
    go.args([
        "build",
        "-trimpath",
        "-buildvcs=false",
        "-buildmode=c-shared",
        "-ldflags=-checklinkname=0 -s -w",
        "-o",
    ])
    .arg(format!("{name}.wasm"))
    .arg("./component")
    .env("GOOS", "wasip1")
    .env("GOARCH", "wasm")
    .current_dir(directory);
    told(&mut go, "install Go 1.25 or later").map(drop)
}

const ZIG_REMEDY: &str = "pip install ziglang, for python3 or in a .venv of the project";

/// clang with its own C library, as Python's package ziglang brings it.
fn c(name: &str, main: &Path, directory: &Path) -> Result<(), BuildError> {
    let zig = |arguments: &[&str]| {
        let mut command = Command::new(of_environment("python3", directory));
        command.args(["-m", "ziglang"]).args(arguments).current_dir(directory);
        command
    };
    let is_there =
        zig(&["version"]).stdin(Stdio::null()).output().is_ok_and(|output| output.status.success());
    if !is_there {
        return Err(BuildError::Missing { what: "zig".to_owned(), remedy: ZIG_REMEDY.to_owned() });
    }
    let output = format!("{name}.wasm");
    let mut compile = zig(&["cc", "-target", "wasm32-wasi", "-mexec-model=reactor", "-O2", "-s"]);
    // zig's own stack of 16 MiB would be part of each instance.
    compile.args(["-Wl,-z,stack-size=65536", "-Wall", "-Wextra", "-o", &output]);
    compile.arg(main).args(["sluicegate/sluicegate.c", "bindings/plugin.c"]);
    told(&mut compile, ZIG_REMEDY).map(drop)
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
    let mut modules = artefacts.flat_map(|message| message.filenames);
    modules.rfind(|path| path.extension().is_some_and(|extension| extension == "wasm"))
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
            // Some say there what is wrong.
            let _ = std::io::stderr().write_all(&output.stdout);
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
    fn a_program_of_the_projects_own_environment_comes_first() {
        let project = tempfile::tempdir().unwrap();
        assert_eq!(of_environment("sh", project.path()), Path::new("sh"));
        std::fs::create_dir_all(project.path().join(".venv/bin")).unwrap();
        std::fs::write(project.path().join(".venv/bin/sh"), "").unwrap();
        assert_eq!(of_environment("sh", project.path()), project.path().join(".venv/bin/sh"));
    }

    #[test]
    fn a_file_is_imported_by_its_place() {
        let names = ["order.py", "./order.py", "rules/order.py"].map(|main| module_name(Path::new(main)));
        assert_eq!(names, ["order", "order", "rules.order"]);
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
