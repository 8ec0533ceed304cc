//! Structured mode: attributes and data are members of a JSON object (the JSON event format, section 3).

use super::{Draft, Event, EventFaults, rule, shown};
use crate::record::{Body, Refusal};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytestring::ByteString;
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::ops::Range;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Takes an event apart: its data, as the bytes that stand there, and its attributes.
///
/// What is refused has no attributes. `bytes_max`: what the data may have.
pub(in crate::record) fn read(text: &ByteString, bytes_max: usize) -> (Body, Option<Box<Event>>) {
    match open(text, bytes_max) {
        Ok((body, event)) => (body, Some(Box::new(event))),
        Err(refusal) => (Body::Refused(refusal), None),
    }
}

fn open(text: &ByteString, bytes_max: usize) -> Result<(Body, Event), Refusal> {
    let mut envelope = Envelope::default();
    members(text, |name, value| envelope.take(&name, &text[value.clone()], value))?;
    let Envelope { mut draft, data, data_base64 } = envelope;
    let given = draft.value("datacontenttype");
    if !rule::is_json(given) {
        let given = shown(given.unwrap_or_default());
        let message =
            format!("The data is of type {given} and this route takes JSON; send application/json.");
        draft.faults.note("datacontenttype", message);
    }
    match (&data, &data_base64) {
        (Some(_), Some(_)) => {
            let message = "The event has both 'data' and 'data_base64'; send one of them.".to_owned();
            draft.faults.note("data_base64", message);
        }
        (None, None) => {
            let message =
                "The event has no data, which is what is judged and published; send some.".to_owned();
            draft.faults.note("data", message);
        }
        _ => {}
    }
    let event = draft.finish().map_err(Refusal::Event)?;
    let body = match (data, data_base64) {
        (Some(data), _) => plain(text, data, bytes_max)?,
        (None, packed) => unpacked(&text[packed.unwrap_or_default()], bytes_max)?,
    };
    Ok((body, event))
}

/// The members of an event, as far as they have been read.
#[derive(Default)]
struct Envelope {
    draft: Draft,
    data: Option<Range<usize>>,
    data_base64: Option<Range<usize>>,
}

impl Envelope {
    fn take(&mut self, name: &str, value: &str, range: Range<usize>) {
        let place = match name {
            "data" => &mut self.data,
            "data_base64" if value == "null" => return,
            "data_base64" => &mut self.data_base64,
            _ => return self.attribute(name, value),
        };
        if place.replace(range).is_some() {
            self.draft.faults.note(name, format!("The member '{name}' is there twice; send it once."));
        }
    }

    fn attribute(&mut self, name: &str, value: &str) {
        let is_core = rule::CORE.contains(&name);
        match value.as_bytes() {
            // Unset.
            b"null" => {}
            [b'"', ..] => match string(value) {
                Some(value) => self.draft.add(name, &value),
                None => {
                    let message = format!("The attribute '{name}' holds half a character; send it whole.");
                    self.draft.faults.note(name, message);
                }
            },
            b"true" | b"false" if !is_core => self.draft.add(name, value),
            [b'-' | b'0'..=b'9', ..] if !is_core && value.parse::<i32>().is_ok() => {
                // `-0` is 0.
                self.draft.add(name, &value.parse::<i32>().unwrap_or_default().to_string());
            }
            _ => {
                let kinds =
                    if is_core { "a string" } else { "a string, true, false or a whole number of 32 bits" };
                let message = format!("The attribute '{name}' is {}; send {kinds}.", shown(value));
                self.draft.faults.note(name, message);
            }
        }
    }
}

fn too_large(bytes: usize, max: usize) -> Result<(), Refusal> {
    if bytes > max { Err(Refusal::TooLarge { bytes, max }) } else { Ok(()) }
}

fn plain(text: &ByteString, data: Range<usize>, bytes_max: usize) -> Result<Body, Refusal> {
    too_large(data.len(), bytes_max)?;
    Ok(Body::Text(text.slice_ref(&text[data])))
}

fn unpacked(packed: &str, bytes_max: usize) -> Result<Body, Refusal> {
    let invalid = || {
        let message = "The member 'data_base64' is no string in Base64; send one.".to_owned();
        Refusal::Event(EventFaults::one("data_base64", message))
    };
    let packed = if packed.starts_with('"') { string(packed) } else { None }.ok_or_else(invalid)?;
    too_large(packed.trim_end_matches('=').len() / 4 * 3, bytes_max)?;
    let data = BASE64.decode(packed.as_bytes()).map_err(|_| invalid())?;
    too_large(data.len(), bytes_max)?;
    match String::from_utf8(data) {
        Ok(text) => Ok(Body::Text(text.into())),
        Err(error) => Err(Refusal::NotUtf8 { offset: error.utf8_error().valid_up_to() }),
    }
}

/// What a JSON string says. None: an escape that is no character.
fn string(json: &str) -> Option<Cow<'_, str>> {
    if json.contains('\\') {
        serde_json::from_str(json).ok().map(Cow::Owned)
    } else {
        json.get(1..json.len() - 1).map(Cow::Borrowed)
    }
}

/// Gives the members of a JSON object, each with where its value stands. Nesting costs no stack.
fn members(text: &str, mut take: impl FnMut(Cow<'_, str>, Range<usize>)) -> Result<(), Refusal> {
    let mut at = skip_space(text, 0);
    if byte(text, at) != Some(b'{') {
        let end = value_end(text, at)?;
        ended(text, end)?;
        let message = "An event is a JSON object; send one, or an array of them as \
                       application/cloudevents-batch+json.";
        return Err(Refusal::Event(EventFaults::one("", message.to_owned())));
    }
    at = skip_space(text, at + 1);
    if byte(text, at) == Some(b'}') {
        return ended(text, at + 1);
    }
    loop {
        let quote = expect(text, at, b'"')?;
        let name_end = value_end(text, quote)?;
        let name = string(&text[quote..name_end]).ok_or(Refusal::NotJson { offset: quote })?;
        let colon = expect(text, skip_space(text, name_end), b':')?;
        let start = skip_space(text, colon + 1);
        let end = value_end(text, start)?;
        take(name, start..end);
        at = skip_space(text, end);
        match byte(text, at) {
            Some(b',') => at = skip_space(text, at + 1),
            Some(b'}') => return ended(text, at + 1),
            _ => return Err(Refusal::NotJson { offset: at }),
        }
    }
}

/// Where the JSON value ends that begins here.
fn value_end(text: &str, start: usize) -> Result<usize, Refusal> {
    let rest = text.get(start..).unwrap_or_default();
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => Ok(start + values.byte_offset()),
        _ => Err(Refusal::NotJson { offset: start }),
    }
}

fn expect(text: &str, at: usize, wanted: u8) -> Result<usize, Refusal> {
    if byte(text, at) == Some(wanted) { Ok(at) } else { Err(Refusal::NotJson { offset: at }) }
}

fn ended(text: &str, at: usize) -> Result<(), Refusal> {
    let at = skip_space(text, at);
    if at == text.len() { Ok(()) } else { Err(Refusal::NotJson { offset: at }) }
}

fn byte(text: &str, at: usize) -> Option<u8> {
    text.as_bytes().get(at).copied()
}

fn skip_space(text: &str, from: usize) -> usize {
    let rest = text.as_bytes().get(from..).unwrap_or_default();
    from + rest.iter().position(|byte| !b" \t\n\r".contains(byte)).unwrap_or(rest.len())
}
