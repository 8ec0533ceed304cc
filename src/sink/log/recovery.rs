//! Opening a log: what it holds, where it goes on, and what is damaged.
//!
//! Headers say where each segment begins, so that only the last one with a readable header is walked through;
//! damage before it is met, skipped and reported by readers. Nothing is deleted and no frame is written over:
//! the next append begins a new segment.

use std::fmt;
use std::path::Path;

use super::cursor::{self, CursorFound};
use super::disk::{Disk, DiskFile};
use super::error::{DiskFault, OpenError};
use super::frame::{FRAME_BYTES_MIN, time_ms};
use super::scan::{Probe, Scan, Window};
use super::segment::{self, FORMAT, FRAMES_OFFSET, Found, Header, SyncMode};
use super::waiting::{Mark, Marks};

/// How many damaged ranges a report lists; all are counted.
const DAMAGE_LISTED_MAX: usize = 64;

/// A file is cut at a multiple of this, where it is not known that it ends in a frame.
const TRIM_UNIT_BYTES: u64 = 4_096;

/// Why sequences are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Part of the last group that was being written when the machine or the process ended: it need not have
    /// been acknowledged.
    Torn,
    /// Bytes that had been synced are not what was written.
    Damaged,
    /// The segment is gone: by a retention, a cursor beyond it, or from outside.
    Removed,
}

/// A range of the log that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// The number of the segment, as in its file name.
    pub segment: u64,
    /// Where in the file the range begins.
    pub offset: u64,
    /// How many bytes it has; 0 if the file is gone or ends here.
    pub bytes: u64,
    /// The first sequence that is missing.
    pub first_missing: u64,
    /// The last sequence that is missing; below `first_missing` if that is not known.
    pub last_missing: u64,
    /// Why.
    pub cause: Cause,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.cause {
            Cause::Torn => "were being written when the gateway ended and may never have been acknowledged",
            Cause::Damaged => "are damaged",
            Cause::Removed => "were removed",
        };
        let Self { segment, offset, bytes, first_missing, last_missing, .. } = self;
        write!(
            f,
            "sequences {first_missing} to {last_missing} {why} ({bytes} bytes at {offset} of segment {segment})"
        )
    }
}

/// What was found when a log was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Segments with a readable header.
    pub segments: usize,
    /// The first sequence that the log may hold.
    pub first_sequence: u64,
    /// The last sequence that it holds; one below `first_sequence` if it is empty.
    pub last_sequence: u64,
    /// Frames in the part that was walked through.
    pub frames: u64,
    /// Bytes behind the last whole frame that are not zero: the end of a write that was never acknowledged.
    pub torn_bytes: u64,
    /// Damaged ranges in the part that was walked through, at most 64 of them.
    pub damage: Vec<Damage>,
    /// How many there are.
    pub damaged_ranges: u64,
    /// The consumer's cursor.
    pub cursor: CursorFound,
}

/// A segment as the log keeps account of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) number: u64,
    /// `None` if the header cannot be read.
    pub(super) first: Option<u64>,
    pub(super) created_ms: u64,
    pub(super) bytes: u64,
    /// Part of it cannot be read.
    pub(super) is_damaged: bool,
}

/// Everything that the writer needs to go on.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) accounts: Vec<Account>,
    pub(super) next_sequence: u64,
    pub(super) next_number: u64,
    pub(super) report: Recovery,
    /// Places in the last segment.
    last_marks: Marks,
}

impl Recovered {
    /// Where records lie: a place for each segment, and more for the last.
    pub(super) fn marks(&self) -> Marks {
        let mut marks = Marks::default();
        let last = self.last_marks.iter().next().map_or(u64::MAX, |mark| mark.segment);
        for account in self.accounts.iter().filter(|account| account.number < last) {
            let Some(sequence) = account.first else { continue };
            // A segment is created for its first records.
            let (time_ms, segment) = (account.created_ms, account.number);
            marks.note(Mark { sequence, time_ms, segment, offset: FRAMES_OFFSET });
        }
        self.last_marks.iter().for_each(|mark| marks.note(*mark));
        marks.pass(self.report.cursor.consumed());
        marks
    }
}

pub(super) fn recover(disk: &dyn Disk, dir: &Path, mode: SyncMode) -> Result<Recovered, OpenError> {
    disk.create_dir(dir).map_err(DiskFault::at("create", dir))?;
    let numbers = segment::numbers(disk, dir)?;
    let mut survey =
        Survey { disk, dir, accounts: Vec::with_capacity(numbers.len()), last: None, lost_bytes: 0 };
    for number in &numbers {
        survey.visit(*number)?;
    }
    let cursor = cursor::read(disk, dir)?;
    let mut walk = Walk::default();
    if let Some(header) = survey.last {
        let path = segment::path(dir, header.number);
        let file = disk.open(&path).map_err(DiskFault::at("open", &path))?;
        if mode == SyncMode::Always {
            // A process that was killed may have left frames that are in the page cache only: what is found
            // here is about to be called durable.
            file.sync().map_err(DiskFault::at("sync", &path))?;
        }
        walk.run(Scan::new(header, file)).map_err(DiskFault::at("read", &path))?;
    }
    if mode == SyncMode::Always {
        disk.sync_dir(dir).map_err(DiskFault::at("sync", dir))?;
    }
    survey.trim(walk.end);
    survey.note_damage(&walk);
    survey.look_behind(cursor.consumed());
    // Sequences that a segment without a readable header may have held are not used again.
    let burnt = survey.lost_bytes / FRAME_BYTES_MIN as u64;
    let next_sequence = (walk.next.max(1) + burnt).max(cursor.consumed().saturating_add(1));
    Ok(Recovered {
        next_sequence,
        next_number: numbers.last().map_or(1, |last| last.saturating_add(1)),
        last_marks: std::mem::take(&mut walk.marks),
        report: survey.report(walk, next_sequence, cursor),
        accounts: survey.accounts,
    })
}

/// What the headers say.
struct Survey<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    accounts: Vec<Account>,
    /// The last header that can be read.
    last: Option<Header>,
    /// Bytes of segments behind it that cannot.
    lost_bytes: u64,
}

impl Survey<'_> {
    fn visit(&mut self, number: u64) -> Result<(), OpenError> {
        let path = segment::path(self.dir, number);
        let file = self.disk.open(&path).map_err(DiskFault::at("open", &path))?;
        let reading = DiskFault::at("read", &path);
        let bytes = file.length().map_err(DiskFault::at("measure", &path))?;
        let mut account = Account { number, first: None, created_ms: 0, bytes, is_damaged: false };
        match Header::read(&*file).map_err(reading)? {
            Found::Newer(found) => return Err(OpenError::Newer { path, found, known: FORMAT }),
            // A number that differs from the name is a copy that somebody made.
            Found::Header(header) if header.number == number => {
                account.first = Some(header.first);
                account.created_ms = header.created_ms;
                self.last = Some(header);
                self.lost_bytes = 0;
            }
            Found::Header(_) | Found::Nothing => {
                let end = frames_end(&*file).map_err(DiskFault::at("read", &path))?;
                self.lost_bytes += end - FRAMES_OFFSET;
                if end > FRAMES_OFFSET {
                    account.is_damaged = true;
                    tracing::error!(path = %path.display(), bytes = end, "log segment without a readable header is left aside");
                }
            }
        }
        self.accounts.push(account);
        Ok(())
    }

    /// What cannot be read of the last segment is kept when the segment is done with.
    fn note_damage(&mut self, walk: &Walk) {
        let last = self.last.map(|header| header.number).filter(|_| walk.damaged_ranges > 0);
        if let Some(account) = self.accounts.iter_mut().find(|account| Some(account.number) == last) {
            account.is_damaged = true;
        }
    }

    /// Looks through segments that are behind the cursor, which a crash has left between its move and their removal:
    /// no reader will, and what is damaged is not to be removed.
    fn look_behind(&mut self, consumed: u64) {
        let mut later: Option<u64> = None;
        for account in self.accounts.iter_mut().rev() {
            let is_behind = later.is_some_and(|first| first - 1 <= consumed);
            later = account.first.or(later);
            if !is_behind || account.is_damaged || account.first.is_none() {
                continue;
            }
            let path = segment::path(self.dir, account.number);
            let walked = self.disk.open(&path).and_then(|file| match Header::read(&*file)? {
                Found::Header(header) => {
                    let mut walk = Walk::default();
                    walk.run(Scan::new(header, file)).map(|()| walk.damaged_ranges > 0)
                }
                Found::Newer(_) | Found::Nothing => Ok(true),
            });
            account.is_damaged = walked.unwrap_or(true);
        }
    }

    /// Gives back what was allocated and never written in the segments at the end; those before were trimmed
    /// when they were left.
    ///
    /// A frame may end in zeros: what was walked through stays, and so does a page behind what cannot be read.
    fn trim(&mut self, walked: u64) {
        let last = self.last.map_or(0, |header| header.number);
        for account in self.accounts.iter_mut().filter(|account| account.number >= last) {
            let path = segment::path(self.dir, account.number);
            let trimmed = self.disk.open(&path).and_then(|file| {
                let known = if account.number == last { walked } else { 0 };
                let end = segment::written_end(&*file, known)?;
                let end = if end == known { end } else { end.next_multiple_of(TRIM_UNIT_BYTES) };
                if end < account.bytes {
                    self.disk.trim(&path, end)?;
                }
                Ok(end.min(account.bytes))
            });
            match trimmed {
                Ok(end) => account.bytes = end,
                Err(error) => tracing::warn!(path = %path.display(), %error, "log segment cannot be trimmed"),
            }
        }
    }

    fn report(&self, walk: Walk, next_sequence: u64, cursor: CursorFound) -> Recovery {
        let first = self.accounts.iter().find_map(|account| account.first);
        let report = Recovery {
            segments: self.accounts.iter().filter(|account| account.first.is_some()).count(),
            first_sequence: first.unwrap_or(next_sequence),
            last_sequence: next_sequence - 1,
            frames: walk.frames,
            torn_bytes: walk.torn_bytes,
            damage: walk.damage,
            damaged_ranges: walk.damaged_ranges,
            cursor,
        };
        for damage in &report.damage {
            match damage.cause {
                Cause::Torn => tracing::warn!(dir = %self.dir.display(), %damage, "log ends in a torn write"),
                _ => tracing::error!(dir = %self.dir.display(), %damage, "log is damaged"),
            }
        }
        if cursor == CursorFound::Damaged {
            tracing::error!(dir = %self.dir.display(), "log cursor is damaged, everything is consumed again");
        }
        report
    }
}

fn frames_end(file: &dyn DiskFile) -> std::io::Result<u64> {
    segment::written_end(file, FRAMES_OFFSET)
}

/// What the last segment holds.
#[derive(Debug, Default)]
struct Walk {
    next: u64,
    /// Where the last frame ends.
    end: u64,
    frames: u64,
    torn_bytes: u64,
    damage: Vec<Damage>,
    damaged_ranges: u64,
    marks: Marks,
}

impl Walk {
    fn run(&mut self, mut scan: Scan) -> std::io::Result<()> {
        self.next = scan.header.first;
        let mut offset = FRAMES_OFFSET;
        let mut last_group = offset;
        loop {
            let window = Window { next: self.next, limit: u64::MAX };
            match scan.probe(offset, window)? {
                Probe::Frame(head, body) => {
                    if head.group_start {
                        last_group = offset;
                        let (sequence, segment) = (head.sequence, scan.header.number);
                        self.marks.note(Mark { sequence, time_ms: time_ms(&body), segment, offset });
                    }
                    self.frames += 1;
                    self.next = head.sequence + 1;
                    offset += head.frame_bytes() as u64;
                }
                Probe::Spoilt(_) | Probe::Nothing => match scan.find(offset + 1, window, u64::MAX)? {
                    Some(found) => {
                        self.note(&mut scan, offset, found)?;
                        offset = found;
                    }
                    None => break,
                },
            }
        }
        self.end = offset;
        self.torn_bytes = segment::written_end(scan.file(), offset)? - offset;
        // Only a group that was begun later proves that the one before had been synced.
        for damage in self.damage.iter_mut().filter(|damage| damage.offset < last_group) {
            damage.cause = Cause::Damaged;
        }
        Ok(())
    }

    fn note(&mut self, scan: &mut Scan, offset: u64, found: u64) -> std::io::Result<()> {
        self.damaged_ranges += 1;
        let window = Window { next: self.next, limit: u64::MAX };
        let (Probe::Frame(head, _), true) =
            (scan.probe(found, window)?, self.damage.len() < DAMAGE_LISTED_MAX)
        else {
            return Ok(());
        };
        self.damage.push(Damage {
            segment: scan.header.number,
            offset,
            bytes: found - offset,
            first_missing: self.next,
            last_missing: head.sequence - 1,
            cause: Cause::Torn,
        });
        Ok(())
    }
}
