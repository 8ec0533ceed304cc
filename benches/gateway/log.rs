//! The log by itself: what a group commit makes of one sync.

use crate::{Effort, contest, record};
use sluicegate::sink::log::{Config, Directory, EntryRef, Frames, Log};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub fn frames(records: &[String]) -> Frames {
    let mut frames = Frames::default();
    for (number, record) in records.iter().enumerate() {
        let entry = EntryRef {
            time_ms: 1_768_473_000_000,
            id: number as u128,
            part: None,
            key: Some(b"ACC-000001"),
            headers: &[("sluicegate-plugin", b"financial-transaction@1.0.0;sha256:0123456789abcdef")],
            value: Some(record.as_bytes()),
        };
        frames.push(&entry).unwrap();
    }
    frames
}

pub fn open(directory: &std::path::Path) -> Log {
    Directory::lock(directory).unwrap().log("bench", Config::default()).unwrap()
}

/// Records a second, with so many appends of so many records under way.
fn rate(log: &Log, under_way: usize, records: &[String], time: Duration) -> f64 {
    let start = Instant::now();
    let mut waiting = VecDeque::with_capacity(under_way);
    let mut done = 0;
    while start.elapsed() < time {
        waiting.push_back(log.append(frames(records)));
        if waiting.len() == under_way {
            waiting.pop_front().unwrap().wait().unwrap();
            done += records.len();
        }
    }
    for append in waiting {
        append.wait().unwrap();
        done += records.len();
    }
    done as f64 / start.elapsed().as_secs_f64()
}

pub fn compare(effort: Effort) {
    let directory = tempfile::tempdir_in(".").unwrap();
    let log = open(directory.path());
    let one = [record(1)];
    let thousand: Vec<String> = (0..1_000).map(record).collect();
    contest(
        "log: records made durable, one sync for what gathers",
        "records/s",
        effort.rounds,
        &mut [
            ("one at a time: one sync each", &mut || rate(&log, 1, &one, effort.time)),
            ("64 appends of one under way", &mut || rate(&log, 64, &one, effort.time)),
            ("16 appends of 1,000 under way", &mut || rate(&log, 16, &thousand, effort.time)),
        ],
    );
    let stats = log.stats();
    println!("  {} records in {} syncs, the last took {:?}", stats.records, stats.syncs, stats.last_sync);
    log.close();
}
