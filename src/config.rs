//! One file and what overrides it become each room's own Config, or all problems at once.
//!
//! Flag over `SLUICEGATE__SECTION__KEY` over file over the variables of the ingestor that Sluicegate replaces
//! over default. A key exists where it is read, with its default and its meaning: the reference that
//! `print_reference` prints is written down by the reader itself.

mod cross;
mod dead_letter;
mod kafka;
mod limit;
mod otel;
mod plugin;
mod problem;
mod reference;
mod room;
mod section;
mod source;
#[cfg(test)]
mod tests;
mod value;

pub use problem::{Origin, Problem, Problems};

use crate::sink::log::SyncMode;
use crate::{http, shutdown, sink, telemetry};
use section::Findings;
use source::{Precedence, Table};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Far above any file that people write.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Everything a gateway needs to start, already valid.
#[derive(Debug, Clone)]
pub struct Config {
    pub http: http::Config,
    pub admin: http::AdminConfig,
    pub idempotency: http::IdempotencyConfig,
    pub plugins: crate::plugin::Config,
    pub sink: sink::Config,
    pub telemetry: telemetry::Config,
    pub shutdown: shutdown::Config,
    /// Sentences about what is set and has no effect, though nothing is lost by it: to be logged as warnings.
    pub notices: Vec<String>,
}

/// What the command line says.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// The file. None: no file is read, as none is needed.
    pub config: Option<PathBuf>,
    pub plugins: Option<PathBuf>,
    pub data: Option<PathBuf>,
    pub listen: Option<String>,
    pub admin: Option<String>,
    pub kafka: Option<String>,
}

impl Config {
    /// Reads the file and what overrides it. `variables` is the environment: others than ours are ignored.
    ///
    /// # Errors
    /// All that is wrong, each with its key, its value and what to do.
    pub fn load(
        flags: Flags,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Config, Problems> {
        let mut findings = Findings::default();
        let mut notices = Vec::new();
        let mut tree = match &flags.config {
            Some(path) => read_file(path, &mut findings.problems),
            None => Table::default(),
        };
        let mut variables: Vec<(String, String)> = variables.into_iter().collect();
        variables.sort();
        let sync = sync_mode(&variables);
        let export = otel::export(&variables, &mut findings.problems, &mut notices);
        for (name, value) in variables {
            tree.set_variable(&name, &value, &mut findings.problems);
            set_old_variable(&mut tree, &name, value);
        }
        set_flags(&mut tree, flags);
        let mut config = read(&mut tree, &mut findings);
        config.notices = notices;
        config.telemetry.export = export;
        config.sink.log.sync = sync;
        let (mut problems, _) = findings.finish(tree);
        // Values that stand in for wrong ones would be compared otherwise.
        if problems.is_empty() {
            problems = cross::check(&config);
        }
        if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
    }
}

/// Every key with its default and meaning: a file that `Config::load` takes.
pub fn print_reference() -> String {
    let (mut tree, mut findings) = (Table::default(), Findings::default());
    read(&mut tree, &mut findings);
    findings.reference.print()
}

fn read(tree: &mut Table, findings: &mut Findings) -> Config {
    let http = room::http(tree, findings);
    let admin = room::admin(tree, findings);
    let data = room::data(tree, findings);
    let idempotency = room::idempotency(tree, &data, findings);
    let plugins = room::plugins(tree, &data, findings);
    Config {
        http,
        admin,
        idempotency,
        plugins,
        sink: room::sink(tree, data, findings),
        telemetry: room::telemetry(tree, findings),
        shutdown: room::shutdown(tree, findings),
        notices: Vec::new(),
    }
}

fn read_file(path: &Path, problems: &mut Vec<Problem>) -> Table {
    let text = std::fs::metadata(path).and_then(|found| match found.len() {
        bytes if bytes > FILE_BYTES_MAX => {
            Err(std::io::Error::other(format!("it has {bytes} bytes; at most {FILE_BYTES_MAX} are read")))
        }
        _ => std::fs::read_to_string(path),
    });
    match text {
        Ok(text) => source::parse(&text, &Arc::from(path), problems),
        Err(error) => {
            problems.push(Problem {
                origin: Origin::Default,
                key: String::new(),
                value: String::new(),
                fault: format!("configuration file {} cannot be read ({error})", path.display()),
                remedy: "name another by --config, or leave --config out to run without one".to_owned(),
            });
            Table::default()
        }
    }
}

fn set_flags(tree: &mut Table, flags: Flags) {
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let given = [
        ("--plugins", ["plugins", "directory"], flags.plugins.map(text)),
        ("--data", ["data", "directory"], flags.data.map(text)),
        ("--listen", ["http", "listen"], flags.listen),
        ("--admin", ["admin", "listen"], flags.admin),
        ("--kafka", ["kafka", "brokers"], flags.kafka),
    ];
    for (flag, path, value) in given {
        if let Some(value) = value {
            tree.set(&path, value, Origin::Flag(flag), Precedence::Over);
        }
    }
}

/// The negative control of the power-cut rig: a gateway that loses records, to prove that the rig notices.
const NEVER_SYNC: &str = "SLUICEGATE_TEST_ONLY_NEVER_SYNC";

fn sync_mode(variables: &[(String, String)]) -> SyncMode {
    let asked = variables.iter().any(|(name, value)| name == NEVER_SYNC && value == "loses-records");
    if asked { SyncMode::NeverForTests } else { SyncMode::Always }
}

/// The variables of the ingestor that Sluicegate replaces.
fn set_old_variable(tree: &mut Table, name: &str, value: String) {
    if value.is_empty() {
        return;
    }
    let origin = Origin::Variable(name.to_owned());
    let mut map_topic = |plugin, topic, value| {
        tree.set(&["plugin", plugin, "topics", topic], value, origin.clone(), Precedence::Under);
    };
    match name {
        "KAFKA_TOPIC_FINANCIAL" => map_topic("financial-transaction", "raw_financial_transactions", value),
        "KAFKA_TOPIC_INSURANCE" => map_topic("insurance-claim", "raw_insurance_claims", value),
        "KAFKA_BROKER" => tree.set(&["kafka", "brokers"], value, origin, Precedence::Under),
        _ => {}
    }
}
