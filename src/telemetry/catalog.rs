//! Which plugin has which instruments, and which names are taken.

use super::about::{self, About};
use super::measure::{Meter, PluginMeters, Store};
use super::provider::Outlets;
use super::{MeterConflict, exposition, name};
use crate::verdict::{Instrument, InstrumentKind};
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use parking_lot::RwLock;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};

pub(super) struct Catalog {
    values_max: usize,
    outlets: Outlets,
    /// The gateway's own names in `/metrics`, each with what it is.
    own: HashMap<String, String>,
    live: RwLock<Live>,
}

/// Weak throughout: what no generation holds any more is gone.
#[derive(Default)]
struct Live {
    /// The oldest first.
    meters: Vec<Weak<Meter>>,
    about: HashMap<String, Weak<About>>,
}

impl Catalog {
    pub fn new(values_max: usize, outlets: Outlets, own: Vec<(String, String)>) -> Catalog {
        let mut own: HashMap<_, _> = own.into_iter().collect();
        for (name, unit, kind) in about::instruments() {
            let what = in_words(&kind, unit);
            let family = name::family(name, unit, &kind);
            own.extend(name::claimed(&family, &kind).into_iter().map(|name| (name, what.clone())));
        }
        Catalog { values_max, outlets, own, live: RwLock::default() }
    }

    pub fn about(&self, plugin: &str) -> Option<Arc<About>> {
        self.live.read().about.get(plugin)?.upgrade()
    }

    pub fn meters(&self, plugin: &str, instruments: &[Instrument]) -> Result<PluginMeters, MeterConflict> {
        let mut live = self.live.write();
        live.meters.retain(|meter| meter.strong_count() > 0);
        live.about.retain(|_, about| about.strong_count() > 0);
        let there: Vec<Arc<Meter>> = live.meters.iter().filter_map(Weak::upgrade).collect();
        for (index, instrument) in instruments.iter().enumerate() {
            self.check_own(instrument)?;
            let others = there.iter().filter(|meter| meter.plugin() != plugin);
            for other in others {
                check(other.plugin(), other.instrument(), instrument, Sharing::Allowed)?;
            }
            for other in &instruments[..index] {
                check(plugin, other, instrument, Sharing::Refused)?;
            }
        }
        let about = live.about.get(plugin).and_then(Weak::upgrade);
        let about = about.unwrap_or_else(|| Arc::new(About::new(plugin, &self.outlets)));
        live.about.insert(plugin.to_owned(), Arc::downgrade(&about));
        let meters = instruments.iter().map(|instrument| {
            let same = |meter: &&Arc<Meter>| meter.plugin() == plugin && meter.instrument() == instrument;
            there.iter().find(same).map(Arc::clone).unwrap_or_else(|| {
                let store = self.store(plugin, instrument, &there);
                let meter = Arc::new(Meter::new(plugin, instrument, self.values_max, &about, store));
                live.meters.push(Arc::downgrade(&meter));
                meter
            })
        });
        Ok(PluginMeters::new(meters.collect(), about))
    }

    /// That of another plugin with the same instrument, or a new one.
    fn store(&self, plugin: &str, instrument: &Instrument, there: &[Arc<Meter>]) -> Arc<Store> {
        // The newest: an older one may be another plugin's that is being replaced.
        let shared = there.iter().rev().find(|meter| {
            let theirs = meter.instrument();
            let same = theirs.name == instrument.name
                && theirs.unit == instrument.unit
                && theirs.kind == instrument.kind;
            meter.plugin() != plugin && same
        });
        shared.map_or_else(|| Store::new(instrument, &self.outlets), |meter| meter.store().clone())
    }

    fn live(&self) -> (Vec<Arc<Meter>>, Vec<Arc<About>>) {
        let live = self.live.read();
        let meters = live.meters.iter().filter_map(Weak::upgrade).collect();
        (meters, live.about.values().filter_map(Weak::upgrade).collect())
    }

    /// All that plugins measure and what is measured of them, the oldest first.
    pub fn gather(&self) -> Vec<exposition::Group> {
        let (meters, about) = self.live();
        let about = about.iter().map(|about| exposition::Group::newest(about.provider().gather()));
        let mut stores = HashSet::new();
        let once = meters.iter().filter(|meter| stores.insert(Arc::as_ptr(meter.store())));
        about.chain(once.map(|meter| meter.gather())).collect()
    }

    /// The same to be sent, but for what a plugin's newer version has made anew: what the older one still counts ends with
    /// it.
    pub fn collect(&self) -> Vec<ResourceMetrics> {
        let (meters, about) = self.live();
        let is_replaced = |index: usize, meter: &Meter| {
            meters[index + 1..].iter().any(|newer| {
                newer.plugin() == meter.plugin() && newer.instrument().name == meter.instrument().name
            })
        };
        let mut stores = HashSet::new();
        let measured = meters
            .iter()
            .enumerate()
            .filter(|(index, meter)| !is_replaced(*index, meter))
            .filter(|(_, meter)| stores.insert(Arc::as_ptr(meter.store())))
            .filter_map(|(_, meter)| meter.store().collect());
        about.iter().filter_map(|about| about.provider().collect()).chain(measured).collect()
    }

    fn check_own(&self, instrument: &Instrument) -> Result<(), MeterConflict> {
        let family = name::family(&instrument.name, &instrument.unit, &instrument.kind);
        let taken = name::claimed(&family, &instrument.kind).into_iter().find_map(|name| self.own.get(&name));
        match taken {
            None => Ok(()),
            Some(theirs) => Err(MeterConflict {
                instrument: instrument.name.clone(),
                plugin: String::new(),
                theirs: theirs.clone(),
                ours: in_words(&instrument.kind, &instrument.unit),
            }),
        }
    }
}

/// Whether two instruments may be one family, if they are alike.
#[derive(Clone, Copy, PartialEq)]
enum Sharing {
    Allowed,
    Refused,
}

fn check(
    plugin: &str,
    theirs: &Instrument,
    ours: &Instrument,
    sharing: Sharing,
) -> Result<(), MeterConflict> {
    let names = |instrument: &Instrument| {
        let family = name::family(&instrument.name, &instrument.unit, &instrument.kind);
        name::claimed(&family, &instrument.kind)
    };
    let taken = names(theirs);
    let clash = names(ours).iter().any(|name| taken.contains(name));
    // Prometheus has no suffix for up-down counters, gauges and histograms: one name in OpenTelemetry is then
    // one in Prometheus. A counter and a gauge of one name would differ there, and still confuse everybody.
    let same_name = theirs.name == ours.name;
    let alike =
        same_name && theirs.kind == ours.kind && theirs.unit == ours.unit && sharing == Sharing::Allowed;
    if alike || !(clash || same_name) {
        return Ok(());
    }
    Err(MeterConflict {
        instrument: ours.name.clone(),
        plugin: plugin.to_owned(),
        theirs: in_words(&theirs.kind, &theirs.unit),
        ours: in_words(&ours.kind, &ours.unit),
    })
}

/// E.g. `counter in '{claim}'`.
pub(super) fn in_words(kind: &InstrumentKind, unit: &str) -> String {
    let kind = match kind {
        InstrumentKind::Counter => "counter".to_owned(),
        InstrumentKind::UpDownCounter => "up-down counter".to_owned(),
        InstrumentKind::Gauge => "gauge".to_owned(),
        InstrumentKind::ExponentialHistogram => "exponential histogram".to_owned(),
        InstrumentKind::Histogram(boundaries) if boundaries.is_empty() => "histogram".to_owned(),
        InstrumentKind::Histogram(boundaries) => format!("histogram with boundaries {boundaries:?}"),
    };
    if unit.is_empty() { kind } else { format!("{kind} in '{unit}'") }
}
