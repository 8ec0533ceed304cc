//! The seeded campaign: a log on a disk that fails, through many restarts, against the oracle.
//!
//! `SLUICEGATE_LOG_SEEDS=10000 cargo test --release the_log_survives` runs more seeds;
//! `SLUICEGATE_LOG_SEED=42` runs only that one, and with both it is the first of so many. A seed
//! decides everything: the log is driven on this thread.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::super::committer::Committer;
use super::super::disk::Disk;
use super::super::error::{AppendError, CursorError};
use super::super::reader::Reader;
use super::super::recovery::{self, Recovery};
use super::super::segment::{FRAMES_OFFSET, SyncMode};
use super::super::state::State;
use super::super::{Config, Frames};
use super::oracle::{Broken, Counts, Oracle, ensure};
use super::simulated::{Faults, Outage, Sabotage, SimulatedDisk, Space};

const SEEDS: u64 = 300;
const DIR: &str = "/data/log/topic";

/// Where a seed's outages and faults may fall. A sabotage is looked for where it shows.
const BOOTS_MAX: usize = 6;
const STEPS_MAX: usize = 24;

/// Above what the last segment, which always stays, can hold; reached within some lives.
const HIGH_WATER_BYTES: std::ops::Range<u64> = 250_000..350_000;

const SMALL_VALUE_BYTES: usize = 400;

struct Campaign {
    rng: fastrand::Rng,
    disk: SimulatedDisk,
    config: Config,
    faults: Faults,
    oracle: Oracle,
}

/// One life of the log, from its opening to an outage or its end.
struct Life {
    state: Arc<State>,
    committer: Committer,
    recovery: Recovery,
    consumer: Reader,
}

impl Campaign {
    fn new(seed: u64, sabotage: Sabotage) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        // Salts come from the thread's generator.
        fastrand::seed(seed);
        let config = Config {
            segment_bytes: FRAMES_OFFSET + rng.u64(500..6_000),
            high_water_bytes: if rng.bool() { u64::MAX } else { rng.u64(HIGH_WATER_BYTES) },
            free_bytes_min: 4_096,
            retry_pause: Duration::ZERO,
            sync: if sabotage == Sabotage::NeverSync { SyncMode::NeverForTests } else { SyncMode::Always },
            ..Config::default()
        };
        let mut chance = |max: u8| if rng.bool() { 0 } else { rng.u8(..max) };
        let faults = Faults {
            sync: chance(64),
            sync_dir: chance(64),
            write: chance(32),
            create: chance(64),
            short_write: chance(128),
            space: Space::Enough,
        };
        let disk = SimulatedDisk::new(rng.u64(..), sabotage);
        let oracle = Oracle::new(faults.sync == 0);
        Self { rng, disk, config, faults, oracle }
    }

    fn run(&mut self) -> Result<(), Broken> {
        for _ in 0..self.rng.usize(1..=BOOTS_MAX) {
            self.plan_faults();
            if let Some(mut life) = self.boot()? {
                self.live(&mut life)?;
                self.end(life);
            }
            // Half of the outages are power cuts, and power may go again while the log is being opened.
            let outage = if self.rng.bool() { Outage::PowerCut } else { Outage::Kill };
            self.disk = self.disk.restart(outage);
        }
        self.finish()
    }

    fn plan_faults(&mut self) {
        let space = match self.rng.u8(..8) {
            0 => Space::Full,
            1 => Space::FullInSecret,
            _ => Space::Enough,
        };
        let faulty = self.rng.bool();
        self.disk.set_faults(if faulty { Faults { space, ..self.faults } } else { Faults::default() });
        if self.rng.u8(..4) > 0 {
            // The nearer ones fall into the opening itself.
            let within = if self.rng.u8(..4) == 0 { 6 } else { 120 };
            self.disk.plan_outage(self.rng.u64(1..within));
        }
    }

    /// Opens the log; `None` if the disk failed on the way.
    fn boot(&mut self) -> Result<Option<Life>, Broken> {
        self.oracle.counts.boots += 1;
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let dir = Path::new(DIR);
        let Ok(recovered) = recovery::recover(&*disk, dir, self.config.sync) else {
            self.oracle.counts.failed_boots += 1;
            return Ok(None);
        };
        let state = Arc::new(State::new(disk, dir.to_owned(), self.config.clone(), &recovered));
        let committer = Committer::new(Arc::clone(&state), &recovered);
        let consumer = Reader::of_log(Arc::clone(&state), 0);
        let life = Life { state, committer, recovery: recovered.report, consumer };
        if !self.disk.is_off() {
            let mut reader = Reader::of_log(Arc::clone(&life.state), 0);
            self.oracle.compare(&life.recovery, &mut reader)?;
        }
        Ok(Some(life))
    }

    fn live(&mut self, life: &mut Life) -> Result<(), Broken> {
        for _ in 0..self.rng.usize(..STEPS_MAX) {
            if self.disk.is_off() {
                return Ok(());
            }
            match self.rng.u8(..15) {
                0..9 => {
                    let value_max = if self.rng.u8(..16) == 0 { 9_000 } else { SMALL_VALUE_BYTES };
                    self.append(life, value_max)?;
                }
                9 | 10 => self.advance(life)?,
                11..14 => {
                    let entries = self.rng.usize(..30);
                    self.oracle.consume(&mut life.consumer, entries)?;
                }
                // Faults end, and come back.
                _ => self.toggle_faults(),
            }
        }
        if !self.disk.is_off() {
            self.oracle.read_all(&mut Reader::of_log(Arc::clone(&life.state), 0))?;
        }
        Ok(())
    }

    fn toggle_faults(&mut self) {
        let faults = if self.rng.bool() { self.faults } else { Faults::default() };
        self.disk.set_faults(faults);
    }

    /// Appends a group; says whether all of it was acknowledged.
    fn append(&mut self, life: &mut Life, value_max: usize) -> Result<Option<AppendError>, Broken> {
        let mut group: Vec<Frames> = Vec::new();
        let mut ids = Vec::new();
        for _ in 0..self.rng.usize(1..=4) {
            let entries = self.rng.usize(1..=5);
            let (frames, sent) = self.oracle.send(&mut self.rng, entries, value_max);
            group.push(frames);
            ids.push(sent);
        }
        let answers = life.committer.commit(&mut group);
        ensure!(answers.len() == group.len(), "{} answers to {} appends", answers.len(), group.len());
        let mut refusal = None;
        for (answer, ids) in answers.into_iter().zip(&ids) {
            match answer {
                Ok(appended) => self.oracle.acknowledge(appended, ids)?,
                Err(error) => {
                    self.oracle.counts.refused += ids.len() as u64;
                    refusal = Some(error);
                }
            }
        }
        Ok(refusal)
    }

    fn advance(&mut self, life: &mut Life) -> Result<(), Broken> {
        let stats = life.state.stats();
        let to = self.rng.u64(stats.cursor..=stats.last_sequence.max(stats.cursor) + 1);
        match life.state.advance(to) {
            Ok(()) => {
                ensure!(to <= stats.last_sequence, "the cursor went to {to}, beyond {}", stats.last_sequence);
                self.oracle.claim(to);
                self.oracle.advance(to);
                self.oracle.counts.removed += stats.segments - life.state.stats().segments;
            }
            Err(CursorError::Ahead { .. }) => {
                ensure!(to > stats.last_sequence, "{to} is not ahead of {}", stats.last_sequence);
            }
            Err(_) => self.oracle.claim(to),
        }
        Ok(())
    }

    fn end(&mut self, life: Life) {
        self.oracle.counts.poisoned += life.state.stats().poisoned;
        if self.rng.bool() {
            life.committer.close();
        }
    }

    /// The fault has ended: the log opens, holds what it must, and takes a record at once.
    fn finish(&mut self) -> Result<(), Broken> {
        self.disk.set_faults(Faults::default());
        let Some(mut life) = self.boot()? else {
            return Err("the log does not open on a sound disk".to_owned());
        };
        let durable = life.state.stats().last_sequence;
        self.oracle.claim(durable);
        life.state.advance(durable).map_err(|error| format!("on a sound disk {error}"))?;
        self.oracle.advance(durable);
        if let Some(error) = self.append(&mut life, SMALL_VALUE_BYTES)? {
            return Err(format!("a fresh record is refused on a sound disk: {error}"));
        }
        self.fail_and_recover(&mut life)?;
        let inside = self.oracle.read_all(&mut Reader::of_log(Arc::clone(&life.state), 0))?;
        let outside =
            self.oracle.read_all(&mut Reader::on(Arc::new(self.disk.clone()), Path::new(DIR), 0))?;
        ensure!(inside == outside, "another process reads {outside:?}, this one {inside:?}");
        life.committer.close();
        self.disk = self.disk.restart(Outage::PowerCut);
        self.boot()?.map(drop).ok_or_else(|| "the log does not open after a clean end".to_owned())
    }

    /// The disk fails altogether and is well again, within one life.
    fn fail_and_recover(&mut self, life: &mut Life) -> Result<(), Broken> {
        self.disk.set_faults(Faults { sync: 255, create: 255, ..Faults::default() });
        for _ in 0..3 {
            self.append(life, SMALL_VALUE_BYTES)?;
        }
        self.disk.set_faults(Faults::default());
        // The consumer stands where the failed groups were written, and where others come now.
        self.oracle.consume(&mut life.consumer, usize::MAX)?;
        if let Some(error) = self.append(life, SMALL_VALUE_BYTES)? {
            return Err(format!("a record is refused after the fault has ended: {error}"));
        }
        self.oracle.consume(&mut life.consumer, usize::MAX)
    }
}

fn run_seed(seed: u64, sabotage: Sabotage) -> Result<Counts, Broken> {
    let mut campaign = Campaign::new(seed, sabotage);
    campaign.run().map_err(|broken| {
        format!(
            "seed {seed}: {broken}\n{:?}\nrun it again: SLUICEGATE_LOG_SEED={seed} cargo test the_log_survives",
            campaign.oracle.counts
        )
    })?;
    Ok(campaign.oracle.counts)
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

#[test]
fn the_log_survives_a_disk_that_fails() {
    let first = from_environment("SLUICEGATE_LOG_SEED");
    let count = from_environment("SLUICEGATE_LOG_SEEDS").unwrap_or(if first.is_some() { 1 } else { SEEDS });
    let first = first.unwrap_or(0);
    let seeds = first..first + count;
    let is_whole = seeds.end - seeds.start > 1;
    let mut total = Counts::default();
    for seed in seeds {
        let counts = run_seed(seed, Sabotage::None).unwrap_or_else(|broken| panic!("{broken}"));
        total.sent += counts.sent;
        total.acked += counts.acked;
        total.refused += counts.refused;
        total.recovered += counts.recovered;
        total.boots += counts.boots;
        total.failed_boots += counts.failed_boots;
        total.poisoned += counts.poisoned;
        total.advances += counts.advances;
        total.removed += counts.removed;
        total.consumed += counts.consumed;
    }
    println!("{total:?}");
    // A campaign in which nothing happens proves nothing.
    let Counts { acked, refused, recovered, failed_boots, poisoned, removed, consumed, .. } = total;
    assert!(
        !is_whole
            || [acked, refused, recovered, failed_boots, poisoned, removed, consumed]
                .iter()
                .all(|count| *count > 50),
        "{total:?}"
    );
}

fn assert_notices(sabotage: Sabotage) {
    let noticed = (0..SEEDS).find_map(|seed| run_seed(seed, sabotage).err());
    let broken = noticed.unwrap_or_else(|| panic!("{SEEDS} seeds do not notice {sabotage:?}"));
    println!("{sabotage:?}: {broken}");
}

#[test]
fn a_log_that_does_not_sync_is_noticed() {
    assert_notices(Sabotage::NeverSync);
}

#[test]
fn a_segment_whose_name_is_not_synced_is_noticed() {
    assert_notices(Sabotage::SkipDirSync);
}

#[test]
fn a_segment_removed_before_its_cursor_is_durable_is_noticed() {
    assert_notices(Sabotage::SkipCursorNameSync);
}

#[test]
fn a_cursor_that_is_not_synced_before_it_is_renamed_is_noticed() {
    assert_notices(Sabotage::SkipCursorSync);
}

#[test]
fn a_failed_sync_that_is_asked_again_is_noticed() {
    assert_notices(Sabotage::RetrySync);
}
