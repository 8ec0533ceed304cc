//! A few lines a second for what may happen ten thousand times in one.

use parking_lot::Mutex;
use std::time::Instant;

#[derive(Debug)]
pub(super) struct Throttle {
    begun: Instant,
    lines_per_second: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Counted from `begun`.
    second: u64,
    /// Written in it.
    lines: u32,
    /// Since the last line.
    withheld: u64,
}

impl Throttle {
    pub fn new(lines_per_second: u32) -> Throttle {
        Throttle { begun: Instant::now(), lines_per_second, state: Mutex::default() }
    }

    /// Whether a line may be written; then with the number of those that were withheld since the last.
    pub fn turn(&self) -> Option<u64> {
        self.turn_in(self.begun.elapsed().as_secs())
    }

    fn turn_in(&self, second: u64) -> Option<u64> {
        let mut state = self.state.lock();
        if second > state.second {
            *state = State { second, lines: 0, withheld: state.withheld };
        }
        if state.lines == self.lines_per_second {
            state.withheld += 1;
            return None;
        }
        state.lines += 1;
        Some(std::mem::take(&mut state.withheld))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lines_of_a_second_are_written_and_tell_of_those_withheld() {
        let throttle = Throttle::new(2);
        let turns: Vec<_> = [0, 0, 0, 0, 5, 5, 5, 6].iter().map(|second| throttle.turn_in(*second)).collect();
        assert_eq!(turns, [Some(0), Some(0), None, None, Some(2), Some(0), None, Some(1)]);
    }
}
