//! The bytes of an answer on their way out.

use crate::http::activity::{Activity, Ticket};
use crate::http::body::Lease;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Handed on at a time: a frame of HTTP/2, so that a client which takes its answer in small steps is seen to
/// go on. HTTP/1 gathers up to 16 of them in one write.
const PIECE_BYTES: usize = 16 << 10;

/// An answer's body, whole before its first byte is sent.
#[derive(Debug)]
pub(in crate::http) struct AnswerBody {
    rest: Bytes,
    activity: Arc<Activity>,
}

/// The bytes with all that is to be kept until the last of them is written, or the connection is gone.
struct Kept {
    bytes: Bytes,
    _lease: Option<Lease>,
    _ticket: Ticket,
}

impl AnswerBody {
    pub fn new(bytes: Bytes, lease: Option<Lease>, mut ticket: Ticket) -> AnswerBody {
        let activity = ticket.answering();
        AnswerBody { rest: Bytes::from_owner(Kept { bytes, _lease: lease, _ticket: ticket }), activity }
    }
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        self.activity.progressed();
        let piece = self.rest.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
