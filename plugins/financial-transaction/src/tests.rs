use sluicegate_sdk::contract::AttributeValue;
use sluicegate_sdk::test::{self, Bench, Judged};

use crate::PLUGIN;

fn route() -> Bench {
    test::on(&PLUGIN, "/ingest-financial-transaction/")
}

/// A purchase with these members in place of its own.
fn purchase(amount: &str, category: &str) -> String {
    format!(
        r#"{{"transaction_id": "FT-1", "timestamp": "2026-03-14T09:26:53.589Z", "account_id": "ACC-1", "amount": {amount},
            "currency": "EUR", "transaction_type": "purchase", "category": {category}}}"#
    )
}

fn signals(judged: &Judged) -> Vec<String> {
    let signals = judged.measurements.iter().filter(|measured| measured.name == "financial.fraud.signals");
    signals
        .map(|measured| match &measured.attributes[..] {
            [("fraud.signal", AttributeValue::Text(signal))] => signal.clone(),
            other => panic!("other attributes: {other:?}"),
        })
        .collect()
}

#[test]
fn an_accepted_transaction_has_its_id_its_account_as_the_key_and_its_time() {
    let judged = route().judge(&purchase("12.5", "null"));
    assert_eq!((judged.id(), judged.key()), (Some("FT-1"), Some(&b"ACC-1"[..])));
    let acceptance = judged.acceptance().expect("it is accepted");
    assert_eq!((acceptance.timestamp, acceptance.topic), (Some(1_773_480_413_589), 0));
}

#[test]
fn an_accepted_transaction_is_counted_and_its_amount_measured_by_type_and_currency() {
    let judged = route().judge(&purchase("12.5", "null"));
    let text = |text: &str| AttributeValue::Text(text.to_owned());
    let attributes = vec![("transaction.type", text("purchase")), ("currency", text("EUR"))];
    let measured: Vec<_> =
        judged.measurements.iter().map(|one| (one.name, one.value, one.attributes.clone())).collect();
    let expected = [
        ("financial.transactions.ingested", 1.0, attributes.clone()),
        ("financial.transaction.amount", 12.5, attributes),
    ];
    assert_eq!(measured, expected);
}

#[test]
fn each_sign_of_fraud_is_counted_and_stops_nothing() {
    let cases = [
        ("8999.99", "null", vec![]),
        ("9000", "null", vec!["just_below_reporting"]),
        ("9999.99", "\"food\"", vec!["just_below_reporting"]),
        ("10000", "null", vec!["large_amount"]),
        ("\"1e4\"", "\"Gambling\"", vec!["large_amount", "high_risk_category"]),
        ("1", "\"money_transfer\"", vec!["high_risk_category"]),
    ];
    for (amount, category, expected) in cases {
        let judged = route().judge(&purchase(amount, category));
        assert!(judged.is_accepted(), "{amount} {category}: {judged}");
        assert_eq!(signals(&judged), expected, "{amount} {category}");
    }
}

#[test]
fn an_operator_may_move_the_limits() {
    let route = route().settings(&[
        ("large_amount", "50"),
        ("reporting_threshold", "20"),
        ("high_risk_categories", "wine"),
    ]);
    assert_eq!(signals(&route.judge(&purchase("60", "\"gambling\""))), ["large_amount"]);
    assert_eq!(
        signals(&route.judge(&purchase("19", "\"wine\""))),
        ["just_below_reporting", "high_risk_category"]
    );
}

#[test]
fn a_limit_that_is_no_number_refuses_the_plugin() {
    let refused =
        test::under(&[("large_amount", "a lot")], || PLUGIN.describe()).expect_err("it is no number");
    assert_eq!(
        refused,
        "the setting large_amount cannot be read: a lot: invalid float literal; The least amount that is a fraud \
         signal, in any currency"
    );
}

#[test]
fn a_negative_amount_and_a_long_currency_are_told_at_once() {
    let text = purchase("-5", "null").replace("EUR", "EURO");
    let judged = route().judge(&text);
    assert_eq!(judged.faults(), [("/amount", "greater_than"), ("/currency", "string_too_long")]);
    let messages: Vec<_> = judged.violations().iter().map(|violation| violation.message.as_str()).collect();
    assert_eq!(messages, ["must be greater than 0", "must be at most 3 characters long"]);
    assert_eq!(judged.violations()[1].parameters, [("max_length".to_owned(), "3".to_owned())]);
}

#[test]
fn of_a_field_given_twice_the_last_one_counts() {
    let text = purchase("-5", "null").replace("\"currency\"", "\"amount\": 5, \"currency\"");
    assert!(route().judge(&text).is_accepted());
    let text = purchase("5", "null").replace("\"currency\"", "\"amount\": {}, \"currency\"");
    assert_eq!(route().judge(&text).faults(), [("/amount", "float_type")]);
}

#[test]
fn what_is_no_object_or_no_json_is_told_as_a_whole() {
    for (text, code) in
        [("[]", "model_type"), ("3", "model_type"), ("", "json_invalid"), ("{} {}", "json_invalid")]
    {
        assert_eq!(route().judge(text).faults(), [("", code)], "{text}");
    }
    let broken_late = purchase("-5", "null").replace("}", ",}");
    assert_eq!(route().judge(&broken_late).codes(), ["json_invalid"]);
}

#[test]
fn the_schema_tells_what_the_rules_are() {
    let manifest = PLUGIN.describe().expect("it describes itself");
    let schema = &manifest.routes[0].schema;
    for part in [
        r#""amount":{"type":"number","description":"In the currency's major unit.","exclusiveMinimum":0}"#,
        r#""merchant_id":{"type":["string","null"],"description":"Who was paid, if it was a merchant."}"#,
        r#""required":["transaction_id","timestamp","account_id","amount","currency","transaction_type"]"#,
        r#""description":"A movement of money on an account.""#,
    ] {
        assert!(schema.contains(part), "{part} is not in {schema}");
    }
    assert_eq!(manifest.routes[0].id_field, "transaction_id");
}
