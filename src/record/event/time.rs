//! RFC 3339.

/// Milliseconds since 1970, UTC; what is smaller is cut off. None: it is no such time.
pub(super) fn milliseconds(text: &str) -> Option<i64> {
    let text = text.as_bytes();
    let (year, month, day) = (number(text, 0..4)?, number(text, 5..7)?, number(text, 8..10)?);
    let (hour, minute, second) = (number(text, 11..13)?, number(text, 14..16)?, number(text, 17..19)?);
    let signs = [(4, b"-"), (7, b"-"), (13, b":"), (16, b":")];
    let is_written = signs.iter().all(|(at, sign)| text[*at] == sign[0]) && b"Tt".contains(&text[10]);
    let is_date = (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
    // A leap second is 60.
    if !is_written || !is_date || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction, rest) = fraction(&text[19..])?;
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset(rest)? * 60;
    Some(seconds * 1_000 + fraction)
}

fn number(text: &[u8], range: std::ops::Range<usize>) -> Option<i64> {
    let digits = text.get(range)?;
    digits
        .iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

/// The milliseconds, and what follows the digits.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = text.strip_prefix(b".") else { return Some((0, text)) };
    let count = digits.iter().take_while(|digit| digit.is_ascii_digit()).count();
    let millisecond = |place: usize| digits[..count].get(place).map_or(0, |digit| i64::from(digit - b'0'));
    let milliseconds = millisecond(0) * 100 + millisecond(1) * 10 + millisecond(2);
    (count > 0).then(|| (milliseconds, &digits[count..]))
}

/// Minutes east of UTC.
fn offset(text: &[u8]) -> Option<i64> {
    let sign = match text.first()? {
        b'Z' | b'z' => return (text.len() == 1).then_some(0),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = (number(text, 1..3)?, number(text, 4..6)?);
    let is_written = text.len() == 6 && text[3] == b':' && hours <= 23 && minutes <= 59;
    is_written.then_some(sign * (hours * 60 + minutes))
}

fn days_of(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The day counted from 1970-01-01. Years begin in March, so that the leap day is the last of its year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let since_march = (month + 9) % 12;
    let day_of_year = (153 * since_march + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}
