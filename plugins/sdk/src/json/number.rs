use super::{Reader, Stop};

/// The longest integer part, its sign included, that Pydantic's parser takes.
const INTEGER_BYTES_MAX: usize = 4_300;

impl<'a> Reader<'a> {
    /// Reads a number that begins here, and gives back its text.
    #[inline]
    pub(super) fn number(&mut self) -> Result<&'a str, Stop> {
        let start = self.position;
        if self.byte() == b'-' {
            self.position += 1;
        }
        match self.byte() {
            b'0' => self.position += 1,
            b'1'..=b'9' => self.digits(),
            _ => return Err(self.fail("a digit is wanted")),
        }
        if self.position - start > INTEGER_BYTES_MAX {
            return Err(self.fail("a number of more than 4300 digits"));
        }
        match self.byte() {
            b'.' => self.fraction()?,
            b'e' | b'E' => self.exponent()?,
            b'0'..=b'9' => return Err(self.fail("a number with a leading zero")),
            _ => {}
        }
        Ok(&self.text[start..self.position])
    }

    #[inline]
    fn fraction(&mut self) -> Result<(), Stop> {
        self.position += 1;
        self.some_digits()?;
        match self.byte() {
            b'e' | b'E' => self.exponent(),
            _ => Ok(()),
        }
    }

    fn exponent(&mut self) -> Result<(), Stop> {
        self.position += 1;
        if let b'+' | b'-' = self.byte() {
            self.position += 1;
        }
        self.some_digits()
    }

    #[inline]
    fn some_digits(&mut self) -> Result<(), Stop> {
        let start = self.position;
        self.digits();
        if self.position == start { Err(self.fail("a digit is wanted")) } else { Ok(()) }
    }

    #[inline]
    fn digits(&mut self) {
        while self.byte().is_ascii_digit() {
            self.position += 1;
        }
    }
}
