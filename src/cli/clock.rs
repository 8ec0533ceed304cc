//! Times as people and JSON write them.

pub(super) use crate::record::rfc3339;

/// How long something has taken, in the largest unit that tells enough of it.
pub(super) fn age(milliseconds: u64) -> String {
    match milliseconds / 1_000 {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}
