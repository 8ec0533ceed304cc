//! From the types of the contract to ours, by move.

use super::sluicegate::plugin::types as wit;
use crate::plugin::draft::{Answer, Draft, DraftRoute, Example, ExampleBody, Expectation, Setting};
use crate::record::Input;
use crate::verdict::{
    Acceptance, AttributeValue, Counted, Fault, FaultKind, Finding, Instrument, InstrumentKind, Measurement,
    MeasurementTable, Value, Verdict, Violation,
};

pub(super) fn manifest(manifest: wit::Manifest) -> Draft {
    Draft {
        name: manifest.name,
        version: manifest.version,
        description: manifest.description,
        routes: manifest.routes.into_iter().map(route).collect(),
        instruments: manifest.instruments.into_iter().map(instrument).collect(),
        request_headers: manifest.request_headers,
        settings: manifest
            .settings
            .into_iter()
            .map(|setting| Setting { key: setting.key, default: setting.default, secret: setting.secret })
            .collect(),
    }
}

fn route(route: wit::Route) -> DraftRoute {
    DraftRoute {
        path: route.path,
        input: match route.input {
            wit::Input::Json => Input::Json,
            wit::Input::Lines(types) => Input::Lines(types),
            wit::Input::Whole(types) => Input::Whole(types),
        },
        title: route.title,
        id_field: route.id_field,
        topics: route.topics,
        summary: route.summary,
        schema: route.schema,
        examples: route.examples.into_iter().map(example).collect(),
    }
}

fn example(example: wit::Example) -> Example {
    Example {
        name: example.name,
        body: match example.item.body {
            wit::BodyResult::Text(text) => ExampleBody::Text(text),
            wit::BodyResult::Bytes(bytes) => ExampleBody::Bytes(bytes),
        },
        attributes: example.item.attributes,
        received_at_ms: example.received_at,
        parameters: example.parameters,
        headers: example.headers,
        caller: example.caller,
        settings: example.settings,
        expect: match example.expect {
            wit::Expectation::Accept => Expectation::Accept,
            wit::Expectation::Warn(codes) => Expectation::Warn(codes),
            wit::Expectation::Reject(codes) => Expectation::Reject(codes),
            wit::Expectation::Discard => Expectation::Discard,
        },
    }
}

fn instrument(instrument: wit::Instrument) -> Instrument {
    Instrument {
        name: instrument.name,
        kind: match instrument.kind {
            wit::InstrumentKind::Counter => InstrumentKind::Counter,
            wit::InstrumentKind::UpDownCounter => InstrumentKind::UpDownCounter,
            wit::InstrumentKind::Histogram(boundaries) => InstrumentKind::Histogram(boundaries),
            wit::InstrumentKind::ExponentialHistogram => InstrumentKind::ExponentialHistogram,
            wit::InstrumentKind::Gauge => InstrumentKind::Gauge,
        },
        description: instrument.description,
        unit: instrument.unit,
        attributes: instrument.attributes,
        counts: match instrument.counts {
            wit::Counted::Accepted => Counted::Accepted,
            wit::Counted::Rejected => Counted::Rejected,
            wit::Counted::Judged => Counted::Judged,
        },
    }
}

pub(super) fn judgement(judgement: wit::Judgement) -> Answer {
    Answer {
        findings: judgement.verdicts.into_iter().map(finding).collect(),
        table: MeasurementTable {
            first: 0,
            measurements: judgement.measurements.into_iter().map(measurement).collect(),
            attribute_sets: judgement
                .attribute_sets
                .into_iter()
                .map(|set| set.into_iter().map(attribute_value).collect())
                .collect(),
        },
    }
}

fn finding(verdict: wit::Verdict) -> Finding {
    Finding::Verdict(match verdict {
        wit::Verdict::Accept(accepted) => Verdict::Accept(acceptance(accepted)),
        wit::Verdict::Split(parts) => Verdict::Split(parts.into_iter().map(acceptance).collect()),
        wit::Verdict::Reject(violations) => {
            Verdict::Reject(violations.into_iter().map(violation).collect::<Vec<_>>().into())
        }
        wit::Verdict::Discard(why) => Verdict::Discard(why),
        wit::Verdict::Fail(why) => {
            return Finding::Fault(Fault { kind: FaultKind::Declared, detail: why });
        }
    })
}

fn acceptance(accepted: wit::Acceptance) -> Acceptance {
    Acceptance {
        id: accepted.id,
        key: accepted.key.map(Into::into),
        topic: accepted.topic as usize,
        timestamp_ms: accepted.timestamp,
        headers: accepted.headers.into_iter().map(|(name, value)| (name, value.into())).collect(),
        value: match accepted.value {
            wit::Value::AsPosted => Value::AsPosted,
            wit::Value::Replaced(bytes) => Value::Replaced(bytes.into()),
            wit::Value::Tombstone => Value::Tombstone,
        },
        warnings: accepted.warnings.into_iter().map(violation).collect(),
    }
}

fn violation(violation: wit::Violation) -> Violation {
    Violation {
        pointer: violation.pointer,
        code: violation.code,
        message: violation.message,
        parameters: violation.parameters,
    }
}

fn measurement(measurement: wit::Measurement) -> Measurement {
    Measurement {
        item: measurement.item,
        instrument: measurement.instrument,
        value: measurement.value,
        attribute_set: measurement.attribute_set,
    }
}

fn attribute_value(value: wit::AttributeValue) -> AttributeValue {
    match value {
        wit::AttributeValue::Absent => AttributeValue::Absent,
        wit::AttributeValue::Text(text) => AttributeValue::Text(text),
        wit::AttributeValue::Integer(number) => AttributeValue::Integer(number),
        wit::AttributeValue::Float(number) => AttributeValue::Float(number),
        wit::AttributeValue::Boolean(truth) => AttributeValue::Boolean(truth),
    }
}
