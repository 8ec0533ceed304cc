//! What has to hold after any fault: a fresh record goes straight to the broker, and what arrived is what was promised.

use crate::broker::Broker;
use crate::client::Client;
use crate::load::{Account, PATH, TOPIC, Verdict, body, judge_values};
use crate::process::{Gateway, PATIENCE};
use crate::topic::{self, Arrived};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A client that only asks whether a gateway works again.
const PROBE: usize = 1_000;

/// Waits until a fresh record goes straight to the broker, and says for how long.
pub fn recovered(gateway: &Gateway, account: &Mutex<Account>) -> Duration {
    let start = Instant::now();
    let mut client = Client::connect(gateway.data_address).unwrap();
    loop {
        let number = {
            let mut account = account.lock().unwrap();
            let next = account.next.entry(PROBE).or_default();
            // Of seven numbers one is to be rejected: it is passed over.
            *next += if *next % 7 == 3 { 2 } else { 1 };
            *next - 1
        };
        let answer = client.post(PATH, "application/json", body((PROBE, number)).as_bytes()).unwrap();
        account.lock().unwrap().book(&answer, false);
        if matches!(answer.status, 200 | 202) {
            account.lock().unwrap().acked.insert((PROBE, number));
        }
        if answer.status == 200 {
            return start.elapsed();
        }
        assert!(
            start.elapsed() < 2 * PATIENCE,
            "it does not recover: {}",
            String::from_utf8_lossy(&answer.body)
        );
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

/// Compares what the topic holds with the account.
pub fn verdict(name: &str, broker: &Broker, account: &Mutex<Account>) -> Verdict {
    let account = account.lock().unwrap();
    let arrived = topic::read(broker, TOPIC);
    one_id_each(&arrived);
    let verdict = judge_values(arrived.into_iter().map(|arrived| arrived.value), &account);
    println!(
        "{name}: {} acknowledged ({} answers stored, {} refused, slowest {:?}), {} delivered, {} duplicates, {} lost",
        verdict.acked,
        account.stored,
        account.refused,
        account.slowest,
        verdict.delivered,
        verdict.duplicates,
        verdict.lost.len()
    );
    assert!(verdict.acked > 100, "too little was acknowledged to prove anything");
    assert!(verdict.lost.is_empty(), "lost: {:?}", &verdict.lost[..verdict.lost.len().min(20)]);
    assert!(verdict.wrong.is_empty(), "{}", verdict.wrong[..verdict.wrong.len().min(20)].join("\n"));
    verdict
}

/// A duplicate carries the record id of the first, so that consumers can tell it.
fn one_id_each(arrived: &[Arrived]) {
    let mut ids: HashMap<&str, &str> = HashMap::new();
    for arrived in arrived {
        let header = arrived.headers.iter().find(|(name, _)| name == "sluicegate-record-id");
        let (_, id) = header.unwrap_or_else(|| panic!("no record id: {}", arrived.value));
        let first = ids.entry(&arrived.value).or_insert(id);
        assert_eq!(first, id, "a duplicate carries another id: {}", arrived.value);
    }
}
