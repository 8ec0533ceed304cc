use super::Problems;
use crate::telemetry::check_labels;
use crate::verdict::{Instrument, InstrumentKind};
use std::collections::BTreeSet;

/// Each has a registry of its own that every scrape walks.
const INSTRUMENTS_MAX: usize = 128;
/// OpenTelemetry's limits: https://opentelemetry.io/docs/specs/otel/metrics/api/#instrument-name-syntax.
const NAME_BYTES_MAX: usize = 255;
const UNIT_BYTES_MAX: usize = 63;
/// One sentence, a HELP line of every scrape.
const DESCRIPTION_BYTES_MAX: usize = 1 << 10;
/// Each is a dimension of every time series of the instrument.
const ATTRIBUTES_MAX: usize = 16;
/// The key becomes the name of a label in every line of the series.
const ATTRIBUTE_BYTES_MAX: usize = 128;
/// Each is a time series a set of attributes.
const BOUNDARIES_MAX: usize = 160;

pub(super) fn check(instruments: &[Instrument], problems: &mut Problems) {
    problems.at_most("instruments", instruments.len(), INSTRUMENTS_MAX);
    let mut names = BTreeSet::new();
    for instrument in instruments {
        let Instrument { name, description, unit, attributes, kind, .. } = instrument;
        if !is_name(name) {
            problems.note(format!(
                "instrument {name:?}: begin with a letter, then letters, digits, '_', '.', '-' and '/', at most \
                 {NAME_BYTES_MAX}"
            ));
        } else if !names.insert(name.to_ascii_lowercase()) {
            problems.note(format!("instrument '{name}' is there twice, whatever its case; declare it once"));
        }
        if unit.len() > UNIT_BYTES_MAX || !unit.bytes().all(|byte| byte.is_ascii_graphic()) {
            problems.note(format!(
                "unit {unit:?} of instrument '{name}': give a UCUM unit, e.g. ms or {{record}}"
            ));
        }
        problems.no_longer(
            &format!("the description of instrument '{name}'"),
            description,
            DESCRIPTION_BYTES_MAX,
        );
        check_attributes(name, attributes, problems);
        if let Err(error) = check_labels(instrument) {
            problems.note(error.to_string());
        }
        if let InstrumentKind::Histogram(boundaries) = kind {
            check_boundaries(name, boundaries, problems);
        }
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte))
}

fn check_attributes(name: &str, attributes: &[String], problems: &mut Problems) {
    problems.at_most(&format!("attributes of instrument '{name}'"), attributes.len(), ATTRIBUTES_MAX);
    for (index, key) in attributes.iter().enumerate() {
        let sound = key.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
            && key.len() <= ATTRIBUTE_BYTES_MAX;
        if !sound {
            problems.note(format!(
                "attribute {key:?} of instrument '{name}': begin with a letter, then letters, digits, '_', '.' and '-'"
            ));
        } else if attributes[..index].contains(key) {
            problems.note(format!("attribute '{key}' of instrument '{name}' is there twice; name it once"));
        }
    }
}

fn check_boundaries(name: &str, boundaries: &[f64], problems: &mut Problems) {
    problems.at_most(&format!("boundaries of instrument '{name}'"), boundaries.len(), BOUNDARIES_MAX);
    let ascending = boundaries.iter().all(|boundary| boundary.is_finite())
        && boundaries.windows(2).all(|pair| pair[0] < pair[1]);
    if !ascending {
        problems.note(format!(
            "the boundaries of instrument '{name}' are not finite and ascending: {boundaries:?}"
        ));
    }
}
