//! A gateway in five lines: `let gateway = Gateway::start().await;`

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use sluicegate::app::App;
use sluicegate::config::{Config, Flags};
use sluicegate::sink::log::{Entry, Read, Reader, log_path};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const FINANCIAL: &str = "/ingest-financial-transaction/";
pub const CLAIM: &str = "/ingest-insurance-claim/";

/// What awaits an event gives up after this long: far beyond what it takes, far below what a person bears.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Gateway {
    pub app: App,
    pub directory: TempDir,
    pub client: Client<HttpConnector, Full<Bytes>>,
}

pub struct Answer {
    pub status: u16,
    pub headers: hyper::HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Where the committed components lie.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
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

impl Gateway {
    /// Both samples, everything else by default.
    pub async fn start() -> Gateway {
        Gateway::with(&["plugins/financial-transaction.wasm", "plugins/insurance-claim.wasm"], "").await
    }

    /// These plugin files of the repository, and lines of configuration beside the defaults.
    pub async fn with(plugins: &[&str], lines: &str) -> Gateway {
        let directory = tempfile::tempdir().unwrap();
        for named in ["plugins", "data"] {
            std::fs::create_dir(directory.path().join(named)).unwrap();
        }
        for plugin in plugins {
            let file = repository(plugin);
            let target = directory.path().join("plugins").join(file.file_name().unwrap());
            std::fs::copy(&file, target).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        }
        Gateway::again(directory, lines).await
    }

    /// On a directory that an earlier gateway has left.
    pub async fn again(directory: TempDir, lines: &str) -> Gateway {
        let config = configuration(directory.path(), lines);
        let app = App::start(config).await.unwrap_or_else(|error| panic!("{error}"));
        let client = Client::builder(TokioExecutor::new()).build_http();
        Gateway { app, directory, client }
    }

    pub fn plugins(&self) -> PathBuf {
        self.directory.path().join("plugins")
    }

    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.send(Method::POST, path, &[("content-type", "application/json")], body).await
    }

    pub async fn post_lines(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.send(Method::POST, path, &[("content-type", "application/x-ndjson")], body).await
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        self.request(format!("http://{}{path}", self.app.data_address), method, headers, body.into()).await
    }

    pub async fn admin(&self, method: Method, path: &str) -> Answer {
        self.request(format!("http://{}{path}", self.app.admin_address), method, &[], Bytes::new()).await
    }

    async fn request(&self, url: String, method: Method, headers: &[(&str, &str)], body: Bytes) -> Answer {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.client.request(request.body(Full::new(body)).unwrap()).await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Answer { status, headers, body: answer.into_body().collect().await.unwrap().to_bytes() }
    }

    /// What `/plugins` says.
    pub async fn status(&self) -> Value {
        self.admin(Method::GET, "/plugins").await.json()
    }

    /// The samples of one metric, each line as `/metrics` has it.
    pub async fn metric(&self, name: &str) -> Vec<String> {
        let text = self.admin(Method::GET, "/metrics").await.text();
        text.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect()
    }

    /// Waits until `/plugins` satisfies the condition.
    pub async fn until(&self, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let status = self.status().await;
            if condition(&status) {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "{what} did not come about:\n{status:#}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The records of a topic, as the log has them.
    pub fn entries(&self, topic: &str) -> Vec<Entry> {
        entries(&self.data(), topic)
    }

    pub fn values(&self, topic: &str) -> Vec<String> {
        self.entries(topic)
            .into_iter()
            .map(|entry| String::from_utf8(entry.value.unwrap().to_vec()).unwrap())
            .collect()
    }

    pub async fn stop(self) -> TempDir {
        self.app.stop().await;
        self.directory
    }
}

/// What a log holds, which must be undamaged.
pub fn entries(data: &Path, topic: &str) -> Vec<Entry> {
    let mut reader = Reader::open(&log_path(data, topic).unwrap(), 0);
    std::iter::from_fn(|| match reader.next().unwrap()? {
        Read::Entry { entry, .. } => Some(entry),
        Read::Damage(damage) => panic!("{damage:?}"),
    })
    .collect()
}

pub fn header<'e>(entry: &'e Entry, name: &str) -> Option<&'e str> {
    let (_, value) = entry.headers.iter().find(|(found, _)| found == name)?;
    Some(std::str::from_utf8(value).unwrap())
}

pub fn record_id(entry: &Entry) -> String {
    sluicegate::record::RecordId { ulid: entry.id, part: entry.part }.to_string()
}

pub fn configuration(directory: &Path, lines: &str) -> Config {
    let file = directory.join("sluicegate.toml");
    std::fs::write(&file, lines).unwrap();
    let flags = Flags {
        config: Some(file),
        plugins: Some(directory.join("plugins")),
        data: Some(directory.join("data")),
        listen: Some("127.0.0.1:0".into()),
        admin: Some("127.0.0.1:0".into()),
        kafka: None,
    };
    Config::load(flags, std::iter::empty()).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Lines that each hold one record.
pub fn ndjson(records: impl IntoIterator<Item = String>) -> String {
    let mut body = String::new();
    for record in records {
        writeln!(body, "{record}").unwrap();
    }
    body
}
