use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};
use wit_component::ComponentEncoder;

use crate::plan::Artefact;

const TARGET: &str = "wasm32-unknown-unknown";

/// A compiler that can make guests.
pub struct Toolchain {
    /// As `rustc --version` has it.
    pub version: String,
    workspace: PathBuf,
    target_directory: PathBuf,
    /// The standard library has to be built too.
    builds_std: bool,
    rustflags: String,
}

impl Toolchain {
    /// The compiler that `PATH` leads to, if it can make guests.
    pub fn find(root: &Path) -> Result<Self> {
        let workspace = root.join("plugins");
        let sysroot = PathBuf::from(rustc(&["--print", "sysroot"])?);
        let libraries = rustc(&["--print", "target-libdir", "--target", TARGET])?;
        let installed = fs::read_dir(libraries).is_ok_and(|mut files| files.next().is_some());
        let has_sources = sysroot.join("lib/rustlib/src/rust/library/Cargo.lock").exists();
        ensure!(
            installed || has_sources,
            "the target {TARGET} is not installed: run `rustup target add {TARGET}`"
        );
        let target_directory = match env::var_os("CARGO_TARGET_DIR") {
            Some(directory) => PathBuf::from(directory),
            None => workspace.join("target"),
        };
        Ok(Self {
            version: rustc(&["--version"])?,
            rustflags: remap(&[(root, "/sluicegate"), (&cargo_home()?, "/cargo"), (&sysroot, "/rust")]),
            workspace,
            target_directory: target_directory.join("guests"),
            builds_std: !installed,
        })
    }

    /// Builds an artefact and makes a component of it.
    pub fn component(&self, artefact: &Artefact) -> Result<Vec<u8>> {
        self.compile(artefact)?;
        let module = self
            .target_directory
            .join(TARGET)
            .join(artefact.profile)
            .join(artefact.package.replace('-', "_"))
            .with_extension("wasm");
        let module = fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?;
        let mut encoder = ComponentEncoder::default().validate(true).module(&module)?;
        encoder.encode().with_context(|| format!("cannot make a component of {}", artefact.package))
    }

    fn compile(&self, artefact: &Artefact) -> Result<()> {
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(&self.workspace)
            .args(["build", "--quiet", "--locked", "--lib", "--target", TARGET])
            .args(["--profile", artefact.profile, "--package", artefact.package])
            .args(["--features", artefact.features])
            .env("CARGO_TARGET_DIR", &self.target_directory)
            .env("RUSTFLAGS", &self.rustflags)
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        if self.builds_std {
            // A distribution's compiler comes without the target but with the library's sources; that cargo
            // builds them is not stable yet, hence the variable.
            cargo.arg("-Zbuild-std=std,panic_abort").env("RUSTC_BOOTSTRAP", "1");
        }
        let status = cargo.status().context("cannot run cargo")?;
        if !status.success() {
            bail!("cargo could not build {}", artefact.package);
        }
        Ok(())
    }
}

/// No path of the machine that builds may end up in a component.
fn remap(paths: &[(&Path, &str)]) -> String {
    let flags: Vec<_> =
        paths.iter().map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display())).collect();
    flags.join(" ")
}

fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = env::var_os("CARGO_HOME") {
        return Ok(PathBuf::from(home));
    }
    let home: OsString = env::var_os("HOME").context("HOME is not set")?;
    Ok(PathBuf::from(home).join(".cargo"))
}

fn rustc(arguments: &[&str]) -> Result<String> {
    let output = Command::new("rustc").args(arguments).output().context("cannot run rustc")?;
    ensure!(
        output.status.success(),
        "rustc {} says: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
