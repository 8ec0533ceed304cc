//! What a file has to prove before it goes live, and what an operator is told when it does not.

use super::forge::module;
use super::*;
use crate::verdict::{Finding, Value, Verdict};

/// Why the only file is refused.
fn refusal(bench: &Bench) -> String {
    let status = bench.status();
    assert_eq!((status.refused.len(), status.plugins.len()), (1, 0), "{status:#?}");
    status.refused[0].reason.clone()
}

fn with_settings(plugin: &str, settings: &[(&str, &str)]) -> Bench {
    let mut bench = Bench::new();
    let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let operator = PluginConfig { settings, ..PluginConfig::default() };
    bench.config.plugins.insert(plugin.to_owned(), operator);
    bench.put("conformance.wasm", &fixture("conformance.wasm"));
    bench.start();
    bench
}

#[test]
fn describe_that_traps_refuses_the_file_in_the_guests_own_words() {
    let bench = Bench::with(&[("broken.wasm", "describe-traps.wasm")]);
    let reason = refusal(&bench);
    assert!(reason.starts_with("`describe` failed: "), "{reason}");
    assert!(reason.contains("this plugin cannot say what it is"), "{reason}");
}

#[test]
fn describe_that_refuses_is_quoted() {
    let bench = Bench::with(&[("broken.wasm", "describe-refuses.wasm")]);
    assert_eq!(refusal(&bench), "`describe` refused to serve: this plugin does not want to say what it is");
}

#[test]
fn an_example_that_fails_is_named_with_what_was_expected_and_what_came() {
    let bench = Bench::with(&[("broken.wasm", "wrong-example.wasm")]);
    assert_eq!(
        refusal(&bench),
        "its example 'not-wrong-at-all' of route /broken is to be rejected with missing, and it was accepted"
    );
}

#[test]
fn a_required_setting_that_is_not_given_is_named_with_where_to_give_it() {
    let reason = refusal(&Bench::with(&[("conformance.wasm", "conformance.wasm")]));
    assert_eq!(
        reason,
        "its manifest cannot be served: setting 'region' has no default and is not given; set it in \
         [plugin.conformance.settings]"
    );
}

#[test]
fn an_unknown_setting_is_refused_by_name() {
    let reason = refusal(&with_settings("conformance", &[("region", "eu"), ("limits", "3")]));
    assert!(
        reason.contains("[plugin.conformance.settings] gives 'limits', which is no setting of it"),
        "{reason}"
    );
}

#[tokio::test]
async fn settings_reach_the_plugin_and_examples_do_not_depend_on_them() {
    // The plugin's own example has a value of 3 accepted: that a lower limit is set does not make it fail.
    let bench = with_settings("conformance", &[("region", "eu"), ("limit", "2")]);
    let judgement = bench
        .judge(
            "/conformance/acme/commands",
            &[r#"{"do":"accept","value":2}"#, r#"{"do":"accept","value":3}"#],
        )
        .await;
    assert!(matches!(&judgement.findings[0], Finding::Verdict(Verdict::Accept(_))), "{judgement:?}");
    match &judgement.findings[1] {
        Finding::Verdict(Verdict::Reject(violations)) => assert_eq!(violations[0].code, "over_limit"),
        other => panic!("not rejected: {other:?}"),
    }
}

#[tokio::test]
async fn everything_that_the_contract_allows_is_served() {
    let bench = with_settings("conformance", &[("region", "eu")]);
    let commands = [
        "second_topic",
        "header",
        "timestamp",
        "tombstone",
        "replace",
        "warn",
        "discard",
        "fail",
        "measure",
        "log",
    ];
    let bodies: Vec<String> = commands.iter().map(|what| format!(r#"{{"do":"{what}"}}"#)).collect();
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    let judgement = bench.judge("/conformance/acme/commands", &bodies).await;
    let accepted: Vec<_> = judgement
        .findings
        .iter()
        .map(|finding| match finding {
            Finding::Verdict(Verdict::Accept(accepted)) => Some(accepted),
            _ => None,
        })
        .collect();
    assert_eq!(accepted[0].unwrap().topic, 1);
    assert_eq!(accepted[1].unwrap().headers[1], ("x-binary".to_owned(), vec![0, 255].into()));
    assert_eq!(accepted[2].unwrap().timestamp_ms, Some(1_000));
    assert_eq!(accepted[3].unwrap().value, Value::Tombstone);
    assert_eq!(accepted[4].unwrap().value, Value::Replaced(r#"{"replaced":true}"#.into()));
    assert_eq!(accepted[5].unwrap().warnings.len(), 2);
    assert!(matches!(&judgement.findings[6], Finding::Verdict(Verdict::Discard(_))));
    assert!(matches!(&judgement.findings[7], Finding::Fault(_)));
    assert!(judgement.measurements[0].measurements.len() >= 6);
}

#[tokio::test]
async fn a_plugin_sees_the_requests_facts_and_only_those() {
    let bench = with_settings("conformance", &[("region", "eu")]);
    let found = bench.plugins().snapshot().route("/conformance/a%20b/commands/").unwrap();
    assert_eq!(found.parameters, [("tenant".to_owned(), "a b".to_owned())]);
    let facts = Facts {
        received_at_ms: 1_700_000_000_000,
        parameters: found.parameters,
        headers: vec![("x-tenant".to_owned(), "acme".to_owned())],
        caller: Some("someone".to_owned()),
    };
    let (judgement, _held) = found.generation.judge(found.route, facts, batch(&[r#"{"do":"echo"}"#])).await;
    let Finding::Verdict(Verdict::Accept(accepted)) = &judgement.findings[0] else { panic!("{judgement:?}") };
    let Value::Replaced(echo) = &accepted.value else { panic!("{accepted:?}") };
    let echo = String::from_utf8_lossy(echo);
    for part in ["1700000000000", "a b", "acme", "someone", "eu"] {
        assert!(echo.contains(part), "no {part} in {echo}");
    }
}

#[test]
fn routes_that_conflict_are_refused_by_both_names_and_served_when_they_are_free() {
    let bench = Bench::new();
    let mut bench = bench;
    bench.put("a.wasm", &module("first", "(global.get $discard)", ""));
    bench.put("b.wasm", &module("second", "(global.get $discard)", ""));
    bench.start();
    let status = bench.status();
    assert_eq!(status.plugins[0].name, "first");
    assert_eq!(
        status.refused[0].reason,
        "route '/forged' of plugin 'second' conflicts with route '/forged' of plugin 'first'; change one of them, \
         or remove one of the files"
    );
    std::fs::remove_file(bench.file("a.wasm")).unwrap();
    let status = bench.until("serves the second", |status| status.plugins.iter().any(|p| p.name == "second"));
    assert_eq!((status.plugins.len(), status.refused.len()), (1, 0), "{status:#?}");
}

#[test]
fn a_file_that_becomes_another_plugin_takes_its_place() {
    let mut bench = Bench::new();
    bench.put("a.wasm", &module("first", "(global.get $discard)", ""));
    bench.start();
    bench.put("a.wasm", &module("second", "(global.get $discard)", ""));
    let status = bench.until("serves the second", |status| status.plugins.iter().any(|p| p.name == "second"));
    assert_eq!(status.plugins.len(), 1);
}

#[test]
fn a_start_that_traps_loops_or_eats_memory_refuses_the_file() {
    let start = |body: &str| format!("(func $start {body}) (start $start)");
    let cases = [
        (start("unreachable"), "no instance of it can be made: wasm trap: "),
        (start("(loop (br 0))"), "no instance of it can be made: took more than 1000 ms"),
        (
            start("(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable"),
            "no instance of it can be made: wanted more than 67108864 bytes of memory (memory_bytes_max)",
        ),
    ];
    for (more, sentence) in cases {
        let mut bench = Bench::new();
        bench.put("forged.wasm", &module("forged", "(global.get $discard)", &more));
        bench.start();
        let reason = refusal(&bench);
        assert!(reason.starts_with(sentence), "{reason}");
    }
}

#[test]
fn a_manifest_that_cannot_be_served_is_refused_with_all_that_is_wrong() {
    let mut bench = Bench::new();
    bench.put("forged.wasm", &module("No Name", "(global.get $discard)", ""));
    bench.start();
    assert_eq!(
        refusal(&bench),
        "its manifest cannot be served: name \"No Name\": use lower-case letters, digits and dashes, a letter \
         first, at most 64"
    );
}
