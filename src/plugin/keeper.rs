//! Keeps what is live equal to what is in the directory, on a thread of its own.
//!
//! State-based: a hint, a request or the passing of time means *look again*, and what is done depends only on what
//! is there then. A directory that is not to be believed changes nothing.

mod file;

use super::directory::{self, ReadError, Reading, Stamp};
use super::kept::Kept;
use super::load::{Host, LoadError, Loaded};
use super::registry::Registry;
use super::watch::Watch;
use super::{EmptyDirectory, Status};
use crate::telemetry::Reload;
use file::Known;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::oneshot;

/// The shortest time between two looks, however many hints come: a look costs a system call a file, and a writer of
/// many small pieces hints at each.
const PACE: Duration = Duration::from_millis(20);

/// A reload waits so long for files that are being written: longer, and a person who asked believes it to hang. What
/// comes later is found without being asked for.
const RELOAD_PATIENCE: Duration = Duration::from_secs(2);

pub(super) enum Command {
    /// Something may have changed.
    Look,
    Reload {
        empty: EmptyDirectory,
        done: oneshot::Sender<Status>,
    },
    Stop,
}

/// Why the keeper looks at the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occasion {
    /// Nothing is live yet: what is there is taken as it is.
    Start,
    Watch,
    /// Someone asked: refused files are tried again, and doubts are told at once.
    Reload(EmptyDirectory),
}

pub(super) struct Keeper {
    host: Arc<Host>,
    registry: Arc<Mutex<Registry>>,
    kept: Kept,
    watch: Watch,
    commands: Receiver<Command>,
    known: BTreeMap<String, Known>,
    /// Since when the directory is not believed.
    doubted_since: Option<Instant>,
    looked_at: Instant,
    /// When to look again, hints apart.
    look_at: Instant,
}

impl Keeper {
    pub fn new(
        host: Arc<Host>,
        registry: Arc<Mutex<Registry>>,
        commands: Receiver<Command>,
        hints: SyncSender<Command>,
    ) -> Keeper {
        let kept = Kept::of(&host.config.state_directory, &host.config.directory);
        // A full channel holds a hint already.
        let hint = move || drop(hints.try_send(Command::Look));
        let watch = Watch::new(&host.config.directory, hint);
        let now = Instant::now();
        let known = BTreeMap::new();
        Keeper {
            host,
            registry,
            kept,
            watch,
            commands,
            known,
            doubted_since: None,
            looked_at: now,
            look_at: now,
        }
    }

    /// Loads what is there, says so, and keeps at it until stopped.
    pub fn run(mut self, started: SyncSender<()>) {
        self.look(Occasion::Start);
        let _ = started.send(());
        while !self.host.is_stopping() {
            let wait = self.look_at.saturating_duration_since(Instant::now());
            match self.commands.recv_timeout(wait) {
                Ok(Command::Look) => self.look_at = self.look_at.min(self.looked_at + PACE),
                Ok(Command::Reload { empty, done }) => {
                    self.reload(empty);
                    let _ = done.send(self.registry.lock().status());
                }
                Err(RecvTimeoutError::Timeout) => self.look(Occasion::Watch),
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn reload(&mut self, empty: EmptyDirectory) {
        let end = Instant::now() + RELOAD_PATIENCE;
        self.known.values_mut().for_each(Known::forget_refusal);
        self.look(Occasion::Reload(empty));
        let unrest = |keeper: &Keeper| keeper.known.values().any(Known::is_settling);
        while unrest(self) && Instant::now() < end && !self.host.is_stopping() {
            std::thread::park_timeout(self.host.config.settle_time);
            self.look(Occasion::Reload(empty));
        }
    }

    /// A look that panics costs what it would have found, never the looks that follow.
    fn look(&mut self, occasion: Occasion) {
        if catch_unwind(AssertUnwindSafe(|| self.take_a_look(occasion))).is_err() {
            tracing::error!(
                "a look at the plugin directory failed; what is live stays, and the next look tries again"
            );
        }
    }

    fn take_a_look(&mut self, occasion: Occasion) {
        self.watch.arm();
        self.host.pools.trim();
        self.looked_at = Instant::now();
        self.look_at = self.looked_at + self.host.config.poll_interval;
        match self.believe(occasion) {
            Ok(files) => {
                self.settle_doubts();
                self.follow(files, occasion);
            }
            Err(doubt) => self.doubt(doubt, occasion),
        }
    }

    /// What is in the directory, unless that is not to be believed.
    fn believe(&self, occasion: Occasion) -> Result<BTreeMap<String, Result<Stamp, ReadError>>, String> {
        let shown = self.host.config.directory.display();
        let anything_to_keep = match occasion {
            Occasion::Start => !self.kept.files().is_empty(),
            _ => self.registry.lock().slots().values().any(|slot| slot.serving.is_some()),
        };
        match directory::list(&self.host.config.directory) {
            Ok(files) if files.is_empty() && anything_to_keep && occasion != ACCEPTING => Err(format!(
                "plugin directory {shown} is empty all at once, as a lost mount is; what was loaded keeps serving. \
                 Put the files back; if they are to go, reload with empty=accept"
            )),
            Ok(files) => Ok(files),
            // The default directory may be absent: that is as good as empty while nothing was ever in it.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !anything_to_keep => {
                Ok(BTreeMap::new())
            }
            Err(error) => Err(format!(
                "plugin directory {shown} cannot be read: {error}; what was loaded keeps serving. Make it readable \
                 for the gateway's user, or mount it again"
            )),
        }
    }

    fn settle_doubts(&mut self) {
        self.doubted_since = None;
        if self.registry.lock().alarm.take().is_some() {
            tracing::info!(directory = %self.host.config.directory.display(), "plugin directory believed again");
        }
    }

    /// Changes nothing, and raises the alarm once the doubt lasts: a directory that is being replaced is not there
    /// for a moment.
    fn doubt(&mut self, doubt: String, occasion: Occasion) {
        let now = Instant::now();
        if occasion == Occasion::Start {
            self.serve_kept();
        }
        for (file, known) in &mut self.known {
            known.missing_since = None;
            self.registry.lock().mark_leaving(file, false);
        }
        let grace_end = *self.doubted_since.get_or_insert(now) + self.host.config.removal_grace;
        let mut registry = self.registry.lock();
        if registry.alarm.is_some() || occasion != Occasion::Watch || now >= grace_end {
            if registry.alarm.is_none() {
                tracing::error!(reason = doubt, "plugin directory not believed");
                self.host.metrics.reload(Reload::DirectoryAlarm);
            }
            registry.alarm = Some(doubt);
        } else {
            self.look_at = self.look_at.min(grace_end);
        }
    }

    /// Makes what is live equal to what is there.
    fn follow(&mut self, files: BTreeMap<String, Result<Stamp, ReadError>>, occasion: Occasion) {
        let mut order: Vec<_> = files.iter().collect();
        if occasion == Occasion::Start {
            // Of two files with one plugin, the one that served goes on.
            let served = self.kept.served();
            order.sort_by_key(|(file, _)| !served.contains(*file));
        }
        for (file, found) in order {
            if self.host.is_stopping() {
                return;
            }
            self.known.entry(file.clone()).or_default();
            self.mark_present(file);
            match found {
                Ok(stamp) => self.follow_file(file, *stamp, occasion),
                Err(error) => self.refuse_unread(file, error, occasion),
            }
        }
        let gone: Vec<String> =
            self.known.keys().filter(|file| !files.contains_key(*file)).cloned().collect();
        gone.iter().for_each(|file| self.follow_missing(file, occasion));
        if occasion == Occasion::Start {
            self.kept.retain(|file| files.contains_key(file));
        }
        let serving = self.serving();
        self.kept.note_served(serving);
    }

    fn serving(&self) -> Vec<String> {
        let registry = self.registry.lock();
        let serving = registry.slots().iter().filter(|(_, slot)| slot.serving.is_some());
        serving.map(|(file, _)| file.clone()).collect()
    }
}

const ACCEPTING: Occasion = Occasion::Reload(EmptyDirectory::Accept);
