//! Hints that the directory changed. The rescan decides what did: a hint may be missing, late or for nothing.

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which directory a path led to when it was watched: inode, device. None: there was none, and only the parent is
/// watched, which tells when it comes back.
type Identity = Option<(u64, u64)>;

/// Watches a path, whichever directory it leads to at present.
pub(super) struct Watch {
    directory: PathBuf,
    hint: Arc<dyn Fn() + Send + Sync>,
    armed: Option<(Identity, RecommendedWatcher)>,
    /// Told once, not at each look.
    complained: bool,
}

impl Watch {
    /// `hint` is called on a thread of the watcher's and must not wait.
    pub fn new(directory: &Path, hint: impl Fn() + Send + Sync + 'static) -> Watch {
        // Events name absolute paths, and are compared with this one.
        let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        Watch { directory, hint: Arc::new(hint), armed: None, complained: false }
    }

    /// Watches the directory if it does not yet, or if another one is there now. Polling goes on regardless.
    pub fn arm(&mut self) {
        let identity = std::fs::metadata(&self.directory).ok().map(|found| (found.ino(), found.dev()));
        if self.armed.as_ref().is_some_and(|(armed, _)| *armed == identity) {
            return;
        }
        self.armed = None;
        match self.watcher(identity) {
            Ok(watcher) => self.armed = Some((identity, watcher)),
            Err(error) if !self.complained => {
                self.complained = true;
                tracing::warn!(
                    directory = %self.directory.display(),
                    error = %error,
                    "plugin directory not watched, only looked at from time to time"
                );
            }
            Err(_) => {}
        }
    }

    fn watcher(&self, identity: Identity) -> notify::Result<RecommendedWatcher> {
        let (hint, directory) = (self.hint.clone(), self.directory.clone());
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading a plugin is an event too, and our own reading would keep us awake.
            let near = |path: &PathBuf| path.starts_with(&directory) || directory.starts_with(path);
            let idle = event.as_ref().is_ok_and(|event| {
                // An overflow of the kernel's queue names no path, and may hide anything.
                event.kind.is_access() || !(event.paths.is_empty() || event.paths.iter().any(near))
            });
            if !idle {
                hint();
            }
        })?;
        if identity.is_some() {
            watcher.watch(&self.directory, RecursiveMode::NonRecursive)?;
        }
        // The parent tells when a link is swapped, or a directory that was removed comes back.
        if let Some(parent) = self.directory.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            let _ = watcher.watch(parent, RecursiveMode::NonRecursive);
        }
        Ok(watcher)
    }
}
