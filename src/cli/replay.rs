//! `sluicegate replay`: dead letters through a gateway again, or judged by another plugin without sending.

mod judge;
mod letter;
mod report;
mod send;
mod source;
mod time;

use super::clock::rfc3339;
use super::line::data_directory;
use super::number::whole;
use super::{ConfigArguments, Exit, complain, print, tail, variables};
use crate::config::Config;
use crate::record::dead_letters_of;
use crate::sink::{KafkaLetters, LettersError};
use clap::{Args, ValueEnum};
use letter::{Filter, Found, Letters};
use source::{Place, Source};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use time::Moment;

#[derive(Args)]
pub(super) struct ReplayArguments {
    /// The topic whose dead letters are meant.
    topic: String,
    /// Where they lie: in the local log, or in Kafka, whose brokers --kafka or the configuration names.
    #[arg(long, value_name = "PLACE", value_enum, default_value_t = LettersIn::Local)]
    letters: LettersIn,
    /// Kafka's brokers, HOST:PORT with commas between; it is their letters that are meant then.
    #[arg(long, value_name = "BROKERS")]
    kafka: Option<String>,
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
    /// Begin at this sequence of the local log.
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
    /// The configuration with the plugin's settings and limits, or with what is needed to reach Kafka.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How many letters the report shows one by one.
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = whole(0..=10_000_usize))]
    examples: usize,
    /// Print the report as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Where dead letters lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LettersIn {
    Local,
    Kafka,
}

pub(super) fn run(arguments: ReplayArguments) -> Exit {
    let data = data_directory(arguments.data.clone());
    let name = dead_letters_of(arguments.topic.strip_suffix(".dead-letter").unwrap_or(&arguments.topic));
    let mut letters = match source(&arguments, &data, &name) {
        Ok(source) => Letters::new(source, filter(&arguments)),
        Err((exit, sentence)) => {
            complain(sentence);
            return exit;
        }
    };
    let found = match Found::among(&mut letters) {
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

/// Logs and topics are only appended to: a replay leaves its letters where they are.
fn kept(found: &Found) {
    match found.last {
        None => {}
        Some(Place::Sequence(last)) => complain(format_args!(
            "the dead letters stay in the log; leave these out the next time by --from {}, and let sink.retention_age_s \
             or sink.retention_bytes remove old ones",
            last + 1
        )),
        Some(Place::Offset { .. }) => complain(format_args!(
            "the dead letters stay in the topic; leave these out the next time by --since {}, and let its retention.ms \
             remove old ones",
            rfc3339(found.newest_ms + 1)
        )),
    }
}

/// Where the letters are read, or the sentence that says why they cannot be.
fn source(arguments: &ReplayArguments, data: &Path, name: &str) -> Result<Source, (Exit, String)> {
    let usage = |sentence: &str| (Exit::Usage, sentence.to_owned());
    if arguments.letters == LettersIn::Local && arguments.kafka.is_none() {
        if arguments.config.is_some() && arguments.plugin.is_none() {
            return Err(usage("--config has no effect without --plugin <FILE> or --letters kafka"));
        }
        let directory = tail::find(data, name).map_err(|sentence| (Exit::Usage, sentence))?;
        return Ok(Source::log(directory, arguments.from));
    }
    if arguments.from > 0 {
        return Err(usage(
            "--from is a sequence of the local log, which letters in Kafka do not have; choose by --since",
        ));
    }
    let config =
        Config::load(config(arguments, data.to_owned()).into(), variables()).map_err(|problems| {
            (Exit::Usage, format!("the configuration is not right, nothing was read\n{problems}"))
        })?;
    let Some(kafka) = config.sink.kafka else {
        return Err(usage(
            "no Kafka is configured; name its brokers by --kafka, or by kafka.brokers in --config",
        ));
    };
    match KafkaLetters::open(&kafka, name) {
        Ok(letters) => Ok(Source::Kafka(Box::new(letters))),
        Err(error @ LettersError::NoTopic { .. }) => Err((Exit::Usage, error.to_string())),
        Err(error) => Err((Exit::Unsound, error.to_string())),
    }
}

fn filter(arguments: &ReplayArguments) -> Filter {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    Filter {
        route: arguments.route.clone(),
        codes: arguments.codes.clone(),
        since_ms: arguments.since.map_or(0, |moment| moment.at_ms(now_ms)),
        until_ms: arguments.until.map_or(u64::MAX, |moment| moment.at_ms(now_ms)),
    }
}

fn config(arguments: &ReplayArguments, data: PathBuf) -> ConfigArguments {
    ConfigArguments {
        config: arguments.config.clone(),
        plugins: None,
        data: data.is_dir().then_some(data),
        listen: None,
        admin: None,
        kafka: arguments.kafka.clone(),
    }
}
