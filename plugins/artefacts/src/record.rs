use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::digest;
use crate::plan::Artefact;

/// Where it is written down what was built, from the repository's root.
const FILE: &str = "plugins/artefacts.json";

/// What was built, by what, from what.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    /// The compiler, as `rustc --version` has it.
    pub rustc: String,
    pub artefacts: Vec<Built>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Built {
    file: String,
    sources_sha256: String,
    sha256: String,
}

impl Built {
    pub fn new(artefact: &Artefact, sources_sha256: String, component: &[u8]) -> Self {
        Self { file: artefact.file.to_owned(), sources_sha256, sha256: digest::of_bytes(component) }
    }
}

impl Record {
    pub fn read(root: &Path) -> Result<Self> {
        let text = fs::read_to_string(root.join(FILE)).with_context(|| format!("cannot read {FILE}"))?;
        serde_json::from_str(&text).with_context(|| format!("cannot understand {FILE}"))
    }

    pub fn write(&self, root: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(root.join(FILE), text).with_context(|| format!("cannot write {FILE}"))
    }

    /// A sentence for each artefact that is not what is written down, or was made of other sources.
    pub fn differences(&self, root: &Path, artefacts: &[Artefact]) -> Result<Vec<String>> {
        let mut wrong = Vec::new();
        for artefact in artefacts {
            let file = artefact.file;
            let Some(built) = self.artefacts.iter().find(|built| built.file == file) else {
                wrong.push(format!("{file}: {FILE} does not name it"));
                continue;
            };
            let Ok(committed) = fs::read(root.join(file)) else {
                wrong.push(format!("{file}: cannot be read"));
                continue;
            };
            if digest::of_bytes(&committed) != built.sha256 {
                wrong.push(format!("{file}: is not the file that was built"));
            }
            if digest::of_sources(root, artefact)? != built.sources_sha256 {
                wrong.push(format!("{file}: its sources have changed since it was built"));
            }
        }
        Ok(wrong)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{Built, FILE, Record};
    use crate::digest;
    use crate::plan::{Artefact, SHARED};

    const ARTEFACT: Artefact = Artefact {
        file: "plugins/one.wasm",
        sources: "plugins/one",
        package: "one",
        features: "",
        profile: "release",
    };

    fn write(root: &Path, file: &str, content: &str) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().expect("a directory")).expect("it can be made");
        fs::write(path, content).expect("it can be written");
    }

    fn recorded(root: &Path) -> Record {
        for shared in SHARED {
            let file = if Path::new(shared).extension().is_some() {
                shared.to_string()
            } else {
                format!("{shared}/file")
            };
            write(root, &file, "content");
        }
        write(root, "plugins/one/src/lib.rs", "fn one() {}");
        write(root, "plugins/one/src/tests.rs", "");
        write(root, ARTEFACT.file, "component");
        let sources = digest::of_sources(root, &ARTEFACT).expect("the sources are there");
        Record { rustc: "rustc".to_owned(), artefacts: vec![Built::new(&ARTEFACT, sources, b"component")] }
    }

    #[test]
    fn what_was_built_from_these_sources_passes_also_after_a_change_of_its_tests() {
        let root = tempfile::tempdir().expect("a directory");
        let record = recorded(root.path());
        record.write(root.path()).expect("it can be written");
        write(root.path(), "plugins/one/src/tests.rs", "#[test] fn one() {}");
        let record = Record::read(root.path()).expect("it can be read");
        assert_eq!(record.differences(root.path(), &[ARTEFACT]).expect("comparable"), Vec::<String>::new());
    }

    #[test]
    fn a_changed_source_a_changed_component_and_an_unknown_one_are_told_apart() {
        let root = tempfile::tempdir().expect("a directory");
        let record = recorded(root.path());
        let told =
            |record: &Record| record.differences(root.path(), &[ARTEFACT]).expect("comparable").join("\n");
        write(root.path(), "wit/file", "changed");
        assert_eq!(told(&record), "plugins/one.wasm: its sources have changed since it was built");
        write(root.path(), "wit/file", "content");
        write(root.path(), ARTEFACT.file, "changed");
        assert_eq!(told(&record), "plugins/one.wasm: is not the file that was built");
        fs::remove_file(root.path().join(ARTEFACT.file)).expect("it is there");
        assert_eq!(told(&record), "plugins/one.wasm: cannot be read");
        let none = Record { rustc: String::new(), artefacts: Vec::new() };
        assert_eq!(told(&none), format!("plugins/one.wasm: {FILE} does not name it"));
    }
}
