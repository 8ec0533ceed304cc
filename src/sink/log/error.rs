//! What can go wrong in the log, and what a person can do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::record::TopicError;

/// An operation on the disk that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot {operation} {}: {message}", path.display())]
pub struct DiskFault {
    /// What was attempted, as a verb: `create`, `write`, `sync`.
    pub operation: &'static str,
    /// The file or directory it was attempted on.
    pub path: PathBuf,
    /// What kind of failure the system reported.
    pub kind: io::ErrorKind,
    /// The system's own words.
    pub message: String,
}

impl DiskFault {
    pub(super) fn new(operation: &'static str, path: &Path, error: &io::Error) -> Self {
        Self { operation, path: path.to_owned(), kind: error.kind(), message: error.to_string() }
    }

    /// For `map_err`: names the operation and the path of a failure.
    pub(in crate::sink) fn at(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::new(operation, path, &error)
    }

    fn is_no_space(&self) -> bool {
        matches!(self.kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

/// Why a data directory or a log could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another process holds the data directory.
    #[error(
        "the data directory {} is in use by another sluicegate: stop that one, or give this one a directory of its own with --data",
        dir.display()
    )]
    Locked {
        /// The directory that is in use.
        dir: PathBuf,
    },
    /// The directory cannot be made or locked.
    #[error(
        "the data directory {} cannot be used ({fault}): make it writable for this user, or choose another with --data",
        dir.display()
    )]
    Directory {
        /// The directory as configured.
        dir: PathBuf,
        /// What failed.
        fault: DiskFault,
    },
    /// The name cannot be a topic's.
    #[error("'{name}' is not the name of a topic: {why}")]
    Topic {
        /// The name as given.
        name: String,
        /// What a name may be.
        why: TopicError,
    },
    /// A file was written by a newer release.
    #[error(
        "{} was written by a newer sluicegate (format {found}; this one reads up to {known}): start that release, or move the directory away",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format version it carries.
        found: u32,
        /// The newest format version that is understood here.
        known: u32,
    },
    /// Two settings contradict each other, or one is out of range.
    #[error("the log's settings cannot work: {0}")]
    Config(String),
    /// The disk failed while what it holds was being recovered.
    #[error(
        "the log cannot be opened: {0}; mend the disk or its permissions and start again, nothing was changed"
    )]
    Disk(#[from] DiskFault),
    /// The writer's thread could not be started.
    #[error("the log's writer thread cannot be started: {0}; raise the limit of processes (ulimit -u)")]
    Thread(String),
}

/// Why records were not made durable. None of them was acknowledged; each may be sent again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// More waits for the disk than may wait.
    #[error("{queued} bytes wait for the disk already, {limit} may: send again later")]
    Overloaded {
        /// Bytes that wait.
        queued: u64,
        /// Bytes that may wait (`queue_bytes_max`).
        limit: u64,
    },
    /// One append is larger than a segment, or than all that may ever wait.
    #[error("{bytes} bytes in one append, at most {limit} can be taken: send fewer records at once")]
    TooLarge {
        /// Bytes of the append, framing included.
        bytes: u64,
        /// Bytes that an append may have ([`super::Config::append_bytes_max`]).
        limit: u64,
    },
    /// There is no room, by a limit of ours or the disk's own.
    #[error(transparent)]
    Full(#[from] Full),
    /// The disk failed, on the segment at hand and on a new one, or has failed a moment ago.
    #[error("the log's disk fails: {0}")]
    Disk(Arc<DiskFault>),
    /// The log is closed, or its writer is gone.
    #[error("the log is closed")]
    Closed,
}

impl From<DiskFault> for AppendError {
    fn from(fault: DiskFault) -> Self {
        if fault.is_no_space() { Self::Full(Full::NoSpace) } else { Self::Disk(Arc::new(fault)) }
    }
}

/// Which limit leaves no room for an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// The log has reached its high-water mark.
    #[error(
        "the log holds {bytes} bytes and may hold {limit}: let it drain, set a retention, or raise its limit"
    )]
    HighWater {
        /// Bytes the log holds.
        bytes: u64,
        /// Bytes it may hold (`high_water_bytes`).
        limit: u64,
    },
    /// The disk has less free space than is to be kept.
    #[error("the disk has {free} bytes free and {min} are kept free: make room on it")]
    DiskFree {
        /// Bytes that are free.
        free: u64,
        /// Bytes that are kept free (`free_bytes_min`).
        min: u64,
    },
    /// The disk itself said so, in spite of the limits above.
    #[error("the disk is full: make room on it")]
    NoSpace,
}

/// An entry that no frame can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an entry of {bytes} bytes, or with too many or too long headers, cannot be framed; at most {limit} bytes can"
)]
pub struct EntryTooLarge {
    /// Bytes of the entry, encoded.
    pub bytes: u64,
    /// Bytes that a frame's body may have.
    pub limit: u64,
}

/// Why the cursor did not move.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// The cursor would lead the log.
    #[error("the cursor cannot move to {asked}: the log is durable up to {durable} only")]
    Ahead {
        /// The sequence asked for.
        asked: u64,
        /// The last durable sequence.
        durable: u64,
    },
    /// The log removes segments by size or age, whether or not they were consumed.
    #[error("a log with a retention has no cursor: take retention_bytes and retention_age_ms off the spool")]
    Retention,
    /// The disk failed; the cursor is where it was, or where it was to go.
    #[error("the cursor is not durable: {0}")]
    Disk(#[from] DiskFault),
}

/// Why a log cannot be read on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The disk failed.
    #[error("the log cannot be read: {0}")]
    Disk(#[from] DiskFault),
    /// A segment was written by a newer release.
    #[error(
        "{} was written by a newer sluicegate (format {found}; this one reads up to {known}): read it with that release",
        path.display()
    )]
    Newer {
        /// The segment.
        path: PathBuf,
        /// The format version it carries.
        found: u32,
        /// The newest format version that is understood here.
        known: u32,
    },
}
