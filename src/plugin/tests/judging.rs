use super::*;
use crate::verdict::{Finding, Verdict};

const TRANSACTION: &str = r#"{"transaction_id":"FT-1","timestamp":"2024-01-01T00:00:00Z","account_id":"A-1","amount":12.5,"currency":"EUR","transaction_type":"purchase"}"#;

#[tokio::test]
async fn both_samples_load_and_judge() {
    let bench = Bench::with(&[
        ("financial-transaction.wasm", "financial-transaction.wasm"),
        ("insurance-claim.wasm", "insurance-claim.wasm"),
    ]);
    assert_eq!(bench.status().plugins.len(), 2, "{:#?}", bench.status());
    let judgement = bench.judge("/ingest-financial-transaction", &[TRANSACTION, "{}"]).await;
    assert!(
        matches!(&judgement.findings[0], Finding::Verdict(Verdict::Accept(accepted)) if accepted.id.as_deref() == Some("FT-1")),
        "{judgement:?}"
    );
    assert!(matches!(&judgement.findings[1], Finding::Verdict(Verdict::Reject(_))), "{judgement:?}");
    println!("{:#?}", judgement);
}

#[tokio::test]
async fn timing() {
    let bench = Bench::with(&[("financial-transaction.wasm", "financial-transaction.wasm")]);
    let found = bench.plugins().snapshot().route("/ingest-financial-transaction").unwrap();
    for (n, rounds) in [(1usize, 300_000), (1, 300_000), (64, 5000), (256, 2000)] {
        let bodies: Vec<&str> = (0..n).map(|_| TRANSACTION).collect();
        let b = batch(&bodies);
        let t = std::time::Instant::now();
        for _ in 0..rounds {
            let j = found.generation.judge(found.route, Facts::default(), b.clone()).await;
            std::hint::black_box(&j);
        }
        println!("n={n}: {:?} per record", t.elapsed() / (rounds * n as u32));
    }
}
