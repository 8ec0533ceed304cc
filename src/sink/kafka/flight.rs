//! Records of one request and topic on their way to the broker, and what was reported of each.

use super::lane::Lane;
use super::report::Refusal;
use crate::sink::log::{EntryTooLarge, Frames};
use crate::sink::shipment::{Delivered, Headers, Message, Undelivered, push};
use crate::verdict::Failure;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use tokio::sync::{Notify, OwnedSemaphorePermit};

/// Our own references to the records, until the last of them is reported.
#[derive(Debug)]
pub(super) struct Flight {
    lane: Weak<Lane>,
    pub headers: Headers,
    pub messages: Vec<Message>,
    /// What was reported of each; see `state`.
    reported: Box<[AtomicU8]>,
    /// Not reported yet.
    open: AtomicUsize,
    copy: Mutex<Copy>,
    changed: Notify,
    /// Its bytes of the budget in front of librdkafka, until it has landed.
    budget: Mutex<Option<OwnedSemaphorePermit>>,
    /// Whether its records may wait in the spool; otherwise an outage is answered.
    pub may_spool: bool,
}

/// What became of the copy in the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Copy {
    None,
    /// Which messages, and the sequence of the first of them; the others follow one by one.
    Stored {
        messages: Vec<u32>,
        first_sequence: u64,
    },
    Failed(Failure),
}

const OPEN: u8 = 0;
const DELIVERED: u8 = 1;
const REFUSALS: [(u8, Refusal); 5] = [
    (2, Refusal::TooLarge),
    (3, Refusal::Invalid),
    (4, Refusal::NoTopic),
    (5, Refusal::NotAuthorized),
    (6, Refusal::Unavailable),
];

fn state(result: Result<(), Refusal>) -> u8 {
    match result {
        Ok(()) => DELIVERED,
        Err(refusal) => {
            REFUSALS.iter().find(|(_, known)| *known == refusal).map_or(DELIVERED, |(state, _)| *state)
        }
    }
}

fn result(state: u8) -> Option<Result<(), Refusal>> {
    match state {
        OPEN => None,
        DELIVERED => Some(Ok(())),
        other => Some(Err(REFUSALS
            .iter()
            .find(|(state, _)| *state == other)
            .map_or(Refusal::Unavailable, |(_, refusal)| *refusal))),
    }
}

impl Flight {
    pub fn new(
        lane: &Arc<Lane>,
        headers: Headers,
        messages: Vec<Message>,
        may_spool: bool,
        budget: Option<OwnedSemaphorePermit>,
    ) -> Arc<Flight> {
        Arc::new(Flight {
            lane: Arc::downgrade(lane),
            reported: messages.iter().map(|_| AtomicU8::new(OPEN)).collect(),
            open: AtomicUsize::new(messages.len()),
            headers,
            messages,
            copy: Mutex::new(Copy::None),
            changed: Notify::new(),
            budget: Mutex::new(budget),
            may_spool,
        })
    }

    /// Notes what was reported of a message. What is reported a second time, by a producer that is gone, is late.
    pub fn report(&self, index: u32, report: Result<(), Refusal>) {
        let slot = &self.reported[index as usize];
        if slot.compare_exchange(OPEN, state(report), Ordering::AcqRel, Ordering::Acquire).is_err() {
            return;
        }
        if let Err(refusal) = report
            && let Some(lane) = self.lane.upgrade()
        {
            lane.note_refusal(refusal);
        }
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            *self.budget.lock() = None;
            self.changed.notify_waiters();
            if let Some(lane) = self.lane.upgrade() {
                if report.is_ok() {
                    lane.shared.heard();
                }
                lane.count(self.reports().flatten());
                lane.landed();
            }
        }
    }

    pub fn is_open(&self, index: u32) -> bool {
        self.reported[index as usize].load(Ordering::Acquire) == OPEN
    }

    /// How many messages are not reported yet.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// Every message was reported.
    pub fn has_landed(&self) -> bool {
        self.open() == 0
    }

    /// What was reported of each message; none: nothing yet.
    pub fn reports(&self) -> impl Iterator<Item = Option<Result<(), Refusal>>> + '_ {
        self.reported.iter().map(|slot| result(slot.load(Ordering::Acquire)))
    }

    /// Ends when every message was reported.
    pub async fn landed(&self) {
        self.until(|flight| flight.has_landed()).await;
    }

    /// Ends when every message was reported, or a copy of the others was made or could not be made.
    pub async fn settled(&self) {
        self.until(|flight| flight.has_landed() || *flight.copy.lock() != Copy::None).await;
    }

    async fn until(&self, holds: impl Fn(&Flight) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Enabled before the look, so that no change falls between the two.
            changed.as_mut().enable();
            if holds(self) {
                return;
            }
            changed.await;
        }
    }

    /// The messages that are not reported yet, as frames for the spool.
    pub fn frames(&self) -> Result<(Vec<u32>, Frames), EntryTooLarge> {
        let mut frames = Frames::default();
        let mut which = Vec::new();
        for (index, message) in (0..).zip(&self.messages) {
            if self.is_open(index) {
                push(&mut frames, &self.headers, message)?;
                which.push(index);
            }
        }
        Ok((which, frames))
    }

    pub fn copied(&self, copy: Copy) {
        *self.copy.lock() = copy;
        self.changed.notify_waiters();
    }

    pub fn copy(&self) -> Copy {
        self.copy.lock().clone()
    }

    /// What the request is told of each message: once settled, or at the deadline.
    pub fn answers(&self) -> Vec<Result<Delivered, Undelivered>> {
        let copy = self.copy();
        let stored = |index: u32| match &copy {
            Copy::Stored { messages, .. } if messages.binary_search(&index).is_ok() => Ok(Delivered::Stored),
            Copy::Failed(failure) => Err(Undelivered::Failed(*failure)),
            Copy::None | Copy::Stored { .. } => Err(Undelivered::Failed(Failure::SinkUnavailable)),
        };
        let answer = |(index, report)| match report {
            Some(Ok(())) => Ok(Delivered::Committed),
            Some(Err(refusal)) if Refusal::is_permanent(refusal) => Err(refusal.into()),
            Some(Err(refusal)) => stored(index).map_err(|_| refusal.into()),
            None => stored(index),
        };
        (0..).zip(self.reports()).map(answer).collect()
    }
}

impl From<Refusal> for Undelivered {
    fn from(refusal: Refusal) -> Undelivered {
        match refusal {
            Refusal::TooLarge => Undelivered::TooLarge,
            Refusal::Invalid => Undelivered::Invalid,
            Refusal::NoTopic | Refusal::NotAuthorized => Undelivered::Failed(Failure::SinkMisconfigured),
            Refusal::Unavailable => Undelivered::Failed(Failure::SinkUnavailable),
        }
    }
}
