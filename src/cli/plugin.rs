//! `sluicegate plugin`: for those who write plugins.

mod build;
mod inspect;
mod language;
mod new;
mod run;
mod template;
mod test;

use super::{Exit, complain, variables};
use crate::config::{Config, Flags};
use crate::plugin::{Piece, Workshop, WorkshopOptions};
use crate::telemetry::Metrics;
use clap::{Args, Subcommand};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(super) struct PluginArguments {
    #[command(subcommand)]
    command: PluginCommand,
}

#[derive(Subcommand)]
enum PluginCommand {
    /// Make a small complete project: a record type, its rules, a counter, examples, a test.
    New(new::NewArguments),
    /// Build the plugin of a project with its language's own tools.
    Build(build::BuildArguments),
    /// Judge a plugin's examples, and records of files, and compare with the verdicts that they are to get.
    ///
    /// Each record is judged alone and among others, on new instances and on used ones: a difference means that the
    /// plugin remembers, and is an error.
    Test(test::TestArguments),
    /// Judge records from stdin and show what would become of them: verdict, measurements, time and fuel.
    Run(run::RunArguments),
    /// Say what a plugin file is: what it imports and exports, its routes, topics, instruments and settings.
    Inspect(inspect::InspectArguments),
}

pub(super) fn run(arguments: PluginArguments) -> Exit {
    match arguments.command {
        PluginCommand::New(arguments) => new::run(&arguments),
        PluginCommand::Build(arguments) => build::run(&arguments),
        PluginCommand::Test(arguments) => test::run(&arguments),
        PluginCommand::Run(arguments) => run::run(&arguments),
        PluginCommand::Inspect(arguments) => inspect::run(&arguments),
    }
}

/// A plugin file, and under what circumstances it is looked at.
#[derive(Args)]
struct FileArguments {
    /// The plugin: a .wasm file.
    file: PathBuf,
    /// A setting of the plugin; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
    /// The gateway's configuration, for the plugin's limits and settings there; none is needed.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE, e.g. large_amount=5000".to_owned()),
    }
}

impl FileArguments {
    /// Loads the file as the gateway would; the sentence that says why it cannot is told.
    fn load(&self, is_metered: bool) -> Result<Piece, Exit> {
        let settings = self.settings.iter().cloned().collect();
        load(&self.file, settings, self.config.clone(), is_metered).map_err(|(exit, sentence)| {
            complain(sentence);
            exit
        })
    }
}

/// Loads a file as the gateway would.
fn load(
    file: &Path,
    settings: BTreeMap<String, String>,
    config: Option<PathBuf>,
    is_metered: bool,
) -> Result<Piece, (Exit, String)> {
    let flags = Flags { config, ..Flags::default() };
    let config = Config::load(flags, variables()).map_err(|problems| (Exit::Usage, problems.to_string()))?;
    let metrics = Metrics::new(&config.telemetry);
    let options = WorkshopOptions { settings, is_metered, cache: cache() };
    let mut workshop = Workshop::open(config.plugins, metrics, options)
        .map_err(|error| (Exit::Unsound, error.to_string()))?;
    workshop.load(file).map_err(|error| {
        let mut sentence = format!("{}: {error}", file.display());
        if sentence.contains(".settings]") {
            sentence.push_str("; here by --set KEY=VALUE");
        }
        (Exit::Unsound, sentence)
    })
}

/// Where compiled code is kept for the next time (XDG Base Directory Specification), so that only the first command waits for
/// the compiler.
fn cache() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("sluicegate/compiled"))
}

/// Bytes as people count them.
fn size(bytes: u64) -> String {
    match bytes {
        0..10_240 => format!("{bytes} B"),
        10_240..10_485_760 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_a_key_and_a_value_which_may_be_anything() {
        assert_eq!(setting("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        for wrong in ["", "a", "=b"] {
            assert_eq!(setting(wrong).unwrap_err(), "write KEY=VALUE, e.g. large_amount=5000");
        }
    }

    #[test]
    fn sizes_have_units_that_keep_them_short() {
        assert_eq!([size(999), size(250_000), size(18_400_000)], ["999 B", "244 KiB", "17 MiB"]);
    }
}
