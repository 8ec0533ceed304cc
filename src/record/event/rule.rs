//! What attributes may be called, and what they may say.

use super::{shown, time};

/// What every event says.
pub(super) const REQUIRED: [&str; 4] = ["specversion", "id", "source", "type"];

/// The attributes of the specification itself; all are texts.
pub(super) const CORE: [&str; 8] =
    ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"];

/// The specification advises 20 at most; extensions in use have up to 40.
const NAME_BYTES_MAX: usize = 64;

pub(super) fn check_name(name: &str) -> Result<(), String> {
    if name == "data" {
        return Err("No attribute may be called 'data'; send the data as the body.".to_owned());
    }
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(format!(
        "No attribute may be called {}; use lower-case letters and digits, at most {NAME_BYTES_MAX}.",
        shown(name)
    ))
}

pub(super) fn check_value(name: &str, value: &str) -> Result<(), String> {
    if let Some(char) = value.chars().find(|char| !is_allowed(*char)) {
        let code = u32::from(char);
        return Err(format!(
            "The attribute '{name}' holds U+{code:04X}, which is no character of a text; send it without."
        ));
    }
    let remedy = match name {
        "specversion" if value != "1.0" => "this gateway takes version \"1.0\"",
        "id" | "type" if value.is_empty() => "it may not be empty",
        "subject" if value.is_empty() => "it may not be empty; leave it out",
        "source" if value.is_empty() || !is_uri_reference(value) => {
            "send a URI reference (RFC 3986), e.g. \"/sensors/1\" or \"urn:example:1\""
        }
        "dataschema" if !is_uri(value) => "send a URI (RFC 3986), e.g. \"https://example.com/schema\"",
        "time" if time::milliseconds(value).is_none() => {
            "send a time as in RFC 3339, e.g. \"2026-01-15T10:30:00Z\""
        }
        "datacontenttype" if !is_media_type(value) => "send a media type, e.g. \"application/json\"",
        _ => return Ok(()),
    };
    Err(format!("The attribute '{name}' is {}: {remedy}.", shown(value)))
}

/// Neither a control character nor a code point that is no character (the specification's type String).
fn is_allowed(char: char) -> bool {
    let code = u32::from(char);
    !char.is_control() && !(0xfdd0..=0xfdef).contains(&code) && code & 0xfffe != 0xfffe
}

/// RFC 3986, as far as characters and the scheme go.
fn is_uri_reference(text: &str) -> bool {
    let (before, fragment) = text.split_once('#').unwrap_or((text, ""));
    if !is_spelled(before) || !is_spelled(fragment) {
        return false;
    }
    let first = before.split(['/', '?']).next().unwrap_or_default();
    first.split_once(':').is_none_or(|(scheme, _)| is_scheme(scheme))
}

fn is_uri(text: &str) -> bool {
    is_uri_reference(text) && text.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn is_spelled(part: &str) -> bool {
    let bytes = part.as_bytes();
    let is_hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    bytes.iter().enumerate().all(|(at, byte)| match byte {
        b'%' => is_hex(at + 1) && is_hex(at + 2),
        other => other.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=".contains(other),
    })
}

/// RFC 2046: type, subtype and, not looked at, parameters.
fn is_media_type(text: &str) -> bool {
    let is_token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    };
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

/// Whether data of this type is JSON (the JSON event format, section 3.1.1); so is what has none.
pub(super) fn is_json(content_type: Option<&str>) -> bool {
    let Some(content_type) = content_type else { return true };
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.ends_with("/json") || essence.ends_with("+json")
}
