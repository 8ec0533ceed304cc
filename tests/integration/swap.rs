//! Plugin files come, change and go under load.

use crate::harness::{FINANCIAL, Gateway, PATIENCE, ndjson, repository, transaction};
use serde_json::Value;
use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const V1: &str = "tests/fixtures/swap-v1.wasm";
const V2: &str = "tests/fixtures/swap-v2.wasm";

fn plugin<'s>(status: &'s Value, name: &str) -> &'s Value {
    let plugins = status["plugins"].as_array().unwrap();
    plugins.iter().find(|plugin| plugin["name"] == name).unwrap_or(&Value::Null)
}

async fn until_version(gateway: &Gateway, version: &str) {
    gateway.until(&format!("version {version}"), |status| plugin(status, "swap")["version"] == version).await;
}

type Way = fn(&Path, &[u8]);

/// The ways in which files are replaced.
const WAYS: [(&str, Way); 5] = [
    ("cp", copy),
    ("mv", rename),
    ("an editor's save", save),
    ("a dribbling writer", dribble),
    ("a symlink", link),
];

fn copy(target: &Path, bytes: &[u8]) {
    let _ = fs::remove_file(target.with_extension("none"));
    fs::write(unlinked(target), bytes).unwrap();
}

/// A link is written through by `cp`; these tests want a file of its own in its place.
fn unlinked(target: &Path) -> &Path {
    if target.is_symlink() {
        fs::remove_file(target).unwrap();
    }
    target
}

fn rename(target: &Path, bytes: &[u8]) {
    let beside = target.with_extension("tmp");
    fs::write(&beside, bytes).unwrap();
    fs::rename(beside, target).unwrap();
}

fn save(target: &Path, bytes: &[u8]) {
    let backup = target.with_extension("wasm~");
    fs::rename(target, &backup).unwrap();
    fs::write(target, bytes).unwrap();
    fs::remove_file(backup).unwrap();
}

fn dribble(target: &Path, bytes: &[u8]) {
    let mut file = fs::File::create(unlinked(target)).unwrap();
    for part in bytes.chunks(bytes.len() / 6 + 1) {
        file.write_all(part).unwrap();
        std::thread::park_timeout(Duration::from_millis(15));
    }
}

/// As Kubernetes updates a mounted volume: the data elsewhere, a link replaced.
fn link(target: &Path, bytes: &[u8]) {
    let folder = target.with_extension(format!("{}", fastrand::u64(..)));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("plugin"), bytes).unwrap();
    let beside = target.with_extension("link");
    symlink(folder.join("plugin"), &beside).unwrap();
    fs::rename(beside, target).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swaps_under_load_fail_no_request_and_each_answer_is_of_one_generation() {
    let swaps: usize = std::env::var("SLUICEGATE_SWAPS").map_or(20, |text| text.parse().unwrap());
    let gateway = Arc::new(Gateway::with(&[V1, "plugins/financial-transaction.wasm"], "").await);
    let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load: Vec<_> = (0..4)
        .map(|client| tokio::spawn(post_until(gateway.clone(), client, stop.clone(), answers.clone())))
        .collect();
    let versions = [fs::read(repository(V2)).unwrap(), fs::read(repository(V1)).unwrap()];
    let target = gateway.plugins().join("swap-v1.wasm");
    for swap in 0..swaps {
        let (name, replace) = WAYS[swap % WAYS.len()];
        replace(&target, &versions[swap % 2]);
        let version = if swap % 2 == 0 { "2.0.0" } else { "1.0.0" };
        until_version(&gateway, version).await;
        println!("swap {swap} by {name}");
    }
    stop.store(true, Ordering::Relaxed);
    let mut seen = HashSet::new();
    for client in load {
        seen.extend(client.await.unwrap());
    }
    assert_eq!(seen, HashSet::from(["v1".to_owned(), "v2".to_owned()]));
    println!("{} answers over {swaps} swaps", answers.load(Ordering::Relaxed));
    assert!(answers.load(Ordering::Relaxed) > swaps);
}

/// Posts batches; every one has to be answered, by one version.
async fn post_until(
    gateway: Arc<Gateway>,
    client: usize,
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
) -> HashSet<String> {
    let mut seen = HashSet::new();
    let batch = ndjson((0..600).map(|n| if n % 3 == 0 { "{}".into() } else { r#"{"reject":true}"#.into() }));
    while !stop.load(Ordering::Relaxed) {
        let answer = gateway.post_lines("/swap", batch.clone()).await;
        assert_eq!(answer.status, 207, "{}", answer.text());
        let json = answer.json();
        let rejected =
            json["results"].as_array().unwrap().iter().filter(|result| result["status"] == "rejected");
        let versions: HashSet<String> = rejected
            .map(|result| result["violations"][0]["message"].as_str().unwrap().replace("rejected by ", ""))
            .collect();
        assert_eq!(versions.len(), 1, "an answer of two generations: {versions:?}");
        seen.extend(versions);
        let other = gateway.post(FINANCIAL, transaction(&client.to_string())).await;
        assert_eq!(other.status, 200);
        answers.fetch_add(2, Ordering::Relaxed);
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_file_leaves_the_last_good_serving_and_says_why_also_after_a_restart() {
    let mut gateway = Gateway::with(&[V1], "").await;
    let target = gateway.plugins().join("swap-v1.wasm");
    let good = fs::read(repository(V1)).unwrap();
    let fixture = |name: &str| fs::read(repository(&format!("tests/fixtures/{name}.wasm"))).unwrap();
    let broken = [
        ("garbage", b"this is no plugin".to_vec()),
        ("truncated", good[..good.len() / 2].to_vec()),
        ("a wrong world", WRONG_WORLD.to_vec()),
        ("failing its own example", fixture("wrong-example")),
        ("trapping in describe", fixture("describe-traps")),
    ];
    for (what, bytes) in broken {
        fs::write(&target, bytes).unwrap();
        let status = gateway.until(what, |status| !plugin(status, "swap")["refused"].is_null()).await;
        let reason = plugin(&status, "swap")["refused"]["reason"].as_str().unwrap().to_owned();
        println!("{what}: {reason}");
        assert!(reason.len() > 20, "{what}: {reason}");
        assert_eq!(gateway.post("/swap", "{}").await.status, 200, "{what}");
        gateway = Gateway::again(gateway.stop().await, "").await;
        assert_eq!(gateway.post("/swap", "{}").await.status, 200, "after a restart on {what}");
        let status = gateway.status().await;
        assert_eq!(plugin(&status, "swap")["state"], "serving_last_good", "{status:#}");
        fs::write(&target, &good).unwrap();
        gateway.until("well again", |status| plugin(status, "swap")["state"] == "serving").await;
    }
    assert!(gateway.metric("gateway_plugin_reloads").await.iter().any(|line| line.contains("refused")));
}

/// `(component)` in binary: valid, and of no world at all.
const WRONG_WORLD: &[u8] = b"\0asm\x0d\0\x01\0";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_plugin_serves_within_a_second_and_a_removed_one_is_gone_after_the_grace() {
    let gateway =
        Gateway::with(&["plugins/financial-transaction.wasm"], "[plugins]\nremoval_grace_ms = 300\n").await;
    assert_eq!(gateway.post("/swap", "{}").await.status, 404);
    fs::copy(repository(V1), gateway.plugins().join("swap.wasm")).unwrap();
    let start = Instant::now();
    while gateway.post("/swap", "{}").await.status != 200 {
        assert!(start.elapsed() < PATIENCE, "{:#}", gateway.status().await);
    }
    println!("live after {:?}", start.elapsed());
    fs::remove_file(gateway.plugins().join("swap.wasm")).unwrap();
    let start = Instant::now();
    while gateway.post("/swap", "{}").await.status != 404 {
        assert!(start.elapsed() < PATIENCE, "{:#}", gateway.status().await);
    }
    assert!(start.elapsed() >= Duration::from_millis(300), "removed before the grace ended");
    assert_eq!(gateway.post(FINANCIAL, transaction("FT-1")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_or_vanished_directory_keeps_everything_serving_and_says_so() {
    let gateway = Gateway::with(&[V1], "[plugins]\nremoval_grace_ms = 50\n").await;
    let (plugins, aside) = (gateway.plugins(), gateway.directory.path().join("aside"));
    let alarmed = |status: &Value| !status["alarm"].is_null();

    fs::remove_file(plugins.join("swap-v1.wasm")).unwrap();
    let status = gateway.until("the alarm of an emptied directory", alarmed).await;
    assert!(status["alarm"].as_str().unwrap().contains("empty"), "{}", status["alarm"]);
    assert_eq!(gateway.post("/swap", "{}").await.status, 200);
    fs::copy(repository(V1), plugins.join("swap-v1.wasm")).unwrap();
    gateway.until("no alarm", |status| !alarmed(status)).await;

    fs::rename(&plugins, &aside).unwrap();
    gateway.until("the alarm of a vanished directory", alarmed).await;
    assert_eq!(gateway.post("/swap", "{}").await.status, 200);
    fs::rename(&aside, &plugins).unwrap();
    gateway.until("no alarm", |status| !alarmed(status)).await;
    fs::copy(repository(V2), plugins.join("swap-v1.wasm")).unwrap();
    until_version(&gateway, "2.0.0").await;

    // Unreadable: a root's tests cannot take its own right to read away, a file in the place can.
    fs::rename(&plugins, &aside).unwrap();
    fs::write(&plugins, "no directory").unwrap();
    fs::set_permissions(&plugins, fs::Permissions::from_mode(0o000)).unwrap();
    gateway.until("the alarm of an unreadable directory", alarmed).await;
    assert_eq!(gateway.post("/swap", "{}").await.status, 200);
    assert!(
        gateway.metric("gateway_plugin_reloads").await.iter().any(|line| line.contains("directory_alarm"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_files_of_one_name_the_serving_one_stays_until_it_goes() {
    let gateway = Gateway::with(&[V1], "[plugins]\nremoval_grace_ms = 50\n").await;
    fs::copy(repository(V2), gateway.plugins().join("another.wasm")).unwrap();
    let status = gateway
        .until("a waiting file", |status| status["refused"].as_array().is_some_and(|files| !files.is_empty()))
        .await;
    let reason = status["refused"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("swap-v1.wasm"), "{reason}");
    assert_eq!(plugin(&status, "swap")["version"], "1.0.0");
    fs::remove_file(gateway.plugins().join("swap-v1.wasm")).unwrap();
    let start = Instant::now();
    let mut version = String::new();
    while version != "2.0.0" {
        assert!(start.elapsed() < PATIENCE);
        assert_eq!(gateway.post("/swap", "{}").await.status, 200, "a gap between the two");
        version = plugin(&gateway.status().await, "swap")["version"].as_str().unwrap_or_default().to_owned();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_looks_at_once_and_can_take_an_empty_directory_at_its_word() {
    let gateway = Gateway::with(&[V1], "[plugins]\nremoval_grace_ms = 50\npoll_interval_ms = 600000\n").await;
    fs::remove_file(gateway.plugins().join("swap-v1.wasm")).unwrap();
    let kept = gateway.admin(hyper::Method::POST, "/plugins/reload").await;
    assert_eq!(kept.status, 200);
    assert!(!kept.json()["alarm"].is_null(), "{}", kept.text());
    assert_eq!(gateway.admin(hyper::Method::POST, "/plugins/reload?empty=accept").await.status, 200);
    gateway.until("nothing live", |status| status["plugins"].as_array().is_some_and(Vec::is_empty)).await;
    assert_eq!(gateway.post("/swap", "{}").await.status, 404);
}
