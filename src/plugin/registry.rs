//! Which file serves which plugin, which ones wait, and what is said of the refused.

use super::generation::Generation;
use super::load::{Host, Loaded};
use super::snapshot::{Snapshot, conflict};
use super::status::{describe, refused};
use super::{RefusedFile, Status};
use crate::telemetry::Reload;
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) struct Registry {
    host: Arc<Host>,
    live: Arc<ArcSwap<Snapshot>>,
    slots: BTreeMap<String, Slot>,
    /// Loads so far, by plugin.
    numbers: BTreeMap<String, u64>,
    /// The paths of required plugins that were removed: they answer that their plugin is not there.
    gone: Vec<(Arc<str>, String)>,
    pub alarm: Option<String>,
}

/// What is known of one file.
#[derive(Default)]
pub(super) struct Slot {
    pub serving: Option<Arc<Generation>>,
    /// Good, and kept from serving by another plugin.
    waiting: Option<Box<Loaded>>,
    pub refused: Option<RefusedFile>,
    /// Missing from the directory.
    pub leaving: bool,
}

/// Why a plugin that is good cannot serve beside the others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Blocked {
    #[error("plugin '{plugin}' is already served by {file}; this file takes over when that one is removed")]
    Name { plugin: String, file: String },
    #[error(
        "route '{path}' of plugin '{plugin}' conflicts with route '{with_path}' of plugin '{with_plugin}'; change \
         one of them, or remove one of the files"
    )]
    Route { plugin: String, path: String, with_plugin: String, with_path: String },
    #[error(transparent)]
    Meters(#[from] crate::telemetry::MeterConflict),
}

impl Registry {
    pub fn new(host: Arc<Host>, live: Arc<ArcSwap<Snapshot>>) -> Registry {
        Registry {
            host,
            live,
            slots: BTreeMap::new(),
            numbers: BTreeMap::new(),
            gone: Vec::new(),
            alarm: None,
        }
    }

    pub fn slots(&self) -> &BTreeMap<String, Slot> {
        &self.slots
    }

    /// Puts a loaded plugin in the place of what its file served before, or says why it has to wait.
    pub fn admit(&mut self, file: &str, loaded: Loaded) -> Result<(), Blocked> {
        let digest = loaded.digest.clone();
        let result = self.install(file, loaded);
        match &result {
            Ok(()) => {
                self.admit_waiting();
                self.publish();
            }
            Err(blocked) => self.note_refusal(file, Some(digest), blocked.to_string()),
        }
        result
    }

    /// Notes that a file cannot serve; what it served before goes on.
    pub fn refuse(&mut self, file: &str, digest: Option<String>, reason: String) {
        self.slots.entry(file.to_owned()).or_default().waiting = None;
        self.note_refusal(file, digest, reason);
    }

    fn note_refusal(&mut self, file: &str, digest: Option<String>, reason: String) {
        self.host.metrics.reload(Reload::Refused);
        tracing::warn!(file, reason, "plugin file refused");
        self.slots.entry(file.to_owned()).or_default().refused = Some(refused(file, digest, reason));
    }

    /// The file is again what it serves: an older refusal is history.
    pub fn forget_refusal(&mut self, file: &str) {
        if let Some(slot) = self.slots.get_mut(file) {
            (slot.refused, slot.waiting) = (None, None);
        }
    }

    /// What serves does so in place of a refused file.
    pub fn restore_refusal(&mut self, file: &str, refusal: Option<RefusedFile>) {
        if let Some(slot) = self.slots.get_mut(file) {
            slot.refused = refusal;
        }
    }

    pub fn mark_leaving(&mut self, file: &str, leaving: bool) {
        if let Some(slot) = self.slots.get_mut(file) {
            slot.leaving = leaving;
        }
    }

    /// Removes what a file serves; whoever waited for its place takes it in the same step.
    pub fn remove(&mut self, file: &str) {
        let Some(slot) = self.slots.remove(file) else { return };
        if let Some(generation) = slot.serving {
            self.host.metrics.reload(Reload::Removed);
            tracing::info!(file, plugin = generation.manifest.name, "plugin removed");
            self.note_gone(&generation);
        }
        self.admit_waiting();
        self.publish();
    }

    fn note_gone(&mut self, generation: &Generation) {
        let name = &generation.manifest.name;
        if self.host.config.required.contains(name) {
            let paths = generation.manifest.routes.iter().map(|route| route.path.clone());
            self.gone.extend(paths.map(|path| (Arc::from(name.as_str()), path)));
        }
    }

    fn others<'r>(&'r self, file: &'r str) -> impl Iterator<Item = (&'r str, &'r Arc<Generation>)> {
        let serving = self.slots.iter().filter(move |(other, _)| other.as_str() != file);
        serving.filter_map(|(other, slot)| Some((other.as_str(), slot.serving.as_ref()?)))
    }

    fn blocked(&self, file: &str, loaded: &Loaded) -> Option<Blocked> {
        let plugin = &loaded.manifest.name;
        if let Some((other, _)) = self.others(file).find(|(_, other)| other.manifest.name == *plugin) {
            return Some(Blocked::Name { plugin: plugin.clone(), file: other.to_owned() });
        }
        let own = loaded.manifest.routes.iter().map(|route| route.path.as_str());
        let theirs = self.others(file).flat_map(|(_, other)| {
            let name = other.manifest.name.as_str();
            other.manifest.routes.iter().map(move |route| (name, route.path.as_str()))
        });
        let found = conflict(own, theirs)?;
        Some(Blocked::Route {
            plugin: plugin.clone(),
            path: found.path,
            with_plugin: found.with_plugin,
            with_path: found.with_path,
        })
    }

    /// Without publishing. What is blocked waits.
    fn install(&mut self, file: &str, loaded: Loaded) -> Result<(), Blocked> {
        let name = loaded.manifest.name.clone();
        let free = self.blocked(file, &loaded).map_or(Ok(()), Err);
        let meters =
            free.and_then(|()| Ok(self.host.metrics.plugin_meters(&name, &loaded.manifest.instruments)?));
        let meters = match meters {
            Ok(meters) => meters,
            Err(blocked) => {
                self.slots.entry(file.to_owned()).or_default().waiting = Some(Box::new(loaded));
                return Err(blocked);
            }
        };
        let number = self.numbers.entry(name.clone()).or_default();
        *number += 1;
        let (metrics, judges) = (self.host.metrics.clone(), self.host.judges.clone());
        let generation = Arc::new(Generation::new(loaded, *number, meters, metrics, judges));
        self.host.metrics.reload(Reload::Loaded);
        self.host.metrics.plugin_generation(&name, *number);
        tracing::info!(
            file,
            plugin = name,
            version = generation.manifest.version,
            digest = generation.digest,
            generation = generation.number,
            "plugin loaded"
        );
        self.gone.retain(|(plugin, _)| **plugin != *name);
        self.slots.insert(file.to_owned(), Slot { serving: Some(generation), ..Slot::default() });
        Ok(())
    }

    /// By file name, so that it is the same each time.
    fn admit_waiting(&mut self) {
        let files: Vec<String> = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.waiting.is_some())
            .map(|(file, _)| file.clone())
            .collect();
        for file in files {
            let Some(loaded) = self.slots.get_mut(&file).and_then(|slot| slot.waiting.take()) else {
                continue;
            };
            let digest = loaded.digest.clone();
            if let Err(blocked) = self.install(&file, *loaded)
                && let Some(slot) = self.slots.get_mut(&file)
                && slot.refused.as_ref().is_none_or(|refused| refused.reason != blocked.to_string())
            {
                slot.refused = Some(refused(&file, Some(digest), blocked.to_string()));
            }
        }
    }

    fn publish(&self) {
        let generations = self.slots.values().filter_map(|slot| slot.serving.clone()).collect();
        self.live.store(Arc::new(Snapshot::new(generations, &self.gone)));
    }

    pub fn status(&self) -> Status {
        describe(&self.host.config, &self.slots, self.alarm.clone())
    }
}
