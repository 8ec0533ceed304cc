//! `sluicegate check`.

mod kafka;

use super::scratch::Scratch;
use super::{ConfigArguments, Exit, complain, print, variables};
use crate::app::topics_in_kafka;
use crate::config::{self, Config, Origin, Problems};
use crate::plugin::{Plugins, RefusedFile, StartError, Status};
use crate::sink::Survey;
use crate::telemetry::Metrics;
use clap::Args;
use serde_json::{Value, json};

#[derive(Args)]
pub(super) struct CheckArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Say it as one JSON object.
    #[arg(long)]
    json: bool,
    /// Print every key with its default and meaning, as a file to start from, and check nothing.
    #[arg(long, exclusive = true)]
    print_config: bool,
}

/// All that was found.
struct Report {
    config: Result<(), Problems>,
    notices: Vec<String>,
    /// None: not looked at, as where they are is part of what is wrong.
    plugins: Option<Result<Status, StartError>>,
    /// None: there is no Kafka, or it is not known which topics it is to have.
    kafka: Option<Survey>,
}

pub(super) fn run(arguments: CheckArguments) -> Exit {
    if arguments.print_config {
        return print(config::print_reference().trim_end()).err().unwrap_or(Exit::Well);
    }
    let report = match Config::load(arguments.config.into(), variables()) {
        Err(problems) => Report { config: Err(problems), notices: Vec::new(), plugins: None, kafka: None },
        Ok(config) => {
            let notices = config.notices.clone();
            match look_around(config) {
                Ok((plugins, kafka)) => Report { config: Ok(()), notices, plugins: Some(plugins), kafka },
                Err(error) => {
                    complain(format_args!(
                        "the plugins cannot be tried ({error}); make room there, or name another directory by TMPDIR"
                    ));
                    return Exit::Unsound;
                }
            }
        }
    };
    let text = if arguments.json { report.as_json().to_string() } else { report.as_lines().join("\n") };
    print(text).err().unwrap_or_else(|| report.exit())
}

/// Loads the plugins as `serve` does, and asks Kafka for their topics. What would be kept of the plugins for the next
/// start is thrown away: a gateway that runs on the same data must not notice.
fn look_around(config: Config) -> std::io::Result<(Result<Status, StartError>, Option<Survey>)> {
    let scratch = Scratch::create()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let _entered = runtime.enter();
    let metrics = Metrics::new(&config.telemetry);
    let plugins = crate::plugin::Config { state_directory: scratch.path().to_owned(), ..config.plugins };
    let plugins = match Plugins::start(plugins, metrics) {
        Ok(plugins) => plugins,
        Err(error) => return Ok((Err(error), None)),
    };
    let topics = topics_in_kafka(&plugins, config.sink.dead_letters.to);
    let survey = config.sink.kafka.map(|kafka| Survey::take(&kafka, &topics));
    Ok((Ok(plugins.status()), survey))
}

impl Report {
    fn exit(&self) -> Exit {
        match (&self.config, &self.plugins) {
            (Err(_), _) | (_, Some(Err(_))) => Exit::Usage,
            (Ok(()), Some(Ok(status))) if !is_sound(status) => Exit::Unsound,
            _ if self.kafka.as_ref().is_some_and(|survey| !survey.is_sound()) => Exit::Unsound,
            _ => Exit::Well,
        }
    }

    /// What is set and has no effect, whether or not that takes a look at the plugins.
    fn notices(&self) -> impl Iterator<Item = &String> {
        let plugins = self.plugins.iter().flatten().flat_map(|status| &status.notices);
        self.notices.iter().chain(plugins)
    }

    fn as_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        match &self.config {
            Ok(()) => lines.push("configuration: well".to_owned()),
            Err(Problems(problems)) => {
                lines.push(format!("configuration: {} wrong", problems.len()));
                lines.extend(problems.iter().map(|problem| format!("  {problem}")));
                lines.push("plugins: not looked at before the configuration is right".to_owned());
            }
        }
        lines.extend(self.notices().map(|notice| format!("  {notice}")));
        match &self.plugins {
            None => {}
            Some(Err(error)) => lines.push(format!("plugins: {error}")),
            Some(Ok(status)) => plugin_lines(status, &mut lines),
        }
        if let Some(survey) = &self.kafka {
            kafka::lines(survey, &mut lines);
        }
        lines
    }

    fn as_json(&self) -> Value {
        let problems = match &self.config {
            Ok(()) => Vec::new(),
            Err(Problems(problems)) => problems.iter().map(problem_as_json).collect(),
        };
        let plugins = match &self.plugins {
            None => Value::Null,
            Some(Err(error)) => json!({ "error": error.to_string() }),
            Some(Ok(status)) => status_as_json(status),
        };
        json!({
            "well": self.exit() == Exit::Well,
            "problems": problems,
            "notices": self.notices().collect::<Vec<_>>(),
            "plugins": plugins,
            "kafka": self.kafka.as_ref().map(kafka::as_json),
        })
    }
}

/// Refused files of plugins that serve, and of none.
fn refusals(status: &Status) -> impl Iterator<Item = &RefusedFile> {
    status.refused.iter().chain(status.plugins.iter().filter_map(|plugin| plugin.refused.as_ref()))
}

fn is_sound(status: &Status) -> bool {
    refusals(status).next().is_none() && status.missing.is_empty() && status.alarm.is_none()
}

fn plugin_lines(status: &Status, lines: &mut Vec<String>) {
    let wrong = refusals(status).count() + status.missing.len() + usize::from(status.alarm.is_some());
    let judgement = if wrong == 0 { "well".to_owned() } else { format!("{wrong} wrong") };
    lines.push(format!("plugins: {judgement}, {} in {}", status.plugins.len(), status.directory.display()));
    lines.extend(status.alarm.iter().map(|alarm| format!("  {alarm}")));
    if !status.directory.is_dir() && status.alarm.is_none() {
        let directory = status.directory.display();
        lines.push(format!(
            "  there is no directory {directory} yet; create it: mkdir -p {directory}, or name another by --plugins"
        ));
    }
    for plugin in &status.plugins {
        let routes: Vec<String> = plugin
            .routes
            .iter()
            .map(|route| format!("{} -> {}", route.path, route.topics.join(", ")))
            .collect();
        let digest = plugin.digest.get(..16).unwrap_or(&plugin.digest);
        let (name, version, file) = (&plugin.name, &plugin.version, &plugin.file);
        lines.push(format!("  {file}: {name}@{version};sha256:{digest}, {}", routes.join("; ")));
    }
    lines.extend(
        refusals(status).map(|refused| format!("  {}: refused: {}", refused.file, one_line(&refused.reason))),
    );
    let missing = |name: &String| {
        format!(
            "  {name}: missing, and plugins.required names it; put its file into {}",
            status.directory.display()
        )
    };
    lines.extend(status.missing.iter().map(missing));
}

/// What a plugin prints when it crashes may have many lines.
fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" | ")
}

fn problem_as_json(problem: &config::Problem) -> Value {
    let origin = match &problem.origin {
        Origin::File { path, line } => json!({ "file": &**path, "line": line }),
        Origin::Variable(name) => json!({ "variable": name }),
        Origin::Flag(flag) => json!({ "flag": flag }),
        Origin::Default => Value::Null,
    };
    json!({
        "key": problem.key,
        "value": problem.value,
        "origin": origin,
        "fault": problem.fault,
        "remedy": problem.remedy,
        "message": problem.to_string(),
    })
}

fn status_as_json(status: &Status) -> Value {
    let routes = |plugin: &crate::plugin::PluginStatus| -> Vec<Value> {
        let route = |route: &crate::plugin::RouteStatus| json!({ "path": route.path, "title": route.title, "topics": route.topics });
        plugin.routes.iter().map(route).collect()
    };
    let plugins: Vec<Value> = status
        .plugins
        .iter()
        .map(|plugin| {
            json!({
                "name": plugin.name,
                "version": plugin.version,
                "digest": plugin.digest,
                "file": plugin.file,
                "routes": routes(plugin),
            })
        })
        .collect();
    let refused: Vec<Value> = refusals(status)
        .map(|refused| json!({ "file": refused.file, "digest": refused.digest, "reason": refused.reason }))
        .collect();
    json!({
        "directory": status.directory,
        "alarm": status.alarm,
        "loaded": plugins,
        "refused": refused,
        "missing": status.missing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn report(status: Status) -> Report {
        Report { config: Ok(()), notices: vec![], plugins: Some(Ok(status)), kafka: None }
    }

    #[test]
    fn what_a_plugin_prints_stays_on_its_line() {
        assert_eq!(one_line("panicked at a.rs:\nno\n\n"), "panicked at a.rs: | no");
    }

    #[test]
    fn a_refused_plugin_is_named_with_its_reason() {
        let refused = RefusedFile {
            file: "bad.wasm".into(),
            digest: None,
            reason: "it imports wasi:http/types; build it with …".into(),
            since: SystemTime::UNIX_EPOCH,
        };
        let status = Status {
            directory: "./plugins".into(),
            refused: vec![refused],
            missing: vec!["claims".into()],
            ..Status::default()
        };
        let report = report(status);
        assert_eq!(report.exit(), Exit::Unsound);
        assert_eq!(
            report.as_lines(),
            [
                "configuration: well",
                "plugins: 2 wrong, 0 in ./plugins",
                "  bad.wasm: refused: it imports wasi:http/types; build it with …",
                "  claims: missing, and plugins.required names it; put its file into ./plugins",
            ]
        );
        let json = report.as_json();
        assert_eq!(json["well"], false);
        assert_eq!(json["plugins"]["refused"][0]["file"], "bad.wasm");
        assert_eq!(json["plugins"]["missing"][0], "claims");
    }

    #[test]
    fn what_is_set_for_a_plugin_that_is_not_there_is_told_and_stops_nothing() {
        let notice = "[plugin.sawp] has no effect: no plugin has this name; did you mean [plugin.swap]?";
        let status =
            Status { directory: "./plugins".into(), notices: vec![notice.to_owned()], ..Status::default() };
        let report = Report { notices: vec!["first".into()], ..report(status) };
        assert_eq!(report.exit(), Exit::Well);
        assert_eq!(
            report.as_lines(),
            ["configuration: well", "  first", &format!("  {notice}"), "plugins: well, 0 in ./plugins"]
        );
        assert_eq!(report.as_json()["notices"], json!(["first", notice]));
    }

    #[test]
    fn nothing_wrong_is_well() {
        let report = report(Status { directory: "./plugins".into(), ..Status::default() });
        assert_eq!(report.exit(), Exit::Well);
        assert_eq!(report.as_lines(), ["configuration: well", "plugins: well, 0 in ./plugins"]);
    }
}
