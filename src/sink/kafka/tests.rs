//! On librdkafka's broker in this process, which fails as it is told.

use super::*;
use crate::record::RecordIds;
use crate::sink::local::tests::disk::{Fault, FaultyDisk};
use crate::sink::log;
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use std::collections::BTreeMap;

type Mock = MockCluster<'static, rdkafka::producer::DefaultProducerContext>;

fn mock() -> Mock {
    let mock = Mock::new(1).unwrap();
    mock.create_topic("t", 1, 1).unwrap();
    mock
}

fn config(mock: &Mock) -> Config {
    Config {
        brokers: mock.bootstrap_servers(),
        security: Security::default(),
        produce_timeout: Duration::from_secs(20),
        queue_bytes_max: 1 << 20,
        linger: Duration::from_millis(1),
        compression: "none".to_owned(),
        spool: Some(SpoolConfig {
            log: log::Config { free_bytes_min: 0, ..log::Config::default() },
            high_water_bytes: 8 << 30,
        }),
        create_topics: false,
        headers: RecordHeaders { trace: true, record_id: true, plugin: true },
        timestamps: Timestamps::Received,
        properties: BTreeMap::new(),
    }
}

fn start(data: &tempfile::TempDir, config: Config) -> Kafka {
    Kafka::start(config, Local::open(data.path(), log::Config::default()).unwrap()).unwrap()
}

fn shipment(topic: &str, records: usize, may_spool: bool) -> Shipment {
    let mut ids = RecordIds::minted_at(1_700_000_000_000);
    let message = |number: usize| Message {
        topic: topic.into(),
        id: ids.mint(),
        key: Some("k".into()),
        value: Some(format!("{{\"n\":{number}}}").into()),
        time_ms: 1_700_000_000_000,
        headers: vec![],
        is_dead_letter: false,
    };
    Shipment { messages: (0..records).map(message).collect(), may_spool, ..Shipment::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_that_pass_are_waited_for() {
    let (mock, data) = (mock(), tempfile::tempdir().unwrap());
    let kafka = start(&data, config(&mock));
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS;
    mock.request_errors(RDKafkaApiKey::Produce, &[error; 3]);
    let answers = kafka.deliver(shipment("t", 10, true)).await;
    assert_eq!(answers, [Ok(Delivered::Committed); 10]);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_replicas_are_an_outage_and_lose_nothing() {
    let (mock, data) = (mock(), tempfile::tempdir().unwrap());
    let kafka = start(&data, Config { produce_timeout: Duration::from_millis(300), ..config(&mock) });
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS;
    mock.request_errors(RDKafkaApiKey::Produce, &[error; 40]);
    let answers = kafka.deliver(shipment("t", 10, true)).await;
    assert_eq!(answers, [Ok(Delivered::Stored); 10]);
    mock.clear_request_errors(RDKafkaApiKey::Produce);
    let lane = kafka.shared.lanes()[0].clone();
    while !lane.is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let answers = kafka.deliver(shipment("t", 10, true)).await;
    assert_eq!(answers, [Ok(Delivered::Committed); 10]);
    assert_eq!(lane.close(), Some(0), "the spool is drained");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_that_fails_for_good_is_replaced_and_nothing_is_lost() {
    let (mock, data) = (mock(), tempfile::tempdir().unwrap());
    // Its first word with a broker ends it.
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
    mock.request_errors(RDKafkaApiKey::InitProducerId, &[error]);
    let kafka = start(&data, config(&mock));
    let (one, other) =
        tokio::join!(kafka.deliver(shipment("t", 10, true)), kafka.deliver(shipment("t", 10, true)));
    assert_eq!((one, other), (vec![Ok(Delivered::Committed); 10], vec![Ok(Delivered::Committed); 10]));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_spool_an_outage_is_told_within_the_timeout() {
    let (mock, data) = (mock(), tempfile::tempdir().unwrap());
    mock.broker_down(1).unwrap();
    let timeout = Duration::from_millis(200);
    let kafka = start(&data, Config { produce_timeout: timeout, spool: None, ..config(&mock) });
    let failed = vec![Err(Undelivered::Failed(Failure::SinkUnavailable)); 3];
    assert_eq!(kafka.deliver(shipment("t", 3, true)).await, failed);
    let Readiness::Unavailable(sentence) = kafka.readiness(|| Readiness::Ready) else { panic!("ready") };
    assert!(sentence.ends_with("does not answer for the topic 't'"), "{sentence}");
    mock.broker_up(1).unwrap();
    let start = Instant::now();
    while kafka.deliver(shipment("t", 3, true)).await != vec![Ok(Delivered::Committed); 3] {
        assert!(start.elapsed() < Duration::from_secs(20), "it does not recover");
    }
    assert_eq!(kafka.readiness(|| Readiness::Ready), Readiness::Ready);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_not_asked_any_more_finds_out_by_itself_that_the_broker_is_back() {
    let (mock, data) = (mock(), tempfile::tempdir().unwrap());
    mock.broker_down(1).unwrap();
    let timeout = Duration::from_millis(200);
    let kafka = start(&data, Config { produce_timeout: timeout, spool: None, ..config(&mock) });
    kafka.deliver(shipment("t", 1, true)).await;
    assert_ne!(kafka.readiness(|| Readiness::Ready), Readiness::Ready);
    mock.broker_up(1).unwrap();
    let start = Instant::now();
    while kafka.readiness(|| Readiness::Ready) != Readiness::Ready {
        assert!(start.elapsed() < Duration::from_secs(20), "it stays not ready");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_refuses_outages_is_told_of_one_and_leaves_nothing_in_the_spool() {
    let (mock, data) = (mock(), tempfile::tempdir().unwrap());
    mock.broker_down(1).unwrap();
    let kafka = start(&data, Config { produce_timeout: Duration::from_millis(200), ..config(&mock) });
    let failed = vec![Err(Undelivered::Failed(Failure::SinkUnavailable)); 3];
    assert_eq!(kafka.deliver(shipment("t", 3, false)).await, failed);
    assert_eq!(kafka.deliver(shipment("t", 3, false)).await, failed, "at once, while it lasts");
    assert_eq!(kafka.shared.lanes()[0].close(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_whose_writer_dies_is_opened_again_and_what_it_held_is_sent() {
    let (mock, data, disk) = (mock(), tempfile::tempdir().unwrap(), FaultyDisk::default());
    mock.broker_down(1).unwrap();
    let directory = log::Directory::lock_on(Arc::new(disk.clone()), data.path()).unwrap();
    let local = Local::open_in(directory, log::Config::default()).unwrap();
    let config = Config { produce_timeout: Duration::from_millis(200), ..config(&mock) };
    let kafka = Kafka::start(config, local).unwrap();
    assert_eq!(kafka.deliver(shipment("t", 3, true)).await, [Ok(Delivered::Stored); 3]);
    disk.fail("t", Fault::Panic);
    let failed = vec![Err(Undelivered::Failed(Failure::SinkUnavailable)); 1];
    assert_eq!(kafka.deliver(shipment("t", 1, true)).await, failed);
    disk.mend("t");
    let start = Instant::now();
    while kafka.deliver(shipment("t", 1, true)).await != [Ok(Delivered::Stored)] {
        assert!(start.elapsed() < Duration::from_secs(20), "its spool stays closed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    mock.broker_up(1).unwrap();
    while !kafka.shared.lanes().iter().all(|lane| lane.is_empty()) {
        assert!(start.elapsed() < Duration::from_secs(40), "its spool is not drained");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let gauges = kafka.gauges();
    assert_eq!((gauges[0].mode, gauges[0].spool_records), ("direct", 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_without_room_is_told_and_one_topics_share_leaves_room_for_others() {
    let (mock, data) = (mock(), tempfile::tempdir().unwrap());
    mock.create_topic("u", 1, 1).unwrap();
    mock.broker_down(1).unwrap();
    let small = log::Config {
        segment_bytes: 64 << 10,
        commit_bytes_max: 16 << 10,
        high_water_bytes: 128 << 10,
        free_bytes_min: 0,
        ..log::Config::default()
    };
    let spool = Some(SpoolConfig { log: small, high_water_bytes: 192 << 10 });
    let timeout = Duration::from_millis(200);
    let kafka = start(&data, Config { produce_timeout: timeout, spool, ..config(&mock) });
    let full = Err(Undelivered::Failed(Failure::SinkFull));
    let fill = async |topic: &'static str| {
        let mut stored = 0;
        while kafka.deliver(shipment(topic, 100, true)).await[0] != full {
            stored += 100;
        }
        stored
    };
    // Each record takes about 80 bytes, and each file 8 KiB more.
    let (first, second) = (fill("t").await, fill("u").await);
    assert!((500..2_000).contains(&first), "{first}");
    assert!((200..first).contains(&second), "{second} beside {first}");
    let Readiness::Unavailable(sentence) = kafka.readiness(|| Readiness::Ready) else { panic!("ready") };
    assert!(
        sentence.starts_with("kafka does not answer, and the spools of all topics together hold "),
        "{sentence}"
    );
    assert!(
        sentence.ends_with("may hold 196608: bring kafka back, or raise spool.high_water_bytes"),
        "{sentence}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_not_there_is_told_apart_from_an_outage() {
    let (mock, data) = (mock(), tempfile::tempdir().unwrap());
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    mock.topic_error("missing", error).unwrap();
    let kafka = start(&data, Config { produce_timeout: Duration::from_secs(2), ..config(&mock) });
    let answers = kafka.deliver(shipment("missing", 2, true)).await;
    assert_eq!(answers, vec![Err(Undelivered::Failed(Failure::SinkMisconfigured)); 2]);
    let Readiness::Unavailable(sentence) = kafka.readiness(|| Readiness::Ready) else { panic!("ready") };
    assert!(sentence.contains("has no topic 'missing': create it"), "{sentence}");
}

#[test]
fn properties_that_would_break_the_promise_are_refused_with_the_reason() {
    let properties = [("acks", "1"), ("no.such.property", "1"), ("socket.timeout.ms", "many")];
    let properties = properties.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let config = Config { properties: properties.into(), ..config(&mock()) };
    let wrong: Vec<String> = config.check().unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(wrong.len(), 3, "{wrong:#?}");
    assert_eq!(
        wrong[0],
        "kafka.properties.\"acks\" cannot be set: an answer of 200 means that all in-sync replicas have the record"
    );
    assert!(
        wrong[1].starts_with("the Kafka client does not take no.such.property = \"1\": "),
        "{}",
        wrong[1]
    );
    assert!(wrong[2].contains("socket.timeout.ms"), "{}", wrong[2]);
}
