//! Which file serves which plugin, which ones wait, and what is said of the refused.

use super::generation::Generation;
use super::load::{Host, Loaded};
use super::snapshot::{Snapshot, conflict};
use super::status::{describe, refused};
use super::{Manifest, RefusedFile, Status};
use crate::telemetry::{MeterConflict, PluginMeters, Reload};
use arc_swap::ArcSwap;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

pub(super) struct Registry {
    host: Arc<Host>,
    live: Arc<ArcSwap<Snapshot>>,
    slots: BTreeMap<String, Slot>,
    /// Loads so far, by plugin.
    numbers: BTreeMap<String, u64>,
    /// The paths of required plugins that were removed: they answer that their plugin is not there.
    gone: Vec<(Arc<str>, String)>,
    pub alarm: Option<String>,
    /// What is being compiled and tried, and since when.
    pub loading: Option<(String, SystemTime)>,
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

impl Slot {
    /// The plugin of what waits.
    pub fn waiting_name(&self) -> Option<&str> {
        self.waiting.as_ref().map(|loaded| loaded.manifest.name.as_str())
    }
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
    Meters(#[from] MeterConflict),
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
            loading: None,
        }
    }

    pub fn slots(&self) -> &BTreeMap<String, Slot> {
        &self.slots
    }

    /// Puts a loaded plugin in the place of what its file served before, or says why it has to wait.
    ///
    /// Files that wait for each other's places, as those do that exchange their plugins, take them in one step.
    pub fn admit(&mut self, file: &str, loaded: Loaded) -> Result<(), Blocked> {
        let digest = loaded.digest.clone();
        let mut blocked = None;
        self.change(|registry| {
            registry.slots.entry(file.to_owned()).or_default().waiting = Some(loaded.into());
            blocked = registry.install_with_others(file).err();
        });
        // Another file's turn may have come with that of a third, and this one's with it.
        match blocked.filter(|_| self.slots.get(file).is_some_and(|slot| slot.waiting.is_some())) {
            None => Ok(()),
            Some(blocked) => {
                self.note_refusal(file, Some(digest), blocked.to_string());
                Err(blocked)
            }
        }
    }

    /// Makes a change, lets in whoever waited for it, and publishes both as one step.
    fn change(&mut self, change: impl FnOnce(&mut Registry)) {
        let before: Vec<(String, Arc<Generation>)> = self
            .slots
            .iter()
            .filter_map(|(file, slot)| Some((file.clone(), slot.serving.clone()?)))
            .collect();
        change(self);
        self.admit_waiting();
        for (file, generation) in before {
            if !self.serves(&generation.manifest.name) {
                self.note_removal(&file, &generation);
            }
        }
        self.publish();
    }

    fn serves(&self, plugin: &str) -> bool {
        let mut serving = self.slots.values().filter_map(|slot| slot.serving.as_ref());
        serving.any(|generation| generation.manifest.name == plugin)
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
        self.change(|registry| drop(registry.slots.remove(file)));
    }

    /// Of a plugin that no file serves any more: its file is gone, or serves one of another name.
    fn note_removal(&mut self, file: &str, generation: &Generation) {
        self.host.metrics.reload(Reload::Removed);
        let successor = self.slots.get(file).and_then(|slot| slot.serving.as_ref());
        let successor = successor.map(|successor| successor.manifest.name.as_str());
        tracing::info!(file, plugin = generation.manifest.name, successor, "plugin removed");
        self.note_gone(generation);
    }

    fn note_gone(&mut self, generation: &Generation) {
        let name = &generation.manifest.name;
        if self.host.config.required.contains(name) {
            let paths = generation.manifest.routes.iter().map(|route| route.path.clone());
            self.gone.extend(paths.map(|path| (Arc::from(name.as_str()), path)));
        }
    }

    /// Lets in a file that waits, together with the waiting ones without which it cannot come in.
    ///
    /// Whoever is in its way has to give way, and can do so only for what its own file holds by now; that may have
    /// others in its way. So there is one least set of files that change together, or none.
    fn install_with_others(&mut self, file: &str) -> Result<(), Blocked> {
        let mut together = BTreeSet::from([file.to_owned()]);
        while let Some((blocked, other)) = self.obstacle(&together) {
            let gives_way = self.slots.get(&other).is_some_and(|slot| slot.waiting.is_some());
            if !gives_way || !together.insert(other) {
                // What is said is what is in the way of this file as things are.
                let own = self.obstacle(&BTreeSet::from([file.to_owned()]));
                return Err(own.map_or(blocked, |(blocked, _)| blocked));
            }
        }
        let meters = self.meters(&together)?;
        for (file, meters) in meters {
            self.install(&file, meters);
        }
        Ok(())
    }

    /// What is in the way if these files served what they hold by now, and the others what they serve; and in which
    /// file that is.
    fn obstacle(&self, together: &BTreeSet<String>) -> Option<(Blocked, String)> {
        let mut coming = together.iter().filter_map(|file| Some((file, self.waiting(file)?)));
        coming.find_map(|(file, manifest)| self.obstacle_to(file, manifest, together))
    }

    fn obstacle_to(
        &self,
        file: &str,
        manifest: &Manifest,
        together: &BTreeSet<String>,
    ) -> Option<(Blocked, String)> {
        let plugin = &manifest.name;
        let others = || {
            let others = self.slots.iter().filter(|(other, _)| *other != file);
            others.filter_map(|(other, slot)| match together.contains(other) {
                true => Some((other, self.waiting(other)?)),
                false => Some((other, &slot.serving.as_ref()?.manifest)),
            })
        };
        if let Some((other, _)) = others().find(|(_, other)| other.name == *plugin) {
            let blocked = Blocked::Name { plugin: plugin.clone(), file: other.clone() };
            return Some((blocked, other.clone()));
        }
        let paths = |manifest: &'_ Manifest| -> Vec<String> {
            manifest.routes.iter().map(|route| route.path.clone()).collect()
        };
        let own = paths(manifest);
        others().find_map(|(other, theirs)| {
            let (with_plugin, theirs) = (theirs.name.as_str(), paths(theirs));
            let theirs = theirs.iter().map(|path| (with_plugin, path.as_str()));
            let found = conflict(own.iter().map(String::as_str), theirs)?;
            let blocked = Blocked::Route {
                plugin: plugin.clone(),
                path: found.path,
                with_plugin: found.with_plugin,
                with_path: found.with_path,
            };
            Some((blocked, other.clone()))
        })
    }

    fn waiting(&self, file: &str) -> Option<&Manifest> {
        Some(&self.slots.get(file)?.waiting.as_ref()?.manifest)
    }

    /// All of them, or none is installed.
    fn meters(&self, files: &BTreeSet<String>) -> Result<Vec<(String, PluginMeters)>, MeterConflict> {
        let coming = files.iter().filter_map(|file| Some((file, self.waiting(file)?)));
        let meters = coming.map(|(file, manifest)| {
            let meters = self.host.metrics.plugin_meters(&manifest.name, &manifest.instruments)?;
            Ok((file.clone(), meters))
        });
        meters.collect()
    }

    /// Without publishing.
    fn install(&mut self, file: &str, meters: PluginMeters) {
        let Some(slot) = self.slots.get_mut(file) else { return };
        let Some(loaded) = slot.waiting.take() else { return };
        let name = loaded.manifest.name.clone();
        let number = self.numbers.entry(name.clone()).or_default();
        *number += 1;
        let generation = Arc::new(Generation::new(*loaded, *number, meters, &self.host));
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
        *slot = Slot { serving: Some(generation), leaving: slot.leaving, ..Slot::default() };
    }

    /// By file name, so that it is the same each time, and again after each that came in: it may have made room.
    fn admit_waiting(&mut self) {
        let waiting = |registry: &Registry| -> Vec<String> {
            let files = registry.slots.iter().filter(|(_, slot)| slot.waiting.is_some());
            files.map(|(file, _)| file.clone()).collect()
        };
        while waiting(self).iter().any(|file| self.install_with_others(file).is_ok()) {}
        for file in waiting(self) {
            let blocked = self.install_with_others(&file).err();
            self.explain_waiting(&file, blocked);
        }
    }

    /// Tells in the status what a file waits for now.
    fn explain_waiting(&mut self, file: &str, blocked: Option<Blocked>) {
        let reason = blocked.map(|blocked| blocked.to_string());
        if let (Some(slot), Some(reason)) = (self.slots.get_mut(file), reason)
            && slot.refused.as_ref().is_some_and(|refused| refused.reason != reason)
        {
            let digest = slot.waiting.as_ref().map(|loaded| loaded.digest.clone());
            slot.refused = Some(refused(file, digest, reason));
        }
    }

    fn publish(&self) {
        let generations = self.slots.values().filter_map(|slot| slot.serving.clone()).collect();
        self.live.store(Arc::new(Snapshot::new(generations, &self.gone)));
    }

    pub fn status(&self) -> Status {
        let loading = self.loading.clone();
        Status { loading, ..describe(&self.host.config, &self.slots, self.alarm.clone()) }
    }
}
