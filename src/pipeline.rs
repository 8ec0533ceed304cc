//! The straight path over a batch: judge, deliver, measure, settle. No vendor types.

use crate::plugin::{Facts, Generation};
use crate::record::{Batch, RecordId, Shape};
use crate::sink::Sink;
use crate::telemetry::Metrics;
use crate::verdict::Outcome;
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
}

impl Pipeline {
    /// Runs to its end even if the producer has gone: nothing is left half sent.
    pub async fn settle(&self, _submission: Submission) -> Receipt {
        unimplemented!()
    }
}
