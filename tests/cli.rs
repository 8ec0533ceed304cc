//! Runs the binary and reads what it says to people.

use sluicegate::record::RecordIds;
use sluicegate::sink::log::{Config, Directory, EntryRef, Frames, log_path};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn sluicegate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    sluicegate(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Writes records to a topic's log, as a gateway does.
fn write_log(data: &Path, topic: &str, values: &[Option<&[u8]>]) {
    let directory = Directory::lock(data).unwrap();
    let log = directory.log(topic, Config { free_bytes_min: 0, ..Config::default() }).unwrap();
    append(&log, values);
}

fn append(log: &sluicegate::sink::log::Log, values: &[Option<&[u8]>]) {
    let mut ids = RecordIds::minted_at(1_795_478_323_042);
    let mut frames = Frames::default();
    for value in values {
        let headers: [(&str, &[u8]); 1] = [("sluicegate-plugin", b"claims@1.0.0")];
        let id = ids.mint();
        let entry = EntryRef {
            time_ms: 1_795_478_323_042,
            id: id.ulid,
            part: id.part,
            key: Some(b"POL-1"),
            headers: &headers,
            value: *value,
        };
        frames.push(&entry).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(log.append(frames)).unwrap();
}

#[test]
fn usage_errors_end_with_2() {
    let output = run(&["srve"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("similar subcommand exists: 'serve'"), "{}", text(&output.stderr));
    let output = run(&["simulate", "--invalid", "2"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("write a number from 0 to 1, e.g. 0.05"));
    let output = run(&["simulate", "--rate", "0"]);
    assert!(text(&output.stderr).contains("write a number above 0, e.g. 500"));
    assert_eq!(run(&["check", "--print-config", "--json"]).status.code(), Some(2), "one or the other");
}

#[test]
fn every_complaint_begins_with_the_name_and_says_what_to_write() {
    for (arguments, sentence) in [
        (&["srve"][..], "unrecognized subcommand 'srve'"),
        (&["serve", "extra"], "unexpected argument 'extra' found"),
        (
            &["simulate", "--count", "x"],
            "invalid value 'x' for '--count <COUNT>': write a whole number from 1 to 18446744073709551615",
        ),
        (
            &["simulate", "--batch", "0"],
            "invalid value '0' for '--batch <RECORDS>': write a whole number from 1 to 100000",
        ),
        (
            &["simulate", "--connections", "9999"],
            "invalid value '9999' for '--connections <CONNECTIONS>': write a whole number from 1 to 4096",
        ),
        (
            &["simulate", "--rate", "-5"],
            "invalid value '-5' for '--rate <RECORDS>': write a number above 0, e.g. 500",
        ),
        (
            &["tail", "x", "--from", "-1"],
            "invalid value '-1' for '--from <SEQUENCE>': write a whole number from 0 to 18446744073709551615",
        ),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
        let first = text(&output.stderr).lines().next().unwrap();
        assert_eq!(first, format!("sluicegate: {sentence}"), "{arguments:?}");
    }
}

#[test]
fn help_and_version_end_with_0() {
    for arguments in [&["--help"][..], &["--version"], &["serve", "--help"], &["completions", "fish"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_wrong_configuration_starts_nothing_and_is_told_at_once() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("wrong.toml");
    fs::write(&file, "[http]\nlisten = \"nonsense\"\nbody_bytes_max = -1\nrecord_max = 5\n").unwrap();
    let arguments = ["serve", "--config", path(&file), "--plugins", "/nowhere/plugins"];
    let output = sluicegate(&arguments).current_dir(directory.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), "");
    let file = file.display();
    assert_eq!(
        text(&output.stderr),
        format!(
            "sluicegate: the configuration is not right, nothing was started\n\
             --plugins /nowhere/plugins (plugins.directory): there is no such directory; create it: mkdir -p /nowhere/plugins\n\
             {file}:2: http.listen = \"nonsense\": it is not an address; write IP:PORT, e.g. \"127.0.0.1:8080\", or \"0.0.0.0:8080\" for every interface\n\
             {file}:3: http.body_bytes_max = -1: it is below 1; write a number of bytes of at least 1\n\
             {file}:4: http.record_max = 5: there is no such key; did you mean records_max?\n"
        )
    );
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no data directory was made");
}

#[test]
fn check_tells_every_problem_as_text_and_as_json() {
    let arguments = ["check", "--listen", "here", "--admin", "there"];
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stderr), "");
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(lines[0], "configuration: 2 wrong");
    assert!(lines[1].starts_with("  --listen here (http.listen): it is not an address; "));
    assert!(lines[2].starts_with("  --admin there (admin.listen): it is not an address; "));
    assert_eq!(lines[3], "plugins: not looked at before the configuration is right");
    let output = run(&[&arguments[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(2));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["well"], false);
    assert_eq!(report["problems"][0]["key"], "http.listen");
    assert_eq!(report["problems"][0]["value"], "here");
    assert_eq!(report["problems"][0]["origin"]["flag"], "--listen");
    assert_eq!(report["problems"][1]["fault"], "it is not an address");
}

#[test]
fn check_tells_a_broker_that_nobody_reaches_and_what_to_do() {
    // Nobody listens on port 1.
    let plugins = concat!(env!("CARGO_MANIFEST_DIR"), "/plugins");
    let arguments = ["check", "--plugins", plugins, "--kafka", "127.0.0.1:1"];
    let output = run(&[&arguments[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(1), "the configuration is right, the world is not");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["well"], report["problems"].as_array().unwrap().len()), (&false.into(), 0));
    let trouble = report["kafka"]["trouble"].as_str().unwrap();
    let start = "kafka at 127.0.0.1:1 does not answer: start it, or correct kafka.brokers (";
    assert!(trouble.starts_with(start), "{trouble}");
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.contains(&format!("\nkafka: 1 wrong, 0 topics found at 127.0.0.1:1\n  {start}")), "{said}");
}

#[test]
fn the_printed_configuration_is_the_committed_one() {
    let output = run(&["check", "--print-config"]);
    assert_eq!(output.status.code(), Some(0));
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/sluicegate.toml");
    assert!(fs::read(committed).unwrap() == output.stdout);
}

#[test]
fn tail_prints_the_bytes_of_each_record() {
    let data = TempDir::new().unwrap();
    write_log(data.path(), "raw_claims", &[Some(b"{\"a\": 1}"), Some(b"\xff\x00"), None, Some(b"")]);
    let output = run(&["tail", "raw_claims", "--data", path(data.path())]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, b"{\"a\": 1}\n\xff\x00\n\n", "a tombstone has no bytes");
    assert_eq!(text(&output.stderr), "");
    let mut by_variable = sluicegate(&["tail", "raw_claims"]);
    let by_variable = by_variable.env("SLUICEGATE__DATA__DIRECTORY", data.path()).output().unwrap();
    assert_eq!(by_variable.stdout, output.stdout);
}

#[test]
fn tail_shows_envelopes() {
    let data = TempDir::new().unwrap();
    write_log(data.path(), "raw_claims.dead-letter", &[Some(b"x"), None]);
    let output = run(&["tail", "raw_claims", "--dead-letter", "--envelope", "--data", path(data.path())]);
    let lines: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["time"], "2026-11-23T23:58:43.042Z");
    assert_eq!(lines[0]["key"], "POL-1");
    assert_eq!(lines[0]["headers"]["sluicegate-plugin"], "claims@1.0.0");
    assert_eq!(lines[0]["value"], "x");
    assert_eq!(lines[1]["value"], serde_json::Value::Null);
    let sequence = lines[1]["sequence"].as_u64().unwrap();
    assert_eq!(lines[0]["sequence"].as_u64(), Some(sequence - 1));
    let from =
        ["tail", "raw_claims.dead-letter", "--from", &sequence.to_string(), "--data", path(data.path())];
    assert_eq!(text(&run(&from).stdout), "", "the tombstone only");
}

#[test]
fn tail_of_a_topic_that_is_not_there_names_those_that_are() {
    let data = TempDir::new().unwrap();
    let tail = |topic: &str| {
        let output = run(&["tail", topic, "--data", path(data.path())]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(text(&output.stdout), "");
        text(&output.stderr).replace(path(data.path()), "DATA")
    };
    assert_eq!(
        tail("raw_claims"),
        "sluicegate: there is no topic 'raw_claims' in DATA, nor any other; start a gateway, post a record, or \
         name the gateway's directory by --data\n"
    );
    write_log(data.path(), "b", &[Some(b"x")]);
    write_log(data.path(), "a", &[Some(b"x")]);
    assert_eq!(tail("raw_claims"), "sluicegate: there is no topic 'raw_claims' in DATA; there are: a, b\n");
    assert!(tail("../a").contains("../a"), "a topic is no path");
}

#[test]
fn tail_reports_damage_and_goes_on_behind_it() {
    let data = TempDir::new().unwrap();
    {
        let directory = Directory::lock(data.path()).unwrap();
        let log = directory.log("raw", Config { free_bytes_min: 0, ..Config::default() }).unwrap();
        append(&log, &[Some(b"first"), Some(b"second-second"), Some(b"third")]);
        // A later group proves that what came before it had been synced.
        append(&log, &[Some(b"fourth")]);
    }
    let directory = log_path(data.path(), "raw").unwrap();
    let mut damaged = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let file = entry.unwrap().path();
        let mut bytes = fs::read(&file).unwrap();
        if let Some(at) = bytes.windows(13).position(|window| window == b"second-second") {
            bytes[at] ^= 1;
            fs::write(&file, bytes).unwrap();
            damaged += 1;
        }
    }
    assert_eq!(damaged, 1);
    let output = run(&["tail", "raw", "--data", path(data.path())]);
    assert_eq!(text(&output.stdout), "first\nthird\nfourth\n");
    assert!(text(&output.stderr).starts_with("sluicegate: sequences "), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains(" are damaged ("), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn tail_follows_what_comes_in_and_ends_quietly_with_its_reader() {
    let data = TempDir::new().unwrap();
    let directory = Directory::lock(data.path()).unwrap();
    let log = directory.log("raw", Config { free_bytes_min: 0, ..Config::default() }).unwrap();
    append(&log, &[Some(b"one")]);
    let mut tail = sluicegate(&["tail", "raw", "--follow", "--data", path(data.path())]);
    let mut tail = tail.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "one");
    append(&log, &[Some(b"two")]);
    assert_eq!(lines.next().unwrap().unwrap(), "two");
    drop(lines);
    append(&log, &[Some(b"three")]);
    assert_eq!(tail.wait().unwrap().code(), Some(0));
    let mut stderr = String::new();
    tail.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(stderr, "");
}

#[test]
fn simulate_says_that_nobody_answers() {
    // Bound and closed again: nobody else listens there.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let output = run(&["simulate", "--url", &url, "--count", "1"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        format!(
            "sluicegate: no gateway answers at {url} (Connection refused (os error 111)); start one with \
             `sluicegate serve`, or name it by --url\n"
        )
    );
    let output = run(&["simulate", "--url", "ftp://x"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(&output.stderr),
        "sluicegate: 'ftp://x' is not the URL of a gateway; write e.g. http://127.0.0.1:8080\n"
    );
}

/// Answers `/health` once, as a gateway does, and is gone.
fn answer_once() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        drop(listener);
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            connection.read_exact(&mut byte).unwrap();
            request.extend(byte);
        }
        let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
        connection.write_all(answer.as_bytes()).unwrap();
    });
    url
}

#[test]
fn simulate_gives_up_on_a_gateway_that_dies() {
    let url = answer_once();
    let began = Instant::now();
    let output = run(&["simulate", "--url", &url, "--count", "1000000000", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["well"], false);
    assert_eq!(
        report["ended_early"],
        format!(
            "{url} has given no answer for 5 s (Connection refused (os error 111)); look whether the gateway runs, and \
             start it again"
        )
    );
}
