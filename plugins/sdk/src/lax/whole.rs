//! Reading whole numbers, with the liberties Pydantic takes.

use std::borrow::Cow;

use super::without_underscores;

/// Python refuses to read longer runs of digits, since that takes quadratic time.
const DIGITS_MAX: usize = 4_300;

/// Why a number or text is no whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    Infinite,
    Fraction,
    Syntax,
    Size,
}

pub(super) fn from_float(number: f64) -> Result<i64, Flaw> {
    if !number.is_finite() {
        return Err(Flaw::Infinite);
    }
    if number % 1.0 != 0.0 {
        return Err(Flaw::Fraction);
    }
    // The bounds themselves are out: the upper is 2^63, and Pydantic leaves out the lower along with it.
    if number.abs() < -(i64::MIN as f64) { Ok(number as i64) } else { Err(Flaw::Size) }
}

pub(super) fn from_text(text: &str) -> Result<i64, Flaw> {
    match from_plain(text) {
        Err(Flaw::Syntax) => {}
        read => return read,
    }
    let (negative, digits) = tidy(text).ok_or(Flaw::Syntax)?;
    let digits = without_underscores(digits).map_or(Cow::Borrowed(digits), Cow::Owned);
    // Only as it was sent a text is too long; once tidied, it is merely no number.
    if digits.trim_start_matches('-').len() > DIGITS_MAX {
        return Err(Flaw::Syntax);
    }
    from_plain(&[if negative { "-" } else { "" }, &digits].concat())
}

/// Reads an integer in JSON's own syntax.
fn from_plain(text: &str) -> Result<i64, Flaw> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let run = digits.bytes().take_while(u8::is_ascii_digit).count();
    let leading_zero = digits.starts_with('0');
    if run > DIGITS_MAX && !leading_zero {
        return Err(Flaw::Size);
    }
    if run == 0 || run < digits.len() || (leading_zero && run > 1) {
        return Err(Flaw::Syntax);
    }
    text.parse().map_err(|_| Flaw::Size)
}

/// Takes off white space, sign, leading zeros and a fraction of zeros; what is left is still to be read.
fn tidy(text: &str) -> Option<(bool, &str)> {
    let text = text.trim();
    let (plus, text) = match text.strip_prefix('+') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (negative, text) = match text.strip_prefix('-') {
        Some(_) if plus => return None,
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let text = without_leading_zeros(text)?;
    let text = match text.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => whole,
        _ => text,
    };
    Some((negative, text))
}

/// Keeps the last zero where nothing or a fraction follows. Underscores may stand among the zeros, and
/// Pydantic even takes a minus behind them: "0-5" is -5.
fn without_leading_zeros(text: &str) -> Option<&str> {
    if !text.starts_with('0') {
        return text.starts_with(|first: char| first.is_ascii_digit()).then_some(text);
    }
    let Some(end) = text.find(|byte| byte != '0' && byte != '_') else {
        return Some(&text[text.len() - 1..]);
    };
    match text.as_bytes()[end] {
        b'.' => Some(&text[end - 1..]),
        b'1'..=b'9' | b'-' => Some(&text[end..]),
        _ => None,
    }
}
