//! Passwords and certificates, right and wrong.

use crate::broker::Broker;
use crate::load::TOPIC;
use crate::outage::launch;
use crate::process::{Gateway, PATIENCE};
use crate::refusal::{get, post};
use crate::topic;
use std::path::Path;
use std::time::{Duration, Instant};

fn start(broker: &Broker, data: &Path, user: &str, password: &str, trusts: bool) -> Gateway {
    let mut launch = launch(data, broker.secure_address);
    let secret = data.join("../password");
    std::fs::write(&secret, format!("{password}\n")).unwrap();
    let kafka = |key: &str| format!("SLUICEGATE__KAFKA__{key}");
    let command = &mut launch.command;
    command.env(kafka("TLS"), "true").env(kafka("SASL_MECHANISM"), "SCRAM-SHA-512");
    command.env(kafka("SASL_USERNAME"), user).env(kafka("SASL_PASSWORD__FILE"), secret);
    if trusts {
        command.env(kafka("CA_FILE"), broker.authority());
    }
    launch.start()
}

/// Waits until the gateway says why it is not ready.
fn reason(gateway: &Gateway) -> String {
    let start = Instant::now();
    loop {
        post(gateway, 0);
        let (status, readiness) = get(gateway, "/readyz");
        if status == 503 {
            return readiness["reasons"][0].as_str().unwrap().to_owned();
        }
        assert!(start.elapsed() < PATIENCE, "it is ready");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

#[test]
fn records_go_by_tls_with_a_password_from_a_file_and_whoever_has_none_is_told() {
    let broker = Broker::start();
    broker.create_topic(TOPIC, 1, &[]);
    let directory = tempfile::tempdir().unwrap();
    let data = |name: &str| directory.path().join(name).join("data");
    let at = broker.secure_address;

    let gateway = start(&broker, &data("right"), "gateway", "secret", true);
    let begun = Instant::now();
    while post(&gateway, 0).status != 200 {
        assert!(begun.elapsed() < PATIENCE, "it does not connect");
    }
    assert!(!topic::read(&broker, TOPIC).is_empty());

    let stranger = start(&broker, &data("stranger"), "stranger", "secret", true);
    // Whichever the broker says first: that it may write nowhere, or not to this topic.
    let told = reason(&stranger);
    assert!(told.starts_with(&format!("kafka at {at} ")), "{told}");
    assert!(told.contains("give its principal WRITE and DESCRIBE on it"), "{told}");

    let wrong = start(&broker, &data("wrong"), "gateway", "guess", true);
    let told = reason(&wrong);
    let expected = format!(
        "kafka at {at} does not know the gateway: check kafka.sasl_mechanism, kafka.sasl_username and \
         kafka.sasl_password ("
    );
    assert!(told.starts_with(&expected), "{told}");
    assert!(!told.contains("guess") && !wrong.log.lock().unwrap().contains("guess"));

    let distrustful = start(&broker, &data("distrustful"), "gateway", "secret", false);
    let told = reason(&distrustful);
    let expected = format!(
        "the certificate of kafka at {at} is not trusted: name the authority that signed it by kafka.ca_file ("
    );
    assert!(told.starts_with(&expected), "{told}");
}
