//! Hints that the directory changed. The rescan decides what did: a hint may be missing, late or for nothing.

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which directory a path led to when it was watched: inode, device.
type Identity = (u64, u64);

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
        Watch { directory: directory.to_owned(), hint: Arc::new(hint), armed: None, complained: false }
    }

    /// Watches the directory if it does not yet, or if another one is there now. Polling goes on regardless.
    pub fn arm(&mut self) {
        let identity = std::fs::metadata(&self.directory).ok().map(|found| (found.ino(), found.dev()));
        if self.armed.as_ref().map(|(armed, _)| *armed) == identity {
            return;
        }
        self.armed = None;
        let Some(identity) = identity else { return };
        match self.watcher() {
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

    fn watcher(&self) -> notify::Result<RecommendedWatcher> {
        let (hint, directory) = (self.hint.clone(), self.directory.clone());
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading a plugin is an event too, and our own reading would keep us awake.
            let own = event.as_ref().is_ok_and(|event| {
                event.kind.is_access()
                    || !event
                        .paths
                        .iter()
                        .any(|path| path.starts_with(&directory) || directory.starts_with(path))
            });
            if !own {
                hint();
            }
        })?;
        watcher.watch(&self.directory, RecursiveMode::NonRecursive)?;
        // The parent tells when a link is swapped, or a directory that was removed comes back.
        if let Some(parent) = self.directory.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            let _ = watcher.watch(parent, RecursiveMode::NonRecursive);
        }
        Ok(watcher)
    }
}
