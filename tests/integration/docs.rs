//! What the gateway says of its own API.

use crate::harness::{FINANCIAL, Gateway, PATIENCE, repository, transaction};
use hyper::Method;
use serde_json::Value;
use std::time::Instant;

async fn document(gateway: &Gateway, path: &str) -> Value {
    let answer = gateway.send(Method::GET, path, &[], "").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    answer.json()
}

#[tokio::test]
async fn the_api_is_told_as_the_live_plugins_make_it_and_changes_with_them() {
    let gateway = Gateway::with(&["plugins/financial-transaction.wasm"], "").await;
    let before = document(&gateway, "/openapi.json").await;
    let paths: Vec<&String> = before["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/health", FINANCIAL]);
    let post = &before["paths"][FINANCIAL]["post"];
    let examples = &post["requestBody"]["content"]["application/json"]["examples"];
    assert_eq!(examples["01-purchase"]["value"]["transaction_id"], "FT-1001");
    let topics = document(&gateway, "/asyncapi.json").await;
    assert!(topics["channels"]["raw_financial_transactions"].is_object(), "{topics}");

    // An example that is tried out gets what is said of it.
    let answer = gateway.post(FINANCIAL, examples["01-purchase"]["value"].to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());

    let claims = repository("plugins/insurance-claim.wasm");
    std::fs::copy(claims, gateway.plugins().join("insurance-claim.wasm")).unwrap();
    let start = Instant::now();
    while document(&gateway, "/openapi.json").await["paths"].as_object().unwrap().len() < 3 {
        assert!(start.elapsed() < PATIENCE, "the new plugin's route is not told");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    gateway.stop().await;
}

#[tokio::test]
async fn the_page_is_whole_and_names_no_other_host() {
    let gateway = Gateway::start().await;
    let get = |path: &'static str| gateway.send(Method::GET, path, &[], "");
    let moved = get("/docs").await;
    assert_eq!((moved.status, moved.header("location")), (308, "/docs/"));
    let page = get("/docs/").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    for part in page.text().split("src=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()) {
        let path = format!("/docs/{part}");
        let plain = gateway.send(Method::GET, &path, &[], "").await;
        let packed = gateway.send(Method::GET, &path, &[("accept-encoding", "br, gzip")], "").await;
        assert_eq!((plain.status, packed.status), (200, 200), "{path}");
        let is_packed = packed.header("content-encoding") == "gzip";
        assert_eq!(is_packed, packed.body.len() < plain.body.len(), "{path}");
    }
    assert!(!page.text().contains("://"));
    gateway.stop().await;
}

#[tokio::test]
async fn a_wrong_method_or_path_of_it_is_told_and_it_can_be_kept_to_oneself() {
    let gateway = Gateway::start().await;
    let answer = gateway.post("/openapi.json", transaction("1")).await;
    assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"));
    let answer = gateway.send(Method::GET, "/docs/nothing", &[], "").await;
    assert_eq!(
        (answer.status, answer.json()["detail"].as_str().unwrap()),
        (404, "the documentation has nothing at this path; GET /docs/ is its page")
    );
    let head = gateway.send(Method::HEAD, "/openapi.json", &[], "").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    let directory = gateway.stop().await;
    let gateway = Gateway::again(directory, "[http]\ndocs = false\n").await;
    for path in ["/openapi.json", "/asyncapi.json", "/docs/"] {
        assert_eq!(gateway.send(Method::GET, path, &[], "").await.status, 404, "{path}");
    }
    gateway.stop().await;
}
