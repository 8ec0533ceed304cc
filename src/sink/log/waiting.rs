//! What of a log waits for its consumer, told from memory.

use std::collections::VecDeque;

/// What waits behind the cursor of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Records behind the cursor, damaged ones among them.
    pub records: u64,
    /// About how many bytes of the segments they take.
    pub bytes: u64,
    /// When the oldest of them arrived, in milliseconds since 1970, or up to a second before; `None` if there are
    /// none. While the cursor stands within a segment that was full when the log was opened, it is when the first
    /// record of the segment arrived: an age is never told too small.
    pub oldest_ms: Option<u64>,
}

/// A place in the log: its records from a sequence on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) sequence: u64,
    /// When the record of this sequence arrived.
    pub(super) time_ms: u64,
    pub(super) segment: u64,
    pub(super) offset: u64,
}

/// 32 KiB a log. When there are more, every other one goes: over a day they are then two or three minutes apart.
const MARKS_MAX: usize = 1_024;
/// A mark for each group would tell no more.
const MARK_INTERVAL_MS: u64 = 1_000;
const MARK_INTERVAL_BYTES: u64 = 1 << 20;

/// Places from the oldest on. Those before the cursor are forgotten, but for the last of them.
#[derive(Debug, Default)]
pub(super) struct Marks {
    marks: VecDeque<Mark>,
    /// How often there were too many: each time what lies between two is doubled, so that it is the same everywhere.
    doublings: u32,
}

impl Marks {
    /// Notes where a group begins, unless the last mark says nearly the same.
    pub(super) fn note(&mut self, mark: Mark) {
        let factor = 1_u64 << self.doublings.min(32);
        let says_as_much = |last: &Mark| {
            (last.segment == mark.segment || factor > 1)
                && mark.time_ms.abs_diff(last.time_ms) < MARK_INTERVAL_MS * factor
                && mark.offset.saturating_sub(last.offset) < MARK_INTERVAL_BYTES * factor
        };
        if self.marks.back().is_some_and(says_as_much) {
            return;
        }
        if self.marks.len() == MARKS_MAX {
            self.doublings += 1;
            let mut odd = false;
            self.marks.retain(|_| {
                odd = !odd;
                odd
            });
        }
        self.marks.push_back(mark);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Mark> {
        self.marks.iter()
    }

    /// Forgets what the cursor has passed.
    pub(super) fn pass(&mut self, cursor: u64) {
        while self.marks.get(1).is_some_and(|second| second.sequence <= cursor.saturating_add(1)) {
            self.marks.pop_front();
        }
        if self.marks.len() == 1 {
            self.doublings = 0;
        }
    }

    /// About where the record after the cursor lies, and when it arrived. `end` is where the next record will.
    pub(super) fn after(&self, cursor: u64, end: Mark) -> Option<Mark> {
        let wanted = cursor.saturating_add(1);
        let at = self.marks.partition_point(|mark| mark.sequence <= wanted).checked_sub(1);
        let Some(before) = at.and_then(|at| self.marks.get(at)) else {
            // Nothing is known that far back: the oldest that is.
            return self.marks.front().copied();
        };
        let next = self.marks.get(at.unwrap_or_default() + 1).copied().unwrap_or(end);
        let passed = wanted.saturating_sub(before.sequence);
        let between = next.sequence.saturating_sub(before.sequence).max(1);
        let share = |from: u64, to: u64| {
            let part = u128::from(to.saturating_sub(from)) * u128::from(passed) / u128::from(between);
            from.saturating_add(u64::try_from(part).unwrap_or(u64::MAX))
        };
        // Of what lies between two marks it is not known when it came, but not before the first of them.
        let time_ms = before.time_ms;
        let offset =
            if next.segment == before.segment { share(before.offset, next.offset) } else { before.offset };
        Some(Mark { sequence: wanted, time_ms, offset, segment: before.segment })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(sequence: u64, time_ms: u64, segment: u64, offset: u64) -> Mark {
        Mark { sequence, time_ms, segment, offset }
    }

    #[test]
    fn between_two_marks_bytes_go_by_the_share_of_the_records_and_time_by_the_first() {
        let mut marks = Marks::default();
        marks.note(mark(1, 10_000, 1, 8_192));
        marks.note(mark(101, 20_000, 1, 18_192));
        let end = mark(201, 30_000, 1, 28_192);
        assert_eq!(marks.after(0, end), Some(mark(1, 10_000, 1, 8_192)));
        assert_eq!(marks.after(50, end), Some(mark(51, 10_000, 1, 13_192)));
        assert_eq!(marks.after(100, end), Some(mark(101, 20_000, 1, 18_192)));
        assert_eq!(marks.after(150, end), Some(mark(151, 20_000, 1, 23_192)));
        marks.pass(99);
        assert_eq!(marks.after(99, end), Some(mark(100, 10_000, 1, 18_092)), "what is needed is kept");
        marks.pass(100);
        assert_eq!(marks.marks.len(), 1);
        assert_eq!(marks.after(0, end), Some(mark(101, 20_000, 1, 18_192)), "the oldest that is known");
    }

    #[test]
    fn however_many_groups_there_are_the_marks_are_bounded_and_in_order() {
        let mut marks = Marks::default();
        for number in 0..100_000 {
            marks.note(mark(number + 1, number * MARK_INTERVAL_MS, 1, number));
            assert!(marks.marks.len() <= MARKS_MAX);
        }
        assert!(marks.marks.iter().is_sorted_by_key(|mark| mark.sequence));
        assert_eq!(marks.marks[0].sequence, 1, "the oldest stays");
        let found = marks.after(50_000, mark(100_001, 100_000_000, 1, 100_000)).unwrap();
        let coarse = 100_000 * MARK_INTERVAL_MS / (MARKS_MAX as u64 / 4);
        assert!(found.time_ms.abs_diff(50_000 * MARK_INTERVAL_MS) <= coarse, "{found:?}");
        let before = marks.marks.len();
        let last = *marks.marks.back().unwrap();
        marks.note(Mark { sequence: 200_000, time_ms: last.time_ms + 1, ..last });
        assert_eq!(marks.marks.len(), before, "one that says nearly the same is none");
        marks.pass(100_000);
        assert_eq!((marks.marks.len(), marks.doublings), (1, 0), "it begins anew");
    }
}
