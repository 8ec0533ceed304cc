//! The binary as a person runs it: what it prints, what it refuses, how it ends.

use crate::client::{Answer, Client};
use crate::process::{self, Gateway, Launch, repository};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

#[test]
fn a_plugin_dropped_into_the_default_directory_is_seen_without_polling() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("plugins")).unwrap();
    let mut launch = Launch::bare();
    launch.command.current_dir(directory.path()).env("SLUICEGATE__PLUGINS__POLL_INTERVAL_MS", "600000");
    let gateway = launch.start();
    // A terminal that is closed does not end it.
    gateway.signal("-HUP");
    std::fs::copy(repository("tests/fixtures/swap-v1.wasm"), directory.path().join("plugins/swap.wasm"))
        .unwrap();
    let start = std::time::Instant::now();
    loop {
        let mut client = Client::connect(gateway.data_address).unwrap();
        if client.post("/swap", "application/json", b"{}").unwrap().status == 200 {
            break;
        }
        assert!(start.elapsed() < process::PATIENCE, "no event was heeded");
        std::thread::park_timeout(Duration::from_millis(10));
    }
    println!("live after {:?}", start.elapsed());
}

fn run(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sluicegate")).args(words).output().unwrap()
}

fn serve(data: &Path, listen: &str) -> Output {
    let (data, plugins) = (data.to_str().unwrap(), repository("plugins"));
    let plugins = plugins.to_str().unwrap();
    run(&["serve", "--data", data, "--plugins", plugins, "--listen", listen, "--admin", "127.0.0.1:0"])
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_record_goes_in_by_http_and_comes_out_of_tail() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let mut gateway = Launch::serve(&data).start();
    let record = crate::harness::transaction("FT-1");
    let mut client = Client::connect(gateway.data_address).unwrap();
    let answer = client.post(crate::harness::FINANCIAL, "application/json", record.as_bytes()).unwrap();
    assert_eq!(answer.status, 200);
    let tail = run(&["tail", "raw_financial_transactions", "--data", data.to_str().unwrap()]);
    assert_eq!(String::from_utf8(tail.stdout).unwrap(), format!("{record}\n"));
    gateway.signal("-TERM");
    assert_eq!(gateway.exit().code(), Some(0));
}

#[test]
fn sigterm_makes_it_unready_while_it_still_serves_and_then_ends_well() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("lame.toml");
    std::fs::write(&config, "[shutdown]\nlame_duck_ms = 600000\n").unwrap();
    let mut gateway = Launch::serve(&directory.path().join("data")).config(&config).start();
    gateway.signal("-TERM");
    let unready = await_status(&gateway, "/readyz", 503).json();
    assert_eq!(unready["status"], "not ready");
    assert_eq!(unready["reasons"], serde_json::json!(["the gateway is shutting down"]));
    await_status(&gateway, "/livez", 200);
    let mut client = Client::connect(gateway.data_address).unwrap();
    let record = crate::harness::transaction("FT-1");
    let answer = client.post(crate::harness::FINANCIAL, "application/json", record.as_bytes()).unwrap();
    assert_eq!(answer.status, 200, "a lame duck still serves: {}", String::from_utf8_lossy(&answer.body));
    // The second signal skips the waits: ten minutes of lame duck among them.
    gateway.signal("-TERM");
    assert_eq!(gateway.exit().code(), Some(0));
    let entries = crate::harness::entries(&directory.path().join("data"), "raw_financial_transactions");
    assert_eq!(entries.len(), 1);
}

fn await_status(gateway: &Gateway, path: &str, wanted: u16) -> Answer {
    let start = std::time::Instant::now();
    loop {
        let answer = Client::connect(gateway.admin_address).and_then(|mut client| client.get(path)).unwrap();
        if answer.status == wanted {
            return answer;
        }
        assert!(start.elapsed() < process::PATIENCE, "{path} stays {}", answer.status);
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

#[test]
fn requests_in_flight_at_sigterm_are_answered() {
    let directory = tempfile::tempdir().unwrap();
    let mut gateway = Launch::serve(&directory.path().join("data")).start();
    let record = crate::harness::transaction("FT-1");
    let mut client = Client::connect(gateway.data_address).unwrap();
    // All but the last byte: the request is in flight when the signal comes.
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n",
        crate::harness::FINANCIAL,
        record.len()
    );
    let (first, last) = record.split_at(record.len() - 1);
    client.send(format!("{head}{first}").as_bytes()).unwrap();
    await_status(&gateway, "/livez", 200);
    gateway.signal("-TERM");
    await_status(&gateway, "/readyz", 503);
    assert_eq!(client.exchange(last.as_bytes()).unwrap().status, 200);
    assert_eq!(gateway.exit().code(), Some(0));
}

#[test]
fn a_second_gateway_on_the_same_data_is_told_so() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let _first = Launch::serve(&data).start();
    let second = serve(&data, "127.0.0.1:0");
    assert_eq!(second.status.code(), Some(2));
    let text = errors(&second);
    assert!(text.contains("in use by another sluicegate") && text.contains("--data"), "{text}");
}

#[test]
fn a_port_in_use_is_named_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = serve(directory.path(), &address);
    assert_eq!(output.status.code(), Some(2));
    let text = errors(&output);
    assert!(text.contains(&address) && text.contains("--listen"), "{text}");
}

#[test]
fn a_data_directory_that_cannot_be_used_is_named_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    // A root's tests may write anywhere; but nobody makes a directory's lock where a directory is.
    let data = directory.path().join("data");
    std::fs::create_dir_all(data.join("lock")).unwrap();
    let output = serve(&data, "127.0.0.1:0");
    assert_eq!(output.status.code(), Some(2));
    let text = errors(&output);
    assert!(text.contains(data.to_str().unwrap()) && text.contains("--data"), "{text}");
}

#[test]
fn named_directories_that_are_missing_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("nowhere");
    let output = serve(&data, "127.0.0.1:0");
    assert_eq!(output.status.code(), Some(2));
    let text = errors(&output);
    assert!(text.contains(data.to_str().unwrap()) && text.contains("create it"), "{text}");
}

#[test]
fn everything_wrong_in_a_configuration_is_named_at_once_and_nothing_is_started() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("bad.toml");
    std::fs::write(
        &config,
        "[http]\nlisten = \"nowhere\"\nbody_bytes = 5\nin_flight_max = -1\n[plugins]\ndirectory = \"/not/there\"\n",
    )
    .unwrap();
    let output =
        run(&["serve", "--config", config.to_str().unwrap(), "--data", directory.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let text = errors(&output);
    for wanted in
        ["http.listen", "nowhere", "body_bytes", "body_bytes_max", "http.in_flight_max", "-1", "/not/there"]
    {
        assert!(text.contains(wanted), "{wanted} is not in:\n{text}");
    }
    assert!(!directory.path().join("log").exists(), "nothing is started");
}

#[test]
fn simulated_traffic_is_answered_as_expected() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = Launch::serve(&directory.path().join("data")).start();
    let url = format!("http://{}", gateway.data_address);
    let output = run(&["simulate", "--url", &url, "--count", "500", "--seed", "7", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    println!("{report:#}");
    let accepted = crate::harness::entries(&directory.path().join("data"), "raw_financial_transactions")
        .len()
        + crate::harness::entries(&directory.path().join("data"), "raw_insurance_claims").len();
    assert!(accepted > 300 && accepted < 500, "{accepted}");
}

#[test]
fn a_log_that_nobody_reads_any_more_stops_neither_swaps_nor_the_drain() {
    let directory = tempfile::tempdir().unwrap();
    let plugins = directory.path().join("plugins");
    std::fs::create_dir(&plugins).unwrap();
    let mut launch = Launch::bare();
    launch.command.current_dir(directory.path());
    let mut gateway = launch.deaf().start();
    std::fs::copy(repository("tests/fixtures/swap-v1.wasm"), plugins.join("swap.wasm")).unwrap();
    let start = std::time::Instant::now();
    while Client::connect(gateway.data_address)
        .and_then(|mut client| client.post("/swap", "application/json", b"{}"))
        .unwrap()
        .status
        != 200
    {
        assert!(start.elapsed() < process::PATIENCE, "the plugin is not taken");
        std::thread::park_timeout(Duration::from_millis(10));
    }
    gateway.signal("-TERM");
    assert_eq!(gateway.exit().code(), Some(0));
}
