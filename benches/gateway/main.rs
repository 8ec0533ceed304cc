//! What is measured: ratios of things run side by side in one run, as machines differ and are noisy.
//!
//! `cargo bench --bench gateway` (add `-- --quick` for a look, or `-- rules`, `log`, `singles`, `batches`, `telemetry` for some).

mod load;
mod log;
mod record;
mod rules;
mod serve;
mod told;

pub use record::record;
use std::time::{Duration, Instant};

/// How long each measurement takes, and how often it is repeated; medians are shown.
#[derive(Clone, Copy)]
pub struct Effort {
    pub time: Duration,
    pub rounds: usize,
}

type Comparison = fn(Effort);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let names: Vec<&str> = arguments.iter().filter(|a| !a.starts_with("--")).map(String::as_str).collect();
    let effort = if quick {
        Effort { time: Duration::from_millis(400), rounds: 5 }
    } else {
        Effort { time: Duration::from_secs(2), rounds: 9 }
    };
    let all: [(&str, Comparison); 5] = [
        ("rules", rules::compare),
        ("log", log::compare),
        ("singles", serve::compare_single_records),
        ("batches", serve::compare_batches),
        ("telemetry", told::compare),
    ];
    for (name, compare) in all {
        if names.is_empty() || names.contains(&name) {
            compare(effort);
        }
    }
}

/// Runs the contestants in turn, round by round, and shows each one's median, and the median of its ratios to the first in the
/// same round: what else the machine does changes from round to round, and falls on both. Of rates it also shows the
/// processor's time that one took, as the share of two busy cores says little of what a thing costs.
pub fn contest(title: &str, unit: &str, rounds: usize, contestants: &mut [(&str, &mut dyn FnMut() -> f64)]) {
    println!("\n{title}");
    let mut results = vec![Vec::with_capacity(rounds); contestants.len()];
    for _ in 0..rounds {
        for (result, (_, run)) in results.iter_mut().zip(contestants.iter_mut()) {
            let (start, busy) = (Instant::now(), processor_seconds());
            let value = run();
            let cost = (processor_seconds() - busy) / (value * start.elapsed().as_secs_f64());
            result.push((value, cost));
        }
    }
    let first = results[0].clone();
    for (result, (name, _)) in results.iter_mut().zip(contestants.iter()) {
        let mut shares: Vec<f64> = result.iter().zip(&first).map(|(one, first)| one.0 / first.0).collect();
        shares.sort_by(f64::total_cmp);
        let share = shares[rounds / 2];
        result.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (lowest, (median, cost), highest) = (result[0].0, result[rounds / 2], result[rounds - 1].0);
        print!(
            "  {name:<58} {median:>12.0} {unit}   {share:>5.2} of the first   (from {lowest:.0} to {highest:.0}"
        );
        if unit.ends_with("/s") {
            print!("; {:.2} CPU-s a million", cost * 1e6);
        }
        println!(")");
    }
}

/// What all threads of this process have used so far, to a hundredth: user's and system's time, fields 14 and 15 of
/// proc_pid_stat(5).
fn processor_seconds() -> f64 {
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_the_name = stat.rsplit(')').next().unwrap_or_default();
    let fields = behind_the_name.split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_A_SECOND
}
