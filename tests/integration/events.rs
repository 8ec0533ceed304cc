//! CloudEvents come in by the HTTP binding, singly and in batches, and go out by the Kafka binding.

use crate::harness::{Gateway, PATIENCE, header};
use hyper::Method;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::{Offset, TopicPartitionList};
use serde_json::{Value, json};
use sluicegate::sink::log::Entry;
use std::time::Instant;

const COMMANDS: &str = "/conformance/acme/commands";
const SETTINGS: &str = "[plugin.conformance.settings]\nregion = \"north\"\n";
const STRUCTURED: &[(&str, &str)] = &[("content-type", "application/cloudevents+json")];
const BATCH: &[(&str, &str)] = &[("content-type", "application/cloudevents-batch+json; charset=utf-8")];
const BINARY: [(&str, &str); 6] = [
    ("content-type", "application/json"),
    ("ce-specversion", "1.0"),
    ("ce-id", "A-1"),
    ("ce-source", "/sensors/1"),
    ("ce-type", "com.example.command"),
    ("ce-note", "Euro%20%E2%82%AC"),
];

async fn gateway(lines: &str) -> Gateway {
    Gateway::with(&["tests/fixtures/conformance.wasm"], &format!("{SETTINGS}{lines}")).await
}

fn event(id: &str, source: &str, data: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"{id}","source":"{source}","type":"t","data": {data} }}"#)
}

fn value(entry: &Entry) -> &str {
    std::str::from_utf8(entry.value.as_ref().unwrap()).unwrap()
}

fn own_headers(entry: &Entry) -> Vec<(&str, &str)> {
    let own = entry.headers.iter().filter(|(name, _)| !name.starts_with("sluicegate-"));
    own.map(|(name, value)| (name.as_str(), std::str::from_utf8(value).unwrap())).collect()
}

#[tokio::test]
async fn an_event_in_headers_is_one_record_whose_attributes_go_on_beside_it() {
    let gateway = gateway("").await;
    let data = " {\"id\":\"1\" , \"do\":\"accept\"}\n";
    let answer = gateway.send(Method::POST, COMMANDS, &BINARY, data).await;
    assert_eq!((answer.status, &answer.json()["id"]), (200, &json!("1")), "{}", answer.text());
    let entries = gateway.entries("conformance");
    assert_eq!(value(&entries[0]), data);
    let mut headers = own_headers(&entries[0]);
    headers.sort_unstable();
    let expected = [
        ("ce_id", "A-1"),
        ("ce_note", "Euro €"),
        ("ce_source", "/sensors/1"),
        ("ce_specversion", "1.0"),
        ("ce_type", "com.example.command"),
        ("content-type", "application/json"),
    ];
    assert_eq!(headers, expected);
    // An array is the data of one event, which this plugin does not want.
    let array = gateway.send(Method::POST, COMMANDS, &BINARY, "[{\"do\":\"accept\"}]").await;
    assert_eq!(
        (array.status, &array.json()["violations"][0]["code"]),
        (422, &json!("model_type")),
        "{}",
        array.text()
    );
}

#[tokio::test]
async fn a_structured_event_is_its_data_byte_for_byte() {
    let gateway = gateway("").await;
    let data = "{\"do\" : \"accept\",\r\n\"value\":0.30e1}";
    let answer = gateway.send(Method::POST, COMMANDS, STRUCTURED, event("1", "/a", data)).await;
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("committed")), "{}", answer.text());
    // Headers only repeat what a structured event says, and are not looked at.
    let packed =
        r#"{"specversion":"1.0","id":"2","source":"/a","type":"t","data_base64":"eyJkbyI6ImVjaG8ifQ=="}"#;
    let headers = [STRUCTURED[0], ("ce-id", "other"), ("ce-source", "not a source")];
    let answer = gateway.send(Method::POST, COMMANDS, &headers, packed).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let entries = gateway.entries("conformance");
    assert_eq!(value(&entries[0]), data);
    assert_eq!(
        (header(&entries[0], "ce_id"), header(&entries[0], "content-type")),
        (Some("1"), Some("application/json"))
    );
    let echoed: Value = serde_json::from_str(value(&entries[1])).unwrap();
    assert_eq!((&echoed["source"], header(&entries[1], "ce_id")), (&json!("/a"), Some("2")));
}

#[tokio::test]
async fn of_a_batch_each_event_is_judged_with_its_own_attributes_and_wrong_ones_are_told() {
    let gateway = gateway("").await;
    let echo = r#"{"do":"echo"}"#;
    let events = [
        event("1", "/first", echo),
        r#"{"specversion":"0.3","id":"2","source":"/a","type":"t","data":{}}"#.to_owned(),
        event("3", "/third", echo),
        "{\"specversion\"}".to_owned(),
        event("5", "/fifth", r#"{"do":"reject"}"#),
        event("6", "/sixth", echo),
    ];
    let answer = gateway.send(Method::POST, COMMANDS, BATCH, format!("[{}]", events.join(" , "))).await;
    assert_eq!(answer.status, 207, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["counts"]["committed"], 3, "{body:#}");
    assert_eq!(
        body["results"][1]["violations"],
        json!([{
            "pointer": "/specversion",
            "code": "cloudevent_invalid",
            "message": "The attribute 'specversion' is \"0.3\": this gateway takes version \"1.0\".",
        }])
    );
    assert_eq!(body["results"][3]["violations"][0]["code"], "json_invalid");
    assert_eq!(
        body["results"][4]["violations"][0]["pointer"], "/do",
        "a plugin's pointers lead into the data"
    );
    let entries = gateway.entries("conformance");
    let sources: Vec<Value> = entries
        .iter()
        .map(|entry| serde_json::from_str::<Value>(value(entry)).unwrap()["source"].clone())
        .collect();
    assert_eq!(sources, ["/first", "/third", "/sixth"]);
    let headers: Vec<Option<&str>> = entries.iter().map(|entry| header(entry, "ce_source")).collect();
    assert_eq!(headers, [Some("/first"), Some("/third"), Some("/sixth")]);
}

#[tokio::test]
async fn an_event_that_is_none_is_told_what_it_lacks() {
    let gateway = gateway("").await;
    let answer = gateway.send(Method::POST, COMMANDS, &BINARY[..2], r#"{"do":"accept"}"#).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    let missing = |name: &str| {
        let message = format!("The attribute '{name}' is missing; an event has to have it.");
        json!({"pointer": format!("/{name}"), "code": "cloudevent_invalid", "message": message})
    };
    assert_eq!(answer.json()["violations"], json!([missing("id"), missing("source"), missing("type")]));
    assert_eq!(
        answer.json()["detail"],
        "the record has 3 violations; correct what 'violations' names and send it again"
    );

    let xml = r#"{"specversion":"1.0","id":"1","source":"/a","type":"t","datacontenttype":"text/xml","data":"<a/>"}"#;
    let answer = gateway.send(Method::POST, COMMANDS, STRUCTURED, xml).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert_eq!(answer.json()["violations"][0]["pointer"], "/datacontenttype");
    assert_eq!(
        answer.json()["violations"][0]["message"],
        "The data is of type \"text/xml\" and this route takes JSON; send application/json."
    );
    assert_eq!(
        gateway.send(Method::POST, COMMANDS, STRUCTURED, "{").await.json()["violations"][0]["code"],
        "json_invalid"
    );
    assert!(gateway.entries("conformance").is_empty());
}

#[tokio::test]
async fn what_cannot_be_read_as_events_is_refused_as_a_whole() {
    let gateway = gateway("").await;
    let refused = async |path: &str, headers: &[(&str, &str)], body: &str| {
        let answer = gateway.send(Method::POST, path, headers, body.to_owned()).await;
        (answer.status, answer.json()["detail"].as_str().unwrap_or_default().to_owned())
    };
    let (status, detail) = refused(COMMANDS, BATCH, "{}").await;
    assert_eq!(status, 400);
    assert!(
        detail.starts_with("the body is no JSON array and was sent as application/cloudevents-batch+json;"),
        "{detail}"
    );
    assert_eq!(
        refused(COMMANDS, BATCH, "[]").await,
        (400, "the body holds no record; send at least one".into())
    );
    assert_eq!(
        refused(COMMANDS, &BINARY, "").await,
        (400, "the body holds no record; send at least one".into())
    );
    let twice: Vec<(&str, &str)> = BINARY.iter().copied().chain([("ce-id", "A-2")]).collect();
    assert_eq!(
        refused(COMMANDS, &twice, "{}").await,
        (400, "the header ce-id is there more than once; send it once".into())
    );
    let (status, detail) = refused(COMMANDS, &[("content-type", "application/cloudevents+avro")], "{}").await;
    assert_eq!(status, 415);
    assert!(
        detail.ends_with("application/cloudevents+json or application/cloudevents-batch+json"),
        "{detail}"
    );
    for (path, kind) in [(COMMANDS, "application/x-ndjson"), ("/conformance/readings", "text/csv")] {
        let mut headers = BINARY;
        headers[0].1 = kind;
        let (status, detail) = refused(path, &headers, "{}").await;
        assert_eq!(status, 415);
        assert!(
            detail.starts_with(&format!("a CloudEvent with headers ce-… is one record, and here '{kind}'")),
            "{detail}"
        );
    }
    let mut headers = BINARY;
    headers[0].1 = "text/plain";
    assert_eq!(refused(COMMANDS, &headers, "{}").await.0, 415);
}

#[tokio::test]
async fn a_whole_body_may_be_the_data_of_an_event() {
    let gateway = gateway("").await;
    let mut headers = BINARY;
    headers[0].1 = "application/x-protobuf";
    let answer = gateway.send(Method::POST, "/conformance/blobs", &headers, b"BLOB\xff\x00".to_vec()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let entries = gateway.entries("conformance.blobs");
    assert_eq!(entries[0].value.as_deref(), Some(&b"BLOB\xff\x00"[..]));
    assert_eq!(header(&entries[0], "ce_type"), Some("com.example.command"));
    assert_eq!(header(&entries[0], "content-type"), Some("application/octet-stream"), "the plugin's own");
}

#[tokio::test]
async fn parts_replacements_tombstones_and_dead_letters_are_of_their_event() {
    let gateway = gateway("").await;
    let split = r#"{"do":"split","parts":[{"name":"a"},{"name":"b"}]}"#;
    let [replaced, text, tombstone, failed] =
        ["replace", "replace_text", "tombstone", "fail"].map(|what| format!(r#"{{"do":"{what}"}}"#));
    let events: Vec<String> = [split, &replaced, &text, &tombstone, &failed]
        .iter()
        .enumerate()
        .map(|(number, data)| {
            event(&number.to_string(), "/a", data)
                .replace("\"data\"", r#""datacontenttype":"a/b+json","data""#)
        })
        .collect();
    let answer = gateway.send(Method::POST, COMMANDS, BATCH, format!("[{}]", events.join(","))).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let entries = gateway.entries("conformance");
    let told: Vec<_> = entries
        .iter()
        .map(|entry| (header(entry, "ce_id").unwrap(), header(entry, "content-type")))
        .collect();
    let json = Some("application/json");
    assert_eq!(told, [("0-0", json), ("0-1", json), ("1", json), ("2", Some("text/plain")), ("3", None)]);
    let letters = gateway.entries("conformance.dead-letter");
    assert_eq!(value(&letters[0]), failed);
    assert_eq!(
        (header(&letters[0], "ce_id"), header(&letters[0], "content-type")),
        (Some("4"), Some("a/b+json"))
    );
}

#[tokio::test]
async fn the_trace_goes_with_the_record_as_far_as_it_is_valid() {
    let gateway = gateway("").await;
    let parent = ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let json = ("content-type", "application/json");
    for headers in [
        vec![json, parent, ("tracestate", "a=1")],
        vec![json, parent, ("tracestate", "A")],
        vec![json, ("tracestate", "a=1")],
    ] {
        assert_eq!(gateway.send(Method::POST, COMMANDS, &headers, r#"{"do":"accept"}"#).await.status, 200);
    }
    let entries = gateway.entries("conformance");
    assert_eq!(own_headers(&entries[0]), [parent, ("tracestate", "a=1")]);
    assert_eq!(own_headers(&entries[1]), [parent]);
    assert_eq!(own_headers(&entries[2]), []);
}

/// Kafka in this process.
struct Broker {
    /// Dropped first: it says farewell to the broker, and waits until that has heard it.
    consumer: BaseConsumer,
    mock: MockCluster<'static, DefaultProducerContext>,
}

impl Broker {
    fn start() -> Broker {
        let mock = MockCluster::new(1).unwrap();
        mock.create_topic("conformance", 1, 1).unwrap();
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", mock.bootstrap_servers())
            .set("group.id", "test")
            .set("enable.auto.commit", "false")
            .create()
            .unwrap();
        let mut from = TopicPartitionList::new();
        from.add_partition_offset("conformance", 0, Offset::Beginning).unwrap();
        consumer.assign(&from).unwrap();
        Broker { consumer, mock }
    }

    fn next(&self) -> BorrowedMessage<'_> {
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < PATIENCE, "no record came");
            if let Some(Ok(message)) = self.consumer.poll(PATIENCE) {
                return message;
            }
        }
    }

    fn lines(&self, more: &str) -> String {
        format!("[kafka]\nbrokers = \"{}\"\n{more}", self.mock.bootstrap_servers())
    }
}

fn names(message: &BorrowedMessage<'_>) -> Vec<String> {
    let mut names: Vec<String> = message
        .headers()
        .map_or(vec![], |headers| headers.iter().map(|header| header.key.to_owned()).collect());
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_gets_an_event_in_binary_mode_and_the_time_at_which_it_happened() {
    let broker = Broker::start();
    let gateway = gateway(&broker.lines("timestamps = \"event\"\n")).await;
    let before = 1_700_000_000_000;
    for (what, time, expected) in [
        ("accept", Some("2026-01-15T10:30:00.5Z"), Some(1_768_473_000_500)),
        ("timestamp", Some("2026-01-15T10:30:00Z"), Some(1_000)),
        ("accept", Some("1969-12-31T23:59:59Z"), None),
        ("accept", None, None),
    ] {
        let data = format!(r#"{{ "do" : "{what}" }}"#);
        let time = time.map_or(String::new(), |time| format!(r#""time":"{time}","data""#));
        let posted = event("1", "/a", &data);
        let posted = if time.is_empty() { posted } else { posted.replace("\"data\"", &time) };
        let answer = gateway.send(Method::POST, COMMANDS, STRUCTURED, posted).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let message = broker.next();
        assert_eq!(message.payload(), Some(data.as_bytes()));
        let told = message.timestamp().to_millis().unwrap();
        assert_eq!(expected.unwrap_or_else(|| told.max(before + 1)), told, "{what}");
        let mut expected = vec![
            "ce_id",
            "ce_source",
            "ce_specversion",
            "ce_type",
            "content-type",
            "sluicegate-plugin",
            "sluicegate-record-id",
        ];
        if !time.is_empty() {
            expected.insert(3, "ce_time");
        }
        assert_eq!(names(&message), expected);
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_gets_the_gateways_headers_that_are_chosen_and_when_a_record_was_received() {
    let headers = [
        ("content-type", "application/json"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("tracestate", "a=1"),
    ];
    for (lines, expected) in [
        (
            "",
            &[
                "sluicegate-plugin",
                "sluicegate-record-id",
                "traceparent",
                "tracestate",
                "x-binary",
                "x-conformance",
            ][..],
        ),
        ("headers = [\"traceparent\"]\n", &["traceparent", "tracestate", "x-binary", "x-conformance"]),
        ("headers = [\"sluicegate-plugin\"]\n", &["sluicegate-plugin", "x-binary", "x-conformance"]),
        ("headers = []\n", &["x-binary", "x-conformance"]),
    ] {
        let broker = Broker::start();
        let gateway = gateway(&broker.lines(lines)).await;
        let answer = gateway.send(Method::POST, COMMANDS, &headers, r#"{"do":"header"}"#).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(names(&broker.next()), expected, "{lines}");
        gateway.send(Method::POST, COMMANDS, &headers, r#"{"do":"timestamp"}"#).await;
        assert!(broker.next().timestamp().to_millis().unwrap() > 1_700_000_000_000);
        gateway.stop().await;
    }
}
