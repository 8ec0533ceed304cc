//! Binary mode: the attributes are headers (the HTTP binding, section 3.1.3).

use super::{Draft, Event, EventFaults};
use std::borrow::Cow;

pub(super) fn read<'h>(
    headers: impl Iterator<Item = (&'h str, &'h [u8])>,
    content_type: Option<&str>,
) -> Result<Event, EventFaults> {
    let mut draft = Draft::default();
    for (name, value) in headers {
        if name == "datacontenttype" {
            let message = "The header ce-datacontenttype may not be there; Content-Type says it.".to_owned();
            draft.faults.note(name, message);
            continue;
        }
        match decode(value) {
            Some(value) => draft.add(name, &value),
            None => {
                let message = format!(
                    "The header ce-{name} is not percent-encoded UTF-8; write a '%' as %25, and what is not visible \
                     ASCII as its bytes in UTF-8."
                );
                draft.faults.note(name, message);
            }
        }
    }
    if let Some(content_type) = content_type {
        draft.add("datacontenttype", content_type);
    }
    draft.finish()
}

/// Takes off quotes with their backslashes, then percent signs, once. None: it is no UTF-8, or not so encoded.
fn decode(value: &[u8]) -> Option<Cow<'_, str>> {
    let unquoted = match value {
        [b'"', inside @ .., b'"'] => Cow::Owned(unquote(inside)?),
        plain => Cow::Borrowed(plain),
    };
    if !unquoted.contains(&b'%') {
        return match unquoted {
            Cow::Borrowed(plain) => std::str::from_utf8(plain).ok().map(Cow::Borrowed),
            Cow::Owned(unquoted) => String::from_utf8(unquoted).ok().map(Cow::Owned),
        };
    }
    let mut decoded = Vec::with_capacity(unquoted.len());
    let mut rest = &unquoted[..];
    while let [byte, after @ ..] = rest {
        rest = after;
        decoded.push(match (byte, after) {
            (b'%', [high, low, after @ ..]) => {
                rest = after;
                digit(*high)? << 4 | digit(*low)?
            }
            (b'%', _) => return None,
            _ => *byte,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn unquote(inside: &[u8]) -> Option<Vec<u8>> {
    let mut unquoted = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter();
    while let Some(byte) = bytes.next() {
        unquoted.push(match byte {
            b'\\' => *bytes.next()?,
            b'"' => return None,
            other => *other,
        });
    }
    Some(unquoted)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
