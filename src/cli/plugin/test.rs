//! `sluicegate plugin test`.

use super::FileArguments;
use crate::cli::{Exit, complain, print};
use crate::plugin::{CaseFile, CaseReport, Piece, Trials};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Args)]
pub(super) struct TestArguments {
    #[command(flatten)]
    file: FileArguments,
    /// Records with the verdicts that they are to get, a line each: {"record": {…}, "expect": "accept"}, or
    /// {"reject": ["code", "/pointer code", …]}, {"warn": […]}, "discard". May be repeated.
    #[arg(long, value_name = "FILE")]
    records: Vec<PathBuf>,
    /// Say it as one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &TestArguments) -> Exit {
    // Before the plugin is compiled, which may take some seconds.
    let told = |sentence: String| {
        complain(sentence);
        Exit::Usage
    };
    let files = match read(&arguments.records) {
        Ok(files) => files,
        Err(BadRecords::Unreadable(sentence)) => return told(sentence),
        Err(BadRecords::Wrong(problems)) => {
            complain(problems);
            return Exit::Unsound;
        }
    };
    let piece = match arguments.file.load(false) {
        Ok(piece) => piece,
        Err(exit) => return exit,
    };
    let reports = match judge(&piece, files) {
        Ok(reports) => reports,
        Err(sentence) => return told(sentence),
    };
    let text =
        if arguments.json { as_json(&piece, &reports).to_string() } else { as_lines(&piece, &reports) };
    print(text).err().unwrap_or(if is_well(&reports) { Exit::Well } else { Exit::Unsound })
}

pub(super) fn is_well(reports: &[CaseReport]) -> bool {
    reports.iter().all(CaseReport::is_well)
}

/// Why files of records say nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadRecords {
    /// It is not the file that was meant.
    #[error("{0}")]
    Unreadable(String),
    /// What is wrong in it, a line each.
    #[error("{0}")]
    Wrong(String),
}

/// Reads files of records.
pub(super) fn read(records: &[PathBuf]) -> Result<Vec<CaseFile>, BadRecords> {
    let read = |path: &PathBuf| {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            BadRecords::Unreadable(format!("{name} cannot be read ({error}); name a file of records"))
        })?;
        CaseFile::read(&name, &text).map_err(|problems| BadRecords::Wrong(problems.join("\n")))
    };
    records.iter().map(read).collect()
}

/// Judges the plugin's examples, and these records; or says which of them have no route of the plugin's.
pub(super) fn judge(piece: &Piece, files: Vec<CaseFile>) -> Result<Vec<CaseReport>, String> {
    let mut cases = Vec::new();
    for file in files {
        cases.extend(file.of(piece).map_err(|problems| problems.join("\n"))?);
    }
    Ok(Trials::run(piece, &cases))
}

pub(super) fn as_lines(piece: &Piece, reports: &[CaseReport]) -> String {
    let mut lines = vec![format!("{}@{}", piece.manifest.name, piece.manifest.version)];
    for report in reports {
        let name = if report.name.is_empty() { String::new() } else { format!(" {}", report.name) };
        let mark = if report.is_well() { "ok  " } else { "FAIL" };
        lines.push(format!("{mark} {}{name}  {}", report.origin, report.got));
        if !report.is_as_expected {
            lines.push(format!("       it is to be {}", report.expected));
            let flaws = report.violations.iter();
            lines.extend(flaws.map(|(pointer, code, message)| format!("       {pointer} {code}: {message}")));
        }
        lines.extend(report.differences.iter().map(|difference| format!("       {difference}")));
    }
    let wrong = reports.iter().filter(|report| !report.is_well()).count();
    let records =
        if reports.len() == 1 { "1 record".to_owned() } else { format!("{} records", reports.len()) };
    lines.push(format!(
        "{records}, each alone and among others, on new and on used instances: {}",
        if wrong == 0 { "all as expected".to_owned() } else { format!("{wrong} not as expected") }
    ));
    lines.join("\n")
}

fn as_json(piece: &Piece, reports: &[CaseReport]) -> Value {
    let one = |report: &CaseReport| {
        let violations: Vec<Value> = report
            .violations
            .iter()
            .map(|(pointer, code, message)| json!({ "pointer": pointer, "code": code, "message": message }))
            .collect();
        json!({
            "origin": report.origin,
            "route": report.route,
            "name": report.name,
            "well": report.is_well(),
            "expected": report.expected,
            "got": report.got,
            "violations": violations,
            "differences": report.differences,
        })
    };
    json!({
        "plugin": piece.manifest.name,
        "version": piece.manifest.version,
        "digest": piece.facets.digest,
        "well": is_well(reports),
        "records": reports.iter().map(one).collect::<Vec<_>>(),
    })
}
