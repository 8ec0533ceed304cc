//! How long a guest may run: its own CPU time decides, so that a throttled container does not turn good plugins
//! into faulty ones; the wall clock only caps it.

use super::engine::TICK;
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// CPU time is capped by the wall clock at so many times as much: a container that is throttled to a tenth of a
/// core still gives a good plugin its due, and no request waits longer for a bad one.
pub(super) const WALL_FACTOR: u32 = 10;

/// The CPU time that the calling thread has used.
pub(super) fn thread_cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// The time of one call.
#[derive(Debug)]
pub(super) struct Allowance {
    cpu: Duration,
    started: Instant,
    /// The thread's CPU time at the start, as good as it is known. Reading it costs as much as a third of a
    /// small call, so it is read at the first tick only, which few calls live to see.
    cpu_at_start: Option<Duration>,
}

/// The call took longer than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("took more than {} ms", .allowed.as_millis())]
pub(super) struct Overdue {
    pub allowed: Duration,
}

impl Allowance {
    pub fn start(cpu: Duration) -> Allowance {
        Allowance { cpu, started: Instant::now(), cpu_at_start: None }
    }

    pub fn started(&self) -> Instant {
        self.started
    }

    /// Looked at by the running guest at each tick.
    pub fn check(&mut self) -> Result<(), Overdue> {
        let wall = self.started.elapsed();
        let cpu = thread_cpu_time();
        // At its first tick a guest has run for one tick at most: what the wall clock shows beyond was others'.
        let start = *self.cpu_at_start.get_or_insert_with(|| cpu.saturating_sub(wall.min(TICK)));
        let used = cpu.saturating_sub(start);
        if used >= self.cpu || wall >= self.cpu * WALL_FACTOR {
            return Err(Overdue { allowed: self.cpu });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spin(time: Duration) {
        let end = thread_cpu_time() + time;
        while thread_cpu_time() < end {}
    }

    #[test]
    fn a_thread_that_waits_uses_no_allowance() {
        let mut allowance = Allowance::start(Duration::from_millis(20));
        allowance.check().unwrap();
        std::thread::park_timeout(Duration::from_millis(60));
        assert_eq!(allowance.check(), Ok(()));
    }

    #[test]
    fn a_thread_that_works_uses_it_up() {
        let mut allowance = Allowance::start(Duration::from_millis(5));
        allowance.check().unwrap();
        spin(Duration::from_millis(6));
        assert_eq!(allowance.check().unwrap_err().to_string(), "took more than 5 ms");
    }

    #[test]
    fn waiting_ten_times_the_allowance_ends_it_all_the_same() {
        let mut allowance = Allowance::start(Duration::from_millis(2));
        allowance.check().unwrap();
        let until = Instant::now() + Duration::from_millis(21);
        while Instant::now() < until {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        assert!(allowance.check().is_err());
    }
}
