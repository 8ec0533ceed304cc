use std::borrow::Cow;

use super::{Reader, Stop};

impl<'a> Reader<'a> {
    /// Reads a string that begins here.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, Stop> {
        let start = self.position + 1;
        let end = plain_end(self.text.as_bytes(), start);
        self.position = end;
        match self.byte() {
            b'"' => {
                self.position = end + 1;
                Ok(Cow::Borrowed(&self.text[start..end]))
            }
            b'\\' => self.escaped(start).map(Cow::Owned),
            _ => Err(self.fail(UNPRINTABLE)),
        }
    }

    /// The rest of a string, from its first backslash on.
    #[cold]
    fn escaped(&mut self, start: usize) -> Result<String, Stop> {
        let mut plain = start;
        let mut string = String::new();
        loop {
            string.push_str(&self.text[plain..self.position]);
            match self.byte() {
                b'\\' => string.push(self.escape()?),
                b'"' => {
                    self.position += 1;
                    return Ok(string);
                }
                _ => return Err(self.fail(UNPRINTABLE)),
            }
            plain = self.position;
            self.position = plain_end(self.text.as_bytes(), plain);
        }
    }

    /// One escape, of which the backslash comes next.
    fn escape(&mut self) -> Result<char, Stop> {
        self.position += 1;
        let escaped = match self.byte() {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(self.fail("no such escape in a string")),
        };
        self.position += 1;
        Ok(escaped)
    }

    /// `uXXXX`, or two of them that make a surrogate pair.
    fn unicode(&mut self) -> Result<char, Stop> {
        let high = self.hex()?;
        if !(0xD800..0xE000).contains(&high) {
            return char::from_u32(high).ok_or(Stop::Syntax);
        }
        if high < 0xDC00 && self.text.as_bytes()[self.position..].starts_with(b"\\u") {
            self.position += 1;
            let low = self.hex()?;
            if (0xDC00..0xE000).contains(&low) {
                let code = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                return char::from_u32(code).ok_or(Stop::Syntax);
            }
        }
        Err(self.fail("half a surrogate pair in a string"))
    }

    fn hex(&mut self) -> Result<u32, Stop> {
        let mut code = 0;
        for _ in 0..4 {
            self.position += 1;
            match char::from(self.byte()).to_digit(16) {
                Some(digit) => code = code << 4 | digit,
                None => return Err(self.fail("four hexadecimal digits are wanted")),
            }
        }
        self.position += 1;
        Ok(code)
    }
}

const UNPRINTABLE: &str = "a control character in a string";

/// Where, from `start` on, the first byte stands that ends or interrupts a string: a quote, a backslash or a
/// control character; or the end. Looks at eight bytes at a time: most strings are shorter than what a
/// wider step would need to pay.
#[inline]
fn plain_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let found = interrupting(u64::from_le_bytes(*eight));
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while let Some(byte) = bytes.get(at)
        && *byte >= b' '
        && *byte != b'"'
        && *byte != b'\\'
    {
        at += 1;
    }
    at
}

/// The high bit of each byte that interrupts a string is set in the answer; above the lowest such byte,
/// others may be set too (a borrow runs upwards only).
#[inline]
fn interrupting(eight: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let quote = eight ^ (ONES * b'"' as u64);
    let backslash = eight ^ (ONES * b'\\' as u64);
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
    (below(quote, 1) | below(backslash, 1) | below(eight, b' ')) & HIGH
}
