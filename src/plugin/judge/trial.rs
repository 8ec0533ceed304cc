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
                Body::Refused(refusal) => (Finding::Verdict(Verdict::Reject(refusal.into())), None),
                Body::Text(_) | Body::Bytes(_) => match self.judge(record) {
                    Ok(mut answer) => (answer.findings.remove(0), Some(answer.table)),
                    Err(finding) => (finding, None),
                },
            };
            judgement.findings.push(finding);
            let table = table.filter(|table| !table.measurements.is_empty());
            judgement.measurements.extend(table.map(|table| MeasurementTable { first: index, ..table }));
        }
        (judgement, self.held)
    }

    /// The plugin's answer, which holds one finding, or why there is none.
    fn judge(&mut self, record: &Record) -> Result<Answer, Finding> {
        let generation = self.generation;
        if generation.judges.is_closed() {
            return Err(Finding::Failed(Failure::Draining));
        }
        if self.spent >= generation.limits.fault_budget {
            return Err(Finding::Failed(Failure::FaultBudgetSpent));
        }
        let begin = thread_cpu_time();
        let answer = self.call(record);
        self.spent += thread_cpu_time().saturating_sub(begin);
        let answer = answer.map_err(|error| match error {
            CallError::Exhausted => Finding::Failed(Failure::InstancesExhausted),
            CallError::Fault(fault) => Finding::Fault(fault),
        })?;
        match self.held.charge(output::answer_bytes(&answer)) {
            Ok(()) => Ok(answer),
            Err(failure) => Err(Finding::Failed(failure)),
        }
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
