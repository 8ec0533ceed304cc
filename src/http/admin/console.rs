//! `GET /console.json`: all that the console shows, in one look.

use super::status::Plugins;
use crate::http::data::Gateway;
use crate::http::readiness;
use crate::http::violations::{Noted, Violations, ViolationsShown};
use crate::plugin;
use crate::record::rfc3339;
use crate::shutdown::Lifecycle;
use crate::telemetry::{LaneGauge, Settled, SinkGauge, SinkGauges};
use bytes::Bytes;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Looks, which may wait for a disk that is well.
pub(super) fn look(gateway: &Gateway, lifecycle: &Lifecycle, born: Instant) -> Bytes {
    let sink = &gateway.pipeline.sink;
    let mut status = gateway.plugins.status();
    let reasons = readiness::judge(lifecycle.phase(), &status, sink.readiness());
    redact(&mut status, gateway.violations.shown());
    let recent = gateway.violations.recent();
    let scene = Scene {
        version: env!("CARGO_PKG_VERSION"),
        now: crate::http::header::now_ms(),
        uptime_s: born.elapsed().as_secs(),
        ready: reasons.is_empty(),
        reasons,
        plugins: Plugins::from(&status),
        records: gateway.metrics.settled().into_iter().map(Records::from).collect(),
        topics: topics(sink.gauges()),
        violations: told(&gateway.violations, &recent),
    };
    serde_json::to_vec(&scene).expect("texts and numbers are always JSON").into()
}

/// A fault's words may quote the record it was about: without leave to show those, its kind is told.
fn redact(status: &mut plugin::Status, shown: ViolationsShown) {
    if shown == ViolationsShown::Full {
        return;
    }
    for fault in status.plugins.iter_mut().filter_map(|plugin| plugin.last_fault.as_mut()) {
        fault.truncate(fault.find(':').unwrap_or(0));
    }
}

#[derive(Serialize)]
struct Scene<'a> {
    version: &'static str,
    /// Milliseconds since 1970.
    now: u64,
    uptime_s: u64,
    ready: bool,
    reasons: Vec<String>,
    plugins: Plugins<'a>,
    /// Since the start: the page makes rates of them.
    records: Vec<Records>,
    topics: Vec<Topic>,
    violations: Told<'a>,
}

#[derive(Serialize)]
struct Records {
    route: String,
    outcome: String,
    reason: String,
    count: u64,
}

impl From<Settled> for Records {
    fn from(Settled { route, outcome, reason, records }: Settled) -> Records {
        Records { route, outcome, reason, count: records }
    }
}

#[derive(Serialize)]
struct Topic {
    topic: String,
    /// Null: nothing of it is kept here.
    log: Option<Log>,
    /// Null: it does not go to Kafka.
    kafka: Option<Lane>,
}

#[derive(Serialize)]
struct Log {
    bytes: u64,
    segments: u64,
    records: u64,
    queued_bytes: u64,
    poisoned_segments: u64,
}

#[derive(Serialize)]
struct Lane {
    mode: &'static str,
    in_flight: u64,
    spool_records: u64,
    spool_bytes: u64,
    spool_size: u64,
    oldest_age_s: u64,
}

/// A topic may have both: its dead letters lie in the local log also where there is Kafka.
fn topics(gauges: SinkGauges) -> Vec<Topic> {
    let mut topics: BTreeMap<String, Topic> = BTreeMap::new();
    let none = |topic: &String| Topic { topic: topic.clone(), log: None, kafka: None };
    for gauge in gauges.logs {
        let SinkGauge { topic, bytes, segments, records, syncs: _, queued_bytes, poisoned_segments } = gauge;
        let log = Log { bytes, segments, records, queued_bytes, poisoned_segments };
        topics.entry(topic.clone()).or_insert_with(|| none(&topic)).log = Some(log);
    }
    for gauge in gauges.lanes {
        let LaneGauge {
            topic,
            mode,
            in_flight,
            spool_records,
            spool_bytes,
            spool_size,
            spool_oldest_age,
            ..
        } = gauge;
        let oldest_age_s = spool_oldest_age.as_secs();
        let lane = Lane { mode, in_flight, spool_records, spool_bytes, spool_size, oldest_age_s };
        topics.entry(topic.clone()).or_insert_with(|| none(&topic)).kafka = Some(lane);
    }
    topics.into_values().collect()
}

#[derive(Serialize)]
struct Told<'a> {
    /// `admin.violations_shown`.
    shown: &'static str,
    /// The newest first.
    recent: Vec<One<'a>>,
}

#[derive(Serialize)]
struct One<'a> {
    number: u64,
    time: String,
    route: &'a str,
    record_id: String,
    pointer: &'a str,
    code: &'a str,
    message: Option<&'a str>,
}

fn told<'a>(violations: &Violations, recent: &'a [Arc<Noted>]) -> Told<'a> {
    let one = |noted: &'a Arc<Noted>| One {
        number: noted.number,
        time: rfc3339(noted.at_ms),
        route: &noted.route,
        record_id: noted.record_id.to_string(),
        pointer: &noted.pointer,
        code: &noted.code,
        message: noted.message.as_deref(),
    };
    Told { shown: violations.shown().as_str(), recent: recent.iter().map(one).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::{PluginState, PluginStatus};
    use serde_json::{Value, json};
    use std::time::{Duration, SystemTime};

    #[test]
    fn the_log_and_the_lane_of_a_topic_are_told_together() {
        let log = |topic: &str| SinkGauge { topic: topic.into(), bytes: 7, ..SinkGauge::default() };
        let lane = LaneGauge {
            topic: "b".into(),
            mode: "spooling",
            spool_oldest_age: Duration::from_millis(2_900),
            ..LaneGauge::default()
        };
        let told: Value =
            serde_json::to_value(topics(SinkGauges { logs: vec![log("b"), log("a")], lanes: vec![lane] }))
                .unwrap();
        assert_eq!((&told[0]["topic"], &told[0]["log"]["bytes"]), (&json!("a"), &json!(7)));
        assert_eq!(told[0]["kafka"], Value::Null);
        assert_eq!(
            (&told[1]["kafka"]["mode"], &told[1]["kafka"]["oldest_age_s"], &told[1]["log"]["bytes"]),
            (&json!("spooling"), &json!(2), &json!(7))
        );
    }

    #[test]
    fn of_a_fault_only_its_kind_is_shown_unless_the_operator_wants_more() {
        let plugin = |last_fault: &str| PluginStatus {
            name: "claims".into(),
            version: "1.0.0".into(),
            digest: "ab".into(),
            file: "claims.wasm".into(),
            generation: 1,
            loaded_at: SystemTime::UNIX_EPOCH,
            state: PluginState::Serving,
            routes: vec![],
            instances: 1,
            records_judged: 1,
            faults: 1,
            last_fault: Some(last_fault.into()),
            measurements_dropped: 0,
            refused: None,
        };
        let faults = |shown| {
            let plugins = vec![plugin("trap: called on 4111111111111111"), plugin("no colon")];
            let mut status = plugin::Status { plugins, ..plugin::Status::default() };
            redact(&mut status, shown);
            status.plugins.into_iter().filter_map(|plugin| plugin.last_fault).collect::<Vec<_>>()
        };
        assert_eq!(faults(ViolationsShown::Codes), ["trap", ""]);
        assert_eq!(faults(ViolationsShown::Off), ["trap", ""]);
        assert_eq!(faults(ViolationsShown::Full)[0], "trap: called on 4111111111111111");
    }
}
