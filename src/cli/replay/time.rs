//! Times on the command line.

/// A time, or how long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Moment {
    /// Milliseconds since 1970.
    At(u64),
    /// Milliseconds before now.
    Ago(u64),
}

impl Moment {
    /// Reads a date, a time in UTC or with an offset, or a number with `s`, `m`, `h` or `d`.
    pub fn read(text: &str) -> Result<Moment, String> {
        let read = || ago(text).map(Moment::Ago).or_else(|| at(text).map(Moment::At));
        read().ok_or_else(|| {
            "write 2026-11-23, 2026-11-23T23:58:43Z, or 90s, 15m, 2h, 7d for so long ago".to_owned()
        })
    }

    pub fn at_ms(self, now_ms: u64) -> u64 {
        match self {
            Moment::At(time) => time,
            Moment::Ago(time) => now_ms.saturating_sub(time),
        }
    }
}

fn ago(text: &str) -> Option<u64> {
    let factor = match text.chars().next_back()? {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => return None,
    };
    number(&text[..text.len() - 1])?.checked_mul(factor)
}

/// RFC 3339, or the date alone.
fn at(text: &str) -> Option<u64> {
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let day = date_ms(date)?;
    if rest.is_empty() {
        return Some(day);
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, rest) = (rest.get(..8)?, rest.get(8..)?);
    let [hour, minute, second] = three(clock, ':')?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction, zone) = match rest.strip_prefix('.') {
        None => (0, rest),
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_ascii_digit()).filter(|end| *end > 0)?;
            let digits = format!("{:0<3}", rest.get(..end)?);
            (number(digits.get(..3)?)?, rest.get(end..)?)
        }
    };
    let local = day + (hour * 3_600 + minute * 60 + second) * 1_000 + fraction;
    match zone {
        "Z" | "z" => Some(local),
        zone => {
            let (sign, offset) = zone.split_at_checked(1)?;
            let (hours, minutes) = offset.split_once(':')?;
            let offset = (number(hours)?.min(24) * 60 + number(minutes)?.min(60)) * 60_000;
            if sign == "+" { local.checked_sub(offset) } else { (sign == "-").then(|| local + offset) }
        }
    }
}

fn date_ms(date: &str) -> Option<u64> {
    let [year, month, day] = three(date, '-')?;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let in_month = *days.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    if year < 1970 || day == 0 || day > in_month {
        return None;
    }
    let before: u64 = days[..usize::try_from(month - 1).ok()?].iter().sum();
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    let years = (year - 1970) * 365 + leaps(year - 1) - leaps(1969);
    Some((years + before + day - 1) * 86_400_000)
}

fn three(text: &str, separator: char) -> Option<[u64; 3]> {
    let mut parts = text.split(separator).map(number);
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::clock::rfc3339;

    #[test]
    fn a_time_is_read_as_it_is_written() {
        for time in
            [0, 951_782_399_999, 951_782_400_000, 951_868_800_000, 1_795_478_323_042, 4_107_542_400_000]
        {
            assert_eq!(Moment::read(&rfc3339(time)), Ok(Moment::At(time)), "{}", rfc3339(time));
        }
        assert_eq!(Moment::read("2026-11-23"), Moment::read("2026-11-23T00:00:00Z"));
        assert_eq!(Moment::read("2026-11-24T01:58:43+02:00"), Moment::read("2026-11-23T23:58:43Z"));
        assert_eq!(Moment::read("2026-11-23T21:58:43.5-02:00"), Moment::read("2026-11-23T23:58:43.500Z"));
    }

    #[test]
    fn so_long_ago_is_counted_from_now() {
        assert_eq!(Moment::read("90s").unwrap().at_ms(100_000), 10_000);
        assert_eq!(Moment::read("2h"), Ok(Moment::Ago(7_200_000)));
        assert_eq!(Moment::read("7d").unwrap().at_ms(1), 0);
    }

    #[test]
    fn what_is_no_time_is_told_how_one_is_written() {
        for text in [
            "",
            "x",
            "s",
            "-5s",
            "2026",
            "2026-13-01",
            "2026-02-29",
            "2026-00-10",
            "2026-01-01T25:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.Z",
            "1969-12-31",
            "ä026-01-01",
            "99999999999999999999d",
            "2026-01-01T00:00:00+ä",
        ] {
            let error = Moment::read(text).unwrap_err();
            assert!(error.starts_with("write 2026-11-23, "), "{text}: {error}");
        }
    }
}
