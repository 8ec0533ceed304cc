//! One connection from its first byte to its close.

#[cfg(test)]
mod tests;

use super::activity::{Activity, Ticket};
use super::answer::AnswerBody;
use super::wire::{Version, Wire};
use crate::shutdown::{Lifecycle, Phase};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::net::TcpStream;

/// What hyper reads at once on an HTTP/1 connection, unless headers may be longer. A batch of a thousand
/// records then comes in one or two pieces, which took a third less time than pieces of 64 KiB; a
/// connection holds no more than this beside its body.
const READ_BYTES_MAX: usize = 256 << 10;

/// Streams that a client may open and reset without being cut off (CVE-2023-44487): some are lost to clients'
/// own time-outs, and a flood has thousands.
const HTTP2_RESETS_MAX: usize = 64;

/// How long an HTTP/2 client may take to answer a ping: a lost packet is sent again well within, and a client that is
/// gone is not held for longer than an idle one.
const HTTP2_PING_TIMEOUT: Duration = Duration::from_secs(10);

/// When the drain begins, a request may be on its way on a connection that looks idle: it gets this long to
/// arrive and to be answered, instead of a reset.
const DRAIN_GRACE: Duration = Duration::from_millis(100);

/// What every request is answered with. Bodies are whole before they are sent.
pub(super) type Answered = Response<AnswerBody>;

/// What a connection may take.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub header_bytes_max: usize,
    pub header_timeout: Duration,
    pub write_timeout: Duration,
    pub http2_streams_max: u32,
}

/// How connections are spoken with.
pub(super) struct Protocol {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    patience: Patience,
}

/// How long a connection is waited for.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// For the end of a request's headers.
    header_timeout: Duration,
    /// For the client to take the next bytes of its answer.
    write_timeout: Duration,
}

impl Protocol {
    pub fn new(limits: &Limits) -> Protocol {
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            // A client may end its side with its request; and one that has left is answered to the end like
            // any other, so that what became of its records is measured and logged.
            .half_close(true)
            .header_read_timeout(limits.header_timeout)
            .max_header_size(limits.header_bytes_max)
            .max_buf_size(limits.header_bytes_max.max(READ_BYTES_MAX));
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX))
            .max_concurrent_streams(limits.http2_streams_max)
            .max_pending_accept_reset_streams(HTTP2_RESETS_MAX)
            .max_local_error_reset_streams(HTTP2_RESETS_MAX)
            .keep_alive_interval(limits.header_timeout)
            .keep_alive_timeout(HTTP2_PING_TIMEOUT);
        let patience =
            Patience { header_timeout: limits.header_timeout, write_timeout: limits.write_timeout };
        Protocol { http1, http2, patience }
    }

    /// Serves a connection until either side closes it, the drain does, or nothing is asked for too long.
    pub async fn serve<F>(
        &self,
        stream: TcpStream,
        lifecycle: &Lifecycle,
        answer: impl Fn(Request<Incoming>, Ticket) -> F,
    ) where
        F: Future<Output = Answered> + Send + 'static,
    {
        let activity = Activity::new();
        let Some((version, wire)) = self.open(stream, &activity, lifecycle).await else { return };
        let service = service_fn(|request: Request<Incoming>| {
            let ticket = activity.begin();
            if hyper::body::Body::is_end_stream(request.body()) {
                ticket.body_ended();
            }
            let answer = answer(request, ticket);
            async { Ok::<_, Infallible>(answer.await) }
        });
        let io = TokioIo::new(wire);
        match version {
            Version::Http1 => {
                let connection = self.http1.serve_connection(io, service);
                drive(connection, &activity, lifecycle, self.patience).await;
            }
            Version::Http2 => {
                let connection = self.http2.serve_connection(io, service);
                drive(connection, &activity, lifecycle, self.patience).await;
            }
        }
    }

    /// hyper-util's automatic builder would do this without a time limit, and cannot limit HTTP/1 headers.
    async fn open(
        &self,
        stream: TcpStream,
        activity: &Arc<Activity>,
        lifecycle: &Lifecycle,
    ) -> Option<(Version, Wire)> {
        tokio::select! {
            biased;
            opened = Wire::open(stream, activity.clone()) => opened.ok(),
            () = tokio::time::sleep(self.patience.header_timeout) => None,
            () = drain_begun(activity, lifecycle) => None,
        }
    }
}

async fn drive<C: GracefulConnection>(
    connection: C,
    activity: &Activity,
    lifecycle: &Lifecycle,
    patience: Patience,
) {
    let mut connection = pin!(connection);
    // One clock over both stages: the drain must not give a client that reads nothing more time.
    let mut stalled = pin!(activity.stalled(patience.write_timeout));
    tokio::select! {
        // The connection first: what has arrived is taken before it is closed.
        biased;
        _ = connection.as_mut() => return,
        () = activity.quiet(patience.header_timeout) => {}
        () = stalled.as_mut() => return,
        () = drain_begun(activity, lifecycle) => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        biased;
        _ = connection.as_mut() => {}
        // A client that leaves its side open, or does not read what no longer counts as an answer.
        () = activity.quiet(patience.header_timeout) => {}
        () = stalled.as_mut() => {}
        () = lifecycle.reached(Phase::Stopped) => {}
    }
}

/// Ends when the drain has begun and a request is in flight, or none has come in the grace.
async fn drain_begun(activity: &Activity, lifecycle: &Lifecycle) {
    lifecycle.reached(Phase::Draining).await;
    let mut grace = pin!(tokio::time::sleep(DRAIN_GRACE));
    poll_fn(|cx| if activity.is_in_flight() { Poll::Ready(()) } else { grace.as_mut().poll(cx) }).await;
}
