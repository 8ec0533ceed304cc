//! The data directory: held by one process at a time, with a place for each topic's log and spool.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FlockOperation;

use super::disk::{Disk, RealDisk};
use super::error::{AppendError, DiskFault, Full, OpenError};
use super::{Config, Log};
use crate::record::check_kept_topic;

const LOCK_NAME: &str = "lock";
const PROBE_NAME: &str = "probe";
/// Enough that a full disk refuses it.
const PROBE_BYTES: u64 = 64 << 10;
const LOG_NAME: &str = "log";
const SPOOL_NAME: &str = "spool";

/// A data directory that this process alone writes to, for as long as this value or a log opened through it
/// lives.
#[derive(Debug, Clone)]
pub struct Directory {
    path: PathBuf,
    disk: Arc<dyn Disk>,
    lock: Arc<File>,
}

impl Directory {
    /// Makes the directory where it is missing (mode 0700) and takes its lock, without waiting for it.
    ///
    /// # Errors
    /// `Locked` if another process has it, `Directory` if it cannot be made or written to.
    pub fn lock(path: &Path) -> Result<Self, OpenError> {
        Self::lock_on(Arc::new(RealDisk), path)
    }

    /// As `lock`, and the logs in it are written through this disk. The lock itself is a file of the machine.
    ///
    /// # Errors
    /// As `lock`.
    pub fn lock_on(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, OpenError> {
        let unusable = |fault| OpenError::Directory { dir: path.to_owned(), fault };
        disk.create_dir(path).map_err(DiskFault::at("create", path)).map_err(unusable)?;
        let name = path.join(LOCK_NAME);
        let lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&name)
            .map_err(DiskFault::at("open", &name))
            .map_err(unusable)?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { path: path.to_owned(), disk, lock: Arc::new(lock) }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Locked { dir: path.to_owned() }),
            Err(error) => Err(unusable(DiskFault::new("lock", &name, &error.into()))),
        }
    }

    /// Lets others take the directory, while values of it are still about. No log may be open.
    pub(in crate::sink) fn release(&self) {
        if let Err(error) = rustix::fs::flock(&*self.lock, FlockOperation::Unlock) {
            tracing::warn!(dir = %self.path.display(), %error, "data directory is not let go before the end");
        }
    }

    /// The directory as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the log that serves as the sink of a topic; it holds the lock of the directory too.
    ///
    /// # Errors
    /// As [`Log::open`], and `Topic` if the name is none.
    pub fn log(&self, topic: &str, config: Config) -> Result<Log, OpenError> {
        self.open(&log_path(&self.path, topic)?, config)
    }

    /// Opens the log that spools a topic; it holds the lock of the directory too.
    ///
    /// # Errors
    /// As [`Log::open`], and `Topic` if the name is none.
    pub fn spool(&self, topic: &str, config: Config) -> Result<Log, OpenError> {
        self.open(&spool_path(&self.path, topic)?, config)
    }

    /// Tries what an append would need: free space, a write, a sync. Blocks for a sync.
    ///
    /// # Errors
    /// What an append would be answered.
    pub fn probe(&self, free_bytes_min: u64) -> Result<(), AppendError> {
        let free = self.disk.free_bytes(&self.path).map_err(DiskFault::at("measure", &self.path))?;
        if free <= free_bytes_min {
            return Err(Full::DiskFree { free, min: free_bytes_min }.into());
        }
        let path = self.path.join(PROBE_NAME);
        // One that a crash has left.
        let _ = self.disk.unlink(&path);
        let file = self.disk.create(&path).map_err(DiskFault::at("create", &path))?;
        let tried = file
            .allocate(PROBE_BYTES)
            .map_err(DiskFault::at("allocate", &path))
            .and_then(|()| file.sync().map_err(DiskFault::at("sync", &path)));
        let _ = self.disk.unlink(&path);
        tried.map_err(AppendError::from)
    }

    fn open(&self, dir: &Path, config: Config) -> Result<Log, OpenError> {
        Log::open_held(Arc::clone(&self.disk), dir, config, Some(Arc::clone(&self.lock)))
    }
}

/// Where the log of a topic lies in a data directory.
///
/// # Errors
/// `Topic` if the name is none: it becomes a path, so nothing else is let through.
pub fn log_path(data: &Path, topic: &str) -> Result<PathBuf, OpenError> {
    topic_path(data, LOG_NAME, topic)
}

/// Where the spool of a topic lies in a data directory.
///
/// # Errors
/// `Topic` if the name is none.
pub fn spool_path(data: &Path, topic: &str) -> Result<PathBuf, OpenError> {
    topic_path(data, SPOOL_NAME, topic)
}

fn topic_path(data: &Path, kind: &str, topic: &str) -> Result<PathBuf, OpenError> {
    check_kept_topic(topic).map_err(|why| OpenError::Topic { name: topic.to_owned(), why })?;
    Ok(data.join(kind).join(topic))
}
