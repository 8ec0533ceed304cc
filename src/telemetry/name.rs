//! What an instrument is called in Prometheus.
//!
//! The exporter keeps its rules to itself, and a conflict has to be found before anything is measured; a test
//! holds these rules equal to what the exporter prints.

use super::InstrumentError;
use crate::verdict::{Instrument, InstrumentKind};
use std::collections::BTreeSet;

/// As the exporter's: the units that become part of a name.
const UNITS: [(&str, &str); 32] = [
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("B", "bytes"),
    ("KB", "kilobytes"),
    ("MB", "megabytes"),
    ("GB", "gigabytes"),
    ("TB", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("1", "ratio"),
    ("%", "percent"),
    ("", ""),
];

/// As the exporter's: what may follow a slash in a unit.
const PER_UNITS: [(&str, &str); 7] = [
    ("s", "second"),
    ("m", "minute"),
    ("h", "hour"),
    ("d", "day"),
    ("w", "week"),
    ("mo", "month"),
    ("y", "year"),
];

/// Units that leave no trace before a slash.
const UNNAMED_BEFORE_PER: [&str; 8] = ["1", "d", "h", "min", "s", "ms", "us", "ns"];

/// The name of the family in `/metrics`.
pub(super) fn family(name: &str, unit: &str, kind: &InstrumentKind) -> String {
    let mut family: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if let Some(suffix) = unit_suffix(unit) {
        family.push('_');
        family.push_str(&suffix);
    }
    if *kind == InstrumentKind::Counter {
        family.push_str("_total");
    }
    family
}

/// The names of all series of a family: no other family may have one of them.
pub(super) fn claimed(family: &str, kind: &InstrumentKind) -> Vec<String> {
    let mut names = vec![family.to_owned()];
    if matches!(kind, InstrumentKind::Histogram(_) | InstrumentKind::ExponentialHistogram) {
        names.extend(["bucket", "sum", "count"].map(|part| format!("{family}_{part}")));
    }
    names
}

fn unit_suffix(unit: &str) -> Option<String> {
    if unit.is_empty() {
        return None;
    }
    if let Some(name) = find(&UNITS, unit) {
        return Some(name.to_owned());
    }
    let (first, second) = unit.split_once('/')?;
    let per = find(&PER_UNITS, second)?;
    match find(&UNITS, first) {
        Some(name) if !first.is_empty() && !UNNAMED_BEFORE_PER.contains(&first) => {
            Some(format!("{name}_per_{per}"))
        }
        _ => Some(format!("per_{per}")),
    }
}

fn find(table: &[(&str, &'static str)], unit: &str) -> Option<&'static str> {
    table.iter().find(|(from, _)| *from == unit).map(|(_, to)| *to)
}

pub(super) fn check(instrument: &Instrument) -> Result<(), InstrumentError> {
    let name = &instrument.name;
    let allowed = |c: char| c.is_ascii_alphanumeric() || ['_', '.', '-', '/'].contains(&c);
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(allowed) || name.len() > 255
    {
        return Err(InstrumentError::Name(name.clone()));
    }
    if instrument.unit.len() > 63 || !instrument.unit.is_ascii() {
        return Err(InstrumentError::Unit { instrument: name.clone(), unit: instrument.unit.clone() });
    }
    if let InstrumentKind::Histogram(boundaries) = &instrument.kind
        && !(boundaries.iter().all(|b| b.is_finite()) && boundaries.is_sorted_by(|a, b| a < b))
    {
        return Err(InstrumentError::Boundaries(name.clone()));
    }
    let mut labels = BTreeSet::new();
    for attribute in &instrument.attributes {
        let label = attribute.replace('.', "_");
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let fit = label.starts_with(|c: char| c.is_ascii_alphabetic()) && label.chars().all(allowed);
        if !fit || label == "le" || !labels.insert(label) {
            let (instrument, attribute) = (name.clone(), attribute.clone());
            return Err(InstrumentError::Attribute { instrument, attribute });
        }
    }
    Ok(())
}
