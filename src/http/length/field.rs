//! The fields of a request's head, as far as they concern lengths: nothing of them is kept but a number.

use super::Doubt;
use memchr::memchr;

const TRANSFER_ENCODING: &[u8] = b"transfer-encoding";
const CONTENT_LENGTH: &[u8] = b"content-length";

/// What a line of the head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    TransferEncoding,
    ContentLength(u64),
    UnreadableLength,
    Other,
    /// The blank line.
    End,
}

/// Reads lines, in whatever pieces they come.
#[derive(Debug, Default)]
pub(super) struct Fields {
    line: Line,
    /// The beginning of the name: none longer concerns us.
    name: [u8; TRANSFER_ENCODING.len()],
}

#[derive(Debug, Default)]
enum Line {
    #[default]
    Begin,
    /// What is to be a blank line.
    Blank,
    /// So many bytes of the name.
    Name(usize),
    /// What is of no interest, up to the line's end.
    Rest(Field),
    Length(Number),
}

/// Decimal digits between spaces.
#[derive(Debug, Clone, Copy)]
enum Number {
    Before,
    Within(u64),
    Behind(u64),
    Unreadable,
}

impl Fields {
    /// Reads to the end of a line, or of the bytes. Gives what is left of them.
    pub fn read<'b>(&mut self, bytes: &'b [u8]) -> Result<(Option<Field>, &'b [u8]), Doubt> {
        let mut rest = bytes;
        while let Some((&byte, behind)) = rest.split_first() {
            if let Line::Rest(field) = self.line {
                let Some(end) = memchr(b'\n', rest) else { return Ok((None, &[])) };
                self.line = Line::Begin;
                return Ok((Some(field), &rest[end + 1..]));
            }
            rest = behind;
            if let Some(field) = self.take(byte)? {
                self.line = Line::Begin;
                return Ok((Some(field), rest));
            }
        }
        Ok((None, rest))
    }

    fn take(&mut self, byte: u8) -> Result<Option<Field>, Doubt> {
        match (&mut self.line, byte) {
            (Line::Begin | Line::Blank, b'\n') => return Ok(Some(Field::End)),
            (Line::Begin, b'\r') => self.line = Line::Blank,
            (Line::Begin, _) => {
                self.name[0] = byte;
                self.line = Line::Name(1);
            }
            (Line::Name(length), b':') => self.line = named(&self.name[..*length]),
            // A line without a name, or a blank one that goes on.
            (Line::Name(_), b'\n') | (Line::Blank, _) => return Err(Doubt::Unfollowed),
            (Line::Name(length), _) => match self.name.get_mut(*length) {
                Some(next) => {
                    *next = byte;
                    *length += 1;
                }
                None => self.line = Line::Rest(Field::Other),
            },
            (Line::Length(number), b'\n') => return Ok(Some(number.end())),
            (Line::Length(number), _) => *number = number.and(byte),
            (Line::Rest(_), _) => {}
        }
        Ok(None)
    }
}

fn named(name: &[u8]) -> Line {
    if name.eq_ignore_ascii_case(CONTENT_LENGTH) {
        Line::Length(Number::Before)
    } else if name.eq_ignore_ascii_case(TRANSFER_ENCODING) {
        Line::Rest(Field::TransferEncoding)
    } else {
        Line::Rest(Field::Other)
    }
}

impl Number {
    fn and(self, byte: u8) -> Number {
        match (self, byte) {
            (Number::Before, b' ' | b'\t') => Number::Before,
            (Number::Before, b'0'..=b'9') => Number::Within(u64::from(byte - b'0')),
            (Number::Within(number), b'0'..=b'9') => number
                .checked_mul(10)
                .and_then(|number| number.checked_add(u64::from(byte - b'0')))
                .map_or(Number::Unreadable, Number::Within),
            (Number::Within(number) | Number::Behind(number), b' ' | b'\t' | b'\r') => Number::Behind(number),
            _ => Number::Unreadable,
        }
    }

    fn end(self) -> Field {
        match self {
            Number::Within(number) | Number::Behind(number) => Field::ContentLength(number),
            Number::Before | Number::Unreadable => Field::UnreadableLength,
        }
    }
}
