//! The console over its socket: the page, what it asks for, and the box for a record.

use crate::client::{Answer, Client};
use crate::harness::{CLAIM, FINANCIAL, Gateway, claim, header, ndjson, repository, transaction};
use serde_json::{Value, json};

const HOST: &str = "host: localhost\r\n";

/// One request with these headers and this body.
fn ask(gateway: &Gateway, line: &str, headers: &str, body: &[u8]) -> Answer {
    let head = format!("{line} HTTP/1.1\r\n{headers}content-length: {}\r\n\r\n", body.len());
    let mut client = Client::connect(gateway.app.admin_address).unwrap();
    client.exchange(&[head.as_bytes(), body].concat()).unwrap()
}

fn look(gateway: &Gateway) -> Value {
    let answer = ask(gateway, "GET /console.json", HOST, b"");
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    answer.json()
}

fn judge(gateway: &Gateway, path: &str, record: &str) -> Answer {
    ask(gateway, &format!("POST /judge?route={path}"), HOST, record.as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browsers_get_the_page_and_command_lines_the_list() {
    let gateway = Gateway::start().await;
    for accept in ["", "accept: */*\r\n", "accept: text/plain\r\n", "accept: text/html;q=0, */*\r\n"] {
        let list = ask(&gateway, "GET /", &format!("{HOST}{accept}"), b"");
        assert_eq!(list.header("content-type"), Some("text/plain; charset=utf-8"), "{accept}");
        assert!(list.text().starts_with("Sluicegate, admin port\n"), "{}", list.text());
        assert!(list.text().contains("POST /judge?route="), "{}", list.text());
    }
    let browser = format!("{HOST}accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n");
    let page = ask(&gateway, "GET /", &browser, b"");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let mut bytes = page.body.len();
    for part in ["/console.css", "/console.js", "/chart.js", "/icon.svg"] {
        let answer = ask(&gateway, &format!("GET {part}"), HOST, b"");
        assert_eq!(answer.status, 200, "{part}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{part}");
        bytes += answer.body.len();
    }
    assert!(bytes < 200 << 10, "the page has {bytes} bytes");
    let policy = page.header("content-security-policy").unwrap();
    for directive in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.contains(directive), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    let posted = ask(&gateway, "POST /console.json", HOST, b"");
    assert_eq!((posted.status, posted.header("allow")), (405, Some("GET, HEAD")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_look_holds_plugins_counts_violations_and_topics() {
    let gateway = Gateway::start().await;
    let wrong = transaction("9").replace("129.95", "\"4111111111111111x\"");
    let lines = (0..5).map(|number| transaction(&number.to_string())).chain([wrong]);
    let answer = gateway.post_lines(FINANCIAL, ndjson(lines)).await;
    let record_id = answer.json()["results"][5].clone();
    assert_eq!(answer.status, 207, "{record_id}");
    assert_eq!(gateway.post(CLAIM, claim("1")).await.status, 200);
    let scene = look(&gateway);
    assert_eq!((&scene["ready"], &scene["reasons"]), (&json!(true), &json!([])));
    assert_eq!(scene["plugins"], gateway.status().await);
    let names: Vec<&str> = scene["plugins"]["plugins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|plugin| plugin["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["financial-transaction", "insurance-claim"]);
    let records = scene["records"].as_array().unwrap();
    let count = |route: &str, outcome: &str| {
        let of = |record: &&Value| record["route"] == route && record["outcome"] == outcome;
        records.iter().filter(of).map(|record| record["count"].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!(
        (count(FINANCIAL, "committed"), count(FINANCIAL, "rejected"), count(CLAIM, "committed")),
        (5, 1, 1),
        "{records:?}"
    );
    let topics = scene["topics"].as_array().unwrap();
    let topic = topics.iter().find(|topic| topic["topic"] == "raw_financial_transactions").unwrap();
    assert_eq!((&topic["log"]["records"], &topic["kafka"]), (&json!(5), &Value::Null));

    // The message quotes the record; nothing of that is shown unless the operator says so.
    assert!(!scene.to_string().contains("4111111111111111"), "{scene:#}");
    let told = &scene["violations"];
    assert_eq!(told["shown"], "codes");
    let newest = &told["recent"][0];
    assert_eq!((&newest["route"], &newest["pointer"]), (&json!(FINANCIAL), &json!("/amount")), "{told:#}");
    assert_eq!((&newest["message"], newest["code"].is_string()), (&Value::Null, true), "{told:#}");
    assert_eq!(newest["record_id"].as_str().unwrap().len(), 26);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn violations_are_shown_in_full_or_not_at_all_where_the_operator_says_so() {
    let full = Gateway::with(
        &["plugins/financial-transaction.wasm", "tests/fixtures/hostile.wasm"],
        "[admin]\nviolations_shown = \"full\"\nviolations_kept = 3\n",
    )
    .await;
    for number in 0..5 {
        let wrong = transaction(&number.to_string()).replace("129.95", &format!("\"no number {number}\""));
        assert_eq!(full.post(FINANCIAL, wrong).await.status, 422);
    }
    assert_eq!(full.post("/hostile", r#"{"do":"panic"}"#).await.status, 202);
    let scene = look(&full);
    let recent = scene["violations"]["recent"].as_array().unwrap();
    assert_eq!(recent.len(), 3);
    assert!(recent[0]["message"].as_str().unwrap().contains("no number 4"), "{recent:?}");
    let fault = |scene: &Value| scene["plugins"]["plugins"][1]["last_fault"].as_str().unwrap().to_owned();
    assert!(fault(&scene).contains("told to panic"), "{scene:#}");

    let off = Gateway::with(
        &["plugins/financial-transaction.wasm", "tests/fixtures/hostile.wasm"],
        "[admin]\nviolations_shown = \"off\"\n",
    )
    .await;
    assert_eq!(off.post(FINANCIAL, "{}").await.status, 422);
    assert_eq!(off.post("/hostile", r#"{"do":"panic"}"#).await.status, 202);
    let scene = look(&off);
    assert_eq!(scene["violations"], json!({"shown": "off", "recent": []}));
    assert_eq!(fault(&scene), "trap");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_it_is_not_ready_and_why_a_newer_file_is_refused_are_in_the_same_look() {
    let gateway =
        Gateway::with(&["tests/fixtures/swap-v1.wasm"], "[plugins]\nrequired = [\"absent\"]\n").await;
    std::fs::copy(repository("tests/fixtures/describe-traps.wasm"), gateway.plugins().join("swap-v1.wasm"))
        .unwrap();
    let refused = |status: &Value| !status["plugins"][0]["refused"].is_null();
    gateway.until("a refused file", refused).await;
    let scene = look(&gateway);
    assert_eq!(scene["ready"], false);
    assert_eq!(
        scene["reasons"],
        json!(["plugin 'absent' is required (plugins.required) and does not serve; GET /plugins says why"])
    );
    let swap = &scene["plugins"]["plugins"][0];
    assert_eq!(swap["state"], "serving_last_good");
    assert!(swap["refused"]["reason"].as_str().is_some_and(|reason| reason.len() > 20), "{swap:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_is_judged_for_a_person_with_all_that_would_come_of_it() {
    let gateway = Gateway::with(
        &["plugins/financial-transaction.wasm", "tests/fixtures/conformance.wasm"],
        "[plugin.financial-transaction.topics]\nraw_financial_transactions = \"payments\"\n\
         [plugin.conformance.settings]\nregion = \"north\"\napi_token = \"x\"\n",
    )
    .await;
    let answer = judge(&gateway, "%2Fingest-financial-transaction%2F", &transaction("FT-1"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = answer.json();
    assert_eq!((&told["plugin"], &told["generation"]), (&json!("financial-transaction"), &json!(1)));
    let record = &told["records"][0];
    assert_eq!(record["verdict"], "accepted", "{told:#}");
    let part = &record["parts"][0];
    assert_eq!((&part["id"], &part["topic"]), (&json!("FT-1"), &json!("payments")), "{told:#}");
    assert_eq!(part["value"], "as_posted");
    let measured = record["measurements"].as_array().unwrap();
    assert!(measured.iter().any(|one| one["attributes"]["currency"] == "EUR"), "{told:#}");

    let bad = transaction("FT-2").replace("129.95", "\"<b>no</b>\"");
    let told = judge(&gateway, FINANCIAL, &bad).json();
    let violation = &told["records"][0]["violations"][0];
    assert_eq!(
        (&told["records"][0]["verdict"], &violation["pointer"]),
        (&json!("rejected"), &json!("/amount"))
    );
    // It is the person's own record: its values are told.
    assert!(violation["message"].as_str().unwrap().contains("<b>no</b>"), "{violation}");

    let several = format!("[{},{{}}]", transaction("FT-3"));
    let told = judge(&gateway, FINANCIAL, &several).json();
    let verdicts: Vec<&Value> =
        told["records"].as_array().unwrap().iter().map(|one| &one["verdict"]).collect();
    assert_eq!(verdicts, ["accepted", "rejected"]);

    let of = |command: &str| {
        judge(&gateway, "/conformance/acme/commands", &format!(r#"{{"id":"1","do":"{command}"}}"#)).json()
    };
    assert_eq!(of("discard")["records"][0]["reason"], "told to discard");
    assert_eq!(of("fail")["records"][0]["reason"], "declared: told to fail");
    assert_eq!(of("panic")["records"][0]["verdict"], "faulted");
    assert_eq!(of("warn")["records"][0]["parts"][0]["warnings"][0]["code"], "deprecated");
    assert_eq!(of("tombstone")["records"][0]["parts"][0]["value"], "tombstone");
    let echoed = of("echo");
    let value = echoed["records"][0]["parts"][0]["value"]["replaced"]["begins"]["text"].as_str().unwrap();
    assert!(value.contains("acme"), "the path's parameter: {value}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_tried_is_delivered_nowhere_and_counted_nowhere() {
    let lines = "[plugins.limits]\nbreaker_faults = 2\nbreaker_share_percent = 0\nbreaker_pause_ms = 600000\nrecord_ms = 250\n";
    let gateway =
        Gateway::with(&["plugins/financial-transaction.wasm", "tests/fixtures/hostile.wasm"], lines).await;
    let interesting = |text: &str| {
        let told =
            ["gateway_records", "gateway_plugin", "financial_", "ingestion_", "gateway_dead", "gateway_sink"];
        let of = |line: &&str| {
            told.iter().any(|name| line.starts_with(name))
                && !line.contains("plugin_memory")
                && !line.contains("plugin_instances")
        };
        text.lines().filter(of).map(str::to_owned).collect::<Vec<_>>()
    };
    let before = interesting(&ask(&gateway, "GET /metrics", HOST, b"").text());
    let status = gateway.status().await;
    assert_eq!(judge(&gateway, FINANCIAL, &transaction("FT-1")).json()["records"][0]["verdict"], "accepted");
    assert_eq!(judge(&gateway, FINANCIAL, "{}").json()["records"][0]["verdict"], "rejected");
    for number in 0..5 {
        let poison = format!(r#"{{"do":"trap","n":{number}}}"#);
        assert_eq!(judge(&gateway, "/hostile", &poison).json()["records"][0]["verdict"], "faulted");
    }
    let told = judge(&gateway, "/hostile", r#"{"do":"loop"}"#).json();
    assert_eq!(told["records"][0]["reason"], "deadline: took more than 250 ms");
    let told = judge(&gateway, "/hostile", r#"{"do":"allocate"}"#).json();
    assert!(told["records"][0]["reason"].as_str().unwrap().starts_with("memory: "), "{told:#}");

    // Nor can one who tries take more time than a request may spend on poison.
    let told = judge(&gateway, "/hostile", &format!("[{}]", [r#"{"do":"loop"}"#; 20].join(","))).json();
    let of = |verdict: &str| {
        let records = told["records"].as_array().unwrap().iter();
        records.filter(|record| record["verdict"] == verdict).count()
    };
    assert!((1..=9).contains(&of("faulted")) && of("faulted") + of("not judged") == 20, "{told:#}");
    assert!(told["records"][19]["reason"].as_str().unwrap().contains("the time for finding them was spent"));

    assert_eq!(interesting(&ask(&gateway, "GET /metrics", HOST, b"").text()), before);
    let after = gateway.status().await;
    for key in ["records_judged", "faults", "last_fault", "state"] {
        assert_eq!(after["plugins"][0][key], status["plugins"][0][key], "{key}");
        assert_eq!(after["plugins"][1][key], status["plugins"][1][key], "{key}");
    }
    assert_eq!(look(&gateway)["violations"]["recent"], json!([]));
    assert!(!gateway.data().join("log/raw_financial_transactions").exists());
    assert!(!gateway.data().join("log/hostile.dead-letter").exists());
    // Nor did the breaker hear of it: a producer's record is judged. And when it is open, a person may still try.
    assert_eq!(gateway.post("/hostile", r#"{"do":"ok"}"#).await.status, 200);
    for number in 0..2 {
        gateway.post("/hostile", format!(r#"{{"do":"trap","n":{number}}}"#)).await;
    }
    assert_eq!(gateway.post("/hostile", r#"{"do":"ok"}"#).await.status, 503);
    assert_eq!(judge(&gateway, "/hostile", r#"{"do":"ok"}"#).json()["records"][0]["verdict"], "accepted");
    assert_eq!(gateway.entries("hostile.dead-letter").len(), 2);
    assert!(
        gateway
            .entries("hostile.dead-letter")
            .iter()
            .all(|entry| header(entry, "sluicegate-fault") == Some("trap"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_tried_is_refused_with_the_remedy() {
    let gateway = Gateway::start().await;
    let nowhere = ask(&gateway, "POST /judge", HOST, b"{}");
    assert_eq!(
        (nowhere.status, nowhere.detail().as_str()),
        (400, "the query names no route; send POST /judge?route=/path/, with a path that GET /plugins lists")
    );
    let unknown = judge(&gateway, "/nothing", "{}");
    assert_eq!(
        (unknown.status, unknown.detail().as_str()),
        (
            404,
            "no plugin serves this path; post records to /ingest-financial-transaction/, /ingest-insurance-claim/"
        )
    );
    let empty = judge(&gateway, FINANCIAL, "");
    assert_eq!((empty.status, empty.detail().as_str()), (400, "the body holds no record; send at least one"));
    let large = judge(&gateway, FINANCIAL, &" ".repeat((1 << 20) + 1));
    assert_eq!(
        (large.status, large.detail().as_str(), large.header("connection")),
        (
            413,
            "the body has more than 1048576 bytes, the most that are tried; cut it down, or post it to its route",
            Some("close")
        )
    );
    let many = judge(&gateway, FINANCIAL, &format!("[{}]", ["{}"; 21].join(",")));
    assert_eq!(
        (many.status, many.detail().as_str()),
        (413, "the body holds more than 20 records, the most that are tried at once; send fewer")
    );
    let line = format!("POST /judge?route={FINANCIAL}");
    let form = ask(&gateway, &line, &format!("{HOST}content-type: text/plain\r\n"), b"{}");
    assert_eq!(
        (form.status, form.detail().as_str()),
        (
            415,
            "this route does not take 'text/plain'; send Content-Type: application/json or application/x-ndjson"
        )
    );
    let coded = ask(&gateway, &line, &format!("{HOST}content-encoding: gzip\r\n"), b"{}");
    assert_eq!(
        (coded.status, coded.detail().as_str()),
        (415, "the body is compressed, which is not undone here; send it as it is, without Content-Encoding")
    );
    let got = ask(&gateway, &format!("GET /judge?route={FINANCIAL}"), HOST, b"");
    assert_eq!((got.status, got.header("allow")), (405, Some("POST")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_people_than_there_are_places_are_told_to_try_again() {
    let gateway = Gateway::start().await;
    let head = format!(
        "POST /judge?route={FINANCIAL} HTTP/1.1\r\n{HOST}expect: 100-continue\r\ncontent-length: 2\r\n\r\n"
    );
    let mut slow: Vec<Client> = (0..4).map(|_| Client::connect(gateway.app.admin_address).unwrap()).collect();
    for client in &mut slow {
        client.send(head.as_bytes()).unwrap();
        // Asked to go on: it has its place.
        assert!(client.head().unwrap().starts_with("HTTP/1.1 100 "));
    }
    let busy = judge(&gateway, FINANCIAL, "{}");
    assert_eq!(
        (busy.status, busy.detail().as_str()),
        (503, "4 others try records at present, the most at a time; try again")
    );
    assert!(busy.header("retry-after").is_some());
    for client in &mut slow {
        client.send(b"{}").unwrap();
        assert_eq!(client.answer().unwrap().status, 200);
    }
    assert_eq!(judge(&gateway, FINANCIAL, "{}").status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_other_sites_see_nothing_and_order_nothing() {
    let gateway = Gateway::start().await;
    for line in
        ["GET /", "GET /console.json", "GET /console.js", "POST /judge?route=/ingest-insurance-claim/"]
    {
        let rebound = ask(&gateway, line, "host: evil.example:8081\r\naccept: text/html\r\n", b"");
        assert_eq!(rebound.status, 421, "{line}");
        assert!(
            rebound.detail().contains("does not go by the name 'evil.example:8081'"),
            "{}",
            rebound.detail()
        );
    }
    let host = format!("host: {}\r\n", gateway.app.admin_address);
    let line = format!("POST /judge?route={CLAIM}");
    for page in [
        "origin: http://evil.example\r\n",
        "origin: null\r\n",
        "sec-fetch-site: cross-site\r\n",
        "sec-fetch-site: same-site\r\norigin: http://localhost:3000\r\n",
    ] {
        let crossed = ask(&gateway, &line, &format!("{host}{page}"), claim("1").as_bytes());
        assert_eq!(crossed.status, 403, "{page}");
        assert!(
            crossed.detail().contains("may not order anything here; use a command line"),
            "{}",
            crossed.detail()
        );
    }
    let own =
        format!("{host}origin: http://{}\r\nsec-fetch-site: same-origin\r\n", gateway.app.admin_address);
    assert_eq!(ask(&gateway, &line, &own, claim("1").as_bytes()).status, 200);
}
