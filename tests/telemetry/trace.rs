//! One trace from a client through the gateway and Kafka to a consumer.

use crate::broker::Broker;
use crate::client::Client;
use crate::collector::{Collector, attribute};
use crate::part::await_that;
use crate::process::repository;
use crate::simulate::gateway;
use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Headers;
use serde_json::Value;
use std::process::{Command, Stdio};
use std::time::Duration;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CLIENT: &str = "b7ad6b7169203331";
const RECORD: &str = r#"{"transaction_id": "FT-1", "timestamp": "2026-03-14T09:26:53Z", "account_id": "ACC-42", "amount": 129.9, "currency": "EUR", "transaction_type": "purchase"}"#;

fn post(client: &mut Client, body: &str) -> u16 {
    let head = format!(
        "POST /ingest-financial-transaction/ HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         traceparent: 00-{TRACE}-{CLIENT}-01\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    client.exchange(head.as_bytes()).unwrap().status
}

fn kind<'s>(spans: &'s [Value], kind: u64) -> &'s Value {
    spans
        .iter()
        .find(|span| span["kind"] == kind)
        .unwrap_or_else(|| panic!("no span of kind {kind}: {spans:#?}"))
}

const INTERNAL: u64 = 1;
const SERVER: u64 = 2;
const PRODUCER: u64 = 4;
const CONSUMER: u64 = 5;

/// Client, SERVER, plugin, PRODUCER, the record's header; and the log has the same ids.
#[test]
fn a_record_is_followed_from_its_client_into_kafka() {
    for protocol in ["http/protobuf", "grpc"] {
        let broker = Broker::start();
        broker.create_topic("raw_financial_transactions", 1, &[]);
        broker.create_topic("raw_insurance_claims", 1, &[]);
        let collector = Collector::start(None);
        let data = tempfile::tempdir().unwrap();
        let endpoint = if protocol == "grpc" { collector.grpc } else { collector.http };
        let mut launch = gateway(data.path(), protocol, endpoint);
        launch
            .command
            .env("SLUICEGATE__KAFKA__BROKERS", broker.gateway_address.to_string())
            // The first record waits for the connection, on a busy machine for long.
            .env("SLUICEGATE__KAFKA__PRODUCE_TIMEOUT_MS", "20000")
            .env("SLUICEGATE__TELEMETRY__LOG_FILTER", "info,sluicegate::http=debug")
            .env("OTEL_SERVICE_NAME", "ingest")
            .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
            .env("OTEL_EXPORTER_OTLP_COMPRESSION", if protocol == "grpc" { "zstd" } else { "gzip" });
        let gateway = launch.start();
        let mut client = Client::connect(gateway.data_address).unwrap();
        assert_eq!(post(&mut client, RECORD), 200);

        let spans = collector.await_spans("three spans", |spans| spans.len() >= 3);
        assert!(spans.iter().all(|span| span["traceId"] == TRACE), "{spans:#?}");
        let (server, plugin, producer) =
            (kind(&spans, SERVER), kind(&spans, INTERNAL), kind(&spans, PRODUCER));
        assert_eq!(server["parentSpanId"], CLIENT);
        assert_eq!(server["name"], "POST /ingest-financial-transaction/");
        assert_eq!(attribute(server, "http.response.status_code").as_deref(), Some("200"));
        assert_eq!(attribute(server, "http.route").as_deref(), Some("/ingest-financial-transaction/"));
        assert_eq!(attribute(server, "sluicegate.request.status").as_deref(), Some("success"));
        assert_eq!(plugin["parentSpanId"], server["spanId"]);
        assert_eq!(attribute(plugin, "sluicegate.plugin.name").as_deref(), Some("financial-transaction"));
        assert_eq!(producer["parentSpanId"], server["spanId"]);
        assert_eq!(producer["name"], "send raw_financial_transactions");
        assert_eq!(attribute(producer, "messaging.system").as_deref(), Some("kafka"));
        assert_eq!(
            attribute(producer, "messaging.destination.name").as_deref(),
            Some("raw_financial_transactions")
        );
        let resource = &server["resource"];
        assert_eq!(attribute(resource, "service.name").as_deref(), Some("ingest"));
        assert_eq!(attribute(resource, "deployment.environment.name").as_deref(), Some("test"));
        assert_eq!(attribute(resource, "service.version").as_deref(), Some(env!("CARGO_PKG_VERSION")));
        assert_eq!(attribute(resource, "service.instance.id").map(|id| id.len()), Some(32));

        let told = format!("00-{TRACE}-{}-01", producer["spanId"].as_str().unwrap());
        assert_eq!(header_of_first(&broker, "traceparent"), told);

        consume(&broker, &collector);
        let spans = collector.await_spans("the consumer's span", |spans| spans.len() >= 4);
        let consumer = kind(&spans, CONSUMER);
        assert_eq!((&consumer["traceId"], &consumer["parentSpanId"]), (&TRACE.into(), &producer["spanId"]));
        assert_eq!(consumer["name"], "process raw_financial_transactions");

        let line = await_that("the request's line in the log", || {
            collector.log_lines().into_iter().find(|line| line["body"]["stringValue"] == "request answered")
        });
        assert_eq!((&line["traceId"], &line["spanId"]), (&server["traceId"], &server["spanId"]));
        let on_stderr = gateway.said();
        let line = on_stderr.lines().find(|line| line.contains("request answered")).unwrap();
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&line["trace_id"], &line["span_id"]), (&server["traceId"], &server["spanId"]));
        assert_eq!(line["trace_flags"], "01");
    }
}

/// The example consumer takes the record and tells of it.
fn consume(broker: &Broker, collector: &Collector) {
    let python =
        Command::new(repository("tests/telemetry/python")).stderr(Stdio::inherit()).output().unwrap();
    assert!(python.status.success(), "the consumer's requirements are installed");
    let output = Command::new(String::from_utf8(python.stdout).unwrap().trim())
        .arg(repository("deploy/consumer/consumer.py"))
        .args([
            "--brokers",
            &broker.address.to_string(),
            "--topic",
            "raw_financial_transactions",
            "--max",
            "1",
        ])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", collector.http))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn header_of_first(broker: &Broker, name: &str) -> String {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.address.to_string()).set("group.id", "test");
    let consumer: BaseConsumer = config.set("auto.offset.reset", "earliest").create().unwrap();
    consumer.subscribe(&["raw_financial_transactions"]).unwrap();
    let message =
        await_that("the record", || consumer.poll(Duration::from_millis(500))?.ok().map(|m| m.detach()));
    let headers = message.headers().unwrap();
    let header = headers.iter().find(|header| header.key == name).unwrap();
    String::from_utf8(header.value.unwrap().to_vec()).unwrap()
}

/// What a producer did wrong leaves its span without an error; the collector can keep it by its status all the same.
#[test]
fn rejected_and_unsampled_requests_are_told_as_what_they_are() {
    let collector = Collector::start(None);
    let data = tempfile::tempdir().unwrap();
    let mut launch = gateway(data.path(), "http/protobuf", collector.http);
    launch.command.env("OTEL_TRACES_SAMPLER", "parentbased_always_off");
    let gateway = launch.start();
    let mut client = Client::connect(gateway.data_address).unwrap();
    // Nobody asked for this one.
    assert_eq!(
        client.post("/ingest-financial-transaction/", "application/json", RECORD.as_bytes()).unwrap().status,
        200
    );
    assert_eq!(post(&mut client, "{}"), 422);
    let spans = collector.await_spans("the rejected one's", |spans| spans.len() >= 2);
    let server = kind(&spans, SERVER);
    assert_eq!(attribute(server, "sluicegate.request.status").as_deref(), Some("rejected"));
    assert_eq!(server["status"]["code"].as_u64().unwrap_or(0), 0);
    assert_eq!(attribute(server, "error.type"), None);
    assert!(spans.iter().all(|span| span["traceId"] == TRACE), "{spans:#?}");
    // Nothing was accepted, so that nothing was sent.
    assert!(spans.iter().all(|span| span["kind"] != PRODUCER));
}

/// By TLS, with an authority of one's own and a certificate for the gateway.
#[test]
fn telemetry_goes_by_tls_with_certificates_of_ones_own() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let make = |name: &str, more: &[&str]| {
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"])
            .args(["-keyout", &path(&format!("{name}.key")), "-out", &path(&format!("{name}.pem"))])
            .args(more)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    };
    make("authority", &[]);
    let (authority, key) = (path("authority.pem"), path("authority.key"));
    let leaf = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"];
    let signed = [&leaf[..], &["-CA", &authority, "-CAkey", &key]].concat();
    make("server", &signed);
    make("client", &signed);
    let tls = format!(
        ", tls: {{cert_file: {}, key_file: {}, client_ca_file: {}}}",
        path("server.pem"),
        path("server.key"),
        path("authority.pem")
    );
    let collector = Collector::with(None, &tls);
    for (protocol, address) in [("http/protobuf", collector.http), ("grpc", collector.grpc)] {
        let before = collector.spans().len();
        let data = tempfile::tempdir().unwrap();
        let mut launch = gateway(data.path(), protocol, address);
        crate::simulate::send_to(&mut launch, protocol, &format!("https://{address}"));
        launch
            .command
            .env("OTEL_EXPORTER_OTLP_CERTIFICATE", path("authority.pem"))
            .env("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", path("client.pem"))
            .env("OTEL_EXPORTER_OTLP_CLIENT_KEY", path("client.key"));
        let gateway = launch.start();
        let mut client = Client::connect(gateway.data_address).unwrap();
        assert_eq!(post(&mut client, RECORD), 200);
        collector.await_spans(protocol, |spans| spans.len() > before);
    }
}
