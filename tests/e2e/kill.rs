use crate::load::{Account, Load, PATH, SMALL, body, judge, number, seed};
use crate::process::Launch;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const CLIENTS: usize = 6;
/// A client that only asks whether a gateway works again.
const PROBE: usize = 1_000;

#[test]
fn sigkills_at_random_moments_lose_no_acknowledged_record() {
    let kills = number("SLUICEGATE_KILLS").unwrap_or(200);
    let mut random = fastrand::Rng::with_seed(seed());
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("small.toml");
    std::fs::write(&config, SMALL).unwrap();
    let data = directory.path().join("data");
    let account = Arc::new(Mutex::new(Account::default()));
    for _ in 0..kills {
        let mut gateway = Launch::serve(&data).config(&config).start();
        let load = Load::start(gateway.data_address, CLIENTS, &account);
        std::thread::park_timeout(Duration::from_micros(random.u64(1_000..250_000)));
        gateway.kill();
        load.join();
    }
    let gateway = Launch::serve(&data).config(&config).start();
    let probe = (PROBE, 0);
    account.lock().unwrap().next.insert(PROBE, 1);
    let answer = crate::client::Client::connect(gateway.data_address)
        .and_then(|mut client| client.post(PATH, "application/json", body(probe).as_bytes()))
        .unwrap();
    assert_eq!(answer.status, 200, "a fresh record after the last kill");
    let account = account.lock().unwrap();
    let verdict = judge(&data, &account);
    println!(
        "{kills} kills: {} acknowledged, {} delivered, {} duplicates",
        verdict.acked, verdict.delivered, verdict.duplicates
    );
    assert!(verdict.acked > kills * 10, "too little was acknowledged to prove anything");
    assert!(
        verdict.lost.is_empty(),
        "{} lost: {:?}",
        verdict.lost.len(),
        &verdict.lost[..verdict.lost.len().min(20)]
    );
    assert!(verdict.wrong.is_empty(), "{}", verdict.wrong.join("\n"));
}
