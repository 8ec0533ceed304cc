//! The data port.

use super::Config;
use super::accept::{Door, Limit};
use super::activity::Ticket;
use super::admission::Admission;
use super::answer::{self, Answer, Asked, Told};
use super::body::{self, Bodies, BodyError};
use super::connection::{self, Answered, Protocol};
use super::error::{Allow, IngestError};
use super::idempotency::Memory;
use super::ingest::{Place, Settled, Trace, ingest};
use super::look::Look;
use super::throttle::Throttle;
use super::violations::Violations;
use super::{header, message, readiness};
use crate::pipeline::Pipeline;
use crate::plugin::Plugins;
use crate::shutdown::{Lifecycle, Phase};
use crate::telemetry::{HttpGauge, Metrics, RequestFacts, RequestStatus, Span, Traces};
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode, Version};
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

mod docs;
#[cfg(test)]
mod tests;

const HEALTH: &str = "/health";

/// Failed requests that are logged one by one: enough to see every kind, while an outage cannot fill the
/// disk with lines about itself.
const FAILURE_LINES_PER_SECOND: u32 = 20;

/// What the ports need of the gateway.
pub struct Gateway {
    pub(super) config: Config,
    pub(super) plugins: Plugins,
    pub(super) pipeline: Pipeline,
    pub(super) metrics: Metrics,
    traces: Traces,
    pub(super) bodies: Bodies,
    pub(super) admission: Admission,
    pub(super) readiness: Look<Vec<String>>,
    pub(super) memory: Memory,
    pub(super) violations: Violations,
    /// Records being settled: the drain waits for them, whether or not their client does.
    pub(super) tasks: TaskTracker,
    docs: docs::Docs,
    shed_log: Throttle,
    failure_log: Throttle,
    /// Set when `serve_data` has ended.
    pub(super) drained: watch::Sender<bool>,
}

/// What a gateway tells others of its requests, and what it remembers of them.
pub struct Fittings {
    pub metrics: Metrics,
    pub traces: Traces,
    pub memory: Memory,
    pub violations: Violations,
}

impl Gateway {
    pub fn new(
        config: Config,
        plugins: Plugins,
        pipeline: Pipeline,
        Fittings { metrics, traces, memory, violations }: Fittings,
    ) -> Gateway {
        let limits = body::Limits {
            bytes_max: config.body_bytes_max,
            inflated_bytes_max: config.decompressed_bytes_max,
            timeout: config.body_timeout,
            budget_bytes: config.body_budget_bytes,
        };
        Gateway {
            bodies: Bodies::new(limits),
            admission: Admission::new(config.in_flight_max),
            readiness: Look::default(),
            memory,
            violations,
            tasks: TaskTracker::new(),
            docs: docs::Docs::default(),
            shed_log: Throttle::new(1),
            failure_log: Throttle::new(FAILURE_LINES_PER_SECOND),
            drained: watch::Sender::new(false),
            config,
            plugins,
            pipeline,
            metrics,
            traces,
        }
    }

    /// Lets the metrics look at what is held now, as long as the gateway is there.
    pub fn observe(self: &Arc<Gateway>) {
        let gateway = Arc::downgrade(self);
        self.metrics.observe_http(Box::new(move || {
            let gateway = gateway.upgrade();
            gateway.map_or_else(HttpGauge::default, |gateway| HttpGauge {
                in_flight: gateway.admission.in_flight() as u64,
                held_bytes: gateway.bodies.held() as u64,
            })
        }));
    }

    /// Counts a client that is turned away. A line a second: under overload one for each would be a load of
    /// its own.
    pub(super) fn shed(&self, reason: &'static str) {
        self.metrics.shed(reason);
        if let Some(others) = self.shed_log.turn() {
            tracing::warn!(reason, others, "clients are turned away");
        }
    }
}

/// Serves the data port until the drain is done: no connection is left and every record taken is settled,
/// or the gateway is told to stop.
pub async fn serve_data(listener: TcpListener, gateway: Arc<Gateway>, lifecycle: Lifecycle) {
    let protocol = Arc::new(Protocol::new(&connection::Limits {
        header_bytes_max: gateway.config.header_bytes_max,
        header_timeout: gateway.config.header_timeout,
        write_timeout: gateway.config.write_timeout,
        http2_streams_max: gateway.config.http2_streams_max,
    }));
    let serve = |stream| {
        let (protocol, gateway, lifecycle) = (protocol.clone(), gateway.clone(), lifecycle.clone());
        async move {
            let answer = |request, ticket| answer(gateway.clone(), lifecycle.clone(), request, ticket);
            protocol.serve(stream, &lifecycle, answer).await;
        }
    };
    let limit = Limit { connections_max: gateway.config.connections_max, key: "http.connections_max" };
    Door::new(limit, serve, |reason| gateway.shed(reason))
        .stand(listener, lifecycle.reached(Phase::Draining), &lifecycle)
        .await;
    gateway.tasks.close();
    tokio::select! {
        () = gateway.tasks.wait() => {}
        () = lifecycle.reached(Phase::Stopped) => {}
    }
    gateway.drained.send_replace(true);
}

async fn answer(
    gateway: Arc<Gateway>,
    lifecycle: Lifecycle,
    request: Request<Incoming>,
    ticket: Ticket,
) -> Answered {
    let started = Instant::now();
    let asked = Asked::of(&request);
    let (head, body) = request.into_parts();
    let checked = message::check(&head, &ticket);
    if head.uri.path() == HEALTH && checked.is_ok() {
        return health(&gateway, &lifecycle, &asked).await.into_response(&asked, ticket);
    }
    if gateway.config.docs && docs::has(head.uri.path()) && checked.is_ok() {
        let snapshot = gateway.plugins.snapshot();
        let answer = gateway.docs.answer(&snapshot, head.uri.path(), &head.headers, &asked);
        return answer.into_response(&asked, ticket);
    }
    let sender = gateway.traces.heard(header::parent(&head.headers));
    let span = gateway.traces.request(method(&head.method), sender.as_ref());
    let trace = Trace { sender, span };
    let mut arrived = None;
    let settled = match checked {
        Err(error) => Err(error),
        // Boxed, as the whole of it would be moved each time that this future is.
        Ok(()) => {
            let ingest = ingest(&gateway, &head, body, &ticket, &asked, &trace, &mut arrived);
            trace.span.hold(Box::pin(ingest)).await
        }
    };
    let (answer, counts, error) = match settled {
        Ok(Settled { answer, counts }) => (answer, counts, None),
        Err(error) => (answer::refusal(&error, &asked), None, Some(error)),
    };
    let report = Report { asked: &asked, place: arrived.as_ref(), status: answer.status, counts, started };
    report.publish(&gateway, error.as_ref(), &trace.span);
    answer.into_response(&asked, ticket)
}

/// As telemetry has it: what is no known method must not become a label of its own.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::POST => "POST",
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}

/// What the operator is told of a request.
struct Report<'a> {
    asked: &'a Asked,
    /// None: no plugin serves its path.
    place: Option<&'a Place>,
    status: StatusCode,
    counts: Option<Told>,
    started: Instant,
}

impl Report<'_> {
    fn publish(&self, gateway: &Gateway, error: Option<&IngestError>, span: &Span) {
        let elapsed = self.started.elapsed();
        let facts = RequestFacts {
            method: method(&self.asked.method),
            route: self.route(),
            status: self.status.as_u16(),
            status_text: self.status.as_str(),
            protocol: protocol(self.asked.version),
            request_id: self.asked.id.as_str(),
            result: request_status(self.status).as_str(),
        };
        gateway.metrics.request(&facts, elapsed);
        let _entered = span.enter();
        self.log_answer(elapsed);
        match error.and_then(shed_reason) {
            Some(reason) => gateway.shed(reason),
            None if self.status.is_server_error() => self.log_failure(gateway, error),
            None => {}
        }
        span.answer(&facts);
    }

    fn route(&self) -> Option<&str> {
        self.place.map(|place| place.route().path.as_str())
    }

    fn log_answer(&self, elapsed: Duration) {
        tracing::debug!(
            request_id = self.asked.id.as_str(),
            route = self.route(),
            status = self.status.as_u16(),
            counts = self.counts.as_ref().map(tracing::field::debug),
            milliseconds = elapsed.as_secs_f64() * 1e3,
            "request answered"
        );
    }

    fn log_failure(&self, gateway: &Gateway, error: Option<&IngestError>) {
        let Some(others) = gateway.failure_log.turn() else { return };
        tracing::warn!(
            others,
            request_id = self.asked.id.as_str(),
            route = self.route(),
            status = self.status.as_u16(),
            counts = self.counts.as_ref().map(tracing::field::debug),
            error = error.map(tracing::field::display),
            "request failed"
        );
    }
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

/// Of a refusal that is for want of room.
fn shed_reason(error: &IngestError) -> Option<&'static str> {
    match error {
        IngestError::Overloaded(_) => Some("in_flight"),
        IngestError::Body(BodyError::NoRoom { .. }) => Some("body_budget"),
        IngestError::Body(BodyError::NoTurn { .. }) => Some("decompression"),
        _ => None,
    }
}

fn request_status(status: StatusCode) -> RequestStatus {
    if status.is_success() {
        RequestStatus::Success
    } else if status.is_client_error() {
        RequestStatus::Rejected
    } else {
        RequestStatus::Failed
    }
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
}

/// Healthy is ready: a record can be taken. Why it is not is for the admin port to say.
async fn health(gateway: &Gateway, lifecycle: &Lifecycle, asked: &Asked) -> Answer {
    if !Allow::Get.includes(&asked.method) {
        let error = IngestError::Method { given: asked.method.clone(), allow: Allow::Get };
        return answer::refusal(&error, asked);
    }
    let (status, word) = match readiness::reasons(gateway, lifecycle).await.is_empty() {
        true => (StatusCode::OK, "healthy"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "unhealthy"),
    };
    Answer::json(status, &Health { status: word, version: env!("CARGO_PKG_VERSION") })
}
