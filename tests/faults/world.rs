//! The broker, what stands before it, and the gateways one after the other.

use crate::broker::Broker;
use crate::load::{Account, Load};
use crate::process::{Gateway, Launch, PATIENCE, repository};
use crate::proxy::{Fault, Proxy};
use crate::state::{Mode, State};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const CLIENTS: usize = 6;
/// Between an answer and the next request: about 2,500 records a second, so that a topic is read in a second.
const PACE: Duration = Duration::from_millis(12);

/// How the broker is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// Connections end and no new one is made.
    Refused,
    /// Connections stay, and nothing passes.
    Silent,
    /// The broker is killed, and started when it has to be back.
    Killed,
    /// The broker stands still, for at least so long.
    Stopped(Duration),
}

#[derive(Default)]
pub struct Counts {
    pub killed: BTreeMap<State, usize>,
    /// By state and exit code.
    pub stopped: BTreeMap<String, usize>,
    /// Of the broker and of the connections.
    pub faults: BTreeMap<String, usize>,
    pub acked: usize,
    pub delivered: usize,
    pub duplicates: usize,
    /// Lives of a gateway whose counters were compared with the account.
    pub equal_lives: usize,
    pub slowest_recovery: Duration,
}

impl Counts {
    pub fn kills(&self) -> usize {
        self.killed.values().sum()
    }

    pub fn fault(&mut self, name: &str) {
        *self.faults.entry(name.to_owned()).or_default() += 1;
    }
}

pub struct World {
    pub random: fastrand::Rng,
    pub proxy: Proxy,
    pub broker: Broker,
    pub outage: Option<(Outage, Instant)>,
    pub account: Arc<Mutex<Account>>,
    pub counts: Counts,
    directory: TempDir,
    plugins: TempDir,
}

/// A gateway and its clients.
pub struct Life {
    pub gateway: Gateway,
    pub load: Load,
    /// What all the gateways before it had told.
    pub before: BTreeMap<String, u64>,
}

impl World {
    pub fn begin(random: fastrand::Rng) -> World {
        let proxy = Proxy::start();
        let broker = Broker::behind(Some(&proxy));
        // One plugin: half of what a gateway does at its start is to compile the other.
        let plugins = tempfile::tempdir().unwrap();
        let name = "financial-transaction.wasm";
        std::fs::copy(repository("plugins").join(name), plugins.path().join(name)).unwrap();
        World {
            random,
            proxy,
            broker,
            outage: None,
            account: Arc::default(),
            counts: Counts::default(),
            directory: tempfile::tempdir().unwrap(),
            plugins,
        }
    }

    /// Nothing is left of the round before.
    pub fn renew(&mut self) {
        self.directory = tempfile::tempdir().unwrap();
        self.account = Arc::default();
    }

    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub fn pause(&mut self, milliseconds: u64) {
        let time = Duration::from_micros(self.random.u64(..milliseconds * 1_000));
        std::thread::park_timeout(time);
    }

    /// A gateway with small segments and a timeout that is soon over, under load.
    pub fn live(&self) -> Life {
        let data = self.data();
        std::fs::create_dir_all(&data).unwrap();
        let config = self.directory.path().join("faults.toml");
        std::fs::write(
            &config,
            "[http]\nbody_bytes_max = \"64KiB\"\ndecompressed_bytes_max = \"64KiB\"\nrecord_bytes_max = \"16KiB\"\n\
             [plugins.limits]\noutput_bytes_max = \"64KiB\"\n\
             [kafka]\nproduce_timeout_ms = 100\n[spool]\nsegment_bytes = \"192KiB\"\ncommit_bytes_max = \"128KiB\"\n",
        )
        .unwrap();
        let mut launch = Launch::bare().config(&config);
        launch.command.arg("--data").arg(&data).arg("--plugins").arg(self.plugins.path());
        launch.command.args(["--kafka", &self.broker.gateway_address.to_string()]);
        let before = self.account.lock().unwrap().outcomes.clone();
        let gateway = launch.start();
        let load = self.load(&gateway);
        Life { gateway, load, before }
    }

    pub fn load(&self, gateway: &Gateway) -> Load {
        Load::paced(gateway.data_address, CLIENTS, PACE, &self.account)
    }

    /// The broker is lost, if it is not already.
    pub fn lose(&mut self, by: Outage) {
        if self.outage.is_some() {
            return;
        }
        match by {
            Outage::Refused => {
                self.proxy.set(Fault::Refuse);
                self.proxy.cut();
                self.counts.fault("connections refused");
            }
            Outage::Silent => {
                self.proxy.set(Fault::Blackhole);
                self.counts.fault("connections silent");
            }
            Outage::Killed => {
                self.broker.kill();
                self.counts.fault("broker killed");
            }
            Outage::Stopped(_) => {
                self.broker.signal("-STOP");
                self.counts.fault("broker stopped");
            }
        }
        self.outage = Some((by, Instant::now()));
    }

    /// The broker is back, if it was away.
    pub fn find(&mut self) {
        self.find_at(Fault::None);
    }

    /// The same, over connections that are not yet as they should be.
    pub fn find_at(&mut self, left: Fault) {
        match self.outage.take() {
            None | Some((Outage::Refused | Outage::Silent, _)) => {}
            Some((Outage::Killed, _)) => self.broker.run(),
            Some((Outage::Stopped(time), since)) => {
                std::thread::park_timeout(time.saturating_sub(since.elapsed()));
                self.broker.signal("-CONT");
            }
        }
        self.proxy.set(left);
    }

    /// Waits until the gateway is in one of these modes.
    pub fn until(&self, life: &Life, what: &str, holds: impl Fn(Mode, &Account) -> bool) {
        let start = Instant::now();
        while !holds(life.mode(), &self.account.lock().unwrap()) {
            assert!(
                start.elapsed() < PATIENCE,
                "the gateway does not come to {what}: {:?} while the broker is {:?}",
                life.mode(),
                self.outage
            );
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }
}

impl Life {
    pub fn mode(&self) -> Mode {
        Mode::told_by(&self.gateway.log.lock().unwrap())
    }
}
