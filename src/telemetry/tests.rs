mod shared;

use super::series::SETS_MAX;
use super::*;
use crate::verdict::{
    Accepted, AttributeValue, Counted, Failure, Fault, InstrumentKind, Measurement, MeasurementTable, Outcome,
};
use std::sync::atomic::{AtomicUsize, Ordering};

const VALUES_MAX: usize = 3;

fn metrics() -> Metrics {
    Metrics::new(&Config { attribute_values_max: VALUES_MAX, ..Config::default() })
}

/// A request that all went well with.
fn answered(route: &str) -> RequestFacts<'_> {
    RequestFacts {
        method: "POST",
        route: Some(route),
        status: 200,
        status_text: "200",
        protocol: "1.1",
        request_id: "1",
        result: RequestStatus::Success.as_str(),
    }
}

fn instrument(name: &str, kind: InstrumentKind, unit: &str, attributes: &[&str]) -> Instrument {
    Instrument {
        name: name.into(),
        kind,
        description: format!("What {name} is."),
        unit: unit.into(),
        attributes: attributes.iter().map(|&attribute| attribute.into()).collect(),
        counts: Counted::Accepted,
    }
}

fn ingested() -> Instrument {
    let attributes = ["transaction.type", "currency"];
    instrument("financial.transactions.ingested", InstrumentKind::Counter, "{transaction}", &attributes)
}

fn text(values: &[&str]) -> Vec<AttributeValue> {
    values.iter().map(|&value| AttributeValue::Text(value.into())).collect()
}

fn committed() -> Outcome {
    Outcome::Committed(Accepted::default())
}

fn measured(item: u32, instrument: u32, value: f64, attribute_set: u32) -> Measurement {
    Measurement { item, instrument, value, attribute_set }
}

/// One record, committed, that measured one value.
fn record(meters: &PluginMeters, instrument: u32, value: f64, set: Vec<AttributeValue>) {
    let measurements = vec![measured(0, instrument, value, 0)];
    meters.record(&[MeasurementTable { first: 0, measurements, attribute_sets: vec![set] }], &[committed()]);
}

#[track_caller]
fn assert_line(metrics: &Metrics, line: &str) {
    let all = metrics.render();
    assert!(all.lines().any(|each| each == line), "no line '{line}' in:\n{all}");
}

fn lines_with(metrics: &Metrics, part: &str) -> Vec<String> {
    metrics.render().lines().filter(|line| line.contains(part)).map(str::to_owned).collect()
}

#[test]
fn the_old_dashboards_find_their_names() {
    let metrics = metrics();
    let claims = instrument(
        "insurance.claims.ingested",
        InstrumentKind::Counter,
        "{claim}",
        &["claim.type", "claim.status"],
    );
    let meters = metrics.plugin_meters("samples", &[ingested(), claims]).unwrap();
    record(&meters, 0, 1.0, text(&["payment", "EUR"]));
    record(&meters, 1, 1.0, text(&["auto", "open"]));
    metrics.request(&answered("/ingest-insurance-claim/"), Duration::from_micros(1_500));
    assert_line(
        &metrics,
        r#"financial_transactions_ingested_total{currency="EUR",transaction_type="payment"} 1"#,
    );
    assert_line(&metrics, r#"insurance_claims_ingested_total{claim_status="open",claim_type="auto"} 1"#);
    let endpoint = r#"endpoint="/ingest-insurance-claim/",status="success""#;
    assert_line(&metrics, &format!("ingestion_request_duration_bucket{{{endpoint},le=\"1\"}} 0"));
    assert_line(&metrics, &format!("ingestion_request_duration_bucket{{{endpoint},le=\"2.5\"}} 1"));
    assert_line(&metrics, &format!("ingestion_request_duration_sum{{{endpoint}}} 1.5"));
    let bounds: Vec<_> = lines_with(&metrics, "ingestion_request_duration_bucket");
    assert_eq!(bounds.len(), 19, "18 boundaries and +Inf");
    let all = metrics.render();
    assert!(!all.contains("otel_scope"), "no scope labels");
    assert!(all.contains(r#"service_name="sluicegate""#), "{all}");
}

#[test]
fn a_name_is_what_the_exporter_makes_of_it() {
    let units = ["", "1", "ms", "s", "By", "%", "{claim}", "By/s", "ms/s", "{claim}/d", "m/furlong", "EUR"];
    let kinds = [
        InstrumentKind::Counter,
        InstrumentKind::UpDownCounter,
        InstrumentKind::Gauge,
        InstrumentKind::Histogram(vec![]),
        InstrumentKind::ExponentialHistogram,
    ];
    let mut known = metrics().own.names();
    known.clear();
    for (index, (unit, kind)) in
        units.iter().flat_map(|unit| kinds.iter().map(move |kind| (unit, kind))).enumerate()
    {
        let metrics = metrics();
        let odd = instrument(&format!("a-b/c.d_{index}"), kind.clone(), unit, &[]);
        let meters = metrics.plugin_meters("names", std::slice::from_ref(&odd)).unwrap();
        record(&meters, 0, 1.0, vec![]);
        let family = name::family(&odd.name, unit, kind);
        let types = lines_with(&metrics, &format!("# TYPE a_b_c_d_{index}"));
        assert_eq!(types.len(), 1);
        assert_eq!(types[0].split(' ').nth(2), Some(family.as_str()), "{kind:?} in '{unit}'");
    }
}

#[test]
fn only_the_outcomes_that_an_instrument_counts_are_measured() {
    let metrics = metrics();
    let named =
        |name: &str, counts| Instrument { counts, ..instrument(name, InstrumentKind::Counter, "", &[]) };
    let instruments = [
        named("of.accepted", Counted::Accepted),
        named("of.rejected", Counted::Rejected),
        named("of.judged", Counted::Judged),
    ];
    let meters = metrics.plugin_meters("counting", &instruments).unwrap();
    let fault = Fault { kind: FaultKind::Declared, detail: String::new() };
    let outcomes = [
        committed(),
        Outcome::Stored(Accepted::default()),
        Outcome::Rejected(vec![].into()),
        Outcome::Discarded,
        Outcome::Quarantined(fault),
        Outcome::Failed(Failure::Draining),
    ];
    // Two calls of three records each: an item counts from its table's first.
    let table = |first: usize| MeasurementTable {
        first,
        measurements: (0..3).flat_map(|item| (0..3).map(move |i| measured(item, i, 1.0, 0))).collect(),
        attribute_sets: vec![],
    };
    meters.record(&[table(0), table(3)], &outcomes);
    assert_line(&metrics, "of_accepted_total 2");
    assert_line(&metrics, "of_rejected_total 1");
    assert_line(&metrics, "of_judged_total 4");
}

#[test]
fn each_kind_takes_values_in_its_own_way() {
    let metrics = metrics();
    let instruments = [
        instrument("a.counter", InstrumentKind::Counter, "", &[]),
        instrument("a.balance", InstrumentKind::UpDownCounter, "", &[]),
        instrument("a.level", InstrumentKind::Gauge, "", &[]),
        instrument("an.amount", InstrumentKind::Histogram(vec![1.0, 10.0]), "", &[]),
        instrument("a.wide.amount", InstrumentKind::ExponentialHistogram, "", &[]),
    ];
    let meters = metrics.plugin_meters("kinds", &instruments).unwrap();
    let values = [5.0, -2.0, 3.0, f64::MAX, f64::NAN];
    let all = |value| (0..5).map(move |instrument| measured(0, instrument, value, 0));
    let measurements = values.into_iter().take(3).flat_map(all).collect();
    meters.record(&[MeasurementTable { first: 0, measurements, attribute_sets: vec![] }], &[committed()]);
    assert_line(&metrics, "a_counter_total 8");
    assert_line(&metrics, "a_balance 6");
    assert_line(&metrics, "a_level 3");
    assert_line(&metrics, "an_amount_sum 6");
    assert_line(&metrics, r#"an_amount_bucket{le="10"} 3"#);
    assert_line(&metrics, r#"a_wide_amount_bucket{le="2"} 1"#);
    assert_line(&metrics, r#"a_wide_amount_bucket{le="5"} 3"#);
    // A sum that overflows, and what is not a number, spoil nothing.
    let measurements = [values[3], values[3], values[4]].into_iter().flat_map(all).collect();
    meters.record(&[MeasurementTable { first: 0, measurements, attribute_sets: vec![] }], &[committed()]);
    assert_line(&metrics, "a_counter_total 8");
    assert_line(&metrics, "a_balance 6");
}

#[test]
fn a_value_beyond_the_budget_becomes_other_and_the_culprit_is_named() {
    let metrics = metrics();
    let meters = metrics.plugin_meters("chatty", &[ingested()]).unwrap();
    for type_ in 0..100_u32 {
        record(&meters, 0, 1.0, text(&[&type_.to_string(), "EUR"]));
    }
    assert_eq!(lines_with(&metrics, "financial_transactions_ingested_total{").len(), VALUES_MAX + 1);
    assert_line(
        &metrics,
        r#"financial_transactions_ingested_total{currency="EUR",transaction_type="__other__"} 97"#,
    );
    assert_line(
        &metrics,
        r#"gateway_plugin_attribute_overflow_total{attribute="transaction.type",instrument="financial.transactions.ingested",plugin="chatty"} 97"#,
    );
    // The other attribute has its own budget, and a known value its own series still.
    record(&meters, 0, 1.0, text(&["0", "USD"]));
    assert_line(&metrics, r#"financial_transactions_ingested_total{currency="USD",transaction_type="0"} 1"#);
}

#[test]
fn combinations_are_bounded_too() {
    let metrics = Metrics::new(&Config::default());
    let meters = metrics.plugin_meters("square", &[ingested()]).unwrap();
    for row in 0..60_u32 {
        for column in 0..60_u32 {
            record(&meters, 0, 1.0, text(&[&row.to_string(), &column.to_string()]));
        }
    }
    let series = lines_with(&metrics, "financial_transactions_ingested_total{");
    assert_eq!(series.len(), SETS_MAX + 1);
    assert_line(
        &metrics,
        r#"financial_transactions_ingested_total{currency="__other__",transaction_type="__other__"} 1600"#,
    );
}

#[test]
fn a_label_is_text_and_an_empty_one_is_none() {
    let metrics = metrics();
    let meters = metrics.plugin_meters("types", &[ingested()]).unwrap();
    let integer = AttributeValue::Integer(1);
    record(&meters, 0, 1.0, vec![integer.clone(), AttributeValue::Absent]);
    record(&meters, 0, 1.0, vec![AttributeValue::Text("1".into()), AttributeValue::Text(String::new())]);
    record(&meters, 0, 1.0, vec![AttributeValue::Float(1.0)]);
    assert_line(&metrics, r#"financial_transactions_ingested_total{transaction_type="1"} 3"#);
    record(&meters, 0, 1.0, vec![AttributeValue::Boolean(true), integer]);
    assert_line(&metrics, r#"financial_transactions_ingested_total{currency="1",transaction_type="true"} 1"#);
    record(&meters, 0, 1.0, text(&[&"x".repeat(300)]));
    assert_line(&metrics, r#"financial_transactions_ingested_total{transaction_type="__other__"} 1"#);
}

#[test]
fn instruments_leave_with_the_last_generation_and_stay_while_unchanged() {
    let metrics = metrics();
    let amount = instrument("an.amount", InstrumentKind::Histogram(vec![]), "", &[]);
    let first = metrics.plugin_meters("payments", &[ingested(), amount.clone()]).unwrap();
    record(&first, 0, 1.0, text(&["payment", "EUR"]));
    record(&first, 1, 1.0, vec![]);
    metrics.plugin_generation("payments", 1);
    // The next generation has the counter as it was, and another histogram.
    let changed = Instrument { kind: InstrumentKind::Histogram(vec![7.0]), ..amount };
    let second = metrics.plugin_meters("payments", &[changed, ingested()]).unwrap();
    record(&first, 0, 1.0, text(&["payment", "EUR"]));
    drop(first);
    record(&second, 1, 1.0, text(&["payment", "EUR"]));
    assert_line(
        &metrics,
        r#"financial_transactions_ingested_total{currency="EUR",transaction_type="payment"} 3"#,
    );
    assert!(
        lines_with(&metrics, "an_amount_count").is_empty(),
        "the old histogram is gone, the new one empty"
    );
    metrics.plugin_generation("payments", 2);
    metrics.plugin_fault("payments", FaultKind::Trap);
    metrics.plugin_call("payments", Duration::from_micros(20));
    let dropped = "gateway_plugin_measurements_dropped_total{plugin=\"payments\"}";
    assert_line(&metrics, &format!("{dropped} 0"));
    metrics.plugin_measurements_dropped("payments", 3);
    assert_line(&metrics, &format!("{dropped} 3"));
    assert_line(&metrics, r#"gateway_plugin_generation{plugin="payments"} 2"#);
    assert_line(&metrics, r#"gateway_plugin_faults_total{kind="trap",plugin="payments"} 1"#);
    assert_line(&metrics, r#"gateway_plugin_faults_total{kind="memory",plugin="payments"} 0"#);
    assert_line(
        &metrics,
        r#"gateway_plugin_call_duration_seconds_bucket{plugin="payments",le="0.000025"} 1"#,
    );
    let clone = second.clone();
    drop(second);
    assert!(!lines_with(&metrics, "payments").is_empty());
    drop(clone);
    assert_eq!(lines_with(&metrics, "payments"), [""; 0]);
    assert_eq!(lines_with(&metrics, "financial_"), [""; 0]);
    metrics.plugin_fault("payments", FaultKind::Trap);
    assert_eq!(lines_with(&metrics, "payments"), [""; 0]);
}

#[test]
fn plugins_that_share_an_instrument_share_its_family() {
    let metrics = metrics();
    let one = metrics.plugin_meters("one", &[ingested()]).unwrap();
    let two = metrics.plugin_meters("two", &[ingested()]).unwrap();
    record(&one, 0, 1.0, text(&["payment", "EUR"]));
    record(&two, 0, 2.0, text(&["payment", "EUR"]));
    record(&two, 0, 4.0, text(&["refund", "EUR"]));
    let lines = lines_with(&metrics, "financial_transactions_ingested_total");
    assert_eq!(
        lines,
        [
            "# HELP financial_transactions_ingested_total What financial.transactions.ingested is.",
            "# TYPE financial_transactions_ingested_total counter",
            r#"financial_transactions_ingested_total{currency="EUR",transaction_type="payment"} 3"#,
            r#"financial_transactions_ingested_total{currency="EUR",transaction_type="refund"} 4"#,
        ]
    );
}

#[test]
fn plugins_that_want_one_name_for_different_things_are_told() {
    let metrics = metrics();
    let _one = metrics.plugin_meters("one", &[ingested()]).unwrap();
    let gauge = Instrument { kind: InstrumentKind::Gauge, ..ingested() };
    let refused = |plugin: &str, instruments: &[Instrument]| {
        metrics.plugin_meters(plugin, instruments).err().map(|conflict| conflict.to_string())
    };
    assert_eq!(
        refused("two", std::slice::from_ref(&gauge)).as_deref(),
        Some(
            "instrument 'financial.transactions.ingested' is already a counter in '{transaction}' of plugin 'one', \
             and this one wants a gauge in '{transaction}'; rename one of them"
        )
    );
    let unit = Instrument { unit: "{payment}".into(), ..ingested() };
    assert!(refused("two", &[unit]).unwrap().contains("wants a counter in '{payment}'"));
    let bounded = |bounds| instrument("x.y", InstrumentKind::Histogram(bounds), "", &[]);
    let part = instrument("x.y.sum", InstrumentKind::Gauge, "", &[]);
    assert!(refused("two", &[bounded(vec![1.0]), part]).unwrap().contains("of plugin 'two'"));
    assert!(refused("two", &[bounded(vec![1.0]), bounded(vec![1.0])]).is_some(), "twice in one manifest");
    let own = instrument("ingestion.request.duration", InstrumentKind::Histogram(vec![]), "", &[]);
    assert!(refused("two", &[own]).unwrap().contains("of the gateway itself"));
    let about = instrument("gateway.plugin.faults", InstrumentKind::Counter, "", &[]);
    assert!(refused("two", &[about]).unwrap().contains("of the gateway itself"));
    // Its own next version may change its mind.
    assert_eq!(refused("one", &[gauge]), None);
}

#[test]
fn the_gateways_own_counts_are_there() {
    let metrics = metrics();
    metrics.records("/a", "rejected", "missing", 7);
    metrics.reload(Reload::Refused);
    metrics.shed("in_flight");
    let gauge = SinkGauge {
        topic: "raw".into(),
        bytes: 10,
        segments: 2,
        records: 3,
        syncs: 4,
        queued_bytes: 5,
        poisoned_segments: 6,
    };
    let lane = LaneGauge {
        topic: "raw".into(),
        mode: "spooling",
        in_flight: 7,
        spool_records: 8,
        spool_bytes: 9,
        spool_size: 10,
        spool_oldest_age: Duration::from_millis(11_900),
        reported: vec![("", 12), ("unknown_topic", 13)],
    };
    let gauges = SinkGauges { logs: vec![gauge], lanes: vec![lane] };
    metrics.observe_sink(Box::new(move || gauges.clone()));
    for line in [
        r#"gateway_records_settled_total{outcome="rejected",reason="missing",route="/a"} 7"#,
        r#"gateway_plugin_reloads_total{result="refused"} 1"#,
        r#"gateway_plugin_reloads_total{result="loaded"} 0"#,
        r#"gateway_requests_shed_total{reason="in_flight"} 1"#,
        r#"gateway_sink_size_bytes{topic="raw"} 10"#,
        r#"messaging_client_sent_messages_total{error_type="unknown_topic",messaging_destination_name="raw",messaging_operation_name="send",messaging_system="kafka"} 13"#,
        r#"gateway_sink_segments{topic="raw"} 2"#,
        r#"gateway_sink_records_total{topic="raw"} 3"#,
        r#"gateway_sink_syncs_total{topic="raw"} 4"#,
        r#"gateway_sink_queued_bytes{topic="raw"} 5"#,
        r#"gateway_sink_segments_poisoned{topic="raw"} 6"#,
        r#"gateway_kafka_mode{mode="spooling",topic="raw"} 1"#,
        r#"gateway_kafka_mode{mode="direct",topic="raw"} 0"#,
        r#"gateway_kafka_in_flight{topic="raw"} 7"#,
        r#"gateway_spool_records{topic="raw"} 8"#,
        r#"gateway_spool_waiting_bytes{topic="raw"} 9"#,
        r#"gateway_spool_size_bytes{topic="raw"} 10"#,
        r#"gateway_spool_oldest_age_seconds{topic="raw"} 11"#,
    ] {
        assert_line(&metrics, line);
    }
    metrics.observe_sink(Box::new(SinkGauges::default));
    assert_eq!(lines_with(&metrics, "topic="), [""; 0], "a topic that is not reported is not shown");
    let value = |name: &str| {
        let lines = lines_with(&metrics, name);
        lines.last().and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).unwrap_or(-1.0)
    };
    assert!(value("process_memory_usage_bytes") > 1e6);
    assert!(value("process_unix_file_descriptor_count") > 2.0);
    assert!(value("process_uptime_seconds") >= 0.0);
    assert_eq!(value("gateway_build_info{version="), 1.0);
}

#[test]
fn a_plugin_of_many_codes_leaves_the_gateways_own_reasons_and_the_routes_their_names() {
    let metrics = metrics();
    for route in 0..VALUES_MAX * 2 {
        for code in 0..SETS_MAX {
            metrics.records(&format!("/{route}"), "rejected", &format!("code_{code}"), 1);
        }
    }
    let codes = lines_with(&metrics, r#"reason="code_"#);
    assert_eq!(codes.len(), VALUES_MAX * 2 * VALUES_MAX, "{codes:#?}");
    let last = VALUES_MAX * 2 - 1;
    assert_line(
        &metrics,
        &format!(
            r#"gateway_records_settled_total{{outcome="rejected",reason="__other__",route="/{last}"}} {}"#,
            SETS_MAX - VALUES_MAX
        ),
    );
    for failure in Failure::ALL {
        metrics.records("/0", "failed", failure.as_str(), 1);
        let (reason, end) = (failure.as_str(), r#"route="/0"} 1"#);
        assert_line(
            &metrics,
            &format!(r#"gateway_records_settled_total{{outcome="failed",reason="{reason}",{end}"#),
        );
    }
}

#[test]
fn label_sets_with_a_plugins_words_leave_half_of_the_places_to_the_gateways_own() {
    let config = Config { attribute_values_max: SETS_MAX, ..Config::default() };
    let metrics = Metrics::new(&config);
    for code in 0..SETS_MAX {
        metrics.records("/a", "rejected", &format!("code_{code}"), 1);
    }
    assert_eq!(lines_with(&metrics, r#"reason="code_"#).len(), SETS_MAX / 2);
    metrics.records("/a", "failed", Failure::SinkFull.as_str(), 1);
    assert_line(
        &metrics,
        r#"gateway_records_settled_total{outcome="failed",reason="sink_full",route="/a"} 1"#,
    );
}

#[test]
fn the_sink_is_asked_once_a_scrape() {
    let metrics = metrics();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    metrics.observe_sink(Box::new(move || {
        let bytes = counted.fetch_add(1, Ordering::Relaxed) as u64 + 1;
        let log = SinkGauge { topic: "raw".into(), bytes, segments: bytes, ..SinkGauge::default() };
        SinkGauges { logs: vec![log], lanes: vec![] }
    }));
    for scrape in 1..4 {
        let text = metrics.render();
        assert_eq!(asked.load(Ordering::Relaxed), scrape);
        for name in ["gateway_sink_size_bytes", "gateway_sink_segments"] {
            assert!(text.contains(&format!("{name}{{topic=\"raw\"}} {scrape}\n")), "{text}");
        }
    }
}

#[test]
fn an_attribute_that_cannot_be_a_label_is_refused() {
    let check = |attributes: &[&str]| check_labels(&instrument("a", InstrumentKind::Counter, "", attributes));
    assert_eq!(
        check(&["a.b", "a_b"]).unwrap_err().to_string(),
        "attribute 'a_b' of instrument 'a' cannot be a label in Prometheus, where it is 'a_b': two are alike, or it \
         begins with '__', or it is 'le', which histograms have; name it otherwise"
    );
    for attributes in [["le"], ["__name__"], ["--x"], [""]] {
        assert!(check(&attributes).is_err(), "{attributes:?}");
    }
    assert_eq!(check(&["transaction.type", "currency", "_x"]), Ok(()));
}

#[test]
fn many_threads_lose_no_count() {
    let metrics = metrics();
    let meters = metrics.plugin_meters("threads", &[ingested()]).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let meters = &meters;
            scope.spawn(move || {
                for turn in 0..1_000_u32 {
                    record(meters, 0, 1.0, text(&[&((thread + turn) % 7).to_string(), "EUR"]));
                }
            });
        }
    });
    let lines = lines_with(&metrics, "financial_transactions_ingested_total{");
    let total: f64 = lines.iter().filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum();
    assert_eq!((lines.len(), total), (VALUES_MAX + 1, 4_000.0));
}
