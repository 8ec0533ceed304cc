//! From a file's bytes to a plugin that can go live.

pub(super) mod example;

use super::bindings::{self, Program};
use super::component::{self, ComponentError};
use super::draft::Draft;
use super::engine::Engine;
use super::guest::Blueprint;
use super::judges::Queue;
use super::log::Gate;
use super::manifest::{self, Checked, Problems};
use super::memory::Budget;
use super::output::Outputs;
use super::pool::{Pool, Pools};
use super::{Config, Limits, Manifest, PluginConfig};
use crate::telemetry::Metrics;
use example::Mismatches;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use wasmtime::component::{Component, Linker};

/// What all plugins share.
pub(super) struct Host {
    pub config: Config,
    pub metrics: Metrics,
    pub judges: Arc<Queue>,
    pub pools: Arc<Pools>,
    pub outputs: Arc<Outputs>,
    /// The gateway is going away: nothing more is loaded.
    pub stopping: Arc<AtomicBool>,
    engine: Arc<Engine>,
    linker: Linker<super::guest::Guest>,
    budget: Arc<Budget>,
}

/// A plugin that proved itself and is ready to serve.
pub(super) struct Loaded {
    pub manifest: Manifest,
    pub limits: Limits,
    pub digest: String,
    pub pool: Arc<Pool>,
    /// What making an instance takes.
    pub start_time: Duration,
}

/// A plugin that has said what it is, and has not proved it.
pub(super) struct Prepared {
    pub checked: Checked,
    pub operator: PluginConfig,
    pub blueprint: Blueprint,
}

/// Why a file cannot serve.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Component(#[from] ComponentError),
    #[error("it cannot be compiled: {0}")]
    Compile(String),
    #[error(
        "its imports or exports differ from the contract: {0}; build it against the wit/ of this gateway"
    )]
    Link(String),
    #[error("`describe` failed: {0}")]
    Describe(String),
    #[error("`describe` refused to serve: {0}")]
    Declined(String),
    #[error(
        "it is named '{first}' without settings and '{second}' with them; let no setting change the name"
    )]
    NameChanged { first: String, second: String },
    #[error("its manifest cannot be served: {0}")]
    Manifest(Problems),
    #[error("{0}")]
    Examples(Mismatches),
    #[error("no instance of it can be made: {0}")]
    Instantiate(String),
    #[error("the gateway is shutting down")]
    Stopping,
    #[error("loading it broke a part of the gateway, which went on without it: {0}")]
    Panicked(String),
}

impl Host {
    pub fn new(config: Config, metrics: Metrics, judges: Arc<Queue>) -> wasmtime::Result<Host> {
        Host::on(Engine::new()?, config, metrics, judges)
    }

    /// With an engine of one's own.
    pub fn on(
        engine: Engine,
        config: Config,
        metrics: Metrics,
        judges: Arc<Queue>,
    ) -> wasmtime::Result<Host> {
        let engine = Arc::new(engine);
        let linker = bindings::linker(&engine.wasmtime)?;
        let budget = Budget::new(config.memory_budget_bytes);
        let outputs = Outputs::new(config.output_budget_bytes);
        let (pools, stopping) = (Arc::default(), Arc::default());
        Ok(Host { config, metrics, judges, pools, outputs, stopping, engine, linker, budget })
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// A step of loading may take seconds: none is begun while the gateway goes away.
    fn go_on(&self) -> Result<(), LoadError> {
        if self.is_stopping() { Err(LoadError::Stopping) } else { Ok(()) }
    }

    /// Compiles a file, asks what it is, checks that, and lets it prove itself by its examples.
    ///
    /// `file`: its name in the directory. What panics in a library on the way refuses the file.
    pub fn load(&self, file: &str, bytes: &[u8], digest: &str) -> Result<Loaded, LoadError> {
        guarded(|| self.try_load(file, bytes, digest))
    }

    /// As `load`, up to the proof.
    pub fn prepare(&self, file: &str, bytes: &[u8]) -> Result<Prepared, LoadError> {
        guarded(|| self.try_prepare(file, bytes))
    }

    fn try_load(&self, file: &str, bytes: &[u8], digest: &str) -> Result<Loaded, LoadError> {
        let Prepared { checked, operator, blueprint } = self.try_prepare(file, bytes)?;
        let mismatches = example::prove(&blueprint, &checked, &operator, || self.go_on())?;
        if !mismatches.is_empty() {
            return Err(LoadError::Examples(mismatches));
        }
        let pool = Pool::new(blueprint, &operator.limits, &self.pools);
        let start_time = pool.warm().map_err(|error| LoadError::Instantiate(error.into_detail()))?;
        let Checked { manifest, .. } = checked;
        Ok(Loaded { manifest, limits: operator.limits, digest: digest.to_owned(), pool, start_time })
    }

    fn try_prepare(&self, file: &str, bytes: &[u8]) -> Result<Prepared, LoadError> {
        self.go_on()?;
        let component = component::of(bytes)?;
        let component = Component::new(&self.engine.wasmtime, &component)
            .map_err(|error| LoadError::Compile(format!("{error:#}")))?;
        let program =
            Program::link(&self.linker, &component).map_err(|error| LoadError::Link(format!("{error:#}")))?;
        self.go_on()?;
        let stem = file.strip_suffix(".wasm").unwrap_or(file);
        let draft = self.describe(&program, stem)?;
        let operator = self.operator(&draft.name);
        let checked = manifest::check(draft, &operator).map_err(LoadError::Manifest)?;
        let blueprint =
            self.blueprint(&program, &checked.manifest.name, &operator.limits, checked.settings.clone());
        Ok(Prepared { checked, operator, blueprint })
    }

    /// Asks the plugin what it is: first without settings, to learn its name; then, if there are any, with them.
    fn describe(&self, program: &Program, stem: &str) -> Result<Draft, LoadError> {
        match self.ask(program, stem, BTreeMap::new()) {
            Ok(first) => {
                let settings = manifest::settings(&first, &self.operator(&first.name));
                if settings.is_empty() {
                    return Ok(first);
                }
                let second = self.ask(program, &first.name, settings)?;
                if second.name == first.name {
                    Ok(second)
                } else {
                    Err(LoadError::NameChanged { first: first.name, second: second.name })
                }
            }
            // It may want settings before it says anything; then the file's name tells whose they are.
            Err(refusal) => match self.config.plugins.get(stem) {
                Some(operator) if !operator.settings.is_empty() => {
                    self.ask(program, stem, operator.settings.clone())
                }
                _ => Err(refusal),
            },
        }
    }

    fn ask(
        &self,
        program: &Program,
        name: &str,
        settings: BTreeMap<String, String>,
    ) -> Result<Draft, LoadError> {
        let limits = self.operator(name).limits;
        let blueprint = self.blueprint(program, name, &limits, settings);
        let mut instance =
            blueprint.instantiate().map_err(|error| LoadError::Instantiate(error.into_detail()))?;
        let described = instance
            .describe(limits.describe_time)
            .map_err(|error| LoadError::Describe(error.into_detail()))?;
        described.map_err(|text| LoadError::Declined(super::guest::shortened(text)))
    }

    fn operator(&self, plugin: &str) -> PluginConfig {
        let unnamed = || PluginConfig { limits: self.config.limits.clone(), ..PluginConfig::default() };
        self.config.plugins.get(plugin).cloned().unwrap_or_else(unnamed)
    }

    fn blueprint(
        &self,
        program: &Program,
        name: &str,
        limits: &Limits,
        settings: BTreeMap<String, String>,
    ) -> Blueprint {
        Blueprint {
            engine: self.engine.clone(),
            program: program.clone(),
            budget: self.budget.clone(),
            memory_used: Arc::default(),
            settings: Arc::new(settings),
            start_time: limits.start_time,
            calls_max: limits.instance_calls_max,
            memory_bytes_max: limits.memory_bytes_max,
            output_bytes_max: limits.output_bytes_max,
            log: limits.log,
            gate: Arc::new(Gate::new(name, limits.log.lines_per_second)),
        }
    }
}

/// A panic of a library costs the file, not the thread.
fn guarded<T>(work: impl FnOnce() -> Result<T, LoadError>) -> Result<T, LoadError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(LoadError::Panicked(panic_text(&*panic))))
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it did not say why".to_owned())
}
