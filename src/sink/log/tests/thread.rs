//! The log as its callers have it: a queue, a thread, answers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::super::error::{AppendError, CursorError, Full, OpenError};
use super::super::reader::{Read, Reader};
use super::super::segment::FRAMES_OFFSET;
use super::super::{Appended, Config, EntryRef, Frames, Log};
use super::simulated::{Faults, Outage, Sabotage, SimulatedDisk, Space};

const DIR: &str = "/data/log/topic";

fn frames(ids: std::ops::Range<u128>) -> Frames {
    let mut frames = Frames::default();
    for id in ids {
        let value = id.to_be_bytes();
        let entry =
            EntryRef { time_ms: 1, id, part: None, key: Some(b"key"), headers: &[], value: Some(&value) };
        frames.push(&entry).unwrap();
    }
    frames
}

fn config() -> Config {
    // Small, as the simulated disk keeps what is allocated in memory.
    Config {
        segment_bytes: 64 << 10,
        commit_bytes_max: 32 << 10,
        retry_pause: Duration::ZERO,
        free_bytes_min: 0,
        ..Config::default()
    }
}

fn open(disk: &SimulatedDisk, config: Config) -> Log {
    Log::open(Arc::new(disk.clone()), Path::new(DIR), config).unwrap()
}

fn ids(mut reader: Reader) -> Vec<u128> {
    let mut ids = Vec::new();
    while let Some(read) = reader.next().unwrap() {
        match read {
            Read::Entry { entry, .. } => ids.push(entry.id),
            Read::Damage(damage) => panic!("{damage}"),
        }
    }
    ids
}

#[test]
fn appends_that_wait_for_a_sync_share_the_next_one() {
    let disk = SimulatedDisk::new(0, Sabotage::None);
    let log = open(&disk, config());
    log.append(frames(0..1)).wait().unwrap();
    disk.hold_syncs();
    let first = log.append(frames(1..2));
    disk.await_held_sync();
    let others: Vec<_> = (2..40).map(|id| log.append(frames(id..id + 1))).collect();
    assert_eq!(*log.durable().borrow(), 1, "nothing is acknowledged before its sync has returned");
    disk.release_syncs();
    assert_eq!(first.wait(), Ok(Appended { first_sequence: 2, count: 1 }));
    for (sequence, other) in (3..).zip(others) {
        assert_eq!(other.wait(), Ok(Appended { first_sequence: sequence, count: 1 }));
    }
    let stats = log.stats();
    assert_eq!((stats.syncs, stats.records, stats.queued_bytes), (3, 40, 0));
    assert_eq!(ids(log.reader(0)), (0..40).collect::<Vec<_>>());
}

#[test]
fn groups_are_bounded_by_records_and_by_bytes() {
    for bounds in [Config { commit_records_max: 4, ..config() }, Config { commit_bytes_max: 300, ..config() }]
    {
        let disk = SimulatedDisk::new(0, Sabotage::None);
        let log = open(&disk, bounds);
        log.append(frames(0..1)).wait().unwrap();
        disk.hold_syncs();
        let mut appends = vec![log.append(frames(1..2))];
        disk.await_held_sync();
        appends.extend((1..5).map(|nth| log.append(frames(nth * 2..nth * 2 + 2))));
        disk.release_syncs();
        for append in appends {
            append.wait().unwrap();
        }
        // One, one, and twice two appends of two records, 73 bytes each.
        assert_eq!(log.stats().syncs, 4);
    }
}

#[test]
fn a_full_queue_refuses_and_takes_again_when_it_has_drained() {
    let disk = SimulatedDisk::new(0, Sabotage::None);
    let size = frames(0..10).bytes();
    let log = open(&disk, Config { queue_bytes_max: 2 * size, ..config() });
    disk.hold_syncs();
    let first = log.append(frames(0..10));
    disk.await_held_sync();
    let second = log.append(frames(10..20));
    let refused = log.append(frames(20..21)).wait();
    assert_eq!(refused, Err(AppendError::Overloaded { queued: 2 * size, limit: 2 * size }));
    assert_eq!(log.stats().queued_bytes, 2 * size);
    disk.release_syncs();
    first.wait().unwrap();
    second.wait().unwrap();
    log.append(frames(21..22)).wait().unwrap();
    let too_large = frames(0..40);
    let bytes = too_large.bytes();
    let refused = log.append(too_large).wait();
    assert_eq!(refused, Err(AppendError::TooLarge { bytes, limit: 2 * size }));
}

#[test]
fn closing_makes_durable_and_answers_what_was_accepted() {
    for by_drop in [false, true] {
        let disk = SimulatedDisk::new(0, Sabotage::None);
        let log = open(&disk, config());
        disk.hold_syncs();
        let appends: Vec<_> = (0..20).map(|id| log.append(frames(id..id + 1))).collect();
        disk.await_held_sync();
        let releasing = disk.clone();
        let closing = std::thread::spawn(move || if by_drop { drop(log) } else { log.close() });
        releasing.release_syncs();
        closing.join().unwrap();
        for append in appends {
            append.wait().unwrap();
        }
        let disk = disk.restart(Outage::PowerCut);
        assert_eq!(ids(open(&disk, config()).reader(0)), (0..20).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn an_answer_can_be_awaited_or_let_go() {
    let disk = SimulatedDisk::new(0, Sabotage::None);
    let log = open(&disk, config());
    drop(log.append(frames(0..1)));
    assert_eq!(log.append(frames(1..3)).await, Ok(Appended { first_sequence: 2, count: 2 }));
    assert_eq!(log.append(Frames::default()).await, Ok(Appended { first_sequence: 4, count: 0 }));
    let mut durable = log.durable();
    durable.borrow_and_update();
    drop(log.append(frames(3..4)));
    durable.changed().await.unwrap();
    assert_eq!(*durable.borrow(), 4);
}

#[test]
fn a_failed_sync_is_made_good_in_a_new_segment() {
    let disk = SimulatedDisk::new(0, Sabotage::None);
    let log = open(&disk, config());
    log.append(frames(0..5)).wait().unwrap();
    disk.hold_syncs();
    let append = log.append(frames(5..9));
    disk.await_held_sync();
    // The sync that waits fails, whatever comes after it does not.
    disk.fail_next_sync();
    disk.release_syncs();
    assert_eq!(append.wait(), Ok(Appended { first_sequence: 6, count: 4 }));
    let stats = log.stats();
    assert_eq!((stats.poisoned, stats.segments, stats.last_sequence), (1, 2, 9));
    assert_eq!(ids(log.reader(0)), (0..9).collect::<Vec<_>>());
    drop(log);
    let disk = disk.restart(Outage::PowerCut);
    assert_eq!(ids(open(&disk, config()).reader(0)), (0..9).collect::<Vec<_>>());
}

#[test]
fn a_disk_that_fails_answers_errors_and_takes_records_when_it_is_well() {
    let disk = SimulatedDisk::new(0, Sabotage::None);
    let log = open(&disk, config());
    log.append(frames(0..1)).wait().unwrap();
    disk.set_faults(Faults { sync: u8::MAX, ..Faults::default() });
    // One in 256 syncs succeeds all the same; an answer is true either way.
    let answers: Vec<_> = (1..6).map(|id| (id, log.append(frames(id..id + 1)).wait())).collect();
    assert!(answers.iter().any(|(_, answer)| matches!(answer, Err(AppendError::Disk(_)))), "{answers:?}");
    disk.set_faults(Faults::default());
    log.append(frames(6..7)).wait().unwrap();
    let mut acked = vec![0];
    acked.extend(answers.iter().filter(|(_, answer)| answer.is_ok()).map(|(id, _)| *id));
    acked.push(6);
    assert_eq!(ids(log.reader(0)), acked);
}

#[test]
fn a_disk_that_has_failed_is_left_alone_for_a_moment() {
    let disk = SimulatedDisk::new(0, Sabotage::None);
    let log = open(&disk, Config { retry_pause: Duration::from_secs(3_600), ..config() });
    disk.set_faults(Faults { create: u8::MAX, sync: u8::MAX, ..Faults::default() });
    let failed = (0..20).find_map(|id| log.append(frames(id..id + 1)).wait().err());
    assert!(matches!(failed, Some(AppendError::Disk(_))), "{failed:?}");
    disk.set_faults(Faults::default());
    assert_eq!(log.append(frames(50..51)).wait().err(), failed, "the disk is not asked");
}

#[test]
fn a_full_disk_refuses_before_and_when_it_is_full() {
    let disk = SimulatedDisk::new(0, Sabotage::None);
    let log = open(&disk, Config { free_bytes_min: 1_000, ..config() });
    disk.set_faults(Faults { space: Space::Full, ..Faults::default() });
    let refused = log.append(frames(0..1)).wait();
    assert_eq!(refused, Err(AppendError::Full(Full::DiskFree { free: 0, min: 1_000 })));
    disk.set_faults(Faults { space: Space::FullInSecret, ..Faults::default() });
    assert_eq!(log.append(frames(0..1)).wait(), Err(AppendError::Full(Full::NoSpace)));
    disk.set_faults(Faults::default());
    log.append(frames(0..1)).wait().unwrap();
}

/// Segments of about four records of 73 bytes, and room for three of them.
fn small() -> Config {
    let segment_bytes = FRAMES_OFFSET + 300;
    Config { segment_bytes, commit_bytes_max: 300, high_water_bytes: 3 * segment_bytes, ..config() }
}

#[test]
fn a_log_at_its_high_water_mark_refuses_until_the_cursor_has_moved() {
    let disk = SimulatedDisk::new(0, Sabotage::None);
    let log = open(&disk, small());
    let refused = (0..).find_map(|id| log.append(frames(id..id + 1)).wait().err()).unwrap();
    assert!(matches!(refused, AppendError::Full(Full::HighWater { limit: 25_476, .. })), "{refused:?}");
    let stats = log.stats();
    assert_eq!(
        log.advance(stats.last_sequence + 1).unwrap_err().to_string(),
        format!(
            "the cursor cannot move to {}: the log is durable up to {} only",
            stats.last_sequence + 1,
            stats.last_sequence
        )
    );
    log.advance(stats.last_sequence).unwrap();
    assert_eq!((log.stats().segments, log.stats().cursor), (1, stats.last_sequence));
    log.append(frames(90..91)).wait().unwrap();
    assert_eq!(ids(log.reader(stats.last_sequence + 1)), [90]);
}

#[test]
fn a_retention_by_bytes_removes_whole_old_segments_only() {
    let disk = SimulatedDisk::new(0, Sabotage::None);
    let log = open(&disk, Config { retention_bytes: Some(2 * small().segment_bytes), ..small() });
    for id in 0..40 {
        log.append(frames(id..id + 1)).wait().unwrap();
    }
    let stats = log.stats();
    assert_eq!((stats.segments, stats.first_sequence, stats.last_sequence), (2, 33, 40));
    assert_eq!(ids(log.reader(0)), (32..40).collect::<Vec<_>>());
    assert_eq!(log.advance(40), Err(CursorError::Retention));
}

#[test]
fn a_retention_by_age_never_removes_the_active_segment() {
    let disk = SimulatedDisk::new(0, Sabotage::None);
    // The simulated clock goes on by a millisecond with each operation.
    let log = open(&disk, Config { retention_age: Some(Duration::from_millis(1)), ..small() });
    for id in 0..21 {
        log.append(frames(id..id + 1)).wait().unwrap();
    }
    drop(log);
    let log = open(&disk, Config { retention_age: Some(Duration::ZERO), ..small() });
    assert_eq!(ids(log.reader(0)), [20], "the last segment stays, however old");
}

#[test]
fn settings_that_contradict_each_other_are_refused_with_the_remedy() {
    let refuse = |config: Config| match config.check() {
        Err(OpenError::Config(sentence)) => sentence,
        other => panic!("{other:?}"),
    };
    let sentence = refuse(Config { segment_bytes: 9_000, ..config() });
    assert_eq!(
        sentence,
        "segment_bytes (9000) has no room for a group of commit_bytes_max (32768) and a header of 8192: raise the first or lower the last"
    );
    let sentence = refuse(Config { high_water_bytes: 100 << 10, ..config() });
    assert!(
        sentence.ends_with("or a drained log would stay full: raise the first or lower the last"),
        "{sentence}"
    );
    let sentence = refuse(Config { retention_bytes: Some(8 << 30), ..config() });
    assert!(sentence.ends_with("lower the first or raise the last"), "{sentence}");
    let sentence = refuse(Config { queue_bytes_max: 0, ..config() });
    assert!(sentence.ends_with("must be above 0"), "{sentence}");
    assert_eq!(Config::default().check(), Ok(()));
}

#[test]
fn what_a_person_can_mend_is_said_with_the_value_and_the_remedy() {
    let sentences = [
        (
            AppendError::Full(Full::HighWater { bytes: 9, limit: 8 }),
            "the log holds 9 bytes and may hold 8: let it drain, set a retention, or raise its limit",
        ),
        (
            AppendError::Full(Full::DiskFree { free: 5, min: 6 }),
            "the disk has 5 bytes free and 6 are kept free: make room on it",
        ),
        (AppendError::Full(Full::NoSpace), "the disk is full: make room on it"),
        (
            AppendError::Overloaded { queued: 7, limit: 8 },
            "7 bytes wait for the disk already, 8 may: send again later",
        ),
        (
            AppendError::TooLarge { bytes: 9, limit: 8 },
            "9 bytes in one append, at most 8 can be taken: send fewer records at once",
        ),
    ];
    for (error, sentence) in sentences {
        assert_eq!(error.to_string(), sentence);
    }
    assert_eq!(
        CursorError::Retention.to_string(),
        "a log with a retention has no cursor: take retention_bytes and retention_age_ms off the spool"
    );
}
