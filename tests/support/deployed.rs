//! What `deploy/` holds, read as those read it for whom it is meant.

#![allow(dead_code, reason = "not every suite that shares this needs all of it")]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Where a PromQL expression stands, which says what may be expected of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A dashboard's panel: it shows something once there is traffic, and what it names has happened. (A counter by
    /// reasons has no series before its first case: requests turned away, known Idempotency-Keys, dead letters, attributes
    /// beyond their budget, records that failed or were quarantined, signs of fraud.)
    Panel,
    /// A dashboard's annotation: it has a series only at the moments that it marks.
    Annotation,
    /// A recording rule.
    Record,
    /// An alert: it has a series only while something is wrong.
    Alert,
}

#[derive(Debug)]
pub struct Expression {
    pub place: Place,
    /// The file, and in it the panel or rule.
    pub name: String,
    pub text: String,
    /// What may name its labels: legends, annotations.
    pub templates: Vec<String>,
}

impl Expression {
    /// As Grafana would ask it with every variable at "All".
    pub fn filled(&self) -> String {
        let text = self.text.replace("$__rate_interval", "5m");
        ["job", "instance", "plugin", "topic"]
            .iter()
            .fold(text, |text, variable| text.replace(&format!("${variable}"), ".*"))
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

/// Every text of `deploy/`, by its path in it, in order.
pub fn files() -> Vec<(String, String)> {
    let (root, mut found) = (root(), Vec::new());
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if path.is_dir() && !hidden && path.file_name().is_some_and(|name| name != "__pycache__") {
                folders.push(path);
            } else if path.is_file() {
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// A text of `deploy/`.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("deploy/{path}: {error}"))
}

/// The documents of a YAML file.
pub fn documents(path: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&read(path)).unwrap_or_else(|error| panic!("deploy/{path}: {error}"))
}

/// The only document of a YAML file.
pub fn yaml(path: &str) -> Value {
    let mut documents = documents(path);
    assert_eq!(documents.len(), 1, "deploy/{path}");
    documents.remove(0)
}

/// The file names in a folder of `deploy/`.
pub fn list(folder: &str) -> Vec<String> {
    let prefix = format!("{folder}/");
    files().into_iter().filter(|(name, _)| name.starts_with(&prefix)).map(|(name, _)| name).collect()
}

/// Each rule of a file of recording or alert rules.
pub fn rules(path: &str) -> Vec<Value> {
    let groups = yaml(path)["groups"].as_array().unwrap().clone();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

pub fn dashboards() -> Vec<(String, Value)> {
    let read_one = |name: String| {
        let text = read(&name);
        let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("deploy/{name}: {error}"));
        (name, json)
    };
    list("grafana/dashboards").into_iter().map(read_one).collect()
}

/// Every PromQL expression of dashboards and rules.
pub fn expressions() -> Vec<Expression> {
    let mut found = Vec::new();
    for (file, dashboard) in dashboards() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                if panel["datasource"]["type"] == "prometheus" {
                    let name = format!("{file}: {}", text(&panel["title"]));
                    let templates = vec![text(&target["legendFormat"])];
                    found.push(Expression {
                        place: Place::Panel,
                        name,
                        text: text(&target["expr"]),
                        templates,
                    });
                }
            }
        }
        for annotation in dashboard["annotations"]["list"].as_array().unwrap() {
            let name = format!("{file}: {}", text(&annotation["name"]));
            let templates = vec![text(&annotation["titleFormat"])];
            let text = text(&annotation["expr"]);
            found.push(Expression { place: Place::Annotation, name, text, templates });
        }
    }
    let kinds = [("recording.yaml", "record", Place::Record), ("alerts.yaml", "alert", Place::Alert)];
    for (file, key, place) in kinds {
        for rule in rules(&format!("prometheus/{file}")) {
            let name = format!("prometheus/{file}: {}", rule[key].as_str().unwrap());
            let annotations = rule["annotations"].as_object().into_iter().flat_map(|all| all.values());
            let templates = annotations.map(|value| value.as_str().unwrap().to_owned()).collect();
            let text = rule["expr"].as_str().unwrap().to_owned();
            found.push(Expression { place, name, text, templates });
        }
    }
    found
}
