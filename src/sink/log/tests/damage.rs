//! Files that are not what was written: cut, flipped, zeroed, made up.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::disk::RealDisk;
use super::super::frame::{FRAME_BYTES_MIN, HEAD_BYTES};
use super::super::recovery::{self, Recovery};
use super::super::segment::FRAMES_OFFSET;
use super::super::{Cause, Config, CursorFound, Damage, EntryRef, Frames, Log, Read, Reader, SyncMode};
use super::file::{config, fill, frames, open, read_all, segments, sequences};

/// Bytes of a frame of `fill`.
fn frame_bytes() -> u64 {
    frames(1, &[0xA5; 90]).bytes()
}

/// A closed log of one segment with so many entries.
fn one_segment(entries: u128) -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let data = tempfile::tempdir().unwrap();
    let log = open(data.path());
    fill(&log, 1..=entries);
    log.close();
    let path = segments(data.path()).remove(0);
    let bytes = fs::read(&path).unwrap();
    (data, path, bytes)
}

/// Opens without the syncs, which are not what is tested here.
fn recover(dir: &Path) -> Recovery {
    recovery::recover(&RealDisk, dir, SyncMode::NeverForTests).unwrap().report
}

/// The entries' sequences and what is missing between them.
fn survey(dir: &Path) -> (Vec<u64>, Vec<Damage>) {
    let (mut sequences, mut damage) = (Vec::new(), Vec::new());
    for read in read_all(&mut Reader::open(dir, 0)) {
        match read {
            Read::Entry { sequence, entry } => {
                assert_eq!((entry.id, entry.value.as_deref()), (u128::from(sequence), Some(&[0xA5; 90][..])));
                sequences.push(sequence);
            }
            Read::Damage(range) => damage.push(range),
        }
    }
    (sequences, damage)
}

#[test]
fn a_tail_torn_at_any_byte_costs_only_what_was_torn() {
    const ENTRIES: u64 = 6;
    let (data, path, bytes) = one_segment(u128::from(ENTRIES));
    let size = frame_bytes();
    assert_eq!(bytes.len() as u64, FRAMES_OFFSET + ENTRIES * size);
    for cut in FRAMES_OFFSET + (ENTRIES - 3) * size..=bytes.len() as u64 {
        fs::write(&path, &bytes[..usize::try_from(cut).unwrap()]).unwrap();
        let whole = (cut - FRAMES_OFFSET) / size;
        let report = recover(data.path());
        assert_eq!(
            (report.frames, report.last_sequence, report.damaged_ranges),
            (whole, whole, 0),
            "cut at {cut}"
        );
        assert_eq!(survey(data.path()), ((1..=whole).collect(), vec![]), "cut at {cut}");
    }
    // And it goes on behind the tear, in another file.
    let torn = &bytes[..bytes.len() - 5];
    fs::write(&path, torn).unwrap();
    let log = open(data.path());
    assert_eq!(log.recovery().torn_bytes, size - 5);
    fill(&log, u128::from(ENTRIES)..=u128::from(ENTRIES) + 3);
    log.close();
    assert_eq!(fs::read(&path).unwrap(), torn, "nothing is written over or deleted");
    assert_eq!(sequences(&mut Reader::open(data.path(), 0)), (1..=ENTRIES + 3).collect::<Vec<_>>());
}

#[test]
fn a_flipped_bit_anywhere_costs_at_most_one_entry_and_never_panics() {
    const ENTRIES: u64 = 8;
    let (data, path, bytes) = one_segment(u128::from(ENTRIES));
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let headers = (0..64).chain(4_090..4_160);
    for at in headers.chain(FRAMES_OFFSET..bytes.len() as u64) {
        let was = bytes[usize::try_from(at).unwrap()];
        file.write_all_at(&[was ^ 1 << (at % 8)], at).unwrap();
        let report = recover(data.path());
        let (sequences, damage) = survey(data.path());
        if at < FRAMES_OFFSET {
            assert_eq!((sequences.len() as u64, damage.len()), (ENTRIES, 0), "flipped at {at}");
        } else {
            let hit = (at - FRAMES_OFFSET) / frame_bytes() + 1;
            let left: Vec<_> = (1..=ENTRIES).filter(|sequence| *sequence != hit).collect();
            assert_eq!(sequences, left, "flipped at {at}");
            let missing: Vec<_> =
                damage.iter().map(|range| (range.first_missing, range.last_missing)).collect();
            if hit < ENTRIES {
                assert_eq!(missing, [(hit, hit)], "flipped at {at}");
                assert_eq!(report.damage, damage, "an opening and a reader say the same");
            } else {
                assert_eq!((missing.len(), report.torn_bytes), (0, frame_bytes()));
            }
        }
        file.write_all_at(&[was], at).unwrap();
    }
}

#[test]
fn garbage_in_place_of_any_page_never_panics_or_invents_an_entry() {
    let (data, path, bytes) = one_segment(25);
    let mut rng = fastrand::Rng::with_seed(1);
    for _ in 0..300 {
        let mut garbage = bytes.clone();
        let from = rng.usize(..garbage.len());
        let to = rng.usize(from..=garbage.len().min(from + 5_000));
        match rng.u8(..3) {
            0 => garbage[from..to].fill(0),
            1 => rng.fill(&mut garbage[from..to]),
            // A piece of the file itself, frames and all, at another place.
            _ => {
                let room = garbage.len() - (to - from);
                garbage.copy_within(from..to, rng.usize(..=room));
            }
        }
        fs::write(&path, &garbage).unwrap();
        recover(data.path());
        let (sequences, _) = survey(data.path());
        assert!(sequences.is_sorted_by(|one, other| one < other));
    }
}

#[test]
fn a_damaged_middle_segment_is_stepped_over_and_reported() {
    let data = tempfile::tempdir().unwrap();
    let log = open(data.path());
    fill(&log, 1..=100);
    let mut tailing = log.reader(0);
    let paths = segments(data.path());
    assert!(paths.len() > 3);
    // Half a segment is zeroed while the log is open.
    let file = fs::OpenOptions::new().write(true).open(&paths[1]).unwrap();
    let size = frame_bytes();
    file.write_all_at(&vec![0; usize::try_from(3 * size).unwrap()], FRAMES_OFFSET + 2 * size).unwrap();
    let first = segment_first(&paths[1]);
    let (sequences, damage) = survey(data.path());
    assert_eq!(damage.len(), 1);
    let Damage { first_missing, last_missing, cause, bytes, .. } = damage[0];
    assert_eq!((first_missing, last_missing, bytes), (first + 2, first + 4, 3 * size));
    assert_eq!(cause, Cause::Damaged);
    assert_eq!(sequences.len(), 97);
    assert_eq!(read_all(&mut tailing).len(), 98, "97 entries and the damage, in this process too");
    log.close();
    assert_eq!(open(data.path()).recovery().last_sequence, 100);
}

fn segment_first(path: &Path) -> u64 {
    let bytes = fs::read(path).unwrap();
    u64::from_le_bytes(bytes[24..32].try_into().unwrap())
}

#[test]
fn a_segment_without_a_readable_header_is_left_aside_and_its_sequences_are_not_used_again() {
    let data = tempfile::tempdir().unwrap();
    let log = open(data.path());
    fill(&log, 1..=100);
    log.close();
    let paths = segments(data.path());
    let (middle, last) = (&paths[1], paths.last().unwrap());
    let last_first = segment_first(last);
    for path in [middle, last] {
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.write_all_at(&[0; 8], 0).unwrap();
        file.write_all_at(&[0xFF; 8], 4_096).unwrap();
    }
    let log = open(data.path());
    let next = log.recovery().last_sequence + 1;
    assert!(next > 100, "goes on at {next}");
    let appended = log.append(frames(u128::from(next), &[0xA5; 90])).wait().unwrap();
    assert_eq!(appended.first_sequence, next);
    let (sequences, damage) = survey(data.path());
    let (lost_from, lost_to) = (segment_first(middle), segment_first(&paths[2]) - 1);
    let whole = (1..lost_from).chain(lost_to + 1..last_first).chain([next]);
    assert_eq!(sequences, whole.collect::<Vec<_>>());
    let missing: Vec<_> = damage.iter().map(|range| (range.first_missing, range.last_missing)).collect();
    assert_eq!(missing, [(lost_from, lost_to), (last_first, next - 1)]);
    assert!(damage.iter().all(|range| range.cause == Cause::Damaged), "{damage:?}");
}

#[test]
fn a_tear_within_the_last_group_is_told_from_damage_before_it() {
    let (data, path, bytes) = one_segment(1);
    let log = open(data.path());
    let mut group = Frames::default();
    for _ in 0..3 {
        let entry =
            EntryRef { time_ms: 0, id: 0, part: None, key: None, headers: &[], value: Some(&[1; 90]) };
        group.push(&entry).unwrap();
    }
    log.append(group).wait().unwrap();
    log.close();
    assert_eq!(fs::read(&path).unwrap(), bytes);
    // The first frame of a group of three is gone: the group may never have been synced.
    let second = segments(data.path()).remove(1);
    let file = fs::OpenOptions::new().write(true).open(second).unwrap();
    file.write_all_at(&[0; HEAD_BYTES], FRAMES_OFFSET).unwrap();
    let report = recover(data.path());
    assert_eq!(report.damage.iter().map(|damage| damage.cause).collect::<Vec<_>>(), [Cause::Torn]);
    assert!(report.damage[0].to_string().contains("may never have been acknowledged"));
    assert_eq!((report.frames, report.last_sequence), (2, 4));
}

#[test]
fn a_record_that_looks_like_frames_is_not_taken_for_them() {
    let data = tempfile::tempdir().unwrap();
    let log = open(data.path());
    // A client that knows the format and guesses the sequences, but not the segment's salt.
    let mut forged = Vec::new();
    for sequence in 2..20 {
        let mut frame = frames(666, b"forged");
        frame.stamp(crc32c::crc32c(&[0; 8]), sequence, true);
        forged.extend_from_slice(frame.as_slice());
    }
    log.append(frames(1, &forged)).wait().unwrap();
    log.append(frames(2, b"")).wait().unwrap();
    log.close();
    let path = segments(data.path()).remove(0);
    // Its own frame's head is lost, so that everything behind is searched.
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&[0; HEAD_BYTES], FRAMES_OFFSET).unwrap();
    let read = read_all(&mut Reader::open(data.path(), 0));
    assert!(matches!(&read[..], [Read::Damage(_), Read::Entry { sequence: 2, .. }]), "{read:?}");
    assert!(forged.len() > 18 * FRAME_BYTES_MIN);
}

#[test]
fn a_damaged_cursor_means_that_everything_is_consumed_again() {
    let data = tempfile::tempdir().unwrap();
    let log = open(data.path());
    fill(&log, 1..=5);
    log.advance(3).unwrap();
    log.advance(2).unwrap();
    assert_eq!(log.stats().cursor, 3, "it does not go back");
    log.close();
    let path = data.path().join("cursor");
    let bytes = fs::read(&path).unwrap();
    assert_eq!(recover(data.path()).cursor, CursorFound::At(3));
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        fs::write(&path, &flipped).unwrap();
        assert_eq!(recover(data.path()).cursor, CursorFound::Damaged);
        fs::write(&path, &bytes[..at]).unwrap();
        assert_eq!(recover(data.path()).cursor, CursorFound::Damaged);
    }
    fs::remove_file(path).unwrap();
    assert_eq!(recover(data.path()).cursor, CursorFound::Missing);
}

#[test]
fn a_sequence_that_was_consumed_is_not_given_again_when_the_tail_is_lost() {
    let data = tempfile::tempdir().unwrap();
    let log = open(data.path());
    fill(&log, 1..=5);
    log.advance(5).unwrap();
    log.close();
    let path = segments(data.path()).remove(0);
    fs::write(
        &path,
        &fs::read(&path).unwrap()[..usize::try_from(FRAMES_OFFSET + 2 * frame_bytes()).unwrap()],
    )
    .unwrap();
    let log = open(data.path());
    assert_eq!(log.recovery().last_sequence, 5);
    fill(&log, 6..=6);
    assert_eq!(sequences(&mut log.reader(6)), [6]);
}

#[test]
fn zeros_at_the_end_of_an_entry_are_not_taken_for_space_that_was_never_written() {
    let data = tempfile::tempdir().unwrap();
    let (running, crashed) = (data.path().join("running"), data.path().join("crashed"));
    let config = Config { segment_bytes: 64 << 10, ..config() };
    let log = Log::open(Arc::new(RealDisk), &running, config).unwrap();
    log.append(frames(1, &[0; 20_000])).wait().unwrap();
    // The files as they are while the log is open: a tail of zeros was allocated and not written.
    fs::create_dir(&crashed).unwrap();
    let path = segments(&running).remove(0);
    fs::copy(&path, crashed.join(path.file_name().unwrap())).unwrap();
    assert_eq!(segments(&crashed)[0].metadata().unwrap().len(), 64 << 10);
    assert_eq!(recover(&crashed).last_sequence, 1);
    assert_eq!(recover(&crashed).last_sequence, 1, "the first opening has trimmed the file");
    assert_eq!(
        segments(&crashed)[0].metadata().unwrap().len(),
        FRAMES_OFFSET + frames(1, &[0; 20_000]).bytes()
    );
    assert_eq!(sequences(&mut Reader::open(&crashed, 0)), [1]);
}
