//! Files whose plugins stand in each other's way, and files whose plugins change their names.

use super::forge;
use super::*;

/// Which plugin each file serves, as `file: name`.
fn places(status: &Status) -> Vec<String> {
    status.plugins.iter().map(|plugin| format!("{}: {}", plugin.file, plugin.name)).collect()
}

fn plugin(name: &str, path: &str) -> Vec<u8> {
    forge::module_on(name, path)
}

/// A bench that looks only when it is asked to, so that what is there at a look is known.
fn bench(files: &[(&str, &[u8])]) -> Bench {
    let mut bench = Bench::new();
    for (file, bytes) in files {
        bench.put(file, bytes);
    }
    bench.config.settle_time = Duration::from_millis(1);
    bench.start();
    bench
}

async fn look(bench: &Bench) -> Status {
    bench.plugins().reload(EmptyDirectory::Keep).await.unwrap()
}

#[tokio::test]
async fn two_files_that_exchange_their_plugins_do_so_in_one_step() {
    let (a, b) = (plugin("a", "/a"), plugin("b", "/b"));
    let bench = bench(&[("1.wasm", &a), ("2.wasm", &b)]);
    assert_eq!(places(&bench.status()), ["1.wasm: a", "2.wasm: b"]);
    bench.put("1.wasm", &b);
    let status = look(&bench).await;
    assert_eq!(places(&status), ["1.wasm: a", "2.wasm: b"], "one of them gave way to a copy");
    let refused = status.plugins[0].refused.as_ref().unwrap();
    assert_eq!(
        refused.reason,
        "plugin 'b' is already served by 2.wasm; this file takes over when that one is removed"
    );
    let before = bench.plugins().snapshot();
    bench.put("2.wasm", &a);
    let status = look(&bench).await;
    assert_eq!(places(&status), ["1.wasm: b", "2.wasm: a"]);
    assert!(status.plugins.iter().all(|plugin| plugin.refused.is_none()), "{status:#?}");
    // Each moved once, and both are there in the first snapshot after the old one.
    assert!(status.plugins.iter().all(|plugin| plugin.generation == 2));
    assert_eq!(before.generations.len(), 2);
}

#[tokio::test]
async fn a_ring_of_three_files_turns_in_one_step() {
    let (a, b, c) = (plugin("a", "/a"), plugin("b", "/b"), plugin("c", "/c"));
    let bench = bench(&[("1.wasm", &a), ("2.wasm", &b), ("3.wasm", &c)]);
    for (file, bytes) in [("1.wasm", &b), ("2.wasm", &c)] {
        bench.put(file, bytes);
        assert_eq!(places(&look(&bench).await), ["1.wasm: a", "2.wasm: b", "3.wasm: c"]);
    }
    bench.put("3.wasm", &a);
    let status = look(&bench).await;
    assert_eq!(places(&status), ["1.wasm: b", "2.wasm: c", "3.wasm: a"]);
    assert!(status.refused.is_empty() && status.plugins.iter().all(|plugin| plugin.refused.is_none()));
}

#[tokio::test]
async fn no_snapshot_in_an_exchange_lacks_a_plugin() {
    let (a, b) = (plugin("a", "/a"), plugin("b", "/b"));
    let bench = bench(&[("1.wasm", &a), ("2.wasm", &b)]);
    let plugins = bench.plugins().clone();
    let (stop, stopped) = sync_channel::<()>(1);
    let watching = std::thread::spawn(move || {
        let mut looks = 0_u64;
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            let snapshot = plugins.snapshot();
            assert!(snapshot.route("/a").is_ok() && snapshot.route("/b").is_ok(), "after {looks} looks");
            looks += 1;
        }
        looks
    });
    for round in 0..10 {
        let (one, two) = if round % 2 == 0 { (&b, &a) } else { (&a, &b) };
        bench.put("1.wasm", one);
        bench.put("2.wasm", two);
        let wanted = if round % 2 == 0 { "1.wasm: b" } else { "1.wasm: a" };
        assert_eq!(places(&look(&bench).await)[0], wanted);
    }
    stop.send(()).unwrap();
    assert!(watching.join().unwrap() > 10);
}

#[tokio::test]
async fn files_that_exchange_their_routes_do_so_in_one_step() {
    let bench = bench(&[("1.wasm", &plugin("a", "/one")), ("2.wasm", &plugin("b", "/two"))]);
    bench.put("1.wasm", &plugin("a", "/two"));
    let status = look(&bench).await;
    let reason = &status.plugins[0].refused.as_ref().unwrap().reason;
    assert!(
        reason.starts_with("route '/two' of plugin 'a' conflicts with route '/two' of plugin 'b'"),
        "{reason}"
    );
    bench.put("2.wasm", &plugin("b", "/one"));
    let status = look(&bench).await;
    let served =
        |path: &str| bench.plugins().snapshot().route(path).unwrap().generation.manifest.name.clone();
    assert_eq!((served("/one"), served("/two")), ("b".to_owned(), "a".to_owned()));
    assert!(status.plugins.iter().all(|plugin| plugin.refused.is_none()), "{status:#?}");
}

#[tokio::test]
async fn what_is_in_the_way_of_an_exchange_keeps_all_of_it_waiting() {
    let (a, b) = (plugin("a", "/a"), plugin("b", "/b"));
    let bench = bench(&[("1.wasm", &a), ("2.wasm", &b), ("3.wasm", &plugin("c", "/c"))]);
    bench.put("1.wasm", &b);
    // It would give way to the first, were the route of the third not in its own way.
    bench.put("2.wasm", &plugin("a", "/c"));
    let status = look(&bench).await;
    assert_eq!(places(&status), ["1.wasm: a", "2.wasm: b", "3.wasm: c"]);
    assert!(status.plugins[0].refused.is_some() && status.plugins[1].refused.is_some());
    std::fs::remove_file(bench.file("3.wasm")).unwrap();
    let status = bench.until("exchanges", |status| places(status) == ["1.wasm: b", "2.wasm: a"]);
    assert!(status.refused.is_empty(), "{status:#?}");
}

#[tokio::test]
async fn a_file_whose_plugin_changes_its_name_removes_the_old_one_as_it_loads_the_new() {
    let mut bench = Bench::new();
    bench.config.required = vec!["old".to_owned()];
    bench.config.removal_grace = Duration::from_secs(60);
    bench.put("1.wasm", &plugin("old", "/old"));
    let metrics = metrics();
    bench.plugins = Some(Plugins::start(bench.config.clone(), metrics.clone()).unwrap());
    bench.put("1.wasm", &plugin("new", "/new"));
    let status = look(&bench).await;
    assert_eq!((places(&status), status.missing), (vec!["1.wasm: new".to_owned()], vec!["old".to_owned()]));
    let error = bench.plugins().snapshot().route("/old").err().unwrap();
    assert_eq!(error, RouteError::Unavailable { plugin: "old".to_owned() }, "a required plugin is unknown");
    let removed = "gateway_plugin_reloads_total{result=\"removed\"} 1";
    assert!(metrics.render().lines().any(|line| line == removed), "{}", metrics.render());
    // It comes back from a file of its own.
    bench.put("2.wasm", &plugin("old", "/old"));
    bench.until("has both", |status| {
        places(status) == ["1.wasm: new", "2.wasm: old"] && status.missing.is_empty()
    });
}

#[tokio::test]
async fn a_name_that_moves_to_another_file_is_not_removed() {
    let mut bench = Bench::new();
    bench.put("1.wasm", &plugin("old", "/old"));
    let metrics = metrics();
    bench.plugins = Some(Plugins::start(bench.config.clone(), metrics.clone()).unwrap());
    bench.put("2.wasm", &plugin("old", "/old"));
    assert_eq!(places(&look(&bench).await), ["1.wasm: old"]);
    bench.put("1.wasm", &plugin("new", "/new"));
    assert_eq!(places(&look(&bench).await), ["1.wasm: new", "2.wasm: old"]);
    let removed = "gateway_plugin_reloads_total{result=\"removed\"} 0";
    assert!(metrics.render().lines().any(|line| line == removed), "{}", metrics.render());
}
