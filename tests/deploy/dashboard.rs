//! Each panel can be read by somebody who did not draw it.

use crate::deployed::{Place, dashboards, expressions, yaml};
use serde_json::Value;
use std::collections::BTreeSet;

#[test]
fn every_panel_has_a_title_a_description_and_a_unit() {
    for (file, dashboard) in dashboards() {
        let panels = dashboard["panels"].as_array().unwrap();
        let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), panels.len(), "{file}: an id twice");
        for panel in panels {
            let said = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
            let title = &panel["title"];
            assert!(said(title) && said(&panel["description"]), "{file}: {title}");
            assert!(said(&panel["fieldConfig"]["defaults"]["unit"]), "{file}: {title} has no unit");
            assert!(!panel["targets"].as_array().unwrap().is_empty(), "{file}: {title} asks nothing");
        }
    }
}

#[test]
fn panels_do_not_lie_on_each_other() {
    for (file, dashboard) in dashboards() {
        let mut taken = BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
            assert!(x + w <= 24, "{file}: {} is too wide", panel["title"]);
            for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                assert!(taken.insert(place), "{file}: {} lies on another", panel["title"]);
            }
        }
    }
}

#[test]
fn every_panel_follows_the_choice_of_job_and_instance() {
    for (file, dashboard) in dashboards() {
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        for name in ["datasource", "job", "instance"] {
            assert!(variables.iter().any(|variable| variable["name"] == name), "{file}: no variable {name}");
        }
    }
    for panel in expressions().iter().filter(|expression| expression.place == Place::Panel) {
        for selector in panel.text.split('{').skip(1) {
            assert!(selector.starts_with(r#"job=~"$job",instance=~"$instance""#), "{}", panel.name);
        }
        assert!(!panel.filled().contains('$'), "{}: {}", panel.name, panel.filled());
    }
}

#[test]
fn datasources_and_folders_that_are_named_are_provisioned() {
    let provisioned = yaml("grafana/provisioning/datasources/sluicegate.yaml");
    let datasources = provisioned["datasources"].as_array().unwrap();
    let uids: BTreeSet<&str> = datasources.iter().map(|source| source["uid"].as_str().unwrap()).collect();
    assert_eq!(uids, ["prometheus", "tempo", "loki"].into());
    let links = |source: &Value| {
        let logs = source["jsonData"]["tracesToLogsV2"]["datasourceUid"].as_str().map(str::to_owned);
        let fields = source["jsonData"]["derivedFields"].as_array().into_iter().flatten();
        logs.into_iter()
            .chain(fields.map(|field| field["datasourceUid"].as_str().unwrap().to_owned()))
            .collect::<Vec<_>>()
    };
    for uid in datasources.iter().flat_map(links) {
        assert!(uids.contains(uid.as_str()), "{uid}");
    }
    let mut seen = BTreeSet::new();
    for (file, dashboard) in dashboards() {
        assert!(seen.insert(dashboard["uid"].as_str().unwrap().to_owned()), "{file}: its uid is another's");
        for panel in dashboard["panels"].as_array().unwrap() {
            let uid = panel["datasource"]["uid"].as_str().unwrap();
            assert!(uid == "${datasource}" || uids.contains(uid), "{file}: {uid}");
        }
    }
    let provider = yaml("grafana/provisioning/dashboards/sluicegate.yaml");
    let path = provider["providers"][0]["options"]["path"].as_str().unwrap();
    let mounts = &yaml("compose.yaml")["services"]["grafana"]["volumes"];
    let mounted = format!("./grafana/dashboards:{path}:ro");
    assert!(mounts.as_array().unwrap().iter().any(|mount| *mount == mounted), "{mounts}");
}
