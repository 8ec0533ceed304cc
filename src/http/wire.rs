//! The socket under a connection: finds out what is spoken, follows the lengths, and closes without a reset.

use super::activity::Activity;
use super::length::LengthWatch;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// How an HTTP/2 connection begins (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long and how much a refused client may go on sending before it reads its answer. To close at once
/// would reset the connection, and the reset destroys the answer on its way (RFC 9112, section 9.6).
/// Two seconds are several round trips of the slowest link, and short enough that a place among the connections
/// is not lost for long.
const LINGER_TIMEOUT: Duration = Duration::from_secs(2);
/// Twice `http.body_bytes_max` as it is by default: a client that sends one body over the limit is read to its end.
const LINGER_BYTES_MAX: usize = 32 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Http1,
    Http2,
}

pub(super) struct Wire {
    stream: TcpStream,
    /// Read to find out the version, not yet given on.
    replay: Replay,
    /// HTTP/2 has no two ways of stating a length.
    lengths: Option<LengthWatch>,
    activity: Arc<Activity>,
    closing: Closing,
}

struct Replay {
    bytes: [u8; HTTP2_PREFACE.len()],
    start: usize,
    end: usize,
}

enum Closing {
    Open,
    Lingering { left: usize, timeout: Pin<Box<Sleep>> },
}

impl Wire {
    /// Reads until it is sure what the client speaks. Fails if the client leaves before.
    pub async fn open(mut stream: TcpStream, activity: Arc<Activity>) -> io::Result<(Version, Wire)> {
        let mut bytes = [0; HTTP2_PREFACE.len()];
        let mut end = 0;
        let version = loop {
            let read = stream.read(&mut bytes[end..]).await?;
            end += read;
            if end == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if read == 0 || !HTTP2_PREFACE.starts_with(&bytes[..end]) {
                break Version::Http1;
            }
            if end == bytes.len() {
                break Version::Http2;
            }
        };
        let lengths = (version == Version::Http1).then(LengthWatch::default);
        let replay = Replay { bytes, start: 0, end };
        Ok((version, Wire { stream, replay, lengths, activity, closing: Closing::Open }))
    }

    /// A wire on which nothing will be read but to be thrown away.
    pub fn closing(stream: TcpStream) -> Wire {
        let replay = Replay { bytes: [0; HTTP2_PREFACE.len()], start: 0, end: 0 };
        Wire { stream, replay, lengths: None, activity: Activity::new(), closing: Closing::Open }
    }

    fn observe(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.activity.arrived();
        if let Some((number, doubt)) = self.lengths.as_mut().and_then(|lengths| lengths.observe(bytes)) {
            self.activity.mark_doubtful(number, doubt);
        }
    }

    /// What HTTP/1 writes is part of an answer. HTTP/2 writes pings and the like too, which show nothing of
    /// what the client reads: there the answers tell themselves when they are asked for more.
    fn tell_progress(&self) {
        if self.lengths.is_some() {
            self.activity.progressed();
        }
    }

    /// Throws away what comes until the client has closed too, or was given enough.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Closing::Lingering { left, timeout } = &mut self.closing else { return Poll::Ready(Ok(())) };
        let mut scrap = [0; 16 << 10];
        while *left > 0 {
            let mut scrap = ReadBuf::new(&mut scrap);
            match Pin::new(&mut self.stream).poll_read(cx, &mut scrap) {
                Poll::Ready(Ok(())) if !scrap.filled().is_empty() => {
                    *left = left.saturating_sub(scrap.filled().len());
                }
                // Closed, or already reset: either way there is no one left to wait for.
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return timeout.as_mut().poll(cx).map(Ok),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = into.filled().len();
        let Replay { bytes, start, end } = &mut self.replay;
        if start < end {
            let part = (*end - *start).min(into.remaining());
            into.put_slice(&bytes[*start..*start + part]);
            *start += part;
        } else {
            ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        }
        self.observe(&into.filled()[filled..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.tell_progress();
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, parts))?;
        self.tell_progress();
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Closing::Open = self.closing {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            if !self.activity.may_have_unread() {
                return Poll::Ready(Ok(()));
            }
            let timeout = Box::pin(tokio::time::sleep(LINGER_TIMEOUT));
            self.closing = Closing::Lingering { left: LINGER_BYTES_MAX, timeout };
        }
        self.poll_linger(cx)
    }
}
