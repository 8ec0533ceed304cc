//! Empties a lane's spool into the broker, in order, while new records queue behind.

use super::flight::{Copy, Flight};
use super::lane::{HANDOVER_TIME, Lane, Mode};
use super::report::Refusal;
use crate::record::RecordId;
use crate::sink::Message;
use crate::sink::log::{Entry, Log, Read, ReadError, Reader};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What is read, sent and waited for together.
const FLIGHT_BYTES: usize = 1 << 20;
const FLIGHT_RECORDS: usize = 4_096;
/// Flights under way: enough that the broker never waits for the disk, few enough for memory.
const FLIGHTS_MAX: usize = 8;
/// How often it is noted durably how far the drain has come: each time costs two syncs, and what was sent since
/// the last is sent again after a crash.
const NOTE_INTERVAL: Duration = Duration::from_millis(100);
/// How long the broker is left alone after it refused records of the spool.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);

/// Runs until the lane goes straight to the broker again. `originals` are those whose copies the spool begins with.
pub(super) async fn run(lane: Arc<Lane>, originals: Vec<Arc<Flight>>) {
    // While librdkafka holds the originals, sending copies would only make duplicates.
    lane.all_landed().await;
    let done = retire(&lane, &originals).await;
    drop(originals);
    lane.pace.begin();
    lane.turn(Mode::Draining);
    let Some(spool) = &lane.spool else { return };
    let from = spool.stats().cursor + 1;
    tracing::info!(topic = &*lane.topic, from, to = spool.stats().last_sequence, "spool is being drained");
    let drain = Drain {
        lane: lane.clone(),
        reader: Some(spool.reader(from)),
        flying: VecDeque::new(),
        done,
        drained: from - 1,
        noted: from - 1,
        noted_at: Instant::now(),
    };
    drain.run(spool).await;
}

/// The sequences of copies whose originals the broker has, or will never take.
async fn retire(lane: &Arc<Lane>, originals: &[Arc<Flight>]) -> BTreeSet<u64> {
    let mut done = BTreeSet::new();
    for flight in originals {
        let Copy::Stored { messages, first_sequence } = flight.copy() else { continue };
        let reports: Vec<_> = flight.reports().collect();
        for (sequence, index) in (first_sequence..).zip(messages) {
            match reports[index as usize] {
                Some(Ok(())) => drop(done.insert(sequence)),
                Some(Err(refusal)) if refusal.is_permanent() => {
                    lane.shared.quarantine(&flight.messages[index as usize], &flight.headers, refusal).await;
                    done.insert(sequence);
                }
                // Sent again from the spool.
                Some(Err(_)) | None => {}
            }
        }
    }
    done
}

struct Drain {
    lane: Arc<Lane>,
    /// Lent to a thread that may block while it reads.
    reader: Option<Reader>,
    flying: VecDeque<Aloft>,
    /// Behind the cursor's place, and not to be sent.
    done: BTreeSet<u64>,
    /// Everything up to it is with the broker.
    drained: u64,
    noted: u64,
    noted_at: Instant,
}

/// A flight of records from the spool.
struct Aloft {
    flight: Arc<Flight>,
    /// The last sequence that was read for it, skipped ones included.
    last: u64,
}

impl Drain {
    async fn run(mut self, spool: &Log) {
        let mut durable = spool.durable();
        loop {
            let more = self.fill().await;
            if self.flying.is_empty() {
                if !more && self.hand_over(spool).await {
                    return;
                }
                let last = self.drained;
                // Nothing to read and nothing to hand over yet: there is something new, or soon will be.
                let _ = tokio::time::timeout(HANDOVER_TIME, durable.wait_for(|end| *end > last)).await;
            } else {
                self.land().await;
                self.note(spool, NOTE_INTERVAL).await;
            }
        }
    }

    /// Back to the broker, if what is left can be sent while new records wait for a moment.
    async fn hand_over(&mut self, spool: &Log) -> bool {
        let deadline = Instant::now() + HANDOVER_TIME;
        self.lane.turn(Mode::Turning);
        let turned = self.lane.appended(deadline).await && self.send_rest(deadline).await;
        if turned && self.lane.turn_direct(self.drained) {
            self.note(spool, Duration::ZERO).await;
            return true;
        }
        self.lane.turn(Mode::Draining);
        false
    }

    /// Sends all that the spool has. False: it was not delivered by the deadline.
    async fn send_rest(&mut self, deadline: Instant) -> bool {
        loop {
            let more = self.fill().await;
            let Some(first) = self.flying.front() else { return !more };
            let landed = tokio::time::timeout_at(deadline, first.flight.landed()).await.is_ok();
            if !landed || failed(&first.flight) {
                return false;
            }
            self.retire_first().await;
        }
    }

    /// Sends until enough is under way. False: the spool has no more at present.
    async fn fill(&mut self) -> bool {
        while self.flying.len() < FLIGHTS_MAX {
            let Some(load) = self.read().await else { return false };
            let Load { messages, last } = load;
            if messages.is_empty() {
                self.drained_to(last);
                continue;
            }
            let flight = self.lane.fly(messages);
            self.flying.push_back(Aloft { flight, last });
        }
        true
    }

    async fn read(&mut self) -> Option<Load> {
        let mut reader = self.reader.take()?;
        let (lane, done) = (self.lane.clone(), std::mem::take(&mut self.done));
        let read = tokio::task::spawn_blocking(move || {
            let load = Load::read(&mut reader, &lane, &done);
            (reader, done, load)
        });
        // Lost only if the runtime ends.
        let (reader, done, load) = read.await.ok()?;
        (self.reader, self.done) = (Some(reader), done);
        match load {
            Ok(load) => (load.last > 0).then_some(load),
            Err(error) => {
                tracing::error!(topic = &*self.lane.topic, %error, "the spool cannot be read");
                tokio::time::sleep(REFUSED_PAUSE).await;
                None
            }
        }
    }

    /// Waits for the first flight under way. What it could not deliver is sent again, before anything later.
    async fn land(&mut self) {
        let Some(first) = self.flying.front() else { return };
        first.flight.landed().await;
        if !failed(&first.flight) {
            self.retire_first().await;
            return;
        }
        // What follows has been sent: it is waited for, so that what is sent again keeps its order.
        for aloft in &self.flying {
            aloft.flight.landed().await;
        }
        tokio::time::sleep(REFUSED_PAUSE).await;
        for aloft in std::mem::take(&mut self.flying) {
            match (self.again(&aloft).await, self.flying.back_mut()) {
                (Some(again), _) => self.flying.push_back(again),
                // All of it was delivered: it is done once what is before it is.
                (None, Some(before)) => before.last = aloft.last,
                (None, None) => self.drained_to(aloft.last),
            }
        }
    }

    async fn retire_first(&mut self) {
        let Some(aloft) = self.flying.pop_front() else { return };
        self.lane.pace.went_out(aloft.flight.messages.len());
        for (message, report) in aloft.flight.messages.iter().zip(aloft.flight.reports()) {
            if let Some(Err(refusal)) = report {
                self.lane.shared.quarantine(message, &aloft.flight.headers, refusal).await;
            }
        }
        self.drained_to(aloft.last);
    }

    /// Sends what of a flight was not delivered; none: all of it was, or never will be.
    async fn again(&self, aloft: &Aloft) -> Option<Aloft> {
        let (flight, mut messages) = (&aloft.flight, Vec::new());
        for (message, report) in flight.messages.iter().zip(flight.reports().collect::<Vec<_>>()) {
            match report {
                Some(Ok(())) => {}
                Some(Err(refusal)) if refusal.is_permanent() => {
                    self.lane.shared.quarantine(message, &flight.headers, refusal).await;
                }
                Some(Err(_)) | None => messages.push(message.clone()),
            }
        }
        (!messages.is_empty()).then(|| Aloft { flight: self.lane.fly(messages), last: aloft.last })
    }

    fn drained_to(&mut self, sequence: u64) {
        self.drained = self.drained.max(sequence);
        self.done = self.done.split_off(&(self.drained + 1));
    }

    /// Notes durably how far the drain has come, which frees what is behind.
    async fn note(&mut self, spool: &Log, interval: Duration) {
        if self.drained == self.noted || self.noted_at.elapsed() < interval {
            return;
        }
        let (lane, drained) = (self.lane.clone(), self.drained);
        let noted = tokio::task::spawn_blocking(move || {
            lane.spool.as_ref().map_or(Ok(()), |spool| spool.advance(drained))
        });
        self.noted_at = Instant::now();
        match noted.await {
            Ok(Ok(())) => self.noted = drained,
            Ok(Err(error)) => {
                tracing::warn!(topic = &*self.lane.topic, %error, last = spool.stats().last_sequence, "how far the spool is drained could not be noted");
            }
            Err(panicked) => tracing::error!(error = %panicked, "noting the drain panicked"),
        }
    }
}

fn failed(flight: &Flight) -> bool {
    flight.reports().any(|report| match report {
        Some(Err(refusal)) => !Refusal::is_permanent(refusal),
        Some(Ok(())) | None => false,
    })
}

/// What is read at once.
struct Load {
    messages: Vec<Message>,
    /// The last sequence that was read, also if it is not to be sent.
    last: u64,
}

impl Load {
    /// What comes next; nothing at the end.
    fn read(reader: &mut Reader, lane: &Lane, done: &BTreeSet<u64>) -> Result<Load, ReadError> {
        let mut load = Load { messages: Vec::new(), last: 0 };
        let mut bytes = 0;
        while bytes < FLIGHT_BYTES && load.messages.len() < FLIGHT_RECORDS {
            match reader.next() {
                Ok(Some(Read::Entry { sequence, entry })) => {
                    load.last = sequence;
                    if !done.contains(&sequence) {
                        let message = message(lane, entry);
                        bytes += message.bytes();
                        load.messages.push(message);
                    }
                }
                Ok(Some(Read::Damage(damage))) => {
                    tracing::error!(topic = &*lane.topic, %damage, "part of the spool cannot be read; it is left in place");
                }
                Ok(None) => break,
                // What was read so far is sent; the next look says the same if it lasts.
                Err(error) if load.last == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(load)
    }
}

fn message(lane: &Lane, entry: Entry) -> Message {
    Message {
        topic: lane.topic.clone(),
        id: RecordId { ulid: entry.id, part: entry.part },
        key: entry.key,
        value: entry.value,
        time_ms: entry.time_ms,
        headers: entry.headers,
        is_dead_letter: false,
    }
}
