//! Requests with an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): one that comes again is answered as
//! before and produces nothing twice, for as long as it is remembered.
//!
//! Only final answers are remembered, never a 5xx: after one the key is free again. If some records were settled
//! nevertheless, another try with the same body takes only the others. A crash forgets what came since the start; what
//! is then produced a second time has the ids of the first.

mod file;
mod key;
mod saved;
mod store;
#[cfg(test)]
mod tests;

pub(super) use key::Key;
pub use key::KeyError;

use super::answer::{Answer, Kept};
use super::data::Gateway;
use super::error::IngestError;
use crate::pipeline::{Earlier, Receipt};
use crate::plugin::Route;
use crate::record::RecordIds;
use crate::telemetry::KeysGauge;
use bytes::Bytes;
use hyper::HeaderMap;
use key::{Digest, digest};
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::{Found, Store, What};

/// What may be remembered, and for how long.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it is kept from an orderly stop to the next start: `data/idempotency`.
    pub file: PathBuf,
    pub entries_max: usize,
    /// In memory. The newest is remembered even if it is larger by itself.
    pub bytes_max: usize,
    pub expiry: Duration,
}

/// The share of what all answers may take that one of them may: a longer one is remembered without its results, so that
/// one client's batches do not drive out everything else.
const ANSWER_SHARE: usize = 16;

/// A body up to this length is hashed on the thread that has it, in about a quarter of a millisecond; a longer one on a
/// thread of its own kind, so that no other connection waits.
const INLINE_BYTES_MAX: usize = 256 << 10;

/// Why a request with a known key is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyConflict {
    #[error(
        "a request with this Idempotency-Key is still in progress; send it again after the time in Retry-After to get \
         its answer"
    )]
    InProgress,
    #[error(
        "this Idempotency-Key came to this route with another body or content type before; send that one again, or \
         choose a new key for this one"
    )]
    OtherBody,
}

/// What is remembered. Cheap to clone.
#[derive(Clone)]
pub struct Memory {
    inner: Arc<Inner>,
}

struct Inner {
    store: Mutex<Store>,
    file: PathBuf,
    answer_bytes_max: usize,
}

/// What a request with a key finds.
pub(super) enum Begun {
    /// It is to be done.
    Claimed(Claim),
    Replayed(Answer),
}

/// What a client sent, as far as it has to be the same the next time.
#[derive(Clone, Copy)]
pub(super) struct Sent<'r> {
    pub content_type: Option<&'r str>,
    /// The variable parts of the path.
    pub parameters: &'r [(String, String)],
    /// Without its Content-Encoding.
    pub body: &'r Bytes,
    /// Where a CloudEvent in binary mode has its attributes: they are as much of the record as the body is.
    pub headers: &'r HeaderMap,
}

impl Gateway {
    /// Answers a request with a key from memory, or claims the key for it.
    pub(super) async fn begin(&self, key: &Key, route: &Route, sent: Sent<'_>) -> Result<Begun, IngestError> {
        let scope = key.scope(None, &route.path);
        let found = self.memory.begin(scope, fingerprint(sent).await);
        match found {
            Ok(Begun::Replayed(answer)) => {
                self.metrics.key("replayed");
                let mut lease = self.bodies.lease();
                lease.try_hold(answer.len())?;
                Ok(Begun::Replayed(answer.holding(lease)))
            }
            Ok(Begun::Claimed(claim)) => {
                if claim.earlier.is_some() {
                    self.metrics.key("resumed");
                }
                Ok(Begun::Claimed(claim))
            }
            Err(conflict) => {
                self.metrics.key(match conflict {
                    KeyConflict::InProgress => "in_progress",
                    KeyConflict::OtherBody => "other_body",
                });
                Err(conflict.into())
            }
        }
    }
}

async fn fingerprint(sent: Sent<'_>) -> Digest {
    let head: Vec<String> = std::iter::once(sent.content_type.unwrap_or_default().to_owned())
        .chain(sent.parameters.iter().flat_map(|(name, value)| [name.clone(), value.clone()]))
        .chain(attributes(sent.headers))
        .collect();
    let body = sent.body.clone();
    let is_long = body.len() > INLINE_BYTES_MAX;
    let work = move || digest(head.iter().map(String::as_bytes).chain([&body[..]]));
    if !is_long {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(digest) => digest,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// In an order of their own: proxies may change that of headers.
fn attributes(headers: &HeaderMap) -> Vec<String> {
    let events = headers.iter().filter(|(name, _)| name.as_str().starts_with("ce-"));
    let mut all: Vec<String> =
        events.map(|(name, value)| format!("{name}:{}", String::from_utf8_lossy(value.as_bytes()))).collect();
    all.sort();
    all
}

impl Memory {
    /// Reads what an orderly stop has left. What cannot be read is told in the log and forgotten. Blocks.
    pub fn open(config: Config) -> Memory {
        let mut store = Store::new(&config);
        let now = super::header::now_ms();
        match file::read(&config.file, config.bytes_max) {
            Ok(file::Left { entries, damaged }) => {
                for (scope, fingerprint, what, since_ms) in entries {
                    store.restore(scope, fingerprint, what, since_ms.min(now), now);
                }
                if damaged > 0 {
                    tracing::warn!(
                        damaged,
                        "remembered Idempotency-Keys are damaged: their requests are forgotten"
                    );
                }
            }
            Err(error) => {
                tracing::warn!(file = %config.file.display(), %error, "remembered Idempotency-Keys cannot be read: they are forgotten");
            }
        }
        let answer_bytes_max = config.bytes_max / ANSWER_SHARE;
        Memory { inner: Arc::new(Inner { store: Mutex::new(store), file: config.file, answer_bytes_max }) }
    }

    /// Keeps what is remembered for the next start. Blocks.
    ///
    /// What cannot be kept is told in the log: it is no reason not to stop.
    pub fn save(&self) {
        let store = self.inner.store.lock();
        if let Err(error) = file::write(&self.inner.file, &store) {
            tracing::warn!(file = %self.inner.file.display(), %error, "remembered Idempotency-Keys cannot be kept: the next start does not know them");
        }
    }

    pub fn gauge(&self) -> KeysGauge {
        self.inner.store.lock().gauge()
    }

    fn begin(&self, scope: Digest, fingerprint: Digest) -> Result<Begun, KeyConflict> {
        // A copy of an answer is made outside of the lock.
        let found = self.inner.store.lock().begin(scope, fingerprint, super::header::now_ms());
        match found {
            Found::Free(earlier) => {
                let ended = None;
                Ok(Begun::Claimed(Claim { memory: self.clone(), scope, earlier, ended }))
            }
            Found::Answered(kept) => Ok(Begun::Replayed(kept.replay())),
            Found::InProgress => Err(KeyConflict::InProgress),
            Found::OtherBody => Err(KeyConflict::OtherBody),
        }
    }
}

/// A key while its request is in progress. Dropped, it is as it was before.
pub(super) struct Claim {
    memory: Memory,
    scope: Digest,
    /// What an earlier try has settled.
    earlier: Option<Earlier>,
    ended: Option<What>,
}

impl Claim {
    /// The same for each try, over restarts too.
    pub fn record_ids(&self) -> RecordIds {
        let [hash @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = self.scope;
        RecordIds::derived_from(u128::from_be_bytes(hash))
    }

    pub fn earlier(&self) -> Option<Earlier> {
        self.earlier.clone()
    }

    /// Remembers a final answer; of a failure what is settled. `shorter`: the answer without its results.
    pub fn settle(mut self, receipt: &Receipt, answer: &Answer, shorter: impl FnOnce() -> Answer) {
        self.ended = if answer.status.is_server_error() {
            receipt.settled().map(What::Partly)
        } else if answer.len() > self.memory.inner.answer_bytes_max {
            Some(What::Answer(Kept::of(&shorter())))
        } else {
            Some(What::Answer(Kept::of(answer)))
        };
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let what = self.ended.take().or_else(|| self.earlier.take().map(What::Partly));
        self.memory.inner.store.lock().end(&self.scope, what, super::header::now_ms());
    }
}
