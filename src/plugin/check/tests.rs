use super::*;
use crate::plugin::{Manifest, Route, RoutePolicy};
use crate::record::Input;
use crate::verdict::{Counted, Instrument, Value};
use std::sync::LazyLock;

static LIMITS: LazyLock<AnswerLimits> = LazyLock::new(AnswerLimits::default);

fn manifest() -> Manifest {
    let instrument = |name: &str, kind, attributes: &[&str]| Instrument {
        name: name.to_owned(),
        kind,
        description: String::new(),
        unit: String::new(),
        attributes: attributes.iter().map(|key| (*key).to_owned()).collect(),
        counts: Counted::Accepted,
    };
    Manifest {
        name: "p".to_owned(),
        version: "1.0.0".to_owned(),
        description: String::new(),
        routes: vec![Route {
            policy: RoutePolicy::default(),
            path: "/p".to_owned(),
            input: Input::Json,
            title: "P".to_owned(),
            id_field: None,
            topics: vec!["a".into(), "b".into()],
            dead_letters: "a.dead-letter".into(),
            summary: String::new(),
            schema: String::new(),
            examples: vec![],
        }],
        instruments: vec![
            instrument("plain", InstrumentKind::UpDownCounter, &[]),
            instrument("keyed", InstrumentKind::Counter, &["x", "y"]),
        ],
        request_headers: vec![],
    }
}

fn accepted() -> Acceptance {
    Acceptance {
        id: None,
        key: None,
        topic: 1,
        timestamp_ms: None,
        headers: vec![],
        value: Value::AsPosted,
        warnings: vec![],
    }
}

fn wrong() -> Violation {
    Violation {
        pointer: "/a/0/b~1c".to_owned(),
        code: "out_of_range".to_owned(),
        message: "is too large".to_owned(),
        parameters: vec![],
    }
}

/// What is said of an answer with this one verdict.
fn refused(verdict: Verdict) -> Option<String> {
    let mut given = Answer { findings: vec![Finding::Verdict(verdict)], table: MeasurementTable::default() };
    answer(&mut given, &Expected { manifest: &manifest(), route: 0, records: 1, limits: &LIMITS })
        .err()
        .map(|fault| fault.detail)
}

#[test]
fn what_the_contract_allows_passes() {
    let full = Acceptance {
        id: Some("x".repeat(LIMITS.copied_bytes_max)),
        key: Some(vec![0; LIMITS.copied_bytes_max].into()),
        timestamp_ms: Some(-1),
        headers: vec![("x-a".to_owned(), b"1".to_vec().into()); LIMITS.headers_max],
        warnings: vec![wrong(); LIMITS.violations_max],
        ..accepted()
    };
    assert_eq!(refused(Verdict::Accept(full.clone())), None);
    assert_eq!(refused(Verdict::Split(vec![full, accepted()])), None);
    assert_eq!(refused(Verdict::Reject(vec![wrong()].into())), None);
    assert_eq!(refused(Verdict::Discard(String::new())), None);
}

#[test]
fn headers_of_the_gateways_own_are_refused_whatever_their_case() {
    for name in ["Sluicegate-Plugin", "traceparent", "TraceState", "ce_id", ":status", "", "a\nb"] {
        let headers = vec![(name.to_owned(), bytes::Bytes::new())];
        let detail = refused(Verdict::Accept(Acceptance { headers, ..accepted() })).expect(name);
        assert!(detail.starts_with("record 0 of the call: "), "{detail}");
        assert!(detail.contains(&format!("{name:?}")), "{detail}");
    }
}

#[test]
fn codes_and_pointers_are_what_programs_expect() {
    for code in ["", "two words", "ä"] {
        let detail = refused(Verdict::Reject(vec![Violation { code: code.to_owned(), ..wrong() }].into()))
            .expect(code);
        assert!(detail.contains("is no code: letters, digits and signs, no spaces"), "{detail}");
    }
    for (pointer, sound) in
        [("", true), ("/", true), ("/a~0~1", true), ("a", false), ("/~", false), ("/~2", false)]
    {
        assert_eq!(is_pointer(pointer), sound, "{pointer:?}");
    }
}

#[test]
fn what_is_too_long_is_told_by_its_length_and_the_limit() {
    let long = Violation { message: "x".repeat(LIMITS.message_bytes_max + 1), ..wrong() };
    assert_eq!(
        refused(Verdict::Reject(vec![long].into())).unwrap(),
        "record 0 of the call: 2049 bytes in a violation's message; at most 2048 are taken"
    );
    let parameters = vec![("a".to_owned(), "b".repeat(LIMITS.parameter_bytes_max + 1))];
    assert!(refused(Verdict::Reject(vec![Violation { parameters, ..wrong() }].into())).is_some());
}

#[test]
fn texts_for_the_operator_are_cut() {
    let mut given = Answer {
        findings: vec![Finding::Verdict(Verdict::Discard("ä".repeat(REASON_BYTES_MAX)))],
        table: MeasurementTable::default(),
    };
    answer(&mut given, &Expected { manifest: &manifest(), route: 0, records: 1, limits: &LIMITS }).unwrap();
    let Finding::Verdict(Verdict::Discard(text)) = &given.findings[0] else { panic!() };
    assert_eq!(text.len(), REASON_BYTES_MAX);
}

#[test]
fn a_measurement_stays_only_if_all_it_points_to_is_there() {
    let good = Measurement { item: 0, instrument: 1, value: 1.0, attribute_set: 0 };
    let given = [
        good,
        Measurement { item: 1, ..good },
        Measurement { instrument: 2, ..good },
        Measurement { attribute_set: 2, ..good },
        Measurement { attribute_set: 1, ..good },
        Measurement { value: -1.0, ..good },
        Measurement { value: f64::NAN, ..good },
        // Without attributes the set is of no account, and one that is no counter may go down.
        Measurement { instrument: 0, value: -1.0, attribute_set: 77, ..good },
    ];
    let two = vec![AttributeValue::Absent, AttributeValue::Text("y".repeat(1_000))];
    let mut answered = Answer {
        findings: vec![Finding::Verdict(Verdict::Accept(accepted()))],
        table: MeasurementTable { first: 0, measurements: given.to_vec(), attribute_sets: vec![two, vec![]] },
    };
    let expected = Expected { manifest: &manifest(), route: 0, records: 1, limits: &LIMITS };
    assert_eq!(answer(&mut answered, &expected), Ok(6));
    assert_eq!(answered.table.measurements, [given[0], given[7]]);
    assert_eq!(
        answered.table.attribute_sets[0][1],
        AttributeValue::Text("y".repeat(LIMITS.attribute_bytes_max))
    );
}
