use sluicegate_sdk::contract::AttributeValue;
use sluicegate_sdk::test::{self, Bench, Judged};

use crate::PLUGIN;

fn route() -> Bench {
    test::on(&PLUGIN, "/ingest-insurance-claim/")
}

fn claim(amount: &str, incident: &str) -> String {
    format!(
        r#"{{"claim_id": "IC-1", "timestamp": "2026-03-14T12:00:00Z", "policy_number": "POL-1", "claim_amount": {amount},
            "claim_type": "auto", "claim_status": "submitted", "customer_id": "C-1", "incident_date": {incident}}}"#
    )
}

fn signals(judged: &Judged) -> Vec<String> {
    let signals = judged.measurements.iter().filter(|measured| measured.name == "insurance.fraud.signals");
    signals
        .map(|measured| match &measured.attributes[..] {
            [("fraud.signal", AttributeValue::Text(signal))] => signal.clone(),
            other => panic!("other attributes: {other:?}"),
        })
        .collect()
}

#[test]
fn an_accepted_claim_has_its_id_its_policy_as_the_key_and_its_time() {
    let judged = route().judge(&claim("100", "\"2026-03-13\""));
    assert_eq!((judged.id(), judged.key()), (Some("IC-1"), Some(&b"POL-1"[..])));
    assert_eq!(judged.acceptance().expect("it is accepted").timestamp, Some(1_773_489_600_000));
}

#[test]
fn an_accepted_claim_is_counted_by_type_and_status() {
    let judged = route().judge(&claim("100", "\"2026-03-13\""));
    let text = |text: &str| AttributeValue::Text(text.to_owned());
    let ingested = &judged.measurements[0];
    assert_eq!((ingested.name, ingested.value), ("insurance.claims.ingested", 1.0));
    assert_eq!(ingested.attributes, [("claim.type", text("auto")), ("claim.status", text("submitted"))]);
    assert_eq!(judged.measured("insurance.claim.amount"), [100.0]);
}

#[test]
fn the_days_from_incident_to_claim_are_counted_with_their_fraction_in_any_offset() {
    let days = |incident: &str| route().judge(&claim("100", incident)).measured("insurance.claim.delay");
    assert_eq!(days("\"2026-03-14T12:00:00Z\""), [0.0]);
    assert_eq!(days("\"2026-03-13\""), [1.5]);
    assert_eq!(days("\"2026-03-14T00:00:00+12:00\""), [1.0]);
    assert_eq!(days("1773403200"), [1.0]);
    assert_eq!(days("\"2026-03-15\""), [] as [f64; 0]);
}

#[test]
fn each_sign_of_fraud_is_counted_and_stops_nothing() {
    let cases = [
        ("49999.99", "\"2026-03-13\"", vec![]),
        ("50000", "\"2026-03-13\"", vec!["large_amount"]),
        ("1", "\"2025-09-15T12:00:00Z\"", vec![]),
        ("1", "\"2025-09-15T11:59:59Z\"", vec!["late_claim"]),
        ("1", "\"2026-03-14T12:00:01Z\"", vec!["before_incident"]),
        ("\"60000\"", "0", vec!["large_amount", "late_claim"]),
    ];
    for (amount, incident, expected) in cases {
        let judged = route().judge(&claim(amount, incident));
        assert!(judged.is_accepted(), "{amount} {incident}: {judged}");
        assert_eq!(signals(&judged), expected, "{amount} {incident}");
    }
}

#[test]
fn an_operator_may_move_the_limits() {
    let route = route().settings(&[("large_amount", "50"), ("late_after_days", "1")]);
    assert_eq!(signals(&route.judge(&claim("60", "\"2026-03-01\""))), ["large_amount", "late_claim"]);
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let judged =
        route().judge(r#"{"timestamp": "2026-03-14T25:00:00", "claim_amount": "none", "claim_type": 7}"#);
    let mut faults = judged.faults();
    faults.sort_unstable();
    let expected = [
        ("/claim_amount", "float_parsing"),
        ("/claim_id", "missing"),
        ("/claim_status", "missing"),
        ("/claim_type", "string_type"),
        ("/customer_id", "missing"),
        ("/incident_date", "missing"),
        ("/policy_number", "missing"),
        ("/timestamp", "datetime_from_date_parsing"),
    ];
    assert_eq!(faults, expected);
}
