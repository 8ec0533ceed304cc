//! `sluicegate serve`.

use super::{Exit, complain, print, variables};
use crate::app::{App, BannerFacts, Records, StartError};
use crate::config::{Config, Flags};
use crate::plugin::{PluginStatus, Status};
use crate::shutdown::Signals;
use crate::telemetry::{self, Export};
use std::fmt;

pub(super) fn run(flags: Flags) -> Exit {
    let config = match Config::load(flags, variables()) {
        Ok(config) => config,
        Err(problems) => {
            complain(format_args!("the configuration is not right, nothing was started\n{problems}"));
            return Exit::Usage;
        }
    };
    let export = match Export::start(&config.telemetry) {
        Ok(export) => export,
        Err(error) => {
            complain(format_args!("the gateway cannot start: telemetry: {error}"));
            return Exit::Usage;
        }
    };
    if let Err(error) = telemetry::start_logging(&config.telemetry, Some(&export)) {
        complain(error);
        return Exit::Usage;
    }
    for notice in &config.notices {
        tracing::warn!(notice, "a setting has no effect");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(format_args!(
                "the threads of the gateway cannot be started ({error}); raise the limit of processes (ulimit -u)"
            ));
            return Exit::Unsound;
        }
    };
    match runtime.block_on(serve(config, export)) {
        Ok(0) => Exit::Well,
        Ok(_) => Exit::Unsent,
        Err(error) => {
            complain(format_args!("the gateway cannot start: {error}"));
            Exit::Usage
        }
    }
}

/// The one place where the command line meets the gateway. Gives the number of records left in the spool.
async fn serve(config: Config, export: Export) -> Result<u64, StartError> {
    let signals = Signals::listen().map_err(StartError::Signals)?;
    let app = match App::start_with(config, export.clone()).await {
        Ok(app) => app,
        Err(error) => {
            // What has been logged up to here is sent.
            let _ = tokio::task::spawn_blocking(move || export.stop()).await;
            return Err(error);
        }
    };
    let facts = app.banner_facts();
    if facts.is_plugin_directory_missing {
        tracing::warn!(
            directory = %facts.plugins.directory.display(),
            "the plugin directory is missing, and nothing is served before it is there"
        );
    }
    // Whoever started it may not want to read what it says.
    let _ = print(Banner(&facts));
    Ok(app.run(signals).await)
}

/// Five lines for the person who started it.
struct Banner<'a>(&'a BannerFacts);

impl fmt::Display for Banner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BannerFacts { data, admin, plugins, records, .. } = self.0;
        let routes = plugins.plugins.iter().flat_map(|plugin| &plugin.routes);
        let routes: Vec<String> = routes.map(|route| format!("http://{data}{}", route.path)).collect();
        let topics = plugins.plugins.iter().flat_map(|plugin| &plugin.routes).flat_map(|route| &route.topics);
        let topic = topics.map(String::as_str).next().unwrap_or("TOPIC");
        match routes.as_slice() {
            [] => writeln!(f, "post     nothing yet: no plugin serves at http://{data}")?,
            routes => writeln!(f, "post     {}", routes.join("  "))?,
        }
        writeln!(
            f,
            "look     http://{admin}/  http://{admin}/plugins  http://{admin}/metrics  http://{admin}/readyz"
        )?;
        writeln!(f, "plugins  {}", Loaded(self.0))?;
        match records {
            Records::Kafka(brokers) => writeln!(f, "records  kafka at {brokers}, topic {topic}")?,
            Records::Local(data) => {
                let from = match data.to_str() {
                    Some("data" | "./data") => String::new(),
                    _ => format!(" --data {}", data.display()),
                };
                writeln!(f, "records  {}  (sluicegate tail{from} {topic})", data.join("log").display())?;
            }
        }
        write!(f, "stop     Ctrl-C or SIGTERM; what is in flight ends first")
    }
}

struct Loaded<'a>(&'a BannerFacts);

impl fmt::Display for Loaded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BannerFacts { plugins: status, is_plugin_directory_missing, .. } = self.0;
        let Status { directory, alarm, plugins, refused, .. } = status;
        let one = |PluginStatus { name, version, digest, .. }: &PluginStatus| {
            format!("{name}@{version};sha256:{}", digest.get(..16).unwrap_or(digest))
        };
        match (plugins.as_slice(), alarm) {
            ([], Some(alarm)) => write!(f, "none: {alarm}")?,
            ([], None) if *is_plugin_directory_missing => write!(
                f,
                "none: there is no directory {0} yet; create it (mkdir -p {0}) and put a .wasm file into it",
                directory.display()
            )?,
            ([], None) => write!(
                f,
                "none: put a .wasm file into {}, it is served within a second",
                directory.display()
            )?,
            (plugins, _) => write!(f, "{}", plugins.iter().map(one).collect::<Vec<_>>().join("  "))?,
        }
        match refused.len() {
            0 => Ok(()),
            count => write!(f, "  ({count} refused, /plugins says why)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::{PluginState, RefusedFile, RouteStatus};
    use std::time::SystemTime;

    fn facts(plugins: Vec<PluginStatus>, refused: Vec<RefusedFile>) -> BannerFacts {
        BannerFacts {
            data: ([127, 0, 0, 1], 8080).into(),
            admin: ([127, 0, 0, 1], 8081).into(),
            plugins: Status { directory: "./plugins".into(), plugins, refused, ..Status::default() },
            is_plugin_directory_missing: false,
            records: Records::Local("./data".into()),
        }
    }

    fn claims() -> PluginStatus {
        let topics = vec!["raw_insurance_claims".to_owned()];
        PluginStatus {
            name: "insurance-claim".into(),
            version: "1.2.3".into(),
            digest: "0123456789abcdef0123456789abcdef".into(),
            file: "insurance-claim.wasm".into(),
            generation: 1,
            loaded_at: SystemTime::UNIX_EPOCH,
            state: PluginState::Serving,
            routes: vec![RouteStatus {
                path: "/ingest-insurance-claim/".into(),
                title: "Claim".into(),
                topics,
            }],
            instances: 1,
            records_judged: 0,
            faults: 0,
            last_fault: None,
            measurements_dropped: 0,
            refused: None,
        }
    }

    #[test]
    fn five_lines_say_where_to_post_and_where_to_look() {
        assert_eq!(
            Banner(&facts(vec![claims()], vec![])).to_string(),
            "post     http://127.0.0.1:8080/ingest-insurance-claim/\n\
             look     http://127.0.0.1:8081/  http://127.0.0.1:8081/plugins  http://127.0.0.1:8081/metrics  http://127.0.0.1:8081/readyz\n\
             plugins  insurance-claim@1.2.3;sha256:0123456789abcdef\n\
             records  ./data/log  (sluicegate tail raw_insurance_claims)\n\
             stop     Ctrl-C or SIGTERM; what is in flight ends first"
        );
    }

    #[test]
    fn the_way_to_the_records_is_the_one_that_they_took() {
        let line = |records| {
            let facts = BannerFacts { records, ..facts(vec![claims()], vec![]) };
            Banner(&facts).to_string().lines().nth(3).map(str::to_owned)
        };
        let elsewhere = "records  /srv/x/log  (sluicegate tail --data /srv/x raw_insurance_claims)";
        assert_eq!(line(Records::Local("/srv/x".into())).as_deref(), Some(elsewhere));
        let kafka = "records  kafka at k:9092, topic raw_insurance_claims";
        assert_eq!(line(Records::Kafka("k:9092".into())).as_deref(), Some(kafka));
    }

    #[test]
    fn a_missing_plugin_directory_is_one_of_the_five_lines() {
        let facts = BannerFacts { is_plugin_directory_missing: true, ..facts(vec![], vec![]) };
        let text = Banner(&facts).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5);
        assert_eq!(
            lines[2],
            "plugins  none: there is no directory ./plugins yet; create it (mkdir -p ./plugins) and put a .wasm file \
             into it"
        );
    }

    #[test]
    fn a_gateway_without_plugins_says_how_to_get_one() {
        let refused = RefusedFile {
            file: "a.wasm".into(),
            digest: None,
            reason: "garbage".into(),
            since: SystemTime::UNIX_EPOCH,
        };
        let text = Banner(&facts(vec![], vec![refused])).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5);
        assert_eq!(lines[0], "post     nothing yet: no plugin serves at http://127.0.0.1:8080");
        assert_eq!(
            lines[2],
            "plugins  none: put a .wasm file into ./plugins, it is served within a second  (1 refused, /plugins says why)"
        );
    }
}
