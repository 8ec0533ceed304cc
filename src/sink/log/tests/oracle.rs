//! What must be true of a log, whatever the disk did: the model that a campaign compares it with.

use std::collections::{BTreeMap, HashMap};

use super::super::reader::{Read, Reader};
use super::super::recovery::{Cause, Recovery};
use super::super::{Appended, Entry, EntryRef, Frames};

/// Everything the campaign has done and was told.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    sent: HashMap<u128, Sent>,
    acked: BTreeMap<u64, u128>,
    /// The furthest that the cursor was ever asked to go.
    claimed: u64,
    /// How far it was said to be durable.
    advanced: u64,
    next_id: u128,
    /// Whether what was found after a restart must be found ever after. A sync that fails while the log is opened
    /// breaks that, as the next process cannot know of it, for what was never acknowledged.
    found_is_durable: bool,
    pub(super) counts: Counts,
}

#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counts {
    pub(super) sent: u64,
    pub(super) acked: u64,
    pub(super) refused: u64,
    pub(super) recovered: u64,
    pub(super) boots: u64,
    pub(super) failed_boots: u64,
    pub(super) poisoned: u64,
    pub(super) advances: u64,
    pub(super) removed: u64,
    pub(super) consumed: u64,
}

#[derive(Debug, Clone)]
struct Sent {
    time_ms: u64,
    part: Option<u16>,
    key: Option<Vec<u8>>,
    header: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
}

/// What a campaign found wrong.
pub(super) type Broken = String;

macro_rules! ensure {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            return Err(format!($($why)+));
        }
    };
}
pub(super) use ensure;

impl Oracle {
    pub(super) fn new(found_is_durable: bool) -> Self {
        Self { found_is_durable, ..Self::default() }
    }

    /// New frames with entries never sent before, and their ids.
    pub(super) fn send(
        &mut self,
        rng: &mut fastrand::Rng,
        entries: usize,
        value_max: usize,
    ) -> (Frames, Vec<u128>) {
        let mut frames = Frames::default();
        let mut ids = Vec::new();
        for _ in 0..entries {
            self.next_id += 1;
            let sent = Sent::random(rng, value_max);
            let headers: Vec<(&str, &[u8])> =
                sent.header.iter().map(|value| ("name", value.as_slice())).collect();
            let entry = EntryRef {
                time_ms: sent.time_ms,
                id: self.next_id,
                part: sent.part,
                key: sent.key.as_deref(),
                headers: &headers,
                value: sent.value.as_deref(),
            };
            frames.push(&entry).unwrap();
            ids.push(self.next_id);
            self.counts.sent += 1;
            self.sent.insert(self.next_id, sent);
        }
        (frames, ids)
    }

    pub(super) fn acknowledge(&mut self, appended: Appended, ids: &[u128]) -> Result<(), Broken> {
        ensure!(appended.count as usize == ids.len(), "{appended:?} acknowledges {} entries", ids.len());
        for (sequence, id) in (appended.first_sequence..).zip(ids) {
            let before = self.acked.insert(sequence, *id);
            ensure!(before.is_none_or(|before| before == *id), "sequence {sequence} is acknowledged twice");
            self.counts.acked += 1;
        }
        Ok(())
    }

    pub(super) fn claim(&mut self, sequence: u64) {
        self.claimed = self.claimed.max(sequence);
    }

    pub(super) fn advance(&mut self, sequence: u64) {
        self.advanced = self.advanced.max(sequence);
        self.counts.advances += 1;
    }

    /// After a restart: what is found must be what was sent, and no less than was acknowledged.
    pub(super) fn compare(&mut self, recovery: &Recovery, reader: &mut Reader) -> Result<(), Broken> {
        let cursor = recovery.cursor.consumed();
        ensure!(cursor <= self.claimed, "the cursor is at {cursor}, beyond all claims ({})", self.claimed);
        ensure!(cursor >= self.advanced, "the cursor is at {cursor}, and was durable at {}", self.advanced);
        let last_acked = self.acked.last_key_value().map_or(0, |(sequence, _)| *sequence);
        let last = recovery.last_sequence;
        ensure!(last >= last_acked, "the log ends at {last}, acknowledged was {last_acked}");
        let found = self.read_all(reader)?;
        for (sequence, id) in self.acked.range(cursor + 1..) {
            ensure!(
                found.get(sequence) == Some(id),
                "{sequence} (id {id}) was acknowledged, found {:?}",
                found.get(sequence)
            );
        }
        // A segment that was removed may be there again while its successor is not: names are lost one by one. What
        // it holds lies behind the cursor.
        for (sequence, id) in found.range(cursor + 1..) {
            let acked = self.acked.get(sequence);
            ensure!(
                acked.is_none_or(|acked| acked == id),
                "{sequence} is id {id}, acknowledged was {acked:?}"
            );
            if self.found_is_durable {
                self.acked.insert(*sequence, *id);
            }
        }
        self.counts.recovered += found.len() as u64;
        Ok(())
    }

    /// A consumer reads on while the log is being written: what it gets is durable, and stays what it is. Behind the
    /// cursor, where none reads that has a cursor, a removed segment may be there again without its successor, and
    /// with it what the successor had overridden.
    pub(super) fn consume(&mut self, reader: &mut Reader, entries_max: usize) -> Result<(), Broken> {
        for _ in 0..entries_max {
            match reader.next() {
                Ok(Some(Read::Entry { sequence, entry })) => {
                    let acked = self.acked.get(&sequence);
                    ensure!(
                        sequence <= self.advanced || acked.is_none_or(|acked| *acked == entry.id),
                        "a consumer got id {} at {sequence}, acknowledged was {acked:?}",
                        entry.id
                    );
                    self.counts.consumed += 1;
                }
                Ok(Some(Read::Damage(_))) => {}
                // The power may be off.
                Ok(None) | Err(_) => break,
            }
        }
        Ok(())
    }

    /// Reads to the end: sequences ascend, every entry was sent, none comes twice, nothing acknowledged is missing.
    pub(super) fn read_all(&self, reader: &mut Reader) -> Result<BTreeMap<u64, u128>, Broken> {
        let mut found = BTreeMap::new();
        let mut places = HashMap::new();
        while let Some(read) = reader.next().map_err(|error| format!("cannot read: {error}"))? {
            match read {
                Read::Entry { sequence, entry } => {
                    let last = found.last_key_value().map_or(0, |(last, _)| *last);
                    ensure!(sequence > last, "sequence {sequence} follows {last}");
                    let id = entry.id;
                    let sent = self.sent.get(&id);
                    ensure!(
                        sent.is_some_and(|sent| sent.is(&entry)),
                        "{entry:?} was never sent, but {sent:?}"
                    );
                    let before = places.insert(id, sequence);
                    ensure!(before.is_none(), "id {id} is at {before:?} and at {sequence}");
                    found.insert(sequence, id);
                }
                Read::Damage(damage) => {
                    let lost = self
                        .acked
                        .range(damage.first_missing..=damage.last_missing.max(damage.first_missing));
                    let lost = lost.filter(|(sequence, _)| **sequence > self.claimed).count();
                    let is_settled = damage.cause == Cause::Damaged && damage.last_missing > self.claimed;
                    ensure!(!(is_settled && self.found_is_durable), "a sound disk has damage: {damage}");
                    ensure!(
                        lost == 0 || damage.cause == Cause::Removed,
                        "{damage}: {lost} were acknowledged"
                    );
                }
            }
        }
        Ok(found)
    }
}

impl Sent {
    fn random(rng: &mut fastrand::Rng, value_max: usize) -> Self {
        let mut bytes = |max: usize| {
            let len = rng.usize(..=max);
            (0..len).map(|_| rng.u8(..)).collect::<Vec<u8>>()
        };
        let (key, header, value) = (bytes(20), bytes(30), bytes(value_max));
        Self {
            time_ms: rng.u64(..),
            part: rng.bool().then(|| rng.u16(..)),
            key: rng.bool().then_some(key),
            header: rng.bool().then_some(header),
            value: (rng.u8(..8) > 0).then_some(value),
        }
    }

    fn is(&self, entry: &Entry) -> bool {
        let header = entry.headers.first().map(|(name, value)| (name.as_str(), &value[..]));
        entry.time_ms == self.time_ms
            && entry.part == self.part
            && entry.key.as_deref() == self.key.as_deref()
            && header == self.header.as_deref().map(|value| ("name", value))
            && entry.headers.len() <= 1
            && entry.value.as_deref() == self.value.as_deref()
    }
}
