//! From findings to what has to be delivered, and from deliveries to outcomes.

use super::Submission;
use crate::plugin::{OnOutage, Route};
use crate::record::{Batch, Event, Record, RecordId};
use crate::sink::{Delivered, Headers, Message, Shipment, Timestamps, Undelivered};
use crate::verdict::{
    Acceptance, Accepted, Failure, Fault, FaultKind, Finding, Ledger, Outcome, Value, Verdict, Violation,
};
use bytes::Bytes;

/// What of a batch goes to the sink, and what its records are owed for it.
pub struct Plan {
    pub shipment: Shipment,
    /// In the order of the shipment's messages.
    pub promises: Vec<Promise>,
}

/// What a message's time is made of.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub received_at_ms: u64,
    /// Which one Kafka is told.
    pub kafka: Timestamps,
}

/// A record whose outcome hangs on the delivery of its messages.
pub struct Promise {
    index: usize,
    /// How many messages of the shipment are this record's; all have to be delivered.
    messages: usize,
    then: Then,
}

enum Then {
    Accepted(Accepted),
    Quarantined(Fault),
}

impl Plan {
    /// Settles at once what needs no delivery.
    pub fn draw(
        submission: &Submission,
        batch: &Batch,
        findings: Vec<Finding>,
        times: Times,
        ledger: &mut Ledger,
    ) -> Plan {
        let route = &submission.generation.manifest.routes[submission.route];
        let mut draft = Draft {
            submission,
            parts_room: submission.generation.split_bytes_max(),
            route,
            times,
            plan: Plan::empty(submission, batch),
        };
        for (index, (finding, record)) in findings.into_iter().zip(&batch.records).enumerate() {
            match finding {
                Finding::Verdict(Verdict::Accept(acceptance)) => draft.accept(index, record, acceptance),
                Finding::Verdict(Verdict::Split(parts)) => match draft.room_for(record, &parts) {
                    Ok(()) => draft.split(index, record, parts),
                    Err(fault) => draft.quarantine(index, record, fault),
                },
                Finding::Verdict(Verdict::Reject(violations)) => {
                    ledger.settle(index, Outcome::Rejected(violations));
                }
                Finding::Verdict(Verdict::Discard(why)) => {
                    tracing::debug!(record_id = %record.id, why, "record discarded by its plugin");
                    ledger.settle(index, Outcome::Discarded);
                }
                Finding::Fault(fault) => draft.quarantine(index, record, fault),
                Finding::Failed(failure) => ledger.settle(index, Outcome::Failed(failure)),
            }
        }
        draft.plan
    }

    fn empty(submission: &Submission, batch: &Batch) -> Plan {
        let messages = Vec::with_capacity(batch.records.len());
        let may_spool = submission.policy().on_outage == OnOutage::Spool;
        let shipment = Shipment { headers: headers(submission), messages, may_spool };
        Plan { shipment, promises: Vec::with_capacity(batch.records.len()) }
    }
}

/// What all messages of a request carry, but for its trace.
pub fn headers(submission: &Submission) -> Headers {
    [("sluicegate-plugin", Bytes::from(submission.generation.stamp.clone()))].into()
}

/// That of the record as it was posted; none: it is JSON, and nobody needs to be told. Who reads an event does.
pub fn content_type<'r>(submission: &'r Submission, record: &'r Record) -> Option<&'r str> {
    let event = record.event.as_ref();
    let declared = event.and_then(|event| event.attribute("datacontenttype"));
    declared.or(submission.content_type.as_deref()).or_else(|| event.map(|_| JSON))
}

struct Draft<'s> {
    submission: &'s Submission,
    /// What the parts of the split records to come may have: each is a copy in the log.
    parts_room: usize,
    route: &'s Route,
    times: Times,
    plan: Plan,
}

impl Draft<'_> {
    fn accept(&mut self, index: usize, record: &Record, mut acceptance: Acceptance) {
        let accepted =
            Accepted { id: acceptance.id.take(), warnings: std::mem::take(&mut acceptance.warnings) };
        let message = self.message(record, record.id, acceptance);
        self.plan.shipment.messages.push(message);
        self.plan.promises.push(Promise { index, messages: 1, then: Then::Accepted(accepted) });
    }

    /// Whether the parts of a record may be made: each may be as large as the whole.
    fn room_for(&mut self, record: &Record, parts: &[Acceptance]) -> Result<(), Fault> {
        let value = |part: &Acceptance| match &part.value {
            Value::AsPosted => record.bytes().len(),
            Value::Replaced(bytes) => bytes.len(),
            Value::Tombstone => 0,
        };
        let bytes: usize = parts.iter().map(value).sum();
        if bytes > self.parts_room {
            let max = self.submission.generation.split_bytes_max();
            let detail = format!(
                "split into {} parts of {bytes} bytes together; the parts of one request may have {max} \
                 (split_bytes_max)",
                parts.len()
            );
            return Err(Fault { kind: FaultKind::Output, detail });
        }
        self.parts_room -= bytes;
        Ok(())
    }

    fn split(&mut self, index: usize, record: &Record, parts: Vec<Acceptance>) {
        let messages = parts.len();
        let mut id = None;
        let mut warnings: Vec<Violation> = Vec::new();
        for (number, mut part) in parts.into_iter().enumerate() {
            id = id.or_else(|| part.id.take());
            warnings.append(&mut part.warnings);
            // The plugin room bounds the parts of a record well below 65,536.
            let part_id = record.id.part(u16::try_from(number).unwrap_or(u16::MAX));
            let message = self.message(record, part_id, part);
            self.plan.shipment.messages.push(message);
        }
        let then = Then::Accepted(Accepted { id, warnings });
        self.plan.promises.push(Promise { index, messages, then });
    }

    fn message(&self, record: &Record, id: RecordId, acceptance: Acceptance) -> Message {
        let time_ms = self.time_ms(record, acceptance.timestamp_ms);
        let mut headers = acceptance.headers;
        let value = match acceptance.value {
            Value::AsPosted => {
                if let Some(kind) = content_type(self.submission, record) {
                    add_content_type(&mut headers, kind);
                }
                Some(record.bytes())
            }
            Value::Replaced(bytes) => {
                if record.event.is_some() {
                    add_content_type(&mut headers, JSON);
                }
                Some(bytes)
            }
            Value::Tombstone => None,
        };
        if let Some(event) = &record.event {
            add_event(&mut headers, event, id.part);
        }
        Message {
            topic: self.route.topics[acceptance.topic].clone(),
            id,
            key: acceptance.key,
            value,
            time_ms,
            headers,
            is_dead_letter: false,
        }
    }

    /// What the plugin says, or the event; when it was received if neither says it, or a time before 1970, which
    /// Kafka does not take.
    fn time_ms(&self, record: &Record, said: Option<i64>) -> u64 {
        match self.times.kafka {
            Timestamps::Received => self.times.received_at_ms,
            Timestamps::Event => said
                .or_else(|| record.event.as_ref()?.time_ms())
                .and_then(|time| u64::try_from(time).ok())
                .unwrap_or(self.times.received_at_ms),
        }
    }

    fn quarantine(&mut self, index: usize, record: &Record, fault: Fault) {
        self.plan.shipment.messages.push(super::letter::quarantined(self.submission, record, &fault));
        self.plan.promises.push(Promise { index, messages: 1, then: Then::Quarantined(fault) });
    }
}

const JSON: &str = "application/json";

/// The attributes as CloudEvents' Kafka binding has them. A part has an id of its own: consumers take events with the
/// same source and id for the same.
pub fn add_event(headers: &mut Vec<(String, Bytes)>, event: &Event, part: Option<u16>) {
    for (name, value) in event.shared() {
        let value = match (name, part) {
            // It is the header content-type.
            ("datacontenttype", _) => continue,
            ("id", Some(part)) => Bytes::from(format!("{}-{part}", String::from_utf8_lossy(&value))),
            _ => value,
        };
        headers.push((format!("ce_{name}"), value));
    }
}

fn add_content_type(headers: &mut Vec<(String, Bytes)>, kind: &str) {
    if !headers.iter().any(|(name, _)| name == "content-type") {
        headers.push(("content-type".to_owned(), Bytes::copy_from_slice(kind.as_bytes())));
    }
}

/// Keeps or breaks each promise by what became of its messages.
pub fn settle(promises: Vec<Promise>, deliveries: Vec<Result<Delivered, Undelivered>>, ledger: &mut Ledger) {
    let mut deliveries = deliveries.into_iter();
    for promise in promises {
        let mut worst = Ok(Delivered::Committed);
        for _ in 0..promise.messages {
            worst =
                worse(worst, deliveries.next().unwrap_or(Err(Undelivered::Failed(Failure::SinkUnavailable))));
        }
        ledger.settle(promise.index, outcome(promise.then, worst));
    }
}

type Delivery = Result<Delivered, Undelivered>;

/// What may be sent again is worse than what never may: some of its parts may come.
fn worse(one: Delivery, other: Delivery) -> Delivery {
    match (one, other) {
        (Err(Undelivered::Failed(failure)), _) | (_, Err(Undelivered::Failed(failure))) => {
            Err(Undelivered::Failed(failure))
        }
        (Err(refused), _) | (_, Err(refused)) => Err(refused),
        (Ok(Delivered::Stored), _) | (_, Ok(Delivered::Stored)) => Ok(Delivered::Stored),
        (Ok(Delivered::Committed), Ok(Delivered::Committed)) => Ok(Delivered::Committed),
    }
}

fn outcome(then: Then, delivery: Delivery) -> Outcome {
    match (then, delivery) {
        (_, Err(Undelivered::Failed(failure))) => Outcome::Failed(failure),
        (Then::Accepted(_), Err(refused)) => Outcome::Rejected(vec![refusal(refused)].into()),
        // A dead letter is the operator's, not the producer's: it is tried again.
        (Then::Quarantined(_), Err(_)) => Outcome::Failed(Failure::SinkUnavailable),
        (Then::Accepted(accepted), Ok(Delivered::Committed)) => Outcome::Committed(accepted),
        (Then::Accepted(accepted), Ok(Delivered::Stored)) => Outcome::Stored(accepted),
        (Then::Quarantined(fault), Ok(_)) => Outcome::Quarantined(fault),
    }
}

/// What the producer is told of a record that the sink does not take.
fn refusal(refused: Undelivered) -> Violation {
    let (code, message) = match refused {
        Undelivered::TooLarge => ("record_too_large", "is larger than its topic takes"),
        Undelivered::Invalid | Undelivered::Failed(_) => ("record_refused", "is not what its topic takes"),
    };
    Violation {
        pointer: String::new(),
        code: code.to_owned(),
        message: message.to_owned(),
        parameters: vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promise(index: usize, messages: usize) -> Promise {
        Promise { index, messages, then: Then::Accepted(Accepted::default()) }
    }

    #[test]
    fn a_split_record_is_committed_only_if_all_its_parts_are() {
        let mut ledger = Ledger::open(3);
        let deliveries = vec![
            Ok(Delivered::Committed),
            Err(Undelivered::Failed(Failure::SinkFull)),
            Ok(Delivered::Committed),
            Ok(Delivered::Stored),
            Ok(Delivered::Committed),
        ];
        settle(vec![promise(2, 2), promise(0, 2), promise(1, 1)], deliveries, &mut ledger);
        assert_eq!(
            ledger.close(),
            [
                Outcome::Stored(Accepted::default()),
                Outcome::Committed(Accepted::default()),
                Outcome::Failed(Failure::SinkFull),
            ]
        );
    }

    #[test]
    fn a_record_whose_dead_letter_is_not_durable_is_to_be_sent_again() {
        let fault = Fault { kind: FaultKind::Trap, detail: "unreachable".into() };
        let kept = outcome(Then::Quarantined(fault.clone()), Ok(Delivered::Committed));
        assert_eq!(kept, Outcome::Quarantined(fault.clone()));
        let lost = outcome(Then::Quarantined(fault), Err(Undelivered::Failed(Failure::SinkUnavailable)));
        assert_eq!(lost, Outcome::Failed(Failure::SinkUnavailable));
    }
}
