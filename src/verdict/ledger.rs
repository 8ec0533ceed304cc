use super::{Failure, Outcome};

/// One line for each record of a batch, each to be settled exactly once.
///
/// Closing it with a line open, or settling a line twice, is a mistake of the gateway's own: it panics where
/// debug assertions are on, and elsewhere errs on the side of the producer, who is told to send again.
#[derive(Debug)]
#[must_use = "a ledger that is not closed loses the outcome of its records"]
pub struct Ledger {
    lines: Vec<Option<Outcome>>,
}

impl Ledger {
    pub fn open(records: usize) -> Ledger {
        Ledger { lines: vec![None; records] }
    }

    /// Settles the record at `index`.
    pub fn settle(&mut self, index: usize, outcome: Outcome) {
        debug_assert!(self.lines[index].is_none(), "record {index} is settled twice");
        let line = &mut self.lines[index];
        // Twice settled: only what makes the producer send again is safe to say.
        *line = Some(if line.is_some() { Outcome::Failed(Failure::SinkUnavailable) } else { outcome });
    }

    /// One outcome for each record, in order.
    pub fn close(self) -> Vec<Outcome> {
        debug_assert!(self.lines.iter().all(Option::is_some), "a record is left without an outcome");
        self.lines.into_iter().map(|line| line.unwrap_or(Outcome::Failed(Failure::SinkUnavailable))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_leaves_with_its_own_outcome() {
        let mut ledger = Ledger::open(2);
        ledger.settle(1, Outcome::Rejected(vec![].into()));
        ledger.settle(0, Outcome::Discarded);
        assert_eq!(ledger.close(), [Outcome::Discarded, Outcome::Rejected(vec![].into())]);
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "settled twice")]
    fn settling_a_record_twice_is_caught() {
        let mut ledger = Ledger::open(1);
        ledger.settle(0, Outcome::Discarded);
        ledger.settle(0, Outcome::Discarded);
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "without an outcome")]
    fn forgetting_a_record_is_caught() {
        let _ = Ledger::open(1).close();
    }
}
