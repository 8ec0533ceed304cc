//! Finds HTTP/1 requests that state their body's length in two ways.
//!
//! Content-Length together with Transfer-Encoding is how requests are smuggled past a proxy that believes
//! the other of the two (RFC 9112, section 6.1). hyper believes Transfer-Encoding, drops Content-Length
//! unseen and closes after the answer, which the RFC allows; we refuse, so that nothing of such a request
//! is ever taken. As hyper tells no one, the bytes are followed here on their way to it: headers line by
//! line, bodies by their length only. What this cannot follow, hyper cannot either: it answers 400 and
//! closes.

#[cfg(test)]
mod tests;

use memchr::memchr;

/// Enough of a line to tell a length header and read its number.
const LINE_BYTES_MAX: usize = 64;

/// Follows the requests of one connection.
#[derive(Debug, Default)]
pub(super) struct LengthWatch {
    state: State,
    line: Vec<u8>,
    head: Head,
    /// Heads that have ended.
    requests: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Head,
    ChunkSize,
    Trailer,
    /// Bytes of a body with a Content-Length.
    Sized(u64),
    /// Bytes of a chunk with the line ending after it.
    Chunk(u64),
    /// Nothing more is to be learnt here.
    Lost,
}

/// What the lines of a head have said so far.
#[derive(Debug, Default)]
struct Head {
    begun: bool,
    transfer_encoding: bool,
    content_length: Option<Result<u64, Unreadable>>,
}

#[derive(Debug, Clone, Copy)]
struct Unreadable;

impl LengthWatch {
    /// Takes the next bytes of the connection. Gives the number, from 1, of a request that states both
    /// lengths.
    pub fn observe(&mut self, mut bytes: &[u8]) -> Option<u64> {
        while !bytes.is_empty() {
            bytes = match self.state {
                State::Lost => return None,
                State::Sized(left) => self.skip(bytes, left, State::Sized, State::Head),
                State::Chunk(left) => self.skip(bytes, left, State::Chunk, State::ChunkSize),
                State::Head | State::ChunkSize | State::Trailer => self.read_line(bytes),
            };
            if self.head.transfer_encoding && self.head.content_length.is_some() {
                self.state = State::Lost;
                self.head = Head::default();
                return Some(self.requests + 1);
            }
        }
        None
    }

    fn skip<'b>(&mut self, bytes: &'b [u8], left: u64, stay: fn(u64) -> State, next: State) -> &'b [u8] {
        let here = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        let left = left - here as u64;
        self.state = if left == 0 { next } else { stay(left) };
        &bytes[here..]
    }

    /// Takes the bytes up to the line's end, or all.
    fn read_line<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let end = memchr(b'\n', bytes);
        let part = &bytes[..end.unwrap_or(bytes.len())];
        let room = LINE_BYTES_MAX - self.line.len();
        self.line.extend_from_slice(&part[..part.len().min(room)]);
        let Some(end) = end else { return &[] };
        self.end_line();
        self.line.clear();
        &bytes[end + 1..]
    }

    fn end_line(&mut self) {
        let line = self.line.trim_ascii_end();
        self.state = match self.state {
            State::ChunkSize => chunk_size(line),
            State::Trailer if line.is_empty() => State::Head,
            State::Head if line.is_empty() && self.head.begun => {
                self.requests += 1;
                std::mem::take(&mut self.head).body()
            }
            // A blank line before a request is allowed and none of it.
            State::Head if !line.is_empty() => {
                self.head.read(line);
                State::Head
            }
            other => other,
        };
    }
}

impl Head {
    fn read(&mut self, line: &[u8]) {
        self.begun = true;
        let Some(colon) = memchr(b':', line) else { return };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.transfer_encoding = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let number = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
            self.content_length = Some(number.ok_or(Unreadable));
        }
    }

    /// What follows the blank line.
    fn body(self) -> State {
        match (self.transfer_encoding, self.content_length) {
            (true, _) => State::ChunkSize,
            (false, None | Some(Ok(0))) => State::Head,
            (false, Some(Ok(length))) => State::Sized(length),
            (false, Some(Err(Unreadable))) => State::Lost,
        }
    }
}

fn chunk_size(line: &[u8]) -> State {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    match std::str::from_utf8(digits).ok().and_then(|digits| u64::from_str_radix(digits, 16).ok()) {
        Some(0) => State::Trailer,
        Some(size) => State::Chunk(size.saturating_add(2)),
        None => State::Lost,
    }
}
