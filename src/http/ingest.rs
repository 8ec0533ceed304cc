//! The way of a request's records through the gateway.

#[cfg(test)]
mod tests;

use super::activity::Ticket;
use super::admission::Permit;
use super::answer::{self, Answer, Asked, Results, Told};
use super::body::Lease;
use super::data::Gateway;
use super::error::{Allow, IngestError};
use super::header::{self, HeaderError};
use super::idempotency::{Begun, Claim, Key, Sent};
use crate::pipeline::{Receipt, Submission};
use crate::plugin::{Facts, Generation, Route};
use crate::record::{self, Framing, RecordIds};
use hyper::Request;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use std::sync::Arc;
use tokio_util::task::TaskTracker;

/// Addresses hold a route and a word; a longer one is a mistake, or data that would end up in other
/// people's logs.
const URI_BYTES_MAX: usize = 8 << 10;

/// What is said of records that have come to their end.
pub(super) struct Settled {
    pub answer: Answer,
    /// None: it is what was answered before.
    pub counts: Option<Told>,
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
    request: Request<Incoming>,
    ticket: &Ticket,
    asked: &Asked,
    arrived: &mut Option<Place>,
) -> Result<Settled, IngestError> {
    let (head, body) = request.into_parts();
    check_address(&head, ticket)?;
    let found = gateway.plugins.snapshot().route(head.uri.path())?;
    let place = arrived.insert(Place { generation: found.generation, route: found.route }).clone();
    let results = check_head(&head)?;
    let key = Key::of(&head.headers)?;
    let content_type = header::content_type(&head.headers)?;
    let framing = Framing::of(content_type, &place.route().input)?;
    let body = gateway.bodies.read(&head.headers, body).await?;
    ticket.body_ended();
    let permit = gateway.admission.try_enter()?;
    let received_at_ms = header::now_ms();
    let sent = Sent { content_type, parameters: &found.parameters, body: &body.bytes };
    let claim = match key {
        Some(key) => match gateway.begin(&key, place.route(), sent).await? {
            Begun::Claimed(claim) => Some(claim),
            Begun::Replayed(answer) => return Ok(Settled { answer, counts: None }),
        },
        None => None,
    };
    let ids = claim.as_ref().map_or_else(|| RecordIds::minted_at(received_at_ms), Claim::record_ids);
    let batch = record::decode(framing, body.bytes, &gateway.config.records, ids)?;
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
        route: place.route,
        generation: place.generation.clone(),
        earlier: claim.as_ref().and_then(Claim::earlier),
    };
    let telling = Telling { place, results, asked: asked.clone(), claim };
    settle(gateway, submission, telling, permit, body.lease).await
}

/// A departing client leaves nothing half sent, and what it would have been told is remembered for its next try.
async fn settle(
    gateway: &Arc<Gateway>,
    submission: Submission,
    telling: Telling,
    permit: Permit,
    lease: Lease,
) -> Result<Settled, IngestError> {
    let all = gateway.clone();
    let work = async move {
        let receipt = all.pipeline.settle(submission).await;
        drop((permit, lease));
        telling.tell(&all, &receipt)
    };
    outlive(&gateway.tasks, work).await
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
    /// The answer is held against the budget of bodies until it is written, as a client need not read it; where there is
    /// no room for its results, it goes without them.
    fn tell(self, gateway: &Gateway, receipt: &Receipt) -> Settled {
        let of = |results| answer::receipt(receipt, self.place.route(), results, &self.asked);
        let (whole, counts) = of(self.results);
        let answer = match gateway.bodies.lease(whole.len()) {
            Ok(lease) => whole.holding(lease),
            Err(_) => of(Results::Omitted).0,
        };
        if let Some(claim) = self.claim {
            claim.settle(receipt, &answer, || of(Results::Omitted).0);
        }
        Settled { answer, counts: Some(counts) }
    }
}

/// Runs work to its end whether or not the one who waits for it stays. `tasks` is what the drain waits for.
async fn outlive<T: Send + 'static>(
    tasks: &TaskTracker,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, IngestError> {
    tasks.spawn(work).await.map_err(|_| IngestError::Panicked)
}

/// What must be right before the address is believed.
pub(super) fn check_address(head: &Parts, ticket: &Ticket) -> Result<(), IngestError> {
    if ticket.has_ambiguous_length() {
        return Err(HeaderError::TwoLengths.into());
    }
    let bytes = head.uri.path_and_query().map_or(0, |address| address.as_str().len());
    if bytes > URI_BYTES_MAX {
        return Err(IngestError::UriTooLong { bytes, max: URI_BYTES_MAX });
    }
    Ok(())
}

/// What must be right whatever the route takes. No browser is a producer, so that OPTIONS is as wrong as GET.
fn check_head(head: &Parts) -> Result<Results, IngestError> {
    if !Allow::Post.includes(&head.method) {
        return Err(IngestError::Method { given: head.method.clone(), allow: Allow::Post });
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
