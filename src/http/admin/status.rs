//! `GET /plugins` as JSON.

use crate::plugin::{self, PluginState};
use crate::record::rfc3339;
use bytes::Bytes;
use serde::{Serialize, Serializer};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) fn as_json(status: &plugin::Status) -> Bytes {
    serde_json::to_vec(&Plugins::from(status)).expect("texts and numbers are always JSON").into()
}

#[derive(Serialize)]
pub(super) struct Plugins<'a> {
    #[serde(serialize_with = "path")]
    directory: &'a Path,
    /// Why the directory is not believed at present.
    alarm: Option<&'a str>,
    /// What is being compiled and tried.
    loading: Option<Loading<'a>>,
    plugins: Vec<Plugin<'a>>,
    refused: Vec<Refused<'a>>,
    /// Required and not serving.
    missing: &'a [String],
    /// What is configured for plugins that are not there.
    notices: &'a [String],
}

#[derive(Serialize)]
struct Loading<'a> {
    file: &'a str,
    #[serde(serialize_with = "time")]
    since: SystemTime,
}

#[derive(Serialize)]
struct Plugin<'a> {
    name: &'a str,
    version: &'a str,
    digest: &'a str,
    file: &'a str,
    generation: u64,
    #[serde(serialize_with = "time")]
    loaded_at: SystemTime,
    state: &'static str,
    routes: Vec<Route<'a>>,
    instances: usize,
    records_judged: u64,
    faults: u64,
    last_fault: Option<&'a str>,
    measurements_dropped: u64,
    refused: Option<Refused<'a>>,
}

#[derive(Serialize)]
struct Route<'a> {
    path: &'a str,
    title: &'a str,
    topics: &'a [String],
}

#[derive(Serialize)]
struct Refused<'a> {
    file: &'a str,
    digest: Option<&'a str>,
    reason: &'a str,
    #[serde(serialize_with = "time")]
    since: SystemTime,
}

impl<'a> From<&'a plugin::Status> for Plugins<'a> {
    fn from(status: &'a plugin::Status) -> Plugins<'a> {
        Plugins {
            directory: &status.directory,
            alarm: status.alarm.as_deref(),
            loading: status.loading.as_ref().map(|(file, since)| Loading { file, since: *since }),
            plugins: status.plugins.iter().map(Plugin::from).collect(),
            refused: status.refused.iter().map(Refused::from).collect(),
            missing: &status.missing,
            notices: &status.notices,
        }
    }
}

impl<'a> From<&'a plugin::PluginStatus> for Plugin<'a> {
    fn from(plugin: &'a plugin::PluginStatus) -> Plugin<'a> {
        Plugin {
            name: &plugin.name,
            version: &plugin.version,
            digest: &plugin.digest,
            file: &plugin.file,
            generation: plugin.generation,
            loaded_at: plugin.loaded_at,
            state: state(plugin.state),
            routes: plugin.routes.iter().map(Route::from).collect(),
            instances: plugin.instances,
            records_judged: plugin.records_judged,
            faults: plugin.faults,
            last_fault: plugin.last_fault.as_deref(),
            measurements_dropped: plugin.measurements_dropped,
            refused: plugin.refused.as_ref().map(Refused::from),
        }
    }
}

impl<'a> From<&'a plugin::RouteStatus> for Route<'a> {
    fn from(route: &'a plugin::RouteStatus) -> Route<'a> {
        Route { path: &route.path, title: &route.title, topics: &route.topics }
    }
}

impl<'a> From<&'a plugin::RefusedFile> for Refused<'a> {
    fn from(file: &'a plugin::RefusedFile) -> Refused<'a> {
        Refused { file: &file.file, digest: file.digest.as_deref(), reason: &file.reason, since: file.since }
    }
}

fn state(state: PluginState) -> &'static str {
    match state {
        PluginState::Serving => "serving",
        PluginState::ServingLastGood => "serving_last_good",
        PluginState::BreakerOpen => "breaker_open",
        PluginState::Leaving => "leaving",
    }
}

fn time<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default(); // before 1970 is 1970
    serializer.serialize_str(&rfc3339(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
}

/// A path may be no UTF-8, JSON must be.
fn path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}
