//! Stops calling a plugin that faults on many different records, and tries it again after a while.

use super::Limits;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The window moves in so many steps: it is right to a tenth, and a step costs a lock.
const STEPS: u32 = 10;

/// Distinct faults remembered. A plugin that makes more in a window makes them so quickly that they cost little:
/// beyond that its share only looks smaller than it is.
const FAULTS_REMEMBERED_MAX: usize = 4_096;

pub(super) struct Breaker {
    limits: Limits,
    born: Instant,
    /// Records shown in the present step; the rest of the window is in `state`.
    shown: AtomicU64,
    /// When the present step ends, and, while it is not closed, zero: then every call looks at the state.
    /// In microseconds since `born`.
    look_at: AtomicU64,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    /// What was shown in the steps before, the oldest first.
    steps: VecDeque<u64>,
    step_end: Instant,
    /// The distinct records faulted on within the window, by hash, the oldest first.
    faults: VecDeque<(Instant, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Closed,
    Open {
        until: Instant,
    },
    /// One call is on its way; should it never come back, another one may try from then on.
    Probing {
        until: Instant,
    },
}

/// Whether a call may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Free,
    /// The one call that decides whether others may follow: `settle` is to be told how it went.
    Probe,
    /// It is not called for so long yet; zero while a probing call decides.
    Refused {
        pause: Duration,
    },
}

impl Breaker {
    pub fn new(limits: &Limits) -> Breaker {
        let now = Instant::now();
        let step = limits.breaker_window / STEPS;
        Breaker {
            limits: limits.clone(),
            born: now,
            shown: AtomicU64::new(0),
            look_at: AtomicU64::new(micros(step)),
            state: Mutex::new(State {
                phase: Phase::Closed,
                steps: VecDeque::new(),
                step_end: now + step,
                faults: VecDeque::new(),
            }),
        }
    }

    /// Asks whether so many records may be shown to the plugin.
    pub fn admit(&self, records: usize) -> Admission {
        let now = Instant::now();
        if micros(now - self.born) < self.look_at.load(Ordering::Relaxed) {
            self.shown.fetch_add(records as u64, Ordering::Relaxed);
            return Admission::Free;
        }
        let mut state = self.state.lock();
        let admission = match state.phase {
            Phase::Closed => Admission::Free,
            Phase::Open { until } | Phase::Probing { until } if now >= until => {
                state.phase = Phase::Probing { until: now + self.limits.breaker_pause };
                Admission::Probe
            }
            Phase::Open { until } => return Admission::Refused { pause: until - now },
            Phase::Probing { .. } => return Admission::Refused { pause: Duration::ZERO },
        };
        self.step(&mut state, now);
        self.shown.fetch_add(records as u64, Ordering::Relaxed);
        admission
    }

    /// Notes a fault over a record, by a hash of its bytes: a producer that sends one poison record over and
    /// over does not open the breaker.
    pub fn fault(&self, record: u64) {
        let now = Instant::now();
        let mut state = self.state.lock();
        self.step(&mut state, now);
        let window_start = now.checked_sub(self.limits.breaker_window);
        while state.faults.front().is_some_and(|(at, _)| Some(*at) < window_start) {
            state.faults.pop_front();
        }
        if state.faults.iter().any(|(_, known)| *known == record) {
            return;
        }
        state.faults.push_back((now, record));
        if state.faults.len() > FAULTS_REMEMBERED_MAX.max(self.limits.breaker_faults as usize) {
            state.faults.pop_front();
        }
        let shown = state.steps.iter().sum::<u64>() + self.shown.load(Ordering::Relaxed);
        let faults = state.faults.len() as u64;
        let share = faults * 100 >= u64::from(self.limits.breaker_share_percent) * shown;
        if state.phase == Phase::Closed && faults >= u64::from(self.limits.breaker_faults) && share {
            self.open(&mut state, now);
        }
    }

    /// How a probing call went: it closes the breaker unless as large a share of it faulted as opens it.
    pub fn settle(&self, shown: usize, faulted: usize) {
        let share = u64::from(self.limits.breaker_share_percent) * shown as u64;
        let (now, mut state) = (Instant::now(), self.state.lock());
        if faulted > 0 && faulted as u64 * 100 >= share {
            self.open(&mut state, now);
        } else {
            self.close(&mut state, now);
        }
    }

    /// How long it keeps calls away from now on, a probing one too. None: it does not.
    pub fn tripped(&self) -> Option<Duration> {
        if self.look_at.load(Ordering::Relaxed) != 0 {
            return None;
        }
        match self.state.lock().phase {
            Phase::Open { until } => Some(until.saturating_duration_since(Instant::now())),
            Phase::Closed | Phase::Probing { .. } => None,
        }
    }

    /// Whether it keeps calls away, or tries one.
    pub fn is_open(&self) -> bool {
        self.look_at.load(Ordering::Relaxed) == 0 && self.state.lock().phase != Phase::Closed
    }

    fn open(&self, state: &mut State, now: Instant) {
        state.phase = Phase::Open { until: now + self.limits.breaker_pause };
        self.look_at.store(0, Ordering::Relaxed);
    }

    fn close(&self, state: &mut State, now: Instant) {
        state.phase = Phase::Closed;
        state.faults.clear();
        state.steps.clear();
        self.shown.store(0, Ordering::Relaxed);
        self.begin_step(state, now);
    }

    /// Moves the window on.
    fn step(&self, state: &mut State, now: Instant) {
        if now < state.step_end {
            return;
        }
        let step = self.limits.breaker_window / STEPS;
        let passed = now.duration_since(state.step_end).as_micros() / step.as_micros().max(1);
        state.steps.push_back(self.shown.swap(0, Ordering::Relaxed));
        for _ in 0..passed.min(u128::from(STEPS)) {
            state.steps.push_back(0);
        }
        while state.steps.len() >= STEPS as usize {
            state.steps.pop_front();
        }
        self.begin_step(state, now);
    }

    fn begin_step(&self, state: &mut State, now: Instant) {
        state.step_end = now + self.limits.breaker_window / STEPS;
        if state.phase == Phase::Closed {
            self.look_at.store(micros(state.step_end - self.born), Ordering::Relaxed);
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker(pause: Duration) -> Breaker {
        Breaker::new(&Limits {
            breaker_faults: 3,
            breaker_share_percent: 50,
            breaker_window: Duration::from_secs(60),
            breaker_pause: pause,
            ..Limits::default()
        })
    }

    #[test]
    fn one_poison_record_sent_over_and_over_does_not_open_it() {
        let breaker = breaker(Duration::from_secs(60));
        for _ in 0..10 {
            assert_eq!(breaker.admit(1), Admission::Free);
            breaker.fault(7);
        }
        assert!(!breaker.is_open());
    }

    #[test]
    fn different_poison_records_open_it() {
        let breaker = breaker(Duration::from_secs(60));
        for record in 0..3 {
            assert_eq!(breaker.admit(1), Admission::Free);
            breaker.fault(record);
        }
        assert!(breaker.is_open());
        let paused = breaker.admit(1);
        let tells = |pause: Duration| pause > Duration::from_secs(50) && pause <= Duration::from_secs(60);
        assert!(matches!(paused, Admission::Refused { pause } if tells(pause)), "{paused:?}");
        assert!(breaker.tripped().is_some_and(tells));
    }

    #[test]
    fn a_small_share_of_faults_does_not_open_it() {
        let breaker = breaker(Duration::from_secs(60));
        let _ = breaker.admit(100);
        for record in 0..10 {
            breaker.fault(record);
        }
        assert!(!breaker.is_open());
    }

    #[test]
    fn one_call_probes_it_after_the_pause_and_decides() {
        let breaker = breaker(Duration::from_millis(30));
        for record in 0..3 {
            let _ = breaker.admit(1);
            breaker.fault(record);
        }
        assert_eq!(after_pause(&breaker), Admission::Probe);
        let beside = Admission::Refused { pause: Duration::ZERO };
        assert_eq!(breaker.admit(1), beside, "a second probe beside the first");
        breaker.settle(1, 1);
        assert!(breaker.is_open());
        assert_eq!(after_pause(&breaker), Admission::Probe);
        assert_eq!(after_pause(&breaker), Admission::Probe, "a probe that never came back blocks for ever");
        breaker.settle(10, 1);
        assert!(!breaker.is_open());
        assert_eq!(breaker.admit(1), Admission::Free);
    }

    fn after_pause(breaker: &Breaker) -> Admission {
        let end = Instant::now() + breaker.limits.breaker_pause;
        while Instant::now() < end {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        breaker.admit(1)
    }
}
