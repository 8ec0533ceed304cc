//! `sluicegate spool`: what waits for Kafka, looked at from outside, whether or not a gateway runs.

mod survey;

use super::line::{Printer, data_directory};
use super::{Exit, clock, complain, print};
use crate::sink::log::{CursorFound, Look, Reader, spool_path};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use survey::{Extent, Kind, Survey};

#[derive(Args)]
pub(super) struct SpoolArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say of each topic what waits: records, bytes, since when, and what is damaged.
    Inspect(InspectArguments),
    /// Read every frame of every spool and say what is damaged; exit code 1 if anything is.
    Verify(VerifyArguments),
    /// Print the records of a topic that wait, a line each, as `tail` does. They stay where they are.
    Export(ExportArguments),
}

#[derive(Args)]
struct InspectArguments {
    #[command(flatten)]
    place: Place,
    /// Say it as one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct VerifyArguments {
    #[command(flatten)]
    place: Place,
    /// Read the local log of every topic too, dead letters among them.
    #[arg(long)]
    log: bool,
    /// Say it as one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct ExportArguments {
    /// The topic, as in the spool's directory.
    topic: String,
    #[command(flatten)]
    place: Place,
    /// Print JSON with sequence, time, id, key, headers and value; what is not text is {"base64": "…"}.
    #[arg(long)]
    envelope: bool,
}

#[derive(Args)]
struct Place {
    /// The gateway's data directory [default: $SLUICEGATE__DATA__DIRECTORY or ./data].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Place {
    /// A directory that is there, or the sentence that says otherwise.
    fn find(self) -> Result<PathBuf, String> {
        let data = data_directory(self.data);
        match data.is_dir() {
            true => Ok(data),
            false => Err(format!(
                "there is no directory {}; name the gateway's data directory by --data",
                data.display()
            )),
        }
    }
}

pub(super) fn run(arguments: SpoolArguments) -> Exit {
    let done = match arguments.command {
        Command::Inspect(arguments) => inspect(arguments),
        Command::Verify(arguments) => verify(arguments),
        Command::Export(arguments) => export(arguments),
    };
    done.unwrap_or_else(|sentence| {
        complain(sentence);
        Exit::Usage
    })
}

fn inspect(arguments: InspectArguments) -> Result<Exit, String> {
    let data = arguments.place.find()?;
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let mut surveys = Vec::new();
    for topic in survey::topics(&data, Kind::Spool)? {
        surveys.push(Survey::of(&data, Kind::Spool, topic, Extent::Waiting));
    }
    let printed = if arguments.json {
        print(json!({
            "directory": data.join(Kind::Spool.as_str()),
            "well": surveys.iter().all(Survey::is_well),
            "topics": surveys.iter().map(|survey| waiting_as_json(survey, now_ms)).collect::<Vec<_>>(),
        }))
    } else if surveys.is_empty() {
        print(format_args!("no topic has a spool in {}", data.display()))
    } else {
        surveys.iter().try_for_each(|survey| print(waiting_as_text(survey, now_ms)))
    };
    Ok(ended(printed, &surveys))
}

fn verify(arguments: VerifyArguments) -> Result<Exit, String> {
    let data = arguments.place.find()?;
    let kinds: &[Kind] = if arguments.log { &[Kind::Spool, Kind::Log] } else { &[Kind::Spool] };
    let mut surveys = Vec::new();
    let mut printed = Ok(());
    for kind in kinds {
        for topic in survey::topics(&data, *kind)? {
            let survey = Survey::of(&data, *kind, topic, Extent::Everything);
            // As it comes: a large disk takes its time.
            if !arguments.json && printed.is_ok() {
                printed = print(verified_as_text(&survey));
            }
            surveys.push(survey);
        }
    }
    if arguments.json {
        printed = print(json!({
            "directory": data,
            "well": surveys.iter().all(Survey::is_well),
            "topics": surveys.iter().map(verified_as_json).collect::<Vec<_>>(),
        }));
    } else if surveys.is_empty() {
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        printed = print(format_args!("no topic has a {} in {}", kinds.join(" or a "), data.display()));
    }
    Ok(ended(printed, &surveys))
}

fn export(arguments: ExportArguments) -> Result<Exit, String> {
    let data = arguments.place.find()?;
    let directory = spool_path(&data, &arguments.topic).map_err(|error| error.to_string())?;
    if !directory.is_dir() {
        return Err(match survey::topics(&data, Kind::Spool)?.as_slice() {
            [] => format!("no topic has a spool in {}", data.display()),
            topics => format!(
                "'{}' has no spool in {}; there are: {}",
                arguments.topic,
                data.display(),
                topics.join(", ")
            ),
        });
    }
    let look = match Look::at(&directory) {
        Ok(look) => look,
        Err(error) => {
            complain(error);
            return Ok(Exit::Unsound);
        }
    };
    if look.cursor == CursorFound::Damaged {
        complain("the cursor cannot be read: records that Kafka has are printed too");
    }
    let reader = Reader::open(&directory, look.cursor.consumed() + 1);
    let mut printer = Printer::to_stdout(reader, arguments.envelope);
    let printed = printer.print_all();
    Ok(printer.exit(printed))
}

fn ended(printed: Result<(), Exit>, surveys: &[Survey]) -> Exit {
    match printed {
        Err(exit @ (Exit::Unsound | Exit::Usage)) => exit,
        _ if surveys.iter().all(Survey::is_well) => Exit::Well,
        _ => Exit::Unsound,
    }
}

fn waiting_as_text(survey: &Survey, now_ms: u64) -> String {
    let Survey { topic, records, bytes, .. } = survey;
    let mut text = match survey.oldest_ms {
        None => format!("{topic}: nothing waits"),
        Some(oldest) => format!(
            "{topic}: {records} records of {bytes} bytes wait, the oldest for {} (since {})",
            clock::age(now_ms.saturating_sub(oldest)),
            clock::rfc3339(oldest)
        ),
    };
    if let Some(look) = &survey.look {
        let consumed = match look.cursor {
            CursorFound::At(sequence) => format!("the cursor is at {sequence}"),
            CursorFound::Missing => "there is no cursor yet".to_owned(),
            CursorFound::Damaged => "the cursor cannot be read, so that everything is sent again".to_owned(),
        };
        text += &format!("\n  {consumed}; {} segments of {} bytes", look.segments.len(), look.bytes());
    }
    text + &wrong_as_text(survey)
}

fn verified_as_text(survey: &Survey) -> String {
    let Survey { kind, topic, records, .. } = survey;
    let segments = survey.look.as_ref().map_or(0, |look| look.segments.len());
    let judgement = if survey.is_well() { "all of it is whole" } else { "not all of it is whole" };
    let place = Path::new(kind.as_str()).join(topic);
    format!(
        "{}: {records} records in {segments} segments, {judgement}{}",
        place.display(),
        wrong_as_text(survey)
    )
}

fn wrong_as_text(survey: &Survey) -> String {
    survey.wrong().iter().map(|sentence| format!("\n  {sentence}")).collect()
}

fn waiting_as_json(survey: &Survey, now_ms: u64) -> Value {
    let look = survey.look.as_ref();
    json!({
        "topic": survey.topic,
        "records": survey.records,
        "bytes": survey.bytes,
        "oldest": survey.oldest_ms.map(clock::rfc3339),
        "oldest_age_s": survey.oldest_ms.map(|oldest| now_ms.saturating_sub(oldest) / 1_000),
        "cursor": look.and_then(|look| match look.cursor {
            CursorFound::At(sequence) => Some(sequence),
            CursorFound::Missing | CursorFound::Damaged => None,
        }),
        "segments": look.map(|look| look.segments.len()),
        "segment_bytes": look.map(Look::bytes),
        "wrong": survey.wrong(),
    })
}

fn verified_as_json(survey: &Survey) -> Value {
    json!({
        "kind": survey.kind.as_str(),
        "topic": survey.topic,
        "records": survey.records,
        "segments": survey.look.as_ref().map(|look| look.segments.len()),
        "wrong": survey.wrong(),
    })
}
