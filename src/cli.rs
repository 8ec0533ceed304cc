//! The command line: one file a command.
//!
//! Machine output goes to stdout, progress and logs go to stderr.

mod check;
mod clock;
mod complete;
mod line;
mod number;
mod openapi;
mod plugin;
mod replay;
mod scratch;
mod serve;
mod simulate;
mod spool;
mod tail;

use crate::config::Flags;
use clap::{Args, Parser, Subcommand};
use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    Well,
    /// A plugin, the data or Kafka is not as it should be.
    Unsound,
    /// The configuration or the usage is wrong. clap ends with the same.
    Usage,
    /// Stopped with records in the spool: safe on disk, sent at the next start.
    Unsent,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        match exit {
            Exit::Well => ExitCode::SUCCESS,
            Exit::Unsound => ExitCode::from(1),
            Exit::Usage => ExitCode::from(2),
            Exit::Unsent => ExitCode::from(3),
        }
    }
}

/// An ingestion gateway whose rules are WebAssembly components, swapped live.
///
/// Exit codes: 0 well, 1 a plugin, the data or Kafka is not, 2 configuration or usage, 3 stopped with records in the spool.
#[derive(Parser)]
#[command(name = "sluicegate", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take records in.
    ///
    /// Needs no configuration: plugins from ./plugins, data in ./data, data port 127.0.0.1:8080, admin port
    /// 127.0.0.1:8081.
    Serve(ConfigArguments),
    /// Say all that is wrong with configuration, plugins and the topics they need in Kafka, and start nothing.
    Check(check::CheckArguments),
    /// Print the records of a topic from the local log, a line each.
    Tail(tail::TailArguments),
    /// Look at what waits for Kafka, while a gateway runs or not; nothing is changed.
    Spool(spool::SpoolArguments),
    /// For those who write plugins: test one, run it on records, look into it.
    Plugin(plugin::PluginArguments),
    /// Print the API that the plugins make, as /openapi.json has it, or their topics as AsyncAPI.
    Openapi(openapi::OpenapiArguments),
    /// Send dead letters through a gateway again, or judge them with another plugin without sending.
    Replay(replay::ReplayArguments),
    /// Send realistic records of both sample types to a gateway, good ones and bad ones, and check the answers.
    Simulate(simulate::SimulateArguments),
    /// Print what makes a shell complete commands and flags.
    ///
    /// E.g. `sluicegate completions bash > /etc/bash_completion.d/sluicegate`.
    Completions(complete::CompleteArguments),
}

/// What overrides the configuration.
#[derive(Args)]
struct ConfigArguments {
    /// The configuration file; none is needed.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The directory of plugins [default: ./plugins].
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// The directory for what is kept on disk [default: ./data].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where producers POST records [default: 127.0.0.1:8080].
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<String>,
    /// Where operators look [default: 127.0.0.1:8081].
    #[arg(long, value_name = "IP:PORT")]
    admin: Option<String>,
    /// Kafka's brokers, HOST:PORT with commas between; without them records stay in the local log.
    #[arg(long, value_name = "BROKERS")]
    kafka: Option<String>,
}

impl From<ConfigArguments> for Flags {
    fn from(arguments: ConfigArguments) -> Flags {
        let ConfigArguments { config, plugins, data, listen, admin, kafka } = arguments;
        Flags { config, plugins, data, listen, admin, kafka }
    }
}

/// Does what the command line says.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return misused(&error).into(),
    };
    let exit = match arguments.command {
        Command::Serve(arguments) => serve::run(arguments.into()),
        Command::Check(arguments) => check::run(arguments),
        Command::Tail(arguments) => tail::run(arguments),
        Command::Spool(arguments) => spool::run(arguments),
        Command::Plugin(arguments) => plugin::run(arguments),
        Command::Openapi(arguments) => openapi::run(arguments),
        Command::Replay(arguments) => replay::run(arguments),
        Command::Simulate(arguments) => simulate::run(arguments),
        Command::Completions(arguments) => complete::run(&arguments),
    };
    exit.into()
}

/// Help and version are asked for; all else is told as every other complaint is.
fn misused(error: &clap::Error) -> Exit {
    let text = error.render().to_string();
    if !error.use_stderr() {
        return print(text.trim_end()).err().unwrap_or(Exit::Well);
    }
    complain(text.strip_prefix("error: ").unwrap_or(&text).trim_end());
    Exit::Usage
}

/// The environment. What is not UTF-8 is nothing of ours.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Tells a person what is wrong.
fn complain(sentence: impl Display) {
    // Nobody is left to be told if stderr is gone.
    let _ = writeln!(std::io::stderr(), "sluicegate: {sentence}");
}

/// Prints for machines and for people who asked. A reader that has gone away, as `head` does, is no error.
fn print(text: impl Display) -> Result<(), Exit> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(Exit::Well),
        Err(error) => {
            complain(format_args!("stdout cannot be written ({error}); give the output another place"));
            Err(Exit::Unsound)
        }
    }
}
