//! What waits for the consumer, told from memory.

use std::path::Path;
use std::sync::Arc;

use super::super::disk::RealDisk;
use super::super::{Config, EntryRef, Frames, Log, Waiting};

/// A record that arrived at a time, and takes so many bytes.
fn append(log: &Log, time_ms: u64, bytes: usize) {
    let value = vec![0xA5; bytes];
    let entry = EntryRef { time_ms, id: 1, part: None, key: None, headers: &[], value: Some(&value) };
    let mut frames = Frames::default();
    frames.push(&entry).unwrap();
    log.append(frames).wait().unwrap();
}

fn open(dir: &Path, segment_bytes: u64) -> Log {
    let config = Config { segment_bytes, commit_bytes_max: 2 << 10, free_bytes_min: 0, ..Config::default() };
    Log::open(Arc::new(RealDisk), dir, config).unwrap()
}

#[test]
fn a_log_knows_how_much_waits_and_since_when() {
    let data = tempfile::tempdir().unwrap();
    let log = open(data.path(), 1 << 20);
    assert_eq!(log.waiting(), Waiting { records: 0, bytes: 0, oldest_ms: None });
    for minute in 0..100 {
        append(&log, minute * 60_000, 1_000);
    }
    let all = log.waiting();
    assert_eq!((all.records, all.oldest_ms), (100, Some(0)));
    assert!((100_000..110_000).contains(&all.bytes), "{all:?}");
    log.advance(40).unwrap();
    let rest = log.waiting();
    assert_eq!((rest.records, rest.oldest_ms), (60, Some(40 * 60_000)));
    assert!(rest.bytes.abs_diff(all.bytes * 6 / 10) < 1_000, "{rest:?} of {all:?}");
    log.advance(100).unwrap();
    assert_eq!(log.waiting(), Waiting::default());
    append(&log, 200 * 60_000, 10);
    assert_eq!((log.waiting().records, log.waiting().oldest_ms), (1, Some(200 * 60_000)));
}

#[test]
fn the_age_is_known_after_a_restart_too() {
    let data = tempfile::tempdir().unwrap();
    let log = open(data.path(), 1 << 20);
    // Drained long ago; what waits came much later, into the same segment.
    append(&log, 1_000, 100_000);
    log.advance(1).unwrap();
    append(&log, 90_000_000, 100_000);
    append(&log, 90_060_000, 100_000);
    log.close();
    let log = open(data.path(), 1 << 20);
    let waiting = log.waiting();
    assert_eq!((waiting.records, waiting.oldest_ms), (2, Some(90_000_000)));
    assert!((200_000..201_000).contains(&waiting.bytes), "{waiting:?}");
}

#[test]
fn over_many_segments_bytes_and_age_follow_the_cursor() {
    let data = tempfile::tempdir().unwrap();
    let log = open(data.path(), 24 << 10);
    for second in 0..200 {
        append(&log, second * 10_000, 1_000);
    }
    assert!(log.stats().segments > 5);
    let mut before = log.waiting();
    for cursor in 1..200 {
        log.advance(cursor).unwrap();
        let now = log.waiting();
        assert_eq!((now.records, now.oldest_ms), (200 - cursor, Some(cursor * 10_000)));
        assert!(now.bytes < before.bytes, "{now:?} after {before:?}");
        before = now;
    }
    assert!((1_000..1_200).contains(&before.bytes), "{before:?}");
}
