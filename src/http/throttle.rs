//! A line a second for what may happen ten thousand times in one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

#[derive(Debug)]
pub(super) struct Throttle {
    begun: Instant,
    /// The first second, counted from `begun`, in which a line may be written again.
    next: AtomicU64,
    withheld: AtomicU64,
}

impl Throttle {
    pub fn new() -> Throttle {
        Throttle { begun: Instant::now(), next: AtomicU64::new(0), withheld: AtomicU64::new(0) }
    }

    /// Whether it is time for a line; then with the number of those that were withheld since the last.
    pub fn turn(&self) -> Option<u64> {
        self.turn_at(self.begun.elapsed().as_secs())
    }

    fn turn_at(&self, second: u64) -> Option<u64> {
        let due = |next: u64| (next <= second).then_some(second + 1);
        if self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, due).is_ok() {
            return Some(self.withheld.swap(0, Ordering::Relaxed));
        }
        self.withheld.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_tells_of_those_withheld() {
        let throttle = Throttle::new();
        assert_eq!(throttle.turn_at(0), Some(0));
        assert_eq!(throttle.turn_at(0), None);
        assert_eq!(throttle.turn_at(0), None);
        assert_eq!(throttle.turn_at(5), Some(2));
        assert_eq!(throttle.turn_at(5), None);
        assert_eq!(throttle.turn_at(6), Some(1));
    }
}
