//! The log on real files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::record::TopicError;

use super::super::disk::RealDisk;
use super::super::{
    Cause, Config, Directory, Entry, EntryRef, Frames, Log, OpenError, Read, ReadError, Reader, SyncMode,
    log_path, spool_path,
};

/// Small segments, so that a test rolls, and none of the waits that a campaign is there to test.
pub(super) fn config() -> Config {
    Config { segment_bytes: 12 << 10, commit_bytes_max: 2 << 10, free_bytes_min: 0, ..Config::default() }
}

pub(super) fn open(dir: &Path) -> Log {
    Log::open(Arc::new(RealDisk), dir, config()).unwrap()
}

pub(super) fn frames(id: u128, value: &[u8]) -> Frames {
    let mut frames = Frames::default();
    let headers: [(&str, &[u8]); 1] = [("traceparent", b"00-4bf9")];
    let entry =
        EntryRef { time_ms: 7, id, part: Some(3), key: Some(b"key"), headers: &headers, value: Some(value) };
    frames.push(&entry).unwrap();
    frames
}

/// Appends entries with ids that equal their sequences.
pub(super) fn fill(log: &Log, ids: std::ops::RangeInclusive<u128>) {
    let appends: Vec<_> = ids.map(|id| log.append(frames(id, &[0xA5; 90]))).collect();
    for append in appends {
        append.wait().unwrap();
    }
}

pub(super) fn read_all(reader: &mut Reader) -> Vec<Read> {
    std::iter::from_fn(|| reader.next().unwrap()).collect()
}

pub(super) fn sequences(reader: &mut Reader) -> Vec<u64> {
    let place = |read| match read {
        Read::Entry { sequence, entry } => {
            assert_eq!(entry.id, u128::from(sequence));
            sequence
        }
        Read::Damage(damage) => panic!("{damage}"),
    };
    read_all(reader).into_iter().map(place).collect()
}

pub(super) fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "segment"));
    paths.sort();
    paths
}

#[test]
fn an_entry_is_read_as_it_was_appended() {
    let data = tempfile::tempdir().unwrap();
    let log = open(data.path());
    let mut frames = Frames::default();
    let headers: [(&str, &[u8]); 2] = [("a", b"\x00\xff"), ("", b"")];
    let whole = EntryRef {
        time_ms: u64::MAX,
        id: u128::MAX,
        part: Some(u16::MAX),
        key: Some(b""),
        headers: &headers,
        value: Some(b""),
    };
    let bare = EntryRef { time_ms: 0, id: 0, part: None, key: None, headers: &[], value: None };
    frames.push(&whole).unwrap();
    frames.push(&bare).unwrap();
    assert_eq!(frames.count(), 2);
    log.append(frames).wait().unwrap();
    log.close();
    let read = read_all(&mut Reader::open(data.path(), 0));
    let owned = vec![("a".to_owned(), b"\x00\xff"[..].into()), (String::new(), b""[..].into())];
    let first = Entry {
        time_ms: u64::MAX,
        id: u128::MAX,
        part: Some(u16::MAX),
        key: Some(b""[..].into()),
        headers: owned,
        value: Some(b""[..].into()),
    };
    let second = Entry { time_ms: 0, id: 0, part: None, key: None, headers: vec![], value: None };
    assert_eq!(read, [Read::Entry { sequence: 1, entry: first }, Read::Entry { sequence: 2, entry: second }]);
}

#[test]
fn an_entry_that_no_frame_can_hold_is_refused_and_leaves_no_trace() {
    let mut frames = Frames::default();
    let headers: Vec<(&str, &[u8])> = vec![("a", b""); 65_536];
    let entry = EntryRef { time_ms: 0, id: 0, part: None, key: None, headers: &headers, value: None };
    let error = frames.push(&entry).unwrap_err();
    assert_eq!(
        error.to_string(),
        "an entry of 458779 bytes, or with too many or too long headers, cannot be framed; at most 268435456 bytes can"
    );
    assert!(frames.is_empty() && frames.bytes() == 0);
}

#[test]
fn a_log_goes_on_where_it_was_closed() {
    let data = tempfile::tempdir().unwrap();
    for round in 0..4 {
        let log = open(data.path());
        assert_eq!(log.recovery().last_sequence, round * 50);
        fill(&log, u128::from(round) * 50 + 1..=u128::from(round) * 50 + 50);
        log.close();
    }
    assert_eq!(sequences(&mut Reader::open(data.path(), 0)), (1..=200).collect::<Vec<_>>());
    assert_eq!(sequences(&mut Reader::open(data.path(), 137)), (137..=200).collect::<Vec<_>>());
    let held: u64 = segments(data.path()).iter().map(|path| path.metadata().unwrap().len()).sum();
    assert_eq!(held, open(data.path()).stats().bytes, "what was allocated and not written is given back");
}

#[test]
fn only_the_owner_can_read_what_the_log_holds() {
    let data = tempfile::tempdir().unwrap();
    let directory = Directory::lock(&data.path().join("data")).unwrap();
    let log = directory.log("topic", config()).unwrap();
    fill(&log, 1..=1);
    let spool = directory.spool("topic", config()).unwrap();
    fill(&spool, 1..=1);
    spool.advance(1).unwrap();
    let mode = |path: PathBuf| path.metadata().unwrap().permissions().mode() & 0o777;
    for dir in ["data", "data/log", "data/log/topic", "data/spool/topic"] {
        assert_eq!(mode(data.path().join(dir)), 0o700, "{dir}");
    }
    let log_dir = log_path(directory.path(), "topic").unwrap();
    let spool_dir = spool_path(directory.path(), "topic").unwrap();
    for file in [directory.path().join("lock"), segments(&log_dir).remove(0), spool_dir.join("cursor")] {
        assert_eq!(mode(file), 0o600);
    }
}

#[test]
fn a_second_opener_of_the_data_directory_is_told_what_to_do() {
    let data = tempfile::tempdir().unwrap();
    let first = Directory::lock(data.path()).unwrap();
    let log = first.log("topic", config()).unwrap();
    let expected = format!(
        "the data directory {} is in use by another sluicegate: stop that one, or give this one a directory of its own with --data",
        data.path().display()
    );
    assert_eq!(Directory::lock(data.path()).unwrap_err().to_string(), expected);
    drop(first);
    assert_eq!(Directory::lock(data.path()).unwrap_err().to_string(), expected, "an open log holds it too");
    log.close();
    Directory::lock(data.path()).unwrap();
}

#[test]
fn a_data_directory_that_cannot_be_made_is_named_with_the_remedy() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join("file");
    fs::write(&path, "").unwrap();
    let sentence = Directory::lock(&path.join("data")).unwrap_err().to_string();
    assert!(sentence.starts_with(&format!("the data directory {}", path.display())), "{sentence}");
    assert!(
        sentence.ends_with("make it writable for this user, or choose another with --data"),
        "{sentence}"
    );
}

#[test]
fn only_names_of_topics_become_directories() {
    let data = Path::new("data");
    assert_eq!(log_path(data, "a.B_c-9").unwrap(), Path::new("data/log/a.B_c-9"));
    assert_eq!(spool_path(data, "...").unwrap(), Path::new("data/spool/..."));
    assert!(log_path(data, &"x".repeat(237)).is_ok());
    assert!(log_path(data, &format!("{}.dead-letter", "x".repeat(237))).is_ok());
    for name in ["", ".", "..", "a/b", "../a", "a\0", "ä", "a b", &"x".repeat(238)] {
        let error = log_path(data, name).unwrap_err();
        assert_eq!(error, OpenError::Topic { name: name.to_owned(), why: TopicError::Spelling });
        let sentence = format!(
            "'{name}' is not the name of a topic: use letters, digits, '.', '_' and '-', at most 237, and neither '.' nor '..'"
        );
        assert_eq!(error.to_string(), sentence);
    }
}

#[test]
fn a_newer_format_is_refused_with_a_sentence() {
    for (name, crc_at, end) in [("00000000000000000001.segment", 12, 48), ("cursor", 12, 24)] {
        let data = tempfile::tempdir().unwrap();
        let log = open(data.path());
        fill(&log, 1..=1);
        log.advance(1).unwrap();
        log.close();
        let path = data.path().join(name);
        let mut bytes = fs::read(&path).unwrap();
        for copy in [0, 4_096] {
            let Some(header) = bytes.get_mut(copy..copy + end) else { continue };
            header[8] = 9;
            let crc = crc32c::crc32c_append(crc32c::crc32c(&header[..crc_at]), &header[16..]);
            header[crc_at..16].copy_from_slice(&crc.to_le_bytes());
        }
        fs::write(&path, bytes).unwrap();
        let error = Log::open(Arc::new(RealDisk), data.path(), config()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{} was written by a newer sluicegate (format 9; this one reads up to 1): start that release, or move the directory away",
                path.display()
            )
        );
        if name != "cursor" {
            let error = Reader::open(data.path(), 0).next().unwrap_err();
            assert!(matches!(error, ReadError::Newer { found: 9, known: 1, .. }), "{error}");
        }
    }
}

#[test]
fn a_follower_sees_every_entry_across_rolls() {
    let data = tempfile::tempdir().unwrap();
    let mut follower = Reader::open(&data.path().join("log"), 0);
    assert_eq!(follower.next(), Ok(None), "the directory may come later");
    let log = open(&data.path().join("log"));
    assert_eq!(follower.next(), Ok(None));
    let mut seen = Vec::new();
    for id in 1..=300 {
        fill(&log, id..=id);
        if id % 7 == 0 {
            seen.extend(sequences(&mut follower));
        }
    }
    seen.extend(sequences(&mut follower));
    assert_eq!(seen, (1..=300).collect::<Vec<_>>());
    assert!(log.stats().segments > 5);
}

#[test]
fn a_follower_survives_the_removal_of_its_segment() {
    let data = tempfile::tempdir().unwrap();
    let log = open(data.path());
    fill(&log, 1..=10);
    let mut follower = Reader::open(data.path(), 0);
    follower.next().unwrap().unwrap();
    fill(&log, 11..=200);
    log.advance(150).unwrap();
    let first_kept = log.stats().first_sequence;
    assert!(first_kept > 20);
    let mut read = read_all(&mut follower).into_iter();
    let removed = read.by_ref().find_map(|read| match read {
        Read::Damage(damage) => Some(damage),
        Read::Entry { .. } => None,
    });
    let removed = removed.unwrap();
    assert_eq!((removed.cause, removed.last_missing), (Cause::Removed, first_kept - 1));
    assert_eq!(read.len() as u64, 200 - first_kept + 1);
    // Who asks for what is gone is told so as well.
    let read = read_all(&mut Reader::open(data.path(), 5));
    let Read::Damage(removed) = &read[0] else { panic!("{read:?}") };
    assert_eq!(
        removed.to_string(),
        format!(
            "sequences 5 to {} were removed (0 bytes at 0 of segment {})",
            first_kept - 1,
            removed.segment
        )
    );
}

#[test]
fn a_follower_keeps_up_with_a_writer_at_full_speed() {
    const ENTRIES: u128 = 20_000;
    let data = tempfile::tempdir().unwrap();
    let log = Log::open(
        Arc::new(RealDisk),
        data.path(),
        Config { segment_bytes: 256 << 10, sync: SyncMode::NeverForTests, ..config() },
    );
    let log = log.unwrap();
    let mut follower = Reader::open(data.path(), 0);
    let writing = std::thread::spawn(move || fill(&log, 1..=ENTRIES));
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut seen = Vec::new();
    while (seen.len() as u128) < ENTRIES {
        seen.extend(sequences(&mut follower));
        assert!(Instant::now() < deadline, "{} seen", seen.len());
    }
    writing.join().unwrap();
    assert!(seen.into_iter().eq(1..=ENTRIES as u64));
}
