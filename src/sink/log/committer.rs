//! Making groups of frames durable: which segment they go to, and what happens when the disk fails.

use std::sync::Arc;
use std::time::Instant;

use super::Appended;
use super::error::{AppendError, DiskFault, Full};
use super::frame::Frames;
use super::recovery::{Account, Recovered};
use super::segment::{Active, FRAMES_OFFSET, Header};
use super::state::State;
use super::waiting::Mark;

/// What the page cache writes at a time.
const PAGE_BYTES: u64 = 4_096;

/// The one who writes: single-threaded, and without a queue or a thread of its own.
#[derive(Debug)]
pub(super) struct Committer {
    state: Arc<State>,
    active: Option<Active>,
    next_sequence: u64,
    next_number: u64,
    /// The last failure, and when: for a moment it is the answer to everything.
    failed: Option<(Instant, AppendError)>,
}

impl Committer {
    pub(super) fn new(state: Arc<State>, recovered: &Recovered) -> Self {
        Self {
            state,
            active: None,
            next_sequence: recovered.next_sequence,
            next_number: recovered.next_number,
            failed: None,
        }
    }

    /// Writes a group and waits until it is durable: one answer for each of its frames, in order. Those that
    /// find no room are refused, and with them all that follow in the group.
    pub(super) fn commit(&mut self, group: &mut [Frames]) -> Vec<Result<Appended, AppendError>> {
        let (fitting, refusal) = self.admit(group);
        let (admitted, refused) = group.split_at_mut(fitting);
        let mut first_sequence = self.next_sequence;
        let written = if admitted.is_empty() { Ok(()) } else { self.write(admitted) };
        let mut answers = Vec::with_capacity(admitted.len() + refused.len());
        for frames in &*admitted {
            let appended = Appended { first_sequence, count: frames.count() };
            first_sequence += u64::from(frames.count());
            answers.push(written.clone().map(|()| appended));
        }
        answers.extend(refused.iter().map(|_| Err(refusal.clone())));
        answers
    }

    /// How many of the group find room, and what to answer to the rest.
    fn admit(&self, group: &[Frames]) -> (usize, AppendError) {
        let limit = self.state.config.high_water_bytes;
        let bytes = self.state.bytes();
        let mut room = limit.saturating_sub(bytes);
        let high_water = Full::HighWater { bytes, limit };
        if let Some(error) = self.pausing() {
            return (0, error);
        }
        if let Err(error) = self.free() {
            return (0, error);
        }
        let fits = |frames: &&Frames| {
            let left = room.checked_sub(frames.bytes());
            room = left.unwrap_or(0);
            left.is_some()
        };
        (group.iter().take_while(fits).count(), high_water.into())
    }

    /// A disk that has just failed is left alone for a moment.
    fn pausing(&self) -> Option<AppendError> {
        let (when, error) = self.failed.as_ref()?;
        (when.elapsed() < self.state.config.retry_pause).then(|| error.clone())
    }

    /// Bytes that may be written without going below what is kept free.
    fn free(&self) -> Result<u64, AppendError> {
        let min = self.state.config.free_bytes_min;
        let dir = &self.state.dir;
        let free = self.state.disk.free_bytes(dir).map_err(DiskFault::at("measure", dir))?;
        free.checked_sub(min).filter(|left| *left > 0).ok_or(Full::DiskFree { free, min }.into())
    }

    /// Writes the group to the active segment or, if that fails, once more to a new one: what of a failed sync
    /// reached the disk cannot be known, and asking the same file again would answer yes.
    fn write(&mut self, group: &mut [Frames]) -> Result<(), AppendError> {
        let written = self.attempt(group).or_else(|fault| {
            tracing::error!(%fault, "log group failed, it is written again to a new segment");
            self.attempt(group)
        });
        self.failed = match &written {
            Ok(()) => None,
            Err(error) => {
                tracing::error!(%error, "log group failed, it is not acknowledged");
                Some((Instant::now(), error.clone()))
            }
        };
        written
    }

    fn attempt(&mut self, group: &mut [Frames]) -> Result<(), AppendError> {
        let bytes = group.iter().map(Frames::bytes).sum();
        let records = group.iter().map(|frames| u64::from(frames.count())).sum();
        let mut active = match self.active.take() {
            Some(active) if self.has_room(&active, bytes) => active,
            Some(full) => {
                self.seal(&full);
                self.begin(bytes)?
            }
            None => self.begin(bytes)?,
        };
        let began = Instant::now();
        let begin = Mark {
            sequence: self.next_sequence,
            time_ms: group.first().map_or(0, Frames::first_time_ms),
            segment: active.header.number,
            offset: active.offset,
        };
        match active.write(group, self.next_sequence) {
            Ok(()) => {
                self.state.note_commit(begin, active.offset, records, began.elapsed());
                self.next_sequence += records;
                self.active = Some(active);
                Ok(())
            }
            Err(fault) => {
                self.poison(&active);
                Err(fault.into())
            }
        }
    }

    /// A group larger than a segment gets one of its own.
    fn has_room(&self, active: &Active, bytes: u64) -> bool {
        active.offset == FRAMES_OFFSET || active.offset + bytes <= self.state.config.segment_bytes
    }

    fn begin(&mut self, bytes: u64) -> Result<Active, AppendError> {
        let header = Header {
            number: self.next_number,
            first: self.next_sequence,
            salt: fastrand::u64(..),
            created_ms: self.state.disk.now_ms(),
        };
        self.next_number += 1;
        // On a small or crowded disk a segment must not take all the room that other logs need as well.
        let (free, needed) = (self.free()?, FRAMES_OFFSET + bytes);
        if needed > free {
            let min = self.state.config.free_bytes_min;
            return Err(Full::DiskFree { free: free + min, min }.into());
        }
        let allocate = self.state.config.segment_bytes.min(free / 2).max(needed);
        let State { disk, dir, config, .. } = &*self.state;
        let active = Active::create(&**disk, dir, header, allocate, config.sync)?;
        self.state.begin_segment(Account {
            number: header.number,
            first: Some(header.first),
            created_ms: header.created_ms,
            bytes: FRAMES_OFFSET,
            is_damaged: false,
        });
        self.state.retain();
        Ok(active)
    }

    /// Leaves a segment that is full, or for good, and gives back what was allocated and not written.
    fn seal(&self, active: &Active) {
        if let Err(error) = self.state.disk.trim(&active.path, active.offset) {
            tracing::warn!(path = %active.path.display(), %error, "log segment cannot be trimmed");
        }
    }

    /// Leaves a segment that failed. What it holds from the next sequence on is overridden by the next segment's
    /// header; if it holds nothing else it can go.
    fn poison(&self, active: &Active) {
        self.state.note_poisoned();
        if active.offset == FRAMES_OFFSET {
            self.state.forget_segment(active.header.number);
            drop(self.state.disk.unlink(&active.path));
        } else {
            // Gives back what was allocated, and leaves the page alone that acknowledged frames end in.
            drop(self.state.disk.trim(&active.path, active.offset.next_multiple_of(PAGE_BYTES)));
        }
    }

    /// Removes what a retention by age no longer wants; called now and then while nothing is written.
    pub(super) fn retain(&self) {
        self.state.retain();
    }

    /// Leaves the log. Everything acknowledged is durable already.
    pub(super) fn close(mut self) {
        if let Some(active) = self.active.take() {
            self.seal(&active);
        }
    }
}
