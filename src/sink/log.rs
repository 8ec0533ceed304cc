//! The durable local log: what it has acknowledged survives a power cut.
//!
//! One writer, many readers. Callers encode records into [`Frames`] on their own threads and [`Log::append`] them;
//! a thread per log writes what has gathered while the last `fdatasync` ran, syncs once, and answers all. Frames
//! lie in segments, each frame checked by CRC32C and numbered by a sequence without gaps, so that a gap means
//! loss. It serves as the sink of a gateway without Kafka, and, with a cursor, as the spool of one with it.
//!
//! What it promises, and where:
//! - an append is answered after the sync that covers it, in a segment whose name is durable (`segment`);
//! - a file whose sync has failed is never synced again, its records go to a new one (`committer`);
//! - opening deletes nothing, writes over nothing and ends (`recovery`); damage is stepped over and reported
//!   (`scan`, `reader`);
//! - the cursor never leads, and only what lies behind a durable cursor, or a retention's bounds, is removed (`state`);
//! - room runs out by our own limits before it does by the disk's (`committer`).
//!
//! What it takes for granted: a sync that returns has reached the disk, and a write that is torn spoils no bytes
//! beside those it writes (what SQLite calls powersafe overwrite).

mod committer;
mod cursor;
mod directory;
mod disk;
mod entry;
mod error;
mod frame;
mod look;
mod queue;
mod reader;
mod recovery;
mod scan;
mod segment;
mod state;
#[cfg(test)]
mod tests;
mod waiting;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

pub use self::cursor::CursorFound;
pub use self::directory::{Directory, log_path, spool_path};
pub use self::disk::{Disk, DiskFile, RealDisk};
pub use self::entry::{Entry, EntryRef};
pub use self::error::{AppendError, CursorError, DiskFault, EntryTooLarge, Full, OpenError, ReadError};
pub use self::frame::Frames;
pub use self::look::{Look, SegmentFile};
pub use self::queue::Acknowledgement;
pub use self::reader::{Read, Reader};
pub use self::recovery::{Cause, Damage, Recovery};
pub use self::segment::SyncMode;
pub use self::waiting::Waiting;

use self::committer::Committer;
use self::queue::Writer;
use self::state::State;

/// The limits of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// A segment ends before it would grow over this.
    pub segment_bytes: u64,
    /// A group takes no further append beyond these bytes.
    pub commit_bytes_max: u64,
    /// A group takes no further append beyond this many records.
    pub commit_records_max: u32,
    /// Bytes that may wait for the disk; beyond, appends are refused.
    pub queue_bytes_max: u64,
    /// Bytes that the log may hold; beyond, appends are refused.
    pub high_water_bytes: u64,
    /// Bytes that stay free on the disk.
    pub free_bytes_min: u64,
    /// Old segments are removed while the log holds more; `None` keeps them.
    pub retention_bytes: Option<u64>,
    /// Segments that ended longer ago are removed; `None` keeps them.
    pub retention_age: Option<Duration>,
    /// How long a disk that has failed is left alone before the next append tries it again.
    pub retry_pause: Duration,
    /// Whether a sync is waited for.
    pub sync: SyncMode,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            // Small enough that a retention or a drain frees space often, large enough that a roll, two more
            // syncs, is rare.
            segment_bytes: 64 << 20,
            // A group is only what has gathered while the last sync ran, so that larger bounds cost nobody a wait.
            // With 16 appends of 1,000 records waiting: 0.29 million records/s at 1 MiB and 1,024 records, 2.3
            // million at these, the same at twice these (fdatasync of 4 ms).
            commit_bytes_max: 4 << 20,
            commit_records_max: 8_192,
            // A second of a disk that takes 64 MB/s.
            queue_bytes_max: 64 << 20,
            high_water_bytes: 8 << 30,
            free_bytes_min: 256 << 20,
            retention_bytes: None,
            retention_age: None,
            // Ten attempts a second neither hammer a sick disk nor let a client wait once it is well.
            retry_pause: Duration::from_millis(100),
            sync: SyncMode::Always,
        }
    }
}

impl Config {
    pub(self) fn has_retention(&self) -> bool {
        self.retention_bytes.is_some() || self.retention_age.is_some()
    }

    /// Bytes that a single append may have, framing included.
    #[must_use]
    pub fn append_bytes_max(&self) -> u64 {
        self.queue_bytes_max.min(self.segment_bytes.saturating_sub(segment::FRAMES_OFFSET))
    }

    /// Says which settings contradict each other.
    ///
    /// # Errors
    /// `Config`, with the values and the remedy.
    pub fn check(&self) -> Result<(), OpenError> {
        let wrong = |sentence: String| Err(OpenError::Config(sentence));
        let Self { segment_bytes, commit_bytes_max, high_water_bytes, .. } = *self;
        if self.queue_bytes_max == 0 || commit_bytes_max == 0 || self.commit_records_max == 0 {
            return wrong(
                "queue_bytes_max, commit_bytes_max and commit_records_max must be above 0".to_owned(),
            );
        }
        if segment_bytes.saturating_sub(segment::FRAMES_OFFSET) < commit_bytes_max {
            return wrong(format!(
                "segment_bytes ({segment_bytes}) has no room for a group of commit_bytes_max ({commit_bytes_max}) and a header of {}: raise the first or lower the last",
                segment::FRAMES_OFFSET
            ));
        }
        // The last segment always stays: it alone must not keep the log full.
        if segment_bytes.saturating_mul(2) > high_water_bytes {
            return wrong(format!(
                "high_water_bytes ({high_water_bytes}) must be at least twice segment_bytes ({segment_bytes}), or a drained log would stay full: raise the first or lower the last"
            ));
        }
        if let Some(bytes) = self.retention_bytes
            && bytes.saturating_add(segment_bytes) > high_water_bytes
        {
            return wrong(format!(
                "retention_bytes ({bytes}) plus segment_bytes ({segment_bytes}) exceeds high_water_bytes ({high_water_bytes}), so that the log would refuse records before it removes old ones: lower the first or raise the last"
            ));
        }
        Ok(())
    }
}

/// A log that has no room for this is full to everybody, and not only to a large append.
const SMALL_APPEND_BYTES: u64 = 64 << 10;

/// Bytes that one entry may have, framing apart.
pub const ENTRY_BYTES_MAX: u64 = entry::BODY_BYTES_MAX as u64;

/// Where an append lies in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The sequence of its first entry; the others follow one by one.
    pub first_sequence: u64,
    /// How many entries it has.
    pub count: u32,
}

/// A log's numbers at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Bytes that the segments hold.
    pub bytes: u64,
    /// How many segments there are.
    pub segments: u64,
    /// The first sequence that the log may hold.
    pub first_sequence: u64,
    /// The last durable sequence; one below `first_sequence` if the log is empty.
    pub last_sequence: u64,
    /// The durable cursor; 0 if there is none.
    pub cursor: u64,
    /// Records made durable since the log was opened.
    pub records: u64,
    /// Groups made durable since the log was opened.
    pub syncs: u64,
    /// How long the last write and its sync took.
    pub last_sync: Duration,
    /// Segments given up because a write or sync failed, since the log was opened.
    pub poisoned: u64,
    /// Bytes that wait for the disk.
    pub queued_bytes: u64,
}

/// An open log: the only one who writes to its directory.
///
/// Dropping it closes it: everything that was accepted is made durable and answered first, which may take some
/// syncs. In async code, close it on a thread that may block.
#[derive(Debug)]
pub struct Log {
    state: Arc<State>,
    writer: Writer,
    recovery: Recovery,
}

impl Log {
    /// Opens the log in a directory, which is made if it is missing (mode 0700), and starts its writer.
    ///
    /// The caller sees to it that nobody else writes there; [`Directory::log`] does.
    ///
    /// # Errors
    /// `Newer` if a file has a newer format, `Config` if settings contradict each other, `Disk` if the disk fails.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path, config: Config) -> Result<Self, OpenError> {
        Self::open_held(disk, dir, config, None)
    }

    /// Opens the log and keeps a lock for as long as the writer lives.
    fn open_held(
        disk: Arc<dyn Disk>,
        dir: &Path,
        config: Config,
        lock: Option<Arc<std::fs::File>>,
    ) -> Result<Self, OpenError> {
        config.check()?;
        if config.sync == SyncMode::NeverForTests {
            tracing::error!(dir = %dir.display(), "log does not sync: a power cut loses acknowledged records");
        }
        let recovered = recovery::recover(&*disk, dir, config.sync)?;
        let state = Arc::new(State::new(disk, dir.to_owned(), config, &recovered));
        state.retain();
        let committer = Committer::new(Arc::clone(&state), &recovered);
        let writer = Writer::start(committer, &state.config, lock)?;
        Ok(Self { state, writer, recovery: recovered.report })
    }

    /// Queues frames to be made durable and answers once they are. They are queued when this is called, so that
    /// calls keep their order, and written even if the answer is not waited for.
    ///
    /// # Errors
    /// Everything in [`AppendError`] means that none of the frames was acknowledged. After `Disk` they may still be
    /// found in the log when it is opened again.
    pub fn append(&self, frames: Frames) -> Acknowledgement {
        if frames.is_empty() {
            let first_sequence = *self.state.durable.borrow() + 1;
            return Acknowledgement::ready(Ok(Appended { first_sequence, count: 0 }));
        }
        self.writer.append(frames)
    }

    /// What was found when the log was opened.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// The last durable sequence, to be read or waited for.
    #[must_use]
    pub fn durable(&self) -> watch::Receiver<u64> {
        self.state.durable.subscribe()
    }

    /// The log's numbers; takes some uncontended locks and no I/O.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats { queued_bytes: self.writer.queued_bytes(), ..self.state.stats() }
    }

    /// What waits behind the cursor: takes some uncontended locks and no I/O.
    #[must_use]
    pub fn waiting(&self) -> Waiting {
        self.state.waiting()
    }

    /// Whether it takes appends. A log whose writer has died does not; opened anew, its directory gives another.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.writer.is_open()
    }

    /// Whether a small append finds room below the high-water mark.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.state.bytes().saturating_add(SMALL_APPEND_BYTES) <= self.state.config.high_water_bytes
    }

    /// A reader of what is durable, from a sequence on (0: from the oldest).
    #[must_use]
    pub fn reader(&self, from: u64) -> Reader {
        Reader::of_log(Arc::clone(&self.state), from)
    }

    /// Makes it durable that everything up to a sequence is consumed, and removes the segments wholly behind it; those
    /// in which something could not be read are kept under another name instead.
    /// Going back is no error and does nothing. Blocks for two syncs.
    ///
    /// # Errors
    /// `Ahead` if the log is not durable that far, `Retention` if it removes segments by size or age, `Disk` if the
    /// disk fails; call again later.
    pub fn advance(&self, sequence: u64) -> Result<(), CursorError> {
        self.state.advance(sequence)
    }

    /// Stops taking appends, makes durable and answers what was accepted, and ends the writer. Blocks.
    pub fn close(mut self) {
        self.writer.close();
    }
}
