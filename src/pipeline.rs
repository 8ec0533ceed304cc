//! The straight path over a batch: judge, deliver, settle, measure. No vendor types.

mod atomic;
mod count;
mod letter;
mod plan;
mod resume;
mod trace;

pub use resume::{Earlier, bytes as earlier_bytes};

use crate::plugin::{Facts, Generation, Held, OnInvalid, RoutePolicy};
use crate::record::{Batch, RecordId, Shape};
use crate::sink::Sink;
use crate::telemetry::{JudgeFacts, Metrics, Parent, Span};
use crate::verdict::{Ledger, Outcome};
use plan::{Plan, Times};
use resume::Resumed;
use std::sync::Arc;
use trace::Sends;

/// What the path needs of the gateway. Cheap to clone.
#[derive(Clone)]
pub struct Pipeline {
    pub sink: Sink,
    pub metrics: Metrics,
}

/// A batch and who is to judge it.
pub struct Submission {
    pub batch: Batch,
    pub generation: Arc<Generation>,
    /// Which of the generation's routes.
    pub route: usize,
    pub facts: Facts,
    /// The request's content type, where it is not JSON: it goes with each record.
    pub content_type: Option<String>,
    /// What the request's sender says of its trace.
    pub sender: Option<Parent>,
    /// The request's own place in its trace.
    pub trace: Span,
    /// What an earlier try of the same batch settled: that is not done again.
    pub earlier: Option<Earlier>,
}

/// What happened to each record of a batch, in order.
#[derive(Debug)]
pub struct Receipt {
    pub shape: Shape,
    pub records: Vec<(RecordId, Outcome)>,
    /// The memory of what the plugin said of them.
    pub held: Held,
}

impl Receipt {
    /// What another try of the same batch need not do again. None: nothing is settled.
    pub fn settled(&self) -> Option<Earlier> {
        resume::settled(&self.records)
    }
}

impl Submission {
    fn policy(&self) -> RoutePolicy {
        self.generation.manifest.routes[self.route].policy
    }

    /// The span of the plugin's work.
    fn judging(&self, records: usize) -> Span {
        let Generation { manifest, digest, .. } = &*self.generation;
        self.trace.judge(&JudgeFacts { plugin: &manifest.name, version: &manifest.version, digest, records })
    }
}

impl Pipeline {
    /// Runs to its end even if the producer has gone: nothing is left half sent.
    pub async fn settle(&self, mut submission: Submission) -> Receipt {
        // Kept: a dead letter says under what circumstances its record was judged.
        let facts = submission.facts.clone();
        let received_at_ms = facts.received_at_ms;
        let earlier = submission.earlier.take();
        let resumed = earlier.and_then(|earlier| Resumed::cut(&mut submission.batch, earlier));
        let batch = Arc::new(std::mem::replace(
            &mut submission.batch,
            Batch { shape: Shape::Batch, records: Vec::new() },
        ));
        let span = submission.judging(batch.records.len());
        let judge = submission.generation.judge(submission.route, facts, batch.clone());
        let (mut judgement, held) = span.hold(Box::pin(judge)).await;
        span.end();
        // Of a batch that is resumed a part is out already: to hold back the rest would make nothing whole.
        if submission.policy().on_invalid == OnInvalid::Atomic && resumed.is_none() {
            atomic::whole_or_none(&mut judgement.findings);
        }

        let mut ledger = Ledger::open(batch.records.len());
        let times = Times { received_at_ms, kafka: self.sink.timestamps() };
        let mut plan = Plan::draw(&submission, &batch, judgement.findings, times, &mut ledger);
        let sender = submission.sender.as_ref();
        let sends = Sends::begin(self.sink.system(), &submission.trace, sender, &mut plan.shipment);
        let deliveries = self.sink.deliver(plan.shipment).await;
        sends.end(&self.metrics, &deliveries);
        plan::settle(plan.promises, deliveries, &mut ledger);
        let outcomes = ledger.close();

        submission.generation.meters.record(&judgement.measurements, &outcomes);
        count::count(&self.metrics, &submission, &outcomes);
        self.keep_rejected(&submission, &batch, &outcomes);
        let records = match resumed {
            Some(resumed) => resumed.merge(outcomes),
            None => batch.records.iter().map(|record| record.id).zip(outcomes).collect(),
        };
        Receipt { shape: batch.shape, records, held }
    }
}
