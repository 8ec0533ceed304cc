//! A real Prometheus 3.

use crate::part::{Part, await_that, free, program};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

pub struct Prometheus {
    pub address: SocketAddr,
    _directory: tempfile::TempDir,
    _part: Part,
}

/// A series of an answer: its labels and its value.
pub type Series = (BTreeMap<String, String>, f64);

impl Prometheus {
    /// It scrapes this, if anything, and takes what is sent to it.
    pub fn start(scraped: Option<SocketAddr>) -> Prometheus {
        Prometheus::with(scraped.as_slice(), None)
    }

    /// It scrapes these, and evaluates the rules of a file.
    pub fn with(scraped: &[SocketAddr], rules: Option<&Path>) -> Prometheus {
        let directory = tempfile::tempdir().unwrap();
        let address = free();
        let mut config =
            "global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}\n"
                .to_owned();
        if let Some(rules) = rules {
            config += &format!("rule_files: [{}]\n", rules.display());
        }
        if !scraped.is_empty() {
            let targets: Vec<String> = scraped.iter().map(|target| format!("\"{target}\"")).collect();
            let targets = targets.join(", ");
            config += &format!(
                "scrape_configs: [{{job_name: gateway, static_configs: [{{targets: [{targets}]}}]}}]\n"
            );
        }
        let file = directory.path().join("prometheus.yml");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new(program("prometheus"));
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .args(["--web.enable-remote-write-receiver", "--web.enable-otlp-receiver", "--log.level=warn"]);
        let part = Part::start("prometheus", command, directory.path(), address);
        let prometheus = Prometheus { address, _directory: directory, _part: part };
        await_that("Prometheus is ready", || prometheus.get("/-/ready", &[]).contains("Ready").then_some(()));
        prometheus
    }

    fn get(&self, path: &str, parameters: &[(&str, &str)]) -> String {
        let mut command = Command::new("curl");
        command.args(["--silent", "--get", &format!("http://{}{path}", self.address)]);
        for (name, value) in parameters {
            command.arg("--data-urlencode").arg(format!("{name}={value}"));
        }
        String::from_utf8(command.output().expect("curl asks Prometheus").stdout).unwrap()
    }

    /// What an expression gives now.
    pub fn query(&self, expression: &str) -> Vec<Series> {
        let text = self.get("/api/v1/query", &[("query", expression)]);
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        let data = &answer["data"];
        if data["resultType"] == "scalar" {
            return vec![(BTreeMap::new(), number(&data["result"][1]))];
        }
        let series = |one: &Value| {
            let labels = one["metric"].as_object().unwrap();
            let labels =
                labels.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
            (labels.collect(), number(&one["value"][1]))
        };
        data["result"].as_array().unwrap().iter().map(series).collect()
    }

    /// The one number that an expression gives; none while it gives no series.
    pub fn number(&self, expression: &str) -> Option<f64> {
        self.query(expression).first().map(|(_, value)| *value)
    }

    pub fn await_number(&self, expression: &str, wanted: f64) {
        let mut last = None;
        let start = std::time::Instant::now();
        while last != Some(wanted) {
            last = self.number(expression);
            assert!(start.elapsed() < crate::process::PATIENCE, "{expression} is {last:?}, and not {wanted}");
            std::thread::park_timeout(std::time::Duration::from_millis(100));
        }
    }
}

fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}
