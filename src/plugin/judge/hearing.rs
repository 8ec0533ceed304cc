//! A batch on a judge's thread: call after call, and where one faults, a record at a time.
//!
//! Records at fault are found by judging each by itself, not by halving: with calls of 256 records (and of a few
//! thousand at the most, `call_records_max`), halving costs at least 17 calls for one poison record and, when it is
//! time that runs out, each of them takes the whole allowance of a call; a record by itself has a tenth of that, and
//! a good one takes a microsecond.

use super::*;
use crate::plugin::allowance::{WALL_FACTOR, thread_cpu_time};
use std::time::Instant;

/// How far the first call of a batch came before the batch went to another thread.
#[derive(Debug)]
pub(super) struct First {
    /// The breaker waits to hear how it went.
    pub probing: bool,
    /// It faulted: its records are judged one by one.
    pub faulted: Option<Fault>,
}

impl First {
    pub fn settle(&self, generation: &Generation, shown: usize, faulted: usize) {
        if self.probing {
            generation.breaker.settle(shown, faulted);
        }
    }
}

pub(super) struct Hearing<'a> {
    generation: &'a Generation,
    route: usize,
    facts: &'a Facts,
    records: &'a [Record],
    judgement: Judgement,
    budget: FaultBudget,
    held: Held,
    /// Why no more of the plugin's answers can be kept.
    full: Option<Failure>,
    /// Violations that are kept in full.
    listed: usize,
}

/// What a request may spend on finding its records at fault: calls that went well cost nothing of it.
struct FaultBudget {
    left: Duration,
    /// From the first fault on.
    wall_end: Option<Instant>,
    max: Duration,
}

impl<'a> Hearing<'a> {
    pub fn new(
        generation: &'a Generation,
        route: usize,
        facts: &'a Facts,
        records: &'a [Record],
        held: Held,
    ) -> Hearing<'a> {
        let max = generation.limits.fault_budget;
        let judgement = Judgement { findings: Vec::with_capacity(records.len()), measurements: Vec::new() };
        let budget = FaultBudget { left: max, wall_end: None, max };
        Hearing { generation, route, facts, records, judgement, budget, held, full: None, listed: 0 }
    }

    pub fn hear(mut self, mut first: Option<First>) -> (Judgement, Held) {
        let most = self.generation.limits.call_records_max.max(1);
        while self.judgement.findings.len() < self.records.len() {
            let at = self.judgement.findings.len();
            let closed = self.generation.judges.is_closed().then_some(Failure::Draining);
            if let Some(failure) = closed.or(self.full) {
                self.judgement.findings.extend(all_failed(&self.records[at..], failure).findings);
                break;
            }
            let run = next_run(self.records, at, most);
            self.judgement.findings.extend(refused(&self.records[at..run.start]));
            if !run.is_empty() {
                self.hear_run(run, first.take());
            }
        }
        (self.judgement, self.held)
    }

    fn hear_run(&mut self, run: Range<usize>, first: Option<First>) {
        let first = match first.map_or_else(|| self.admit(run.len()), Ok) {
            Ok(first) => first,
            Err(failure) => return self.fail(run.len(), failure),
        };
        let wanted = self.generation.call_allowance(run.len());
        let Some(allowed) = self.budget.allow(wanted) else {
            return self.fail(run.len(), Failure::FaultBudgetSpent);
        };
        let begin = thread_cpu_time();
        let result = match &first.faulted {
            Some(fault) => Err(CallError::Fault(fault.clone())),
            None => self.call(run.clone(), allowed),
        };
        let faulted = match result {
            Ok(answer) => {
                self.keep(&run, answer);
                0
            }
            Err(CallError::Exhausted) => return self.fail(run.len(), Failure::InstancesExhausted),
            Err(CallError::Fault(fault)) => {
                self.budget.spend(thread_cpu_time() - begin);
                if run.len() == 1 && fault.kind == FaultKind::Deadline && allowed < wanted {
                    // As in `step`: the budget's end is not the record's fault.
                    self.fail(1, Failure::FaultBudgetSpent);
                    0
                } else if run.len() == 1 {
                    self.keep_fault(run.start, fault);
                    1
                } else {
                    self.step(run.clone())
                }
            }
        };
        first.settle(self.generation, run.len(), faulted);
    }

    fn admit(&self, records: usize) -> Result<First, Failure> {
        match self.generation.breaker.admit(records) {
            Admission::Free => Ok(First { probing: false, faulted: None }),
            Admission::Probe => Ok(First { probing: true, faulted: None }),
            Admission::Refused { pause } => Err(breaker_open(pause)),
        }
    }

    /// Judges each record by itself while the budget lasts; returns how many faulted.
    fn step(&mut self, run: Range<usize>) -> usize {
        let mut faulted = 0;
        for at in run.clone() {
            let left = run.end - at;
            if let Some(failure) = self.obstacle() {
                self.fail(left, failure);
                break;
            }
            let wanted = self.generation.limits.record_time;
            let Some(allowed) = self.budget.allow(wanted) else {
                self.fail(left, Failure::FaultBudgetSpent);
                break;
            };
            let begin = thread_cpu_time();
            let result = self.call(at..at + 1, allowed);
            self.budget.spend(thread_cpu_time() - begin);
            match result {
                Ok(answer) => self.keep(&(at..at + 1), answer),
                Err(CallError::Exhausted) => self.fail(1, Failure::InstancesExhausted),
                // It had less time than a record may take: that is the budget's end, not the record's fault.
                Err(CallError::Fault(fault)) if fault.kind == FaultKind::Deadline && allowed < wanted => {
                    self.fail(1, Failure::FaultBudgetSpent);
                }
                Err(CallError::Fault(fault)) => {
                    faulted += 1;
                    self.keep_fault(at, fault);
                }
            }
        }
        faulted
    }

    /// Why no record more can be judged.
    fn obstacle(&self) -> Option<Failure> {
        let closed = self.generation.judges.is_closed().then_some(Failure::Draining);
        closed.or(self.full).or_else(|| self.generation.breaker.tripped().map(breaker_open))
    }

    fn call(&self, range: Range<usize>, allowed: Duration) -> Result<Answer, CallError> {
        let wait = Patience::Until(Instant::now() + self.generation.limits.call_time);
        let lease = self.generation.pool.take(wait).ok_or(CallError::Exhausted)??;
        let records = &self.records[range];
        self.generation.call(lease, allowed, Call { route: self.route, facts: self.facts, records })
    }

    /// Keeps an answer, if there is room for it; else its records fail.
    fn keep(&mut self, range: &Range<usize>, mut answer: Answer) {
        for finding in &mut answer.findings {
            if let Finding::Verdict(Verdict::Reject(rejection)) = finding {
                if self.listed >= Rejection::LISTED_MAX {
                    rejection.condense();
                } else {
                    self.listed += rejection.len();
                }
            }
        }
        if let Err(failure) = self.held.charge(output::answer_bytes(&answer)) {
            self.full = Some(failure);
            return self.fail(range.len(), failure);
        }
        self.judgement.findings.extend(answer.findings);
        if !answer.table.measurements.is_empty() {
            self.judgement.measurements.push(MeasurementTable { first: range.start, ..answer.table });
        }
    }

    fn keep_fault(&mut self, at: usize, fault: Fault) {
        let finding = self.generation.note_fault(&self.records[at], fault);
        match self.held.charge(output::findings_bytes(std::slice::from_ref(&finding))) {
            Ok(()) => self.judgement.findings.push(finding),
            Err(failure) => {
                self.full = Some(failure);
                self.fail(1, failure);
            }
        }
    }

    fn fail(&mut self, records: usize, failure: Failure) {
        self.judgement.findings.extend(std::iter::repeat_n(Finding::Failed(failure), records));
    }
}

impl FaultBudget {
    fn spend(&mut self, cpu: Duration) {
        self.left = self.left.saturating_sub(cpu);
        let max = self.max;
        self.wall_end.get_or_insert_with(|| Instant::now() + max * WALL_FACTOR);
    }

    /// What of the wanted time there is: all of it until something faulted.
    fn allow(&self, wanted: Duration) -> Option<Duration> {
        if self.wall_end.is_none() {
            return Some(wanted);
        }
        let in_time = self.wall_end.is_none_or(|end| Instant::now() < end);
        (in_time && !self.left.is_zero()).then(|| wanted.min(self.left))
    }
}
