//! The way of a batch through its plugin: in one call on the caller's thread where it is small and quick, on the
//! judges' threads otherwise; a record at a time where a call faulted.

mod call;
mod hearing;
mod trial;

use super::breaker::Admission;
use super::draft::{Answer, Call};
use super::guest::CallError;
use super::judges::Turn;
use super::output::{self, Held};
use super::pool::Patience;
use super::{Facts, Generation};
use crate::record::{Batch, Body, Record};
use crate::telemetry::Span;
use crate::verdict::{Failure, Fault, FaultKind, Finding, Judgement, MeasurementTable, Rejection, Verdict};
use hearing::{First, Hearing};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// What is judged on the caller's thread: so many records of so many bytes take well-behaved plugins less than
/// waking another thread does.
const INLINE_RECORDS_MAX: usize = 64;
const INLINE_BYTES_MAX: usize = 64 << 10;

/// What is done with a batch on a judge's thread.
type Hear = Box<dyn FnOnce(&Generation, &[Record]) -> (Judgement, Held) + Send>;

/// How a try on the caller's thread ended.
enum Inline {
    Done(Judgement),
    /// To be judged on another thread, and how far it came here.
    Elsewhere(Option<First>),
}

impl Generation {
    /// One finding for each record of the batch, in order.
    ///
    /// Never fails as a whole: a record that could not be judged is `Finding::Failed`, one that the plugin
    /// faulted on is `Finding::Fault`, and one that was refused before is rejected without a call. What comes
    /// with it stands for the memory of the findings: it is to be dropped with the last of them.
    pub async fn judge(self: &Arc<Self>, route: usize, facts: Facts, batch: Arc<Batch>) -> (Judgement, Held) {
        let mut held = Held::nothing(&self.outputs, self.limits.request_output_bytes_max);
        let first = match self.inline_range(&batch.records) {
            Some(range) if range.is_empty() => return (assemble(&batch.records, range, vec![], None), held),
            Some(range) if !self.is_slow() => {
                match self.judge_inline(route, &facts, &batch.records, range, &mut held) {
                    Inline::Done(judgement) => return (judgement, held),
                    Inline::Elsewhere(first) => first,
                }
            }
            _ => None,
        };
        self.judge_elsewhere(route, facts, batch, first, held).await
    }

    /// The records to judge on the caller's thread: all that are not refused, if they are few and stand together.
    fn inline_range(&self, records: &[Record]) -> Option<Range<usize>> {
        if records.len() > INLINE_RECORDS_MAX.min(self.limits.call_records_max) {
            return None;
        }
        let range = next_run(records, 0, records.len());
        let bytes: usize = records[range.clone()].iter().map(bytes_shown).sum();
        (bytes <= INLINE_BYTES_MAX && records[range.end..].iter().all(is_refused)).then_some(range)
    }

    fn judge_inline(
        &self,
        route: usize,
        facts: &Facts,
        batch: &[Record],
        range: Range<usize>,
        held: &mut Held,
    ) -> Inline {
        let records = &batch[range.clone()];
        let admission = self.breaker.admit(records.len());
        if let Admission::Refused { pause } = admission {
            return Inline::Done(failed(batch, range, breaker_open(pause)));
        }
        let mut first = First { probing: admission == Admission::Probe, faulted: None };
        let patience = if self.starts_slowly { Patience::IdleOnly } else { Patience::AtOnce };
        let Some(lease) = self.pool.take(patience) else { return Inline::Elsewhere(Some(first)) };
        let (whole, slice) = (self.call_allowance(records.len()), self.limits.slice_time);
        let call = Call { route, facts, records };
        match lease.and_then(|lease| self.call(lease, whole.min(slice), call)) {
            Ok(answer) => {
                first.settle(self, records.len(), 0);
                Inline::Done(match held.charge(output::answer_bytes(&answer)) {
                    Ok(()) => assemble(batch, range, answer.findings, Some(answer.table)),
                    Err(failure) => failed(batch, range, failure),
                })
            }
            Err(CallError::Exhausted) => Inline::Done(failed(batch, range, Failure::InstancesExhausted)),
            Err(CallError::Fault(fault)) if fault.kind == FaultKind::Deadline && slice < whole => {
                self.remember_slow();
                Inline::Elsewhere(Some(first))
            }
            Err(CallError::Fault(fault)) if records.len() == 1 => {
                first.settle(self, 1, 1);
                let finding = self.note_fault(&records[0], fault);
                Inline::Done(assemble(batch, range, vec![finding], None))
            }
            Err(CallError::Fault(fault)) => {
                first.faulted = Some(fault);
                Inline::Elsewhere(Some(first))
            }
        }
    }

    async fn judge_elsewhere(
        self: &Arc<Self>,
        route: usize,
        facts: Facts,
        batch: Arc<Batch>,
        first: Option<First>,
        held: Held,
    ) -> (Judgement, Held) {
        let hear = move |generation: &Generation, records: &[Record]| {
            Hearing::new(generation, route, &facts, records, held).hear(first)
        };
        self.elsewhere(batch, Box::new(hear)).await
    }

    /// Has a batch judged on a judge's thread.
    async fn elsewhere(self: &Arc<Self>, batch: Arc<Batch>, hear: Hear) -> (Judgement, Held) {
        let (tell, told) = tokio::sync::oneshot::channel();
        let (generation, records) = (self.clone(), batch.clone());
        // What the plugin logs there belongs to the same trace.
        let trace = Span::current();
        let work = Box::new(move |turn| {
            let _entered = trace.enter();
            let judged = match turn {
                Turn::InTime => hear(&generation, &records.records),
                Turn::TooLate => (all_failed(&records.records, Failure::JudgesBusy), Held::default()),
            };
            // The request may be gone; its records are not accepted then.
            let _ = tell.send(judged);
        });
        if let Err(failure) = self.judges.submit(&self.label, work) {
            return (all_failed(&batch.records, failure), Held::default());
        }
        told.await.unwrap_or_else(|_| (all_failed(&batch.records, self.judges.failure()), Held::default()))
    }
}

/// What the plugin is shown of a record.
fn bytes_shown(record: &Record) -> usize {
    let body = match &record.body {
        Body::Text(text) => text.len(),
        Body::Bytes(bytes) => bytes.len(),
        Body::Refused(_) => 0,
    };
    body + record.event.as_ref().map_or(0, |event| event.bytes())
}

fn is_refused(record: &Record) -> bool {
    matches!(record.body, Body::Refused(_))
}

/// The next records from `start` on that are not refused and stand together, at most so many.
fn next_run(records: &[Record], start: usize, max: usize) -> Range<usize> {
    let begin = start + records[start..].iter().take_while(|record| is_refused(record)).count();
    let length = records[begin..].iter().take(max).take_while(|record| !is_refused(record)).count();
    begin..begin + length
}

/// What is found for records that no plugin sees.
fn refused(records: &[Record]) -> impl Iterator<Item = Finding> + '_ {
    records.iter().map(|record| match &record.body {
        Body::Refused(refusal) => Finding::Verdict(Verdict::Reject(refusal.into())),
        Body::Text(_) | Body::Bytes(_) => Finding::Failed(Failure::JudgesBusy),
    })
}

/// The findings of the one call that was made, between those of refused records.
fn assemble(
    records: &[Record],
    range: Range<usize>,
    found: Vec<Finding>,
    table: Option<MeasurementTable>,
) -> Judgement {
    let findings = if range.len() == records.len() {
        found
    } else {
        let before = refused(&records[..range.start]);
        before.chain(found).chain(refused(&records[range.end..])).collect()
    };
    let measurements = table
        .filter(|table| !table.measurements.is_empty())
        .map(|table| MeasurementTable { first: range.start, ..table });
    Judgement { findings, measurements: measurements.into_iter().collect() }
}

fn failed(records: &[Record], range: Range<usize>, failure: Failure) -> Judgement {
    let found = vec![Finding::Failed(failure); range.len()];
    assemble(records, range, found, None)
}

fn breaker_open(pause: Duration) -> Failure {
    Failure::BreakerOpen { pause_ms: u64::try_from(pause.as_millis()).unwrap_or(u64::MAX) }
}

fn all_failed(records: &[Record], failure: Failure) -> Judgement {
    let fail = |record: &Record| match &record.body {
        Body::Refused(refusal) => Finding::Verdict(Verdict::Reject(refusal.into())),
        Body::Text(_) | Body::Bytes(_) => Finding::Failed(failure),
    };
    Judgement { findings: records.iter().map(fail).collect(), measurements: vec![] }
}
