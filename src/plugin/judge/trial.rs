//! Records that a person tries: judged as all are, by the same instances under the same limits, and counted nowhere.

use super::*;
use crate::plugin::allowance::thread_cpu_time;
use crate::plugin::check::{self, Expected};
use std::time::Instant;

impl Generation {
    /// As `judge`, for someone who wants to see what comes of a record: each is judged in a call of its own, and
    /// neither the breaker nor a metric nor the plugin's counts hear of it. An open breaker keeps nobody from trying.
    ///
    /// What the plugin logs is logged.
    pub async fn try_out(
        self: &Arc<Self>,
        route: usize,
        facts: Facts,
        batch: Arc<Batch>,
    ) -> (Judgement, Held) {
        let hear = move |generation: &Generation, records: &[Record]| {
            let held = Held::nothing(&generation.outputs, generation.limits.request_output_bytes_max);
            Trial { generation, route, facts: &facts, held, spent: Duration::ZERO }.run(records)
        };
        self.elsewhere(batch, Box::new(hear)).await
    }
}

struct Trial<'a> {
    generation: &'a Generation,
    route: usize,
    facts: &'a Facts,
    held: Held,
    /// Of `fault_budget_ms`, which is what judging records singly may take of a request.
    spent: Duration,
}

impl Trial<'_> {
    fn run(mut self, records: &[Record]) -> (Judgement, Held) {
        let mut judgement = Judgement::default();
        for (index, record) in records.iter().enumerate() {
            let (finding, table) = match &record.body {
                Body::Refused(refusal) => without(Finding::Verdict(Verdict::Reject(refusal.into()))),
                Body::Text(_) | Body::Bytes(_) => self.judge(record),
            };
            judgement.findings.push(finding);
            if !table.measurements.is_empty() {
                judgement.measurements.push(MeasurementTable { first: index, ..table });
            }
        }
        (judgement, self.held)
    }

    fn judge(&mut self, record: &Record) -> (Finding, MeasurementTable) {
        if let Some(failure) = self.obstacle() {
            return without(Finding::Failed(failure));
        }
        let begin = thread_cpu_time();
        let called = self.call(record);
        self.spent += thread_cpu_time().saturating_sub(begin);
        match called {
            Ok(mut answer) => match self.held.charge(output::answer_bytes(&answer)) {
                // Checked: it holds one.
                Ok(()) => (answer.findings.remove(0), answer.table),
                Err(failure) => without(Finding::Failed(failure)),
            },
            Err(CallError::Exhausted) => without(Finding::Failed(Failure::InstancesExhausted)),
            Err(CallError::Fault(fault)) => without(Finding::Fault(fault)),
        }
    }

    /// Why no record more can be judged.
    fn obstacle(&self) -> Option<Failure> {
        let generation = self.generation;
        let closed = generation.judges.is_closed().then_some(Failure::Draining);
        let spent = self.spent >= generation.limits.fault_budget;
        closed.or_else(|| spent.then_some(Failure::FaultBudgetSpent))
    }

    fn call(&self, record: &Record) -> Result<Answer, CallError> {
        let Trial { generation, route, facts, .. } = *self;
        let wait = Patience::Until(Instant::now() + generation.limits.call_time);
        let mut lease = generation.pool.take(wait).ok_or(CallError::Exhausted)??;
        let call = Call { route, facts, records: std::slice::from_ref(record) };
        let mut answer = lease.judge(generation.call_allowance(1), call)?;
        let expected =
            Expected { manifest: &generation.manifest, route, records: 1, limits: &generation.limits.answer };
        check::answer(&mut answer, &expected).map_err(CallError::Fault)?;
        lease.keep();
        Ok(answer)
    }
}

/// A finding with which nothing was measured.
fn without(finding: Finding) -> (Finding, MeasurementTable) {
    (finding, MeasurementTable::default())
}
