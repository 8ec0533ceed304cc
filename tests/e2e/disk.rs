//! Disks that fail and disks that are full: 503, never a false 2xx, and work again when the fault ends.

use crate::client::Client;
use crate::load::{Account, Load, PATH, SMALL, body, judge};
use crate::mount::Mount;
use crate::process::{Gateway, Launch, PATIENCE};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const CLIENTS: usize = 4;
/// A client whose records only ask whether the gateway takes any.
const PROBE: usize = 2_000;

#[test]
fn a_sync_that_fails_is_answered_503_and_forgotten_when_the_disk_is_well() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let strace = [
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=fdatasync",
        "-e",
        "inject=fdatasync:error=EIO:when=12..30",
    ];
    let gateway = Launch::wrapped(&strace, &data).start();
    let account = Arc::new(Mutex::new(Account::default()));
    let load = Load::start(gateway.data_address, CLIENTS, &account);
    wait("a refusal", || account.lock().unwrap().refused > 0);
    accepts_again(&gateway, &account);
    load.stop();
    let readable =
        Client::connect(gateway.admin_address).and_then(|mut client| client.get("/readyz")).unwrap();
    assert_eq!(readable.status, 200, "{}", String::from_utf8_lossy(&readable.body));
    conclude(&data, &account);
}

#[test]
fn a_full_disk_is_answered_503_and_forgotten_when_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Mount::tmpfs("12m", &directory.path().join("small"));
    let config = directory.path().join("full.toml");
    std::fs::write(&config, format!("{SMALL}free_bytes_min = 0\n")).unwrap();
    let data = disk.point.join("data");
    let gateway = Launch::serve(&data).config(&config).start();
    let account = Arc::new(Mutex::new(Account::default()));
    let load = Load::start(gateway.data_address, CLIENTS, &account);
    wait("a refusal", || account.lock().unwrap().refused > 0);
    let unready =
        Client::connect(gateway.admin_address).and_then(|mut client| client.get("/readyz")).unwrap();
    assert_eq!(unready.status, 503, "{}", String::from_utf8_lossy(&unready.body));
    load.stop();
    disk.resize("64m");
    // By itself: a load balancer sends nothing to a gateway that is not ready.
    wait("being ready again", || {
        let ready = Client::connect(gateway.admin_address).and_then(|mut client| client.get("/readyz"));
        ready.unwrap().status == 200
    });
    accepts_again(&gateway, &account);
    conclude(&data, &account);
    drop(gateway);
}

/// Posts until one record is taken.
fn accepts_again(gateway: &Gateway, account: &Mutex<Account>) {
    let mut number = 0;
    let mut client = Client::connect(gateway.data_address).unwrap();
    wait("a record being accepted again", || {
        // Only valid ones: those that are rejected say nothing about the disk.
        number += if number % 7 == 2 { 2 } else { 1 };
        account.lock().unwrap().next.insert(PROBE, number + 1);
        let answer = client.post(PATH, "application/json", body((PROBE, number)).as_bytes()).unwrap();
        assert!(matches!(answer.status, 200 | 503), "{}", answer.status);
        if answer.status == 200 {
            account.lock().unwrap().acked.insert((PROBE, number));
        }
        answer.status == 200
    });
}

fn conclude(data: &Path, account: &Mutex<Account>) {
    let account = account.lock().unwrap();
    let verdict = judge(data, &account);
    println!(
        "{} acknowledged, {} delivered, {} requests refused",
        verdict.acked, verdict.delivered, account.refused
    );
    assert!(verdict.acked > 0);
    assert!(verdict.lost.is_empty(), "{} lost: {:?}", verdict.lost.len(), verdict.lost);
    assert!(verdict.wrong.is_empty(), "{}", verdict.wrong.join("\n"));
}

fn wait(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "{what} did not come about");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
