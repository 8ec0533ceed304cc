//! Takes connections in, up to a limit, and sees them to their end.

#[cfg(test)]
mod tests;

use super::header::RequestId;
use super::throttle::Throttle;
use super::wire::Wire;
use crate::shutdown::{Lifecycle, Phase};
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

/// Connections beyond the limit that are told so at a time; still more are closed without a word, so that
/// refusing can never cost as much as serving.
const REFUSALS_MAX: usize = 64;

/// The time for writing a refusal and for its reading: a little more than the wire lingers.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(3);

/// The pause after the system had no file descriptor or memory for a connection. It stays in the backlog,
/// and to ask again at once would only burn the processor.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);

/// Connections taken from the backlog when the drain begins; what the system keeps there is not much more.
const BACKLOG_MAX: usize = 4096;

/// Takes connections from a listener and gives each to a task, which ends with it.
///
/// `serve` speaks with one client, `shed` is told the reason for each connection that is turned away.
pub(super) struct Door<F, R> {
    places: Arc<Semaphore>,
    limit: Limit,
    refusals: Arc<Semaphore>,
    tasks: TaskTracker,
    serve: F,
    shed: R,
    exhaustion_log: Throttle,
}

/// How many connections there may be, and the key that says so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub connections_max: usize,
    pub key: &'static str,
}

impl<F, S, R> Door<F, R>
where
    F: Fn(TcpStream) -> S,
    S: Future<Output = ()> + Send + 'static,
    R: Fn(&'static str),
{
    pub fn new(limit: Limit, serve: F, shed: R) -> Door<F, R> {
        Door {
            places: Arc::new(Semaphore::new(limit.connections_max)),
            limit,
            refusals: Arc::new(Semaphore::new(REFUSALS_MAX)),
            tasks: TaskTracker::new(),
            serve,
            shed,
            exhaustion_log: Throttle::new(1),
        }
    }

    /// Lets connections in until `close`. Ends when all have ended, or the gateway has stopped.
    pub async fn stand(self, listener: TcpListener, close: impl Future<Output = ()>, lifecycle: &Lifecycle) {
        let mut close = pin!(close);
        loop {
            tokio::select! {
                biased;
                () = close.as_mut() => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => self.let_in(stream),
                    Err(error) => self.pause(&error).await,
                },
            }
        }
        if let Err(error) = self.empty_backlog(listener) {
            tracing::warn!(%error, "connections that were waiting to be accepted are reset");
        }
        self.tasks.close();
        tokio::select! {
            () = self.tasks.wait() => {}
            () = lifecycle.reached(Phase::Stopped) => {}
        }
    }

    fn let_in(&self, stream: TcpStream) {
        // Answers are written whole: to wait for more to fill a packet only delays them.
        if stream.set_nodelay(true).is_err() {
            return; // already closed by the client
        }
        match self.places.clone().try_acquire_owned() {
            Ok(place) => {
                let served = (self.serve)(stream);
                self.tasks.spawn(async move {
                    served.await;
                    drop(place);
                });
            }
            Err(_) => self.refuse(stream),
        }
    }

    fn refuse(&self, stream: TcpStream) {
        (self.shed)("connections");
        if let Ok(turn) = self.refusals.clone().try_acquire_owned() {
            self.tasks.spawn(refuse(stream, self.limit, turn));
        }
    }

    async fn pause(&self, error: &io::Error) {
        if !is_exhaustion(error) {
            return; // the client was gone before it was its turn
        }
        if let Some(others) = self.exhaustion_log.turn() {
            tracing::warn!(%error, others, "no connection can be accepted; raise the limit on open files");
        }
        tokio::time::sleep(EXHAUSTED_PAUSE).await;
    }

    /// Takes what the system has accepted for us before the listener closes: closing would reset it.
    fn empty_backlog(&self, listener: TcpListener) -> io::Result<()> {
        let listener = listener.into_std()?;
        for _ in 0..BACKLOG_MAX {
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(true)?;
                    self.let_in(TcpStream::from_std(stream)?);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if is_exhaustion(&error) => return Err(error),
                Err(_) => {}
            }
        }
        Ok(())
    }
}

/// Whether the system, not the client, is why a connection could not be accepted.
fn is_exhaustion(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}

async fn refuse(stream: TcpStream, limit: Limit, turn: OwnedSemaphorePermit) {
    let answer = refusal(limit, &RequestId::mint());
    let mut wire = Wire::closing(stream);
    // A client that will not read why is no loss.
    let _ = tokio::time::timeout(REFUSAL_TIMEOUT, async {
        wire.write_all(answer.as_bytes()).await?;
        wire.shutdown().await
    })
    .await;
    drop(turn);
}

/// The whole answer, as there is no HTTP behind it: the client's request has not been read.
fn refusal(limit: Limit, id: &RequestId) -> String {
    let (id, Limit { connections_max, key }) = (id.as_str(), limit);
    let body = format!(
        "{{\"type\":\"urn:sluicegate:problem:too-many-connections\",\"title\":\"Too many connections\",\
         \"status\":503,\"detail\":\"the gateway serves {connections_max} connections at a time \
           ({key}) and has none left; try again after the time in Retry-After, or share \
           connections\",\"request_id\":\"{id}\"}}"
    );
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
         content-length: {}\r\nretry-after: {}\r\nconnection: close\r\nx-request-id: {id}\r\n\r\n{body}",
        body.len(),
        super::answer::retry_after_seconds(),
    )
}
