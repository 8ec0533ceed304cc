//! Reads a request's body: bounded in bytes, in time, and in what all bodies together may take.

mod budget;
mod coding;
#[cfg(test)]
mod tests;

pub(super) use budget::Lease;
pub use coding::UnsupportedCoding;

use budget::Budget;
use bytes::{Bytes, BytesMut};
use coding::{Coding, Inflation, Progress};
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::{Body, Incoming};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// What a body inflates to on the spot; a larger one goes on a thread of its own kind, so that no other
/// connection of this thread waits for it. Undoing so much takes about 0.1 ms.
const INLINE_BYTES_MAX: usize = 64 << 10;

/// Bodies inflated on such threads at a time: each is at work the whole time, so that more only make all
/// slower, and each may hold a window of 8 MiB.
const INFLATIONS_MAX: usize = 4;

/// Why there is no body to cut into records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error(
        "the body has {bytes} bytes and at most {max} are taken (http.body_bytes_max); send fewer records \
         a request"
    )]
    LengthTooLarge { bytes: u64, max: usize },
    #[error(
        "the body has more than {max} bytes, the most that are taken (http.body_bytes_max); send fewer \
         records a request"
    )]
    TooLarge { max: usize },
    #[error(
        "the body inflates to more than {max} bytes, the most that are taken \
         (http.decompressed_bytes_max); send fewer records a request"
    )]
    InflatedTooLarge { max: usize },
    #[error(transparent)]
    Coding(#[from] UnsupportedCoding),
    #[error("the body cannot be decompressed as {coding}: {reason}; compress it again, whole")]
    Undecodable { coding: &'static str, reason: String },
    #[error(
        "the body did not arrive within {} ms of its headers (http.body_timeout_ms); send it faster, or in \
         smaller parts",
        .timeout.as_millis()
    )]
    TooSlow { timeout: Duration },
    #[error("the body ended before it was whole, or is not cut into chunks as HTTP wants; send it again")]
    Incomplete,
    #[error(
        "the gateway holds as many bytes of bodies as it may ({max}, http.body_budget_bytes) and has no \
         room for this one at present"
    )]
    NoRoom { max: usize },
    #[error(
        "{max} other bodies are being decompressed, the most at a time, and the turn of this one did not \
         come within {} ms (http.body_timeout_ms)",
        .timeout.as_millis()
    )]
    NoTurn { max: usize, timeout: Duration },
}

/// A body as the client meant it: without its Content-Encoding.
#[derive(Debug)]
pub(super) struct Whole {
    pub bytes: Bytes,
    /// To be kept as long as the bytes.
    pub lease: Lease,
}

/// The limits of one body.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub bytes_max: usize,
    pub inflated_bytes_max: usize,
    pub timeout: Duration,
    /// Over all bodies.
    pub budget_bytes: usize,
}

/// Reads bodies within one budget.
#[derive(Debug)]
pub(super) struct Bodies {
    limits: Limits,
    budget: Budget,
    inflations: Arc<Semaphore>,
}

impl Bodies {
    pub fn new(limits: Limits) -> Bodies {
        let budget = Budget::new(limits.budget_bytes);
        Bodies { limits, budget, inflations: Arc::new(Semaphore::new(INFLATIONS_MAX)) }
    }

    /// Bytes that are held now, of bodies, findings and answers.
    pub fn held(&self) -> usize {
        self.budget.held()
    }

    /// Of nothing yet.
    pub fn lease(&self) -> Lease {
        self.budget.lease()
    }

    /// Reads a body to its end. Trailers are ignored.
    ///
    /// What can be refused by the headers alone is refused before anything is read: a client that waits for
    /// `100 Continue` then never sends it.
    pub async fn read(&self, headers: &HeaderMap, body: Incoming) -> Result<Whole, BodyError> {
        let coding = Coding::of(headers)?;
        let max = self.limits.bytes_max;
        let length = body.size_hint().exact();
        if let Some(bytes) = length.filter(|bytes| *bytes > max as u64) {
            return Err(BodyError::LengthTooLarge { bytes, max });
        }
        let length = length.and_then(|bytes| usize::try_from(bytes).ok());
        let timeout = self.limits.timeout;
        let whole = tokio::time::timeout(timeout, self.collect(body, length))
            .await
            .map_err(|_| BodyError::TooSlow { timeout })??;
        match coding {
            None => Ok(whole),
            Some(coding) => self.inflate(coding, whole).await,
        }
    }

    /// The budget is charged as bytes arrive, not by what a header promises: a slow sender holds what it
    /// has sent.
    async fn collect(&self, mut body: Incoming, length: Option<usize>) -> Result<Whole, BodyError> {
        let max = self.limits.bytes_max;
        let mut lease = self.budget.lease();
        let mut gathered = Gathered::Nothing;
        while let Some(frame) = body.frame().await {
            let Ok(chunk) = frame.map_err(|_| BodyError::Incomplete)?.into_data() else { continue };
            if chunk.len() > max - gathered.len() {
                return Err(BodyError::TooLarge { max });
            }
            lease.grow(chunk.len())?;
            gathered = gathered.and(chunk, length);
        }
        Ok(Whole { bytes: gathered.freeze(), lease })
    }

    async fn inflate(&self, coding: Coding, packed: Whole) -> Result<Whole, BodyError> {
        let mut inflation =
            Inflation::begin(coding, packed.bytes, self.limits.inflated_bytes_max, self.budget.lease())?;
        if let Progress::Ended = inflation.advance(INLINE_BYTES_MAX)? {
            return Ok(inflation.end());
        }
        let timeout = self.limits.timeout;
        let turn = tokio::time::timeout(timeout, self.inflations.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(BodyError::NoTurn { max: INFLATIONS_MAX, timeout }) };
        // All that it holds goes with it: nobody can stop it when its client has left.
        let held = (packed.lease, turn);
        let inflated = tokio::task::spawn_blocking(move || {
            let ended = inflation.advance(usize::MAX).map(|_| inflation.end());
            drop(held);
            ended
        });
        inflated.await.unwrap_or_else(|_| {
            Err(BodyError::Undecodable { coding: coding.as_str(), reason: "its decoder failed".into() })
        })
    }
}

/// The chunks of a body so far. One chunk stays as it came; more are put together as they come, so that
/// many small ones cannot keep the larger buffers alive that they are slices of.
enum Gathered {
    Nothing,
    One(Bytes),
    Many(BytesMut),
}

impl Gathered {
    fn len(&self) -> usize {
        match self {
            Gathered::Nothing => 0,
            Gathered::One(chunk) => chunk.len(),
            Gathered::Many(chunks) => chunks.len(),
        }
    }

    fn and(self, chunk: Bytes, length: Option<usize>) -> Gathered {
        match self {
            Gathered::Nothing => Gathered::One(chunk),
            Gathered::One(first) => {
                // The length is within the limit, and pages that are never written to are never given.
                let mut all = BytesMut::with_capacity(length.unwrap_or(2 * (first.len() + chunk.len())));
                all.extend_from_slice(&first);
                all.extend_from_slice(&chunk);
                Gathered::Many(all)
            }
            Gathered::Many(mut all) => {
                all.extend_from_slice(&chunk);
                Gathered::Many(all)
            }
        }
    }

    fn freeze(self) -> Bytes {
        match self {
            Gathered::Nothing => Bytes::new(),
            Gathered::One(chunk) => chunk,
            Gathered::Many(chunks) => chunks.freeze(),
        }
    }
}
