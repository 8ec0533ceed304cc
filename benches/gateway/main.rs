//! What is measured: ratios of things run side by side in one run, as machines differ and are noisy.
//!
//! `cargo bench --bench gateway` (add `-- --quick` for a look).

mod load;
mod log;
mod rules;
mod serve;

use std::time::Duration;

/// How long each measurement takes, and how often it is repeated; medians are shown.
#[derive(Clone, Copy)]
pub struct Effort {
    pub time: Duration,
    pub rounds: usize,
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let effort = if quick {
        Effort { time: Duration::from_millis(400), rounds: 3 }
    } else {
        Effort { time: Duration::from_secs(2), rounds: 5 }
    };
    rules::compare(effort);
    log::compare(effort);
    serve::compare_single_records(effort);
    serve::compare_batches(effort);
}

/// Runs the contestants in turn, round by round, and shows each one's median and its ratio to the first.
pub fn contest(title: &str, unit: &str, rounds: usize, contestants: &mut [(&str, &mut dyn FnMut() -> f64)]) {
    println!("\n{title}");
    let mut results = vec![Vec::with_capacity(rounds); contestants.len()];
    for _ in 0..rounds {
        for (result, (_, run)) in results.iter_mut().zip(contestants.iter_mut()) {
            result.push(run());
        }
    }
    let mut first = None;
    for (result, (name, _)) in results.iter_mut().zip(contestants.iter()) {
        result.sort_by(f64::total_cmp);
        let median = result[rounds / 2];
        let base = *first.get_or_insert(median);
        println!(
            "  {name:<58} {median:>12.0} {unit}   {:>5.2} of the first   (from {:.0} to {:.0})",
            median / base,
            result[0],
            result[rounds - 1]
        );
    }
}

/// The record that everything is measured with: 198 bytes, as the comparison with other systems used.
pub fn record(number: usize) -> String {
    let record = format!(
        r#"{{"transaction_id":"FT-{number:09}","timestamp":"2026-01-15T10:30:00Z","account_id":"ACC-{:06}","amount":129.95,"currency":"EUR","transaction_type":"purchase","merchant_id":"M-1","category":"food"}}"#,
        number % 1_000_000
    );
    debug_assert!((190..=210).contains(&record.len()));
    record
}
