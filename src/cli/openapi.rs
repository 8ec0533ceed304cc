//! `sluicegate openapi`.

use super::scratch::Scratch;
use super::{ConfigArguments, Exit, complain, print, variables};
use crate::app::{asyncapi, openapi};
use crate::config::Config;
use crate::plugin::{self, Plugins};
use crate::telemetry::Metrics;
use clap::Args;

#[derive(Args)]
pub(super) struct OpenapiArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Print the topics, as AsyncAPI, instead.
    #[arg(long)]
    asyncapi: bool,
    /// Where the routes are served, e.g. https://ingest.example.com.
    #[arg(long, value_name = "URL", conflicts_with = "asyncapi")]
    server: Option<String>,
}

pub(super) fn run(arguments: OpenapiArguments) -> Exit {
    let config = match Config::load(arguments.config.into(), variables()) {
        Ok(config) => config,
        Err(problems) => {
            complain(problems);
            return Exit::Usage;
        }
    };
    let brokers = config.sink.kafka.as_ref().map(|kafka| kafka.brokers.clone());
    let loaded = load(config);
    let plugins = match loaded {
        Ok(plugins) => plugins,
        Err(sentence) => {
            complain(sentence);
            return Exit::Unsound;
        }
    };
    let status = plugins.status();
    for refused in &status.refused {
        complain(format_args!("{}: refused: {}", refused.file, refused.reason));
    }
    let snapshot = plugins.snapshot();
    let manifests = snapshot.manifests();
    let document = match arguments.asyncapi {
        true => asyncapi(manifests, brokers.as_deref()),
        false => openapi(manifests, arguments.server.as_deref()),
    };
    let exit = if status.refused.is_empty() { Exit::Well } else { Exit::Unsound };
    print(format_args!("{document:#}")).err().unwrap_or(exit)
}

/// As `serve` does, without anything that a gateway beside it would notice.
fn load(config: Config) -> Result<Plugins, String> {
    let untried = |error| {
        format!("the plugins cannot be tried ({error}); make room there, or name another directory by TMPDIR")
    };
    let scratch = Scratch::create().map_err(untried)?;
    let metrics = Metrics::new(&config.telemetry);
    let plugins = plugin::Config { state_directory: scratch.path().to_owned(), ..config.plugins };
    let plugins = Plugins::start(plugins, metrics).map_err(|error| error.to_string())?;
    plugins.stop();
    Ok(plugins)
}
