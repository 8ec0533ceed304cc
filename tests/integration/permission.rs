//! What the gateway's user may not read. Root may read everything, so that a root's tests run it as nobody.

use crate::client::Client;
use crate::process::{Gateway, Launch, PATIENCE, repository};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// "nobody" wherever there is one; it needs no name to exist.
const NOBODY: u32 = 65_534;

/// Short, so that the alarm does not keep the test waiting.
const QUICK: &str = "[plugins]\nremoval_grace_ms = 100\npoll_interval_ms = 100\n";

struct Place {
    directory: tempfile::TempDir,
    gateway: Gateway,
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

impl Place {
    /// A gateway that serves one plugin, whose user is bound by permissions.
    fn start() -> Place {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for name in ["plugins", "data"] {
            fs::create_dir(at(name)).unwrap();
        }
        fs::copy(repository("tests/fixtures/swap-v1.wasm"), at("plugins/swap.wasm")).unwrap();
        fs::write(at("quick.toml"), QUICK).unwrap();
        let mut launch = Launch::bare();
        if is_root() {
            // The build may lie where only root may go. Not by our own hand: a child that another test starts
            // meanwhile would hold the file open for writing, and what is being written cannot be run.
            let binary = at("sluicegate");
            let copied =
                Command::new("cp").arg(env!("CARGO_BIN_EXE_sluicegate")).arg(&binary).status().unwrap();
            assert!(copied.success());
            launch.command = Command::new(binary);
            launch.command.args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
            launch.command.uid(NOBODY).gid(NOBODY);
            for name in ["", "plugins", "plugins/swap.wasm", "data", "quick.toml"] {
                chown(at(name), Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        launch.command.current_dir(directory.path());
        launch.command.arg("--plugins").arg(at("plugins")).arg("--data").arg(at("data"));
        let gateway = launch.config(&at("quick.toml")).start();
        Place { directory, gateway }
    }

    fn plugins(&self) -> PathBuf {
        self.directory.path().join("plugins")
    }

    fn status(&self) -> Value {
        Client::connect(self.gateway.admin_address)
            .and_then(|mut client| client.get("/plugins"))
            .unwrap()
            .json()
    }

    fn until(&self, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let status = self.status();
            if condition(&status) {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "{what} did not come about:\n{status:#}");
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    fn serves(&self) {
        let mut client = Client::connect(self.gateway.data_address).unwrap();
        let answer = client.post("/swap", "application/json", b"{}").unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let ready = Client::connect(self.gateway.admin_address).unwrap().get("/readyz").unwrap();
        assert_eq!(ready.status, 200, "{}", ready.text());
    }

    fn replace(&self, fixture: &str) {
        fs::copy(repository(fixture), self.plugins().join("swap.wasm")).unwrap();
    }
}

fn permit(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn version(status: &Value) -> &str {
    status["plugins"][0]["version"].as_str().unwrap_or_default()
}

#[test]
fn a_directory_that_may_not_be_read_keeps_everything_serving_and_is_told_until_it_may() {
    let place = Place::start();
    place.serves();
    permit(&place.plugins(), 0o000);
    let status = place.until("the alarm", |status| !status["alarm"].is_null());
    let alarm = status["alarm"].as_str().unwrap();
    assert!(
        alarm.contains(place.plugins().to_str().unwrap())
            && alarm.contains("cannot be read: Permission denied")
            && alarm.contains("Make it readable for the gateway's user"),
        "{alarm}"
    );
    assert_eq!((version(&status), &status["plugins"][0]["state"]), ("1.0.0", &"serving".into()));
    place.serves();
    let said = place.gateway.said();
    let told = said.lines().find(|line| line.contains("plugin directory not believed"));
    assert!(told.is_some_and(|line| line.contains("Permission denied")), "{said}");

    permit(&place.plugins(), 0o700);
    place.until("no alarm", |status| status["alarm"].is_null());
    place.serves();
    place.replace("tests/fixtures/swap-v2.wasm");
    place.until("the next version", |status| version(status) == "2.0.0");
    place.serves();
    assert!(place.gateway.said().contains("plugin directory believed again"));
}

#[test]
fn a_directory_whose_names_but_not_files_can_be_seen_keeps_everything_serving() {
    let place = Place::start();
    permit(&place.plugins(), 0o400);
    let status = place.until("the refusal", |status| {
        !status["alarm"].is_null() || !status["plugins"][0]["refused"].is_null()
    });
    assert!(status.to_string().contains("Permission denied"), "{status:#}");
    place.serves();
    permit(&place.plugins(), 0o700);
    place.until("being well again", |status| {
        status["alarm"].is_null() && status["plugins"][0]["state"] == "serving"
    });
    place.serves();
}

#[test]
fn a_file_that_may_not_be_read_leaves_the_last_good_serving_and_is_told_until_it_may() {
    let place = Place::start();
    let file = place.plugins().join("swap.wasm");
    place.replace("tests/fixtures/swap-v2.wasm");
    place.until("the next version", |status| version(status) == "2.0.0");
    // A newer file that was put there by somebody else, for themselves.
    let beside = place.plugins().join(".swap.wasm");
    fs::copy(repository("tests/fixtures/swap-v1.wasm"), &beside).unwrap();
    permit(&beside, 0o000);
    fs::rename(&beside, &file).unwrap();
    let status = place.until("the refusal", |status| !status["plugins"][0]["refused"].is_null());
    let reason = status["plugins"][0]["refused"]["reason"].as_str().unwrap();
    assert!(reason.contains("Permission denied") && reason.contains("make it readable"), "{reason}");
    assert_eq!((version(&status), &status["plugins"][0]["state"]), ("2.0.0", &"serving_last_good".into()));
    place.serves();
    permit(&file, 0o644);
    place.until("the newer file", |status| version(status) == "1.0.0");
    place.serves();
}

#[test]
fn a_directory_that_is_unmounted_and_mounted_again_costs_nothing() {
    let place = Place::start();
    let aside = place.directory.path().join("aside");
    fs::rename(place.plugins(), &aside).unwrap();
    let status = place.until("the alarm", |status| !status["alarm"].is_null());
    assert!(status["alarm"].as_str().unwrap().contains("mount it again"), "{status:#}");
    place.serves();
    // What a mount point is without its mount: there, and empty.
    fs::create_dir(place.plugins()).unwrap();
    permit(&place.plugins(), 0o755);
    place.until("the alarm of an empty one", |status| {
        status["alarm"].as_str().is_some_and(|alarm| alarm.contains("is empty all at once"))
    });
    place.serves();
    fs::remove_dir(place.plugins()).unwrap();
    fs::rename(&aside, place.plugins()).unwrap();
    place.until("no alarm", |status| status["alarm"].is_null());
    place.replace("tests/fixtures/swap-v2.wasm");
    place.until("the next version", |status| version(status) == "2.0.0");
    place.serves();
}
