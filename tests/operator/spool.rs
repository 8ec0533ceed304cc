//! `sluicegate spool`.

use crate::rig::{TIME_MS, append, json, path, run, small, text};
use sluicegate::sink::log::{Directory, Log, log_path, spool_path};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A spool of three records, of which Kafka has one. Held open, as a gateway does.
fn spool(data: &Path) -> Log {
    spool_in(&Directory::lock(data).unwrap())
}

fn spool_in(directory: &Directory) -> Log {
    let log = directory.spool("raw_claims", small()).unwrap();
    append(&log, &["{\"a\": 1}", "{\"a\": 2}", "{\"a\": 3}"]);
    log.advance(1).unwrap();
    log
}

/// Turns a record's bytes into others.
fn spoil(directory: &Path, value: &str) {
    let mut spoilt = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let file = entry.unwrap().path();
        let mut bytes = fs::read(&file).unwrap();
        if let Some(at) = bytes.windows(value.len()).position(|window| window == value.as_bytes()) {
            bytes[at] ^= 1;
            fs::write(&file, bytes).unwrap();
            spoilt += 1;
        }
    }
    assert_eq!(spoilt, 1, "{value} is in one segment");
}

#[test]
fn inspect_says_what_waits_while_a_gateway_runs() {
    let data = TempDir::new().unwrap();
    let log = spool(data.path());
    let output = run(&["spool", "inspect", "--data", path(data.path())]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let said = text(&output.stdout);
    assert!(said.starts_with("raw_claims: 2 records of 84 bytes wait, the oldest for "), "{said}");
    assert!(
        said.contains(" (since 2026-11-23T23:58:43.042Z)\n  the cursor is at 1; 1 segments of "),
        "{said}"
    );
    let report = json(&run(&["spool", "inspect", "--json", "--data", path(data.path())]));
    let topic = &report["topics"][0];
    assert_eq!(report["well"], true);
    assert_eq!(
        (&topic["topic"], &topic["records"], &topic["cursor"]),
        (&"raw_claims".into(), &2.into(), &1.into())
    );
    assert_eq!(topic["oldest"], "2026-11-23T23:58:43.042Z");
    assert_eq!(topic["wrong"], serde_json::json!([]));
    let waiting = log.waiting();
    assert_eq!((waiting.records, waiting.oldest_ms), (2, Some(TIME_MS)));
    log.advance(3).unwrap();
    let output = run(&["spool", "inspect", "--data", path(data.path())]);
    assert!(text(&output.stdout).starts_with("raw_claims: nothing waits\n"), "{}", text(&output.stdout));
}

#[test]
fn export_prints_the_records_that_wait_and_leaves_them_there() {
    let data = TempDir::new().unwrap();
    let log = spool(data.path());
    let export = ["spool", "export", "raw_claims", "--data", path(data.path())];
    for _ in 0..2 {
        let output = run(&export);
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
        assert_eq!(text(&output.stdout), "{\"a\": 2}\n{\"a\": 3}\n");
    }
    let output = run(&[&export[..], &["--envelope"]].concat());
    let first: serde_json::Value =
        serde_json::from_str(text(&output.stdout).lines().next().unwrap()).unwrap();
    assert_eq!((&first["sequence"], &first["key"]), (&2.into(), &"POL-1".into()));
    assert_eq!(first["value"], "{\"a\": 2}");
    assert_eq!(log.stats().cursor, 1);
}

#[test]
fn verify_finds_damage_wherever_it_is() {
    let data = TempDir::new().unwrap();
    let directory = Directory::lock(data.path()).unwrap();
    let _log = spool_in(&directory);
    let verify = ["spool", "verify", "--log", "--data", path(data.path())];
    let kept = directory.log("raw_claims", small()).unwrap();
    append(&kept, &["kept-one", "kept-two", "kept-three"]);
    let output = run(&verify);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert_eq!(
        text(&output.stdout),
        "spool/raw_claims: 3 records in 1 segments, all of it is whole\n\
         log/raw_claims: 3 records in 1 segments, all of it is whole\n"
    );
    spoil(&log_path(data.path(), "raw_claims").unwrap(), "kept-two");
    let output = run(&verify);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.contains("log/raw_claims: 2 records in 1 segments, not all of it is whole\n  sequences 2 to 2 are damaged ("), "{said}");
    assert_eq!(
        run(&verify[..2].iter().chain(&verify[3..]).copied().collect::<Vec<_>>()).status.code(),
        Some(0),
        "without --log"
    );
    spoil(&spool_path(data.path(), "raw_claims").unwrap(), "{\"a\": 2}");
    let report = json(&run(&[&verify[..], &["--json"]].concat()));
    assert_eq!(report["well"], false);
    assert_eq!((&report["topics"][0]["kind"], &report["topics"][0]["records"]), (&"spool".into(), &2.into()));
    let inspected = run(&["spool", "inspect", "--data", path(data.path())]);
    assert_eq!(inspected.status.code(), Some(1));
    assert!(
        text(&inspected.stdout).contains("\n  sequences 2 to 2 are damaged ("),
        "{}",
        text(&inspected.stdout)
    );
    let exported = run(&["spool", "export", "raw_claims", "--data", path(data.path())]);
    assert_eq!((exported.status.code(), text(&exported.stdout)), (Some(1), "{\"a\": 3}\n"));
    assert!(text(&exported.stderr).starts_with("sluicegate: sequences 2 to 2 are damaged ("));
}

#[test]
fn a_segment_that_was_set_aside_is_told_until_somebody_removes_it() {
    let data = TempDir::new().unwrap();
    let directory = Directory::lock(data.path()).unwrap();
    let log = directory.spool("raw_claims", small()).unwrap();
    let values: Vec<String> = (0..60).map(|number| format!("{number:x>200}")).collect();
    append(&log, &values.iter().map(String::as_str).collect::<Vec<_>>());
    let spooled = spool_path(data.path(), "raw_claims").unwrap();
    spoil(&spooled, &values[3]);
    let mut reader = log.reader(0);
    while reader.next().unwrap().is_some() {}
    log.advance(60).unwrap();
    let output = run(&["spool", "verify", "--data", path(data.path())]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    let bytes = fs::metadata(spooled.join("00000000000000000001.damaged")).unwrap().len();
    assert!(
        said.contains(&format!(
            "\n  00000000000000000001.damaged ({bytes} bytes) was set aside because part of it could not be read; remove \
             it once nobody needs it\n"
        )),
        "{said}"
    );
    fs::remove_file(spooled.join("00000000000000000001.damaged")).unwrap();
    assert_eq!(run(&["spool", "verify", "--data", path(data.path())]).status.code(), Some(0));
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let data = TempDir::new().unwrap();
    let spool_command = |arguments: &[&str]| {
        let output = run(&[&["spool"], arguments].concat());
        assert_eq!(text(&output.stdout), "");
        (output.status.code(), text(&output.stderr).replace(path(data.path()), "DATA"))
    };
    let nowhere = data.path().join("nowhere");
    for command in [&["inspect"][..], &["verify"], &["export", "raw_claims"]] {
        assert_eq!(
            spool_command(&[command, &["--data", path(&nowhere)]].concat()),
            (
                Some(2),
                "sluicegate: there is no directory DATA/nowhere; name the gateway's data directory by --data\n".into()
            )
        );
    }
    let data_flag = ["--data", path(data.path())];
    assert_eq!(
        spool_command(&[&["export", "raw_claims"], &data_flag[..]].concat()),
        (Some(2), "sluicegate: no topic has a spool in DATA\n".into())
    );
    let output = run(&[&["spool", "inspect"], &data_flag[..]].concat());
    assert_eq!(text(&output.stdout).replace(path(data.path()), "DATA"), "no topic has a spool in DATA\n");
    drop(spool(data.path()));
    assert_eq!(
        spool_command(&[&["export", "claims"], &data_flag[..]].concat()),
        (Some(2), "sluicegate: 'claims' has no spool in DATA; there are: raw_claims\n".into())
    );
    let (code, said) = spool_command(&[&["export", "../claims"], &data_flag[..]].concat());
    assert_eq!(code, Some(2));
    assert!(said.starts_with("sluicegate: '../claims' is not the name of a topic: use letters, "), "{said}");
}
