//! The way of a request's records through the gateway.

#[cfg(test)]
mod tests;

use super::activity::Ticket;
use super::admission::Permit;
use super::answer::{self, Answer, Asked, Results, Show, Told};
use super::body::Lease;
use super::data::Gateway;
use super::error::{Allow, IngestError};
use super::header;
use super::idempotency::{Begun, Claim, Key, Sent};
use super::origin::foreign_page;
use crate::pipeline::{Receipt, Submission};
use crate::plugin::{Facts, Generation, Match, Route, RouteError, Snapshot};
use crate::record::{self, Framing, RecordIds};
use crate::telemetry::{Parent, Span};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use std::sync::Arc;
use tokio_util::task::TaskTracker;

/// Routes that the answer to a wrong path names: as many as one reads.
const ROUTES_LISTED_MAX: usize = 8;

/// What is said of records that have come to their end.
pub(super) struct Settled {
    pub answer: Answer,
    /// None: it is what was answered before.
    pub counts: Option<Told>,
}

/// What a request's findings hold until its answer is built.
#[derive(Debug)]
pub(super) struct Hold {
    /// A place among those in flight.
    pub permit: Permit,
    /// Of the budget of bodies: first the request's own, then its answer's.
    pub lease: Lease,
}

/// A request's place in its trace.
pub(super) struct Trace {
    /// What its sender says.
    pub sender: Option<Parent>,
    pub span: Span,
}

/// The route of a request, on the generation that judges it.
#[derive(Clone)]
pub(super) struct Place {
    generation: Arc<Generation>,
    route: usize,
}

impl Place {
    pub fn route(&self) -> &Route {
        &self.generation.manifest.routes[self.route]
    }
}

/// Takes a request's records to their end.
///
/// The generation that is live at its start judges it, even if its plugin is replaced or removed meanwhile.
/// A slow sender keeps a generation that is gone alive for `body_timeout` at most. `arrived` tells the
/// place even of a request that is refused there.
pub(super) async fn ingest(
    gateway: &Arc<Gateway>,
    head: &Parts,
    body: Incoming,
    ticket: &Ticket,
    asked: &Asked,
    trace: &Trace,
    arrived: &mut Option<Place>,
) -> Result<Settled, IngestError> {
    let found = find(&gateway.plugins.snapshot(), head.uri.path())?;
    let place = arrived.insert(Place { generation: found.generation, route: found.route }).clone();
    let results = check_head(head)?;
    let key = Key::of(&head.headers)?;
    let content_type = header::content_type(&head.headers)?;
    let mut framing = Framing::of(content_type, &place.route().input)?;
    let event = if framing.is_structured() { None } else { header::event(&head.headers, content_type)? };
    if event.is_some() {
        framing = framing.of_event(content_type)?;
    }
    let body = gateway.bodies.read(&head.headers, body).await?;
    ticket.body_ended();
    let permit = gateway.admission.try_enter()?;
    let received_at_ms = header::now_ms();
    let sent =
        Sent { content_type, parameters: &found.parameters, body: &body.bytes, headers: &head.headers };
    let claim = match key {
        Some(key) => match gateway.begin(&key, place.route(), sent).await? {
            Begun::Claimed(claim) => Some(claim),
            Begun::Replayed(answer) => return Ok(Settled { answer, counts: None }),
        },
        None => None,
    };
    let ids = claim.as_ref().map_or_else(|| RecordIds::minted_at(received_at_ms), Claim::record_ids);
    let mut batch = record::decode(framing, body.bytes, &gateway.config.records, ids)?;
    if let Some(event) = event {
        batch.attach(event);
    }
    let submission = Submission {
        batch,
        facts: Facts {
            received_at_ms,
            parameters: found.parameters,
            headers: header::chosen(&head.headers, &place.generation.manifest.request_headers),
            caller: None,
        },
        content_type: declared_type(framing, content_type, place.route()),
        sender: trace.sender.clone(),
        trace: trace.span.clone(),
        route: place.route,
        generation: place.generation.clone(),
        earlier: claim.as_ref().and_then(Claim::earlier),
    };
    let telling = Telling { place, results, asked: asked.clone(), claim };
    settle(gateway, submission, telling, Hold { permit, lease: body.lease }).await
}

pub(super) fn find(snapshot: &Snapshot, path: &str) -> Result<Match, IngestError> {
    snapshot.route(path).map_err(|error| match error {
        RouteError::Unavailable { .. } => error.into(),
        RouteError::Unknown => {
            let mut routes = snapshot.paths();
            routes.sort();
            let others = routes.len().saturating_sub(ROUTES_LISTED_MAX);
            routes.truncate(ROUTES_LISTED_MAX);
            IngestError::RouteUnknown { routes, others }
        }
    })
}

/// A departing client leaves nothing half sent, and what it would have been told is remembered for its next try; what was
/// held for it is given back at the end.
async fn settle(
    gateway: &Arc<Gateway>,
    submission: Submission,
    telling: Telling,
    mut hold: Hold,
) -> Result<Settled, IngestError> {
    let all = gateway.clone();
    let trace = submission.trace.clone();
    let received_at_ms = submission.facts.received_at_ms;
    // Boxed before it is moved to its task.
    let work = Box::pin(async move {
        let receipt = all.pipeline.settle(submission).await;
        let Place { generation, route } = &telling.place;
        all.violations.note(generation, *route, received_at_ms, &receipt.records);
        // The request's bytes are gone. What was found in them can be more, and is counted in the receipt.
        hold.lease.hold(0);
        let violations_max = all.config.violations_listed_max;
        telling.tell(receipt, hold, violations_max)
    });
    outlive(&gateway.tasks, trace.hold(work)).await
}

/// What has to be known of a request to tell what became of its records.
struct Telling {
    place: Place,
    /// Which of the receipt's lines the client wants to see.
    results: Results,
    asked: Asked,
    claim: Option<Claim>,
}

impl Telling {
    fn tell(self, receipt: Receipt, hold: Hold, violations_max: usize) -> Settled {
        let show = Show { results: self.results, violations_max };
        let (answer, counts) = told(receipt, hold, self.place.route(), show, &self.asked, self.claim);
        Settled { answer, counts: Some(counts) }
    }
}

/// The answer is held against the budget of bodies until it is written, as a client need not read it; where there is no
/// room for its results, it goes without them. The place among those in flight is given back only here: what was found
/// takes memory until then.
pub(super) fn told(
    receipt: Receipt,
    hold: Hold,
    route: &Route,
    show: Show,
    asked: &Asked,
    claim: Option<Claim>,
) -> (Answer, Told) {
    let Hold { permit, mut lease } = hold;
    let of = |results| answer::receipt(&receipt, route, Show { results, ..show }, asked);
    let (mut answer, counts) = of(show.results);
    if lease.try_hold(answer.len()).is_err() {
        (answer, _) = of(Results::Omitted);
        lease.hold(answer.len());
    }
    let answer = answer.holding(lease);
    if let Some(claim) = claim {
        claim.settle(&receipt, &answer, || of(Results::Omitted).0);
    }
    drop((receipt, permit));
    (answer, counts)
}

/// Runs work to its end whether or not the one who waits for it stays. `tasks` is what the drain waits for.
async fn outlive<T: Send + 'static>(
    tasks: &TaskTracker,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, IngestError> {
    tasks.spawn(work).await.map_err(|_| IngestError::Panicked)
}

/// What must be right whatever the route takes. No browser is a producer, so that OPTIONS is as wrong as GET.
fn check_head(head: &Parts) -> Result<Results, IngestError> {
    if !Allow::Post.includes(&head.method) {
        return Err(IngestError::Method { given: head.method.clone(), allow: Allow::Post });
    }
    if let Some(page) = foreign_page(head) {
        return Err(IngestError::CrossSite { page });
    }
    if !header::accepts_json(&head.headers) {
        return Err(IngestError::NotAcceptable);
    }
    results(head.uri.query().unwrap_or_default())
}

/// Other parameters are ignored: what a client adds for its own tracking must not cost it a record.
fn results(query: &str) -> Result<Results, IngestError> {
    let wanted = query.split('&').find_map(|pair| pair.strip_prefix("results="));
    match wanted {
        None | Some("all") => Ok(Results::All),
        Some("errors") => Ok(Results::Errors),
        Some(other) => Err(IngestError::Query { given: other.to_owned() }),
    }
}

/// The content type that goes with each record: none for JSON; the route's only one where the request named
/// none.
pub(super) fn declared_type(framing: Framing, given: Option<&str>, route: &Route) -> Option<String> {
    use crate::record::Input;
    match (framing, &route.input) {
        (Framing::Json | Framing::NdJson, _) | (_, Input::Json) => None,
        (_, Input::Lines(types) | Input::Whole(types)) => {
            given.map(str::to_owned).or_else(|| types.first().cloned())
        }
    }
}
