//! A gateway with plugins of its own, and the console on it.

use crate::browser::{Browser, Scheme};
use crate::client::{Answer, Client};
use crate::process::{Gateway, Launch, repository};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub const FINANCIAL: &str = "/ingest-financial-transaction/";
pub const CLAIM: &str = "/ingest-insurance-claim/";
pub const SAMPLES: [&str; 2] = ["plugins/financial-transaction.wasm", "plugins/insurance-claim.wasm"];

pub struct World {
    pub gateway: Gateway,
    pub browser: Browser,
    directory: TempDir,
}

impl World {
    /// These plugins of the repository, and lines of configuration beside the defaults; the page is open and has seen
    /// the gateway.
    pub fn with(plugins: &[&str], lines: &str) -> World {
        let directory = tempfile::tempdir().unwrap();
        let (of, data) = (directory.path().join("plugins"), directory.path().join("data"));
        std::fs::create_dir(&of).unwrap();
        std::fs::create_dir(&data).unwrap();
        for plugin in plugins {
            let file = repository(plugin);
            std::fs::copy(&file, of.join(file.file_name().unwrap())).unwrap();
        }
        let config = directory.path().join("sluicegate.toml");
        std::fs::write(&config, format!("{lines}\n[plugins.limits]\ninstances_warm = 1\n")).unwrap();
        let mut launch = Launch::bare().config(&config);
        // From there, so that no path of the machine is in a picture.
        launch.command.current_dir(&directory).args(["--plugins", "plugins", "--data", "data"]);
        let gateway = launch.start();
        let mut browser = Browser::start();
        browser.resize(1280, 900, Scheme::Dark);
        browser.open(&format!("http://{}/", gateway.admin_address));
        browser.until(
            "the first look",
            &format!("document.getElementById('state') && !{STATE}.startsWith('Asking')"),
        );
        World { gateway, browser, directory }
    }

    pub fn plugins(&self) -> PathBuf {
        self.directory.path().join("plugins")
    }

    /// Puts a file of the repository into the plugin directory under this name, in one step.
    pub fn put(&self, file: &str, name: &str) {
        self.put_bytes(&std::fs::read(repository(file)).unwrap(), name);
    }

    pub fn put_bytes(&self, bytes: &[u8], name: &str) {
        let beside = self.plugins().join("next");
        std::fs::write(&beside, bytes).unwrap();
        std::fs::rename(beside, self.plugins().join(name)).unwrap();
    }

    pub fn post(&self, path: &str, body: &str) -> Answer {
        let mut client = Client::connect(self.gateway.data_address).unwrap();
        client.post(path, "application/x-ndjson", body.as_bytes()).unwrap()
    }

    pub fn get(&self, path: &str) -> Answer {
        Client::connect(self.gateway.admin_address).unwrap().get(path).unwrap()
    }

    /// What has to be true of every page at its end: it asked nobody else, and had nothing to complain of.
    pub fn is_sound(&mut self) {
        let own = format!("http://{}/", self.gateway.admin_address);
        let requests = self.browser.requests();
        assert!(requests.len() > 5, "{requests:?}");
        let foreign: Vec<&String> = requests.iter().filter(|url| !url.starts_with(&own)).collect();
        assert!(foreign.is_empty(), "{foreign:?}");
        assert_eq!(self.browser.complaints(), [""; 0]);
    }
}

/// An expression: what the page says of the gateway's state.
pub const STATE: &str = "document.getElementById('state').textContent";

/// An expression: whether the text of what a selector finds holds this.
pub fn says(selector: &str, text: &str) -> String {
    let (selector, text) = (serde_json::json!(selector), serde_json::json!(text));
    format!("[...document.querySelectorAll({selector})].some((found) => found.textContent.includes({text}))")
}

/// A valid record of the first sample.
pub fn transaction(id: &str) -> String {
    format!(
        r#"{{"transaction_id":"{id}","timestamp":"2026-01-15T10:30:00Z","account_id":"ACC-{id}","amount":129.95,"currency":"EUR","transaction_type":"purchase","merchant_id":"M-1"}}"#
    )
}

/// A valid record of the second.
pub fn claim(id: &str) -> String {
    format!(
        r#"{{"claim_id":"{id}","timestamp":"2026-01-15T10:30:00Z","policy_number":"P-{id}","claim_amount":2500,"claim_type":"auto","claim_status":"submitted","customer_id":"C-1","incident_date":"2026-01-10"}}"#
    )
}

/// Where pictures go.
pub fn pictures() -> PathBuf {
    let named = std::env::var_os("SLUICEGATE_SCREENSHOTS").map(PathBuf::from);
    let directory = named.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("console"));
    std::fs::create_dir_all(&directory).unwrap();
    directory
}
