//! What a client calls its request, and what tells two requests apart.

use crate::http::header::{self, HeaderError};
use hyper::HeaderMap;
use sha2::{Digest as _, Sha256};

/// As long as the keys of those who made them common; a UUID has 36.
const KEY_BYTES_MAX: usize = 255;

/// SHA-256.
pub(super) type Digest = [u8; 32];

/// Separates these hashes from those of any other purpose.
const DOMAIN: &[u8] = b"sluicegate idempotency 1";

/// The header Idempotency-Key: a string of RFC 9651, or a word without quotes, as most clients send it. Both are the
/// same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) struct Key(String);

/// An Idempotency-Key that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error(
        "the header idempotency-key is {given}, which is neither a word nor a text in quotes; send one, e.g. \
         Idempotency-Key: \"8e03978e-40d5-43dd-bc93-6894a57f9324\""
    )]
    Malformed { given: String },
    #[error(
        "the header idempotency-key is empty; send a key that is new for each new request, or leave it out"
    )]
    Empty,
    #[error(
        "the Idempotency-Key has {bytes} bytes and at most {max} are taken; send a shorter one, e.g. a UUID"
    )]
    TooLong { bytes: usize, max: usize },
}

impl Key {
    /// None: the request has no key.
    pub fn of(headers: &HeaderMap) -> Result<Option<Key>, crate::http::error::IngestError> {
        let given: Result<Option<&str>, HeaderError> = header::idempotency_key(headers);
        Ok(given?.map(Key::parse).transpose()?)
    }

    fn parse(given: &str) -> Result<Key, KeyError> {
        let given = given.trim_matches([' ', '\t']);
        // Escapes take twice their place, and quotes theirs; the rest would only be repeated in the refusal.
        if given.len() > 2 * KEY_BYTES_MAX + 2 {
            return Err(KeyError::TooLong { bytes: given.len(), max: KEY_BYTES_MAX });
        }
        let key = match given.strip_prefix('"') {
            Some(rest) => unquoted(rest),
            None => given.bytes().all(is_word).then(|| given.to_owned()),
        };
        match key {
            None => Err(KeyError::Malformed { given: given.to_owned() }),
            Some(key) if key.is_empty() => Err(KeyError::Empty),
            Some(key) if key.len() > KEY_BYTES_MAX => {
                Err(KeyError::TooLong { bytes: key.len(), max: KEY_BYTES_MAX })
            }
            Some(key) => Ok(Key(key)),
        }
    }

    /// What is remembered under this key. It is not the key: who reads the memory learns no keys, and each is as long.
    pub fn scope(&self, caller: Option<&str>, route: &str) -> Digest {
        let caller = caller.unwrap_or_default();
        digest([caller, route, self.0.as_str()].map(str::as_bytes))
    }
}

/// RFC 9651, section 3.3.3. `rest`: after the first quote. Parameters are not expected.
fn unquoted(rest: &str) -> Option<String> {
    let mut text = String::with_capacity(rest.len());
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(text),
            '\\' => text.push(characters.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            character @ ' '..='~' => text.push(character),
            _ => return None,
        }
    }
}

/// More than a token of RFC 9651, which no UUID that begins with a digit is; less than what would be a list, a string
/// or parameters.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"\\,;".contains(&byte)
}

/// Each part goes in with its length: no two lists of parts are alike.
pub(super) fn digest<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> Digest {
    let mut hash = Sha256::new();
    hash.update(DOMAIN);
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn parsed(given: &str) -> Result<String, String> {
        Key::parse(given).map(|key| key.0).map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_is_a_text_in_quotes_or_a_word() {
        assert_eq!(parsed(r#""8e03978e-40d5""#), Ok("8e03978e-40d5".into()));
        assert_eq!(parsed("8e03978e-40d5"), Ok("8e03978e-40d5".into()));
        assert_eq!(parsed(r#" "a \"b\" \\ c, d;" "#), Ok(r#"a "b" \ c, d;"#.into()));
        assert_eq!(parsed("order/42+retry=1"), Ok("order/42+retry=1".into()));
    }

    #[test]
    fn what_is_no_key_is_told_with_what_to_send() {
        for given in [r#""a"#, r#""a" b"#, r#""a";q=1"#, "a b", "a,b", r#"a"b"#, r#""\n""#, "a;q=1"] {
            assert_eq!(
                parsed(given).unwrap_err(),
                format!(
                    "the header idempotency-key is {given}, which is neither a word nor a text in quotes; send one, \
                     e.g. Idempotency-Key: \"8e03978e-40d5-43dd-bc93-6894a57f9324\""
                )
            );
        }
        let empty = "the header idempotency-key is empty; send a key that is new for each new request, or leave it out";
        assert_eq!(parsed("").unwrap_err(), empty);
        assert_eq!(parsed(r#""""#).unwrap_err(), empty);
        let long = |bytes| {
            format!(
                "the Idempotency-Key has {bytes} bytes and at most 255 are taken; send a shorter one, e.g. a UUID"
            )
        };
        assert_eq!(parsed(&"a".repeat(256)).unwrap_err(), long(256));
        assert_eq!(parsed(&"a".repeat(9_000)).unwrap_err(), long(9_000));
        assert!(parsed(&"a".repeat(255)).is_ok());
        assert!(parsed(&format!("\"{}\"", "\\\"".repeat(255))).is_ok());
    }

    #[test]
    fn two_keys_in_one_request_are_refused() {
        let mut headers = HeaderMap::new();
        assert_eq!(Key::of(&headers), Ok(None));
        headers.append(header::IDEMPOTENCY_KEY, HeaderValue::from_static("a"));
        assert_eq!(Key::of(&headers), Ok(Some(Key("a".into()))));
        headers.append(header::IDEMPOTENCY_KEY, HeaderValue::from_static("a"));
        assert_eq!(
            Key::of(&headers).unwrap_err().to_string(),
            "the header idempotency-key is there more than once; send it once"
        );
    }

    #[test]
    fn caller_route_and_key_are_kept_apart() {
        let scope = |caller, route, key: &str| Key(key.to_owned()).scope(caller, route);
        let one = scope(None, "/a", "b");
        assert_eq!(one, scope(None, "/a", "b"));
        for other in [
            scope(None, "/ab", ""),
            scope(None, "/", "ab"),
            scope(Some("/a"), "b", ""),
            scope(Some("c"), "/a", "b"),
        ] {
            assert_ne!(one, other);
        }
    }
}
