//! The room as a whole, over real files and real WebAssembly.

mod adapter;
mod ending;
mod exchange;
mod forge;
mod judging;
mod life;
mod loading;
mod notice;
mod output;

use super::*;
use crate::record::{Batch, Body, Record, RecordIds, Shape};
use crate::telemetry;
use crate::verdict::Judgement;
use bytestring::ByteString;
use std::path::Path;
use tempfile::TempDir;

/// A gateway's plugins in a directory of their own.
struct Bench {
    root: TempDir,
    config: Config,
    plugins: Option<Plugins>,
}

pub(super) fn fixture(name: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sample = root.join("plugins").join(name);
    let path = if sample.exists() { sample } else { root.join("tests/fixtures").join(name) };
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn metrics() -> Metrics {
    Metrics::new(&telemetry::Config::default())
}

impl Bench {
    fn new() -> Bench {
        let root = TempDir::new().unwrap();
        let config = Config {
            directory: root.path().join("plugins"),
            directory_named: true,
            state_directory: root.path().join("state"),
            removal_grace: Duration::from_millis(200),
            settle_time: Duration::from_millis(100),
            poll_interval: Duration::from_millis(200),
            required: vec![],
            judge_threads: 2,
            judge_queue_max: 64,
            judge_wait_max: Duration::from_secs(5),
            memory_budget_bytes: 1 << 30,
            output_budget_bytes: 256 << 20,
            file_bytes_max: 64 << 20,
            limits: Limits::default(),
            plugins: BTreeMap::new(),
        };
        std::fs::create_dir(&config.directory).unwrap();
        Bench { root, config, plugins: None }
    }

    /// A bench with these fixtures in its directory, under these names, started.
    fn with(files: &[(&str, &str)]) -> Bench {
        let mut bench = Bench::new();
        for (file, name) in files {
            bench.put(file, &fixture(name));
        }
        bench.start();
        bench
    }

    fn file(&self, name: &str) -> PathBuf {
        self.config.directory.join(name)
    }

    fn put(&self, file: &str, bytes: &[u8]) {
        std::fs::write(self.file(file), bytes).unwrap();
    }

    fn start(&mut self) -> &Plugins {
        self.plugins = None;
        self.plugins.insert(Plugins::start(self.config.clone(), metrics()).unwrap())
    }

    fn plugins(&self) -> &Plugins {
        self.plugins.as_ref().unwrap()
    }

    fn status(&self) -> Status {
        self.plugins().status()
    }

    /// Waits until the status is as wanted, and panics with the last one if it never is.
    fn until(&self, what: &str, wanted: impl Fn(&Status) -> bool) -> Status {
        let end = std::time::Instant::now() + Duration::from_secs(30);
        loop {
            let status = self.status();
            if wanted(&status) {
                return status;
            }
            assert!(std::time::Instant::now() < end, "never {what}: {status:#?}");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    async fn judge(&self, path: &str, bodies: &[&str]) -> Judgement {
        self.judge_held(path, bodies).await.0
    }

    async fn judge_held(&self, path: &str, bodies: &[&str]) -> (Judgement, Held) {
        let found = self.plugins().snapshot().route(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let facts =
            Facts { received_at_ms: 1_700_000_000_000, parameters: found.parameters, ..Facts::default() };
        found.generation.judge(found.route, facts, batch(bodies)).await
    }
}

fn batch(bodies: &[&str]) -> Arc<Batch> {
    let mut ids = RecordIds::minted_at(1);
    let records =
        bodies.iter().map(|body| Record::new(ids.mint(), Body::Text(ByteString::from(*body)))).collect();
    Arc::new(Batch { shape: Shape::Batch, records })
}
