//! A JSON reader (RFC 8259) that fills typed fields in one pass and names everything that is wrong.
//!
//! What it takes for JSON is what Pydantic's parser takes, but for `NaN` and `Infinity`, which are not JSON: no
//! lone surrogates, no integer part of more than 4,300 digits, no more than 200 containers within
//! each other (empty ones do not count).

mod number;
mod skip;
mod string;

use std::borrow::Cow;

use crate::lax::{Input, Miss};
use crate::same::same;
use crate::{At, Field, Schema, Violation, Violations};

/// Non-empty containers within each other, as in Pydantic's parser: no record needs more, and a fixed number
/// bounds the stack of whatever reads it.
const DEPTH_MAX: usize = 200;

/// So many violations are told of a record, and that there are more: nobody reads a thousand, and a list of a million wrong
/// elements must not become an answer of a hundred megabytes.
const VIOLATIONS_MAX: usize = 100;

/// Why a value could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The text is not JSON: there is nothing more to read. The reader knows where and why.
    Syntax,
    /// The value is JSON and has been read past, but is not what it should be. The violations are noted.
    Faulty,
}

/// How far [`Reader::named`] is with the members of an object.
pub struct Progress {
    first: bool,
    /// Which name is likely to come next.
    next: usize,
}

impl Progress {
    /// None has been read.
    #[inline]
    pub fn new() -> Self {
        Self { first: true, next: 0 }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads one JSON text from front to back.
pub struct Reader<'a> {
    text: &'a str,
    position: usize,
    /// How many non-empty containers are open.
    depth: usize,
    /// What is wrong with the text, once [`Stop::Syntax`] has been returned.
    broken: &'static str,
    violations: Vec<Violation>,
    /// There were more violations than are told.
    more: bool,
    /// Values are not converted.
    strict: bool,
}

/// Any JSON value, as it stands in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raw<'a>(pub &'a str);

impl<'a> Field<'a> for Raw<'a> {
    #[inline]
    fn read(reader: &mut Reader<'a>, _at: &At<'_>) -> Result<Self, Stop> {
        reader.blank();
        let start = reader.position;
        reader.skip()?;
        Ok(Self(&reader.text[start..reader.position]))
    }

    fn schema() -> Schema {
        Schema::default()
    }
}

/// Reads one value from a text that holds nothing else.
///
/// # Errors
///
/// Everything that is wrong with it; `json_invalid` alone if it is not JSON.
pub fn read<'a, T: Field<'a>>(text: &'a str) -> Result<T, Violations> {
    let mut reader = Reader::new(text);
    match T::read(&mut reader, &At::ROOT) {
        Err(Stop::Syntax) => Err(reader.invalid()),
        value => match (reader.end(), value) {
            (Err(_), _) => Err(reader.invalid()),
            (Ok(()), Ok(value)) => Ok(value),
            (Ok(()), Err(_)) => Err(reader.noted()),
        },
    }
}

impl<'a> Reader<'a> {
    /// At the start of `text`.
    pub fn new(text: &'a str) -> Self {
        Self { text, position: 0, depth: 0, broken: "", violations: Vec::new(), more: false, strict: false }
    }

    /// From here on values are of their own type, or (`false`) converted where Pydantic does so in lax mode. Says how it
    /// was.
    #[inline]
    pub fn set_strict(&mut self, strict: bool) -> bool {
        std::mem::replace(&mut self.strict, strict)
    }

    /// Whether values have to be of their own type.
    #[inline]
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// Reads a scalar, or reads past a container, of which it is only told which.
    ///
    /// # Errors
    ///
    /// [`Stop::Syntax`] only.
    #[inline]
    pub fn input(&mut self) -> Result<Input<'a>, Stop> {
        Ok(match self.blank() {
            b'"' => Input::Text(self.string()?),
            b'-' | b'0'..=b'9' => Input::Number(self.number()?),
            b'{' => self.skip().map(|()| Input::Object)?,
            b'[' => self.skip().map(|()| Input::Array)?,
            b't' => self.word("true").map(|()| Input::Bool(true))?,
            b'f' => self.word("false").map(|()| Input::Bool(false))?,
            b'n' => self.word("null").map(|()| Input::Null)?,
            _ => return Err(self.fail("a value is wanted")),
        })
    }

    /// Reads a text, if that is what comes next.
    ///
    /// # Errors
    ///
    /// [`Stop::Syntax`] only.
    #[inline]
    pub fn text(&mut self) -> Result<Option<Cow<'a, str>>, Stop> {
        if self.blank() == b'"' { self.string().map(Some) } else { Ok(None) }
    }

    /// Reads past `null` if that is the value.
    ///
    /// # Errors
    ///
    /// [`Stop::Syntax`] only.
    #[inline]
    pub fn null(&mut self) -> Result<bool, Stop> {
        if self.blank() != b'n' {
            return Ok(false);
        }
        self.word("null").map(|()| true)
    }

    /// Whether the value that comes next is an object.
    #[inline]
    pub fn starts_object(&mut self) -> bool {
        self.blank() == b'{'
    }

    /// Whether the value that comes next is an array.
    #[inline]
    pub fn starts_array(&mut self) -> bool {
        self.blank() == b'['
    }

    /// Reads past the start of an object. What is none is read past whole and is [`Stop::Faulty`] with `code`.
    ///
    /// # Errors
    ///
    /// As said, and [`Stop::Syntax`].
    #[inline]
    pub fn object(&mut self, at: &At<'_>, code: &'static str) -> Result<(), Stop> {
        if self.blank() == b'{' {
            self.position += 1;
            return Ok(());
        }
        self.mistaken(at, code, "must be an object")
    }

    /// As [`Reader::object`], for an array.
    ///
    /// # Errors
    ///
    /// As there.
    #[inline]
    pub fn array(&mut self, at: &At<'_>, code: &'static str) -> Result<(), Stop> {
        if self.blank() == b'[' {
            self.position += 1;
            return Ok(());
        }
        self.mistaken(at, code, "must be an array")
    }

    /// The next member's key, of an object whose start has been read; the value comes next. `first` is true to
    /// begin with and then left alone.
    ///
    /// # Errors
    ///
    /// [`Stop::Syntax`] only.
    #[inline]
    pub fn member(&mut self, first: &mut bool) -> Result<Option<Cow<'a, str>>, Stop> {
        if self.has_member(first)? { self.key().map(Some) } else { Ok(None) }
    }

    /// As [`Reader::member`], of an object of which only the members of these names matter: which of them is the
    /// next one. The others are read past.
    ///
    /// # Errors
    ///
    /// [`Stop::Syntax`] only.
    #[inline]
    pub fn named(&mut self, names: &[&str], progress: &mut Progress) -> Result<Option<usize>, Stop> {
        while self.has_member(&mut progress.first)? {
            // Who writes records mostly writes their members in the same order as everyone else.
            if let Some(name) = names.get(progress.next)
                && self.passes_key(name)
            {
                progress.next += 1;
                return Ok(Some(progress.next - 1));
            }
            let key = self.key()?;
            if let Some(index) = names.iter().position(|name| same(name.as_bytes(), key.as_bytes())) {
                progress.next = index + 1;
                return Ok(Some(index));
            }
            self.skip()?;
        }
        Ok(None)
    }

    #[inline(always)]
    fn has_member(&mut self, first: &mut bool) -> Result<bool, Stop> {
        let next = self.blank();
        if *first {
            *first = false;
            if next == b'}' {
                self.position += 1;
                return Ok(false);
            }
            return self.enter().map(|()| true);
        }
        self.position += 1;
        match next {
            b',' => Ok(true),
            b'}' => {
                self.depth -= 1;
                Ok(false)
            }
            _ => Err(self.fail_before("`,` or `}` is wanted")),
        }
    }

    /// Reads past a key and its colon if it is this one, plainly written; a name has nothing to be escaped.
    #[inline(always)]
    fn passes_key(&mut self, name: &str) -> bool {
        self.blank();
        let rest = &self.text.as_bytes()[self.position..];
        let end = name.len() + 1;
        let passes = rest.len() > end + 1
            && rest[0] == b'"'
            && rest[end] == b'"'
            && rest[end + 1] == b':'
            && same(&rest[1..end], name.as_bytes());
        if passes {
            self.position += end + 2;
        }
        passes
    }

    /// Whether there is another element, of an array whose start has been read; it comes next. `first` is as
    /// for [`Reader::member`].
    ///
    /// # Errors
    ///
    /// [`Stop::Syntax`] only.
    #[inline]
    pub fn element(&mut self, first: &mut bool) -> Result<bool, Stop> {
        let next = self.blank();
        if *first {
            *first = false;
            if next == b']' {
                self.position += 1;
                return Ok(false);
            }
            self.enter()?;
            return Ok(true);
        }
        self.position += 1;
        match next {
            b',' => Ok(true),
            b']' => {
                self.depth -= 1;
                Ok(false)
            }
            _ => Err(self.fail_before("`,` or `]` is wanted")),
        }
    }

    /// Notes what is wrong with the value just read.
    #[cold]
    pub fn note(&mut self, violation: Violation) -> Stop {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(violation);
        } else {
            self.more = true;
        }
        Stop::Faulty
    }

    #[cold]
    fn noted(mut self) -> Violations {
        if self.more {
            let message = format!("has more than the {VIOLATIONS_MAX} faults that are told");
            let violation = Violation::new("", "too_many_violations", message);
            self.violations.push(violation.with("max", VIOLATIONS_MAX));
        }
        Violations(self.violations)
    }

    /// Notes that the value just read could not be taken for what it should be.
    #[cold]
    pub fn miss(&mut self, at: &At<'_>, miss: Miss) -> Stop {
        self.note(Violation::of_miss(at, miss))
    }

    /// Drops what was noted about a value, because another one of the same name follows: the last one counts.
    #[cold]
    pub(crate) fn forget(&mut self, at: &At<'_>) {
        let pointer = at.pointer();
        self.violations.retain(|violation| match violation.pointer.strip_prefix(pointer.as_str()) {
            Some(rest) => !(rest.is_empty() || rest.starts_with('/')),
            None => true,
        });
    }

    #[cold]
    fn mistaken(&mut self, at: &At<'_>, code: &'static str, message: &'static str) -> Result<(), Stop> {
        self.skip()?;
        Err(self.note(Violation::new(at.pointer(), code, message)))
    }

    #[inline]
    fn key(&mut self) -> Result<Cow<'a, str>, Stop> {
        if self.blank() != b'"' {
            return Err(self.fail("a key in quotes is wanted"));
        }
        let key = self.string()?;
        if self.blank() != b':' {
            return Err(self.fail("`:` is wanted"));
        }
        self.position += 1;
        Ok(key)
    }

    #[inline]
    fn enter(&mut self) -> Result<(), Stop> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.fail("more than 200 arrays and objects lie within each other"));
        }
        Ok(())
    }

    /// Reads past white space; what comes next, or 0, which may not stand there, at the end.
    ///
    /// Mostly there is none, or a single space, and then there is no loop: where the engine can interrupt a
    /// guest, each turn of a loop costs.
    #[inline(always)]
    fn blank(&mut self) -> u8 {
        let byte = self.byte();
        if byte > b' ' {
            return byte;
        }
        if byte == b' ' {
            self.position += 1;
            let byte = self.byte();
            if byte > b' ' {
                return byte;
            }
        }
        self.blanks()
    }

    #[inline(never)]
    fn blanks(&mut self) -> u8 {
        loop {
            match self.byte() {
                b' ' | b'\t' | b'\n' | b'\r' => self.position += 1,
                byte => return byte,
            }
        }
    }

    #[inline(always)]
    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.position).copied().unwrap_or(0)
    }

    #[inline]
    fn word(&mut self, word: &'static str) -> Result<(), Stop> {
        if !self.text.as_bytes()[self.position..].starts_with(word.as_bytes()) {
            return Err(self.fail("a value is wanted"));
        }
        self.position += word.len();
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        self.blank();
        if self.position < self.text.len() {
            return Err(self.fail("there is more after the value"));
        }
        Ok(())
    }

    #[cold]
    fn fail(&mut self, broken: &'static str) -> Stop {
        self.broken = broken;
        Stop::Syntax
    }

    #[cold]
    fn fail_before(&mut self, broken: &'static str) -> Stop {
        self.position -= 1;
        self.fail(broken)
    }

    #[cold]
    fn invalid(&self) -> Violations {
        let at = self.position.min(self.text.len());
        let what = if at == self.text.len() { "the text ends early" } else { self.broken };
        let message = format!("is not JSON: {what}, at byte {at}");
        Violation::new("", "json_invalid", message).with("byte", at).into()
    }
}
