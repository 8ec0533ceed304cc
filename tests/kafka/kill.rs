//! The gateway itself is killed, in every state that it can be in.

use crate::broker::Broker;
use crate::load::{Account, Load, TOPIC, number, seed};
use crate::outage::{launch_with, recovered, verdict};
use crate::process::Launch;
use crate::proxy::{Fault, Proxy};
use crate::topic;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const CLIENTS: usize = 6;

/// Small segments, so that many of the kills hit a roll, and a timeout that is soon over.
fn launch(data: &Path, broker: &Broker) -> Launch {
    let launch = launch_with(data, broker.gateway_address, Duration::from_millis(100));
    let config = data.join("../kafka.toml");
    std::fs::write(
        &config,
        "[http]\nbody_bytes_max = \"256KiB\"\ndecompressed_bytes_max = \"256KiB\"\nrecord_bytes_max = \"64KiB\"\n\
         [kafka]\nproduce_timeout_ms = 100\n[spool]\nsegment_bytes = \"8MiB\"\n",
    )
    .unwrap();
    launch
}

#[test]
fn sigkills_of_the_gateway_in_every_state_lose_no_acknowledged_record() {
    let kills = number("SLUICEGATE_KILLS").unwrap_or(60);
    let mut random = fastrand::Rng::with_seed(seed());
    let proxy = Proxy::start();
    let broker = Broker::behind(Some(&proxy));
    broker.create_topic(TOPIC, 3, &[]);
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let account = Arc::new(Mutex::new(Account::default()));
    let mut states: HashMap<&str, usize> = HashMap::new();
    for _ in 0..kills {
        // Reached: direct, and draining what the one before has left. Not reached: spooling, or on the way there.
        let reached = random.bool();
        proxy.set(if reached { Fault::None } else { Fault::Refuse });
        if !reached {
            proxy.cut();
        }
        let mut gateway = launch(&data, &broker).start();
        let load = Load::start(gateway.data_address, CLIENTS, &account);
        std::thread::park_timeout(Duration::from_micros(random.u64(1_000..400_000)));
        // Turned over in the middle, so that some die while the lane turns.
        let turned = random.u8(..3) == 0;
        if turned {
            proxy.set(if reached { Fault::Refuse } else { Fault::None });
            proxy.cut();
            std::thread::park_timeout(Duration::from_micros(random.u64(1_000..400_000)));
        }
        gateway.kill();
        load.join();
        let state = match (reached, turned) {
            (true, false) => "reached",
            (true, true) => "lost",
            (false, false) => "not reached",
            (false, true) => "found again",
        };
        *states.entry(state).or_default() += 1;
    }
    proxy.set(Fault::None);
    let gateway = launch(&data, &broker).start();
    recovered(&gateway, &account);
    println!("{kills} kills while the broker was {states:?}");
    verdict("gateway killed", &broker, &account);
    let mut ids: HashMap<String, String> = HashMap::new();
    for arrived in topic::read(&broker, TOPIC) {
        let (_, id) = arrived.headers.into_iter().find(|(name, _)| name == "sluicegate-record-id").unwrap();
        let first = ids.entry(arrived.value).or_insert_with(|| id.clone());
        assert_eq!(*first, id, "a duplicate carries the id of the first");
    }
}
