//! CloudEvents 1.0.2: what comes beside a record's bytes, and whether it may come.

mod header;
mod json;
mod rule;
#[cfg(test)]
mod tests;
mod time;

pub(super) use json::read;

use bytes::Bytes;
use bytestring::ByteString;

/// Attributes of an event: the specification has eight, and extensions come in handfuls. Each becomes a header of its
/// record in Kafka.
pub const ATTRIBUTES_MAX: usize = 32;

/// Names and values of an event's attributes together: half of what the headers of a request may have by default, and
/// far below what a broker takes beside a record.
pub const ATTRIBUTES_BYTES_MAX: usize = 16 << 10;

/// Faults that are told of one event: enough to mend it.
const FAULTS_MAX: usize = 8;

/// Faults that are kept of one request's events: of an event beyond, the first is. Small events that are wrong
/// everywhere would else take a multiple of the body they came in.
pub(super) const LISTED_MAX: usize = 10_000;

/// What of a value is repeated in a sentence about it.
const SHOWN_CHARS: usize = 64;

/// The attributes of an event, in the order in which they came, checked unless they are a plugin's own example.
///
/// Names and values lie in one text, so that small attributes take little more than their bytes.
#[derive(Debug, Clone, Default)]
pub struct Event {
    text: ByteString,
    /// Where the name and the value of each end.
    ends: Box<[(u32, u32)]>,
}

/// What is wrong with an event. At least one fault.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFaults {
    pub faults: Vec<EventFault>,
    /// How many there were beside those that are kept.
    pub omitted: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFault {
    /// The attribute, or `data`; empty: the event as a whole.
    pub member: String,
    /// A sentence: what is wrong, and the remedy.
    pub message: String,
}

impl Event {
    /// The event of a request in binary mode.
    ///
    /// `headers`: those that begin with `ce-`, without that, each once. `content_type`: the header of that name, which
    /// is the event's `datacontenttype`.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn of_headers<'h>(
        headers: impl Iterator<Item = (&'h str, &'h [u8])>,
        content_type: Option<&str>,
    ) -> Result<Event, EventFaults> {
        header::read(headers, content_type)
    }

    /// Attributes that nobody sent: those of a plugin's example.
    pub fn of_example(attributes: &[(String, String)]) -> Event {
        let mut draft = Draft::default();
        for (name, value) in attributes {
            draft.put(name, value);
        }
        draft.into_event()
    }

    /// Names and values.
    pub fn attributes(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.ends.iter().enumerate().map(|(index, (name_end, value_end))| {
            let start = index.checked_sub(1).map_or(0, |before| self.ends[before].1 as usize);
            let (name_end, value_end) = (*name_end as usize, *value_end as usize);
            (&self.text[start..name_end], &self.text[name_end..value_end])
        })
    }

    /// As `attributes`; the values are not copied.
    pub fn shared(&self) -> impl ExactSizeIterator<Item = (&str, Bytes)> {
        self.attributes().map(|(name, value)| (name, self.text.as_bytes().slice_ref(value.as_bytes())))
    }

    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// When it happened, if it says so: milliseconds since 1970, UTC.
    pub fn time_ms(&self) -> Option<i64> {
        time::milliseconds(self.attribute("time")?)
    }

    /// Names and values together.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }
}

impl EventFaults {
    pub(super) fn one(member: &str, message: String) -> EventFaults {
        let mut faults = EventFaults::default();
        faults.note(member, message);
        faults
    }

    fn note(&mut self, member: &str, message: String) {
        if self.faults.len() == FAULTS_MAX {
            self.omitted += 1;
        } else {
            self.faults.push(EventFault { member: member.chars().take(SHOWN_CHARS).collect(), message });
        }
    }

    /// Keeps the first.
    pub(super) fn condense(&mut self) {
        self.omitted += self.faults.len().saturating_sub(1);
        self.faults.truncate(1);
        self.faults.shrink_to_fit();
    }
}

/// An event as far as it has been read.
#[derive(Default)]
struct Draft {
    text: String,
    ends: Vec<(u32, u32)>,
    faults: EventFaults,
    /// There were more attributes, or larger ones, than are kept.
    is_full: bool,
}

impl Draft {
    /// Takes an attribute that may be wrong.
    fn add(&mut self, name: &str, value: &str) {
        if let Err(why) = rule::check_name(name) {
            return self.faults.note(name, why);
        }
        if self.value(name).is_some() {
            return self.faults.note(name, format!("The attribute '{name}' is there twice; send it once."));
        }
        if self.ends.len() == ATTRIBUTES_MAX
            || self.text.len() + name.len() + value.len() > ATTRIBUTES_BYTES_MAX
        {
            if !std::mem::replace(&mut self.is_full, true) {
                let message = format!(
                    "The event has more than {ATTRIBUTES_MAX} attributes, or more than {ATTRIBUTES_BYTES_MAX} bytes \
                     of them; move what is data into the data."
                );
                self.faults.note("", message);
            }
            return;
        }
        // Also if it is wrong, so that it is not told to be missing too.
        self.put(name, value);
        if let Err(why) = rule::check_value(name, value) {
            self.faults.note(name, why);
        }
    }

    fn put(&mut self, name: &str, value: &str) {
        self.text.push_str(name);
        let name_end = self.text.len();
        self.text.push_str(value);
        // An example's attributes are bounded by what a plugin may return.
        let end = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.ends.push((end(name_end), end(self.text.len())));
    }

    fn value(&self, name: &str) -> Option<&str> {
        let mut start = 0;
        self.ends.iter().find_map(|(name_end, value_end)| {
            let range = std::mem::replace(&mut start, *value_end as usize)..*name_end as usize;
            (&self.text[range] == name).then(|| &self.text[*name_end as usize..*value_end as usize])
        })
    }

    /// # Errors
    /// What was wrong, and what is missing.
    fn finish(mut self) -> Result<Event, EventFaults> {
        for name in rule::REQUIRED {
            let told = self.faults.faults.iter().any(|fault| fault.member == name);
            if !told && !self.is_full && self.value(name).is_none() {
                self.faults
                    .note(name, format!("The attribute '{name}' is missing; an event has to have it."));
            }
        }
        if self.faults.faults.is_empty() { Ok(self.into_event()) } else { Err(self.faults) }
    }

    fn into_event(self) -> Event {
        Event { text: self.text.into(), ends: self.ends.into() }
    }
}

/// A value in quotes for a sentence: not all of it if it is long.
fn shown(value: &str) -> String {
    match value.char_indices().nth(SHOWN_CHARS) {
        None => format!("{value:?}"),
        Some((end, _)) => format!("{:?}…", &value[..end]),
    }
}
