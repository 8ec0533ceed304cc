//! Where a request's records go, as its trace and the metrics of messaging have it.

use crate::sink::{Delivered, Shipment, Undelivered};
use crate::telemetry::{Metrics, Parent, Span};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Instant;

/// The records of one request on their way.
pub(super) struct Sends {
    system: &'static str,
    began: Instant,
    topics: Vec<Topic>,
    /// Of each message its place in `topics`, or one beyond. Empty where all go to one.
    places: Vec<usize>,
}

struct Topic {
    name: Arc<str>,
    records: usize,
    span: Span,
}

impl Sends {
    /// Begins a span for each topic, and tells the records of it: where nobody keeps it, of what the request's sender
    /// said.
    pub fn begin(
        system: &'static str,
        trace: &Span,
        sender: Option<&Parent>,
        shipment: &mut Shipment,
    ) -> Sends {
        // Dead letters have no span of their own: theirs is the request's.
        let own = trace.as_parent();
        let sender = own.as_ref().or(sender);
        let mut sends = Sends { system, began: Instant::now(), topics: Vec::new(), places: Vec::new() };
        sends.sort(shipment);
        for topic in &mut sends.topics {
            topic.span = trace.send(system, &topic.name, topic.records);
        }
        let parents: Vec<Option<Parent>> = sends.topics.iter().map(|topic| topic.span.as_parent()).collect();
        match parents.as_slice() {
            [_, _, ..] if parents.iter().any(Option::is_some) => {
                for (message, place) in shipment.messages.iter_mut().zip(&sends.places) {
                    let parent = parents.get(*place).and_then(Option::as_ref).or(sender);
                    message.headers.extend(headers(parent).map(|(name, value)| (name.to_owned(), value)));
                }
            }
            parents => {
                let parent = parents.first().and_then(Option::as_ref).or(sender);
                shipment.headers = shipment.headers.iter().cloned().chain(headers(parent)).collect();
            }
        }
        sends
    }

    fn sort(&mut self, shipment: &Shipment) {
        for message in shipment.messages.iter().filter(|message| !message.is_dead_letter) {
            match self.topics.iter_mut().find(|topic| topic.name == message.topic) {
                Some(topic) => topic.records += 1,
                None => {
                    let name = message.topic.clone();
                    self.topics.push(Topic { name, records: 1, span: Span::default() });
                }
            }
        }
        if self.topics.len() > 1 || shipment.messages.iter().any(|message| message.is_dead_letter) {
            let place = |topic: &Arc<str>| self.topics.iter().position(|known| known.name == *topic);
            let places =
                shipment.messages.iter().map(|message| place(&message.topic).unwrap_or(self.topics.len()));
            self.places = places.collect();
        }
    }

    /// Ends the spans, and measures how long it took.
    pub fn end(self, metrics: &Metrics, deliveries: &[Result<Delivered, Undelivered>]) {
        let took = self.began.elapsed();
        for (place, topic) in self.topics.iter().enumerate() {
            let of_topic = |index: usize| self.places.get(index).is_none_or(|of| *of == place);
            let failed = deliveries
                .iter()
                .enumerate()
                .find_map(|(index, delivery)| delivery.err().filter(|_| of_topic(index)))
                .map(error_type);
            match failed {
                None => topic.span.end(),
                Some(error) => topic.span.fail(error),
            }
            metrics.sent(self.system, &topic.name, failed.unwrap_or_default(), took);
        }
    }
}

fn error_type(undelivered: Undelivered) -> &'static str {
    match undelivered {
        Undelivered::Failed(failure) => failure.as_str(),
        Undelivered::TooLarge => "message_too_large",
        Undelivered::Invalid => "invalid_record",
    }
}

fn headers(parent: Option<&Parent>) -> impl Iterator<Item = (&'static str, Bytes)> + use<> {
    let parent = parent.cloned();
    let state = parent.as_ref().and_then(|parent| parent.tracestate.clone());
    let parent = parent.map(|parent| ("traceparent", Bytes::from(parent.traceparent)));
    parent.into_iter().chain(state.map(|state| ("tracestate", Bytes::from(state))))
}

/// What a letter's shipment is told, which goes by itself: the request's own place.
pub(super) fn tell(trace: &Span, sender: Option<&Parent>, shipment: &mut Shipment) {
    let own = trace.as_parent();
    shipment.headers = shipment.headers.iter().cloned().chain(headers(own.as_ref().or(sender))).collect();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RecordIds;
    use crate::sink::Message;

    fn message(topic: &str, is_dead_letter: bool) -> Message {
        Message {
            topic: topic.into(),
            id: RecordIds::minted_at(1).mint(),
            key: None,
            value: None,
            time_ms: 1,
            headers: vec![],
            is_dead_letter,
        }
    }

    #[test]
    fn what_the_sender_said_goes_with_the_records_where_no_span_is_kept() {
        let sender = Parent {
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
            tracestate: Some("a=1".into()),
        };
        let mut shipment = Shipment {
            messages: vec![message("a", false), message("b", false), message("a.dead-letter", true)],
            ..Shipment::default()
        };
        let sends = Sends::begin("kafka", &Span::default(), Some(&sender), &mut shipment);
        let told: Vec<_> = shipment.headers.iter().map(|(name, value)| (*name, &value[..])).collect();
        assert_eq!(told, [("traceparent", sender.traceparent.as_bytes()), ("tracestate", b"a=1")]);
        assert!(shipment.messages.iter().all(|message| message.headers.is_empty()));
        assert_eq!(sends.topics.iter().map(|topic| topic.records).collect::<Vec<_>>(), [1, 1]);
        assert_eq!(sends.places, [0, 1, 2]);
    }

    #[tokio::test]
    async fn letters_have_the_place_of_their_request() {
        use crate::telemetry::{Config, Export, ExportConfig, Protocol, Target, Tls};
        let target = Target {
            protocol: Protocol::Grpc,
            url: "http://127.0.0.1:9".into(),
            timeout: std::time::Duration::from_millis(10),
            tls: Tls::default(),
        };
        let export = ExportConfig { traces: Some(target), ..ExportConfig::default() };
        let export = Export::start(&Config { export, ..Config::default() }).unwrap();
        let trace = export.traces().request("POST", None);
        let own = trace.as_parent().unwrap().traceparent;
        let mut shipment = Shipment { messages: vec![message("a.dead-letter", true)], ..Shipment::default() };
        Sends::begin("kafka", &trace, None, &mut shipment);
        let told: Vec<_> = shipment.headers.iter().map(|(name, value)| (*name, &value[..])).collect();
        assert_eq!(told, [("traceparent", own.as_bytes())]);
    }
}
