//! Walking through a segment's bytes: which are frames, and where the next one is behind those that are not.

use std::io;

use bytes::Bytes;

use super::disk::{DiskFile, read_full};
use super::frame::{FRAME_BYTES_MIN, HEAD_BYTES, Head};
use super::segment::{FRAMES_OFFSET, Header};

/// How much is read at a time; holds a thousand small records.
const CHUNK_BYTES: usize = 256 << 10;

/// Sequences that a reader has not yet seen and that do not belong to a later segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) next: u64,
    pub(super) limit: u64,
}

/// What lies at an offset.
#[derive(Debug)]
pub(super) enum Probe {
    Frame(Head, Bytes),
    /// A head that passed its check, with a body that did not.
    Spoilt(Head),
    /// Zeros, garbage, or the end of the file.
    Nothing,
}

/// A segment that is read, with the chunk of it that was read last.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) header: Header,
    file: Box<dyn DiskFile>,
    seed: u32,
    chunk: Bytes,
    chunk_offset: u64,
}

impl Scan {
    pub(super) fn new(header: Header, file: Box<dyn DiskFile>) -> Self {
        let seed = header.seed();
        Self { header, file, seed, chunk: Bytes::new(), chunk_offset: FRAMES_OFFSET }
    }

    pub(super) fn file(&self) -> &dyn DiskFile {
        &*self.file
    }

    /// Forgets what was read, so that the next probe sees what the file holds by then.
    pub(super) fn refresh(&mut self) {
        self.chunk = Bytes::new();
    }

    /// Bytes at an offset, at least as many as asked for unless the file ends before.
    fn bytes_at(&mut self, offset: u64, len: usize) -> io::Result<Bytes> {
        let start = offset.checked_sub(self.chunk_offset).and_then(|start| usize::try_from(start).ok());
        if let Some(start) = start
            && start.checked_add(len).is_some_and(|end| end <= self.chunk.len())
        {
            return Ok(self.chunk.slice(start..));
        }
        // A length that the file cannot hold must not be allocated, whoever claims it.
        let left = usize::try_from(self.file.length()?.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut chunk = vec![0; len.max(CHUNK_BYTES).min(left)];
        let read = read_full(&*self.file, &mut chunk, offset)?;
        chunk.truncate(read);
        self.chunk = Bytes::from(chunk);
        self.chunk_offset = offset;
        Ok(self.chunk.clone())
    }

    /// Says what lies at an offset.
    pub(super) fn probe(&mut self, offset: u64, window: Window) -> io::Result<Probe> {
        let plausible = |sequence| window.next <= sequence && sequence < window.limit;
        let bytes = self.bytes_at(offset, HEAD_BYTES)?;
        let Some(head) = Head::parse(&bytes, self.seed, plausible) else { return Ok(Probe::Nothing) };
        let bytes = self.bytes_at(offset, head.frame_bytes())?;
        Ok(match bytes.get(HEAD_BYTES..head.frame_bytes()) {
            Some(body) if head.covers(body) => {
                Probe::Frame(head, bytes.slice(HEAD_BYTES..head.frame_bytes()))
            }
            _ => Probe::Spoilt(head),
        })
    }

    /// Finds the first frame at or behind an offset, byte by byte; looks at so many bytes at most.
    ///
    /// A head that passes its check names its frame's end, so that bodies are stepped over, not searched.
    pub(super) fn find(&mut self, offset: u64, window: Window, bytes_max: u64) -> io::Result<Option<u64>> {
        let end = offset.saturating_add(bytes_max);
        let mut at = offset;
        while at < end {
            let bytes = self.bytes_at(at, FRAME_BYTES_MIN)?;
            let Some(last) = bytes.len().checked_sub(FRAME_BYTES_MIN) else { return Ok(None) };
            match self.candidate(&bytes, at, offset, window) {
                None => at += last as u64 + 1,
                Some(candidate) => match self.probe(candidate, window)? {
                    Probe::Frame(..) => return Ok(Some(candidate)),
                    Probe::Spoilt(head) => at = candidate + head.frame_bytes() as u64,
                    Probe::Nothing => at = candidate + 1,
                },
            }
        }
        Ok(None)
    }

    /// The first offset in a chunk where a head passes its check.
    fn candidate(&self, bytes: &[u8], at: u64, origin: u64, window: Window) -> Option<u64> {
        let parses = |start: &usize| {
            // No more frames can be missing than would have fitted into the bytes passed over.
            let missing_max = (at - origin + *start as u64) / FRAME_BYTES_MIN as u64;
            let highest = window.limit.min(window.next.saturating_add(missing_max + 1));
            Head::parse(&bytes[*start..], self.seed, |sequence| window.next <= sequence && sequence < highest)
                .is_some()
        };
        (0..=bytes.len() - FRAME_BYTES_MIN).find(parses).map(|start| at + start as u64)
    }

    /// Whether a group begins at or behind a frame. If one does, everything before it had been synced.
    pub(super) fn later_group_begins(&mut self, frame: u64, mut window: Window) -> io::Result<bool> {
        let mut at = frame;
        loop {
            match self.probe(at, window)? {
                Probe::Frame(head, _) | Probe::Spoilt(head) => {
                    if head.group_start {
                        return Ok(true);
                    }
                    window.next = head.sequence + 1;
                    at += head.frame_bytes() as u64;
                }
                Probe::Nothing => match self.find(at + 1, window, u64::MAX)? {
                    Some(found) => at = found,
                    None => return Ok(false),
                },
            }
        }
    }
}
