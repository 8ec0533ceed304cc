//! Records as the producers of both sample types send them, good ones and bad ones.

use crate::cli::clock;
use fastrand::Rng;
use serde_json::{Map, Value, json};

/// A sample record type, as its plugin serves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordType {
    FinancialTransaction,
    InsuranceClaim,
}

impl RecordType {
    pub const ALL: [RecordType; 2] = [RecordType::FinancialTransaction, RecordType::InsuranceClaim];

    pub fn name(self) -> &'static str {
        match self {
            RecordType::FinancialTransaction => "financial-transaction",
            RecordType::InsuranceClaim => "insurance-claim",
        }
    }

    pub fn route(self) -> &'static str {
        match self {
            RecordType::FinancialTransaction => "/ingest-financial-transaction/",
            RecordType::InsuranceClaim => "/ingest-insurance-claim/",
        }
    }

    /// The field that an accepted record's id is given back in.
    pub fn id_field(self) -> &'static str {
        match self {
            RecordType::FinancialTransaction => "transaction_id",
            RecordType::InsuranceClaim => "claim_id",
        }
    }

    fn amount_field(self) -> &'static str {
        match self {
            RecordType::FinancialTransaction => "amount",
            RecordType::InsuranceClaim => "claim_amount",
        }
    }

    /// Fields that have to be there, and be text.
    fn text_fields(self) -> &'static [&'static str] {
        match self {
            RecordType::FinancialTransaction => {
                &["transaction_id", "account_id", "currency", "transaction_type"]
            }
            RecordType::InsuranceClaim => {
                &["claim_id", "policy_number", "claim_type", "claim_status", "customer_id"]
            }
        }
    }

    fn time_fields(self) -> &'static [&'static str] {
        match self {
            RecordType::FinancialTransaction => &["timestamp"],
            RecordType::InsuranceClaim => &["timestamp", "incident_date"],
        }
    }
}

/// What the rules must say to a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expected {
    /// With its id.
    Accepted(String),
    /// For this reason.
    Rejected(&'static str),
}

#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub body: String,
    pub expected: Expected,
}

/// Makes the records of one run: the same ones for the same seed and time.
#[derive(Debug, Clone)]
pub(super) struct Traffic {
    pub seed: u64,
    /// About when the records happened, in milliseconds since 1970.
    pub now_ms: u64,
    /// The share of records that are to be rejected, from 0 to 1.
    pub invalid: f64,
}

impl Traffic {
    /// The records of one request.
    pub fn request(&self, number: u64, records: u64) -> (RecordType, Vec<Sample>) {
        // A generator for each request: who sends it makes no difference.
        let mut rng = Rng::with_seed(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let record_type = RecordType::ALL[rng.usize(..RecordType::ALL.len())];
        let samples = (0..records).map(|index| self.sample(record_type, number, index, &mut rng)).collect();
        (record_type, samples)
    }

    fn sample(&self, record_type: RecordType, number: u64, index: u64, rng: &mut Rng) -> Sample {
        let id = format!("{:08X}-{number:06}-{index:03}", self.seed as u32);
        let (id, mut record) = match record_type {
            RecordType::FinancialTransaction => {
                let id = format!("FT-{id}");
                (id.clone(), self.transaction(id, rng))
            }
            RecordType::InsuranceClaim => {
                let id = format!("IC-{id}");
                (id.clone(), self.claim(id, rng))
            }
        };
        if rng.f64() >= self.invalid {
            return Sample { body: Value::Object(record).to_string(), expected: Expected::Accepted(id) };
        }
        let (body, reason) = spoil(record_type, &mut record, rng);
        Sample { body, expected: Expected::Rejected(reason) }
    }

    fn transaction(&self, id: String, rng: &mut Rng) -> Map<String, Value> {
        const CURRENCIES: [&str; 10] = ["USD", "USD", "USD", "USD", "EUR", "EUR", "EUR", "GBP", "JPY", "CHF"];
        const TYPES: [&str; 8] =
            ["purchase", "purchase", "purchase", "purchase", "transfer", "withdrawal", "deposit", "refund"];
        const MERCHANTS: [(&str, &str, f64); 6] = [
            ("Greenway Market", "groceries", 38.0),
            ("Northline Rail", "travel", 24.0),
            ("Harbour Fuel", "fuel", 52.0),
            ("Lumen Electronics", "electronics", 210.0),
            ("Corner Bakery", "restaurants", 9.0),
            ("Atlas Hotels", "lodging", 165.0),
        ];
        let kind = *choose(&TYPES, rng);
        let mut record = Map::new();
        record.insert("transaction_id".into(), id.into());
        record.insert("timestamp".into(), self.time(rng).into());
        record.insert("account_id".into(), format!("ACC-{:06}", rng.u32(1..5_000)).into());
        let (merchant, category, usual) = choose(&MERCHANTS, rng);
        record.insert("amount".into(), json!(log_normal(*usual, 0.7, rng)));
        record.insert("currency".into(), (*choose(&CURRENCIES, rng)).into());
        record.insert("transaction_type".into(), kind.into());
        match kind {
            "purchase" | "refund" => {
                record.insert("merchant_id".into(), format!("{merchant} #{}", rng.u32(1..40)).into());
                record.insert("category".into(), (*category).into());
            }
            // Producers differ: some leave out what is not there, some say so.
            _ if rng.bool() => drop(record.insert("merchant_id".into(), Value::Null)),
            _ => {}
        }
        record
    }

    fn claim(&self, id: String, rng: &mut Rng) -> Map<String, Value> {
        const TYPES: [(&str, f64); 5] =
            [("auto", 2_400.0), ("home", 5_200.0), ("health", 780.0), ("travel", 420.0), ("life", 48_000.0)];
        const STATUSES: [&str; 6] =
            ["submitted", "submitted", "submitted", "under_review", "approved", "denied"];
        let (kind, usual) = choose(&TYPES, rng);
        // Most claims come within days, some after weeks.
        let days_ago = log_normal(4.0, 1.0, rng).min(400.0) as u64;
        let incident = clock::rfc3339(self.now_ms.saturating_sub(days_ago * 86_400_000));
        let incident = if rng.bool() { incident[..10].to_owned() } else { incident };
        let mut record = Map::new();
        record.insert("claim_id".into(), id.into());
        record.insert("timestamp".into(), self.time(rng).into());
        record.insert("policy_number".into(), format!("POL-{:07}", rng.u32(1..20_000)).into());
        record.insert("claim_amount".into(), json!(log_normal(*usual, 0.9, rng)));
        record.insert("claim_type".into(), (*kind).into());
        record.insert("claim_status".into(), (*choose(&STATUSES, rng)).into());
        record.insert("customer_id".into(), format!("CUST-{:06}", rng.u32(1..12_000)).into());
        record.insert("incident_date".into(), incident.into());
        record
    }

    /// Within the last minute, in the forms that producers use.
    fn time(&self, rng: &mut Rng) -> String {
        let time = clock::rfc3339(self.now_ms.saturating_sub(rng.u64(..60_000)));
        match rng.u8(..4) {
            0 => format!("{}+00:00", &time[..19]),
            1 => time[..19].replace('T', " "),
            _ => time,
        }
    }
}

fn choose<'a, T>(choices: &'a [T], rng: &mut Rng) -> &'a T {
    &choices[rng.usize(..choices.len())]
}

/// Amounts of money: many small ones and a long tail. In cents, at least one.
fn log_normal(median: f64, sigma: f64, rng: &mut Rng) -> f64 {
    // Box and Muller; the first number is above 0, as its logarithm is taken.
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    let normal = radius * (std::f64::consts::TAU * rng.f64()).cos();
    ((median * (sigma * normal).exp() * 100.0).round() / 100.0).max(0.01)
}

/// Breaks one thing of a record, as producers do.
fn spoil(record_type: RecordType, record: &mut Map<String, Value>, rng: &mut Rng) -> (String, &'static str) {
    let amount = record_type.amount_field();
    let text = *choose(record_type.text_fields(), rng);
    let time = *choose(record_type.time_fields(), rng);
    let reason = match rng.u8(..10) {
        0 => set(record, amount, json!(-log_normal(40.0, 0.7, rng)), "a negative amount"),
        1 => set(record, amount, json!(0), "an amount of nothing"),
        2 => set(record, amount, json!("a lot"), "an amount in words"),
        3 => set(record, time, json!("yesterday"), "a time in words"),
        4 => set(record, time, json!("2026-02-30T25:61:00Z"), "a time that never was"),
        5 => set(record, text, json!(rng.u32(..1_000)), "a number instead of text"),
        6 => set(record, text, Value::Null, "null instead of text"),
        7 if record_type == RecordType::FinancialTransaction => {
            set(record, "currency", json!("EURO"), "a currency of four letters")
        }
        7 | 8 => {
            record.remove(if rng.bool() { text } else { amount });
            "a missing field"
        }
        _ => {
            let body = Value::Object(std::mem::take(record)).to_string();
            let cut = body.len() / 2;
            // The samples are ASCII: a cut is never inside a character.
            return (body[..cut].to_owned(), "broken JSON");
        }
    };
    (Value::Object(std::mem::take(record)).to_string(), reason)
}

fn set(record: &mut Map<String, Value>, field: &str, value: Value, reason: &'static str) -> &'static str {
    record.insert(field.to_owned(), value);
    reason
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn traffic(invalid: f64) -> Traffic {
        Traffic { seed: 7, now_ms: 1_795_478_323_042, invalid }
    }

    #[test]
    fn a_seed_makes_the_same_records_again() {
        let bodies =
            |number| traffic(0.5).request(number, 3).1.into_iter().map(|s| s.body).collect::<Vec<_>>();
        assert_eq!(bodies(1), bodies(1));
        assert_ne!(bodies(1), bodies(2));
    }

    #[test]
    fn good_records_are_json_on_one_line_with_ids_of_their_own() {
        let mut ids = BTreeSet::new();
        for number in 0..500 {
            let (record_type, samples) = traffic(0.0).request(number, 2);
            for sample in samples {
                let record: Map<String, Value> = serde_json::from_str(&sample.body).unwrap();
                assert!(!sample.body.contains('\n'));
                assert!(record[record_type.amount_field()].as_f64().unwrap() > 0.0);
                let id = record[record_type.id_field()].as_str().unwrap().to_owned();
                assert_eq!(sample.expected, Expected::Accepted(id.clone()));
                assert!(ids.insert(id), "twice: {}", sample.body);
            }
        }
    }

    #[test]
    fn bad_records_are_of_many_kinds() {
        let mut reasons = BTreeSet::new();
        for number in 0..500 {
            for sample in traffic(1.0).request(number, 1).1 {
                match sample.expected {
                    Expected::Rejected(reason) => drop(reasons.insert(reason)),
                    Expected::Accepted(_) => panic!("accepted: {}", sample.body),
                }
                assert!(sample.body.starts_with('{') && sample.body.is_ascii(), "{}", sample.body);
            }
        }
        assert_eq!(reasons.len(), 10, "{reasons:?}");
    }
}
