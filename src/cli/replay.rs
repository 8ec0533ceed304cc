//! `sluicegate replay`: dead letters through a gateway again, or judged by another plugin without sending.

mod judge;
mod letter;
mod report;
mod send;
mod time;

use super::line::data_directory;
use super::number::whole;
use super::{ConfigArguments, Exit, complain, print, tail};
use crate::record::dead_letters_of;
use crate::sink::log::Reader;
use clap::Args;
use letter::{Filter, Found, Letters};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};
use time::Moment;

#[derive(Args)]
pub(super) struct ReplayArguments {
    /// The topic whose dead letters are meant, as in the local log's directory.
    topic: String,
    /// The gateway's data directory [default: $SLUICEGATE__DATA__DIRECTORY or ./data].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Only what was posted to this route.
    #[arg(long, value_name = "PATH")]
    route: Option<String>,
    /// Only what has this code: a fault (trap, deadline, memory, output, declared) or a violation's. May be repeated.
    #[arg(long = "code", value_name = "CODE")]
    codes: Vec<String>,
    /// Only what was received at this time or later: 2026-11-23, 2026-11-23T23:58:43Z, or 90s, 15m, 2h, 7d ago.
    #[arg(long, value_name = "TIME", value_parser = Moment::read)]
    since: Option<Moment>,
    /// Only what was received before this time.
    #[arg(long, value_name = "TIME", value_parser = Moment::read)]
    until: Option<Moment>,
    /// Begin at this sequence.
    #[arg(long, value_name = "SEQUENCE", default_value_t = 0, value_parser = whole(0..=u64::MAX), allow_negative_numbers = true)]
    from: u64,
    /// The gateway's data port.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    to: String,
    /// Send nothing: say what would be sent.
    #[arg(long)]
    dry_run: bool,
    /// Send nothing: judge with this plugin, and say what it makes of them.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to", "dry_run"])]
    plugin: Option<PathBuf>,
    /// The configuration with the plugin's settings and limits.
    #[arg(long, value_name = "FILE", requires = "plugin")]
    config: Option<PathBuf>,
    /// How many letters the report shows one by one.
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = whole(0..=10_000_usize))]
    examples: usize,
    /// Print the report as one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: ReplayArguments) -> Exit {
    let (letters, data, name) = match open(&arguments) {
        Ok(opened) => opened,
        Err(sentence) => {
            complain(sentence);
            return Exit::Usage;
        }
    };
    let found = match Found::among(letters) {
        Ok(found) => found,
        Err(error) => {
            complain(error);
            return Exit::Unsound;
        }
    };
    if found.matching == 0 {
        complain(found.nothing(&name));
        return Exit::Usage;
    }
    let Ok((letters, ..)) = open(&arguments) else { return Exit::Unsound };
    // What comes in meanwhile, from this replay too, is for the next.
    let letters = letters.up_to(found.last_sequence);
    if arguments.dry_run {
        let report = if arguments.json { found.as_json(&name).to_string() } else { found.as_text(&name) };
        return print(report).err().unwrap_or(Exit::Well);
    }
    let report = match &arguments.plugin {
        Some(file) => judge::run(letters, &found, file, config(&arguments, data), arguments.examples),
        None => send::run(letters, &found, &arguments.to, arguments.examples),
    };
    match report {
        Err(exit) => exit,
        Ok(report) => {
            let printed =
                if arguments.json { print(report.as_json(&name)) } else { print(report.as_text(&name)) };
            if arguments.plugin.is_none() {
                kept(&found);
            }
            match printed {
                Err(exit @ (Exit::Unsound | Exit::Usage)) => exit,
                _ if report.is_well() => Exit::Well,
                _ => Exit::Unsound,
            }
        }
    }
}

/// A log is only appended to: a replay leaves its letters where they are.
fn kept(found: &Found) {
    complain(format_args!(
        "the dead letters stay in the log; leave these out the next time by --from {}, and let sink.retention_age_s or \
         sink.retention_bytes remove old ones",
        found.last_sequence + 1
    ));
}

fn open(arguments: &ReplayArguments) -> Result<(Letters, PathBuf, String), String> {
    let data = data_directory(arguments.data.clone());
    let name = dead_letters_of(arguments.topic.strip_suffix(".dead-letter").unwrap_or(&arguments.topic));
    let directory = tail::find(&data, &name)?;
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let filter = Filter {
        route: arguments.route.clone(),
        codes: arguments.codes.clone(),
        since_ms: arguments.since.map_or(0, |moment| moment.at_ms(now_ms)),
        until_ms: arguments.until.map_or(u64::MAX, |moment| moment.at_ms(now_ms)),
    };
    Ok((Letters::new(Reader::open(&directory, arguments.from), filter), data, name))
}

fn config(arguments: &ReplayArguments, data: PathBuf) -> ConfigArguments {
    ConfigArguments {
        config: arguments.config.clone(),
        plugins: None,
        data: data.is_dir().then_some(data),
        listen: None,
        admin: None,
        kafka: None,
    }
}
