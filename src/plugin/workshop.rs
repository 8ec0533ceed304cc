//! A plugin file on the bench: loaded as the gateway loads it, looked at and tried, without a gateway around it.

mod case;
mod prove;

pub use case::{Case, CaseFile};
pub use prove::{CaseReport, Trials};

use super::allowance::thread_cpu_time;
use super::check::{self, Expected};
use super::component::{self, ComponentError};
use super::directory::ReadError;
use super::draft::{Answer, Call, Example, Setting};
use super::engine::Engine;
use super::guest::{Blueprint, CallError, Instance};
use super::judges::Judges;
use super::load::{Host, LoadError, Prepared};
use super::{Config, Facts, Limits, Manifest, PluginConfig, StartError, directory};
use crate::record::Record;
use crate::telemetry::Metrics;
use crate::verdict::Judgement;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The gateway's host for plugins, and what an operator would say of one.
pub struct Workshop {
    host: Host,
    /// Ended with the workshop: nothing here asks them.
    _judges: Judges,
    settings: BTreeMap<String, String>,
}

/// How plugins are looked at there.
#[derive(Debug, Clone, Default)]
pub struct WorkshopOptions {
    /// Those of whatever plugin is loaded, beside what the configuration says of it.
    pub settings: BTreeMap<String, String>,
    /// What guests do is counted, as fuel.
    pub is_metered: bool,
    /// A directory of the user's own, where compiled code is kept for the next time.
    pub cache: Option<PathBuf>,
}

/// A file as it is, before anything of it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facets {
    pub digest: String,
    pub file_bytes: usize,
    /// `component`, or `core module`, which the gateway makes a component of.
    pub kind: &'static str,
    pub imports: Vec<String>,
    pub exports: Vec<String>,
}

/// A plugin that has said what it is.
pub struct Piece {
    pub manifest: Manifest,
    pub facets: Facets,
    /// What the plugin may be told: key, default, whether it is a secret.
    pub settings: Vec<(String, Option<String>, bool)>,
    /// What compiling it, `describe` and the making of an instance took together.
    pub load_time: Duration,
    limits: Limits,
    blueprint: Blueprint,
    checked: super::manifest::Checked,
    operator: PluginConfig,
}

/// Why a file is no plugin, as the gateway would say it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(String);

/// What came of one record, and what it took.
pub struct Tried {
    pub judgement: Judgement,
    /// CPU time of the thread.
    pub time: Duration,
    /// None: it is not counted.
    pub fuel: Option<u64>,
    pub memory_bytes: u64,
}

impl Workshop {
    /// # Errors
    /// The engine does not start on this machine.
    pub fn open(config: Config, metrics: Metrics, options: WorkshopOptions) -> Result<Workshop, StartError> {
        let WorkshopOptions { settings, is_metered, cache } = options;
        let judges = Judges::start(config.judge_threads, config.judge_queue_max, config.judge_wait_max);
        let failed = |error: wasmtime::Error| StartError::Engine { reason: format!("{error:#}") };
        let engine = Engine::of_workshop(is_metered, cache.as_deref()).map_err(failed)?;
        let host = Host::on(engine, config, metrics, judges.queue.clone()).map_err(failed)?;
        Ok(Workshop { host, _judges: judges, settings })
    }

    /// Reads a file and takes it as far as `describe`; its examples are not judged.
    ///
    /// # Errors
    /// What the gateway would say of the file.
    pub fn load(&mut self, path: &Path) -> Result<Piece, Refusal> {
        let reading =
            directory::read(path, self.host.config.file_bytes_max).map_err(|error| match error {
                ReadError::Io(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    Refusal("there is no such file; make it by sluicegate plugin build".to_owned())
                }
                error => Refusal(error.to_string()),
            })?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let refused = |error: LoadError| Refusal(error.to_string());
        let facets = facets(&reading.bytes, &reading.digest).map_err(|error| Refusal(error.to_string()))?;
        let begin = Instant::now();
        self.tell(name.strip_suffix(".wasm").unwrap_or(&name));
        let mut prepared = self.host.prepare(&name, &reading.bytes).map_err(refused)?;
        let own = prepared.checked.manifest.name.clone();
        if !self.settings.is_empty() && !self.host.config.plugins.contains_key(&own) {
            self.tell(&own);
            prepared = self.host.prepare(&name, &reading.bytes).map_err(refused)?;
        }
        let Prepared { checked, operator, blueprint } = prepared;
        blueprint.instantiate().map_err(|error| Refusal(error.into_detail()))?;
        let setting = |Setting { key, default, secret }: &Setting| (key.clone(), default.clone(), *secret);
        Ok(Piece {
            manifest: checked.manifest.clone(),
            facets,
            settings: checked.declared.iter().map(setting).collect(),
            load_time: begin.elapsed(),
            limits: operator.limits.clone(),
            blueprint,
            checked,
            operator,
        })
    }

    /// The given settings are this plugin's.
    fn tell(&mut self, plugin: &str) {
        if self.settings.is_empty() {
            return;
        }
        let limits = self.host.config.limits.clone();
        let unnamed = || PluginConfig { limits, ..PluginConfig::default() };
        let plugin = self.host.config.plugins.entry(plugin.to_owned()).or_insert_with(unnamed);
        plugin.settings.extend(self.settings.clone());
    }
}

/// The component that the gateway makes of a file: the file itself, if it is one already.
///
/// # Errors
/// What the gateway would say of the file.
pub fn componentize(bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    component::of(bytes).map(std::borrow::Cow::into_owned).map_err(|error| Refusal(error.to_string()))
}

/// What a file is, read without running anything of it.
///
/// # Errors
/// It is no plugin.
fn facets(bytes: &[u8], digest: &str) -> Result<Facets, ComponentError> {
    let (kind, imports, exports) = component::names(bytes)?;
    Ok(Facets { digest: digest.to_owned(), file_bytes: bytes.len(), kind, imports, exports })
}

impl Piece {
    /// The examples that the plugin carries, by route.
    pub fn examples(&self) -> impl Iterator<Item = (usize, &str)> {
        let routes = self.checked.examples.iter().enumerate();
        routes
            .flat_map(|(route, examples)| examples.iter().map(move |example| (route, example.name.as_str())))
    }

    /// The route of a path; without one the only one.
    pub fn route(&self, path: Option<&str>) -> Option<usize> {
        let routes = &self.manifest.routes;
        match path {
            None => (routes.len() == 1).then_some(0),
            Some(path) => {
                routes.iter().position(|route| route.path.trim_end_matches('/') == path.trim_end_matches('/'))
            }
        }
    }

    /// Begins to judge, one record after the other, as a gateway without load does.
    ///
    /// # Errors
    /// No instance can be made.
    pub fn bench(&self) -> Result<Bench<'_>, Refusal> {
        let instance = self.blueprint.instantiate().map_err(|error| Refusal(error.into_detail()))?;
        Ok(Bench { piece: self, instance })
    }
}

/// An instance at work.
pub struct Bench<'p> {
    piece: &'p Piece,
    instance: Instance,
}

impl Bench<'_> {
    /// Judges one record. After a fault the next one has a new instance.
    ///
    /// # Errors
    /// No instance can be made.
    pub fn judge(&mut self, route: usize, facts: &Facts, record: &Record) -> Result<Tried, Refusal> {
        let records = std::slice::from_ref(record);
        let begin = thread_cpu_time();
        let answered = self.piece.call(&mut self.instance, Call { route, facts, records });
        let time = thread_cpu_time().saturating_sub(begin);
        let (fuel, memory_bytes) = (self.instance.fuel(), self.instance.memory_bytes());
        let judgement = match answered {
            Ok(Answer { findings, table }) => Judgement { findings, measurements: vec![table] },
            Err(error) => {
                self.instance =
                    self.piece.blueprint.instantiate().map_err(|error| Refusal(error.into_detail()))?;
                Judgement { findings: vec![prove::faulted(error)], measurements: vec![] }
            }
        };
        Ok(Tried { judgement, time, fuel, memory_bytes })
    }
}

impl Piece {
    /// With the time of a call whatever it holds, as code that runs for the first time is slow.
    fn call(&self, instance: &mut Instance, call: Call<'_>) -> Result<Answer, CallError> {
        let mut answer = instance.judge(self.limits.call_time, call)?;
        let expected = Expected {
            manifest: &self.manifest,
            route: call.route,
            records: call.records.len(),
            limits: &self.limits.answer,
        };
        check::answer(&mut answer, &expected).map_err(CallError::Fault)?;
        Ok(answer)
    }

    fn case(&self, route: usize, example: &Example) -> Case {
        Case { origin: "example".to_owned(), route, example: example.clone(), pointers: Vec::new() }
    }
}

#[cfg(test)]
mod tests;
