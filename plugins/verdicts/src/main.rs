//! Reads lines of `{"model": "financial" | "insurance", "body": "<a record's text>"}` and writes for each a line of
//! `{"verdict": "accept" | "reject", "violations": [[pointer, code], …]}`.

use std::io::{self, BufRead, BufWriter, Write};

use serde_json::{Value, json};
use sluicegate_sdk::test::{self, Judged};

fn main() -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let answer = answer(&line?).map_err(|wrong| io::Error::new(io::ErrorKind::InvalidInput, wrong))?;
        writeln!(out, "{answer}")?;
    }
    out.flush()
}

fn answer(line: &str) -> Result<Value, String> {
    let asked: Value = serde_json::from_str(line).map_err(|wrong| format!("{line}: {wrong}"))?;
    let Some(body) = asked["body"].as_str() else { return Err(format!("{line}: a body is missing")) };
    let judged = match asked["model"].as_str() {
        Some("financial") => {
            test::on(&financial_transaction::PLUGIN, "/ingest-financial-transaction/").judge(body)
        }
        Some("insurance") => test::on(&insurance_claim::PLUGIN, "/ingest-insurance-claim/").judge(body),
        _ => return Err(format!("{line}: the model is neither financial nor insurance")),
    };
    let verdict = if judged.is_accepted() { "accept" } else { "reject" };
    Ok(json!({ "verdict": verdict, "violations": Judged::faults(&judged) }))
}
