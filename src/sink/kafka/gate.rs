//! What is small is handed to librdkafka together.
//!
//! An idempotent producer has one batch of a partition on its way at a time, as soon as that holds more than a few
//! messages. What is handed over meanwhile is sent when it comes back, but librdkafka's thread does not sleep until
//! then: from `linger.ms` on it looks without a pause whether it may send, and takes half a processor from the broker's
//! answers. So what comes meanwhile waits here, which costs it no time, and one request carries it.

use std::mem::take;

/// From so many bytes on a batch is worth its own: nothing waits.
const ENOUGH_BYTES: usize = 64 << 10;

/// Counts what was handed over and has not landed, and keeps what comes meanwhile, in order.
#[derive(Debug)]
pub(super) struct Gate<T> {
    aloft: usize,
    waiting: Vec<T>,
    waiting_bytes: usize,
}

impl<T> Default for Gate<T> {
    fn default() -> Gate<T> {
        Gate { aloft: 0, waiting: Vec::new(), waiting_bytes: 0 }
    }
}

impl<T> Gate<T> {
    /// Takes a flight; gives those to hand over now, in order.
    #[must_use]
    pub fn pass(&mut self, flight: T, bytes: usize) -> Vec<T> {
        self.waiting.push(flight);
        self.waiting_bytes += bytes;
        if self.aloft == 0 || self.waiting_bytes >= ENOUGH_BYTES { self.open() } else { Vec::new() }
    }

    /// The same of one that does not wait.
    #[must_use]
    pub fn pass_now(&mut self, flight: T) -> Vec<T> {
        self.pass(flight, ENOUGH_BYTES)
    }

    /// One that was handed over has landed; gives those to hand over now.
    #[must_use]
    pub fn land(&mut self) -> Vec<T> {
        self.aloft = self.aloft.saturating_sub(1);
        if self.aloft == 0 { self.open() } else { Vec::new() }
    }

    /// Everything that waits, to be handed over.
    #[must_use]
    pub fn open(&mut self) -> Vec<T> {
        self.aloft += self.waiting.len();
        self.waiting_bytes = 0;
        take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_flight_goes_at_once_and_those_that_come_meanwhile_together() {
        let mut gate = Gate::default();
        assert_eq!(gate.pass(1, 200), [1]);
        assert!(gate.pass(2, 200).is_empty());
        assert!(gate.pass(3, 200).is_empty());
        assert_eq!(gate.land(), [2, 3]);
        assert!(gate.pass(4, 200).is_empty());
        assert!(gate.land().is_empty(), "another is still aloft");
        assert_eq!(gate.land(), [4]);
    }

    #[test]
    fn what_is_enough_for_a_batch_waits_for_nothing_and_takes_along_what_waits() {
        let mut gate = Gate::default();
        assert_eq!(gate.pass(1, 1), [1]);
        assert!(gate.pass(2, 1).is_empty());
        assert_eq!(gate.pass(3, ENOUGH_BYTES), [2, 3]);
        assert!(gate.land().is_empty());
    }

    #[test]
    fn what_was_let_out_counts_as_aloft() {
        let mut gate = Gate::default();
        assert_eq!(gate.pass(1, 1), [1]);
        assert!(gate.pass(2, 1).is_empty());
        assert_eq!(gate.open(), [2]);
        assert!(gate.pass(3, 1).is_empty());
        assert!(gate.land().is_empty());
        assert_eq!(gate.land(), [3]);
    }
}
