//! The way of a request's records through the gateway.

#[cfg(test)]
mod tests;

use super::activity::Ticket;
use super::admission::Permit;
use super::answer::Results;
use super::body::Lease;
use super::data::Gateway;
use super::error::{Allow, IngestError};
use super::header;
use super::origin::foreign_page;
use crate::pipeline::{Receipt, Submission};
use crate::plugin::{Facts, Generation, Match, Route, RouteError, Snapshot};
use crate::record::{self, Framing, RecordIds};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use std::sync::Arc;
use tokio_util::task::TaskTracker;

/// Routes that the answer to a wrong path names: as many as one reads.
const ROUTES_LISTED_MAX: usize = 8;

/// Records that have come to their end.
pub(super) struct Settled {
    pub receipt: Receipt,
    pub place: Place,
    /// Which of the receipt's lines the client wants to see.
    pub results: Results,
    pub hold: Hold,
}

/// What a request's findings hold until its answer is built.
#[derive(Debug)]
pub(super) struct Hold {
    /// A place among those in flight.
    pub permit: Permit,
    /// Of the budget of bodies: first the request's own, then its findings', at last its answer's.
    pub lease: Lease,
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
    gateway: &Gateway,
    head: &Parts,
    body: Incoming,
    ticket: &Ticket,
    arrived: &mut Option<Place>,
) -> Result<Settled, IngestError> {
    let found = find(&gateway.plugins.snapshot(), head.uri.path())?;
    let place = arrived.insert(Place { generation: found.generation, route: found.route }).clone();
    let results = check_head(head)?;
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
    let ids = RecordIds::minted_at(received_at_ms);
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
        traceparent: header::traceparent(&head.headers),
        tracestate: header::tracestate(&head.headers),
        route: place.route,
        generation: place.generation.clone(),
    };
    let hold = Hold { permit, lease: body.lease };
    let (receipt, hold) = settle(gateway, submission, hold).await?;
    Ok(Settled { receipt, place, results, hold })
}

fn find(snapshot: &Snapshot, path: &str) -> Result<Match, IngestError> {
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

/// A departing client leaves nothing half sent: what was held for it is then given back at the end.
async fn settle(
    gateway: &Gateway,
    submission: Submission,
    mut hold: Hold,
) -> Result<(Receipt, Hold), IngestError> {
    let pipeline = gateway.pipeline.clone();
    let work = async move {
        let receipt = pipeline.settle(submission).await;
        // The request's bytes are gone. What was found in them can be more, and is counted in the receipt.
        hold.lease.hold(0);
        (receipt, hold)
    };
    outlive(&gateway.tasks, work).await
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
fn declared_type(framing: Framing, given: Option<&str>, route: &Route) -> Option<String> {
    use crate::record::Input;
    match (framing, &route.input) {
        (Framing::Json | Framing::NdJson, _) | (_, Input::Json) => None,
        (_, Input::Lines(types) | Input::Whole(types)) => {
            given.map(str::to_owned).or_else(|| types.first().cloned())
        }
    }
}
