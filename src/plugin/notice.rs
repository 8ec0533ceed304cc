//! What is configured for plugins and routes that are not there: most often a slip of the pen.

use super::registry::Slot;
use super::{Config, Manifest, Status};
use std::collections::{BTreeMap, BTreeSet};

/// A sentence for each name that leads nowhere.
pub(super) fn notices(config: &Config, slots: &BTreeMap<String, Slot>) -> Vec<String> {
    let known: BTreeSet<&str> = slots.iter().flat_map(|(file, slot)| names(file, slot)).collect();
    let loaded: Vec<&str> = slots.values().filter_map(loaded).collect();
    let unknown = |name: &&String| !known.contains(name.as_str());
    let sections = config.plugins.keys().filter(unknown).map(|name| {
        let remedy = match (nearest(name, &loaded), loaded.is_empty()) {
            (Some(near), _) => format!("did you mean [plugin.{near}]?"),
            (None, false) => format!("the plugins are {}", loaded.join(", ")),
            (None, true) => "no plugin is loaded".to_owned(),
        };
        format!("[plugin.{name}] has no effect: no plugin has this name; {remedy}")
    });
    let required = config.required.iter().filter(unknown).filter_map(|name| {
        let near = nearest(name, &loaded)?;
        Some(format!("plugins.required names '{name}', and no plugin has this name; did you mean '{near}'?"))
    });
    let routes = slots.values().filter_map(|slot| slot.serving.as_ref()).flat_map(|generation| {
        let routes = config.plugins.get(&generation.manifest.name).map(|plugin| plugin.routes.keys());
        routes.into_iter().flatten().filter_map(|path| route(&generation.manifest, path))
    });
    sections.chain(required).chain(routes).collect()
}

/// The sentence about a path that is no route of the plugin. None: it is one.
fn route(manifest: &Manifest, path: &str) -> Option<String> {
    let routes: Vec<&str> = manifest.routes.iter().map(|route| route.path.as_str()).collect();
    if routes.iter().any(|route| route.trim_end_matches('/') == path) {
        return None;
    }
    let name = &manifest.name;
    let remedy = match nearest(path, &routes) {
        Some(near) => format!("did you mean [plugin.{name}.routes.\"{near}\"]?"),
        None => format!("its routes are {}", routes.join(", ")),
    };
    let path = if path.is_empty() { "/" } else { path };
    Some(format!("[plugin.{name}.routes.\"{path}\"] has no effect: the plugin has no such route; {remedy}"))
}

/// Tells in the log, once at the start, what the status goes on telling.
pub(super) fn tell(status: &Status) {
    for notice in &status.notices {
        tracing::warn!(notice, "a setting has no effect");
    }
    for plugin in &status.missing {
        tracing::warn!(plugin, "required plugin missing");
    }
}

fn loaded(slot: &Slot) -> Option<&str> {
    slot.serving.as_ref().map(|generation| generation.manifest.name.as_str())
}

/// The names that a file may be configured by. What is refused has not said its own: its file's stands for it.
fn names<'s>(file: &'s str, slot: &'s Slot) -> impl Iterator<Item = &'s str> {
    let stem = slot.refused.is_some().then(|| file.strip_suffix(".wasm").unwrap_or(file));
    loaded(slot).into_iter().chain(slot.waiting_name()).chain(stem)
}

/// A third of the letters may be wrong: more than that is another word.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let distance = |known: &&&str| strsim::damerau_levenshtein(name, known);
    let near = known.iter().min_by_key(distance)?;
    (distance(&near) <= name.len().max(near.len()) / 3).then_some(near)
}
