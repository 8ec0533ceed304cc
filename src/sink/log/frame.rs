//! Frames: the unit that is written, checked and found again.
//!
//! A frame is, little-endian: check (4), length of the body (4, the top bit marks the first frame of a group),
//! sequence (8), CRC32C of the body (4), body. The check is the CRC32C of the twelve bytes and four that follow it,
//! seeded by the segment's salt. So a length is believed only after its own check, whoever looks for the next
//! frame behind damage pays 16 bytes per candidate and not the length it claims, and nobody can send a record
//! whose bytes would be taken for a frame, as the salt is known to the segment's header alone.

use super::entry::{BODY_BYTES_MAX, BODY_BYTES_MIN, EntryRef};
use super::error::EntryTooLarge;

/// Bytes before the body.
pub(super) const HEAD_BYTES: usize = 20;

/// The smallest frame there is.
pub(super) const FRAME_BYTES_MIN: usize = HEAD_BYTES + BODY_BYTES_MIN;

/// In the length: this frame was the first of those that were synced together. A frame marked so proves that all
/// before it had been synced when it was written.
const GROUP_START: u32 = 1 << 31;

/// Frames encoded one after the other in one buffer, on any thread; the writer only adds sequences and checks.
#[derive(Debug, Default)]
pub struct Frames {
    buffer: Vec<u8>,
    count: u32,
}

impl Frames {
    /// No frames, with room for as many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { buffer: Vec::with_capacity(bytes), count: 0 }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// If no frame can hold it (256 MiB); then nothing was added.
    pub fn push(&mut self, entry: &EntryRef<'_>) -> Result<(), EntryTooLarge> {
        let length = entry.measure()?;
        let start = self.buffer.len();
        self.buffer.reserve(HEAD_BYTES + length);
        self.buffer.extend_from_slice(&[0; HEAD_BYTES]);
        entry.encode(&mut self.buffer);
        let (head, body) = self.buffer[start..].split_at_mut(HEAD_BYTES);
        debug_assert_eq!(body.len(), length, "the measure of an entry is its encoding's length");
        // `measure` keeps it below 2^28, so that it fits and leaves the top bit free.
        head[4..8].copy_from_slice(&u32::try_from(length).unwrap_or_default().to_le_bytes());
        head[16..20].copy_from_slice(&crc32c::crc32c(body).to_le_bytes());
        self.count += 1;
        Ok(())
    }

    /// How many entries were added.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// How many bytes they take in the log.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.buffer.len() as u64
    }

    /// When the first entry arrived, as it says itself.
    pub(super) fn first_time_ms(&self) -> u64 {
        self.buffer.get(HEAD_BYTES..).map_or(0, time_ms)
    }

    /// Whether nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.buffer
    }

    /// Gives the frames their sequences and checks. May be done again, for another segment.
    pub(super) fn stamp(&mut self, seed: u32, first: u64, mut group_start: bool) {
        let mut rest = self.buffer.as_mut_slice();
        let mut sequence = first;
        while let Some((head, after)) = rest.split_at_mut_checked(HEAD_BYTES) {
            let length = le_u32(&head[4..8]) & !GROUP_START;
            let marked = if group_start { length | GROUP_START } else { length };
            group_start = false;
            head[4..8].copy_from_slice(&marked.to_le_bytes());
            head[8..16].copy_from_slice(&sequence.to_le_bytes());
            let check = crc32c::crc32c_append(seed, &head[4..]);
            head[..4].copy_from_slice(&check.to_le_bytes());
            sequence += 1;
            rest = &mut after[length as usize..];
        }
    }
}

/// A frame's head that has passed its check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) length: u32,
    pub(super) sequence: u64,
    pub(super) group_start: bool,
    body_crc: u32,
}

impl Head {
    /// Reads a head; `None` if it is not one of a segment with this seed. The plausibility of the sequence is
    /// asked first, as it rules out nearly everything at less cost than the check.
    pub(super) fn parse(bytes: &[u8], seed: u32, plausible: impl Fn(u64) -> bool) -> Option<Self> {
        let head = bytes.get(..HEAD_BYTES)?;
        let marked = le_u32(&head[4..8]);
        let length = marked & !GROUP_START;
        let sequence = le_u64(&head[8..16]);
        let possible = (BODY_BYTES_MIN..=BODY_BYTES_MAX).contains(&(length as usize)) && plausible(sequence);
        if !possible || crc32c::crc32c_append(seed, &head[4..]) != le_u32(&head[..4]) {
            return None;
        }
        Some(Self { length, sequence, group_start: marked != length, body_crc: le_u32(&head[16..20]) })
    }

    /// Bytes of the frame, head and body.
    pub(super) fn frame_bytes(&self) -> usize {
        HEAD_BYTES + self.length as usize
    }

    /// Whether this is the body that was written.
    pub(super) fn covers(&self, body: &[u8]) -> bool {
        crc32c::crc32c(body) == self.body_crc
    }
}

/// When an entry arrived, by its body.
pub(super) fn time_ms(body: &[u8]) -> u64 {
    // Behind the flags.
    body.get(1..).map_or(0, le_u64)
}

/// The first four bytes, little-endian.
pub(super) fn le_u32(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

/// The first eight bytes, little-endian.
pub(super) fn le_u64(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}
