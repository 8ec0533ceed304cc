//! What a plugin must not be able to do, tried by one that tries it: a clock, files, entropy, the network, the environment; and
//! what it may do, which is to speak and to fail.

use crate::client::Client;
use crate::process::{Launch, PATIENCE};
use crate::{run, sluicegate, soak};
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

/// A template with its rules changed: an order's note says what to try.
struct Probe {
    file: &'static str,
    /// What stands in the template, and what takes its place.
    changes: &'static [(&'static str, &'static str)],
    /// The notes after which a record cannot be judged.
    faults: &'static [&'static str],
    /// Those after which it is judged as any other.
    judged: &'static [&'static str],
}

const PYTHON: Probe = Probe {
    file: "order.py",
    changes: &[
        ("from typing import Literal", "import os\nimport time\nfrom typing import Literal"),
        (
            r#"    """Called for an order whose fields are all right.""""#,
            r#"    if order.note == "clock":
        time.time()
    if order.note == "file":
        open("/etc/passwd")
    if order.note == "entropy":
        os.urandom(8)
    if order.note == "network":
        __import__("socket").create_connection(("127.0.0.1", 1))
    if order.note == "throw":
        raise ValueError("the probe throws")
    if order.note == "environment" and os.environ:
        raise ValueError("there is an environment")
    if order.note == "print":
        print("the probe speaks")"#,
        ),
    ],
    faults: &["clock", "file", "entropy", "network", "throw"],
    judged: &["environment", "print"],
};

const JAVASCRIPT: Probe = Probe {
    file: "plugin.js",
    changes: &[(
        "      judge(order, out) {",
        r#"      judge(order, out) {
        if (order.note === "clock") Date.now();
        if (order.note === "file") require("fs");
        if (order.note === "entropy") Math.random();
        if (order.note === "network") fetch("http://127.0.0.1:1/");
        if (order.note === "throw") throw new Error("the probe throws");
        if (order.note === "environment" && typeof process !== "undefined") throw new Error("there is an environment");
        if (order.note === "print") console.log("the probe speaks");"#,
    )],
    faults: &["clock", "file", "entropy", "network", "throw"],
    judged: &["environment", "print"],
};

/// Its clock ticks by itself, from the second 1,700,000,000 on.
const GO: Probe = Probe {
    file: "order.go",
    changes: &[
        (
            r#"import "example.com/go-orders/sluicegate""#,
            "import (\n\t\"fmt\"\n\t\"net\"\n\t\"os\"\n\t\"time\"\n\n\t\"example.com/go-orders/sluicegate\"\n)\n",
        ),
        (
            "func judge(order *Order, out *sluicegate.Out) {",
            r#"func judge(order *Order, out *sluicegate.Out) {
	note := ""
	if order.Note != nil {
		note = *order.Note
	}
	switch note {
	case "clock":
		if time.Now().UTC().Format("2006-01-02") != "2023-11-14" {
			panic("there is a clock")
		}
	case "file":
		if _, err := os.ReadFile("/etc/passwd"); err != nil {
			panic(err)
		}
	case "network":
		if _, err := net.Dial("tcp", "127.0.0.1:1"); err != nil {
			panic(err)
		}
	case "throw":
		panic("the probe throws")
	case "environment":
		if len(os.Environ()) > 0 {
			panic("there is an environment")
		}
	case "print":
		fmt.Println("the probe speaks")
	}"#,
        ),
    ],
    faults: &["file", "network", "throw"],
    judged: &["clock", "environment", "print"],
};

/// Changes the project of a template and tries what it can do then.
pub fn probe(project: &Path, language: &str) {
    let probe = match language {
        "python" => PYTHON,
        "javascript" => JAVASCRIPT,
        "go" => GO,
        // C prints by the same adapter, TypeScript is JavaScript when it runs, and Rust has no WASI to begin with.
        _ => return,
    };
    let path = project.join(probe.file);
    let mut text = std::fs::read_to_string(&path).unwrap();
    for (from, to) in probe.changes {
        assert!(text.contains(from), "{} has no {from:?}", probe.file);
        text = text.replacen(from, to, 1);
    }
    std::fs::write(path, text).unwrap();
    run(&mut sluicegate(project, &["plugin", "build"]));
    let file = format!("{language}-orders.wasm");
    let expected = probe.faults.iter().map(|note| (*note, "faulted"));
    let expected: Vec<_> = expected.chain(probe.judged.iter().map(|note| (*note, "accepted"))).collect();
    let told = judge(project, &file, &expected);
    assert_eq!(told.len(), expected.len(), "{language}: {told:#?}");
    for ((note, verdict), told) in expected.into_iter().zip(told) {
        assert_eq!(told["verdict"], verdict, "{language}, {note}: {told:#}");
        if note == "throw" {
            let reason = told["reason"].as_str().unwrap();
            assert!(reason.starts_with("declared: ") && reason.contains("the probe throws"), "{reason}");
        }
    }
    speaks(project, language, &file);
}

fn order(note: &str) -> String {
    soak::VALID.replacen('{', &format!("{{\"note\":\"{note}\","), 1)
}

/// All at once: to load what Python makes takes seconds each time.
fn judge(project: &Path, file: &str, notes: &[(&str, &str)]) -> Vec<Value> {
    let lines: String = notes.iter().map(|(note, _)| order(note) + "\n").collect();
    let mut command = sluicegate(project, &["plugin", "run", file, "--json"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What it prints is a line of the gateway's log.
fn speaks(project: &Path, language: &str, file: &str) {
    let directory = tempfile::tempdir().unwrap();
    for name in ["plugins", "data"] {
        std::fs::create_dir(directory.path().join(name)).unwrap();
    }
    std::fs::copy(project.join(file), directory.path().join("plugins").join(file)).unwrap();
    let mut launch = Launch::bare();
    launch.command.current_dir(directory.path()).args(["--plugins", "plugins", "--data", "data"]);
    let gateway = launch.start();
    let path = format!("/v1/{language}-orders");
    let mut client = Client::connect(gateway.data_address).unwrap();
    let answer = client.post(&path, "application/json", order("print").as_bytes()).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let start = Instant::now();
    while !gateway.said().contains("the probe speaks") {
        assert!(start.elapsed() < PATIENCE, "{language} does not speak: {}", gateway.said());
        std::thread::park_timeout(PATIENCE / 1_000);
    }
    let answer = client.post(&path, "application/json", order("throw").as_bytes()).unwrap();
    assert_eq!((answer.status, &answer.json()["status"]), (202, &"quarantined".into()), "{}", answer.text());
    let mut gateway = gateway;
    gateway.kill();
}
