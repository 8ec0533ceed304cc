//! What is remembered: bounded in entries, bytes and time. Pure: it is told the time.

use super::Config;
use super::key::Digest;
use crate::http::answer::Kept;
use crate::pipeline::{Earlier, earlier_bytes};
use crate::telemetry::KeysGauge;
use std::collections::{BTreeMap, HashMap};

/// What an entry takes beside what it remembers: two hashes, its places in the two maps.
const ENTRY_BYTES: usize = 256;

/// What is remembered of a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// Its final answer.
    Answer(Kept),
    /// It failed, and this was settled.
    Partly(Earlier),
}

/// What a request finds under its key.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// It is to be done, but for what an earlier try settled. The key is in progress from now on.
    Free(Option<Earlier>),
    Answered(Kept),
    InProgress,
    OtherBody,
}

pub(super) struct Store {
    entries: HashMap<Digest, Entry>,
    /// Those that are not in progress, oldest first.
    kept: BTreeMap<u64, Digest>,
    next_turn: u64,
    bytes: usize,
    entries_max: usize,
    bytes_max: usize,
    expiry_ms: u64,
}

struct Entry {
    fingerprint: Digest,
    state: State,
}

enum State {
    /// Bounded by the requests in flight, and never forgotten: two of them would produce twice.
    InProgress,
    Kept {
        what: What,
        bytes: usize,
        since_ms: u64,
        /// Its place in `kept`.
        turn: u64,
    },
}

impl Store {
    pub fn new(config: &Config) -> Store {
        Store {
            entries: HashMap::new(),
            kept: BTreeMap::new(),
            next_turn: 0,
            bytes: 0,
            entries_max: config.entries_max,
            bytes_max: config.bytes_max,
            expiry_ms: u64::try_from(config.expiry.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Looks a request up, and puts its key in progress where it is to be done.
    pub fn begin(&mut self, scope: Digest, fingerprint: Digest, now_ms: u64) -> Found {
        self.expire(now_ms);
        let earlier = match self.entries.get(&scope) {
            None => None,
            Some(entry) if entry.fingerprint != fingerprint => return Found::OtherBody,
            Some(Entry { state: State::InProgress, .. }) => return Found::InProgress,
            Some(Entry { state: State::Kept { what: What::Answer(kept), .. }, .. }) => {
                return Found::Answered(kept.clone());
            }
            Some(Entry { state: State::Kept { what: What::Partly(earlier), .. }, .. }) => {
                Some(earlier.clone())
            }
        };
        self.remove(&scope);
        self.entries.insert(scope, Entry { fingerprint, state: State::InProgress });
        Found::Free(earlier)
    }

    /// Ends what is in progress. None: the key is free again.
    pub fn end(&mut self, scope: &Digest, what: Option<What>, now_ms: u64) {
        let Some(&Entry { fingerprint, state: State::InProgress }) = self.entries.get(scope) else { return };
        self.entries.remove(scope);
        if let Some(what) = what {
            self.keep(*scope, fingerprint, what, now_ms);
        }
        self.expire(now_ms);
    }

    /// Takes in what another process remembered; the oldest come first.
    pub fn restore(&mut self, scope: Digest, fingerprint: Digest, what: What, since_ms: u64, now_ms: u64) {
        if !self.entries.contains_key(&scope) {
            self.keep(scope, fingerprint, what, since_ms);
            self.expire(now_ms);
        }
    }

    fn keep(&mut self, scope: Digest, fingerprint: Digest, what: What, since_ms: u64) {
        let bytes = ENTRY_BYTES
            + match &what {
                What::Answer(kept) => kept.body.len(),
                What::Partly(earlier) => earlier_bytes(earlier),
            };
        let turn = self.next_turn;
        self.next_turn += 1;
        self.bytes += bytes;
        self.kept.insert(turn, scope);
        self.entries.insert(scope, Entry { fingerprint, state: State::Kept { what, bytes, since_ms, turn } });
        // The newest stays, whatever it takes: its client is the likeliest to come again.
        while self.kept.len() > 1 && (self.kept.len() > self.entries_max || self.bytes > self.bytes_max) {
            self.remove_oldest();
        }
    }

    /// All are remembered for the same time: the oldest go first.
    fn expire(&mut self, now_ms: u64) {
        while let Some(oldest) = self.kept.values().next()
            && let Some(Entry { state: State::Kept { since_ms, .. }, .. }) = self.entries.get(oldest)
            && since_ms.saturating_add(self.expiry_ms) <= now_ms
        {
            self.remove_oldest();
        }
    }

    fn remove_oldest(&mut self) {
        if let Some(scope) = self.kept.values().next().copied() {
            self.remove(&scope);
        }
    }

    fn remove(&mut self, scope: &Digest) {
        if let Some(Entry { state: State::Kept { bytes, turn, .. }, .. }) = self.entries.remove(scope) {
            self.bytes -= bytes;
            self.kept.remove(&turn);
        }
    }

    /// What is remembered with its scope, its fingerprint, and since when: the oldest first.
    pub fn kept(&self) -> impl Iterator<Item = (&Digest, &Digest, &What, u64)> {
        self.kept.values().filter_map(|scope| match self.entries.get(scope)? {
            Entry { fingerprint, state: State::Kept { what, since_ms, .. } } => {
                Some((scope, fingerprint, what, *since_ms))
            }
            Entry { state: State::InProgress, .. } => None,
        })
    }

    pub fn gauge(&self) -> KeysGauge {
        KeysGauge { entries: self.entries.len() as u64, bytes: self.bytes as u64 }
    }
}
