//! Builds every room from the configuration in dependency order, binds, runs and drains.

use crate::config::Config;
use crate::http::{self, Admin, Fittings, Gateway, Memory, Violations};
pub use crate::http::{asyncapi, openapi};
use crate::pipeline::Pipeline;
use crate::plugin::{self, EmptyDirectory, Plugins};
use crate::shutdown::{self, Lifecycle, Phase, Shutdown, Signals};
use crate::sink::{self, DeadLetterPlace, Sink};
use crate::telemetry::{Export, ExportError, Metrics};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A gateway that is running.
pub struct App {
    pub data_address: SocketAddr,
    pub admin_address: SocketAddr,
    pub plugins: Plugins,
    records: Records,
    sink: Sink,
    memory: Memory,
    export: Export,
    shutdown: Arc<Shutdown>,
    lifecycle: Lifecycle,
    timing: shutdown::Config,
    data: JoinHandle<()>,
    admin: JoinHandle<()>,
}

/// Why a gateway does not start. Nothing is left running or locked.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0}")]
    Sink(#[from] sink::StartError),
    #[error(
        "SIGTERM and SIGINT cannot be listened to ({0}), so that it could not be stopped well; look at the limits of this process"
    )]
    Signals(std::io::Error),
    #[error("{0}")]
    Plugins(#[from] plugin::StartError),
    #[error("telemetry: {0}")]
    Telemetry(#[from] ExportError),
    #[error(
        "the {port} port {address} cannot be listened on: {reason}; {}, or choose another by {setting}",
        unbound(reason)
    )]
    Bind { port: &'static str, address: SocketAddr, reason: std::io::Error, setting: &'static str },
}

/// What helps against the reason why a port is not had.
fn unbound(reason: &std::io::Error) -> &'static str {
    match reason.kind() {
        std::io::ErrorKind::AddrInUse => "stop what uses it",
        std::io::ErrorKind::AddrNotAvailable => "name an address that this machine has",
        std::io::ErrorKind::PermissionDenied => "give this user the right to ports below 1024",
        _ => "look at the limits of this process",
    }
}

/// What people want to know of a gateway that has started.
#[derive(Debug, Clone)]
pub struct BannerFacts {
    /// As bound: port 0 has become a real one.
    pub data: SocketAddr,
    pub admin: SocketAddr,
    pub plugins: plugin::Status,
    /// It need not be there, but nothing is served without it.
    pub is_plugin_directory_missing: bool,
    pub records: Records,
}

/// Where accepted records go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Records {
    /// The local log below this directory.
    Local(PathBuf),
    /// The brokers that were given.
    Kafka(String),
}

impl App {
    /// Ready to serve when it returns: plugins loaded, ports bound.
    pub async fn start(config: Config) -> Result<App, StartError> {
        let export = Export::start(&config.telemetry)?;
        App::start_with(config, export).await
    }

    /// As `start`, with what sends telemetry already at work.
    pub async fn start_with(config: Config, export: Export) -> Result<App, StartError> {
        let metrics = Metrics::new(&config.telemetry);
        let data_listener = bind("data", config.http.listen, "--listen or http.listen").await?;
        let admin_listener = bind("admin", config.admin.listen, "--admin or admin.listen").await?;
        let sink = off_the_runtime({
            let config = config.sink.clone();
            move || Sink::open(config)
        })
        .await?;
        let plugins = off_the_runtime({
            let (config, metrics) = (config.plugins.clone(), metrics.clone());
            move || Plugins::start(config, metrics)
        })
        .await?;
        let memory = off_the_runtime({
            let config = config.idempotency.clone();
            move || Memory::open(config)
        })
        .await;
        observe(&metrics, &sink, &plugins, &memory);
        export.push(&metrics)?;
        let (live, place) = (plugins.clone(), config.sink.dead_letters.to);
        sink.look_after(Box::new(move || topics_in_kafka(&live, place)));
        let rooms = Rooms { metrics, sink, plugins, memory, export };
        Ok(App::serve(config, rooms, [data_listener, admin_listener]))
    }

    fn serve(
        config: Config,
        Rooms { metrics, sink, plugins, memory, export }: Rooms,
        [data_listener, admin_listener]: [(TcpListener, SocketAddr); 2],
    ) -> App {
        let records = match &config.sink.kafka {
            Some(kafka) => Records::Kafka(kafka.brokers.clone()),
            None => Records::Local(config.sink.directory.clone()),
        };
        let (shutdown, lifecycle) = Shutdown::new();
        let pipeline = Pipeline { sink: sink.clone(), metrics: metrics.clone() };
        let traces = export.traces();
        let violations = Violations::new(config.admin.violations);
        let fittings = Fittings { metrics, traces, memory: memory.clone(), violations };
        let gateway = Arc::new(Gateway::new(config.http, plugins.clone(), pipeline, fittings));
        gateway.observe();
        let admin = Arc::new(Admin::new(&config.admin, gateway.clone()));
        App {
            data_address: data_listener.1,
            admin_address: admin_listener.1,
            plugins,
            records,
            sink,
            memory,
            export,
            timing: config.shutdown,
            data: tokio::spawn(http::serve_data(data_listener.0, gateway, lifecycle.clone())),
            admin: tokio::spawn(http::serve_admin(admin_listener.0, admin, lifecycle.clone())),
            lifecycle,
            shutdown: Arc::new(shutdown),
        }
    }

    pub fn banner_facts(&self) -> BannerFacts {
        let plugins = self.plugins.status();
        BannerFacts {
            data: self.data_address,
            admin: self.admin_address,
            is_plugin_directory_missing: !plugins.directory.is_dir(),
            plugins,
            records: self.records.clone(),
        }
    }

    /// Ends when a signal, or `stop`, has brought the gateway down in an orderly way.
    ///
    /// The first SIGTERM or SIGINT begins the drain; the second skips what waiting is left, never the sync.
    /// Gives the number of records that are left in the spool.
    pub async fn run(self, signals: Signals) -> u64 {
        let plugins = self.plugins.clone();
        let reload = move || {
            let plugins = plugins.clone();
            tokio::spawn(async move { plugins.reload(EmptyDirectory::Keep).await });
        };
        let drive =
            tokio::spawn(shutdown::on_signals(signals, self.shutdown.clone(), self.timing.clone(), reload));
        self.lifecycle.reached(Phase::Draining).await;
        let left = self.drain().await;
        drive.abort();
        left
    }

    /// Drains now, as after a signal without a lame duck.
    pub async fn stop(self) {
        self.shutdown.advance(Phase::Draining);
        let (shutdown, timeout) = (self.shutdown.clone(), self.timing.drain_timeout);
        let limit = tokio::spawn(async move {
            tokio::time::sleep(timeout).await;
            shutdown.advance(Phase::Stopped);
        });
        self.drain().await;
        limit.abort();
    }

    /// Answers what is in flight, then writes and syncs what waits.
    async fn drain(self) -> u64 {
        let _ = self.data.await;
        self.shutdown.advance(Phase::Stopped);
        let _ = self.admin.await;
        let (plugins, sink, memory, export, timeout) =
            (self.plugins, self.sink, self.memory, self.export, self.timing.drain_timeout);
        off_the_runtime(move || {
            plugins.stop();
            // While the data directory is still ours.
            memory.save();
            let left = sink.close(timeout);
            if left > 0 {
                tracing::warn!(
                    records = left,
                    "stopped: records wait in the spool, the next start sends them"
                );
            } else {
                tracing::info!("stopped: everything acknowledged is with the sink");
            }
            // Last, so that it tells of that too.
            export.stop();
            left
        })
        .await
    }
}

/// The topics that Kafka has to have: those that plugins may write to, and where their dead letters go there, theirs.
pub fn topics_in_kafka(plugins: &Plugins, dead_letters: DeadLetterPlace) -> Vec<Arc<str>> {
    let mut topics = plugins.topics();
    match dead_letters {
        DeadLetterPlace::Local => {}
        DeadLetterPlace::Kafka => topics.extend(plugins.dead_letter_topics()),
    }
    topics
}

async fn bind(
    port: &'static str,
    address: SocketAddr,
    setting: &'static str,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let listen = async {
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    listen.await.map_err(|reason| StartError::Bind { port, address, reason, setting })
}

/// Runs what blocks on a thread that may.
async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// What is there when the ports are served.
struct Rooms {
    metrics: Metrics,
    sink: Sink,
    plugins: Plugins,
    memory: Memory,
    export: Export,
}

fn observe(metrics: &Metrics, sink: &Sink, plugins: &Plugins, memory: &Memory) {
    metrics.observe_plugins(plugins.gauge());
    let (sink, memory) = (sink.clone(), memory.clone());
    metrics.observe_sink(Box::new(move || sink.gauges()));
    metrics.observe_keys(Box::new(move || memory.gauge()));
}
