//! The plugins: everything that knows wasmtime.

mod adapter;
mod allowance;
mod bindings;
mod breaker;
mod check;
mod component;
mod directory;
mod draft;
mod engine;
mod generation;
mod guest;
mod judge;
mod judges;
mod keeper;
mod kept;
mod limit;
mod load;
mod log;
mod manifest;
mod memory;
mod notice;
mod output;
mod pool;
mod registry;
mod snapshot;
mod status;
mod told;
mod watch;
mod workshop;

pub use generation::Generation;
pub use limit::{AnswerLimits, Limits, LogLimits};
pub use output::Held;
pub use snapshot::{Match, RouteError, Snapshot};
pub use told::{Measured, Part, Published, Shown, Told, told};
pub use workshop::{
    Case, CaseFile, CaseReport, Facets, Piece, Refusal, Trials, Tried, Workshop, WorkshopOptions,
    componentize,
};

use crate::record::Input;
use crate::telemetry::{Metrics, PluginGauge};
use crate::verdict::Instrument;
use arc_swap::ArcSwap;
use judges::Judges;
use keeper::{Command, Keeper};
use kept::Kept;
use load::Host;
use parking_lot::Mutex;
use registry::Registry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};
use tokio::sync::oneshot;

/// Where plugins are found and what they may use.
#[derive(Debug, Clone)]
pub struct Config {
    /// Top-level `*.wasm` files of it are plugins.
    pub directory: PathBuf,
    /// Whether a person named the directory: then it has to be there at the start.
    pub directory_named: bool,
    /// Where the last good version of each file is kept over a restart (`DATA/plugins`).
    pub state_directory: PathBuf,
    /// How long a file must be missing before its plugin is removed.
    pub removal_grace: Duration,
    /// How long a file has to stay the same before it is read: a writer that takes longer breaks between two writes
    /// is refused as truncated, and read again when it goes on.
    pub settle_time: Duration,
    /// The longest time between two looks at the directory, whatever the watcher says.
    pub poll_interval: Duration,
    /// Plugins without which the gateway is not ready.
    pub required: Vec<String>,
    /// Threads for judging what takes longer than an HTTP thread may.
    pub judge_threads: usize,
    /// Calls waiting for such a thread, over all plugins; more and records fail.
    pub judge_queue_max: usize,
    /// How long a call may wait for one; its records fail then.
    pub judge_wait_max: Duration,
    /// Linear memory of all instances of all plugins together.
    pub memory_budget_bytes: u64,
    /// What all requests hold together of what plugins returned.
    pub output_budget_bytes: usize,
    /// A larger plugin file is refused.
    pub file_bytes_max: u64,
    /// What holds for plugins without a section of their own.
    pub limits: Limits,
    /// `[plugin.<name>]`.
    pub plugins: BTreeMap<String, PluginConfig>,
}

/// What an operator said about one plugin.
#[derive(Debug, Clone, Default)]
pub struct PluginConfig {
    pub limits: Limits,
    pub settings: BTreeMap<String, String>,
    /// The plugin's name of a topic to the real one.
    pub topics: BTreeMap<String, String>,
    /// What holds for each of its routes, by path without a slash at the end.
    pub routes: BTreeMap<String, RoutePolicy>,
}

impl PluginConfig {
    /// What holds for the route of this path, with or without a slash at the end.
    pub(in crate::plugin) fn policy(&self, path: &str) -> RoutePolicy {
        self.routes.get(path.trim_end_matches('/')).copied().unwrap_or_default()
    }
}

/// What an operator said about one route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoutePolicy {
    pub on_invalid: OnInvalid,
    pub on_outage: OnOutage,
    /// Whether its rejected records are kept for the operator. None: as it is said for all routes.
    pub rejected_dead_letters: Option<bool>,
}

/// What becomes of a batch with a rejected record in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnInvalid {
    /// The others are taken.
    #[default]
    Partial,
    /// Nothing of it is produced.
    Atomic,
}

/// What becomes of records that the sink cannot take at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnOutage {
    /// They are stored here, to be sent later.
    #[default]
    Spool,
    /// They fail: no later record can then come before an earlier one, on this or another gateway.
    Reject,
}

/// The plugins of a gateway: what is live, and what watches the directory.
#[derive(Clone)]
pub struct Plugins {
    inner: Arc<Inner>,
}

struct Inner {
    live: Arc<ArcSwap<Snapshot>>,
    registry: Arc<Mutex<Registry>>,
    commands: SyncSender<Command>,
    stopping: Arc<AtomicBool>,
    threads: Mutex<Option<Threads>>,
}

/// What runs beside the requests.
struct Threads {
    keeper: JoinHandle<()>,
    judges: Judges,
}

/// Hints are told once however often they come; a reload waits for its place.
const COMMANDS_MAX: usize = 16;

/// Why the gateway cannot start with this plugin directory.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("plugin directory {} cannot be read: {reason}; create it, or name another by --plugins or plugins.directory", .directory.display())]
    Directory { directory: PathBuf, reason: std::io::Error },
    #[error("the WebAssembly engine cannot start on this machine: {reason}")]
    Engine { reason: String },
}

/// Why a reload told nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the plugin directory was not looked at: what follows it has ended, and what was loaded keeps serving; restart the \
     gateway to have it followed again"
)]
pub struct ReloadError;

impl Plugins {
    /// Loads what is in the directory, then watches it until `stop`.
    ///
    /// A plugin that is refused does not stop the start: it is reported in `status`. Blocks while plugins are loaded.
    pub fn start(config: Config, metrics: Metrics) -> Result<Plugins, StartError> {
        check_directory(&config)?;
        let judges = Judges::start(config.judge_threads, config.judge_queue_max, config.judge_wait_max);
        let host = Host::new(config, metrics, judges.queue.clone())
            .map_err(|error| StartError::Engine { reason: format!("{error:#}") })?;
        let stopping = host.stopping.clone();
        let host = Arc::new(host);
        let live = Arc::new(ArcSwap::from_pointee(Snapshot::default()));
        let registry = Arc::new(Mutex::new(Registry::new(host.clone(), live.clone())));
        let (commands, received) = sync_channel(COMMANDS_MAX);
        let keeper = Keeper::new(host, registry.clone(), received, commands.clone());
        let (started, start) = sync_channel(1);
        let keeper = std::thread::Builder::new()
            .name("plugin-keeper".into())
            .spawn(move || keeper.run(started))
            .expect("the operating system gives a thread");
        // An error means that the keeper panicked: then there is nothing to wait for, and the log says why.
        let _ = start.recv();
        let threads = Mutex::new(Some(Threads { keeper, judges }));
        let plugins = Plugins { inner: Arc::new(Inner { live, registry, commands, stopping, threads }) };
        notice::tell(&plugins.status());
        Ok(plugins)
    }

    /// What is live now. A request is judged by one snapshot from start to end.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.inner.live.load_full()
    }

    /// The topics that what is live now may write to.
    pub fn topics(&self) -> Vec<Arc<str>> {
        let snapshot = self.snapshot();
        let routes = snapshot.generations.iter().flat_map(|generation| &generation.manifest.routes);
        let topics: BTreeSet<Arc<str>> = routes.flat_map(|route| route.topics.iter().cloned()).collect();
        topics.into_iter().collect()
    }

    /// Where the dead letters of all routes lie.
    pub fn dead_letter_topics(&self) -> Vec<Arc<str>> {
        let snapshot = self.snapshot();
        let routes = snapshot.generations.iter().flat_map(|generation| &generation.manifest.routes);
        let kept: BTreeSet<Arc<str>> = routes.map(|route| route.dead_letters.clone()).collect();
        kept.into_iter().collect()
    }

    /// Looks at the directory now, and again at what was refused before.
    ///
    /// # Errors
    /// After `stop`, and if what follows the directory died of a mistake of the gateway's own.
    pub async fn reload(&self, empty: EmptyDirectory) -> Result<Status, ReloadError> {
        let (done, reloaded) = oneshot::channel();
        let commands = self.inner.commands.clone();
        // The channel may be full of hints while the keeper loads a plugin: not a wait for this thread.
        // A command that is not taken has to go at once: it holds the other end of what is waited for.
        let send = move || drop(commands.send(Command::Reload { empty, done }));
        let sent = tokio::task::spawn_blocking(send).await;
        match (sent, reloaded.await) {
            (Ok(()), Ok(status)) => Ok(status),
            _ => {
                tracing::error!("plugin directory not looked at: what follows it has ended");
                Err(ReloadError)
            }
        }
    }

    /// Ends the watching of the directory and the threads that judge; what is live stays, and judges what it can
    /// without them. Once is enough.
    ///
    /// Blocks until the call or the compilation that each thread is at has ended: never on a thread of the runtime.
    /// So does dropping the last handle of plugins that were not stopped.
    pub fn stop(&self) {
        self.inner.stop();
    }

    pub fn status(&self) -> Status {
        self.inner.registry.lock().status()
    }

    /// Looks at what the instances of each plugin take, as long as the plugins are there.
    pub fn gauge(&self) -> Box<dyn Fn() -> Vec<PluginGauge> + Send + Sync> {
        let inner = Arc::downgrade(&self.inner);
        let look = |generation: &Arc<Generation>| PluginGauge {
            plugin: generation.manifest.name.clone(),
            instances: generation.pool.alive() as u64,
            memory_bytes: generation.pool.memory_bytes(),
        };
        Box::new(move || {
            let snapshot = inner.upgrade().map(|inner| inner.live.load_full());
            snapshot.iter().flat_map(|snapshot| snapshot.generations.iter().map(look)).collect()
        })
    }
}

impl Inner {
    fn stop(&self) {
        let Some(Threads { keeper, judges }) = self.threads.lock().take() else { return };
        self.stopping.store(true, Ordering::Relaxed);
        // Wakes it; a full channel does as well, and one that is closed has nobody to wake.
        let _ = self.commands.try_send(Command::Stop);
        let _ = keeper.join();
        // Last: what the keeper still judged, it could judge.
        drop(judges);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A directory that a person named has to be there; the default one may come later.
fn check_directory(config: &Config) -> Result<(), StartError> {
    let directory = &config.directory;
    match std::fs::read_dir(directory) {
        Err(reason) if config.directory_named && is_no_directory(&reason) => {
            Err(StartError::Directory { directory: directory.clone(), reason })
        }
        // One that is there but cannot be read is an outage: what was kept serves meanwhile.
        Err(reason)
            if config.directory_named && Kept::of(&config.state_directory, directory).files().is_empty() =>
        {
            Err(StartError::Directory { directory: directory.clone(), reason })
        }
        _ => Ok(()),
    }
}

fn is_no_directory(reason: &std::io::Error) -> bool {
    matches!(reason.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

/// Whether a directory without plugins is taken at its word by a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyDirectory {
    Keep,
    Accept,
}

/// What a plugin says of itself, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    pub name: String,
    pub version: String,
    pub description: String,
    pub routes: Vec<Route>,
    pub instruments: Vec<Instrument>,
    /// The request headers it is shown, lower-case.
    pub request_headers: Vec<String>,
}

/// One record type and the path that takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// As declared, e.g. `/ingest-insurance-claim/`: the label `endpoint`, never the raw path.
    pub path: String,
    pub input: Input,
    pub title: String,
    /// None: the record's own id is not given back.
    pub id_field: Option<String>,
    /// The real names, after the operator's mapping. At least one.
    pub topics: Vec<Arc<str>>,
    /// Where records go that the plugin faulted on: `<first topic>.dead-letter`.
    pub dead_letters: Arc<str>,
    pub policy: RoutePolicy,
    pub summary: String,
    pub schema: String,
    pub examples: Vec<RouteExample>,
}

/// For the API documentation.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteExample {
    pub name: String,
    pub body: bytes::Bytes,
}

/// What the records of one request have in common, as a plugin sees it.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Milliseconds since 1970, UTC.
    pub received_at_ms: u64,
    pub parameters: Vec<(String, String)>,
    /// Only those of `manifest.request_headers`.
    pub headers: Vec<(String, String)>,
    pub caller: Option<String>,
}

/// What the admin port tells about the plugins.
#[derive(Debug, Clone, Default)]
pub struct Status {
    pub directory: PathBuf,
    /// Why the directory is not believed at present, if so.
    pub alarm: Option<String>,
    /// The file that is being compiled and tried, and since when: what came after it waits its turn.
    pub loading: Option<(String, SystemTime)>,
    pub plugins: Vec<PluginStatus>,
    /// Files that serve nothing, and why.
    pub refused: Vec<RefusedFile>,
    /// Of `required`, those that cannot serve.
    pub missing: Vec<String>,
    /// Sentences about what is configured for plugins that are not there.
    pub notices: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct PluginStatus {
    pub name: String,
    pub version: String,
    pub digest: String,
    pub file: String,
    pub generation: u64,
    pub loaded_at: SystemTime,
    pub state: PluginState,
    pub routes: Vec<RouteStatus>,
    pub instances: usize,
    pub records_judged: u64,
    pub faults: u64,
    pub last_fault: Option<String>,
    /// Measurements that pointed to nothing, had no number, or were too many.
    pub measurements_dropped: u64,
    /// A newer file of this plugin that was refused, and why.
    pub refused: Option<RefusedFile>,
}

#[derive(Debug, Clone)]
pub struct RouteStatus {
    pub path: String,
    pub title: String,
    pub topics: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginState {
    Serving,
    /// From the kept last good copy: the file in the directory is refused.
    ServingLastGood,
    /// Its breaker is open: its records fail for a while.
    BreakerOpen,
    /// Its file is gone; it is removed when the grace ends.
    Leaving,
}

#[derive(Debug, Clone)]
pub struct RefusedFile {
    pub file: String,
    pub digest: Option<String>,
    pub reason: String,
    pub since: SystemTime,
}

#[cfg(test)]
mod tests;
