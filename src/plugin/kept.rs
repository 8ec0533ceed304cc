//! The last good version of each file, kept over a restart.

use super::directory::{self, digest};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A copy that is being written; never read.
const UNFINISHED: &str = ".unfinished";

/// The names of the files that served, a line each.
const SERVED: &str = ".served";

/// Copies are written to a name of their own, synced and renamed: whole or not there.
pub(super) struct Kept {
    /// Of one plugin directory: another one's plugins are none of this gateway's.
    directory: PathBuf,
    /// What the copies hold, as far as this process knows.
    digests: BTreeMap<String, String>,
    /// What was noted last of who serves.
    served: Option<Vec<String>>,
}

impl Kept {
    pub fn of(state_directory: &Path, plugin_directory: &Path) -> Kept {
        // Links are not followed: a directory that is swapped by one is the same to whoever configured it.
        let absolute = std::path::absolute(plugin_directory).unwrap_or_else(|_| plugin_directory.to_owned());
        let name = digest(absolute.as_os_str().as_bytes());
        Kept { directory: state_directory.join(&name[..16]), digests: BTreeMap::new(), served: None }
    }

    /// The names of the copies there are.
    pub fn files(&self) -> Vec<String> {
        // No directory, no copies; one that cannot be read is reported when the next copy is written.
        directory::list(&self.directory).map(|files| files.into_keys().collect()).unwrap_or_default()
    }

    /// The files that served when the last gateway ended: of two that have the same plugin, a restart changes nothing.
    pub fn served(&self) -> Vec<String> {
        let names = fs::read_to_string(self.directory.join(SERVED)).unwrap_or_default();
        names.lines().map(str::to_owned).collect()
    }

    /// Notes which files serve. A failure costs a restart its memory of which of two served, nothing else.
    pub fn note_served(&mut self, files: Vec<String>) {
        if self.served.as_ref() == Some(&files) {
            return;
        }
        if let Err(error) = self.write(SERVED, files.join("\n").as_bytes()) {
            tracing::debug!(%error, "which plugin files serve could not be noted");
        }
        self.served = Some(files);
    }

    pub fn read(&self, file: &str, bytes_max: u64) -> Option<directory::Reading> {
        directory::read(&self.directory.join(file), bytes_max).ok()
    }

    /// Keeps a file that serves now. A failure is logged: it costs a restart, not the present.
    pub fn keep(&mut self, file: &str, bytes: &[u8], digest: &str) {
        if self.digests.get(file).is_some_and(|kept| kept == digest) {
            return;
        }
        // After a start it is not known what is there: most often the same.
        let there = self.read(file, bytes.len() as u64).is_some_and(|copy| copy.digest == digest);
        match if there { Ok(()) } else { self.write(file, bytes) } {
            Ok(()) => {
                self.digests.insert(file.to_owned(), digest.to_owned());
            }
            Err(error) => tracing::warn!(
                file,
                directory = %self.directory.display(),
                error = %error,
                "last good plugin not kept for a restart"
            ),
        }
    }

    fn write(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let unfinished = self.directory.join(UNFINISHED);
        let mut options = OpenOptions::new();
        let mut copy = options.write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        copy.write_all(bytes)?;
        copy.sync_all()?;
        fs::rename(&unfinished, self.directory.join(file))?;
        File::open(&self.directory)?.sync_all()
    }

    /// Forgets the copies of files that are gone.
    pub fn retain(&mut self, stays: impl Fn(&str) -> bool) {
        for file in self.files().into_iter().filter(|file| !stays(file)) {
            self.forget(&file);
        }
    }

    pub fn forget(&mut self, file: &str) {
        self.digests.remove(file);
        match fs::remove_file(self.directory.join(file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(file, error = %error, "kept copy of a removed plugin not removed");
            }
            _ => {}
        }
    }
}
