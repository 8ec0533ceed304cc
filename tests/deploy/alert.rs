//! Each alert can be acted upon, and is tested.

use crate::deployed::{list, read, rules, yaml};
use serde_json::Value;
use std::collections::BTreeSet;

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key}: {value}"))
}

/// Every unit test of promtool's.
fn unit_tests() -> Vec<Value> {
    let files = list("prometheus/tests");
    assert!(!files.is_empty());
    files.iter().flat_map(|file| yaml(file)["tests"].as_array().unwrap().clone()).collect()
}

/// Each query of the unit tests, with the number of samples that it is to give.
fn asked() -> Vec<(String, usize)> {
    let tests = unit_tests();
    let queries = tests.iter().flat_map(|test| test["promql_expr_test"].as_array().unwrap());
    let samples = |query: &Value| query["exp_samples"].as_array().map_or(0, Vec::len);
    queries.map(|query| (text(query, "expr").to_owned(), samples(query))).collect()
}

#[test]
fn every_alert_says_what_it_is_what_to_do_and_where_more_stands() {
    for rule in rules("prometheus/alerts.yaml") {
        let name = text(&rule, "alert");
        let annotations = &rule["annotations"];
        assert!(["critical", "warning"].contains(&text(&rule["labels"], "severity")), "{name}");
        assert!(!text(annotations, "summary").is_empty(), "{name}");
        assert!(text(annotations, "description").ends_with('.'), "{name}");
        let anchor = name.to_lowercase();
        assert_eq!(text(annotations, "runbook"), format!("deploy/RUNBOOK.md#{anchor}"));
    }
}

#[test]
fn the_runbook_has_a_paragraph_for_each_alert_and_no_other() {
    let runbook = read("RUNBOOK.md");
    let sections: Vec<(&str, &str)> =
        runbook.split("\n### ").skip(1).map(|section| section.split_once('\n').unwrap()).collect();
    for (name, paragraph) in &sections {
        let paragraph = paragraph.split("\n## ").next().unwrap().trim();
        assert!(paragraph.len() > 100 && !paragraph.contains("\n\n"), "{name}: {paragraph}");
    }
    let alerts: Vec<String> =
        rules("prometheus/alerts.yaml").iter().map(|rule| text(rule, "alert").to_owned()).collect();
    let explained: BTreeSet<String> = sections.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(explained.len(), sections.len());
    assert_eq!(explained, alerts.into_iter().collect());
}

#[test]
fn every_alert_is_seen_quiet_and_firing_by_a_unit_test() {
    let asked = asked();
    for rule in rules("prometheus/alerts.yaml") {
        let name = text(&rule, "alert");
        let query = format!("ALERTS{{alertname=\"{name}\",alertstate=\"firing\"}}");
        let answers: Vec<usize> =
            asked.iter().filter(|(asked, _)| *asked == query).map(|(_, samples)| *samples).collect();
        assert!(answers.contains(&0), "no test sees {name} quiet");
        assert!(answers.iter().any(|samples| *samples > 0), "no test sees {name} firing");
    }
}

#[test]
fn every_recording_rule_has_a_unit_test() {
    let asked = asked();
    for rule in rules("prometheus/recording.yaml") {
        let name = text(&rule, "record");
        let tested = |(query, samples): &(String, usize)| query.starts_with(name) && *samples > 0;
        assert!(asked.iter().any(tested), "no test of {name}");
    }
}

#[test]
fn both_configurations_of_prometheus_load_all_rules() {
    for file in ["prometheus.yml", "push.yml"] {
        let config = yaml(&format!("prometheus/{file}"));
        assert_eq!(config["rule_files"], serde_json::json!(["recording.yaml", "alerts.yaml"]), "{file}");
    }
}
