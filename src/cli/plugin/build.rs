//! `sluicegate plugin build`.

mod tool;
mod watch;

use super::language::Language;
use crate::cli::{Exit, complain, print};
use crate::plugin::{Refusal, componentize};
use clap::Args;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};

/// What a project says of itself.
const PROJECT: &str = "plugin.toml";

#[derive(Args)]
pub(super) struct BuildArguments {
    /// The project's directory.
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// Build, test and copy at each save, until it is stopped.
    #[arg(long)]
    watch: bool,
    /// Copy what was built and passes its tests there: the directory of a gateway's plugins.
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Project {
    name: String,
    language: Language,
    /// The file with the rules, where the language's tools want to know it.
    main: Option<PathBuf>,
}

/// Why there is no plugin.
#[derive(Debug, thiserror::Error)]
enum BuildError {
    #[error("{} cannot be read ({reason}): run it in a plugin's project, or make one by sluicegate plugin new", path.display())]
    NoProject { path: PathBuf, reason: String },
    #[error("{} is not right: {reason}; it has a name and a language, as sluicegate plugin new writes it", path.display())]
    Project { path: PathBuf, reason: String },
    #[error("{what} is not there; {remedy}")]
    Missing { what: String, remedy: String },
    #[error("{command} cannot be run ({reason})")]
    Run { command: String, reason: String },
    #[error("{command} failed; what it said is above")]
    Failed { command: String },
    #[error("{} is not there; name the file with the rules by main = \"…\" in {PROJECT}", path.display())]
    NoMain { path: PathBuf },
    #[error("{} is no directory; nothing was built. Name the gateway's directory of plugins by --into", path.display())]
    NoDirectory { path: PathBuf },
    #[error("what was built is no plugin: {0}")]
    NoPlugin(#[from] Refusal),
    #[error("{reason}")]
    Untested { reason: String },
    #[error("{} cannot be {done} ({reason})", path.display())]
    Io { path: PathBuf, done: &'static str, reason: std::io::Error },
}

pub(super) fn run(arguments: &BuildArguments) -> Exit {
    if arguments.watch {
        return watch::run(&arguments.directory, arguments.into.as_deref());
    }
    match build_and_deliver(&arguments.directory, arguments.into.as_deref()) {
        Ok((is_well, text)) => print(text).err().unwrap_or(if is_well { Exit::Well } else { Exit::Unsound }),
        Err(error) => {
            complain(&error);
            if error.is_of_usage() { Exit::Usage } else { Exit::Unsound }
        }
    }
}

impl BuildError {
    /// It is not the plugin's fault.
    fn is_of_usage(&self) -> bool {
        matches!(
            self,
            BuildError::NoProject { .. } | BuildError::Project { .. } | BuildError::NoDirectory { .. }
        )
    }
}

/// Builds, and where it is to go to a gateway, tests it before. Says what was made.
fn build_and_deliver(directory: &Path, into: Option<&Path>) -> Result<(bool, String), BuildError> {
    if into.is_some() {
        return watch::once(directory, into);
    }
    let built = build(directory)?;
    let bytes = fs::metadata(&built).map_or(0, |file| file.len());
    Ok((true, format!("{}  {}", built.display(), super::size(bytes))))
}

/// Gives the plugin's file.
fn build(directory: &Path) -> Result<PathBuf, BuildError> {
    let project = project(directory)?;
    let made = tool::build(&project, directory)?;
    let io = |done| {
        let path = made.clone();
        move |reason| BuildError::Io { path, done, reason }
    };
    let bytes = fs::read(&made).map_err(io("read"))?;
    // A core module is made a component here, so that what is wrong with it is known here. One that prints and exits by
    // WASI becomes a part of the gateway's own adapter only when that loads it: it stays as it is.
    let component = componentize(&bytes)?;
    let bytes = if componentize(&component).is_ok() { component } else { bytes };
    let built = directory.join(format!("{}.wasm", project.name));
    replace(&built, &bytes)?;
    Ok(built)
}

fn project(directory: &Path) -> Result<Project, BuildError> {
    let path = directory.join(PROJECT);
    let text = fs::read_to_string(&path)
        .map_err(|error| BuildError::NoProject { path: path.clone(), reason: error.to_string() })?;
    toml::from_str(&text).map_err(|error| BuildError::Project {
        path,
        reason: error.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
    })
}

fn deliver(built: &Path, into: &Path) -> Result<PathBuf, BuildError> {
    let place = into.join(built.file_name().unwrap_or_default());
    let bytes =
        fs::read(built).map_err(|reason| BuildError::Io { path: built.to_owned(), done: "read", reason })?;
    replace(&place, &bytes)?;
    Ok(place)
}

/// Whole or not at all: a gateway may look at any moment.
fn replace(place: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    let io = |reason| BuildError::Io { path: place.to_owned(), done: "written", reason };
    let mut unfinished = place.as_os_str().to_owned();
    unfinished.push(".unfinished");
    fs::write(&unfinished, bytes).map_err(io)?;
    fs::rename(&unfinished, place).map_err(io)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(directory: &Path) -> String {
        build(directory).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_project_is_told_so() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(PROJECT);
        let shown = path.display().to_string();
        assert_eq!(
            error(directory.path()),
            format!(
                "{shown} cannot be read (No such file or directory (os error 2)): run it in a plugin's project, or make \
                 one by sluicegate plugin new"
            )
        );
        for wrong in ["", "name = 1", "name = \"a\"\nlanguage = \"cobol\"", "nam = \"a\""] {
            fs::write(&path, wrong).unwrap();
            let error = error(directory.path());
            let end = "; it has a name and a language, as sluicegate plugin new writes it";
            assert!(error.starts_with(&format!("{shown} is not right: ")) && error.ends_with(end), "{error}");
        }
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let directory = tempfile::tempdir().unwrap();
        let (built, into) = (directory.path().join("a.wasm"), directory.path().join("plugins"));
        fs::write(&built, "new").unwrap();
        let refused = deliver(&built, &into).unwrap_err().to_string();
        assert!(refused.contains("plugins/a.wasm cannot be written (No such file"), "{refused}");
        fs::create_dir(&into).unwrap();
        fs::write(into.join("a.wasm"), "old").unwrap();
        assert_eq!(deliver(&built, &into).unwrap(), into.join("a.wasm"));
        assert_eq!(fs::read(into.join("a.wasm")).unwrap(), b"new");
        assert_eq!(fs::read_dir(&into).unwrap().count(), 1);
    }
}
