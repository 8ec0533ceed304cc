//! Reading a log, in this process or another, while it is being written.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, RealDisk};
use super::entry::Entry;
use super::error::{DiskFault, ReadError};
use super::recovery::{Cause, Damage};
use super::scan::{Probe, Scan, Window};
use super::segment::{self, FORMAT, FRAMES_OFFSET, Found, Header};
use super::state::{Limit, State};

/// How far behind the end of the last segment a follower looks for frames each time it is asked. A whole look is
/// taken once per segment, and again when a later segment exists.
const LOOKAHEAD_BYTES: u64 = 64 << 10;

/// What a reader comes upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// An entry.
    Entry {
        /// Its place in the log.
        sequence: u64,
        /// What it holds.
        entry: Entry,
    },
    /// A range that cannot be read; reading goes on behind it.
    Damage(Damage),
}

/// Reads entries in order of their sequences.
///
/// A reader in another process may see entries a few milliseconds before they are acknowledged, and sees again, with
/// the same sequences, what was written anew after a failed sync. [`super::Log::reader`] sees only what is durable.
#[derive(Debug)]
pub struct Reader {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// The open log that is read, if it is this process's own.
    state: Option<Arc<State>>,
    current: Option<Position>,
    /// The first sequence that is wanted.
    from: u64,
    /// The next sequence on the way, which may begin before those that are wanted.
    next: u64,
}

#[derive(Debug)]
struct Position {
    scan: Scan,
    offset: u64,
    /// Where a later segment takes over; `None` while none does.
    limit: Option<u64>,
    /// Whether the rest of the segment was looked through while it was the last one.
    searched: bool,
}

enum Step {
    Yield(Read),
    Enter(Position),
    Again,
    End,
}

impl Reader {
    /// Reads the log in a directory from a sequence on (0: from the oldest). The directory need not exist yet.
    #[must_use]
    pub fn open(dir: &Path, from: u64) -> Self {
        Self::on(Arc::new(RealDisk), dir, from)
    }

    pub(super) fn on(disk: Arc<dyn Disk>, dir: &Path, from: u64) -> Self {
        Self { disk, dir: dir.to_owned(), state: None, current: None, from, next: 0 }
    }

    pub(super) fn of_log(state: Arc<State>, from: u64) -> Self {
        let (disk, dir) = (Arc::clone(&state.disk), state.dir.clone());
        Self { disk, dir, state: Some(state), current: None, from, next: 0 }
    }

    /// The next entry, or damage; `None` at the end, where it may be asked again later.
    ///
    /// # Errors
    /// If the disk fails or a segment has a newer format. Asking again goes on at the same place.
    #[expect(clippy::should_implement_trait, reason = "an end that may be asked again is not an iterator's")]
    pub fn next(&mut self) -> Result<Option<Read>, ReadError> {
        loop {
            if self.state.as_ref().is_some_and(|state| self.next > *state.durable.borrow()) {
                return Ok(None);
            }
            let step = match self.current.take() {
                None => self.start()?,
                Some(mut position) => {
                    let step = self.step(&mut position);
                    self.current = Some(position);
                    step?
                }
            };
            match step {
                Step::Yield(read) => return Ok(Some(read)),
                Step::Enter(position) => self.current = Some(position),
                Step::Again => {}
                Step::End => return Ok(None),
            }
        }
    }

    /// Finds the segment where what is wanted begins.
    fn start(&mut self) -> Result<Step, ReadError> {
        let mut chosen: Option<Scan> = None;
        for number in self.numbers()? {
            let Some(scan) = self.open_segment(number)? else { continue };
            if chosen.is_none() || scan.header.first <= self.from {
                chosen = Some(scan);
            }
        }
        let Some(scan) = chosen else { return Ok(Step::End) };
        let Header { number, first, .. } = scan.header;
        self.next = first;
        let removed = (0 < self.from && self.from < first).then_some(Damage {
            segment: number,
            offset: 0,
            bytes: 0,
            first_missing: self.from,
            last_missing: first - 1,
            cause: Cause::Removed,
        });
        self.from = self.from.max(if removed.is_some() { first } else { 0 });
        let entered = self.enter(scan)?;
        Ok(match (removed, entered) {
            (Some(damage), Step::Enter(position)) => {
                self.current = Some(position);
                Step::Yield(Read::Damage(damage))
            }
            (_, entered) => entered,
        })
    }

    fn enter(&self, scan: Scan) -> Result<Step, ReadError> {
        let limit = self.later(scan.header.number)?.map(|later| later.header.first);
        Ok(Step::Enter(Position { scan, offset: FRAMES_OFFSET, limit, searched: false }))
    }

    /// The segments; none if the directory is missing.
    fn numbers(&self) -> Result<Vec<u64>, ReadError> {
        match segment::numbers(&*self.disk, &self.dir) {
            Err(fault) if fault.kind == io::ErrorKind::NotFound => Ok(Vec::new()),
            numbers => Ok(numbers?),
        }
    }

    /// A segment, unless it is gone or has no readable header.
    fn open_segment(&self, number: u64) -> Result<Option<Scan>, ReadError> {
        let path = segment::path(&self.dir, number);
        let file = match self.disk.open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(DiskFault::new("open", &path, &error).into()),
        };
        match Header::read(&*file).map_err(DiskFault::at("read", &path))? {
            Found::Header(header) if header.number == number => Ok(Some(Scan::new(header, file))),
            Found::Newer(found) => Err(ReadError::Newer { path, found, known: FORMAT }),
            Found::Header(_) | Found::Nothing => Ok(None),
        }
    }

    /// The segment after one.
    fn later(&self, number: u64) -> Result<Option<Scan>, ReadError> {
        for later in self.numbers()?.into_iter().filter(|later| *later > number) {
            if let Some(scan) = self.open_segment(later)? {
                return Ok(Some(scan));
            }
        }
        Ok(None)
    }

    /// Reads on in a segment, or leaves it.
    fn step(&mut self, position: &mut Position) -> Result<Step, ReadError> {
        if let Some(state) = &self.state {
            // In this process the limit is known exactly: nothing is read that a failed sync has left behind.
            position.limit = match state.limit(position.scan.header.number) {
                Limit::Open => None,
                Limit::At(limit) => Some(limit),
                Limit::Removed => return self.leave_removed(position),
            };
        }
        if let Some(step) = self.read(position)? {
            return Ok(step);
        }
        if self.state.is_none() && position.limit.is_none() {
            position.limit = self.later(position.scan.header.number)?.map(|later| later.header.first);
        }
        // What was read before may be old by now; and a segment that has a successor does not grow any more.
        position.scan.refresh();
        if let Some(step) = self.read(position)? {
            return Ok(step);
        }
        match position.limit {
            Some(limit) if self.next >= limit => self.leave(position),
            Some(limit) => self.skip(position, limit, u64::MAX),
            None => {
                let bytes_max = if position.searched { LOOKAHEAD_BYTES } else { u64::MAX };
                position.searched = true;
                self.skip(position, u64::MAX, bytes_max)
            }
        }
    }

    /// Reads the frame at the position, if the next one is there.
    fn read(&mut self, position: &mut Position) -> Result<Option<Step>, ReadError> {
        let window = Window { next: self.next, limit: position.limit.unwrap_or(u64::MAX) };
        let probe = position.scan.probe(position.offset, window);
        let Probe::Frame(head, body) = probe.map_err(|error| self.fault(position, &error))? else {
            return Ok(None);
        };
        if head.sequence != self.next {
            return Ok(None);
        }
        let offset = position.offset;
        position.offset += head.frame_bytes() as u64;
        self.next += 1;
        if head.sequence < self.from {
            return Ok(Some(Step::Again));
        }
        Ok(Some(Step::Yield(match Entry::decode(body) {
            Some(entry) => Read::Entry { sequence: head.sequence, entry },
            None => {
                let damage = Damage {
                    segment: position.scan.header.number,
                    offset,
                    bytes: position.offset - offset,
                    first_missing: head.sequence,
                    last_missing: head.sequence,
                    cause: Cause::Damaged,
                };
                self.note(&damage);
                Read::Damage(damage)
            }
        })))
    }

    /// An open log keeps what its readers could not read, whether or not they were asked for it.
    fn note(&self, damage: &Damage) {
        if let Some(state) = &self.state {
            state.note_damage(damage);
        }
    }

    fn fault(&self, position: &Position, error: &io::Error) -> DiskFault {
        DiskFault::new("read", &segment::path(&self.dir, position.scan.header.number), error)
    }

    /// Goes to the next frame behind bytes that are none, or to the end of a segment that has a successor.
    fn skip(&mut self, position: &mut Position, limit: u64, bytes_max: u64) -> Result<Step, ReadError> {
        let window = Window { next: self.next, limit };
        let found = position.scan.find(position.offset, window, bytes_max);
        let damage = match found.map_err(|error| self.fault(position, &error))? {
            Some(found) => {
                // A writer may have finished, between two looks, what was not there at the first.
                position.scan.refresh();
                if let Some(step) = self.read(position)? {
                    return Ok(step);
                }
                let damage = self.damage_before(position, found, window);
                damage.map_err(|error| self.fault(position, &error))?
            }
            None if limit == u64::MAX => return Ok(Step::End),
            None => self.damage_at_end(position, limit)?,
        };
        self.note(&damage);
        position.offset += damage.bytes;
        self.next = damage.last_missing + 1;
        let wanted = damage.first_missing < self.next && self.from < self.next;
        Ok(if wanted { Step::Yield(Read::Damage(damage)) } else { Step::Again })
    }

    /// Describes what lies between the position and a frame.
    fn damage_before(&self, position: &mut Position, found: u64, window: Window) -> io::Result<Damage> {
        let last_missing = match position.scan.probe(found, window)? {
            Probe::Frame(head, _) | Probe::Spoilt(head) => head.sequence - 1,
            Probe::Nothing => self.next - 1,
        };
        let settled = position.scan.later_group_begins(found, window)?;
        Ok(Damage {
            segment: position.scan.header.number,
            offset: position.offset,
            bytes: found - position.offset,
            first_missing: self.next,
            last_missing,
            cause: if settled { Cause::Damaged } else { Cause::Torn },
        })
    }

    /// Describes what a segment lacks of what came before its successor.
    fn damage_at_end(&self, position: &Position, limit: u64) -> Result<Damage, ReadError> {
        let number = position.scan.header.number;
        let end = segment::written_end(position.scan.file(), position.offset);
        let bytes = end.map_err(|error| self.fault(position, &error))? - position.offset;
        let successor = self.later(number)?.map_or(u64::MAX, |later| later.header.number);
        let between = |other: &u64| number < *other && *other < successor;
        let is_removed = bytes == 0 && successor > number + 1 && !self.numbers()?.iter().any(between);
        Ok(Damage {
            segment: number,
            offset: position.offset,
            bytes,
            first_missing: self.next,
            last_missing: limit - 1,
            cause: if is_removed { Cause::Removed } else { Cause::Damaged },
        })
    }

    /// Goes to the next segment. Where it begins before the next sequence, what was read behind its beginning was
    /// left over from a failed sync, and is read again as it was written anew.
    fn leave(&mut self, position: &Position) -> Result<Step, ReadError> {
        let Some(scan) = self.later(position.scan.header.number)? else { return Ok(Step::End) };
        self.next = self.next.min(scan.header.first);
        self.enter(scan)
    }

    /// Goes on behind segments that were removed while they were being read.
    fn leave_removed(&mut self, position: &Position) -> Result<Step, ReadError> {
        let Some(scan) = self.later(position.scan.header.number)? else { return Ok(Step::End) };
        let Header { number, first, .. } = scan.header;
        let removed = Damage {
            segment: number,
            offset: 0,
            bytes: 0,
            first_missing: self.next.max(self.from),
            last_missing: first - 1,
            cause: Cause::Removed,
        };
        if self.next < first {
            self.next = first;
            if removed.first_missing < first {
                return Ok(Step::Yield(Read::Damage(removed)));
            }
        }
        self.leave(position)
    }
}
