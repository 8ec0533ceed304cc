//! A process that has no file descriptor left.

use crate::client::Client;
use crate::harness::{CLAIM, FINANCIAL, claim, transaction};
use crate::process::{Gateway, Launch, PATIENCE};
use crate::usage::cpu_time;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Enough to start with, and for some connections.
const DESCRIPTORS: &str = "ulimit -n 64; exec \"$@\"";

/// Connections: more than there are descriptors.
const CROWD: usize = 100;

const EXHAUSTED: &str = "no connection can be accepted; raise the limit on open files";

fn wait(what: &str, gateway: &Gateway, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "{what} did not come about:\n{}", gateway.said());
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

fn told(gateway: &Gateway) -> usize {
    gateway.said().matches(EXHAUSTED).count()
}

#[test]
fn without_descriptors_nothing_spins_or_ends_and_all_is_well_when_there_are_some_again() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = Launch::wrapped(&["sh", "-c", DESCRIPTORS, "sh"], &directory.path().join("data")).start();
    let mut inside = Client::connect(gateway.data_address).unwrap();
    let mut post =
        |path: &str, record: String| inside.post(path, "application/json", record.as_bytes()).unwrap();
    assert_eq!(post(FINANCIAL, transaction("before")).status, 200);

    let crowd: Vec<TcpStream> =
        (0..CROWD).map(|_| TcpStream::connect(gateway.data_address).unwrap()).collect();
    wait("the want of descriptors", &gateway, || told(&gateway) > 0);
    // The next line comes a second later at the earliest: as long as it is watched what waiting costs.
    let (lines, begun, before) = (told(&gateway), Instant::now(), cpu_time(gateway.child.id()));
    wait("another line about it", &gateway, || told(&gateway) > lines);
    let (elapsed, taken) = (begun.elapsed(), cpu_time(gateway.child.id()) - before);
    println!("{taken:?} of processor time in {elapsed:?} without descriptors");
    assert!(taken < elapsed / 4, "{taken:?} in {elapsed:?}: it spins");

    // Whoever is inside is served. A log that was never opened needs files: that is our condition, and not for ever.
    assert_eq!(post(FINANCIAL, transaction("meanwhile")).status, 200);
    let wanting = post(CLAIM, claim("meanwhile"));
    assert!([200, 503].contains(&wanting.status), "{}", wanting.text());
    println!("a first record of a topic: {} {}", wanting.status, wanting.text());

    drop(crowd);
    wait("being served again", &gateway, || {
        let answer = Client::connect(gateway.data_address).and_then(|mut client| {
            client.post(FINANCIAL, "application/json", transaction("after").as_bytes())
        });
        answer.is_ok_and(|answer| answer.status == 200)
    });
    wait("the other topic", &gateway, || post(CLAIM, claim("after")).status == 200);
    let ready = Client::connect(gateway.admin_address).unwrap().get("/readyz").unwrap();
    assert_eq!(ready.status, 200, "{}", ready.text());
    let kept = crate::harness::entries(&directory.path().join("data"), "raw_financial_transactions");
    assert!(kept.len() >= 3, "{}", kept.len());
}
