//! One campaign of faults against a real broker, drawn from a seed: the broker is killed, stopped and cut off, the
//! gateway is killed and told to stop in every state that it can be in. One oracle says what became of the records.
//!
//! `cargo test --release --test faults` runs the share of CI. `SLUICEGATE_SEED` repeats a campaign, `SLUICEGATE_KILLS`
//! says how often the gateway is killed at least, `SLUICEGATE_MINUTES` how long it goes on at least.

#[allow(dead_code, reason = "other suites that share it need more of it")]
#[path = "../kafka/broker.rs"]
mod broker;
#[allow(dead_code, reason = "other suites that share it need more of it")]
#[path = "../support/client.rs"]
mod client;
#[allow(dead_code, reason = "other suites that share it need more of it")]
#[path = "../e2e/load.rs"]
mod load;
#[path = "../kafka/oracle.rs"]
mod oracle;
mod plan;
#[allow(dead_code, reason = "other suites that share it need more of it")]
#[path = "../support/process.rs"]
mod process;
#[path = "../kafka/proxy.rs"]
mod proxy;
mod round;
mod state;
#[allow(dead_code, reason = "other suites that share it need more of it")]
#[path = "../kafka/topic.rs"]
mod topic;
mod world;

use state::State;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use world::{Counts, World};

/// Kills in a round, which has a topic and a directory of its own: what is read at its end stays small.
const KILLS_A_ROUND: usize = 100;
/// Each state has to be hit this often in a campaign of 500 kills.
const KILLS_A_STATE: usize = 30;

fn main() {
    let kills = load::number("SLUICEGATE_KILLS").unwrap_or(500);
    let time = Duration::from_secs(60 * load::number("SLUICEGATE_MINUTES").unwrap_or(0) as u64);
    let seed = load::seed();
    let start = Instant::now();
    let mut world = World::begin(fastrand::Rng::with_seed(seed));
    let mut rounds = 0;
    while world.counts.kills() < kills || start.elapsed() < time {
        rounds += 1;
        let left = kills.saturating_sub(world.counts.kills());
        round::run(&mut world, rounds, if left == 0 { KILLS_A_ROUND } else { left.min(KILLS_A_ROUND) });
    }
    summarise(&world.counts, seed, rounds, start.elapsed());
    let wanted = (kills * KILLS_A_STATE / 500).min(KILLS_A_STATE);
    for state in State::ALL {
        let hit = world.counts.killed.get(&state).copied().unwrap_or(0);
        assert!(hit >= wanted, "only {hit} kills met a gateway that was {state}, of {wanted} wanted");
    }
}

fn summarise(counts: &Counts, seed: u64, rounds: usize, time: Duration) {
    let list = |of: &BTreeMap<String, usize>| {
        of.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    };
    let killed = counts.killed.iter().map(|(state, count)| (state.to_string(), *count)).collect();
    println!("gateway killed: {}", list(&killed));
    println!("gateway told to stop: {}", list(&counts.stopped));
    println!("broker and connections: {}", list(&counts.faults));
    println!(
        "faults: seed {seed}, {rounds} rounds in {} s: {} kills of the gateway in {} states, {} stops, {} faults; {} \
         records acknowledged, {} delivered, {} duplicates, 0 lost, 0 out of order; counters equal in {} lives; \
         slowest recovery {:.1} s",
        time.as_secs(),
        counts.kills(),
        counts.killed.len(),
        counts.stopped.values().sum::<usize>(),
        counts.faults.values().sum::<usize>(),
        counts.acked,
        counts.delivered,
        counts.duplicates,
        counts.equal_lives,
        counts.slowest_recovery.as_secs_f64(),
    );
}
