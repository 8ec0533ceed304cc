use super::{DEPTH_MAX, Reader, Stop};

/// Which of the open containers are objects: a bit for each depth.
struct Kinds([u64; DEPTH_MAX / 64 + 1]);

impl Kinds {
    fn set(&mut self, depth: usize, object: bool) {
        let bit = 1 << (depth % 64);
        match object {
            true => self.0[depth / 64] |= bit,
            false => self.0[depth / 64] &= !bit,
        }
    }

    fn object(&self, depth: usize) -> bool {
        self.0[depth / 64] >> (depth % 64) & 1 == 1
    }
}

impl Reader<'_> {
    /// Reads past a value of any kind. Needs no stack, however deep it is.
    ///
    /// # Errors
    ///
    /// [`Stop::Syntax`] only.
    pub fn skip(&mut self) -> Result<(), Stop> {
        let outside = self.depth;
        let mut kinds = Kinds([0; _]);
        loop {
            if self.opened(&mut kinds)? {
                continue;
            }
            loop {
                if self.depth == outside {
                    return Ok(());
                }
                if self.continued(&kinds)? {
                    break;
                }
            }
        }
    }

    /// Reads past a scalar, an empty container, or the start of another one: then true, and its first value
    /// comes next.
    fn opened(&mut self, kinds: &mut Kinds) -> Result<bool, Stop> {
        match self.blank() {
            b'"' => self.string().map(|_| false),
            b'-' | b'0'..=b'9' => self.number().map(|_| false),
            b't' => self.word("true").map(|()| false),
            b'f' => self.word("false").map(|()| false),
            b'n' => self.word("null").map(|()| false),
            b'{' => {
                self.position += 1;
                if self.blank() == b'}' {
                    self.position += 1;
                    return Ok(false);
                }
                self.enter()?;
                kinds.set(self.depth, true);
                self.key().map(|_| true)
            }
            b'[' => {
                self.position += 1;
                if self.blank() == b']' {
                    self.position += 1;
                    return Ok(false);
                }
                self.enter()?;
                kinds.set(self.depth, false);
                Ok(true)
            }
            _ => Err(self.fail("a value is wanted")),
        }
    }

    /// After a value: true if another one of its container follows, false if that has ended.
    fn continued(&mut self, kinds: &Kinds) -> Result<bool, Stop> {
        let object = kinds.object(self.depth);
        let next = self.blank();
        self.position += 1;
        match next {
            b',' if object => self.key().map(|_| true),
            b',' => Ok(true),
            b'}' if object => {
                self.depth -= 1;
                Ok(false)
            }
            b']' if !object => {
                self.depth -= 1;
                Ok(false)
            }
            _ if object => Err(self.fail_before("`,` or `}` is wanted")),
            _ => Err(self.fail_before("`,` or `]` is wanted")),
        }
    }
}
