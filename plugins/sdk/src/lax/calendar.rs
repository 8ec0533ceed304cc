//! Dates and times of the proleptic Gregorian calendar.

use std::fmt;

pub(super) const DAY_SECONDS: i64 = 86_400;

/// A day of the years 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// 1 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to the length of the month.
    pub day: u8,
}

impl Date {
    /// Days since 1970-01-01, negative before it.
    pub fn days_since_epoch(self) -> i64 {
        // Counted in years that begin in March, so that the leap day is the last of its year.
        let (month, year) = match self.month {
            1 | 2 => (i64::from(self.month) + 9, i64::from(self.year) - 1),
            month => (i64::from(month) - 3, i64::from(self.year)),
        };
        let before_month = (153 * month + 2) / 5;
        let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        365 * year + leap_days + before_month + i64::from(self.day) - 1 - MARCH_ZERO_TO_EPOCH_DAYS
    }

    /// The day that lies so many days after 1970-01-01; the caller keeps to the years 0 to 9999.
    pub(super) fn from_days(days: i64) -> Self {
        let days = days + MARCH_ZERO_TO_EPOCH_DAYS;
        let (century, in_century) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        // In each 400 years a day is missing after 100, 200 and 300 years, and there is one more every 4.
        let year = (in_century - in_century / 1_460 + in_century / 36_524 - in_century / 146_096) / 365;
        let in_year = in_century - (365 * year + year / 4 - year / 100);
        let month = (5 * in_year + 2) / 153;
        let day = in_year - (153 * month + 2) / 5 + 1;
        let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        Self { year: (400 * century + year + carry) as u16, month: month as u8, day: day as u8 }
    }
}

/// From 0000-03-01 to 1970-01-01.
const MARCH_ZERO_TO_EPOCH_DAYS: i64 = 719_468;

/// Writes `YYYY-MM-DD`.
impl fmt::Display for Date {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

pub(super) fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// A date and a time of day, with or without an offset from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DateTime {
    /// 1 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to the length of the month.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999,999.
    pub microsecond: u32,
    /// East of UTC, less than a day either way; none if the text named no offset.
    pub offset_seconds: Option<i32>,
}

impl DateTime {
    /// The day on the clock that showed it, whatever the day in UTC.
    pub fn date(self) -> Date {
        Date { year: self.year, month: self.month, day: self.day }
    }

    /// Microseconds since 1970-01-01T00:00:00Z, negative before it; without an offset it is read as UTC.
    pub fn epoch_micros(self) -> i64 {
        let clock = i64::from(self.hour) * 3_600 + i64::from(self.minute) * 60 + i64::from(self.second);
        let local = self.date().days_since_epoch() * DAY_SECONDS + clock;
        (local - i64::from(self.offset_seconds.unwrap_or(0))) * 1_000_000 + i64::from(self.microsecond)
    }

    pub(super) fn is_midnight(self) -> bool {
        self.hour == 0 && self.minute == 0 && self.second == 0 && self.microsecond == 0
    }
}

/// Writes ISO 8601, with the fraction and the offset only where there is one.
impl fmt::Display for DateTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}T{:02}:{:02}:{:02}", self.date(), self.hour, self.minute, self.second)?;
        if self.microsecond != 0 {
            write!(out, ".{:06}", self.microsecond)?;
        }
        match self.offset_seconds {
            None => Ok(()),
            Some(0) => out.write_str("Z"),
            Some(offset) => {
                let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs() / 60);
                write!(out, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}
