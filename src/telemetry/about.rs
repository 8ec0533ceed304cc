//! What the gateway measures of one plugin: it leaves `/metrics` with the plugin.

use super::provider::{Bound, Outlets, Provider, TargetInfo};
use super::series::{SDK_SERIES_MAX, Series};
use crate::verdict::{FaultKind, InstrumentKind};
use std::time::Duration;

/// Seconds. A call takes microseconds for a record and may take ten times `call_ms` when throttled.
const CALL_BOUNDARIES: [f64; 14] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25,
    1.0,
];

/// Name, unit and kind of each instrument, for the catalog of taken names.
pub(super) fn instruments() -> [(&'static str, &'static str, InstrumentKind); 5] {
    [
        ("gateway.plugin.call.duration", "s", InstrumentKind::Histogram(CALL_BOUNDARIES.to_vec())),
        ("gateway.plugin.faults", "{fault}", InstrumentKind::Counter),
        ("gateway.plugin.generation", "", InstrumentKind::Gauge),
        ("gateway.plugin.attribute.overflow", "{value}", InstrumentKind::Counter),
        ("gateway.plugin.measurements.dropped", "{measurement}", InstrumentKind::Counter),
    ]
}

pub(super) struct About {
    plugin: String,
    provider: Provider,
    calls: Bound,
    faults: [Bound; FaultKind::ALL.len()],
    generation: Series,
    overflow: Series,
    dropped: Bound,
}

impl About {
    pub fn new(plugin: &str, outlets: &Outlets) -> About {
        let provider = Provider::new(outlets, TargetInfo::Omitted, SDK_SERIES_MAX);
        let [calls, faults, generation, overflow, dropped] = instruments();
        let build = |(name, unit, kind): (&str, &str, InstrumentKind), description: &str, keys: &[&str]| {
            Series::closed(provider.recorder(name, unit, description, &kind), keys, usize::MAX)
        };
        let calls = build(calls, "How long a call of a plugin took.", &["plugin"]);
        let faults = build(faults, "How often a plugin broke its contract.", &["plugin", "kind"]);
        let generation = build(generation, "Which load of a plugin serves, counted from 1.", &["plugin"]);
        let description = "Attribute values that became __other__ because the attribute has too many.";
        let overflow = build(overflow, description, &["plugin", "instrument", "attribute"]);
        let description = "Measurements that pointed to nothing, had no number, or were too many.";
        let dropped = build(dropped, description, &["plugin"]);
        About {
            plugin: plugin.to_owned(),
            calls: calls.resolve(&[plugin]),
            // All from the start, at nothing: a rate over a series that is not there yet misses its first rise.
            faults: FaultKind::ALL.map(|kind| faults.resolve(&[plugin, kind.as_str()])),
            generation,
            overflow,
            dropped: dropped.resolve(&[plugin]),
            provider,
        }
    }

    pub fn call(&self, duration: Duration) {
        self.calls.take(duration.as_secs_f64());
    }

    pub fn fault(&self, kind: FaultKind) {
        let index = FaultKind::ALL.iter().position(|each| *each == kind);
        if let Some(bound) = index.and_then(|index| self.faults.get(index)) {
            bound.take(1.0);
        }
    }

    pub fn measurements_dropped(&self, count: u64) {
        self.dropped.take(count as f64);
    }

    pub fn generation(&self, generation: u64) {
        self.generation.take(&[self.plugin.as_str()], generation as f64);
    }

    pub fn overflow(&self, instrument: &str, attribute: &str) {
        self.overflow.take(&[self.plugin.as_str(), instrument, attribute], 1.0);
    }

    pub fn provider(&self) -> &Provider {
        &self.provider
    }
}
