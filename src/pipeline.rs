//! The straight path over a batch: judge, deliver, settle, measure. No vendor types.

mod count;
mod letter;
mod plan;

use crate::plugin::{Facts, Generation, Held};
use crate::record::{Batch, RecordId, Shape};
use crate::sink::Sink;
use crate::telemetry::Metrics;
use crate::verdict::{Ledger, Outcome};
use plan::Plan;
use std::sync::Arc;

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
    /// The request's `traceparent`, if it has a valid one.
    pub traceparent: Option<String>,
}

/// What happened to each record of a batch, in order.
#[derive(Debug)]
pub struct Receipt {
    pub shape: Shape,
    pub records: Vec<(RecordId, Outcome)>,
    /// The memory of what the plugin said of them.
    pub held: Held,
}

impl Pipeline {
    /// Runs to its end even if the producer has gone: nothing is left half sent.
    pub async fn settle(&self, mut submission: Submission) -> Receipt {
        // Kept: a dead letter says under what circumstances its record was judged.
        let facts = submission.facts.clone();
        let received_at_ms = facts.received_at_ms;
        let batch = Arc::new(std::mem::replace(
            &mut submission.batch,
            Batch { shape: Shape::Batch, records: Vec::new() },
        ));
        let (judgement, held) = submission.generation.judge(submission.route, facts, batch.clone()).await;

        let mut ledger = Ledger::open(batch.records.len());
        let plan = Plan::draw(&submission, &batch, judgement.findings, received_at_ms, &mut ledger);
        let deliveries = self.sink.deliver(plan.shipment).await;
        plan::settle(plan.promises, deliveries, &mut ledger);
        let outcomes = ledger.close();

        submission.generation.meters.record(&judgement.measurements, &outcomes);
        count::count(&self.metrics, &submission, &outcomes);
        self.keep_rejected(&submission, &batch, &outcomes);
        Receipt {
            shape: batch.shape,
            records: batch.records.iter().map(|record| record.id).zip(outcomes).collect(),
            held,
        }
    }
}
