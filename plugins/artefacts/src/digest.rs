use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::plan::{Artefact, SHARED};

/// The SHA-256 of some bytes, in hexadecimal.
pub fn of_bytes(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 over the paths and contents of all that an artefact is made of.
pub fn of_sources(root: &Path, artefact: &Artefact) -> Result<String> {
    let mut files = Vec::new();
    for source in SHARED.iter().chain([&artefact.sources]) {
        collect(&root.join(source), &mut files)?;
    }
    files.sort();
    let mut digest = Sha256::new();
    for file in files {
        let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let path = file.strip_prefix(root).unwrap_or(&file).to_string_lossy().replace('\\', "/");
        // Lengths in front keep one file's end from passing for another one's beginning.
        digest.update((path.len() as u64).to_le_bytes());
        digest.update(path);
        digest.update((content.len() as u64).to_le_bytes());
        digest.update(content);
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))? {
        let entry = entry?;
        let tests = entry.file_name() == "tests" || entry.file_name() == "tests.rs";
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if !tests && !hidden {
            collect(&entry.path(), files)?;
        }
    }
    Ok(())
}
