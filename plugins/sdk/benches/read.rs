//! Reading and judging a financial transaction of 196 bytes, natively, beside serde_json: nanoseconds for each record.

use std::borrow::Cow;
use std::hint::black_box;
use std::time::Instant;

use serde::Deserialize;
use sluicegate_sdk::json;
use sluicegate_sdk::prelude::*;
use sluicegate_sdk::{lax, test};

const RECORD: &str = r#"{"transaction_id": "FT-1001", "timestamp": "2026-03-14T09:26:53Z", "account_id": "ACC-4242", "amount": 129.9, "currency": "EUR", "transaction_type": "purchase", "merchant_id": "M-7", "category": "food"}"#;

#[derive(Record)]
struct Transaction<'a> {
    #[field(id)]
    transaction_id: Cow<'a, str>,
    timestamp: DateTime,
    #[field(key)]
    account_id: Cow<'a, str>,
    #[field(above = 0)]
    amount: f64,
    #[field(max_len = 3)]
    currency: Cow<'a, str>,
    transaction_type: Cow<'a, str>,
    merchant_id: Option<Cow<'a, str>>,
    category: Option<Cow<'a, str>>,
}

#[derive(Record)]
struct Texts<'a> {
    transaction_id: Cow<'a, str>,
    timestamp: Cow<'a, str>,
    account_id: Cow<'a, str>,
    amount: json::Raw<'a>,
    currency: Cow<'a, str>,
    transaction_type: Cow<'a, str>,
    merchant_id: Option<Cow<'a, str>>,
    category: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only read")]
struct Serde<'a> {
    #[serde(borrow)]
    transaction_id: Cow<'a, str>,
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    account_id: Cow<'a, str>,
    amount: f64,
    #[serde(borrow)]
    currency: Cow<'a, str>,
    #[serde(borrow)]
    transaction_type: Cow<'a, str>,
    #[serde(borrow)]
    merchant_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    category: Option<Cow<'a, str>>,
}

static INGESTED: Meter<2> = counter("ingested", ["type", "currency"]);
static AMOUNT: Meter<2> = histogram("amount", &[], ["type", "currency"]);

impl Route for Transaction<'_> {
    const PATH: &'static str = "/bench";
    const TITLE: &'static str = "Transaction";
    const TOPICS: &'static [&'static str] = &["bench"];

    fn judge(&self, out: &mut Out<'_>) -> Result<(), Violations> {
        out.measure(&INGESTED, 1.0, [&self.transaction_type, &self.currency]).measure(
            &AMOUNT,
            self.amount,
            [&self.transaction_type, &self.currency],
        );
        Ok(())
    }
}

plugin! { routes: [Transaction], meters: [INGESTED, AMOUNT] }

fn main() {
    measure("serde_json, borrowed, the time as text", || {
        black_box(serde_json::from_str::<Serde<'_>>(black_box(RECORD)).is_ok());
    });
    measure("ours, read past", || {
        black_box(json::read::<json::Raw<'_>>(black_box(RECORD)).is_ok());
    });
    measure("ours, the time as text", || {
        black_box(json::read::<Texts<'_>>(black_box(RECORD)).is_ok());
    });
    measure("ours, in full", || {
        black_box(json::read::<Transaction<'_>>(black_box(RECORD)).is_ok());
    });
    measure("of it, the time", || {
        black_box(lax::datetime(black_box(&lax::Input::Text("2026-03-14T09:26:53Z".into()))).is_ok());
    });
    measure("of it, the amount", || {
        black_box(lax::float(black_box(&lax::Input::Number("129.9"))).is_ok());
    });
    let bench = test::on(&PLUGIN, "/bench");
    let batch = bench.batch(&[RECORD; 256]);
    measure_each("judged, in batches of 256", 256, || {
        black_box(batch.judge().verdicts.len());
    });
}

fn measure(what: &str, work: impl Fn()) {
    measure_each(what, 1, work);
}

/// The fastest of many short runs: on a shared machine the others tell of the neighbours.
fn measure_each(what: &str, records: usize, work: impl Fn()) {
    let turns = 2_048 / records;
    let run = || {
        let begun = Instant::now();
        (0..turns).for_each(|_| work());
        begun.elapsed().as_nanos() as f64 / (turns * records) as f64
    };
    let best = (0..1_000).map(|_| run()).fold(f64::INFINITY, f64::min);
    println!("{what:40} {best:7.1} ns");
}
