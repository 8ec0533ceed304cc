//! What plugins measure.

use super::about::About;
use super::exposition;
use super::provider::{Bound, Outlets, Provider, Recorder, TargetInfo};
use super::series::{SDK_SHARED_MAX, Series};
use crate::verdict::{
    AttributeValue, Counted, Instrument, InstrumentKind, Measurement, MeasurementTable, Outcome,
};
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

/// What holds the values of an instrument. Plugins that have it in common share it, so that their values are one
/// series wherever their labels are.
pub(super) struct Store {
    provider: Provider,
    recorder: Recorder,
    /// Label sets, of all that share it.
    sets: Arc<AtomicUsize>,
}

impl Store {
    pub fn new(instrument: &Instrument, outlets: &Outlets) -> Arc<Store> {
        let provider = Provider::new(outlets, TargetInfo::Omitted, SDK_SHARED_MAX);
        let Instrument { name, unit, description, kind, .. } = instrument;
        let recorder = provider.recorder(name, unit, description, kind);
        Arc::new(Store { provider, recorder, sets: Arc::default() })
    }

    pub fn collect(&self) -> Option<ResourceMetrics> {
        self.provider.collect()
    }
}

/// One instrument of one plugin. It leaves `/metrics` with the last plugin that has it.
pub(super) struct Meter {
    plugin: String,
    instrument: Instrument,
    store: Arc<Store>,
    series: Series,
}

impl Meter {
    pub fn new(
        plugin: &str,
        instrument: &Instrument,
        values_max: usize,
        about: &Arc<About>,
        store: Arc<Store>,
    ) -> Meter {
        let Instrument { name, .. } = instrument;
        let recorder = store.recorder.clone();
        let keys: Vec<&str> = instrument.attributes.iter().map(String::as_str).collect();
        let (about, name) = (Arc::clone(about), name.clone());
        let spill = Box::new(move |attribute: &str| about.overflow(&name, attribute));
        let series = Series::new(recorder, &keys, values_max, spill).sharing(store.sets.clone());
        Meter { plugin: plugin.to_owned(), instrument: instrument.clone(), store, series }
    }

    pub fn plugin(&self) -> &str {
        &self.plugin
    }

    pub fn instrument(&self) -> &Instrument {
        &self.instrument
    }

    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    pub fn gather(&self) -> exposition::Group {
        let families = self.store.provider.gather();
        match self.instrument.kind {
            InstrumentKind::Gauge => exposition::Group::newest(families),
            _ => exposition::Group::summed(families),
        }
    }

    /// The attributes of a measurement, as the plugin gave them.
    fn labels<'a>(&self, table: &'a MeasurementTable, measurement: &Measurement) -> &'a [AttributeValue] {
        let set = table.attribute_sets.get(measurement.attribute_set as usize);
        set.filter(|_| !self.instrument.attributes.is_empty()).map_or(&[], Vec::as_slice)
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

/// So few measurements are not worth adding up: those of a record by itself.
const FEW: usize = 8;

/// More than this is not kept from batch to batch.
const SCRATCH_KEPT_MAX: usize = 4_096;

thread_local! {
    /// Kept, so that a batch costs no allocation.
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
        for table in tables {
            if table.measurements.len() <= FEW {
                for (meter, measurement) in self.counted(table, outcomes) {
                    meter.series.take(meter.labels(table, measurement), measurement.value);
                }
            } else {
                SCRATCH.with_borrow_mut(|pendings| {
                    self.gather(table, outcomes, pendings);
                    settle(pendings);
                });
            }
        }
    }

    /// The measurements of a table that are to be taken, each with its meter.
    fn counted<'a>(
        &'a self,
        table: &'a MeasurementTable,
        outcomes: &'a [Outcome],
    ) -> impl Iterator<Item = (&'a Meter, &'a Measurement)> {
        table.measurements.iter().filter_map(|measurement| {
            let meter = self.meters.get(measurement.instrument as usize)?;
            let outcome = outcomes.get(table.first + measurement.item as usize)?;
            meter.takes(measurement.value, outcome).then_some((&**meter, measurement))
        })
    }

    fn gather(&self, table: &MeasurementTable, outcomes: &[Outcome], pendings: &mut Pendings) {
        for (meter, measurement) in self.counted(table, outcomes) {
            let set = if meter.instrument.attributes.is_empty() { 0 } else { measurement.attribute_set };
            let key = u64::from(measurement.instrument) << 32 | u64::from(set);
            let pending = pendings.entry(key).or_insert_with(|| Pending {
                bound: meter.series.resolve(meter.labels(table, measurement)),
                value: 0.0,
            });
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
    if pendings.capacity() > SCRATCH_KEPT_MAX {
        *pendings = Pendings::default();
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
