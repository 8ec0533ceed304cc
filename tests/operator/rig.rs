//! The command, logs as a gateway writes them, and a gateway whose plugin does what records tell it to.

use crate::process::{Gateway, Launch, repository};
use serde_json::Value;
use sluicegate::record::RecordIds;
use sluicegate::sink::log::{Config, EntryRef, Frames, Log};
use std::path::Path;
use std::process::{Command, Output, Stdio};

pub fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
    command.args(arguments).env_clear().stdin(Stdio::null()).output().unwrap()
}

pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

pub fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", text(&output.stdout), text(&output.stderr)))
}

/// Small enough that a few records roll a segment.
pub fn small() -> Config {
    Config { segment_bytes: 12 << 10, commit_bytes_max: 2 << 10, free_bytes_min: 0, ..Config::default() }
}

pub const TIME_MS: u64 = 1_795_478_323_042;

pub fn append(log: &Log, values: &[&str]) {
    let mut ids = RecordIds::minted_at(TIME_MS);
    for value in values {
        let mut frames = Frames::default();
        let id = ids.mint();
        let headers: [(&str, &[u8]); 1] = [("sluicegate-plugin", b"claims@1.0.0")];
        let entry = EntryRef {
            time_ms: TIME_MS,
            id: id.ulid,
            part: id.part,
            key: Some(b"POL-1"),
            headers: &headers,
            value: Some(value.as_bytes()),
        };
        frames.push(&entry).unwrap();
        log.append(frames).wait().unwrap();
    }
}

/// A directory with the fixture that does what records tell it to.
pub fn plugins(directory: &Path, fixture: &str) {
    std::fs::create_dir_all(directory).unwrap();
    let from = repository("tests/fixtures").join(fixture);
    std::fs::copy(from, directory.join(fixture)).unwrap();
}

/// A gateway in this directory, with this configuration.
pub fn serve(directory: &Path, config: &str) -> Gateway {
    let (data, plugins_directory) = (directory.join("data"), directory.join("plugins"));
    if !plugins_directory.exists() {
        plugins(&plugins_directory, "hostile.wasm");
    }
    std::fs::create_dir_all(&data).unwrap();
    let file = directory.join("sluicegate.toml");
    std::fs::write(&file, config).unwrap();
    let mut launch = Launch::bare().config(&file);
    launch.command.arg("--data").arg(data).arg("--plugins").arg(plugins_directory).env_clear();
    launch.start()
}
