//! The admin port: how things are, and the order to look again.

mod console;
mod guard;
mod judge;
mod page;
mod status;
#[cfg(test)]
mod tests;

use super::accept::{Door, Limit};
use super::activity::Ticket;
use super::answer::{self, Answer, Asked, Kind, plain};
use super::connection::{Answered, Limits, Protocol};
use super::data::Gateway;
use super::error::{Allow, IngestError};
use super::look::Look;
use super::{AdminConfig, header, message, readiness};
use crate::plugin::{EmptyDirectory, ReloadError};
use crate::shutdown::{Lifecycle, Phase};
use bytes::Bytes;
use guard::{Guard, Origin};
use hyper::body::Incoming;
use hyper::header::{HeaderValue, VARY};
use hyper::http::request::Parts;
use hyper::{Request, StatusCode};
use judge::Trials;
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};

/// No browser or probe sends more or takes longer.
const LIMITS: Limits = Limits {
    header_bytes_max: 16 << 10,
    header_timeout: Duration::from_secs(10),
    write_timeout: Duration::from_secs(10),
    http2_streams_max: 16,
};

const ACCEPT_VALUE: HeaderValue = HeaderValue::from_static("accept");

/// Prometheus' text format.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const JSON_TYPE: &str = "application/json";

const NOT_FOUND: &str = "the admin port has nothing at this path; GET / lists what it has";

const RELOAD_QUERY: &str = "a reload takes no query but empty=accept, which takes a directory without \
                            plugins at its word; send POST /plugins/reload, or POST \
                            /plugins/reload?empty=accept";

const INDEX: &str = "\
Sluicegate, admin port
GET  /                the console in a browser, this list elsewhere
GET  /livez           the process answers
GET  /readyz          a record can be taken now, or why not
GET  /metrics         Prometheus text format
GET  /plugins         what is live, and why a file is refused
POST /plugins/reload  looks at the plugin directory now; ?empty=accept lets an empty one remove every plugin
GET  /console.json    what the console shows
POST /judge?route=/…/ what would become of a record; nothing is delivered or counted
";

/// What the admin port shows.
pub struct Admin {
    names: Arc<[String]>,
    connections_max: usize,
    gateway: Arc<Gateway>,
    metrics: Look<Bytes>,
    /// As JSON.
    plugins: Look<Bytes>,
    /// As JSON.
    console: Look<Bytes>,
    trials: Trials,
    born: Instant,
}

impl Admin {
    pub fn new(config: &AdminConfig, gateway: Arc<Gateway>) -> Admin {
        Admin {
            names: config.names.clone().into(),
            connections_max: config.connections_max,
            gateway,
            metrics: Look::default(),
            plugins: Look::default(),
            console: Look::default(),
            trials: Trials::new(),
            born: Instant::now(),
        }
    }
}

/// Serves the admin port until the data port has ended, so that the drain can be watched, or the gateway is
/// told to stop.
pub async fn serve_admin(listener: TcpListener, admin: Arc<Admin>, lifecycle: Lifecycle) {
    let protocol = Arc::new(Protocol::new(&LIMITS));
    let closing = ended(admin.gateway.clone(), lifecycle.clone());
    let serve = |stream: TcpStream| {
        let (names, origin) = (admin.names.clone(), Origin::of(&stream));
        let guard = Guard { names, origin, reached_at: stream.local_addr().ok() };
        let desk = Arc::new(Desk { admin: admin.clone(), guard, lifecycle: lifecycle.clone() });
        let protocol = protocol.clone();
        async move {
            let answer = |request, ticket| desk.clone().answer(request, ticket);
            protocol.serve(stream, &desk.lifecycle, answer).await;
        }
    };
    let limit = Limit { connections_max: admin.connections_max, key: "admin.connections_max" };
    Door::new(limit, serve, |reason| admin.gateway.shed(reason)).stand(listener, closing, &lifecycle).await;
}

/// Ends when the data port has, or all is cut.
async fn ended(gateway: Arc<Gateway>, lifecycle: Lifecycle) {
    let mut drained = gateway.drained.subscribe();
    tokio::select! {
        _ = drained.wait_for(|drained| *drained) => {}
        () = lifecycle.reached(Phase::Stopped) => {}
    }
}

/// Answers the requests of one connection.
struct Desk {
    admin: Arc<Admin>,
    guard: Guard,
    lifecycle: Lifecycle,
}

impl Desk {
    async fn answer(self: Arc<Self>, request: Request<Incoming>, ticket: Ticket) -> Answered {
        let asked = Asked::of(&request);
        let (head, body) = request.into_parts();
        let answer = match (message::check(&head, &ticket), self.guard.check(&head)) {
            (Err(error), _) => answer::refusal(&error, &asked),
            (_, Err(error)) => plain(error.kind(), &error.to_string(), &asked),
            (Ok(()), Ok(())) => self.reply(&head, body, &asked, &ticket).await,
        };
        tracing::debug!(
            request_id = asked.id.as_str(),
            path = head.uri.path(),
            status = answer.status.as_u16(),
            "admin request answered"
        );
        answer.into_response(&asked, ticket)
    }

    async fn reply(&self, head: &Parts, body: Incoming, asked: &Asked, ticket: &Ticket) -> Answer {
        let part = page::part(head.uri.path());
        let allow = match head.uri.path() {
            "/" | "/livez" | "/readyz" | "/metrics" | "/plugins" | "/console.json" => Allow::Get,
            "/plugins/reload" | "/judge" => Allow::Post,
            _ if part.is_some() => Allow::Get,
            _ => return plain(Kind::NotFound, NOT_FOUND, asked),
        };
        if !allow.includes(&head.method) {
            return answer::refusal(&IngestError::Method { given: head.method.clone(), allow }, asked);
        }
        match head.uri.path() {
            "/livez" => Answer::json(StatusCode::OK, &Readiness { status: "live", reasons: vec![] }),
            "/readyz" => self.readiness().await,
            "/metrics" => self.metrics(asked).await,
            "/plugins" => self.plugins(asked).await,
            "/plugins/reload" => self.reload(head.uri.query().unwrap_or_default(), asked).await,
            "/console.json" => self.console(asked).await,
            "/judge" => self.judge(head, body, asked, ticket).await,
            _ => part.unwrap_or_else(|| index(head)),
        }
    }

    async fn console(&self, asked: &Asked) -> Answer {
        let (gateway, lifecycle, born) =
            (self.admin.gateway.clone(), self.lifecycle.clone(), self.admin.born);
        let look = move || console::look(&gateway, &lifecycle, born);
        match self.admin.console.take(look).await {
            Ok(json) => page::fenced(Answer::text(StatusCode::OK, JSON_TYPE, json)),
            Err(error) => plain(Kind::LookFailed, &error.to_string(), asked),
        }
    }

    async fn judge(&self, head: &Parts, body: Incoming, asked: &Asked, ticket: &Ticket) -> Answer {
        let judged = self.admin.trials.judge(&self.admin.gateway, head, body, ticket).await;
        page::fenced(judged.unwrap_or_else(|error| judge::refusal(&error, asked)))
    }

    async fn metrics(&self, asked: &Asked) -> Answer {
        let metrics = self.admin.gateway.metrics.clone();
        match self.admin.metrics.take(move || metrics.render().into()).await {
            Ok(text) => Answer::text(StatusCode::OK, METRICS_TYPE, text),
            Err(error) => plain(Kind::LookFailed, &error.to_string(), asked),
        }
    }

    async fn plugins(&self, asked: &Asked) -> Answer {
        let plugins = self.admin.gateway.plugins.clone();
        match self.admin.plugins.take(move || status::as_json(&plugins.status())).await {
            Ok(json) => Answer::text(StatusCode::OK, JSON_TYPE, json),
            Err(error) => plain(Kind::LookFailed, &error.to_string(), asked),
        }
    }

    async fn readiness(&self) -> Answer {
        let reasons = readiness::reasons(&self.admin.gateway, &self.lifecycle).await;
        match reasons.is_empty() {
            true => Answer::json(StatusCode::OK, &Readiness { status: "ready", reasons }),
            false => {
                Answer::json(StatusCode::SERVICE_UNAVAILABLE, &Readiness { status: "not ready", reasons })
            }
        }
    }

    async fn reload(&self, query: &str, asked: &Asked) -> Answer {
        let empty = match query {
            "" => EmptyDirectory::Keep,
            "empty=accept" => EmptyDirectory::Accept,
            _ => return plain(Kind::QueryInvalid, RELOAD_QUERY, asked),
        };
        match self.admin.gateway.plugins.reload(empty).await {
            Ok(_) => self.plugins(asked).await,
            Err(error) => not_reloaded(error, asked),
        }
    }
}

/// The page for browsers, the list for those who ask from a command line.
fn index(head: &Parts) -> Answer {
    match header::asks_for_html(&head.headers) {
        true => page::page(),
        false => Answer::text(StatusCode::OK, "text/plain; charset=utf-8", INDEX).with(VARY, ACCEPT_VALUE),
    }
}

fn not_reloaded(error: ReloadError, asked: &Asked) -> Answer {
    plain(Kind::Panicked, &error.to_string(), asked)
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
}
