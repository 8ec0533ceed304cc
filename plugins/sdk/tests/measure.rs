//! Measurements by attribute.

use sluicegate_sdk::contract::AttributeValue;
use sluicegate_sdk::prelude::*;
use sluicegate_sdk::test;

/// A payment.
#[derive(Record)]
#[record(count = PAYMENTS(currency, method))]
#[record(count = ALL)]
struct Payment<'a> {
    #[field(measure = AMOUNT(currency), measure = TOTAL)]
    amount: f64,
    currency: Cow<'a, str>,
    method: Option<Method>,
    #[field(measure = PIECES)]
    pieces: Option<u32>,
}

/// How it is paid.
#[derive(Record)]
enum Method {
    Card,
    Transfer,
}

static PAYMENTS: Meter<2> = counter("payments", ["currency", "method"]);
static ALL: Meter<0> = counter("payments.all", []).counts(Counted::Judged);
static AMOUNT: Meter<1> = histogram("amount", &[1.0, 10.0], ["currency"]);
static TOTAL: Meter<0> = counter("total", []);
static PIECES: Meter<0> = gauge("pieces", []);

impl Route for Payment<'_> {
    const PATH: &'static str = "/payments";
    const TITLE: &'static str = "Payment";
    const TOPICS: &'static [&'static str] = &["payments"];
    const EXAMPLES: &'static [Example] =
        &[Example::accept("plain", r#"{"amount": 2.5, "currency": "EUR", "method": "card", "pieces": 3}"#)];
}

plugin! { name: "payments", version: "1.0.0", description: "", routes: [Payment], meters: [PAYMENTS, ALL, AMOUNT, TOTAL, PIECES] }

type Told = (&'static str, f64, Vec<(&'static str, String)>);

fn measured(record: &str) -> Vec<Told> {
    let text = |value: &AttributeValue| match value {
        AttributeValue::Text(text) => text.clone(),
        AttributeValue::Absent => "absent".to_owned(),
        other => panic!("another kind of value: {other:?}"),
    };
    let judged = test::on(&PLUGIN, "/payments").judge(record);
    assert!(judged.is_accepted(), "{judged}");
    let tell = |attributes: &[(&'static str, AttributeValue)]| {
        attributes.iter().map(|(key, value)| (*key, text(value))).collect()
    };
    judged.measurements.iter().map(|one| (one.name, one.value, tell(&one.attributes))).collect()
}

#[test]
fn a_record_is_counted_and_its_fields_are_measured_without_a_line_of_judge() {
    let currency = || ("currency", "EUR".to_owned());
    assert_eq!(
        measured(r#"{"amount": 2.5, "currency": "EUR", "method": "card", "pieces": 3}"#),
        [
            ("payments", 1.0, vec![currency(), ("method", "card".to_owned())]),
            ("payments.all", 1.0, vec![]),
            ("amount", 2.5, vec![currency()]),
            ("total", 2.5, vec![]),
            ("pieces", 3.0, vec![]),
        ]
    );
}

#[test]
fn what_is_absent_is_not_measured_and_an_attribute_that_is_absent_is_left_out() {
    let currency = || ("currency", "EUR".to_owned());
    assert_eq!(
        measured(r#"{"amount": 1, "currency": "EUR"}"#),
        [
            ("payments", 1.0, vec![currency(), ("method", "absent".to_owned())]),
            ("payments.all", 1.0, vec![]),
            ("amount", 1.0, vec![currency()]),
            ("total", 1.0, vec![]),
        ]
    );
}
