//! What measuring costs on the path of a record: `cargo bench --bench telemetry`.
//!
//! One counter with two attributes and one histogram with one, as the samples have them.

use sluicegate::telemetry::{Config, Metrics, PluginMeters, RequestFacts, RequestStatus};
use sluicegate::verdict::{
    Accepted, AttributeValue, Counted, Instrument, InstrumentKind, Measurement, MeasurementTable, Outcome,
};
use std::hint::black_box;
use std::time::{Duration, Instant};

const RUNS: usize = 7;

/// Distinct attribute sets in a batch.
const SETS: usize = 20;

fn main() {
    let metrics = Metrics::new(&Config::default());
    let meters = match metrics.plugin_meters("bench", &instruments()) {
        Ok(meters) => meters,
        Err(conflict) => unreachable!("nothing else is there: {conflict}"),
    };
    report("a record by itself, two instruments", 1, &mut batch_of(1, 1, &meters));
    for records in [10, 1_000] {
        let label = format!("a batch of {records}, two instruments, {SETS} sets");
        report(&label, records, &mut batch_of(records, SETS, &meters));
    }
    report("a record by itself, values over the budget", 1, &mut over_budget(&meters));
    report("a request's duration", 1, &mut || {
        let facts = RequestFacts {
            method: "POST",
            route: Some("/ingest-insurance-claim/"),
            status: 200,
            status_text: "200",
            protocol: "1.1",
            request_id: "1",
            result: RequestStatus::Success.as_str(),
        };
        metrics.request(&facts, black_box(Duration::from_micros(90)));
    });
    report("records of one outcome", 1, &mut || {
        metrics.records("/ingest-insurance-claim/", "committed", "", 1)
    });
    report("a plugin's call", 1, &mut || metrics.plugin_call("bench", black_box(Duration::from_micros(20))));
    let started = Instant::now();
    let bytes = black_box(metrics.render()).len();
    println!("a scrape of {bytes} bytes takes {:?}", started.elapsed());
}

fn instruments() -> [Instrument; 2] {
    let instrument = |name: &str, kind, attributes: &[&str]| Instrument {
        name: name.to_owned(),
        kind,
        description: String::new(),
        unit: String::new(),
        attributes: attributes.iter().map(|&attribute| attribute.to_owned()).collect(),
        counts: Counted::Accepted,
    };
    let boundaries = vec![10.0, 100.0, 1_000.0, 10_000.0, 100_000.0];
    [
        instrument("bench.ingested", InstrumentKind::Counter, &["transaction.type", "currency"]),
        instrument("bench.amount", InstrumentKind::Histogram(boundaries), &["currency"]),
    ]
}

fn batch_of(records: u32, sets: usize, meters: &PluginMeters) -> impl FnMut() {
    let text = |text: &str| AttributeValue::Text(text.to_owned());
    let counter_set =
        |index: usize| vec![text(["purchase", "refund"][index % 2]), text(&format!("C{}", index / 2))];
    let amount_set = |index: usize| vec![text(&format!("C{}", index / 2))];
    let attribute_sets = (0..sets).map(counter_set).chain((0..sets).map(amount_set)).collect();
    let measurements = (0..records).flat_map(|item| {
        let set = item % sets as u32;
        let amount = f64::from(item) * 3.7 + 1.0;
        [
            Measurement { item, instrument: 0, value: 1.0, attribute_set: set },
            Measurement { item, instrument: 1, value: amount, attribute_set: set + sets as u32 },
        ]
    });
    let tables = [MeasurementTable { first: 0, measurements: measurements.collect(), attribute_sets }];
    let outcomes = vec![Outcome::Committed(Accepted::default()); records as usize];
    let meters = meters.clone();
    move || meters.record(black_box(&tables), black_box(&outcomes))
}

fn over_budget(meters: &PluginMeters) -> impl FnMut() {
    let outcomes = [Outcome::Committed(Accepted::default())];
    let meters = meters.clone();
    let mut number = 0_u64;
    move || {
        number += 1;
        let set = vec![AttributeValue::Text(number.to_string()), AttributeValue::Text("C0".to_owned())];
        let measurements = vec![Measurement { item: 0, instrument: 0, value: 1.0, attribute_set: 0 }];
        let tables = [MeasurementTable { first: 0, measurements, attribute_sets: vec![set] }];
        meters.record(black_box(&tables), black_box(&outcomes));
    }
}

/// The best and the median of some runs, in nanoseconds a record.
fn report(label: &str, records: u32, work: &mut dyn FnMut()) {
    let calls = 2_000_000 / (records * 10).max(10) + 1;
    let mut runs: Vec<f64> = (0..RUNS)
        .map(|_| {
            let started = Instant::now();
            for _ in 0..calls {
                work();
            }
            started.elapsed().as_nanos() as f64 / f64::from(calls) / f64::from(records)
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    println!("{label:<50} best {:>9.1} ns  median {:>9.1} ns", runs[0], runs[RUNS / 2]);
}
