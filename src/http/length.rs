//! Finds HTTP/1 requests that state their body's length in two ways.
//!
//! Content-Length together with Transfer-Encoding is how requests are smuggled past a proxy that believes
//! the other of the two (RFC 9112, section 6.1). hyper believes Transfer-Encoding, drops Content-Length
//! unseen and closes after the answer, which the RFC allows; we refuse, so that nothing of such a request
//! is ever taken. As hyper tells no one, the bytes are followed here on their way to it, by the rules of
//! httparse 1.10 for heads and of hyper 1.12 for chunks: whatever those take for the end of a head, a chunk
//! or a body is one here too. They refuse more than this does, which is no harm: after that nothing comes.
//! Should they ever take what this cannot follow, the requests behind it are refused, not served unseen.

mod chunk;
mod field;
#[cfg(test)]
mod tests;

use chunk::Chunks;
use field::{Field, Fields};
use memchr::memchr;

/// Why a request's length, or where it begins, is in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It has both Content-Length and Transfer-Encoding.
    TwoLengths,
    /// What came before it could not be followed.
    Unfollowed,
}

/// Follows the requests of one connection.
#[derive(Debug, Default)]
pub(super) struct LengthWatch {
    state: State,
    head: Head,
    /// Heads that have ended.
    requests: u64,
}

#[derive(Debug, Default)]
enum State {
    /// Before a request: blank lines are allowed there.
    #[default]
    Before,
    RequestLine,
    Fields(Fields),
    /// Bytes of a body with a Content-Length.
    Sized(u64),
    Chunked(Chunks),
    /// Nothing more is to be learnt here.
    Ended,
}

/// What the fields of a head have said so far.
#[derive(Debug, Default)]
struct Head {
    transfer_encoding: bool,
    content_length: Option<u64>,
}

impl LengthWatch {
    /// Takes the next bytes of the connection. Gives the number, from 1, of the first request that is in
    /// doubt; all behind it are too.
    pub fn observe(&mut self, mut bytes: &[u8]) -> Option<(u64, Doubt)> {
        while !bytes.is_empty() {
            match self.step(bytes) {
                Ok(rest) => bytes = rest,
                Err(doubt) => {
                    self.state = State::Ended;
                    return Some((self.requests + 1, doubt));
                }
            }
        }
        None
    }

    /// Gives what is left of the bytes.
    fn step<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], Doubt> {
        match &mut self.state {
            State::Ended => Ok(&[]),
            State::Before => {
                let begin = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
                if begin.is_some() {
                    self.state = State::RequestLine;
                }
                Ok(&bytes[begin.unwrap_or(bytes.len())..])
            }
            State::RequestLine => Ok(match memchr(b'\n', bytes) {
                None => &[],
                Some(end) => {
                    self.state = State::Fields(Fields::default());
                    &bytes[end + 1..]
                }
            }),
            State::Fields(fields) => {
                let (field, rest) = fields.read(bytes)?;
                match field {
                    Some(Field::End) => self.end_head(),
                    Some(field) => self.head.take(field)?,
                    None => {}
                }
                Ok(rest)
            }
            State::Sized(left) => {
                let here = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= here as u64;
                if *left == 0 {
                    self.state = State::Before;
                }
                Ok(&bytes[here..])
            }
            State::Chunked(chunks) => {
                let rest = chunks.read(bytes)?;
                if chunks.have_ended() {
                    self.state = State::Before;
                }
                Ok(rest)
            }
        }
    }

    fn end_head(&mut self) {
        self.requests += 1;
        self.state = match std::mem::take(&mut self.head) {
            Head { transfer_encoding: true, .. } => State::Chunked(Chunks::default()),
            Head { content_length: None | Some(0), .. } => State::Before,
            Head { content_length: Some(length), .. } => State::Sized(length),
        };
    }
}

impl Head {
    fn take(&mut self, field: Field) -> Result<(), Doubt> {
        let mut is_unreadable = false;
        match field {
            Field::TransferEncoding => self.transfer_encoding = true,
            Field::ContentLength(length) => {
                is_unreadable = self.content_length.replace(length).is_some_and(|other| other != length);
            }
            Field::UnreadableLength => is_unreadable = true,
            Field::Other | Field::End => {}
        }
        let has_length = is_unreadable || self.content_length.is_some();
        match (self.transfer_encoding && has_length, is_unreadable) {
            (true, _) => Err(Doubt::TwoLengths),
            (false, true) => Err(Doubt::Unfollowed),
            (false, false) => Ok(()),
        }
    }
}
