use super::Problems;
use crate::telemetry::check_instrument;
use crate::verdict::{Instrument, InstrumentKind};
use std::collections::BTreeSet;

const INSTRUMENTS_MAX: usize = 128;
const DESCRIPTION_BYTES_MAX: usize = 1 << 10;
/// Each is a dimension of every time series of the instrument.
const ATTRIBUTES_MAX: usize = 16;
const ATTRIBUTE_BYTES_MAX: usize = 128;
/// Each is a time series a set of attributes.
const BOUNDARIES_MAX: usize = 160;

pub(super) fn check(instruments: &[Instrument], problems: &mut Problems) {
    problems.at_most("instruments", instruments.len(), INSTRUMENTS_MAX);
    let mut names = BTreeSet::new();
    for instrument in instruments {
        let Instrument { name, description, attributes, kind, .. } = instrument;
        if let Err(error) = check_instrument(instrument) {
            problems.note(error.to_string());
        }
        if !names.insert(name.to_ascii_lowercase()) {
            problems.note(format!("instrument '{name}' is there twice, whatever its case; declare it once"));
        }
        problems.no_longer(
            &format!("the description of instrument '{name}'"),
            description,
            DESCRIPTION_BYTES_MAX,
        );
        problems.at_most(&format!("attributes of instrument '{name}'"), attributes.len(), ATTRIBUTES_MAX);
        for key in attributes {
            problems.no_longer(&format!("an attribute of instrument '{name}'"), key, ATTRIBUTE_BYTES_MAX);
        }
        if let InstrumentKind::Histogram(boundaries) = kind {
            let most = BOUNDARIES_MAX;
            problems.at_most(&format!("boundaries of instrument '{name}'"), boundaries.len(), most);
        }
    }
}
