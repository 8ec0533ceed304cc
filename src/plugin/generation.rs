//! One loaded version of one plugin, and what is remembered of it while it serves.

use super::breaker::Breaker;
use super::judges::Queue;
use super::load::{Host, Loaded};
use super::output::Outputs;
use super::pool::Pool;
use super::{Limits, Manifest};
use crate::telemetry::{Metrics, PluginMeters};
use parking_lot::Mutex;
use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Instant, SystemTime};

/// One loaded version of one plugin. Dropped when the last request that it judges ends.
pub struct Generation {
    pub manifest: Manifest,
    /// SHA-256 of the file, lower-case hex.
    pub digest: String,
    /// Counts the loads of this plugin's name in this process, from 1.
    pub number: u64,
    /// The value of the header `sluicegate-plugin`: `name@version;sha256:<first 16 hex digits>`.
    pub stamp: String,
    pub meters: PluginMeters,
    pub(super) loaded_at: SystemTime,
    pub(super) limits: Limits,
    pub(super) pool: Arc<Pool>,
    pub(super) breaker: Breaker,
    pub(super) counts: Counts,
    pub(super) judges: Arc<Queue>,
    pub(super) outputs: Arc<Outputs>,
    pub(super) metrics: Metrics,
    /// Its name, as the judges' threads share themselves out by it.
    pub(super) label: Arc<str>,
    /// Making an instance takes longer than a slice: never on an HTTP thread.
    pub(super) starts_slowly: bool,
    pub(super) hasher: RandomState,
    pub(super) born: Instant,
}

#[derive(Default)]
pub(super) struct Counts {
    pub judged: AtomicU64,
    pub faults: AtomicU64,
    pub last_fault: Mutex<Option<String>>,
    /// Measurements that pointed to nothing, had no number, or were too many.
    pub measurements_dropped: AtomicU64,
    /// In milliseconds since the generation was born; 0: it never was slow.
    pub slow_until_ms: AtomicU64,
}

impl Generation {
    pub(super) fn new(loaded: Loaded, number: u64, meters: PluginMeters, host: &Host) -> Generation {
        let Loaded { manifest, limits, digest, pool, start_time } = loaded;
        let stamp = format!("{}@{};sha256:{}", manifest.name, manifest.version, &digest[..16]);
        Generation {
            label: manifest.name.as_str().into(),
            manifest,
            digest,
            number,
            stamp,
            meters,
            loaded_at: SystemTime::now(),
            breaker: Breaker::new(&limits),
            counts: Counts::default(),
            judges: host.judges.clone(),
            outputs: host.outputs.clone(),
            metrics: host.metrics.clone(),
            starts_slowly: start_time > limits.slice_time,
            limits,
            pool,
            hasher: RandomState::new(),
            born: Instant::now(),
        }
    }

    /// What the parts of all split records of one request may have together.
    pub fn split_bytes_max(&self) -> usize {
        self.limits.split_bytes_max
    }
}
