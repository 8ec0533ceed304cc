//! Reading dates and times out of texts and numbers.

use super::calendar::{DAY_SECONDS, Date, DateTime, is_leap};
use super::is_fractional;

/// Up to here a number counts seconds, beyond it milliseconds (in seconds 2603, in milliseconds 1970).
const SECONDS_MAX: i64 = 20_000_000_000;
/// 0000-01-01T00:00:00Z.
const EPOCH_SECONDS_MIN: i64 = -62_167_219_200;
/// 9999-12-31T23:59:59Z.
const EPOCH_SECONDS_MAX: i64 = 253_402_300_799;

/// Why a text or number is no date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    Date,
    Month,
    Day,
    Separator,
    Time,
    Hour,
    Minute,
    Second,
    Fraction,
    Offset,
    OffsetSize,
    Trailing,
    TooEarly,
    TooLate,
    YearZero,
    NotMidnight,
}

impl Flaw {
    /// The reason, to stand in brackets.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Date => "it does not begin with a date as YYYY-MM-DD",
            Self::Month => "the month is outside 01 to 12",
            Self::Day => "the month has no such day",
            Self::Separator => "date and time are not separated by T, a space or an underscore",
            Self::Time => "no time as HH:MM follows the date",
            Self::Hour => "the hour is outside 00 to 23",
            Self::Minute => "the minute is outside 00 to 59",
            Self::Second => "the second is outside 00 to 59",
            Self::Fraction => "no digits follow the decimal sign of the seconds",
            Self::Offset => "the offset is neither Z nor of the form +HH:MM",
            Self::OffsetSize => "the offset is 24 hours or more, or its minutes are outside 00 to 59",
            Self::Trailing => "something follows the offset",
            Self::TooEarly => "it lies before the year 1",
            Self::TooLate => "it lies after the year 9999",
            Self::YearZero => "there is no year 0",
            Self::NotMidnight => "its time of day is not midnight",
        }
    }
}

/// Reads an ISO 8601 text, a date alone, or the time since 1970 as text; the year may be 0.
pub(super) fn from_text(text: &str) -> Result<DateTime, Flaw> {
    match from_iso(text.as_bytes()) {
        Ok(moment) => Ok(moment),
        Err(flaw) => from_epoch_text(text).unwrap_or(Err(flaw)),
    }
}

/// Reads a JSON number as time since 1970; none if it is an integer that does not fit in 64 bits.
pub(super) fn from_number(raw: &str) -> Option<Result<DateTime, Flaw>> {
    if is_fractional(raw) { raw.parse().ok().map(from_float) } else { raw.parse().ok().map(from_integer) }
}

fn from_epoch_text(text: &str) -> Option<Result<DateTime, Flaw>> {
    if let Ok(whole) = text.parse() {
        return Some(from_integer(whole));
    }
    // An exponent alone makes no float here: "1.5e3" is a number of seconds, "15e2" is not.
    let number = if text.contains('.') { text.parse().ok() } else { None };
    number.map(from_float)
}

fn from_integer(number: i64) -> Result<DateTime, Flaw> {
    if number.unsigned_abs() <= SECONDS_MAX.unsigned_abs() {
        from_epoch(number, 0)
    } else {
        from_epoch(number.div_euclid(1_000), number.rem_euclid(1_000) as u32 * 1_000)
    }
}

/// Rounds to the nearest microsecond, away from zero in a tie.
fn from_float(number: f64) -> Result<DateTime, Flaw> {
    let floor = number.floor();
    // Both saturate where the number is out of any calendar, and what is left of an infinity is no number: 0.
    let (whole, rest) = (floor as i64, number - floor);
    if number.abs() <= SECONDS_MAX as f64 {
        return from_epoch(whole, (rest * 1e6).round() as u32);
    }
    let micros = whole.rem_euclid(1_000) as u32 * 1_000 + (rest * 1e3).round() as u32;
    from_epoch(whole.div_euclid(1_000), micros)
}

fn from_epoch(seconds: i64, micros: u32) -> Result<DateTime, Flaw> {
    // A fraction that was rounded up may fill the second; far out of range the sum is refused just the same.
    let seconds = seconds.saturating_add(i64::from(micros / 1_000_000));
    if seconds < EPOCH_SECONDS_MIN {
        return Err(Flaw::TooEarly);
    }
    if seconds > EPOCH_SECONDS_MAX {
        return Err(Flaw::TooLate);
    }
    let Date { year, month, day } = Date::from_days(seconds.div_euclid(DAY_SECONDS));
    let clock = seconds.rem_euclid(DAY_SECONDS);
    Ok(DateTime {
        year,
        month,
        day,
        hour: (clock / 3_600) as u8,
        minute: (clock / 60 % 60) as u8,
        second: (clock % 60) as u8,
        microsecond: micros % 1_000_000,
        offset_seconds: Some(0),
    })
}

fn from_iso(text: &[u8]) -> Result<DateTime, Flaw> {
    let (date, rest) = text.split_first_chunk().ok_or(Flaw::Date)?;
    let Date { year, month, day } = read_date(date)?;
    let midnight =
        DateTime { year, month, day, hour: 0, minute: 0, second: 0, microsecond: 0, offset_seconds: None };
    let rest = match rest {
        [] => return Ok(midnight),
        [b'T' | b't' | b' ' | b'_', rest @ ..] => rest,
        _ => return Err(Flaw::Separator),
    };
    let [h1, h2, b':', m1, m2, rest @ ..] = rest else { return Err(Flaw::Time) };
    let hour = two_digits(*h1, *h2).ok_or(Flaw::Time)?;
    let minute = two_digits(*m1, *m2).ok_or(Flaw::Time)?;
    if hour > 23 {
        return Err(Flaw::Hour);
    }
    if minute > 59 {
        return Err(Flaw::Minute);
    }
    let (second, microsecond, rest) = match rest {
        [b':', rest @ ..] => read_second(rest)?,
        rest => (0, 0, rest),
    };
    Ok(DateTime { hour, minute, second, microsecond, offset_seconds: read_offset(rest)?, ..midnight })
}

fn read_date(text: &[u8; 10]) -> Result<Date, Flaw> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return Err(Flaw::Date) };
    let century = two_digits(y1, y2).ok_or(Flaw::Date)?;
    let year = u16::from(century) * 100 + u16::from(two_digits(y3, y4).ok_or(Flaw::Date)?);
    let month = two_digits(m1, m2).ok_or(Flaw::Date)?;
    let day = two_digits(d1, d2).ok_or(Flaw::Date)?;
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        1..=12 => 31,
        _ => return Err(Flaw::Month),
    };
    if day == 0 || day > length {
        return Err(Flaw::Day);
    }
    Ok(Date { year, month, day })
}

/// Reads `SS` and a fraction if one follows, of which what is finer than a microsecond is cut off.
fn read_second(text: &[u8]) -> Result<(u8, u32, &[u8]), Flaw> {
    let [s1, s2, rest @ ..] = text else { return Err(Flaw::Second) };
    let second = two_digits(*s1, *s2).filter(|second| *second <= 59).ok_or(Flaw::Second)?;
    let [b'.' | b',', rest @ ..] = rest else { return Ok((second, 0, rest)) };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return Err(Flaw::Fraction);
    }
    let micros = (0..6).fold(0, |micros, place| {
        micros * 10 + if place < digits { u32::from(rest[place] - b'0') } else { 0 }
    });
    Ok((second, micros, &rest[digits..]))
}

fn read_offset(text: &[u8]) -> Result<Option<i32>, Flaw> {
    let (sign, rest) = match text {
        [] => return Ok(None),
        [b'Z' | b'z'] => return Ok(Some(0)),
        [b'Z' | b'z', ..] => return Err(Flaw::Trailing),
        [b'+', rest @ ..] => (1, rest),
        // ISO 8601 prefers the minus sign U+2212 to the hyphen.
        [b'-', rest @ ..] | [0xE2, 0x88, 0x92, rest @ ..] => (-1, rest),
        _ => return Err(Flaw::Offset),
    };
    let ([h1, h2, b':', m1, m2, rest @ ..] | [h1, h2, m1, m2, rest @ ..]) = rest else {
        return Err(Flaw::Offset);
    };
    let hours = two_digits(*h1, *h2).ok_or(Flaw::Offset)?;
    let minutes = two_digits(*m1, *m2).ok_or(Flaw::Offset)?;
    if hours > 23 || minutes > 59 {
        return Err(Flaw::OffsetSize);
    }
    if !rest.is_empty() {
        return Err(Flaw::Trailing);
    }
    Ok(Some(sign * (i32::from(hours) * 3_600 + i32::from(minutes) * 60)))
}

#[inline]
fn two_digits(tens: u8, ones: u8) -> Option<u8> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| tens * 10 + ones)
}
