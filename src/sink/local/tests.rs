//! The sink on a disk that fails for one topic and not for another.

pub mod disk;

use super::{Delivered, Local, Message, Readiness, Shipment, Undelivered};
use crate::record::RecordIds;
use crate::sink::log::{Config, Directory, Read, Reader, log_path};
use crate::sink::trouble::Place;
use crate::verdict::Failure;
use bytes::Bytes;
use disk::{Fault, FaultyDisk};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// Far longer than a sync takes: an answer that has not come by then never comes.
const HANG: Duration = Duration::from_secs(60);

const COMMITTED: Result<Delivered, Failure> = Ok(Delivered::Committed);

fn config() -> Config {
    Config {
        segment_bytes: 64 << 10,
        commit_bytes_max: 32 << 10,
        queue_bytes_max: 32 << 10,
        high_water_bytes: 64 << 20,
        free_bytes_min: 0,
        retry_pause: Duration::ZERO,
        ..Config::default()
    }
}

fn open(data: &TempDir, disk: &FaultyDisk, config: Config) -> Local {
    Local::open_in(Directory::lock_on(Arc::new(disk.clone()), data.path()).unwrap(), config).unwrap()
}

fn message(topic: &str, value: impl Into<Bytes>) -> Message {
    Message {
        topic: topic.into(),
        id: RecordIds::minted_at(1_795_478_323_042).mint(),
        key: None,
        value: Some(value.into()),
        time_ms: 1_795_478_323_042,
        headers: vec![],
        is_dead_letter: false,
    }
}

async fn deliver(sink: &Local, messages: Vec<Message>) -> Vec<Result<Delivered, Failure>> {
    let delivering = sink.deliver(Shipment { messages, ..Shipment::default() });
    let answers = tokio::time::timeout(HANG, delivering).await.expect("every message is answered");
    let failure = |undelivered| match undelivered {
        Undelivered::Failed(failure) => failure,
        other => panic!("{other:?}"),
    };
    answers.into_iter().map(|answer| answer.map_err(failure)).collect()
}

async fn deliver_one(sink: &Local, topic: &str) -> Result<Delivered, Failure> {
    deliver(sink, vec![message(topic, "x")]).await[0]
}

fn reason(sink: &Local) -> String {
    match sink.readiness() {
        Readiness::Unavailable(sentence) => sentence,
        Readiness::Ready => panic!("it is ready"),
    }
}

fn is_in_trouble(sink: &Local, topic: &str) -> bool {
    sink.inner.troubles.has(&Place::Topic(topic.into()))
}

fn kept(data: &Path, topic: &str) -> Vec<Bytes> {
    let mut reader = Reader::open(&log_path(data, topic).unwrap(), 0);
    let mut values = Vec::new();
    while let Some(read) = reader.next().unwrap() {
        match read {
            Read::Entry { entry, .. } => values.push(entry.value.unwrap()),
            Read::Damage(damage) => panic!("{damage}"),
        }
    }
    values
}

#[tokio::test]
async fn a_topic_in_trouble_takes_no_other_with_it_and_none_clears_it() {
    let (data, disk) = (TempDir::new().unwrap(), FaultyDisk::default());
    let sink = open(&data, &disk, config());
    disk.fail("claims", Fault::Error);
    assert_eq!(deliver_one(&sink, "claims").await, Err(Failure::SinkUnavailable));
    assert!(reason(&sink).starts_with("topic 'claims': "), "{}", reason(&sink));

    assert_eq!(deliver_one(&sink, "payments").await, COMMITTED);
    assert!(is_in_trouble(&sink, "claims"), "another topic's success is not its own");
    assert_eq!(sink.readiness(), Readiness::Ready, "a 2xx is possible");

    disk.fail("payments", Fault::Error);
    assert_eq!(deliver_one(&sink, "payments").await, Err(Failure::SinkUnavailable));
    let both = reason(&sink);
    assert!(both.contains("topic 'claims': ") && both.contains("; topic 'payments': "), "{both}");

    disk.mend("claims");
    assert_eq!(deliver_one(&sink, "claims").await, COMMITTED);
    assert!(!is_in_trouble(&sink, "claims") && is_in_trouble(&sink, "payments"));
    assert_eq!(sink.readiness(), Readiness::Ready);
}

#[tokio::test]
async fn dead_letters_that_can_be_kept_make_no_gateway_ready() {
    let (data, disk) = (TempDir::new().unwrap(), FaultyDisk::default());
    let sink = open(&data, &disk, config());
    assert_eq!(deliver_one(&sink, "claims.dead-letter").await, COMMITTED);
    disk.fail("claims", Fault::Error);
    assert_eq!(deliver_one(&sink, "claims").await, Err(Failure::SinkUnavailable));
    assert!(reason(&sink).starts_with("topic 'claims': "));
    disk.mend("claims");
    assert_eq!(deliver_one(&sink, "claims").await, COMMITTED);
    disk.fail("claims.dead-letter", Fault::Error);
    assert_eq!(deliver_one(&sink, "claims.dead-letter").await, Err(Failure::SinkUnavailable));
    assert_eq!(sink.readiness(), Readiness::Ready);
}

#[tokio::test]
async fn a_log_that_nobody_writes_to_does_not_make_the_gateway_ready() {
    let (data, disk) = (TempDir::new().unwrap(), FaultyDisk::default());
    let before = open(&data, &disk, config());
    assert_eq!(deliver_one(&before, "retired").await, COMMITTED);
    before.close();
    drop(before);
    let sink = open(&data, &disk, config());
    disk.fail("claims", Fault::Error);
    assert_eq!(deliver_one(&sink, "claims").await, Err(Failure::SinkUnavailable));
    assert!(reason(&sink).starts_with("topic 'claims': "));
}

#[tokio::test]
async fn a_writer_that_dies_is_told_and_replaced_and_nothing_hangs() {
    let (data, disk) = (TempDir::new().unwrap(), FaultyDisk::default());
    let sink = open(&data, &disk, config());
    assert_eq!(deliver(&sink, vec![message("claims", "before")]).await, [COMMITTED]);
    disk.fail("claims", Fault::Panic);
    assert_eq!(deliver_one(&sink, "claims").await, Err(Failure::SinkUnavailable));
    assert_eq!(
        reason(&sink),
        "topic 'claims': the writer of its log has died, by a defect of the gateway that its own log on stderr \
         tells; another is started, look whether it stays"
    );
    // Its successor meets the same.
    assert_eq!(deliver_one(&sink, "claims").await, Err(Failure::SinkUnavailable));
    disk.mend("claims");
    assert_eq!(deliver(&sink, vec![message("claims", "after")]).await, [COMMITTED]);
    assert_eq!(sink.readiness(), Readiness::Ready);
    let kept = kept(data.path(), "claims");
    assert_eq!((&kept[0][..], &kept[kept.len() - 1][..]), (&b"before"[..], &b"after"[..]));
    sink.close();
    assert_eq!(deliver_one(&sink, "claims").await, Err(Failure::Draining), "then it is no defect");
}

#[tokio::test]
async fn a_writer_that_died_is_replaced_although_no_record_comes() {
    let (data, disk) = (TempDir::new().unwrap(), FaultyDisk::default());
    let sink = open(&data, &disk, config());
    disk.fail("claims", Fault::Panic);
    assert_eq!(deliver_one(&sink, "claims").await, Err(Failure::SinkUnavailable));
    disk.mend("claims");
    let probed = sink.clone();
    tokio::task::spawn_blocking(move || probed.probe()).await.unwrap();
    assert_eq!(sink.readiness(), Readiness::Ready);
    assert_eq!(deliver_one(&sink, "claims").await, COMMITTED);
}

#[tokio::test]
async fn a_log_that_has_just_failed_to_open_is_left_alone_for_a_moment() {
    let (data, disk) = (TempDir::new().unwrap(), FaultyDisk::default());
    let sink = open(&data, &disk, Config { retry_pause: HANG, ..config() });
    std::fs::create_dir_all(data.path().join("log")).unwrap();
    std::fs::write(data.path().join("log/claims"), "a file where the directory should be").unwrap();
    assert_eq!(deliver_one(&sink, "claims").await, Err(Failure::SinkUnavailable));
    assert!(reason(&sink).starts_with("topic 'claims': the log cannot be opened: "), "{}", reason(&sink));
    std::fs::remove_file(data.path().join("log/claims")).unwrap();
    assert_eq!(deliver_one(&sink, "claims").await, Err(Failure::SinkUnavailable), "it was not tried");
    let probed = sink.clone();
    tokio::task::spawn_blocking(move || probed.probe()).await.unwrap();
    assert_eq!(deliver_one(&sink, "claims").await, COMMITTED);
}

#[tokio::test]
async fn a_full_log_is_not_ready_and_one_too_full_for_a_large_record_is() {
    let (data, disk) = (TempDir::new().unwrap(), FaultyDisk::default());
    let sink = open(&data, &disk, Config { high_water_bytes: 160 << 10, ..config() });
    // 8 KiB of header and 80 KiB of records in two segments leave 64 KiB, less what frames take.
    while deliver(&sink, vec![message("claims", vec![0; 7 << 10])]).await == [COMMITTED] {}
    assert_eq!(deliver(&sink, vec![message("claims", vec![0; 7 << 10])]).await, [Err(Failure::SinkFull)]);
    let sentence = reason(&sink);
    assert!(sentence.starts_with("topic 'claims': the log holds "), "{sentence}");
    assert!(sentence.ends_with("let it drain, set a retention, or raise its limit"), "{sentence}");
    let probed = sink.clone();
    tokio::task::spawn_blocking(move || probed.probe()).await.unwrap();
    assert!(is_in_trouble(&sink, "claims"), "looking at it makes no room");
}

#[tokio::test]
async fn a_shipment_larger_than_the_queue_is_kept_in_order() {
    let (data, disk) = (TempDir::new().unwrap(), FaultyDisk::default());
    let sink = open(&data, &disk, config());
    let topic = |nth: u32| if nth.is_multiple_of(3) { "odd" } else { "claims" };
    // 400 KiB; 32 KiB may wait for the disk, and a segment has 56 KiB.
    let value = |nth: u32| Bytes::from(nth.to_be_bytes().repeat(256));
    let messages = (0..400).map(|nth| message(topic(nth), value(nth))).collect();
    assert_eq!(deliver(&sink, messages).await, vec![COMMITTED; 400]);
    for wanted in ["odd", "claims"] {
        let sent: Vec<Bytes> = (0..400).filter(|nth| topic(*nth) == wanted).map(value).collect();
        assert!(kept(data.path(), wanted) == sent, "{wanted}");
    }
}

#[tokio::test]
async fn only_what_can_never_fit_is_failed_and_the_operator_is_told() {
    let (data, disk) = (TempDir::new().unwrap(), FaultyDisk::default());
    let sink = open(&data, &disk, config());
    let written: Arc<Mutex<Vec<u8>>> = Arc::default();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(Mutex::new(Tee(written.clone()))).finish();
    let logging = tracing::subscriber::set_default(subscriber);
    let unframed = Message { headers: vec![("h".repeat(65_536), Bytes::new())], ..message("claims", "") };
    let messages = vec![
        message("claims", "first"),
        message("claims", vec![0; 33 << 10]),
        message("claims", "second"),
        unframed,
        message("claims", "third"),
    ];
    let refused = Err(Failure::TooLargeForSink);
    assert_eq!(deliver(&sink, messages).await, [COMMITTED, refused, COMMITTED, refused, COMMITTED]);
    drop(logging);
    assert_eq!(kept(data.path(), "claims"), ["first", "second", "third"]);
    let log = String::from_utf8(written.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("record cannot be kept")).collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert!(
        lines[0].contains("it has 33839 bytes and the log takes 32768; raise sink.segment_bytes"),
        "{log}"
    );
    assert!(lines[1].contains("or with too many or too long headers, cannot be framed"), "{log}");
    assert_eq!(sink.readiness(), Readiness::Ready, "others are not concerned");
}

#[tokio::test]
async fn what_fits_to_the_byte_is_taken() {
    let (data, disk) = (TempDir::new().unwrap(), FaultyDisk::default());
    let sink = open(&data, &disk, config());
    // 47 bytes of frame and body around the value.
    let largest = (32 << 10) - 47;
    let messages = vec![
        message("claims", vec![1; largest]),
        message("claims", vec![2; largest + 1]),
        message("claims", "x"),
    ];
    assert_eq!(deliver(&sink, messages).await, [COMMITTED, Err(Failure::TooLargeForSink), COMMITTED]);
    assert_eq!(kept(data.path(), "claims").len(), 2);
}

/// Where the gateway's log goes in a test that reads it.
struct Tee(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Tee {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_closed_sink_lets_go_of_its_directory_although_somebody_still_has_it() {
    let (data, disk) = (TempDir::new().unwrap(), FaultyDisk::default());
    let sink = open(&data, &disk, config());
    assert_eq!(deliver_one(&sink, "t").await, COMMITTED);
    let kept = sink.clone();
    sink.close();
    assert!(Directory::lock(data.path()).is_ok());
    assert_eq!(deliver_one(&kept, "t").await, Err(Failure::Draining));
}
