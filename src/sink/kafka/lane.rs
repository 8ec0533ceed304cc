//! The way of one topic's records: straight to the broker, or through the spool while it does not answer.
//!
//! Order per key is kept by one rule: while anything waits in the spool, everything goes there.

use super::Shared;
use super::drain;
use super::flight::{Copy, Flight};
use super::gate::Gate;
use super::lot::Lot;
use super::pace::Pace;
use super::report::Refusal;
use crate::sink::log::{Acknowledgement, AppendError, Frames, Log};
use crate::sink::shipment::{Delivered, Headers, Message, Undelivered, push};
use crate::telemetry::LaneGauge;
use crate::verdict::Failure;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// Copies that wait for the disk at a time while a spool is begun.
const COPIES_AT_A_TIME: usize = 16;

pub(super) struct Lane {
    pub topic: Arc<str>,
    /// None: the gateway has no spool.
    pub spool: Option<Log>,
    pub shared: Arc<Shared>,
    state: Mutex<State>,
    changed: Notify,
    pub pace: Pace,
    /// What empties the spool, so that it can be ended.
    task: Mutex<Option<AbortHandle>>,
    /// How many records were reported: delivered, then by `Refusal::ALL`.
    reported: [AtomicU64; 1 + Refusal::ALL.len()],
}

#[derive(Debug)]
struct State {
    mode: Mode,
    /// What librdkafka has, or will have, in order; the first has not landed.
    flights: VecDeque<Arc<Flight>>,
    gate: Gate<Arc<Flight>>,
    /// Appends of new records to the spool that are under way.
    appending: usize,
    alarm: Option<Refusal>,
}

/// Where new records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// To the broker.
    Direct,
    /// Nowhere for a moment: it is being decided.
    Turning,
    /// Into the spool: the broker does not answer.
    Spooling,
    /// Into the spool: it is being emptied.
    Draining,
}

impl Mode {
    fn as_str(self) -> &'static str {
        match self {
            Mode::Direct => LaneGauge::MODES[0],
            Mode::Turning => LaneGauge::MODES[1],
            Mode::Spooling => LaneGauge::MODES[2],
            Mode::Draining => LaneGauge::MODES[3],
        }
    }
}

/// Records that are on their way; `settle` waits for what becomes of them.
pub(super) enum Pending {
    Flying { flight: Arc<Flight>, lane: Arc<Lane>, deadline: Instant },
    Spooled { acknowledgement: Acknowledgement, guard: Appending, count: usize },
    Failed { failure: Failure, count: usize },
}

/// Counts an append to the spool for as long as it is under way.
pub(super) struct Appending(Arc<Lane>);

impl Drop for Appending {
    fn drop(&mut self) {
        self.0.state.lock().appending -= 1;
        self.0.changed.notify_waiters();
    }
}

impl Lane {
    /// A lane whose spool holds records begins by draining it.
    pub fn open(topic: Arc<str>, spool: Option<Log>, shared: Arc<Shared>) -> Arc<Lane> {
        let waiting = spool.as_ref().is_some_and(holds_records);
        let state = State {
            mode: if waiting { Mode::Draining } else { Mode::Direct },
            flights: VecDeque::new(),
            gate: Gate::default(),
            appending: 0,
            alarm: None,
        };
        let lane = Arc::new(Lane {
            topic,
            spool,
            shared,
            state: Mutex::new(state),
            changed: Notify::new(),
            pace: Pace::new(),
            task: Mutex::new(None),
            reported: Default::default(),
        });
        if waiting {
            lane.spawn(drain::run(lane.clone(), Vec::new()));
        }
        lane
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        *self.task.lock() = Some(tokio::spawn(task).abort_handle());
    }

    /// Nothing is on its way and nothing waits.
    pub fn is_empty(&self) -> bool {
        let state = self.state.lock();
        state.mode == Mode::Direct && state.flights.is_empty()
    }

    pub fn mode(&self) -> Mode {
        self.state.lock().mode
    }

    pub fn alarm(&self) -> Option<Refusal> {
        self.state.lock().alarm
    }

    /// Its writer has died, by a defect of ours: it takes nothing any more.
    pub fn has_dead_spool(&self) -> bool {
        self.spool.as_ref().is_some_and(|spool| !spool.is_open())
    }

    pub fn gauge(&self, now_ms: u64) -> LaneGauge {
        let (mode, in_flight) = {
            let state = self.state.lock();
            (state.mode, state.flights.iter().map(|flight| flight.open()).sum::<usize>())
        };
        let spool = self.spool.as_ref();
        let waiting = spool.map(Log::waiting).unwrap_or_default();
        LaneGauge {
            topic: self.topic.to_string(),
            mode: mode.as_str(),
            in_flight: in_flight as u64,
            spool_records: waiting.records,
            spool_bytes: waiting.bytes,
            spool_size: spool.map_or(0, |spool| spool.stats().bytes),
            spool_oldest_age: Duration::from_millis(
                waiting.oldest_ms.map_or(0, |oldest| now_ms.saturating_sub(oldest)),
            ),
            reported: self.reported(),
        }
    }

    fn reported(&self) -> Vec<(&'static str, u64)> {
        let names = std::iter::once("").chain(Refusal::ALL.iter().map(|refusal| refusal.as_str()));
        let counts = self.reported.iter().map(|count| count.load(Ordering::Relaxed));
        // What never happened is no series, but for the one that everybody asks for.
        names.zip(counts).filter(|(name, count)| name.is_empty() || *count > 0).collect()
    }

    /// Counts what was reported of a flight that has landed.
    pub fn count(&self, reports: impl Iterator<Item = Result<(), Refusal>>) {
        let mut counts = [0; 1 + Refusal::ALL.len()];
        for report in reports {
            let place = report.map_or_else(|refusal| 1 + refusal as usize, |()| 0);
            counts[place] += 1;
        }
        for (all, count) in self.reported.iter().zip(counts) {
            all.fetch_add(count, Ordering::Relaxed);
        }
    }

    pub fn clear_alarm(&self) {
        if self.state.lock().alarm.take().is_some() {
            tracing::info!(topic = &*self.topic, "kafka takes the topic's records again");
        }
    }

    /// Begins the delivery of a lot; the order of these calls is the order of its records. It is held back until
    /// `held_until` at most where a drain has to gain on it.
    pub async fn begin(self: &Arc<Self>, headers: &Headers, lot: Lot, held_until: Instant) -> Pending {
        let deadline = Instant::now() + self.shared.config.produce_timeout;
        let count = lot.messages.len();
        loop {
            if self.alarm().is_some_and(Refusal::is_misconfiguration) || self.shared.is_refused() {
                return Pending::Failed { failure: Failure::SinkMisconfigured, count };
            }
            match self.mode() {
                Mode::Direct => {
                    let Some(budget) = self.shared.room_for(lot.bytes, deadline).await else {
                        if self.turn_to_spool(lot.may_spool) {
                            continue;
                        }
                        self.note_silence();
                        return Pending::Failed { failure: Failure::SinkUnavailable, count };
                    };
                    let mut state = self.state.lock();
                    if state.mode != Mode::Direct {
                        continue;
                    }
                    let flight =
                        Flight::new(self, headers.clone(), lot.messages, lot.may_spool, Some(budget));
                    state.flights.push_back(flight.clone());
                    let handed = state.gate.pass(flight.clone(), lot.bytes);
                    drop(state);
                    self.shared.send(&handed);
                    return Pending::Flying { flight, lane: self.clone(), deadline };
                }
                Mode::Turning => self.turned().await,
                Mode::Spooling | Mode::Draining if !lot.may_spool => {
                    return Pending::Failed { failure: Failure::SinkUnavailable, count };
                }
                mode @ (Mode::Spooling | Mode::Draining) => {
                    if mode == Mode::Draining && !self.come_in(count, held_until).await {
                        continue;
                    }
                    if let Some(pending) = self.append(headers, &lot) {
                        return pending;
                    }
                }
            }
        }
    }

    /// Waits until the drain has gained enough on so many records. False: the lane has turned meanwhile.
    async fn come_in(&self, count: usize, until: Instant) -> bool {
        tokio::select! {
            () = self.pace.come_in(count, until) => true,
            () = self.wait_while(|state| state.mode == Mode::Draining) => false,
        }
    }

    /// None: the lane has turned meanwhile.
    fn append(self: &Arc<Self>, headers: &Headers, lot: &Lot) -> Option<Pending> {
        let count = lot.messages.len();
        let mut frames = Frames::with_capacity(lot.bytes);
        for message in &lot.messages {
            if push(&mut frames, headers, message).is_err() {
                return Some(Pending::Failed { failure: Failure::SinkUnavailable, count });
            }
        }
        if let Some(sentence) = self.shared.spools_are_full(frames.bytes()) {
            self.shared.note_silence(sentence);
            return Some(Pending::Failed { failure: Failure::SinkFull, count });
        }
        let mut state = self.state.lock();
        let spool = self.spool.as_ref()?;
        if !matches!(state.mode, Mode::Spooling | Mode::Draining) {
            return None;
        }
        state.appending += 1;
        let guard = Appending(self.clone());
        // Queued under the lock: the order of the spool is the order of the lane.
        let acknowledgement = spool.append(frames);
        drop(state);
        Some(Pending::Spooled { acknowledgement, guard, count })
    }

    /// Ends when the lane may have turned.
    async fn turned(&self) {
        self.wait_while(|state| state.mode == Mode::Turning).await;
    }

    async fn wait_while(&self, holds: impl Fn(&mut State) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if !holds(&mut self.state.lock()) {
                return;
            }
            changed.await;
        }
    }

    /// The broker has not answered in time. False: there is no spool to turn to.
    fn turn_to_spool(self: &Arc<Self>, may_spool: bool) -> bool {
        if self.spool.is_none() {
            return false;
        }
        let mut state = self.state.lock();
        if state.mode == Mode::Direct {
            state.mode = Mode::Turning;
            let handed = state.gate.open();
            drop(state);
            self.shared.send(&handed);
            tracing::warn!(topic = &*self.topic, "kafka does not answer; records go to the spool");
            self.spawn(self.clone().begin_spool());
        }
        may_spool
    }

    /// Makes a copy of all that librdkafka holds, in order; what is new then follows it.
    async fn begin_spool(self: Arc<Self>) {
        let flights: Vec<Arc<Flight>> = self.state.lock().flights.iter().cloned().collect();
        let mut copies = VecDeque::new();
        for flight in &flights {
            if !flight.may_spool {
                flight.copied(Copy::Failed(Failure::SinkUnavailable));
                continue;
            }
            copies.push_back((flight.clone(), self.copy(flight)));
            if copies.len() >= COPIES_AT_A_TIME
                && let Some((flight, copy)) = copies.pop_front()
            {
                flight.copied(copied(copy).await);
            }
        }
        for (flight, copy) in copies {
            flight.copied(copied(copy).await);
        }
        self.turn(Mode::Spooling);
        drain::run(self, flights).await;
    }

    fn copy(&self, flight: &Flight) -> Result<(Vec<u32>, Acknowledgement), Failure> {
        let spool = self.spool.as_ref().ok_or(Failure::SinkUnavailable)?;
        let (which, frames) = flight.frames().map_err(|_| Failure::SinkUnavailable)?;
        if let Some(sentence) = self.shared.spools_are_full(frames.bytes()) {
            self.shared.note_silence(sentence);
            return Err(Failure::SinkFull);
        }
        Ok((which, spool.append(frames)))
    }

    pub fn turn(&self, mode: Mode) {
        self.state.lock().mode = mode;
        self.changed.notify_waiters();
    }

    /// Back to the broker, if nothing is on its way to the spool or lies in it beyond `drained`.
    pub fn turn_direct(&self, drained: u64) -> bool {
        let mut state = self.state.lock();
        let empty = self.spool.as_ref().is_none_or(|spool| spool.stats().last_sequence <= drained);
        let turns = empty && state.appending == 0 && state.flights.is_empty();
        if turns {
            state.mode = Mode::Direct;
            state.alarm = None;
            drop(state);
            self.changed.notify_waiters();
            tracing::info!(topic = &*self.topic, "spool is drained; records go to kafka again");
        }
        turns
    }

    /// Ends when no append of new records to the spool is under way, or at the deadline.
    pub async fn appended(&self, deadline: Instant) -> bool {
        let idle = self.wait_while(|state| state.appending > 0);
        tokio::time::timeout_at(deadline, idle).await.is_ok()
    }

    /// Ends when librdkafka has nothing of this lane.
    pub async fn all_landed(&self) {
        self.wait_while(|state| !state.flights.is_empty()).await;
    }

    /// Sends records of the spool.
    pub fn fly(self: &Arc<Self>, messages: Vec<Message>) -> Arc<Flight> {
        let flight = Flight::new(self, Headers::default(), messages, true, None);
        let mut state = self.state.lock();
        state.flights.push_back(flight.clone());
        let handed = state.gate.pass_now(flight.clone());
        drop(state);
        self.shared.send(&handed);
        flight
    }

    /// A flight has landed.
    pub fn landed(&self) {
        let mut state = self.state.lock();
        while state.flights.front().is_some_and(|flight| flight.has_landed()) {
            state.flights.pop_front();
        }
        let handed = state.gate.land();
        let wakes = state.flights.is_empty() && state.mode != Mode::Direct;
        drop(state);
        self.shared.send(&handed);
        if wakes {
            self.changed.notify_waiters();
        }
    }

    /// Ends the drain and gives the number of records that stay in the spool.
    pub fn close(&self) -> Option<u64> {
        if let Some(task) = self.task.lock().take() {
            task.abort();
        }
        let stats = self.spool.as_ref()?.stats();
        Some(stats.last_sequence.saturating_sub(stats.cursor.max(stats.first_sequence.saturating_sub(1))))
    }

    /// What has not been reported, in order, for a producer that takes the place of another: it is handed all of it.
    pub fn hand_over(&self) -> Vec<Arc<Flight>> {
        let mut state = self.state.lock();
        drop(state.gate.open());
        state.flights.iter().cloned().collect()
    }

    /// The broker has not answered in time, and there is no spool.
    fn note_silence(&self) {
        if self.spool.is_none() {
            self.shared.note_silence(self.shared.sentence(&self.topic, Refusal::Unavailable));
        }
    }

    fn note_append<T>(&self, result: &Result<T, AppendError>) {
        match result {
            Ok(_) => self.shared.heard(),
            // Many at once: the next one may be taken.
            Err(AppendError::Overloaded { .. } | AppendError::TooLarge { .. }) => {}
            Err(error) => {
                let topic = &self.topic;
                let sentence =
                    format!("kafka does not answer, and the spool of topic '{topic}' takes nothing: {error}");
                self.shared.note_silence(sentence);
            }
        }
    }

    pub fn note_refusal(&self, refusal: Refusal) {
        if !refusal.is_misconfiguration() {
            return;
        }
        let before = self.state.lock().alarm.replace(refusal);
        if before != Some(refusal) {
            tracing::error!(
                topic = &*self.topic,
                reason = self.shared.sentence(&self.topic, refusal),
                "kafka refuses records"
            );
            self.shared.watch_alarms();
        }
    }
}

async fn copied(copy: Result<(Vec<u32>, Acknowledgement), Failure>) -> Copy {
    match copy {
        Err(failure) => Copy::Failed(failure),
        Ok((messages, acknowledgement)) => match acknowledgement.await {
            Ok(appended) => Copy::Stored { messages, first_sequence: appended.first_sequence },
            Err(error) => Copy::Failed(failed(&error)),
        },
    }
}

fn failed(error: &AppendError) -> Failure {
    match error {
        AppendError::Overloaded { .. } | AppendError::TooLarge { .. } => Failure::SinkOverloaded,
        AppendError::Full(_) => Failure::SinkFull,
        // Its writer has died: the lane is not open any more when the gateway is closed.
        AppendError::Closed | AppendError::Disk(_) => Failure::SinkUnavailable,
    }
}

fn holds_records(spool: &Log) -> bool {
    let stats = spool.stats();
    stats.last_sequence > stats.cursor && stats.last_sequence >= stats.first_sequence
}

impl Pending {
    pub async fn settle(self) -> Vec<Result<Delivered, Undelivered>> {
        match self {
            Pending::Failed { failure, count } => vec![Err(Undelivered::Failed(failure)); count],
            Pending::Spooled { acknowledgement, guard, count } => {
                let result = acknowledgement.await;
                guard.0.note_append(&result);
                drop(guard);
                let each =
                    result.map(|_| Delivered::Stored).map_err(|error| Undelivered::Failed(failed(&error)));
                vec![each; count]
            }
            Pending::Flying { flight, lane, deadline } => {
                if tokio::time::timeout_at(deadline, flight.settled()).await.is_err()
                    && !lane.shared.is_refused()
                    && lane.turn_to_spool(flight.may_spool)
                {
                    // The disk answers or fails: it does not hang for longer than the log's own patience.
                    flight.settled().await;
                } else if !flight.has_landed() {
                    lane.note_silence();
                }
                flight.answers()
            }
        }
    }
}

/// How long a lane may keep new records waiting for its turn back to the broker.
pub(super) const HANDOVER_TIME: Duration = Duration::from_millis(500);
