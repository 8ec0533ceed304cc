//! Each template as its README says: made, built with its language's own tools, tested, dropped into a gateway, posted to, and
//! kept under load for 100,000 records without a fault.
//!
//! Needs npm, Python with venv, Go and minutes: `cargo test --test templates` runs it, `cargo test` does not.

#[path = "../support/client.rs"]
mod client;
mod probe;
#[path = "../support/process.rs"]
mod process;
mod soak;

use client::Client;
use process::{Launch, PATIENCE};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The gateway compiles what Python makes, 18 MB, in some seconds.
const LOAD_PATIENCE: Duration = Duration::from_secs(180);

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} ends with {}:\n{said}", output.status);
    said
}

fn sluicegate(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
    command.args(arguments).current_dir(directory).env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command
}

/// A virtual environment of the project's, as its README has it made.
fn environment(project: &Path, packages: &[&str]) {
    run(Command::new("python3").args(["-m", "venv", ".venv"]).current_dir(project));
    let mut pip = Command::new(project.join(".venv/bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"]).args(packages);
    run(pip.current_dir(project));
}

/// Where rustup has not brought the target, Debian's Rust builds the standard library too, with rustup's linker.
fn rust_without_the_target(build: &mut Command) {
    let libraries = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", "wasm32-unknown-unknown"])
        .output();
    let has_target =
        libraries.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir());
    if has_target {
        return;
    }
    let root = run(Command::new("rustc").args(["--print", "sysroot"]));
    let linker = run(Command::new("find").arg(root.trim()).args(["-name", "rust-lld"]));
    let beside = Path::new(linker.lines().next().expect("rustup has a linker")).parent().unwrap().to_owned();
    let path = std::env::var("PATH").unwrap();
    build.env("PATH", format!("/usr/bin:{path}:{}", beside.display()));
    build.env("RUSTC_BOOTSTRAP", "1").env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort");
    build.env_remove("RUSTC").env_remove("RUSTUP_TOOLCHAIN");
}

/// Built once and kept, as the standard library is a part of it.
fn rust_target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/templates")
}

/// As the README of the template has it.
fn built(directory: &Path, language: &str) -> PathBuf {
    let name = format!("{language}-orders");
    run(&mut sluicegate(directory, &["plugin", "new", &name, "--lang", language]));
    let project = directory.join(&name);
    match language {
        "python" => environment(&project, &["-r", "requirements.txt"]),
        "c" => environment(&project, &["ziglang"]),
        _ => {}
    }
    let mut build = sluicegate(&project, &["plugin", "build"]);
    if language == "rust" {
        build.env("CARGO_TARGET_DIR", rust_target());
        rust_without_the_target(&mut build);
    }
    let start = Instant::now();
    run(&mut build);
    println!("{language}: built in {:?}", start.elapsed());
    project
}

/// The tests that need no wasm, as the README has them.
fn natively(project: &Path, language: &str) {
    let mut command = match language {
        "typescript" | "javascript" => {
            let mut npm = Command::new("npm");
            npm.arg("test");
            npm
        }
        "python" => {
            let mut python = Command::new("python3");
            python.args(["-m", "unittest"]);
            python
        }
        "go" => {
            let mut go = Command::new("go");
            go.args(["test", "./..."]);
            go
        }
        "c" => {
            let mut shell = Command::new("sh");
            let compile = ".venv/bin/python3 -m ziglang cc -O1 -w -o test test.c order.c sluicegate/sluicegate.c \
                           bindings/plugin.c && ./test";
            shell.args(["-c", compile]);
            shell
        }
        "rust" => {
            let mut cargo = Command::new("cargo");
            cargo.arg("test").env("CARGO_TARGET_DIR", rust_target());
            cargo
        }
        other => panic!("{other}"),
    };
    run(command.current_dir(project));
}

fn follow_the_readme(language: &str) {
    let directory = tempfile::tempdir().unwrap();
    let project = built(directory.path(), language);
    let file = project.join(format!("{language}-orders.wasm"));
    let bytes = std::fs::metadata(&file).unwrap().len();
    let report = run(&mut sluicegate(
        &project,
        &["plugin", "test", file.to_str().unwrap(), "--records", "records.ndjson", "--json"],
    ));
    let report: Value = serde_json::from_str(&report).unwrap();
    let records = report["records"].as_array().unwrap().len();
    assert!(report["well"] == true && records > 50, "{report:#}");
    natively(&project, language);
    if language == "typescript" {
        run(javascript_beside_pydantic().env("SDK", project.join("build/sdk/sdk.js")));
    }

    let plugins = directory.path().join("plugins");
    std::fs::create_dir(&plugins).unwrap();
    let mut launch = Launch::bare();
    launch.command.arg("--data").arg(directory.path().join("data")).arg("--plugins").arg(&plugins);
    std::fs::create_dir(directory.path().join("data")).unwrap();
    let mut gateway = launch.start();
    std::fs::copy(&file, plugins.join(file.file_name().unwrap())).unwrap();
    let path = format!("/v1/{language}-orders");
    let start = Instant::now();
    let mut client = Client::connect(gateway.data_address).unwrap();
    while client.post(&path, "application/json", soak::VALID.as_bytes()).unwrap().status == 404 {
        assert!(start.elapsed() < LOAD_PATIENCE, "{language} does not serve: {}", gateway.said());
        std::thread::park_timeout(PATIENCE / 100);
    }
    let accepted = client.post(&path, "application/json", soak::VALID.as_bytes()).unwrap();
    assert_eq!(accepted.status, 200, "{}", accepted.text());
    assert_eq!(accepted.json()["order_id"], "O-1");
    let rejected = client.post(&path, "application/json", br#"{"order_id": "O-1"}"#).unwrap();
    assert_eq!((rejected.status, rejected.json()["violations"].as_array().unwrap().len()), (422, 5));

    let begun = Instant::now();
    let judged = soak::run(gateway.data_address, &path);
    let took = begun.elapsed();
    let status = Client::connect(gateway.admin_address).unwrap().get("/plugins").unwrap().json();
    let plugin = &status["plugins"][0];
    assert_eq!(plugin["faults"], 0, "{plugin:#}");
    println!(
        "{language}: {bytes} bytes, {records} records as expected; soak of {judged} in {took:?} ({:.1} µs each)",
        took.as_secs_f64() * 1e6 / judged as f64
    );
    gateway.signal("-TERM");
    assert!(gateway.exit().success(), "{}", gateway.said());
    probe::probe(&project, language);
}

/// What the thin SDKs make of values is what Pydantic makes of them, too. TypeScript's is tried with its template.
#[test]
fn the_sdks_beside_pydantic() {
    run(Command::new("python3").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/templates/sdk.py")));
    run(&mut javascript_beside_pydantic());
}

fn javascript_beside_pydantic() -> Command {
    let mut node = Command::new("node");
    node.arg("--test").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/templates/sdk.test.js"));
    node
}

#[test]
fn rust() {
    follow_the_readme("rust");
}

#[test]
fn typescript() {
    follow_the_readme("typescript");
}

#[test]
fn javascript() {
    follow_the_readme("javascript");
}

#[test]
fn python() {
    follow_the_readme("python");
}

#[test]
fn go() {
    follow_the_readme("go");
}

#[test]
fn c() {
    follow_the_readme("c");
}
