//! What becomes of plugins as their files come, change and go.

use super::*;
use crate::verdict::{Finding, Value, Verdict};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};

/// The version of the plugin `swap` that judges now.
async fn version(bench: &Bench) -> String {
    let judgement = bench.judge("/swap", &["{}"]).await;
    match &judgement.findings[0] {
        Finding::Verdict(Verdict::Accept(accepted)) => accepted.id.clone().unwrap(),
        other => panic!("not accepted: {other:?}"),
    }
}

fn serves(version: &'static str) -> impl Fn(&Status) -> bool {
    move |status| status.plugins.iter().any(|plugin| plugin.name == "swap" && plugin.version == version)
}

fn serves_nothing(status: &Status) -> bool {
    status.plugins.is_empty()
}

fn swap() -> Bench {
    Bench::with(&[("swap.wasm", "swap-v1.wasm")])
}

#[tokio::test]
async fn a_file_written_over_replaces_its_plugin() {
    let bench = swap();
    assert_eq!(version(&bench).await, "v1");
    bench.put("swap.wasm", &fixture("swap-v2.wasm"));
    let status = bench.until("serves v2", serves("2.0.0"));
    assert_eq!(version(&bench).await, "v2");
    assert_eq!((status.plugins.len(), status.plugins[0].generation), (1, 2));
    assert_eq!(status.plugins[0].state, PluginState::Serving);
}

/// One that takes long, such as a whole Python, leaves nobody wondering whether it was seen.
#[test]
fn what_is_being_compiled_is_told() {
    let bench = swap();
    assert!(bench.status().loading.is_none());
    // Several, as a small one is compiled in the time between two looks.
    for number in 0..8 {
        bench.put(&format!("claims-{number}.wasm"), &std::fs::read("plugins/insurance-claim.wasm").unwrap());
    }
    let status = bench.until("is at it", |status| status.loading.is_some());
    let (file, since) = status.loading.unwrap();
    assert!(file.starts_with("claims-") && since.elapsed().unwrap() < Duration::from_secs(30), "{file}");
    bench.until("is done", |status| status.loading.is_none() && status.plugins.len() == 2);
}

#[tokio::test]
async fn a_file_renamed_over_replaces_its_plugin() {
    let bench = swap();
    bench.put(".swap.wasm.new", &fixture("swap-v2.wasm"));
    std::fs::rename(bench.file(".swap.wasm.new"), bench.file("swap.wasm")).unwrap();
    bench.until("serves v2", serves("2.0.0"));
}

#[tokio::test]
async fn an_editors_save_replaces_its_plugin() {
    let bench = swap();
    // vim: the old one becomes a backup, the new one is written to the name, the backup is removed.
    std::fs::rename(bench.file("swap.wasm"), bench.file("swap.wasm~")).unwrap();
    bench.put("swap.wasm", &fixture("swap-v2.wasm"));
    std::fs::remove_file(bench.file("swap.wasm~")).unwrap();
    let status = bench.until("serves v2", serves("2.0.0"));
    assert_eq!(status.plugins.len(), 1);
}

#[tokio::test]
async fn a_dribbling_writer_ends_well() {
    let bench = swap();
    let bytes = fixture("swap-v2.wasm");
    let mut file = std::fs::File::create(bench.file("swap.wasm")).unwrap();
    for piece in bytes.chunks(bytes.len() / 20) {
        file.write_all(piece).unwrap();
        assert_eq!(version(&bench).await, "v1");
        tokio::time::sleep(bench.config.settle_time / 4).await;
    }
    let status = bench.until("serves v2", serves("2.0.0"));
    assert!(status.plugins[0].refused.is_none());
}

#[tokio::test]
async fn a_writer_that_pauses_is_refused_as_truncated_and_ends_well() {
    let bench = swap();
    let bytes = fixture("swap-v2.wasm");
    let (first, second) = bytes.split_at(bytes.len() / 2);
    bench.put("swap.wasm", first);
    let status = bench.until("refuses the half", |status| status.plugins[0].refused.is_some());
    let reason = &status.plugins[0].refused.as_ref().unwrap().reason;
    assert!(reason.starts_with("it ends in the middle: "), "{reason}");
    assert!(reason.ends_with("copy it again, best to another name, then rename it"), "{reason}");
    std::fs::OpenOptions::new()
        .append(true)
        .open(bench.file("swap.wasm"))
        .unwrap()
        .write_all(second)
        .unwrap();
    let status = bench.until("serves v2", serves("2.0.0"));
    assert!(status.plugins[0].refused.is_none());
}

#[tokio::test]
async fn links_are_followed_when_they_are_swapped_as_kubernetes_does() {
    let mut bench = Bench::new();
    let mount = |version: &str, fixture_name: &str| {
        std::fs::create_dir(bench.file(version)).unwrap();
        bench.put(&format!("{version}/swap.wasm"), &fixture(fixture_name));
    };
    mount("..1", "swap-v1.wasm");
    mount("..2", "swap-v2.wasm");
    symlink("..1", bench.file("..data")).unwrap();
    symlink("..data/swap.wasm", bench.file("swap.wasm")).unwrap();
    bench.start();
    assert_eq!(version(&bench).await, "v1");
    symlink("..2", bench.file("..new")).unwrap();
    std::fs::rename(bench.file("..new"), bench.file("..data")).unwrap();
    std::fs::remove_dir_all(bench.file("..1")).unwrap();
    bench.until("serves v2", serves("2.0.0"));
}

#[tokio::test]
async fn a_directory_that_is_a_link_may_be_swapped() {
    let mut bench = Bench::new();
    for (directory, name) in [("one", "swap-v1.wasm"), ("two", "swap-v2.wasm")] {
        let path = bench.root.path().join(directory);
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("swap.wasm"), fixture(name)).unwrap();
    }
    let (link, new) = (bench.root.path().join("link"), bench.root.path().join("new"));
    symlink("one", &link).unwrap();
    bench.config.directory = link.clone();
    // Only a hint can be in time: the poll comes too late.
    bench.config.poll_interval = Duration::from_secs(300);
    bench.start();
    symlink("two", &new).unwrap();
    std::fs::rename(&new, &link).unwrap();
    bench.until("serves v2", serves("2.0.0"));
}

#[tokio::test]
async fn polling_finds_what_no_hint_told() {
    let mut bench = Bench::new();
    let elsewhere = bench.root.path().join("elsewhere.wasm");
    std::fs::write(&elsewhere, fixture("swap-v1.wasm")).unwrap();
    symlink(&elsewhere, bench.file("swap.wasm")).unwrap();
    bench.start();
    // Nobody watches the link's target.
    std::fs::write(&elsewhere, fixture("swap-v2.wasm")).unwrap();
    bench.until("serves v2", serves("2.0.0"));
}

#[tokio::test]
async fn a_broken_file_leaves_the_last_good_serving_and_says_why() {
    let bench = swap();
    let whole = fixture("swap-v2.wasm");
    let cases: [(&str, Vec<u8>); 4] = [
        ("it is a text that begins with \"not a plugin\", not WebAssembly", b"not a plugin\n".to_vec()),
        ("it is a native executable or library (ELF)", b"\x7fELF\x02\x01\x01\x00\x00".to_vec()),
        ("it ends in the middle", whole[..whole.len() - 100].to_vec()),
        (
            "it is a component that exports nothing, not sluicegate:plugin/descriptor@1.0.0",
            wat::parse_str("(component)").unwrap(),
        ),
    ];
    for (reason, bytes) in cases {
        bench.put("swap.wasm", &bytes);
        let status = bench.until(reason, |status| {
            status.plugins[0].refused.as_ref().is_some_and(|refused| refused.reason.starts_with(reason))
        });
        let plugin = &status.plugins[0];
        assert_eq!((plugin.state, plugin.generation), (PluginState::ServingLastGood, 1));
        assert_eq!(plugin.refused.as_ref().unwrap().digest.as_ref().unwrap(), &directory::digest(&bytes));
        assert_eq!(version(&bench).await, "v1");
    }
    bench.put("swap.wasm", &fixture("swap-v1.wasm"));
    let status = bench.until("forgets the refusal", |status| status.plugins[0].refused.is_none());
    assert_eq!(status.plugins[0].generation, 1, "what served all along was loaded again");
}

#[tokio::test]
async fn a_refused_file_is_not_loaded_again_until_it_changes_or_someone_asks() {
    let bench = Bench::with(&[]);
    bench.put("text.wasm", b"text");
    let first = bench.until("refuses it", |status| status.refused.len() == 1).refused[0].since;
    // The same content under a new time stamp.
    bench.put("text.wasm", b"text");
    bench.put("swap.wasm", &fixture("swap-v1.wasm"));
    let status = bench.until("serves the other", serves("1.0.0"));
    assert_eq!(status.refused[0].since, first);
    let status = bench.plugins().reload(EmptyDirectory::Keep).await.unwrap();
    assert!(status.refused[0].since > first);
}

#[tokio::test]
async fn a_removed_file_takes_its_plugin_along_after_the_grace() {
    let mut bench = Bench::new();
    bench.config.removal_grace = Duration::from_millis(500);
    bench.put("swap.wasm", &fixture("swap-v1.wasm"));
    bench.put("other.wasm", &fixture("insurance-claim.wasm"));
    bench.start();
    let in_flight = bench.plugins().snapshot();
    std::fs::remove_file(bench.file("swap.wasm")).unwrap();
    bench.until("leaves", |status| status.plugins.iter().any(|plugin| plugin.state == PluginState::Leaving));
    assert_eq!(version(&bench).await, "v1");
    bench.until("is gone", |status| status.plugins.len() == 1);
    let error = bench.plugins().snapshot().route("/swap").err().unwrap();
    assert_eq!(
        error.to_string(),
        "no plugin serves this path; GET /plugins on the admin port lists the routes"
    );
    // A request that began before ends on what it began with.
    let found = in_flight.route("/swap").unwrap();
    let (judgement, _held) = found.generation.judge(0, Facts::default(), batch(&["{}"])).await;
    assert!(
        matches!(&judgement.findings[0], Finding::Verdict(Verdict::Accept(a)) if a.value == Value::AsPosted)
    );
}

#[tokio::test]
async fn a_file_that_comes_back_within_the_grace_never_left() {
    let mut bench = Bench::new();
    bench.config.removal_grace = Duration::from_secs(60);
    bench.put("swap.wasm", &fixture("swap-v1.wasm"));
    bench.put("other.wasm", &fixture("insurance-claim.wasm"));
    bench.start();
    std::fs::remove_file(bench.file("swap.wasm")).unwrap();
    bench.until("leaves", |status| status.plugins.iter().any(|plugin| plugin.state == PluginState::Leaving));
    bench.put("swap.wasm", &fixture("swap-v1.wasm"));
    let status = bench
        .until("stays", |status| status.plugins.iter().all(|plugin| plugin.state == PluginState::Serving));
    assert!(status.plugins.iter().all(|plugin| plugin.generation == 1));
}

#[tokio::test]
async fn a_required_plugin_that_is_gone_is_unavailable_and_not_unknown() {
    let mut bench = Bench::new();
    bench.config.required = vec!["swap".to_owned(), "never-there".to_owned()];
    bench.put("swap.wasm", &fixture("swap-v1.wasm"));
    bench.put("other.wasm", &fixture("insurance-claim.wasm"));
    bench.start();
    assert_eq!(bench.status().missing, ["never-there"]);
    std::fs::remove_file(bench.file("swap.wasm")).unwrap();
    bench.until("misses it", |status| status.missing.len() == 2);
    let error = bench.plugins().snapshot().route("/swap/").err().unwrap();
    assert_eq!(error.to_string(), "plugin 'swap' that serves this path cannot be used at present");
    bench.put("swap.wasm", &fixture("swap-v2.wasm"));
    bench.until("has it again", |status| status.missing == ["never-there"]);
    assert_eq!(version(&bench).await, "v2");
}

#[tokio::test]
async fn an_emptied_directory_keeps_everything_and_raises_the_alarm() {
    let bench = swap();
    std::fs::remove_file(bench.file("swap.wasm")).unwrap();
    let alarm = bench.until("raises the alarm", |status| status.alarm.is_some()).alarm.unwrap();
    assert!(alarm.contains("is empty all at once, as a lost mount is"), "{alarm}");
    assert!(alarm.contains("reload with empty=accept"), "{alarm}");
    assert_eq!(version(&bench).await, "v1");
    let kept = bench.plugins().reload(EmptyDirectory::Keep).await.unwrap();
    assert_eq!((kept.plugins.len(), kept.alarm.is_some()), (1, true));
    let accepted = bench.plugins().reload(EmptyDirectory::Accept).await.unwrap();
    assert!(serves_nothing(&accepted) && accepted.alarm.is_none(), "{accepted:#?}");
}

#[tokio::test]
async fn a_removed_and_recreated_directory_goes_on_as_before() {
    let bench = swap();
    std::fs::remove_dir_all(&bench.config.directory).unwrap();
    let alarm = bench.until("raises the alarm", |status| status.alarm.is_some()).alarm.unwrap();
    assert!(alarm.contains("cannot be read: No such file or directory"), "{alarm}");
    assert_eq!(version(&bench).await, "v1");
    std::fs::create_dir(&bench.config.directory).unwrap();
    bench.put("swap.wasm", &fixture("swap-v2.wasm"));
    let status = bench.until("serves v2", serves("2.0.0"));
    assert!(status.alarm.is_none(), "{status:#?}");
    bench.put("swap.wasm", &fixture("swap-v1.wasm"));
    bench.until("serves v1", serves("1.0.0"));
}

#[tokio::test]
async fn what_is_no_file_neither_hangs_nor_serves() {
    let bench = swap();
    std::fs::create_dir(bench.file("directory.wasm")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        bench.file("fifo.wasm"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    symlink("nowhere", bench.file("dangling.wasm")).unwrap();
    let mut status = bench.until("refuses both", |status| status.refused.len() == 2);
    status.refused.sort_by(|a, b| a.file.cmp(&b.file));
    assert_eq!(
        status.refused[0].reason,
        "it is a directory, not a file; put the built .wasm file here, or a link to one"
    );
    assert_eq!(
        status.refused[1].reason,
        "it is a FIFO, not a file; put the built .wasm file here, or a link to one"
    );
    assert_eq!(version(&bench).await, "v1");
}

#[tokio::test]
async fn a_file_that_is_too_large_is_not_read() {
    let mut bench = Bench::new();
    bench.config.file_bytes_max = 1_000;
    bench.put("swap.wasm", &fixture("swap-v1.wasm"));
    bench.start();
    let reason = &bench.status().refused[0].reason;
    assert!(reason.contains("bytes, more than plugins.file_bytes_max = 1000; strip it, or raise the limit"));
}

#[tokio::test]
async fn of_two_files_of_a_name_the_one_that_serves_stays_until_it_is_removed() {
    let bench = Bench::with(&[("b.wasm", "swap-v1.wasm"), ("other.wasm", "insurance-claim.wasm")]);
    bench.put("a.wasm", &fixture("swap-v2.wasm"));
    let status = bench.until("refuses the second", |status| status.refused.len() == 1);
    assert_eq!(
        status.refused[0].reason,
        "plugin 'swap' is already served by b.wasm; this file takes over when that one is removed"
    );
    assert_eq!(version(&bench).await, "v1");
    std::fs::remove_file(bench.file("b.wasm")).unwrap();
    // Without a gap: at each moment one of the two serves.
    let mut versions = vec![version(&bench).await];
    while versions.last().unwrap() == "v1" {
        versions.push(version(&bench).await);
        tokio::task::yield_now().await;
    }
    let status = bench.until("has one of the name", |status| status.plugins.len() == 2);
    assert!(status.refused.is_empty(), "{status:#?}");
}

#[tokio::test]
async fn of_two_files_of_a_name_the_one_that_served_does_so_after_a_restart_too() {
    let mut bench = Bench::with(&[("b.wasm", "swap-v1.wasm")]);
    bench.put("a.wasm", &fixture("swap-v2.wasm"));
    bench.until("refuses the second", |status| status.refused.len() == 1);
    bench.start();
    assert_eq!(version(&bench).await, "v1");
    assert_eq!(bench.status().refused[0].file, "a.wasm");
}

#[tokio::test]
async fn at_the_start_the_first_by_file_name_serves() {
    let bench = Bench::with(&[("b.wasm", "swap-v1.wasm"), ("a.wasm", "swap-v2.wasm")]);
    assert_eq!(version(&bench).await, "v2");
    assert_eq!(bench.status().refused[0].file, "b.wasm");
}

#[tokio::test]
async fn swaps_under_load_fail_no_record_and_each_answer_is_of_one_version() {
    let bench = swap();
    let (one, two) = (fixture("swap-v1.wasm"), fixture("swap-v2.wasm"));
    let plugins = bench.plugins().clone();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let load = std::thread::spawn(move || judge_until(&plugins, stopped));
    for round in 0..20 {
        bench.put("swap.wasm", if round % 2 == 0 { &two } else { &one });
        bench.until("swaps", serves(if round % 2 == 0 { "2.0.0" } else { "1.0.0" }));
    }
    stop.send(()).unwrap();
    let judged = load.join().unwrap();
    assert!(judged > 100, "only {judged} batches were judged meanwhile");
}

/// Judges small and large batches until told to stop; panics over a mixed or failed one.
fn judge_until(plugins: &Plugins, mut stopped: tokio::sync::oneshot::Receiver<()>) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut judged = 0;
    while stopped.try_recv() == Err(tokio::sync::oneshot::error::TryRecvError::Empty) {
        let found = plugins.snapshot().route("/swap").unwrap_or_else(|error| panic!("{error}"));
        let version = format!("v{}", &found.generation.manifest.version[..1]);
        let size = if judged % 2 == 0 { 1 } else { 300 };
        let bodies = vec!["{}"; size];
        let (judgement, _held) =
            runtime.block_on(found.generation.judge(0, Facts::default(), batch(&bodies)));
        for finding in &judgement.findings {
            assert!(
                matches!(finding, Finding::Verdict(Verdict::Accept(a)) if a.id.as_deref() == Some(&*version)),
                "{finding:?} of {version}"
            );
        }
        judged += 1;
    }
    judged
}

#[tokio::test]
async fn over_a_restart_the_kept_copy_serves_in_place_of_a_broken_file() {
    let mut bench = swap();
    bench.put("swap.wasm", b"broken");
    bench.start();
    let status = bench.status();
    let plugin = &status.plugins[0];
    assert_eq!((plugin.state, plugin.version.as_str()), (PluginState::ServingLastGood, "1.0.0"));
    assert!(plugin.refused.as_ref().unwrap().reason.starts_with("it is a text"), "{status:#?}");
    assert_eq!(version(&bench).await, "v1");
    bench.put("swap.wasm", &fixture("swap-v2.wasm"));
    let status = bench.until("serves v2", serves("2.0.0"));
    assert_eq!((status.plugins[0].state, status.refused.len()), (PluginState::Serving, 0));
}

#[tokio::test]
async fn over_a_restart_an_emptied_directory_serves_what_was_kept() {
    let mut bench = swap();
    bench.plugins = None;
    std::fs::remove_file(bench.file("swap.wasm")).unwrap();
    bench.start();
    let status = bench.status();
    assert!(status.alarm.as_ref().is_some_and(|alarm| alarm.contains("is empty all at once")), "{status:#?}");
    assert_eq!(version(&bench).await, "v1");
    bench.put("other.wasm", &fixture("insurance-claim.wasm"));
    let status = bench.until("believes it again", |status| {
        status.alarm.is_none() && status.plugins.len() == 1 && status.plugins[0].file == "other.wasm"
    });
    assert!(status.refused.is_empty());
    bench.start();
    assert_eq!(bench.status().plugins.len(), 1, "the copy of a removed plugin came back");
}

#[tokio::test]
async fn kept_copies_are_private_and_go_with_their_plugins() {
    let bench = swap();
    let state = &bench.config.state_directory;
    let directory = std::fs::read_dir(state).unwrap().next().unwrap().unwrap().path();
    assert_eq!(directory.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let copy = directory.join("swap.wasm");
    assert_eq!(std::fs::read(&copy).unwrap(), fixture("swap-v1.wasm"));
    assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::remove_file(bench.file("swap.wasm")).unwrap();
    bench.plugins().reload(EmptyDirectory::Accept).await.unwrap();
    assert!(!copy.exists());
}

#[tokio::test]
async fn an_old_generation_ends_with_its_last_request() {
    let bench = swap();
    let held = bench.plugins().snapshot();
    let weak = Arc::downgrade(&held.generations[0]);
    bench.put("swap.wasm", &fixture("swap-v2.wasm"));
    bench.until("serves v2", serves("2.0.0"));
    assert!(weak.upgrade().is_some());
    drop(held);
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_named_directory_that_is_not_there_stops_the_start() {
    let mut bench = Bench::new();
    bench.config.directory = bench.root.path().join("mistyped");
    let error = Plugins::start(bench.config.clone(), metrics()).err().unwrap();
    assert_eq!(
        error.to_string(),
        format!(
            "plugin directory {} cannot be read: No such file or directory (os error 2); create it, or name \
             another by --plugins or plugins.directory",
            bench.config.directory.display()
        )
    );
    bench.config.directory_named = false;
    let status = bench.start().status();
    assert!(serves_nothing(&status) && status.alarm.is_none());
    std::fs::create_dir(&bench.config.directory).unwrap();
    bench.put("swap.wasm", &fixture("swap-v1.wasm"));
    bench.until("serves what came", serves("1.0.0"));
}
