//! What `sluicegate check` says of a real broker.

use crate::broker::Broker;
use crate::process::repository;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

const TOPICS: [&str; 2] = ["raw_financial_transactions", "claims.mapped"];

/// Exit code, what is said to people, and the same as JSON.
fn check(directory: &Path, brokers: &str, lines: &str) -> (Option<i32>, String, Value) {
    let file = directory.join("check.toml");
    let mapped = "[plugin.insurance-claim.topics]\nraw_insurance_claims = \"claims.mapped\"\n";
    std::fs::write(&file, format!("{mapped}[kafka]\nbrokers = \"{brokers}\"\n{lines}")).unwrap();
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
        command.arg("check").arg("--config").arg(&file).arg("--plugins").arg(repository("plugins"));
        command.args(more).env_clear().output().unwrap()
    };
    let (text, object) = (run(&[]), run(&["--json"]));
    assert_eq!(text.status.code(), object.status.code());
    assert!(text.stderr.is_empty(), "{}", String::from_utf8_lossy(&text.stderr));
    let said = String::from_utf8(text.stdout).unwrap();
    (text.status.code(), said, serde_json::from_slice(&object.stdout).unwrap())
}

#[test]
fn check_says_which_topics_are_missing_and_changes_nothing() {
    let broker = Broker::start();
    let directory = tempfile::tempdir().unwrap();
    let at = broker.gateway_address.to_string();
    let (code, said, report) = check(directory.path(), &at, "[dead_letters]\nto = \"kafka\"\n");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("kafka: 4 wrong, 0 topics found at {at}\n")), "{said}");
    for topic in TOPICS {
        let missing = format!("  kafka at {at} has no topic '{topic}': create it, set kafka.create_topics");
        let letters = format!("  kafka at {at} has no topic '{topic}.dead-letter': create it, set kafka.");
        assert!(said.contains(&missing) && said.contains(&letters), "{said}");
    }
    assert_eq!(report["well"], false);
    assert_eq!(report["kafka"]["topics"][0]["state"], "wrong", "{report}");

    let (code, said, report) = check(directory.path(), &at, "create_topics = true\n");
    assert_eq!(code, Some(0), "{said}");
    let notice =
        format!("has no topic '{}' yet: the gateway makes it (kafka.create_topics = true)", TOPICS[1]);
    assert!(said.contains("kafka: well, 0 topics found") && said.contains(&notice), "{said}");
    assert_eq!(
        (&report["well"], &report["kafka"]["topics"][0]["state"]),
        (&json!(true), &json!("to_be_made"))
    );
    assert!(TOPICS.iter().all(|topic| !broker.has_topic(topic)), "check makes nothing");

    TOPICS.iter().for_each(|topic| broker.create_topic(topic, 1, &[]));
    let (code, said, _) = check(directory.path(), &at, "");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with(&format!("kafka: well, 2 topics found at {at}\n")), "{said}");
}

#[test]
fn check_says_why_a_broker_does_not_let_the_gateway_in() {
    let broker = Broker::start();
    TOPICS.iter().for_each(|topic| broker.create_topic(topic, 1, &[]));
    let directory = tempfile::tempdir().unwrap();
    let at = broker.secure_address.to_string();
    let authority = broker.authority().display().to_string();
    let lines = |user: &str, password: &str, trusts: bool| {
        let ca_file = if trusts { format!("ca_file = \"{authority}\"\n") } else { String::new() };
        format!(
            "tls = true\nsasl_mechanism = \"SCRAM-SHA-512\"\nsasl_username = \"{user}\"\nsasl_password = \"{password}\"\n{ca_file}"
        )
    };
    let (code, said, _) = check(directory.path(), &at, &lines("gateway", "secret", true));
    assert_eq!(code, Some(0), "{said}");

    let (code, said, report) = check(directory.path(), &at, &lines("gateway", "guess", true));
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("does not know the gateway: check kafka.sasl_mechanism, kafka.sasl_username"),
        "{said}"
    );
    assert!(!said.contains("guess"), "{said}");
    assert!(report["kafka"]["trouble"].is_string(), "{report}");

    let (code, said, _) = check(directory.path(), &at, &lines("gateway", "secret", false));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("is not trusted: name the authority that signed it by kafka.ca_file"), "{said}");

    let (code, said, _) = check(directory.path(), &at, &lines("stranger", "secret", true));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("give its principal WRITE and DESCRIBE on it"), "{said}");
}
