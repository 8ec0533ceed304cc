//! Every expression of the dashboards and the recording rules gives a series where there is data.

use crate::broker::Broker;
use crate::client::Client;
use crate::deployed::{Place, expressions};
use crate::part::await_that;
use crate::process::{Gateway, Launch, repository};
use crate::prometheus::Prometheus;
use crate::simulate::simulate;
use std::path::Path;

const FINANCIAL: &str = "/ingest-financial-transaction/";
const CLAIM: &str = r#"{"claim_id": "C", "timestamp": "2026-01-15T10:30:00Z", "policy_number": "P", "claim_amount": 90000, "claim_type": "auto", "claim_status": "open", "customer_id": "K", "incident_date": "2026-01-10"}"#;

fn transaction(kind: &str, amount: u32) -> String {
    format!(
        r#"{{"transaction_id": "FT", "timestamp": 1773480413, "account_id": "A", "amount": {amount}, "currency": "EUR", "transaction_type": "{kind}"}}"#
    )
}

/// One to whom everything happens that dashboards tell of.
fn start(home: &Path, broker: &Broker) -> Gateway {
    let plugins = home.join("plugins");
    std::fs::create_dir_all(&plugins).unwrap();
    for file in
        ["plugins/financial-transaction.wasm", "plugins/insurance-claim.wasm", "tests/fixtures/hostile.wasm"]
    {
        let file = repository(file);
        std::fs::copy(&file, plugins.join(file.file_name().unwrap())).unwrap();
    }
    let config = home.join("sluicegate.toml");
    let lines = format!(
        "http.connections_max = 20\ntelemetry.attribute_values_max = 1\ndead_letters.rejected = true\n\
         [kafka]\nbrokers = \"{}\"\nproduce_timeout_ms = 3000\ncreate_topics = true\n\
         [plugin.insurance-claim.routes.\"/ingest-insurance-claim/\"]\non_outage = \"reject\"\n",
        broker.gateway_address
    );
    std::fs::write(&config, lines).unwrap();
    let mut launch = Launch::bare().config(&config);
    std::fs::create_dir(home.join("data")).unwrap();
    launch.command.arg("--plugins").arg(&plugins).arg("--data").arg(home.join("data"));
    launch.start()
}

fn provoke(gateway: &Gateway, broker: &mut Broker) {
    let mut client = Client::connect(gateway.data_address).unwrap();
    // Its topics are made while it starts.
    for (path, body) in
        [(FINANCIAL, transaction("purchase", 1)), ("/ingest-insurance-claim/", CLAIM.to_owned())]
    {
        await_that("the topics", || {
            let answer = client.post(path, "application/json", body.as_bytes()).unwrap();
            (answer.status == 200).then_some(())
        });
    }
    let mut post = |path: &str, body: &[u8], status: u16| {
        let answer = client.post(path, "application/json", body).unwrap();
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    };
    post(FINANCIAL, transaction("purchase", 20_000).as_bytes(), 200);
    // One value too many of an attribute.
    post(FINANCIAL, transaction("transfer", 5).as_bytes(), 200);
    post(FINANCIAL, b"{}", 422);
    // No text: rejected, and not among the dead letters.
    post(FINANCIAL, b"\xff", 422);
    post("/ingest-insurance-claim/", CLAIM.as_bytes(), 200);
    post("/hostile", br#"{"do":"trap"}"#, 202);
    let keyed = "POST /ingest-financial-transaction/ HTTP/1.1\r\nhost: localhost\r\nidempotency-key: \"k\"\r\n\
                 content-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    for _ in 0..2 {
        assert_eq!(client.exchange(keyed.as_bytes()).unwrap().status, 422);
    }
    assert_eq!(simulate(gateway, &["--count", "200", "--batch", "1", "--connections", "4"])["well"], true);
    // Too many connections.
    let others: Vec<Client> = (0..20).map(|_| Client::connect(gateway.data_address).unwrap()).collect();
    assert_eq!(Client::connect(gateway.data_address).unwrap().answer().unwrap().status, 503);
    drop(others);
    await_that("room for another connection", || {
        let mut client = Client::connect(gateway.data_address).unwrap();
        client.get("/health").is_ok_and(|answer| answer.status == 200).then_some(())
    });
    // Without a broker one route waits, the other one refuses.
    broker.kill();
    let mut client = Client::connect(gateway.data_address).unwrap();
    let mut post =
        |path: &str, body: &str| client.post(path, "application/json", body.as_bytes()).unwrap().status;
    assert_eq!(post(FINANCIAL, &transaction("purchase", 1)), 202);
    assert_eq!(post("/ingest-insurance-claim/", CLAIM), 503);
}

#[test]
fn every_expression_of_the_dashboards_and_rules_gives_a_series() {
    let mut broker = Broker::start();
    let home = tempfile::tempdir().unwrap();
    let gateway = start(home.path(), &broker);
    // And one whose records stay in the local log.
    let data = tempfile::tempdir().unwrap();
    let local = Launch::serve(data.path()).start();
    let rules = repository("deploy/prometheus/recording.yaml");
    let prometheus = Prometheus::with(&[gateway.admin_address, local.admin_address], Some(&rules));
    assert_eq!(simulate(&local, &["--count", "200", "--batch", "1"])["well"], true);
    provoke(&gateway, &mut broker);
    let asked: Vec<_> = expressions()
        .into_iter()
        .filter(|expression| matches!(expression.place, Place::Panel | Place::Record))
        .collect();
    assert!(asked.len() > 50, "{}", asked.len());
    let mut empty: Vec<String> = Vec::new();
    await_that("a series for every expression", || {
        let is_empty = |text: &str| prometheus.query(text).is_empty();
        let now = asked.iter().filter(|expression| is_empty(&expression.filled()));
        let now: Vec<String> = now.map(|one| format!("{}: {}", one.name, one.text)).collect();
        if now != empty {
            println!("{} of {} expressions give nothing yet: {now:#?}", now.len(), asked.len());
            empty = now;
        }
        empty.is_empty().then_some(())
    });
    println!("{} expressions of dashboards and recording rules, each gives a series", asked.len());
}
