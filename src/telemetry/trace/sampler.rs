use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Samples the first so many traces of each second: enough to see how things are, while a load of thousands of
/// requests a second does not become one of tens of thousands of spans.
#[derive(Debug, Clone)]
pub struct Paced {
    per_second: u32,
    began: Instant,
    /// The second, counted from the beginning, in the upper half; how many were sampled in it in the lower.
    turn: Arc<AtomicU64>,
}

impl Paced {
    pub fn new(per_second: u32) -> Paced {
        Paced { per_second, began: Instant::now(), turn: Arc::default() }
    }

    fn takes(&self, second: u64) -> bool {
        let next = |turn: u64| match (turn >> 32 == second, turn as u32) {
            (true, taken) if taken >= self.per_second => None,
            (true, _) => Some(turn + 1),
            (false, _) => (self.per_second > 0).then_some(second << 32 | 1),
        };
        self.turn.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

impl ShouldSample for Paced {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        _: TraceId,
        _: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        let decision = match self.takes(self.began.elapsed().as_secs()) {
            true => SamplingDecision::RecordAndSample,
            false => SamplingDecision::Drop,
        };
        let trace_state = parent.map(|parent| parent.span().span_context().trace_state().clone());
        SamplingResult { decision, attributes: Vec::new(), trace_state: trace_state.unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_traces_of_each_second_are_taken() {
        let paced = Paced::new(3);
        let taken = |second| (0..5).filter(|_| paced.takes(second)).count();
        assert_eq!([taken(0), taken(1), taken(1), taken(7)], [3, 3, 0, 3]);
        assert!(!Paced::new(0).takes(0));
    }
}
