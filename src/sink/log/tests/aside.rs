//! What cannot be read is never removed: a damaged segment is set aside when the consumer is done with it.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::disk::{Disk, RealDisk};
use super::super::segment::FRAMES_OFFSET;
use super::super::{Cause, Config, Log, Look, Read, Reader};
use super::file::{config, fill, frames, open, read_all, segments};
use super::simulated::{Outage, Sabotage, SimulatedDisk};

fn set_aside(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "damaged"));
    paths.sort();
    paths
}

fn spoil(path: &Path) -> Vec<u8> {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&[0xFF; 8], FRAMES_OFFSET + 40).unwrap();
    fs::read(path).unwrap()
}

#[test]
fn a_drained_segment_with_damage_is_kept_under_another_name() {
    let data = tempfile::tempdir().unwrap();
    let log = open(data.path());
    fill(&log, 1..=100);
    let paths = segments(data.path());
    let bytes = spoil(&paths[1]);
    let read = read_all(&mut log.reader(0));
    assert_eq!(read.iter().filter(|read| matches!(read, Read::Damage(_))).count(), 1);
    log.advance(100).unwrap();
    assert_eq!(segments(data.path()).len(), 1, "what is whole is removed");
    let kept = set_aside(data.path());
    assert_eq!(kept.len(), 1);
    assert_eq!(fs::read(&kept[0]).unwrap(), bytes);
    // It counts for nothing any more, and the log goes on with it beside.
    assert_eq!(log.stats().segments, 1);
    log.close();
    let log = open(data.path());
    fill(&log, 101..=102);
    assert_eq!(read_all(&mut log.reader(101)).len(), 2);
    let look = Look::at(data.path()).unwrap();
    assert_eq!((look.segments.len(), look.set_aside.len()), (2, 1));
    assert_eq!(look.set_aside[0].bytes, bytes.len() as u64);
}

#[test]
fn damage_that_an_earlier_process_has_met_is_kept_too() {
    let data = tempfile::tempdir().unwrap();
    let log = open(data.path());
    fill(&log, 1..=100);
    let paths = segments(data.path());
    spoil(&paths[1]);
    let second = Look::at(data.path()).unwrap().segments[1].first_sequence.unwrap();
    read_all(&mut log.reader(0));
    // Behind the damage, within its segment.
    log.advance(second + 2).unwrap();
    log.close();
    let log = open(data.path());
    let read = read_all(&mut log.reader(second + 3));
    assert!(read.iter().all(|read| matches!(read, Read::Entry { .. })), "it is not told again");
    log.advance(100).unwrap();
    assert_eq!(set_aside(data.path()).len(), 1);
}

#[test]
fn a_segment_that_a_crash_left_behind_the_cursor_is_looked_through_before_it_is_removed() {
    let data = tempfile::tempdir().unwrap();
    let log = open(data.path());
    fill(&log, 1..=100);
    let paths = segments(data.path());
    spoil(&paths[1]);
    // As if the process had died after the cursor moved: the segments are there, and behind it.
    let copies: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    log.advance(100).unwrap();
    log.close();
    for (path, bytes) in paths.iter().zip(copies) {
        fs::write(path, bytes).unwrap();
    }
    set_aside(data.path()).iter().for_each(|path| fs::remove_file(path).unwrap());
    let log = open(data.path());
    fill(&log, 101..=101);
    log.advance(101).unwrap();
    assert_eq!(set_aside(data.path()).len(), 1);
}

#[test]
fn a_segment_without_a_readable_header_is_set_aside() {
    let data = tempfile::tempdir().unwrap();
    let log = open(data.path());
    fill(&log, 1..=100);
    log.close();
    let lost = segments(data.path()).remove(1);
    let file = fs::OpenOptions::new().write(true).open(&lost).unwrap();
    file.write_all_at(&[0; 64], 0).unwrap();
    file.write_all_at(&[0; 64], 4_096).unwrap();
    let look = Look::at(data.path()).unwrap();
    assert_eq!(look.segments.iter().filter(|segment| segment.is_lost).count(), 1);
    let log = open(data.path());
    log.advance(100).unwrap();
    // The one before it as well: what it lacks up to the next may have been its own.
    assert!(set_aside(data.path()).iter().any(|path| path.file_stem() == lost.file_stem()));
}

#[test]
fn a_retention_removes_what_is_damaged_as_it_was_told_to() {
    let data = tempfile::tempdir().unwrap();
    let config = Config { retention_bytes: Some(20 << 10), ..config() };
    let log = Log::open(Arc::new(RealDisk), data.path(), config).unwrap();
    fill(&log, 1..=60);
    spoil(&segments(data.path())[0]);
    read_all(&mut log.reader(0));
    fill(&log, 61..=300);
    assert_eq!(set_aside(data.path()), Vec::<PathBuf>::new());
    assert!(read_all(&mut Reader::open(data.path(), 0)).len() < 200);
}

const DIR: &str = "/data/spool/topic";

/// Reads on, and moves the cursor as a drain does, until the power goes or nothing is left.
fn drain(disk: &SimulatedDisk, config: &Config, rng: &mut fastrand::Rng) -> Option<()> {
    let log = Log::open(Arc::new(disk.clone()), Path::new(DIR), config.clone()).ok()?;
    let mut reader = log.reader(log.stats().cursor + 1);
    while let Some(read) = reader.next().ok()? {
        let at = match read {
            Read::Entry { sequence, .. } => sequence,
            Read::Damage(damage) => {
                assert_ne!(damage.cause, Cause::Removed);
                continue;
            }
        };
        if rng.u8(..8) == 0 {
            log.advance(at).ok()?;
        }
    }
    log.advance(log.stats().last_sequence).ok()
}

/// Where the bytes of a segment are: under its name, or set aside. Never nowhere.
fn find(disk: &SimulatedDisk, number: &str) -> Option<(String, Vec<u8>)> {
    let names = disk.list(Path::new(DIR)).unwrap();
    let name = names.into_iter().find(|name| name.split('.').next() == Some(number))?;
    let file = disk.open(&Path::new(DIR).join(&name)).unwrap();
    let mut bytes = vec![0; usize::try_from(file.length().unwrap()).unwrap()];
    let read = file.read_at(&mut bytes, 0).unwrap();
    bytes.truncate(read);
    // A power cut may bring back space that was allocated, never written, and cut off.
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.truncate(end);
    Some((name, bytes))
}

#[test]
fn whenever_the_power_goes_during_a_drain_the_damaged_segment_is_still_there() {
    let mut set_aside = 0;
    let mut outages = 0;
    for seed in 0..200 {
        fastrand::seed(seed);
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut disk = SimulatedDisk::new(seed, Sabotage::None);
        let config = Config { segment_bytes: FRAMES_OFFSET + 2_100, free_bytes_min: 0, ..config() };
        let log = Log::open(Arc::new(disk.clone()), Path::new(DIR), config.clone()).unwrap();
        for id in 1..=60 {
            log.append(frames(id, &[0xA5; 90])).wait().unwrap();
        }
        log.close();
        let mut names = disk.list(Path::new(DIR)).unwrap();
        names.sort();
        // Any but the last, which stays whatever happens.
        let spoilt = names[rng.usize(..names.len() - 1)].clone();
        disk.spoil(&Path::new(DIR).join(&spoilt), FRAMES_OFFSET + rng.u64(0..1_500));
        let number = spoilt.split('.').next().unwrap().to_owned();
        let (_, before) = find(&disk, &number).unwrap();
        for _ in 0..rng.usize(..4) {
            disk.plan_outage(rng.u64(1..40));
            outages += u64::from(drain(&disk, &config, &mut rng).is_none());
            disk = disk.restart(if rng.bool() { Outage::PowerCut } else { Outage::Kill });
            let (_, bytes) = find(&disk, &number).unwrap_or_else(|| panic!("seed {seed}: it is gone"));
            assert!(bytes == before, "seed {seed}: it has changed");
        }
        // The next move of the cursor removes what an outage has left behind it.
        let log = Log::open(Arc::new(disk.clone()), Path::new(DIR), config.clone()).unwrap();
        log.append(frames(61, b"last")).wait().unwrap();
        log.close();
        drain(&disk, &config, &mut rng)
            .unwrap_or_else(|| panic!("seed {seed}: it does not drain on a sound disk"));
        let (name, bytes) = find(&disk, &number).unwrap_or_else(|| panic!("seed {seed}: it is gone"));
        assert!(bytes == before, "seed {seed}: it has changed");
        assert!(name.ends_with(".damaged"), "seed {seed}: {name} is done with");
        set_aside += 1;
        assert_eq!(
            disk.list(Path::new(DIR)).unwrap().iter().filter(|name| name.ends_with(".segment")).count(),
            1,
            "seed {seed}: what is whole is removed"
        );
    }
    assert!(set_aside == 200 && outages > 100, "{set_aside} set aside, {outages} outages");
}
