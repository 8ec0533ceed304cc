//! Metrics and labels are those that a real gateway serves.

use crate::client::Client;
use crate::deployed::{Expression, Place, expressions, rules};
use crate::key::sources;
use crate::process::{Gateway, Launch, repository};
use crate::promql::{Named, Selector, parse};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// The label that metrics of Kafka's client have only where the brokers refused something: none does here.
const WITH_AN_ERROR: &str = "error_type";

/// What Prometheus gives to every series, and the one metric that it makes itself.
const TARGET_LABELS: [&str; 2] = ["job", "instance"];
const OF_PROMETHEUS: &str = "up";

/// Name of each sample with its labels.
type Served = BTreeMap<String, BTreeSet<String>>;

/// Asked once: two gateways take their second.
static SERVED: LazyLock<Served> = LazyLock::new(|| {
    let mut served = Served::new();
    for text in [busy(), without_kafka()] {
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, labels) = match line.split_once('{') {
                Some((name, rest)) => (name, rest.rsplit_once('}').unwrap().0),
                None => (line.split(' ').next().unwrap(), ""),
            };
            served.entry(name.to_owned()).or_default().extend(label_names(labels));
        }
    }
    served
});

fn label_names(labels: &str) -> Vec<String> {
    let named = parse(&format!("metric{{{labels}}}"));
    named.selectors.into_iter().flat_map(|selector| selector.matchers).map(|(label, _)| label).collect()
}

fn scrape(gateway: &Gateway) -> String {
    Client::connect(gateway.admin_address).unwrap().get("/metrics").unwrap().text()
}

fn transaction(id: u32, kind: &str, amount: u32) -> String {
    format!(
        r#"{{"transaction_id":"T{id}","timestamp":"2026-01-15T10:30:00Z","account_id":"A","amount":{amount},"currency":"EUR","transaction_type":"{kind}"}}"#
    )
}

/// The metrics of a gateway to which everything happened that is counted only once it happens.
fn busy() -> String {
    let home = tempfile::tempdir().unwrap();
    let plugins = home.path().join("plugins");
    std::fs::create_dir(&plugins).unwrap();
    for file in
        ["plugins/financial-transaction.wasm", "plugins/insurance-claim.wasm", "tests/fixtures/hostile.wasm"]
    {
        let file = repository(file);
        std::fs::copy(&file, plugins.join(file.file_name().unwrap())).unwrap();
    }
    let config = home.path().join("sluicegate.toml");
    let lines =
        "http.connections_max = 2\ntelemetry.attribute_values_max = 1\ndead_letters.rejected = true\n";
    std::fs::write(&config, lines).unwrap();
    let mut launch = Launch::bare().config(&config);
    std::fs::create_dir(home.path().join("data")).unwrap();
    launch.command.arg("--plugins").arg(&plugins).arg("--data").arg(home.path().join("data"));
    let gateway = launch.start();

    let mut client = Client::connect(gateway.data_address).unwrap();
    let financial = "/ingest-financial-transaction/";
    let claim = r#"{"claim_id":"C","timestamp":"2026-01-15T10:30:00Z","policy_number":"P","claim_amount":90000,"claim_type":"auto","claim_status":"open","customer_id":"K","incident_date":"2026-01-10"}"#;
    for (path, body, status) in [
        (financial, transaction(1, "purchase", 20_000), 200),
        // One value too many of an attribute.
        (financial, transaction(2, "transfer", 5), 200),
        (financial, "{}".to_owned(), 422),
        ("/ingest-insurance-claim/", claim.to_owned(), 200),
        ("/hostile", r#"{"do":"trap"}"#.to_owned(), 202),
    ] {
        let answer = client.post(path, "application/json", body.as_bytes()).unwrap();
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    }
    // No text: rejected, and not among the dead letters.
    assert_eq!(client.post(financial, "application/json", b"\xff").unwrap().status, 422);
    let keyed = "POST /ingest-financial-transaction/ HTTP/1.1\r\nhost: localhost\r\nidempotency-key: \"k\"\r\n\
                 content-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    for _ in 0..2 {
        assert_eq!(client.exchange(keyed.as_bytes()).unwrap().status, 422);
    }
    // The third connection is one too many.
    let second = Client::connect(gateway.data_address).unwrap();
    assert_eq!(Client::connect(gateway.data_address).unwrap().answer().unwrap().status, 503);
    drop((client, second));
    scrape(&gateway)
}

/// Those of one whose brokers do not answer.
fn without_kafka() -> String {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("sluicegate.toml");
    std::fs::write(&config, "[kafka]\nbrokers = \"127.0.0.1:9\"\nproduce_timeout_ms = 100\n").unwrap();
    let gateway = Launch::serve(&home.path().join("data")).config(&config).start();
    let mut client = Client::connect(gateway.data_address).unwrap();
    let body = transaction(1, "purchase", 5);
    let answer = client.post("/ingest-financial-transaction/", "application/json", body.as_bytes()).unwrap();
    assert_eq!(answer.status, 202, "{}", answer.text());
    scrape(&gateway)
}

/// The labels of a metric, if there is such a one.
fn labels_of(metric: &str) -> Option<BTreeSet<String>> {
    let mut labels = match SERVED.get(metric) {
        Some(labels) => labels.clone(),
        None if metric == OF_PROMETHEUS => BTreeSet::new(),
        None => recorded(metric)?,
    };
    if metric.starts_with("messaging_client_") {
        labels.insert(WITH_AN_ERROR.to_owned());
    }
    labels.extend(TARGET_LABELS.map(str::to_owned));
    Some(labels)
}

/// What a rule records has the labels that it groups by.
fn recorded(metric: &str) -> Option<BTreeSet<String>> {
    let rule = rules("prometheus/recording.yaml").into_iter().find(|rule| rule["record"] == metric)?;
    Some(parse(rule["expr"].as_str().unwrap()).grouped)
}

#[test]
fn every_metric_and_label_is_one_that_the_gateway_serves() {
    let mut wrong = Vec::new();
    for expression in expressions() {
        let Named { selectors, grouped } = parse(&expression.text);
        let mut known: BTreeSet<String> = TARGET_LABELS.map(str::to_owned).into();
        for Selector { metric, matchers } in &selectors {
            let Some(labels) = labels_of(metric) else {
                wrong.push(format!("{}: nothing serves {metric}", expression.name));
                continue;
            };
            for (label, _) in matchers.iter().filter(|(label, _)| !labels.contains(label)) {
                wrong.push(format!("{}: {metric} has no label {label}", expression.name));
            }
            known.extend(labels);
        }
        for label in grouped.difference(&known) {
            wrong.push(format!("{}: none of its metrics has the label {label}", expression.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_value_that_a_label_is_compared_with_is_a_word_of_the_gateway() {
    let words = sources();
    let mut wrong = Vec::new();
    for expression in expressions() {
        let selectors = parse(&expression.text).selectors;
        for Selector { metric, matchers } in
            selectors.into_iter().filter(|s| s.metric.starts_with("gateway_"))
        {
            for (label, value) in matchers.iter().filter(|(_, value)| !value.contains('$')) {
                for word in value.split('|') {
                    if !words.contains(&format!("\"{word}\"")) {
                        wrong.push(format!("{}: {metric} never has {label}={word}", expression.name));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn legends_and_annotations_name_labels_that_are_left() {
    let mut wrong = Vec::new();
    for expression in expressions() {
        let left = left(&expression);
        for label in expression.templates.iter().flat_map(|template| template_labels(template)) {
            if !left.contains(&label) {
                wrong.push(format!("{}: the label {label} is not left", expression.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The labels that an expression's series have: those it groups by, or without any, all.
fn left(expression: &Expression) -> BTreeSet<String> {
    let Named { selectors, grouped } = parse(&expression.text);
    let all = || selectors.iter().filter_map(|selector| labels_of(&selector.metric)).flatten().collect();
    let aggregated = ["sum", "max", "min", "count", "avg"].iter().any(|word| {
        expression.text.contains(&format!("{word} (")) || expression.text.contains(&format!("{word} by"))
    });
    if aggregated && expression.place != Place::Annotation {
        let joined = selectors.iter().filter(|selector| selector.metric.contains(':'));
        let recorded = joined.filter_map(|selector| recorded(&selector.metric)).flatten();
        return grouped.into_iter().chain(recorded).collect();
    }
    all()
}

/// `{{ $labels.a }}` of rules, `{{a}}` of legends.
fn template_labels(template: &str) -> Vec<String> {
    let parts = template.split("{{").skip(1).filter_map(|part| part.split_once("}}"));
    let labels = parts.filter_map(|(inside, _)| match inside.trim().split_once("$labels.") {
        Some((_, label)) => Some(label.split(' ').next().unwrap().to_owned()),
        None if inside.contains('$') => None,
        None => Some(inside.trim().to_owned()),
    });
    labels.collect()
}
