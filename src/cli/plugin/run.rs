//! `sluicegate plugin run`.

use super::{FileArguments, size};
use crate::cli::{Exit, complain, print};
use crate::plugin::{Facts, Measured, Part, Piece, Published, Shown, Told, Tried, told};
use crate::record::{Body, Record, RecordIds};
use crate::verdict::Finding;
use clap::Args;
use serde_json::{Value, json};
use std::io::BufRead;
use std::time::{SystemTime, UNIX_EPOCH};

/// As large as a record may be by default (`http.record_bytes_max`).
const LINE_BYTES_MAX: u64 = 1 << 20;

#[derive(Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    file: FileArguments,
    /// The route whose records come; it may be left out where the plugin has one.
    #[arg(long, value_name = "PATH")]
    route: Option<String>,
    /// Say each as a JSON object on a line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &RunArguments) -> Exit {
    match judge_all(arguments) {
        Ok(true) => Exit::Well,
        // A rejection is a verdict; this is none.
        Ok(false) => Exit::Unsound,
        Err(exit) => exit,
    }
}

/// Whether each record got a verdict. Twice each: time is that of an engine as the gateway has it, which does not count; fuel is that of one that does.
fn judge_all(arguments: &RunArguments) -> Result<bool, Exit> {
    let (timed, metered) = (arguments.file.load(false)?, arguments.file.load(true)?);
    let route = timed.route(arguments.route.as_deref()).ok_or_else(|| {
        let routes: Vec<&str> = timed.manifest.routes.iter().map(|route| route.path.as_str()).collect();
        complain(format_args!("name the route of the records by --route, one of {}", routes.join(", ")));
        Exit::Usage
    })?;
    let unmade = |error: crate::plugin::Refusal| {
        complain(error);
        Exit::Unsound
    };
    let (mut timed_bench, mut metered_bench) =
        (timed.bench().map_err(unmade)?, metered.bench().map_err(unmade)?);
    let mut input = std::io::stdin().lock();
    let (mut number, mut is_well) = (0, true);
    loop {
        let Some(line) = next_line(&mut input)? else { return Ok(is_well) };
        if line.trim().is_empty() {
            continue;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let facts = Facts { received_at_ms: now, ..Facts::default() };
        let record = Record::new(RecordIds::minted_at(now).mint(), Body::Text(line.into()));
        let tried = timed_bench.judge(route, &facts, &record).map_err(unmade)?;
        let fuel = metered_bench.judge(route, &facts, &record).map_err(unmade)?.fuel;
        number += 1;
        is_well &= tried.judgement.findings.iter().all(|finding| matches!(finding, Finding::Verdict(_)));
        let text = show(&timed, route, number, &record, &tried, fuel, arguments.json);
        print(text)?;
    }
}

fn next_line(input: &mut impl BufRead) -> Result<Option<String>, Exit> {
    use std::io::Read;
    let mut line = Vec::new();
    let read = input.take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut line);
    let wrong = |sentence: String| {
        complain(sentence);
        Exit::Usage
    };
    read.map_err(|error| {
        wrong(format!("stdin cannot be read ({error}); pipe records into it, a line each"))
    })?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.len() as u64 > LINE_BYTES_MAX {
        return Err(wrong(format!(
            "a line has more than {LINE_BYTES_MAX} bytes, the most that are tried; cut it down"
        )));
    }
    let line = String::from_utf8(line).map_err(|_| wrong("a line is not UTF-8; send text".to_owned()))?;
    Ok(Some(line.trim_end_matches(['\n', '\r']).to_owned()))
}

fn show(
    piece: &Piece,
    route: usize,
    number: usize,
    record: &Record,
    tried: &Tried,
    fuel: Option<u64>,
    as_json: bool,
) -> String {
    let records = std::slice::from_ref(record);
    let (told, _) =
        told(&piece.manifest, route, records, &tried.judgement.findings, &tried.judgement.measurements);
    let Some(told) = told.into_iter().next() else { return String::new() };
    let micros = tried.time.as_nanos() as f64 / 1e3;
    if as_json {
        let mut value = serde_json::to_value(&told).unwrap_or_default();
        if let Value::Object(members) = &mut value {
            members.insert("index".to_owned(), json!(number - 1));
            members.insert("time_us".to_owned(), json!(micros));
            members.insert("fuel".to_owned(), json!(fuel));
            members.insert("memory_bytes".to_owned(), json!(tried.memory_bytes));
        }
        return value.to_string();
    }
    let fuel = fuel.map_or(String::new(), |fuel| format!(", {fuel} of fuel"));
    let head =
        format!("{number} {}  {micros:.1} µs{fuel}, {} of memory", told.verdict, size(tried.memory_bytes));
    let mut lines = vec![head];
    lines.extend(details(&told).into_iter().map(|line| format!("    {line}")));
    lines.join("\n")
}

fn details(told: &Told<'_>) -> Vec<String> {
    let mut lines: Vec<String> = told.reason.iter().cloned().collect();
    lines.extend(told.violations.iter().map(|one| format!("{} {}: {}", one.pointer, one.code, one.message)));
    for part in &told.parts {
        lines.push(published(part));
        lines.extend(
            part.warnings.iter().map(|one| format!("warning {} {}: {}", one.pointer, one.code, one.message)),
        );
    }
    lines.extend(told.measurements.iter().map(|one| measured(one, told.verdict)));
    lines
}

fn published(part: &Part<'_>) -> String {
    let shown = |shown: &Shown| match shown {
        Shown::Text(text) => text.clone(),
        Shown::Base64(text) => format!("base64:{text}"),
    };
    let mut line = format!("topic {}", part.topic);
    for (name, value) in
        [("id", part.id.clone()), ("key", part.key.as_ref().map(shown)), ("time", part.timestamp.clone())]
    {
        if let Some(value) = value {
            line.push_str(&format!("  {name} {value}"));
        }
    }
    for (name, value) in &part.headers {
        line.push_str(&format!("  {name}: {}", shown(value)));
    }
    match &part.value {
        Published::AsPosted => {}
        Published::Replaced { begins, .. } => line.push_str(&format!("  value {}", shown(begins))),
        Published::Tombstone => line.push_str("  no value"),
    }
    line
}

/// An instrument takes those of the records that it counts; the others are dropped.
fn measured(one: &Measured<'_>, verdict: &str) -> String {
    let is_counted = one.counts == verdict || one.counts == "judged";
    let dropped = if is_counted { "" } else { "  (not counted)" };
    let attributes: Vec<String> =
        one.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    match attributes.is_empty() {
        true => format!("{} {}{dropped}", one.instrument, one.value),
        false => format!("{} {} {{{}}}{dropped}", one.instrument, one.value, attributes.join(", ")),
    }
}
