//! Clients that know what they sent and what they were told, and the oracle that compares it with the log.

use crate::client::{Answer, Client};
use sluicegate::sink::log::{Read, Reader, log_path};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub const PATH: &str = "/ingest-financial-transaction/";
pub const TOPIC: &str = "raw_financial_transactions";

/// Small segments, so that many of the faults hit a roll; more lines of `[sink]` may follow.
pub const SMALL: &str = "[http]\nbody_bytes_max = \"256KiB\"\ndecompressed_bytes_max = \"256KiB\"\nrecord_bytes_max = \"64KiB\"\n[plugins.limits]\noutput_bytes_max = \"256KiB\"\n[sink]\nsegment_bytes = \"1MiB\"\ncommit_bytes_max = \"512KiB\"\n";

/// A client is a key; its records are numbered.
pub type Id = (usize, usize);

/// The body that belongs to an id: every seventh is one that has to be rejected.
pub fn body((client, number): Id) -> String {
    let amount = if number % 7 == 3 { "-1".to_owned() } else { format!("{}.5", number % 900 + 1) };
    format!(
        r#"{{"transaction_id":"{client}-{number}","timestamp":"2026-01-15T10:30:00Z","account_id":"{client}","amount":{amount},"currency":"EUR","transaction_type":"purchase","filler":"{}"}}"#,
        "x".repeat(number % 97)
    )
}

pub fn is_valid((_, number): Id) -> bool {
    number % 7 != 3
}

/// What all clients of a campaign have sent and been told, over all its gateways.
#[derive(Default)]
pub struct Account {
    /// For each client the next number.
    pub next: HashMap<usize, usize>,
    pub acked: HashSet<Id>,
    pub rejected: HashSet<Id>,
    pub refused: usize,
    /// Answers that were 202.
    pub stored: usize,
    /// Records by what their clients were told, in the words of the gateway's own counter.
    pub outcomes: BTreeMap<String, u64>,
    /// The longest that anybody waited for an answer.
    pub slowest: Duration,
}

impl Account {
    /// Books what an answer says of its records. A refusal as a whole says nothing of any.
    pub fn book(&mut self, answer: &Answer, is_batch: bool) {
        if is_batch {
            let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
            for (outcome, count) in told["counts"].as_object().into_iter().flatten() {
                *self.outcomes.entry(outcome.clone()).or_default() += count.as_u64().unwrap();
            }
        } else if let Some((_, outcome)) = [(200, "committed"), (202, "stored"), (422, "rejected")]
            .iter()
            .find(|(code, _)| *code == answer.status)
        {
            *self.outcomes.entry((*outcome).to_owned()).or_default() += 1;
        }
    }
}

pub struct Load {
    clients: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl Load {
    /// Clients that post singly and in batches until the gateway goes away or `stop` is called.
    pub fn start(address: SocketAddr, clients: usize, account: &Arc<Mutex<Account>>) -> Load {
        Load::paced(address, clients, Duration::ZERO, account)
    }

    /// The same, with a pause after each answer.
    pub fn paced(
        address: SocketAddr,
        clients: usize,
        pause: Duration,
        account: &Arc<Mutex<Account>>,
    ) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let clients = (0..clients)
            .map(|client| {
                let (account, stop) = (account.clone(), stop.clone());
                std::thread::spawn(move || {
                    let Ok(mut connection) = Client::connect(address) else { return };
                    while !stop.load(Ordering::Relaxed) && post(&mut connection, client, &account).is_ok() {
                        if !pause.is_zero() {
                            std::thread::park_timeout(pause);
                        }
                    }
                })
            })
            .collect();
        Load { clients, stop }
    }

    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.join();
    }

    /// Waits until every client has seen its connection end.
    pub fn join(self) {
        for client in self.clients {
            client.join().unwrap();
        }
    }
}

/// Sends one request and books what was answered. Clients 0 and 1 send batches.
fn post(connection: &mut Client, client: usize, account: &Mutex<Account>) -> std::io::Result<()> {
    let size = if client < 2 { 20 } else { 1 };
    let first = {
        let mut account = account.lock().unwrap();
        let next = account.next.entry(client).or_default();
        *next += size;
        *next - size
    };
    let ids: Vec<Id> = (first..first + size).map(|number| (client, number)).collect();
    let (kind, text) = if size == 1 {
        ("application/json", body(ids[0]))
    } else {
        ("application/x-ndjson", ids.iter().map(|id| body(*id) + "\n").collect())
    };
    let begun = Instant::now();
    let answer = connection.post(PATH, kind, text.as_bytes())?;
    let mut account = account.lock().unwrap();
    account.slowest = account.slowest.max(begun.elapsed());
    account.book(&answer, size > 1);
    account.stored += usize::from(answer.status == 202 || (size > 1 && says_stored(&answer.body)));
    match answer.status {
        200 | 202 | 207 | 422 => {
            for id in ids {
                let told = if is_valid(id) { &mut account.acked } else { &mut account.rejected };
                told.insert(id);
            }
        }
        503 => {
            // Some may have been settled; the client would send all again, so none counts as acknowledged.
            account.refused += 1;
        }
        other => panic!("{other}: {}", String::from_utf8_lossy(&answer.body)),
    }
    // 200 and 422 would each be a lie about a batch that has both kinds in it.
    let mixed = size > 1;
    assert!(!(mixed && matches!(answer.status, 200 | 422)), "a mixed batch was answered {}", answer.status);
    Ok(())
}

fn says_stored(body: &[u8]) -> bool {
    memchr::memmem::find(body, b"\"stored\":0").is_none()
}

/// How the log differs from what it must hold; nothing if it does not.
#[derive(Debug, Default)]
pub struct Verdict {
    pub acked: usize,
    pub delivered: usize,
    pub duplicates: usize,
    pub lost: Vec<Id>,
    pub wrong: Vec<String>,
}

/// acked ⊆ delivered ⊆ sent, rejected ∩ delivered = ∅, bytes equal, first occurrences in order per key.
pub fn judge(data: &Path, account: &Account) -> Verdict {
    let mut reader = Reader::open(&log_path(data, TOPIC).unwrap(), 0);
    let values = std::iter::from_fn(|| {
        loop {
            // A torn tail is what a crash leaves; whether something acknowledged was in it, the end tells.
            if let Read::Entry { entry, .. } = reader.next().unwrap()? {
                let value = entry.value.expect("no tombstone was sent");
                return Some(String::from_utf8(value.to_vec()).unwrap());
            }
        }
    });
    judge_values(values, account)
}

/// The same of what was delivered anywhere; order holds within each client's records.
pub fn judge_values(values: impl Iterator<Item = String>, account: &Account) -> Verdict {
    let mut verdict = Verdict { acked: account.acked.len(), ..Verdict::default() };
    let mut delivered: HashSet<Id> = HashSet::new();
    let mut last: HashMap<usize, usize> = HashMap::new();
    for text in values {
        let Some(id) = id_of(&text) else {
            verdict.wrong.push(format!("not of ours: {text}"));
            continue;
        };
        if body(id) != text || !is_valid(id) || id.1 >= account.next.get(&id.0).copied().unwrap_or(0) {
            verdict.wrong.push(format!("{id:?} was never sent, or not like this: {text}"));
        }
        if !delivered.insert(id) {
            verdict.duplicates += 1;
        } else if last.insert(id.0, id.1).is_some_and(|before| before > id.1) {
            verdict.wrong.push(format!("{id:?} comes after a later one of its key"));
        }
    }
    verdict.delivered = delivered.len();
    verdict.lost = account.acked.difference(&delivered).copied().collect();
    verdict
}

fn id_of(text: &str) -> Option<Id> {
    let (client, number) = text.split('"').nth(3)?.split_once('-')?;
    Some((client.parse().ok()?, number.parse().ok()?))
}

/// A seed that can be given again.
pub fn seed() -> u64 {
    let seed = number("SLUICEGATE_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32) as usize);
    println!("SLUICEGATE_SEED={seed}");
    seed as u64
}

pub fn number(variable: &str) -> Option<usize> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable}={text}")))
}
