//! `[dead_letters]`: what is kept for the operator, and where.

use super::problem::{Origin, Problem};
use super::section::{Findings, Section};
use super::source::Table;
use super::value::{boolean, bytes, one_of};
use crate::sink::{DeadLetterPlace, DeadLetters};

const PLACES: &[(&str, DeadLetterPlace)] =
    &[("local", DeadLetterPlace::Local), ("kafka", DeadLetterPlace::Kafka)];

/// `has_kafka`: brokers are named.
pub(super) fn dead_letters(tree: &mut Table, has_kafka: bool, findings: &mut Findings) -> DeadLetters {
    let mut s = Section::open(
        tree,
        "dead_letters",
        "Records for the operator, each with its reason: those that a plugin faulted on always, rejected ones if wanted.",
        findings,
    );
    let dead_letters = DeadLetters {
        to: s.read(
            "to",
            r#""local""#,
            "\"local\": TOPIC.dead-letter in the local log. \"kafka\": the topic of that name, which has to be there; what \
             Kafka does not take is kept in the local log.",
            one_of(PLACES),
        ),
        rejected: s.read(
            "rejected",
            "false",
            "Keeps rejected records too. They may be personal data that nobody may keep: think before.",
            boolean,
        ),
        rejected_bytes_max: s.read(
            "rejected_bytes_max",
            r#""16MiB""#,
            "Rejected records that wait to be kept; more are not kept, and gateway.dead_letters.shed counts them.",
            bytes(1_024..=1 << 30),
        ),
    };
    drop(s);
    if dead_letters.to == DeadLetterPlace::Kafka && !has_kafka {
        findings.problems.push(Problem {
            origin: Origin::Default,
            key: "dead_letters.to".to_owned(),
            value: "kafka".to_owned(),
            fault: "no Kafka is configured".to_owned(),
            remedy: "name its brokers by kafka.brokers or --kafka, or write dead_letters.to = \"local\""
                .to_owned(),
        });
    }
    dead_letters
}
