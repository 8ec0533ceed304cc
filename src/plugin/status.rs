//! What the admin port tells about the plugins.

use super::generation::Generation;
use super::notice;
use super::registry::Slot;
use super::{Config, PluginState, PluginStatus, RefusedFile, RouteStatus, Status};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

pub(super) fn refused(file: &str, digest: Option<String>, reason: String) -> RefusedFile {
    RefusedFile { file: file.to_owned(), digest, reason, since: SystemTime::now() }
}

pub(super) fn describe(config: &Config, slots: &BTreeMap<String, Slot>, alarm: Option<String>) -> Status {
    let plugins: Vec<PluginStatus> =
        slots.iter().filter_map(|(file, slot)| Some(plugin(file, slot, slot.serving.as_ref()?))).collect();
    let refused = slots.values().filter(|slot| slot.serving.is_none());
    let missing = config.required.iter().filter(|name| plugins.iter().all(|plugin| plugin.name != **name));
    let notices = notice::notices(config, slots);
    Status {
        notices,
        directory: config.directory.clone(),
        loading: None,
        alarm,
        refused: refused.filter_map(|slot| slot.refused.clone()).collect(),
        missing: missing.cloned().collect(),
        plugins,
    }
}

fn plugin(file: &str, slot: &Slot, generation: &Generation) -> PluginStatus {
    let manifest = &generation.manifest;
    let route = |route: &super::Route| RouteStatus {
        path: route.path.clone(),
        title: route.title.clone(),
        topics: route.topics.iter().map(|topic| topic.to_string()).collect(),
    };
    PluginStatus {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        digest: generation.digest.clone(),
        file: file.to_owned(),
        generation: generation.number,
        loaded_at: generation.loaded_at,
        state: state(slot, generation),
        routes: manifest.routes.iter().map(route).collect(),
        instances: generation.pool.alive(),
        records_judged: generation.counts.judged.load(Ordering::Relaxed),
        faults: generation.counts.faults.load(Ordering::Relaxed),
        last_fault: generation.counts.last_fault.lock().clone(),
        measurements_dropped: generation.counts.measurements_dropped.load(Ordering::Relaxed),
        refused: slot.refused.clone(),
    }
}

fn state(slot: &Slot, generation: &Generation) -> PluginState {
    if generation.breaker.is_open() {
        PluginState::BreakerOpen
    } else if slot.leaving {
        PluginState::Leaving
    } else if slot.refused.is_some() {
        PluginState::ServingLastGood
    } else {
        PluginState::Serving
    }
}
