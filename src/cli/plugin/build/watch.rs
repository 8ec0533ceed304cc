//! `sluicegate plugin build --watch`.

use super::{BuildError, build, deliver};
use crate::cli::plugin::{load, test};
use crate::cli::{Exit, complain, print};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often it is looked for a change: a person does not notice the wait, and a project has few files.
const PAUSE: Duration = Duration::from_millis(300);

/// What builds write, and what nobody edits.
const PASSED_OVER: [&str; 8] =
    ["target", "node_modules", "dist", "gen", "build", "__pycache__", ".venv", ".git"];

/// When each file was written.
type State = BTreeMap<PathBuf, SystemTime>;

/// Until it is stopped.
pub(super) fn run(directory: &Path, into: Option<&Path>) -> Exit {
    let mut before = None;
    loop {
        let now = state(directory);
        if before.as_ref() != Some(&now) {
            if let Err(exit) = print("building") {
                return exit;
            }
            // What a build itself writes is no change.
            let told = match once(directory, into) {
                Ok((_, text)) => print(text),
                Err(error) if before.is_none() && error.is_of_usage() => {
                    complain(error);
                    return Exit::Usage;
                }
                Err(error) => {
                    complain(error);
                    Ok(())
                }
            };
            if let Err(exit) = told {
                return exit;
            }
            before = Some(state(directory));
        }
        std::thread::park_timeout(PAUSE);
    }
}

/// What does not pass its own tests is not delivered. Whether it passes, and what is to be said.
pub(super) fn once(directory: &Path, into: Option<&Path>) -> Result<(bool, String), BuildError> {
    if let Some(into) = into.filter(|into| !into.is_dir()) {
        return Err(BuildError::NoDirectory { path: into.to_owned() });
    }
    let untested = |reason| BuildError::Untested { reason };
    let records = Some(directory.join("records.ndjson")).filter(|file| file.is_file());
    let records = test::read(records.as_slice()).map_err(|error| untested(error.to_string()))?;
    let built = build(directory)?;
    let piece = load(&built, BTreeMap::new(), None, false).map_err(|(_, reason)| untested(reason))?;
    let reports = test::judge(&piece, records).map_err(untested)?;
    let text = test::as_lines(&piece, &reports);
    match (test::is_well(&reports), into) {
        (false, _) => Ok((false, text)),
        (true, None) => Ok((true, format!("{text}\n{}", built.display()))),
        (true, Some(into)) => {
            let delivered = deliver(&built, into)?;
            Ok((
                true,
                format!(
                    "{text}\ndelivered: {}; it is live when the gateway has compiled it",
                    delivered.display()
                ),
            ))
        }
    }
}

fn state(directory: &Path) -> State {
    let mut state = State::new();
    note(directory, &mut state);
    state
}

fn note(directory: &Path, state: &mut State) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            if !PASSED_OVER.contains(&name.as_str()) {
                note(&path, state);
            }
        } else if !name.ends_with(".wasm") && !name.ends_with(".unfinished") {
            state.insert(path, metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_writes_is_no_change_and_a_save_is_one() {
        let project = tempfile::tempdir().unwrap();
        fs::write(project.path().join("plugin.py"), "a").unwrap();
        let before = state(project.path());
        fs::create_dir_all(project.path().join("target/x")).unwrap();
        fs::write(project.path().join("target/x/a.rs"), "").unwrap();
        fs::write(project.path().join("my-plugin.wasm"), "").unwrap();
        assert_eq!(state(project.path()), before);
        fs::create_dir(project.path().join("src")).unwrap();
        fs::write(project.path().join("src/more.py"), "").unwrap();
        assert_ne!(state(project.path()), before);
    }
}
