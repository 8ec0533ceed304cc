//! `sluicegate replay`: back through a gateway, or judged by another plugin.

use crate::dead_letter::{letters, post};
use crate::process::Gateway;
use crate::rig::{json, path, plugins, run, serve, text};
use serde_json::{Value, json as value};
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;

/// So little time that what is slow is a fault. Nothing is slow by itself.
const IMPATIENT: &str = "[plugin.hostile]\nrecord_ms = 5\n[dead_letters]\nrejected = true\n";

/// So much that it is none.
const PATIENT: &str = "[plugin.hostile]\nrecord_ms = 5_000\ncall_ms = 5_000\n";

fn stop(mut gateway: Gateway) {
    gateway.signal("-TERM");
    assert_eq!(gateway.exit().code(), Some(0), "{}", gateway.said());
}

/// Letters of a gateway that has gone: two that were too slow, one that traps, one that is wrong.
fn set_aside(directory: &Path) {
    let gateway = serve(directory, IMPATIENT);
    for body in ["{\"do\":\"slow:100\",\"n\":1}", "{\"do\":\"trap\"}", "{\"do\":\"slow:100\",\"n\":2}"] {
        let answer = post(&gateway, body);
        assert_eq!(
            (answer.status, &answer.json()["status"]),
            (202, &"quarantined".into()),
            "{}",
            answer.text()
        );
    }
    assert_eq!(post(&gateway, "{\"do\":\"reject\"}").status, 422);
    // What is on its way to the log is there when the gateway has ended.
    stop(gateway);
    assert_eq!(letters(directory).len(), 4);
}

fn replay(directory: &Path, arguments: &[&str]) -> Output {
    let data = directory.join("data");
    run(&[&["replay", "hostile", "--data", path(&data)], arguments].concat())
}

/// What went to the topic, in order.
fn topic(directory: &Path) -> Vec<String> {
    let data = directory.join("data");
    let output = run(&["tail", "hostile", "--data", path(&data)]);
    text(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn letters_go_through_a_gateway_again_in_order_and_are_reported() {
    let directory = TempDir::new().unwrap();
    set_aside(directory.path());
    let gateway = serve(directory.path(), PATIENT);
    let to = format!("http://{}", gateway.data_address);
    let output = replay(directory.path(), &["--to", &to, "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let report = json(&output);
    assert_eq!(
        [&report["accepted"], &report["rejected"], &report["quarantined"], &report["failed"]],
        [&value!(2), &value!(1), &value!(1), &value!(0)]
    );
    assert_eq!(
        (&report["well"], &report["matching"], &report["ended_early"]),
        (&value!(false), &value!(4), &Value::Null)
    );
    let change = |was: &str, now: &str, code: &str, count: u64| value!({ "was": was, "now": now, "code": code, "count": count });
    assert_eq!(
        report["changes"],
        value!([
            change("deadline", "accepted", "", 2),
            change("hostile", "rejected", "hostile", 1),
            change("trap", "quarantined", "", 1),
        ])
    );
    let [first, second] = [1, 2].map(|number| format!("{{\"do\":\"slow:100\",\"n\":{number}}}"));
    assert_eq!(topic(directory.path()), [first, second]);
    assert_eq!(letters(directory.path()).len(), 5, "they stay, and one was set aside again");
    assert!(
        text(&output.stderr).contains(
            "the dead letters stay in the log; leave these out the next time by --from 5, and let sink.retention_age_s or \
             sink.retention_bytes remove old ones"
        ),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn only_what_is_meant_is_sent() {
    let directory = TempDir::new().unwrap();
    set_aside(directory.path());
    let dry = replay(directory.path(), &["--code", "deadline", "--code", "hostile", "--dry-run"]);
    assert_eq!(
        text(&dry.stdout),
        "3 of 4 dead letters in hostile.dead-letter would be sent\n  2 deadline on /hostile\n  1 hostile on /hostile\n"
    );
    assert_eq!(dry.status.code(), Some(0));
    let gateway = serve(directory.path(), PATIENT);
    let to = format!("http://{}", gateway.data_address);
    let output = replay(
        directory.path(),
        &["--to", &to, "--code", "deadline", "--route", "/hostile/", "--since", "1h"],
    );
    assert_eq!(output.status.code(), Some(0), "all of them are accepted: {}", text(&output.stdout));
    let said = text(&output.stdout);
    let heading = format!(
        "sent 2 of 2 (of 4 in hostile.dead-letter) to {to}\naccepted    2\nrejected    0\nquarantined 0\nfailed      0\n  \
         2 deadline -> accepted\n"
    );
    assert!(said.starts_with(&heading), "{said}");
    assert_eq!(topic(directory.path()).len(), 2);
    let output = replay(directory.path(), &["--to", &to, "--until", "1h"]);
    assert_eq!(output.status.code(), Some(2), "nothing is so old");
}

#[test]
fn another_plugin_judges_them_without_anything_being_sent() {
    let directory = TempDir::new().unwrap();
    set_aside(directory.path());
    let component = directory.path().join("plugins/hostile.wasm");
    let config = directory.path().join("patient.toml");
    std::fs::write(&config, PATIENT).unwrap();
    let output =
        replay(directory.path(), &["--plugin", path(&component), "--config", path(&config), "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let report = json(&output);
    assert_eq!(
        [&report["accepted"], &report["rejected"], &report["quarantined"], &report["failed"]],
        [&value!(2), &value!(1), &value!(1), &value!(0)]
    );
    assert!(report["whom"].as_str().unwrap().starts_with("by hostile@"), "{report}");
    let trap =
        report["examples"].as_array().unwrap().iter().find(|example| example["was"] == "trap").unwrap();
    assert_eq!((&trap["now"], &trap["code"]), (&"quarantined".into(), &"trap".into()));
    assert!(trap["was_detail"].as_str().unwrap().contains("unreachable"), "{trap}");
    // With the operator's own limits they are too slow again.
    let config = directory.path().join("sluicegate.toml");
    let output = replay(
        directory.path(),
        &["--plugin", path(&component), "--config", path(&config), "--json", "--code", "deadline"],
    );
    assert_eq!(json(&output)["quarantined"], 2, "{}", text(&output.stderr));
    assert_eq!(topic(directory.path()), Vec::<String>::new());
    assert_eq!(letters(directory.path()).len(), 4);
}

#[test]
fn a_plugin_of_another_route_cannot_judge_them_and_says_so() {
    let directory = TempDir::new().unwrap();
    set_aside(directory.path());
    let other = directory.path().join("other");
    plugins(&other, "swap-v1.wasm");
    let output =
        replay(directory.path(), &["--plugin", path(&other.join("swap-v1.wasm")), "--examples", "1"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.contains("\nfailed      4\n"), "{said}");
    assert!(said.trim_end().ends_with("-> failed: the plugin has no route /hostile"), "{said}");
}
