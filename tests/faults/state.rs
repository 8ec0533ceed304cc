//! What a gateway is doing, as seen from outside: by its log, by its spool's files and by whether the broker is there.

use crate::load::TOPIC;
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where a gateway can be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Records go to the broker.
    Direct,
    /// The broker has just gone, and the gateway still waits for its answers, or is turning.
    Lost,
    /// Records go to the spool.
    Spooling,
    /// Restarted on records in its spool while the broker was away.
    Waiting,
    /// The broker is back, and what librdkafka held goes out.
    Found,
    /// The spool is being emptied.
    Draining,
    /// A segment of the spool has just been begun.
    Rolling,
    /// The drain is noting how far it has come, or has just done so.
    Noting,
}

impl State {
    pub const ALL: [State; 8] = [
        State::Direct,
        State::Lost,
        State::Spooling,
        State::Waiting,
        State::Found,
        State::Draining,
        State::Rolling,
        State::Noting,
    ];
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Direct => "direct",
            State::Lost => "losing the broker",
            State::Spooling => "spooling",
            State::Waiting => "waiting with a spool",
            State::Found => "finding the broker",
            State::Draining => "draining",
            State::Rolling => "rolling",
            State::Noting => "noting its cursor",
        })
    }
}

/// The way of new records, as the gateway's log tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Direct,
    Spooling,
    Draining,
}

impl Mode {
    pub fn told_by(log: &str) -> Mode {
        let last = |line: &str| log.rfind(line).map_or(0, |at| at + 1);
        let modes = [
            (last("kafka does not answer; records go to the spool"), Mode::Spooling),
            (last("spool is being drained"), Mode::Draining),
            (last("spool is drained; records go to kafka again"), Mode::Direct),
        ];
        modes
            .into_iter()
            .filter(|(at, _)| *at > 0)
            .max_by_key(|(at, _)| *at)
            .map_or(Mode::Direct, |(_, mode)| mode)
    }
}

/// What was last seen of the spool's files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Files {
    newest_segment: Option<PathBuf>,
    /// The cursor's file: each move makes another.
    cursor: Option<u64>,
    is_noting: bool,
}

impl Files {
    pub fn look(data: &Path) -> Files {
        let directory = data.join("spool").join(TOPIC);
        let entries = std::fs::read_dir(&directory).into_iter().flatten().map_while(Result::ok);
        let paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        Files {
            newest_segment: paths
                .iter()
                .filter(|path| path.extension().is_some_and(|e| e == "segment"))
                .max()
                .cloned(),
            cursor: std::fs::metadata(directory.join("cursor")).ok().map(|file| file.ino()),
            is_noting: paths.iter().any(|path| path.ends_with("cursor.new")),
        }
    }
}

/// Looks at the files until they show a roll or a note; false: not in this time.
pub fn sight(data: &Path, wanted: State, time: Duration) -> bool {
    let (start, before) = (Instant::now(), Files::look(data));
    while start.elapsed() < time {
        let now = Files::look(data);
        let seen = match wanted {
            State::Rolling => now.newest_segment > before.newest_segment && before.newest_segment.is_some(),
            State::Noting => now.is_noting || now.cursor != before.cursor,
            _ => return false,
        };
        if seen {
            return true;
        }
        // A roll and a note each take two syncs, of milliseconds.
        std::thread::park_timeout(Duration::from_micros(200));
    }
    false
}
