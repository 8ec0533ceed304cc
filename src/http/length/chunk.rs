//! A body in chunks (RFC 9112, section 7.1), by its lengths only.

use super::Doubt;

/// Follows one such body.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    at: At,
    /// Of the chunk whose size is being read.
    size: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum At {
    #[default]
    FirstDigit,
    Digits,
    /// Spaces behind the digits.
    Spaces,
    Extension,
    SizeEnd,
    Data(u64),
    DataReturn,
    DataEnd,
    /// Where the blank line at the body's end, or a trailer, begins.
    LineBegin,
    Trailer,
    TrailerEnd,
    BlankEnd,
    Ended,
}

impl Chunks {
    /// Gives what lies behind the body, if it ends here.
    pub fn read<'b>(&mut self, mut bytes: &'b [u8]) -> Result<&'b [u8], Doubt> {
        while self.at != At::Ended
            && let Some((&byte, rest)) = bytes.split_first()
        {
            if let At::Data(left) = self.at {
                let here = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
                let left = left - here as u64;
                self.at = if left == 0 { At::DataReturn } else { At::Data(left) };
                bytes = &bytes[here..];
            } else {
                self.at = self.after(byte)?;
                bytes = rest;
            }
        }
        Ok(bytes)
    }

    pub fn have_ended(&self) -> bool {
        self.at == At::Ended
    }

    fn after(&mut self, byte: u8) -> Result<At, Doubt> {
        match (self.at, byte) {
            (At::FirstDigit, _) => {
                self.size = 0;
                self.digit(byte)
            }
            (At::Digits | At::Spaces, b' ' | b'\t') => Ok(At::Spaces),
            (At::Digits | At::Spaces, b';') => Ok(At::Extension),
            (At::Digits | At::Spaces | At::Extension, b'\r') => Ok(At::SizeEnd),
            (At::Digits, _) => self.digit(byte),
            (At::Extension, byte) if byte != b'\n' => Ok(At::Extension),
            (At::SizeEnd, b'\n') if self.size == 0 => Ok(At::LineBegin),
            (At::SizeEnd, b'\n') => Ok(At::Data(self.size)),
            (At::DataReturn, b'\r') => Ok(At::DataEnd),
            (At::DataEnd, b'\n') => Ok(At::FirstDigit),
            (At::LineBegin, b'\r') => Ok(At::BlankEnd),
            (At::Trailer, b'\r') => Ok(At::TrailerEnd),
            // A line of a trailer ends with both: a bare line feed is part of it.
            (At::LineBegin | At::Trailer, _) => Ok(At::Trailer),
            (At::TrailerEnd, b'\n') => Ok(At::LineBegin),
            (At::BlankEnd, b'\n') => Ok(At::Ended),
            _ => Err(Doubt::Unfollowed),
        }
    }

    fn digit(&mut self, byte: u8) -> Result<At, Doubt> {
        let digit = char::from(byte).to_digit(16).ok_or(Doubt::Unfollowed)?;
        let larger = self.size.checked_mul(16).and_then(|size| size.checked_add(u64::from(digit)));
        self.size = larger.ok_or(Doubt::Unfollowed)?;
        Ok(At::Digits)
    }
}
