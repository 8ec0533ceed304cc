//! Builds the plugins that are committed as components, or, with `--check`, proves that what is committed is what the
//! sources make: byte for byte where the compiler is the one they were made with, and by a digest of the
//! sources in any case.

mod digest;
mod plan;
mod record;
mod toolchain;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use anyhow::{Context, Result, bail};

use plan::{ARTEFACTS, Artefact};
use record::{Built, Record};
use toolchain::Toolchain;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        [] => build(&root()),
        ["--check"] => check(&root()),
        other => Err(anyhow::anyhow!("{}: unknown; say nothing to build, or --check", other.join(" "))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            eprintln!("{wrong:#}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's root.
fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root.pop();
    root
}

fn build(root: &Path) -> Result<()> {
    let toolchain = Toolchain::find(root)?;
    let mut built = Vec::new();
    for artefact in ARTEFACTS {
        let component = toolchain.component(artefact)?;
        let path = root.join(artefact.file);
        fs::create_dir_all(path.parent().unwrap_or(root))?;
        fs::write(&path, &component).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}: {} bytes", artefact.file, component.len());
        built.push(Built::new(artefact, digest::of_sources(root, artefact)?, &component));
    }
    Record { rustc: toolchain.version, artefacts: built }.write(root)
}

fn check(root: &Path) -> Result<()> {
    let record = Record::read(root)?;
    let mut wrong = record.differences(root, ARTEFACTS)?;
    match Toolchain::find(root) {
        Ok(toolchain) if toolchain.version == record.rustc => {
            for artefact in ARTEFACTS {
                wrong.extend(rebuilt_difference(root, &toolchain, artefact)?);
            }
        }
        Ok(toolchain) => println!(
            "not built again: they were made with {}, and here is {}; their sources are compared instead",
            record.rustc, toolchain.version
        ),
        Err(why) => println!("not built again: {why:#}; their sources are compared instead"),
    }
    if !wrong.is_empty() {
        bail!("{}\nrun plugins/build and commit what it makes", wrong.join("\n"));
    }
    println!("{} components are what their sources make", ARTEFACTS.len());
    Ok(())
}

fn rebuilt_difference(root: &Path, toolchain: &Toolchain, artefact: &Artefact) -> Result<Option<String>> {
    let committed =
        fs::read(root.join(artefact.file)).with_context(|| format!("cannot read {}", artefact.file))?;
    let same = toolchain.component(artefact)? == committed;
    Ok((!same).then(|| format!("{}: built again, it has other bytes", artefact.file)))
}
