//! `sluicegate tail`.

use super::line::{Printer, Stop, data_directory};
use super::number::whole;
use super::{Exit, complain};
use crate::record::dead_letters_of;
use crate::sink::log::{Reader, log_path};
use clap::Args;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a follower waits before it looks again.
const FOLLOW_PAUSE: Duration = Duration::from_millis(50);

/// The sentence's end for those who have no log yet.
const NO_LOG: &str = "start a gateway, post a record, or name the gateway's directory by --data";

#[derive(Args)]
pub(super) struct TailArguments {
    /// The topic, as in the log's directory.
    topic: String,
    /// The gateway's data directory [default: $SLUICEGATE__DATA__DIRECTORY or ./data].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Go on printing what comes in.
    #[arg(long, short)]
    follow: bool,
    /// Print JSON with sequence, time, id, key, headers and value; what is not text is {"base64": "…"}.
    #[arg(long)]
    envelope: bool,
    /// Print what the topic's plugins faulted on instead: TOPIC.dead-letter.
    #[arg(long)]
    dead_letter: bool,
    /// Begin at this sequence.
    #[arg(long, value_name = "SEQUENCE", default_value_t = 0, value_parser = whole(0..=u64::MAX), allow_negative_numbers = true)]
    from: u64,
}

pub(super) fn run(arguments: TailArguments) -> Exit {
    let data = data_directory(arguments.data);
    let topic = match arguments.dead_letter {
        true => dead_letters_of(&arguments.topic),
        false => arguments.topic.clone(),
    };
    let directory = match find(&data, &topic) {
        Ok(directory) => directory,
        Err(sentence) => {
            complain(sentence);
            return Exit::Usage;
        }
    };
    let mut printer = Printer::to_stdout(Reader::open(&directory, arguments.from), arguments.envelope);
    let printed = if arguments.follow { follow(&mut printer) } else { printer.print_all() };
    printer.exit(printed)
}

/// Where the topic's log is, or the sentence that says which there are.
pub(super) fn find(data: &Path, topic: &str) -> Result<PathBuf, String> {
    let directory = log_path(data, topic).map_err(|error| error.to_string())?;
    if directory.is_dir() {
        return Ok(directory);
    }
    let mut topics: Vec<String> = match std::fs::read_dir(data.join("log")) {
        Ok(entries) => entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            return Err(format!("{} cannot be read ({error}); name another by --data", data.display()));
        }
    };
    topics.sort();
    Err(match topics.as_slice() {
        [] => format!("there is no topic '{topic}' in {}, nor any other; {NO_LOG}", data.display()),
        topics => {
            format!("there is no topic '{topic}' in {}; there are: {}", data.display(), topics.join(", "))
        }
    })
}

/// Ends when the reader of stdout has gone away.
fn follow<W: Write>(printer: &mut Printer<W>) -> Result<(), Stop> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime =
        runtime.map_err(|error| Stop::Failed(format!("no timer can be had ({error}); try again")))?;
    runtime.block_on(async {
        loop {
            printer.print_all()?;
            tokio::time::sleep(FOLLOW_PAUSE).await;
        }
    })
}
