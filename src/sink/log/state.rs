//! What the writer, the consumer's cursor and readers of one open log share.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::cursor;
use super::disk::Disk;
use super::error::CursorError;
use super::recovery::{Account, Cause, Damage, Recovered};
use super::segment;
use super::waiting::{Mark, Marks, Waiting};
use super::{Config, Stats};

#[derive(Debug)]
pub(super) struct State {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) dir: PathBuf,
    pub(super) config: Config,
    /// The last sequence that is durable.
    pub(super) durable: watch::Sender<u64>,
    /// All segments in order; the last one may be active, and is never removed: it knows the sequence.
    accounts: Mutex<Vec<Account>>,
    counters: Mutex<Counters>,
    marks: Mutex<Marks>,
    /// The durable cursor; locked while it moves.
    cursor: Mutex<u64>,
}

/// How far a segment counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// It is the last one.
    Open,
    /// What it holds from this sequence on is overridden by a later one.
    At(u64),
    /// It was removed, and with it perhaps the one that overrides it: nothing it holds counts.
    Removed,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counters {
    records: u64,
    syncs: u64,
    poisoned: u64,
    last_sync: Duration,
}

impl State {
    pub(super) fn new(disk: Arc<dyn Disk>, dir: PathBuf, config: Config, recovered: &Recovered) -> Self {
        Self {
            disk,
            dir,
            config,
            durable: watch::Sender::new(recovered.next_sequence - 1),
            accounts: Mutex::new(recovered.accounts.clone()),
            counters: Mutex::default(),
            marks: Mutex::new(recovered.marks()),
            cursor: Mutex::new(recovered.report.cursor.consumed()),
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.accounts.lock().iter().map(|account| account.bytes).sum()
    }

    pub(super) fn begin_segment(&self, account: Account) {
        self.accounts.lock().push(account);
    }

    /// Takes a segment off the account that never held anything durable.
    pub(super) fn forget_segment(&self, number: u64) {
        self.accounts.lock().retain(|account| account.number != number);
    }

    pub(super) fn note_poisoned(&self) {
        self.counters.lock().poisoned += 1;
    }

    /// A group is durable: where it begins, where its segment ends now, and its records.
    pub(super) fn note_commit(&self, begin: Mark, bytes: u64, records: u64, took: Duration) {
        if let Some(account) =
            self.accounts.lock().iter_mut().rfind(|account| account.number == begin.segment)
        {
            account.bytes = bytes;
        }
        self.marks.lock().note(begin);
        let mut counters = self.counters.lock();
        counters.records += records;
        counters.syncs += 1;
        counters.last_sync = took;
        drop(counters);
        self.durable.send_modify(|durable| *durable += records);
    }

    /// Where a later segment takes over from one.
    pub(super) fn limit(&self, number: u64) -> Limit {
        let accounts = self.accounts.lock();
        let mut later = accounts.iter().skip_while(|account| account.number != number);
        if later.next().is_none() {
            return Limit::Removed;
        }
        later.filter_map(|account| account.first).min().map_or(Limit::Open, Limit::At)
    }

    pub(super) fn stats(&self) -> Stats {
        let counters = *self.counters.lock();
        let last_sequence = *self.durable.borrow();
        let cursor = *self.cursor.lock();
        let accounts = self.accounts.lock();
        let first = accounts.iter().find_map(|account| account.first);
        Stats {
            bytes: accounts.iter().map(|account| account.bytes).sum(),
            segments: accounts.len() as u64,
            first_sequence: first.unwrap_or(last_sequence + 1),
            last_sequence,
            cursor,
            records: counters.records,
            syncs: counters.syncs,
            last_sync: counters.last_sync,
            poisoned: counters.poisoned,
            queued_bytes: 0,
        }
    }

    /// What waits for the consumer.
    pub(super) fn waiting(&self) -> Waiting {
        let Stats { first_sequence, last_sequence, cursor, .. } = self.stats();
        let consumed = cursor.max(first_sequence.saturating_sub(1));
        let records = last_sequence.saturating_sub(consumed);
        if records == 0 {
            return Waiting::default();
        }
        let accounts = self.accounts.lock();
        let (segment, offset) = accounts.last().map_or((0, 0), |last| (last.number, last.bytes));
        let end = Mark { sequence: last_sequence + 1, time_ms: 0, segment, offset };
        let oldest = self.marks.lock().after(consumed, end);
        let place = |account: &&Account| oldest.is_none_or(|oldest| account.number >= oldest.segment);
        let bytes: u64 = accounts.iter().filter(place).map(|account| account.bytes).sum();
        let before = oldest.map_or(0, |oldest| oldest.offset);
        Waiting {
            records,
            bytes: bytes.saturating_sub(before),
            oldest_ms: oldest.map(|oldest| oldest.time_ms),
        }
    }

    /// Notes that part of a segment cannot be read: when it is done with, it is kept.
    pub(super) fn note_damage(&self, damage: &Damage) {
        if damage.cause == Cause::Removed {
            return;
        }
        let mut accounts = self.accounts.lock();
        if let Some(account) = accounts.iter_mut().find(|account| account.number == damage.segment) {
            account.is_damaged = true;
        }
    }

    /// Makes the cursor durable, then removes what lies wholly behind it.
    pub(super) fn advance(&self, sequence: u64) -> Result<(), CursorError> {
        if self.config.has_retention() {
            return Err(CursorError::Retention);
        }
        let durable = *self.durable.borrow();
        if sequence > durable {
            return Err(CursorError::Ahead { asked: sequence, durable });
        }
        let mut cursor = self.cursor.lock();
        if sequence <= *cursor {
            return Ok(());
        }
        cursor::write(&*self.disk, &self.dir, sequence)?;
        *cursor = sequence;
        self.marks.lock().pass(sequence);
        self.remove_while(|_, next| next.first.is_some_and(|first| first - 1 <= sequence));
        Ok(())
    }

    /// Removes old segments as far as the retention says.
    pub(super) fn retain(&self) {
        if !self.config.has_retention() {
            return;
        }
        let now = self.disk.now_ms();
        let age_ms = self.config.retention_age.map_or(u128::MAX, |age| age.as_millis());
        let bytes_max = self.config.retention_bytes.unwrap_or(u64::MAX);
        self.remove_while(|total, next| {
            total > bytes_max || u128::from(now.saturating_sub(next.created_ms)) > age_ms
        });
    }

    /// Removes segments from the oldest on, while the predicate says so of all bytes held and of the next segment
    /// whose header can be read.
    fn remove_while(&self, removable: impl Fn(u64, &Account) -> bool) {
        let mut accounts = self.accounts.lock();
        loop {
            let total = accounts.iter().map(|account| account.bytes).sum();
            let next = accounts.iter().skip(1).find(|account| account.first.is_some());
            if !next.is_some_and(|next| removable(total, next)) {
                return;
            }
            let Account { number, is_damaged, .. } = accounts[0];
            let path = segment::path(&self.dir, number);
            let gone = if is_damaged && !self.config.has_retention() {
                self.set_aside(number)
            } else {
                self.disk.unlink(&path)
            };
            match gone {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    tracing::warn!(path = %path.display(), %error, "old log segment cannot be removed yet");
                    return;
                }
                _ => accounts.remove(0),
            };
        }
    }

    /// Takes a segment out of the log and keeps it: what could not be read of it is nowhere else. After a power cut
    /// it may bear its old name again, and is set aside again.
    fn set_aside(&self, number: u64) -> std::io::Result<()> {
        let (from, name) = (segment::path(&self.dir, number), segment::set_aside_name(number));
        self.disk.rename(&from, &self.dir.join(&name))?;
        tracing::error!(
            dir = %self.dir.display(),
            name,
            "a segment that cannot be read in part is kept; remove it once nobody needs it"
        );
        Ok(())
    }
}
