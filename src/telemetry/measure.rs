//! What plugins measure.

use super::about::About;
use super::exposition;
use super::provider::{Bound, Provider};
use super::series::{SDK_SERIES_MAX, Series};
use crate::verdict::{Counted, Instrument, InstrumentKind, Measurement, MeasurementTable, Outcome};
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// One instrument of one plugin. It leaves `/metrics` when dropped.
pub(super) struct Meter {
    plugin: String,
    instrument: Instrument,
    provider: Provider,
    series: Series,
}

impl Meter {
    pub fn new(plugin: &str, instrument: &Instrument, values_max: usize, about: &Arc<About>) -> Meter {
        let provider = Provider::new(None, SDK_SERIES_MAX);
        let Instrument { name, unit, description, kind, .. } = instrument;
        let recorder = provider.recorder(name, unit, description, kind);
        let keys: Vec<&str> = instrument.attributes.iter().map(String::as_str).collect();
        let (about, name) = (Arc::clone(about), name.clone());
        let spill = Box::new(move |attribute: &str| about.overflow(&name, attribute));
        let series = Series::new(recorder, &keys, values_max, spill);
        Meter { plugin: plugin.to_owned(), instrument: instrument.clone(), provider, series }
    }

    pub fn plugin(&self) -> &str {
        &self.plugin
    }

    pub fn instrument(&self) -> &Instrument {
        &self.instrument
    }

    pub fn gather(&self) -> exposition::Group {
        let families = self.provider.gather();
        match self.instrument.kind {
            InstrumentKind::Gauge => exposition::Group::newest(families),
            _ => exposition::Group::summed(families),
        }
    }

    fn resolve(&self, table: &MeasurementTable, measurement: &Measurement) -> Bound {
        match table.attribute_sets.get(measurement.attribute_set as usize) {
            Some(set) if !self.instrument.attributes.is_empty() => self.series.resolve(set),
            _ => self.series.resolve::<&str>(&[]),
        }
    }

    fn takes(&self, value: f64, outcome: &Outcome) -> bool {
        let counted = match outcome {
            Outcome::Committed(_) | Outcome::Stored(_) => self.instrument.counts != Counted::Rejected,
            Outcome::Rejected(_) => self.instrument.counts != Counted::Accepted,
            Outcome::Discarded => self.instrument.counts == Counted::Judged,
            // Judged again later, and counted then.
            Outcome::Quarantined(_) | Outcome::Failed(_) => false,
        };
        let fits = value.is_finite() && (value >= 0.0 || self.instrument.kind != InstrumentKind::Counter);
        counted && fits
    }
}

/// The instruments of one plugin. Each leaves `/metrics` with the last clone that has it.
#[derive(Clone)]
pub struct PluginMeters {
    meters: Arc<[Arc<Meter>]>,
    /// What is measured of the plugin stays as long as what it measures.
    _about: Arc<About>,
}

/// What a batch adds to one series.
struct Pending {
    bound: Bound,
    value: f64,
}

type Pendings = HashMap<u64, Pending, BuildHasherDefault<Mixed>>;

/// More than this is not kept from batch to batch.
const SCRATCH_KEPT_MAX: usize = 4_096;

thread_local! {
    /// A single record is the common case: its measurements must not cost an allocation.
    static SCRATCH: RefCell<Pendings> = RefCell::default();
}

impl PluginMeters {
    pub(super) fn new(meters: Arc<[Arc<Meter>]>, about: Arc<About>) -> PluginMeters {
        PluginMeters { meters, _about: about }
    }

    /// Adds up what a batch measured, for the records whose outcome its instruments count.
    ///
    /// Each series is looked up once a table. A histogram takes each value, a counter their sum, a gauge the last.
    pub fn record(&self, tables: &[MeasurementTable], outcomes: &[Outcome]) {
        if tables.iter().all(|table| table.measurements.is_empty()) {
            return;
        }
        SCRATCH.with_borrow_mut(|pendings| {
            for table in tables {
                self.gather(table, outcomes, pendings);
                settle(pendings);
            }
            if pendings.capacity() > SCRATCH_KEPT_MAX {
                *pendings = Pendings::default();
            }
        });
    }

    fn gather(&self, table: &MeasurementTable, outcomes: &[Outcome], pendings: &mut Pendings) {
        for measurement in &table.measurements {
            let Some(meter) = self.meters.get(measurement.instrument as usize) else { continue };
            let Some(outcome) = outcomes.get(table.first + measurement.item as usize) else { continue };
            if !meter.takes(measurement.value, outcome) {
                continue;
            }
            let set = if meter.instrument.attributes.is_empty() { 0 } else { measurement.attribute_set };
            let key = u64::from(measurement.instrument) << 32 | u64::from(set);
            let pending = pendings
                .entry(key)
                .or_insert_with(|| Pending { bound: meter.resolve(table, measurement), value: 0.0 });
            match pending.bound {
                Bound::Histogram(ref histogram) => histogram.record(measurement.value),
                Bound::Counter(_) | Bound::UpDownCounter(_) => pending.value += measurement.value,
                Bound::Gauge(_) => pending.value = measurement.value,
            }
        }
    }
}

fn settle(pendings: &mut Pendings) {
    for (_, pending) in pendings.drain() {
        // Values that are finite may have a sum that is not.
        if !matches!(pending.bound, Bound::Histogram(_)) && pending.value.is_finite() {
            pending.bound.take(pending.value);
        }
    }
}

/// A multiplication: the keys are small numbers within one batch.
#[derive(Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("only u64 keys are hashed")
    }
    fn write_u64(&mut self, key: u64) {
        let mixed = (key ^ key >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }
}
