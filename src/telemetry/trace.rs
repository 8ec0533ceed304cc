//! Spans: one for a request, one for its plugin, one for each topic that its records go to. Never one for a record.

mod sampler;

pub(super) use sampler::Paced;

use opentelemetry::trace::{
    FutureExt, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
    TraceState, Tracer,
};
use opentelemetry::{Context, ContextGuard, KeyValue, Value};
use opentelemetry_sdk::trace::SdkTracer;
use std::str::FromStr;
use std::sync::Arc;

/// Begins the traces of requests, or continues those of their senders. Cheap to clone.
#[derive(Clone, Default)]
pub struct Traces {
    /// None: spans go nowhere. A sender's trace is still known to the log and to Kafka.
    tracer: Option<Arc<SdkTracer>>,
    /// Whether what senders say of their trace is heard.
    propagates: bool,
}

/// What a sender says of its trace: `traceparent` and `tracestate` (W3C Trace Context), both valid.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parent {
    pub traceparent: String,
    pub tracestate: Option<String>,
}

/// A span, or the place in a trace where one would be. Cheap to clone.
#[derive(Clone, Default)]
pub struct Span {
    tracer: Option<Arc<SdkTracer>>,
    context: Option<Context>,
    /// Whether its place is told to whom the records go to.
    propagates: bool,
}

/// What is known of a request when it is answered.
#[derive(Debug, Clone, Copy)]
pub struct RequestFacts<'a> {
    /// A known method, or `_OTHER`.
    pub method: &'a str,
    /// The declared path. None: there is none like the request's.
    pub route: Option<&'a str>,
    pub status: u16,
    /// The same in digits.
    pub status_text: &'a str,
    /// `1.1` or `2`.
    pub protocol: &'a str,
    pub request_id: &'a str,
    /// One of `success`, `rejected`, `failed`: what a collector chooses by which traces to keep.
    pub result: &'static str,
}

/// Who judges the records of a request.
#[derive(Debug, Clone, Copy)]
pub struct JudgeFacts<'a> {
    pub plugin: &'a str,
    pub version: &'a str,
    pub digest: &'a str,
    pub records: usize,
}

impl Traces {
    pub(super) fn new(tracer: Option<SdkTracer>, propagates: bool) -> Traces {
        Traces { tracer: tracer.map(Arc::new), propagates }
    }

    /// What a request's sender says of its trace, unless that is not to be heard.
    pub fn heard(&self, parent: Option<Parent>) -> Option<Parent> {
        parent.filter(|_| self.propagates)
    }

    /// Begins the span of a request.
    pub fn request(&self, method: &str, parent: Option<&Parent>) -> Span {
        let remote = parent.and_then(remote).map(|remote| Context::new().with_remote_span_context(remote));
        let propagates = self.propagates;
        let Some(tracer) = &self.tracer else { return Span { tracer: None, context: remote, propagates } };
        let builder = SpanBuilder::from_name(method.to_owned()).with_kind(SpanKind::Server);
        let parent = remote.clone().unwrap_or_default();
        let span = tracer.build_with_context(builder, &parent);
        // A place that nobody will ever see costs nothing, not even a word in the log.
        if !opentelemetry::trace::Span::is_recording(&span) {
            return Span { tracer: None, context: remote, propagates };
        }
        Span { tracer: Some(tracer.clone()), context: Some(parent.with_span(span)), propagates }
    }
}

/// The place that a sender names; none if it is not what W3C Trace Context says it is.
fn remote(parent: &Parent) -> Option<SpanContext> {
    let mut parts = parent.traceparent.split('-').skip(1);
    let trace = TraceId::from_hex(parts.next()?).ok()?;
    let span = SpanId::from_hex(parts.next()?).ok()?;
    let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
    let state = parent.tracestate.as_deref().and_then(|state| TraceState::from_str(state).ok());
    let sampled = TraceFlags::new(flags) & TraceFlags::SAMPLED;
    let context = SpanContext::new(trace, span, sampled, true, state.unwrap_or_default());
    context.is_valid().then_some(context)
}

impl Span {
    /// The one that is current on this thread.
    pub fn current() -> Span {
        Span {
            tracer: None,
            context: Context::map_current(|now| now.has_active_span().then(|| now.clone())),
            propagates: false,
        }
    }

    /// Lets it be the current one while the future runs, whichever thread runs it.
    pub fn hold<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let context = self.context.clone();
        async move {
            match context {
                Some(context) => future.with_context(context).await,
                None => future.await,
            }
        }
    }

    /// Lets it be the current one on this thread until the guard is dropped.
    pub fn enter(&self) -> Entered {
        Entered { _guard: self.context.clone().map(Context::attach) }
    }

    fn recording(&self) -> Option<&Context> {
        self.context.as_ref().filter(|context| context.span().is_recording())
    }

    /// What is to be told to whom the records go to: its own place, if anybody will see it.
    pub fn as_parent(&self) -> Option<Parent> {
        let span = self.recording().filter(|_| self.propagates)?.span();
        let context = span.span_context();
        let flags = context.trace_flags().to_u8();
        let state = context.trace_state().header();
        Some(Parent {
            traceparent: format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id()),
            tracestate: Some(state).filter(|state| !state.is_empty()),
        })
    }

    /// The trace that it is part of, in hexadecimal.
    pub fn trace_id(&self) -> Option<String> {
        Some(self.context.as_ref()?.span().span_context().trace_id().to_string())
    }

    fn child(&self, builder: impl FnOnce() -> SpanBuilder) -> Span {
        match (&self.tracer, self.recording()) {
            (Some(tracer), Some(context)) => {
                let span = tracer.build_with_context(builder(), context);
                Span {
                    tracer: Some(tracer.clone()),
                    context: Some(context.with_span(span)),
                    propagates: self.propagates,
                }
            }
            // Whoever logs is still told the place of the request.
            _ => Span { tracer: None, context: self.context.clone(), propagates: self.propagates },
        }
    }

    /// Begins the span of a plugin's work.
    pub fn judge(&self, facts: &JudgeFacts<'_>) -> Span {
        self.child(|| {
            SpanBuilder::from_name(format!("judge {}", facts.plugin))
                .with_kind(SpanKind::Internal)
                .with_attributes([
                    KeyValue::new("sluicegate.plugin.name", facts.plugin.to_owned()),
                    KeyValue::new("sluicegate.plugin.version", facts.version.to_owned()),
                    KeyValue::new("sluicegate.plugin.digest", facts.digest.to_owned()),
                    KeyValue::new("sluicegate.records", count(facts.records)),
                ])
        })
    }

    /// Begins the span of sending records to a topic (semantic conventions of messaging).
    pub fn send(&self, system: &'static str, topic: &str, records: usize) -> Span {
        let span = self.child(|| {
            SpanBuilder::from_name(format!("send {topic}")).with_kind(SpanKind::Producer).with_attributes([
                KeyValue::new("messaging.system", system),
                KeyValue::new("messaging.operation.name", "send"),
                KeyValue::new("messaging.operation.type", "send"),
                KeyValue::new("messaging.destination.name", topic.to_owned()),
            ])
        });
        if let Some(context) = span.recording().filter(|_| records > 1) {
            context.span().set_attribute(KeyValue::new("messaging.batch.message_count", count(records)));
        }
        span
    }

    /// Ends it: all went well.
    pub fn end(&self) {
        if let Some(context) = self.recording() {
            context.span().end();
        }
    }

    /// Ends it: something went wrong, in one word.
    pub fn fail(&self, error_type: &'static str) {
        if let Some(context) = self.recording() {
            let span = context.span();
            span.set_attribute(KeyValue::new("error.type", error_type));
            span.set_status(Status::error(error_type));
            span.end();
        }
    }

    /// Ends the span of a request (semantic conventions of HTTP): a producer's mistake is no error of the gateway's.
    pub fn answer(&self, facts: &RequestFacts<'_>) {
        let Some(context) = self.recording() else { return };
        let span = context.span();
        span.set_attributes([
            KeyValue::new("http.request.method", facts.method.to_owned()),
            KeyValue::new("http.response.status_code", i64::from(facts.status)),
            KeyValue::new("url.scheme", "http"),
            KeyValue::new("network.protocol.version", facts.protocol.to_owned()),
            KeyValue::new("sluicegate.request.id", facts.request_id.to_owned()),
            KeyValue::new("sluicegate.request.status", facts.result),
        ]);
        // As the conventions name it: a method that nobody knows is no name.
        let method = if facts.method == "_OTHER" { "HTTP" } else { facts.method };
        span.update_name(facts.route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}")));
        if let Some(route) = facts.route {
            span.set_attribute(KeyValue::new("http.route", route.to_owned()));
        }
        if facts.status >= 500 {
            span.set_attribute(KeyValue::new("error.type", facts.status.to_string()));
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

fn count(number: usize) -> Value {
    Value::I64(i64::try_from(number).unwrap_or(i64::MAX))
}

/// While it lives, a span is the current one on its thread.
pub struct Entered {
    _guard: Option<ContextGuard>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::SdkTracerProvider;

    #[test]
    fn what_is_not_to_be_propagated_is_neither_heard_nor_told() {
        let tracer = || SdkTracerProvider::builder().build().tracer("test");
        let sender = Parent {
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
            tracestate: None,
        };
        let silent = Traces::new(Some(tracer()), false);
        assert_eq!(silent.heard(Some(sender.clone())), None);
        let span = silent.request("POST", None);
        assert!(span.trace_id().is_some() && span.as_parent().is_none());
        assert!(span.send("kafka", "a", 1).as_parent().is_none());

        let open = Traces::new(Some(tracer()), true);
        let span = open.request("POST", open.heard(Some(sender)).as_ref());
        let told = span.send("kafka", "a", 1).as_parent().unwrap().traceparent;
        assert!(told.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && told.ends_with("-01"), "{told}");
        assert!(!told.contains("b7ad6b7169203331"));
    }
}
