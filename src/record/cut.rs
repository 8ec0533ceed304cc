//! Where the records in a body begin and end.

use memchr::{memchr, memchr2};
use std::ops::Range;

/// Why an array cannot be cut into its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CutError {
    #[error("at byte {0} of the array an element is missing between two commas")]
    ElementMissing(usize),
    #[error("at byte {0} of the array a comma is missing")]
    CommaMissing(usize),
    #[error("at byte {0} of the array a bracket closes what was never opened")]
    Unbalanced(usize),
    #[error("the array does not end: a closing bracket or quote is missing")]
    Unended,
    #[error("at byte {0} something follows the array's end")]
    Trailing(usize),
}

/// Whether the first thing in a JSON text is an array.
pub fn is_array(json: &[u8]) -> bool {
    json.get(skip_space(json, 0)) == Some(&b'[')
}

/// The lines that are not blank, without their endings (`\n` or `\r\n`).
pub fn lines(body: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        while start < body.len() {
            let stop = memchr(b'\n', &body[start..]).map_or(body.len(), |at| start + at);
            let mut line = start..stop;
            start = stop + 1;
            if body[line.clone()].last() == Some(&b'\r') {
                line.end -= 1;
            }
            if !body[line.clone()].iter().all(u8::is_ascii_whitespace) {
                return Some(line);
            }
        }
        None
    })
}

/// The elements of a JSON array, without the white space around them.
///
/// Only strings and brackets are looked at: what an element holds is for its plugin to judge. Nesting costs no
/// stack. After an error nothing more is yielded.
pub fn elements(array: &[u8]) -> impl Iterator<Item = Result<Range<usize>, CutError>> {
    let mut next = Some(skip_space(array, 0) + 1);
    std::iter::from_fn(move || {
        let start = skip_space(array, next.take()?);
        if array.get(start) == Some(&b']') && is_first(array, start) {
            return trailing(array, start + 1).map(Err);
        }
        match element_end(array, start) {
            Err(error) => Some(Err(error)),
            Ok(end) if end == start => Some(Err(CutError::ElementMissing(start))),
            Ok(end) => {
                if array[end] == b',' {
                    next = Some(end + 1);
                } else if let Some(error) = trailing(array, end + 1) {
                    return Some(Err(error));
                }
                Some(Ok(start..trim_end(array, start, end)))
            }
        }
    })
}

/// Whether only the opening bracket stands before `at`.
fn is_first(array: &[u8], at: usize) -> bool {
    array[..at].trim_ascii() == b"["
}

fn trailing(array: &[u8], after: usize) -> Option<CutError> {
    let at = skip_space(array, after);
    (at < array.len()).then_some(CutError::Trailing(at))
}

/// The `,` or `]` that ends the element which begins at `start`.
fn element_end(array: &[u8], start: usize) -> Result<usize, CutError> {
    let mut depth = 0usize;
    let mut at = start;
    while let Some(&byte) = array.get(at) {
        match byte {
            b'"' => at = string_end(array, at + 1).ok_or(CutError::Unended)? - 1,
            b'[' | b'{' => depth += 1,
            b',' | b']' if depth == 0 => return Ok(at),
            b'}' if depth == 0 => return Err(CutError::Unbalanced(at)),
            b']' | b'}' => depth -= 1,
            // A number or a word goes on to the next white space, comma or bracket.
            _ if depth > 0 || !array.get(at + 1).is_none_or(|next| is_space(*next)) => {
                at += 1;
                continue;
            }
            _ => {}
        }
        at += 1;
        if depth == 0 && at > start {
            return separator(array, skip_space(array, at));
        }
    }
    Err(CutError::Unended)
}

/// What follows a value that has come to its end. Were it not looked at, two records without a comma between them
/// would be taken for one, and every later one would be told under another's index.
fn separator(array: &[u8], at: usize) -> Result<usize, CutError> {
    match array.get(at) {
        None => Err(CutError::Unended),
        Some(b',' | b']') => Ok(at),
        Some(b'}') => Err(CutError::Unbalanced(at)),
        Some(_) => Err(CutError::CommaMissing(at)),
    }
}

/// The byte after the quote that ends the string whose inside begins at `at`.
fn string_end(array: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr2(b'"', b'\\', array.get(at..)?)?;
        if array[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

fn skip_space(json: &[u8], from: usize) -> usize {
    let rest = json.get(from..).unwrap_or_default();
    from + rest.iter().position(|byte| !is_space(*byte)).unwrap_or(rest.len())
}

fn trim_end(json: &[u8], start: usize, end: usize) -> usize {
    start + json[start..end].iter().rposition(|byte| !is_space(*byte)).map_or(0, |last| last + 1)
}

/// JSON's white space (RFC 8259, section 2).
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(array: &str) -> Result<Vec<&str>, CutError> {
        elements(array.as_bytes()).map(|range| range.map(|range| &array[range])).collect()
    }

    #[test]
    fn elements_keep_their_bytes_and_lose_the_space_around_them() {
        assert_eq!(
            cut("\n [ {\"a\" : [1, 2]} ,\t\"x,]\\\"\" ,3 ]\r\n"),
            Ok(vec!["{\"a\" : [1, 2]}", "\"x,]\\\"\"", "3"])
        );
        assert_eq!(cut("[]"), Ok(vec![]));
        assert_eq!(cut(" [ \n ] "), Ok(vec![]));
    }

    #[test]
    fn an_array_that_cannot_be_cut_says_where() {
        assert_eq!(cut("[1,,2]"), Err(CutError::ElementMissing(3)));
        assert_eq!(cut("[1,]"), Err(CutError::ElementMissing(3)));
        assert_eq!(cut("[,]"), Err(CutError::ElementMissing(1)));
        assert_eq!(cut("[1}"), Err(CutError::Unbalanced(2)));
        assert_eq!(cut("[1] x"), Err(CutError::Trailing(4)));
        assert_eq!(cut("[{} {}, {}]"), Err(CutError::CommaMissing(4)));
        assert_eq!(cut("[\"a\"\"b\"]"), Err(CutError::CommaMissing(4)));
        assert_eq!(cut("[1 2]"), Err(CutError::CommaMissing(3)));
        for unended in ["[", "[1", "[1,", "[\"", "[\"\\", "[\"\\\"", "[{", "[[]"] {
            assert_eq!(cut(unended), Err(CutError::Unended), "{unended}");
        }
    }

    #[test]
    fn a_hundred_thousand_levels_are_one_element() {
        let deep = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(cut(&deep).map(|elements| elements.len()), Ok(1));
    }

    #[test]
    fn lines_end_in_either_way_and_blank_ones_are_none() {
        let body = "a\r\n\n  \r\nb c\nd\r";
        let found: Vec<_> = lines(body.as_bytes()).map(|range| &body[range]).collect();
        assert_eq!(found, ["a", "b c", "d"]);
        assert_eq!(lines(b"\n\r\n").count(), 0);
    }

    #[test]
    fn whatever_serde_reads_as_an_array_is_cut_into_the_same_elements() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let text: String = (0..random.usize(1..24))
                .map(|_| *random.choice(b"[]{},:\"\\ 1a\n").unwrap() as char)
                .collect();
            let text = format!("[{text}]");
            if let Ok(values) = serde_json::from_str::<Vec<serde_json::Value>>(&text) {
                let parts = cut(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
                let cut: Vec<serde_json::Value> =
                    parts.iter().map(|part| serde_json::from_str(part).unwrap()).collect();
                assert_eq!(cut, values, "{text}");
            } else {
                let _ = cut(&text);
            }
        }
    }
}
