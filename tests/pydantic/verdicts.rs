//! The verdicts of the committed components, as the gateway's own host gives them: for `differential.py`.
//!
//! Lines `{"model": "financial" | "insurance", "body": "<text>"}` in; for each a line `{"verdict": "accept" |
//! "reject", "violations": [[pointer, code], …]}` out.

use serde_json::{Value, json};
use sluicegate::config::{Config, Flags};
use sluicegate::plugin::{Facts, Generation, Match, Plugins};
use sluicegate::record::{Batch, Body, Record, RecordIds, Shape};
use sluicegate::telemetry::Metrics;
use sluicegate::verdict::{Finding, Verdict};
use std::io::{BufWriter, Write, stdin, stdout};
use std::path::Path;
use std::sync::Arc;

const ROUTES: [(&str, &str); 2] =
    [("financial", "/ingest-financial-transaction/"), ("insurance", "/ingest-insurance-claim/")];

fn main() {
    let directory = tempfile::tempdir().unwrap();
    let flags = Flags {
        plugins: Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins")),
        data: Some(directory.path().to_owned()),
        ..Flags::default()
    };
    let config = Config::load(flags, std::iter::empty()).unwrap_or_else(|problems| panic!("{problems}"));
    let plugins = Plugins::start(config.plugins, Metrics::new(&config.telemetry)).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut out = BufWriter::new(stdout().lock());
    let lines: Vec<Value> =
        stdin().lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    for run in lines.chunk_by(|one, other| one["model"] == other["model"]) {
        let (_, path) = ROUTES.iter().find(|(model, _)| run[0]["model"] == *model).unwrap();
        let found = plugins.snapshot().route(path).unwrap();
        for call in run.chunks(256) {
            for finding in runtime.block_on(judge(&found, call)) {
                writeln!(out, "{}", verdict(finding)).unwrap();
            }
        }
    }
}

async fn judge(found: &Match, lines: &[Value]) -> Vec<Finding> {
    let mut ids = RecordIds::minted_at(0);
    let records = lines
        .iter()
        .map(|line| Record::new(ids.mint(), Body::Text(line["body"].as_str().unwrap().into())))
        .collect();
    let batch = Arc::new(Batch { shape: Shape::Batch, records });
    let (judgement, _) = Generation::judge(&found.generation, found.route, Facts::default(), batch).await;
    judgement.findings
}

fn verdict(finding: Finding) -> Value {
    match finding {
        Finding::Verdict(Verdict::Accept(_)) => json!({"verdict": "accept", "violations": []}),
        Finding::Verdict(Verdict::Reject(violations)) => {
            let pairs: Vec<_> = violations.iter().map(|found| [&found.pointer, &found.code]).collect();
            json!({"verdict": "reject", "violations": pairs})
        }
        other => panic!("a sample plugin does not answer like this: {other:?}"),
    }
}
