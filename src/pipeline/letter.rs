//! Dead letters: a record as it was posted, with all that a person needs to judge it again.

use super::{Pipeline, Submission};
use crate::record::{Batch, Body, Record};
use crate::sink::{Message, Room, Shipment};
use crate::telemetry::{DeadLetterKind, ShedDeadLetter};
use crate::verdict::{Fault, Outcome, Rejection};
use bytes::Bytes;
use serde_json::json;

/// Of a record's violations, what its dead letter has of them.
const VIOLATIONS_BYTES_MAX: usize = 32 << 10;

/// A record that its plugin faulted on.
pub(super) fn quarantined(submission: &Submission, record: &Record, fault: &Fault) -> Message {
    let reason = [
        ("sluicegate-fault", fault.kind.as_str().to_owned()),
        ("sluicegate-fault-detail", fault.detail.clone()),
    ];
    letter(submission, record, record.bytes(), reason)
}

/// A record that is not acceptable as it is.
fn rejected(submission: &Submission, record: &Record, rejection: &Rejection) -> Message {
    // Its own copy: it must not keep a large request in memory.
    let value = Bytes::copy_from_slice(&record.bytes());
    letter(submission, record, value, [("sluicegate-violations", violations(rejection))])
}

/// JSON; as many as there is room for, the first at least as its code.
fn violations(rejection: &Rejection) -> String {
    let mut text = String::from("[");
    for violation in rejection.iter() {
        let next = json!({
            "pointer": violation.pointer,
            "code": violation.code,
            "message": violation.message,
        });
        let next = next.to_string();
        if text.len() + next.len() > VIOLATIONS_BYTES_MAX {
            if text.len() == 1 {
                text += &json!({ "pointer": "", "code": violation.code, "message": "" }).to_string();
            }
            break;
        }
        if text.len() > 1 {
            text.push(',');
        }
        text += &next;
    }
    text.push(']');
    text
}

fn letter<const N: usize>(
    submission: &Submission,
    record: &Record,
    value: Bytes,
    reason: [(&str, String); N],
) -> Message {
    let Submission { generation, facts, .. } = submission;
    let (route, manifest) = (&generation.manifest.routes[submission.route], &generation.manifest);
    let mut headers = vec![
        ("sluicegate-route", route.path.clone()),
        ("sluicegate-plugin-name", manifest.name.clone()),
        ("sluicegate-plugin-version", manifest.version.clone()),
        ("sluicegate-plugin-digest", format!("sha256:{}", generation.digest)),
    ];
    headers.extend(reason);
    headers.push(("sluicegate-received-at", facts.received_at_ms.to_string()));
    headers.extend(submission.trace.trace_id().map(|id| ("sluicegate-trace-id", id)));
    if !facts.parameters.is_empty() {
        headers.push(("sluicegate-path", path(&route.path, &facts.parameters)));
    }
    if !facts.headers.is_empty() {
        headers.push(("sluicegate-request-headers", json!(facts.headers).to_string()));
    }
    let kind = super::plan::content_type(submission, record);
    headers.extend(kind.map(|kind| ("content-type", kind.to_owned())));
    let mut headers: Vec<(String, Bytes)> =
        headers.into_iter().map(|(name, value)| (name.to_owned(), Bytes::from(value))).collect();
    if let Some(event) = &record.event {
        super::plan::add_event(&mut headers, event, None);
    }
    Message {
        topic: route.dead_letters.clone(),
        id: record.id,
        key: None,
        value: Some(value),
        time_ms: facts.received_at_ms,
        headers,
        is_dead_letter: true,
    }
}

/// The declared path with the values that the request had in it.
fn path(declared: &str, parameters: &[(String, String)]) -> String {
    let mut path = declared.to_owned();
    for (name, value) in parameters {
        for (place, slash) in [(format!("{{{name}}}"), false), (format!("{{*{name}}}"), true)] {
            path = path.replace(&place, &percent_encoded(value, slash));
        }
    }
    path
}

fn percent_encoded(text: &str, slash: bool) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || (slash && byte == b'/');
    let each = |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(each).collect()
}

impl Pipeline {
    /// Keeps the rejected records of a batch among the dead letters, where the operator wants that and there is room.
    /// The answer does not wait for it.
    pub(super) fn keep_rejected(&self, submission: &Submission, batch: &Batch, outcomes: &[Outcome]) {
        let everywhere = self.sink.dead_letters().rejected;
        if !submission.policy().rejected_dead_letters.unwrap_or(everywhere) {
            return;
        }
        let mut messages = Vec::new();
        let mut room: Option<Room> = None;
        for (record, outcome) in batch.records.iter().zip(outcomes) {
            let Outcome::Rejected(rejection) = outcome else { continue };
            if matches!(record.body, Body::Refused(_)) {
                // The gateway itself has let go of what it cannot take.
                self.metrics.dead_letters_shed(ShedDeadLetter::NoBytes, 1);
                continue;
            }
            let message = rejected(submission, record, rejection);
            match self.sink.room_for_rejected(&message) {
                None => self.metrics.dead_letters_shed(ShedDeadLetter::NoRoom, 1),
                Some(more) => {
                    match &mut room {
                        None => room = Some(more),
                        Some(room) => room.join(more),
                    }
                    messages.push(message);
                }
            }
        }
        if !messages.is_empty() {
            let headers = super::plan::headers(submission);
            let mut shipment = Shipment { headers, messages, may_spool: true };
            super::trace::tell(&submission.trace, submission.sender.as_ref(), &mut shipment);
            tokio::spawn(self.clone().ship_rejected(shipment, room));
        }
    }

    async fn ship_rejected(self, shipment: Shipment, room: Option<Room>) {
        let answers = self.sink.deliver(shipment).await;
        drop(room);
        let written = answers.iter().filter(|answer| answer.is_ok()).count();
        self.metrics.dead_letters_written(DeadLetterKind::Rejected, written as u64);
        self.metrics.dead_letters_shed(ShedDeadLetter::Undelivered, (answers.len() - written) as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Violation;

    fn violation(message: String) -> Violation {
        Violation { pointer: "/a".into(), code: "wrong".into(), message, parameters: vec![] }
    }

    #[test]
    fn violations_are_json_and_bounded() {
        let rejection = Rejection::from(vec![violation("is \"bad\"".into()), violation("x".repeat(40_000))]);
        assert_eq!(violations(&rejection), r#"[{"code":"wrong","message":"is \"bad\"","pointer":"/a"}]"#);
        let rejection = Rejection::from(vec![violation("x".repeat(40_000))]);
        assert_eq!(violations(&rejection), r#"[{"code":"wrong","message":"","pointer":""}]"#);
        let many: Vec<_> = (0..10_000).map(|number| violation(format!("number {number}"))).collect();
        let text = violations(&many.into());
        assert!(
            (VIOLATIONS_BYTES_MAX - 100..=VIOLATIONS_BYTES_MAX + 2).contains(&text.len()),
            "{}",
            text.len()
        );
        assert!(serde_json::from_str::<Vec<serde_json::Value>>(&text).is_ok());
    }

    #[test]
    fn the_path_of_a_request_is_that_of_its_route_with_its_values() {
        let parameters = [("tenant".to_owned(), "a/b ä".to_owned()), ("rest".to_owned(), "x/y".to_owned())];
        assert_eq!(path("/in/{tenant}/{*rest}", &parameters), "/in/a%2Fb%20%C3%A4/x/y");
    }
}
