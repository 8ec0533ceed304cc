//! Judges dead letters with another plugin, and sends nothing.

use super::letter::{Found, Letter, Letters};
use super::report::{Now, Outcome, Report};
use crate::cli::scratch::Scratch;
use crate::cli::{ConfigArguments, Exit, complain, variables};
use crate::config::{Config, Flags};
use crate::plugin::{self, Facts, Limits, Plugins, Snapshot};
use crate::record::{Batch, Body, Framing, Input, Record, Refusal, Shape};
use crate::telemetry::Metrics;
use crate::verdict::{Finding, Verdict, Violation};
use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;

pub(super) fn run(
    mut letters: Letters,
    found: &Found,
    file: &Path,
    arguments: ConfigArguments,
    examples_max: usize,
) -> Result<Report, Exit> {
    let scratch = Scratch::create().map_err(|error| {
        complain(format_args!(
            "the plugin cannot be tried ({error}); make room there, or name another directory by TMPDIR"
        ));
        Exit::Unsound
    })?;
    let config = configure(file, arguments, scratch.path())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        complain(format_args!(
            "threads cannot be started ({error}); raise the limit of processes (ulimit -u)"
        ));
        Exit::Unsound
    })?;
    let plugins = {
        let _entered = runtime.enter();
        let metrics = Metrics::new(&config.telemetry);
        Plugins::start(config.plugins, metrics).map_err(|error| {
            complain(error);
            Exit::Unsound
        })?
    };
    let stamp = serving(file, &plugins)?;
    let snapshot = plugins.snapshot();
    let mut report = Report::new("judged", format!("by {stamp}"), found, examples_max);
    loop {
        match letters.next() {
            Ok(Some(letter)) => {
                let now = runtime.block_on(judge(&letter, &snapshot));
                report.add(&letter, now);
            }
            Ok(None) => return Ok(report),
            Err(error) => {
                report.ended_early = Some(error.to_string());
                return Ok(report);
            }
        }
    }
}

/// As the gateway's own, with this plugin alone: its file is copied to where nobody else looks.
fn configure(file: &Path, arguments: ConfigArguments, scratch: &Path) -> Result<Config, Exit> {
    let (directory, state) = (scratch.join("plugins"), scratch.join("state"));
    let copied = std::fs::create_dir(&directory).and_then(|()| {
        let name = file.file_name().ok_or(std::io::ErrorKind::InvalidInput)?;
        let name = Path::new(name).with_extension("wasm");
        std::fs::copy(file, directory.join(name))
    });
    if let Err(error) = copied {
        complain(format_args!("{} cannot be read ({error}); name a .wasm file by --plugin", file.display()));
        return Err(Exit::Usage);
    }
    let flags = Flags { plugins: Some(directory), ..Flags::from(arguments) };
    let mut config = Config::load(flags, variables()).map_err(|problems| {
        complain(format_args!("the configuration is not right, nothing was judged\n{problems}"));
        Exit::Usage
    })?;
    config.plugins.state_directory = state;
    // Other plugins are not here.
    config.plugins.required.clear();
    settle(&mut config.plugins.limits);
    config.plugins.plugins.values_mut().for_each(|plugin| settle(&mut plugin.limits));
    Ok(config)
}

/// Each letter is judged by itself: no instance has seen another, and however many fault, the next is judged.
fn settle(limits: &mut Limits) {
    limits.instance_calls_max = 1;
    limits.breaker_faults = u32::MAX;
}

/// What judges, or the reason why nothing does.
fn serving(file: &Path, plugins: &Plugins) -> Result<String, Exit> {
    let plugin::Status { plugins, refused, alarm, .. } = plugins.status();
    match (plugins.first(), refused.first()) {
        (Some(plugin), _) => {
            let digest = plugin.digest.get(..16).unwrap_or(&plugin.digest);
            Ok(format!("{}@{};sha256:{digest}", plugin.name, plugin.version))
        }
        (None, refused) => {
            let reason = refused.map(|refused| refused.reason.clone()).or(alarm);
            let reason = reason.unwrap_or_else(|| "it was not loaded".to_owned());
            complain(format_args!("{} is no plugin that can judge: {reason}", file.display()));
            Err(Exit::Unsound)
        }
    }
}

async fn judge(letter: &Letter, snapshot: &Snapshot) -> Now {
    let Some(path) = &letter.path else {
        return Now::failed("it names no route: its plugin had accepted it, and Kafka refused it later");
    };
    let Ok(found) = snapshot.route(path) else {
        return Now::failed(format!("the plugin has no route {path}"));
    };
    let input = &found.generation.manifest.routes[found.route].input;
    let record = Record::new(letter.id, body(letter, input));
    let batch = Arc::new(Batch { shape: Shape::Single, records: vec![record] });
    let facts = Facts {
        received_at_ms: letter.received_at_ms,
        parameters: found.parameters,
        headers: letter.headers.clone(),
        caller: None,
    };
    let (judgement, _held) = found.generation.judge(found.route, facts, batch).await;
    now(judgement.findings.into_iter().next())
}

fn body(letter: &Letter, input: &Input) -> Body {
    let framing = Framing::of(letter.content_type.as_deref(), input);
    if framing == Ok(Framing::WholeBytes) {
        return Body::Bytes(letter.value.clone());
    }
    match bytestring::ByteString::try_from(letter.value.clone()) {
        Ok(text) => Body::Text(text),
        Err(_) => Body::Refused(Refusal::NotUtf8 { offset: valid_up_to(&letter.value) }),
    }
}

fn valid_up_to(bytes: &Bytes) -> usize {
    std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len)
}

fn now(finding: Option<Finding>) -> Now {
    match finding {
        Some(Finding::Verdict(Verdict::Accept(_) | Verdict::Split(_) | Verdict::Discard(_))) => {
            Now::accepted()
        }
        Some(Finding::Verdict(Verdict::Reject(violations))) => {
            let Some(Violation { pointer, code, message, .. }) = violations.first().cloned() else {
                return Now::failed("rejected without a violation");
            };
            Now { outcome: Outcome::Rejected, code, detail: format!("{pointer} {message}").trim().to_owned() }
        }
        Some(Finding::Fault(fault)) => {
            Now { outcome: Outcome::Quarantined, code: fault.kind.as_str().to_owned(), detail: fault.detail }
        }
        Some(Finding::Failed(failure)) => Now::failed(failure.to_string()),
        None => Now::failed("there was no verdict"),
    }
}
