//! Power cuts: what a disk would hold if the machine lost its power at a random moment.

use crate::load::{Account, Load, SMALL, Verdict, judge, number, seed};
use crate::mount::{Mount, NoWriteBack, run};
use crate::process::Launch;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const CLIENTS: usize = 6;

/// One test for both: they must not run beside each other, as write-back is the whole machine's.
#[test]
fn power_cuts_lose_nothing_and_would_without_the_sync() {
    let cuts = number("SLUICEGATE_CUTS").unwrap_or(50);
    let mut random = fastrand::Rng::with_seed(seed());
    let _quiet = NoWriteBack::begin();
    let (mut acked, mut delivered) = (0, 0);
    for cut in 0..cuts {
        let verdict = cut_power(&mut random, Sync::On);
        assert!(verdict.lost.is_empty(), "cut {cut} lost {} of {}", verdict.lost.len(), verdict.acked);
        assert!(verdict.wrong.is_empty(), "cut {cut}: {}", verdict.wrong.join("\n"));
        acked += verdict.acked;
        delivered += verdict.delivered;
    }
    println!("{cuts} power cuts: {acked} acknowledged, {delivered} delivered");
    assert!(acked > cuts * 10, "too little was acknowledged to prove anything");
    let controls: Vec<usize> = (0..5).map(|_| cut_power(&mut random, Sync::Off).lost.len()).collect();
    println!("lost by a gateway that does not sync, in five cuts: {controls:?}");
    assert!(controls.iter().any(|lost| *lost > 0), "the rig does not notice a gateway that never syncs");
}

#[derive(Clone, Copy, PartialEq)]
enum Sync {
    On,
    Off,
}

fn cut_power(random: &mut fastrand::Rng, sync: Sync) -> Verdict {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("disk");
    let after = directory.path().join("after");
    let config = directory.path().join("small.toml");
    std::fs::write(&config, format!("{SMALL}free_bytes_min = \"1MiB\"\n")).unwrap();
    run(&["truncate", "-s", "96M", image.to_str().unwrap()]);
    run(&["mkfs.ext4", "-q", "-F", image.to_str().unwrap()]);
    let account = Arc::new(Mutex::new(Account::default()));
    {
        let disk = Mount::image(&image, &directory.path().join("mounted"));
        let mut launch = Launch::serve(&disk.point.join("data")).config(&config);
        if sync == Sync::Off {
            launch.command.env("SLUICEGATE_TEST_ONLY_NEVER_SYNC", "loses-records");
        }
        let mut gateway = launch.start();
        let load = Load::start(gateway.data_address, CLIENTS, &account);
        std::thread::park_timeout(Duration::from_micros(random.u64(20_000..400_000)));
        gateway.freeze();
        copy(&image, &after);
        gateway.kill();
        load.join();
    }
    let disk = Mount::image(&after, &directory.path().join("again"));
    let account = account.lock().unwrap();
    // Recovery first: the log has to be as it will be served on.
    let data = disk.point.join("data");
    let mut gateway = Launch::serve(&data).config(&config).start();
    gateway.signal("-TERM");
    assert!(gateway.exit().success());
    if data.join("log").join(crate::load::TOPIC).is_dir() {
        judge(&data, &account)
    } else {
        Verdict {
            acked: account.acked.len(),
            lost: account.acked.iter().copied().collect(),
            ..Verdict::default()
        }
    }
}

fn copy(from: &Path, to: &Path) {
    run(&["cp", "--sparse=always", from.to_str().unwrap(), to.to_str().unwrap()]);
}
