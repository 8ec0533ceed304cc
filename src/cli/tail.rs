//! `sluicegate tail`.

use super::number::whole;
use super::{Exit, clock, complain};
use crate::record::{RecordId, dead_letters_of};
use crate::sink::log::{Cause, Entry, Read, Reader, log_path};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use serde_json::{Map, Value, json};
use std::io::{self, BufWriter, Write};
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

/// Why there is nothing more to print.
enum Stop {
    /// The reader of stdout has gone away.
    Closed,
    /// With the sentence for the person.
    Failed(String),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Stop::Closed,
            _ => Stop::Failed(format!("stdout cannot be written ({error}); give the output another place")),
        }
    }
}

pub(super) fn run(arguments: TailArguments) -> Exit {
    let variable = || std::env::var_os("SLUICEGATE__DATA__DIRECTORY").map(PathBuf::from);
    let data = arguments.data.clone().or_else(variable).unwrap_or_else(|| "./data".into());
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
    let mut printer = Printer {
        reader: Reader::open(&directory, arguments.from),
        out: BufWriter::with_capacity(1 << 16, io::stdout().lock()),
        envelope: arguments.envelope,
        damaged: false,
    };
    let printed = if arguments.follow { follow(&mut printer) } else { printer.print_all() };
    match printed {
        Err(Stop::Failed(sentence)) => {
            complain(sentence);
            Exit::Unsound
        }
        Ok(()) | Err(Stop::Closed) if printer.damaged => Exit::Unsound,
        Ok(()) | Err(Stop::Closed) => Exit::Well,
    }
}

/// Where the topic's log is, or the sentence that says which there are.
fn find(data: &Path, topic: &str) -> Result<PathBuf, String> {
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

struct Printer<W: Write> {
    reader: Reader,
    out: W,
    envelope: bool,
    damaged: bool,
}

impl<W: Write> Printer<W> {
    /// Prints what there is.
    fn print_all(&mut self) -> Result<(), Stop> {
        while let Some(read) = self.reader.next().map_err(|error| Stop::Failed(error.to_string()))? {
            match read {
                Read::Entry { sequence, entry } => self.print(sequence, &entry)?,
                Read::Damage(damage) => {
                    // In its place between the records, for whoever reads both.
                    self.out.flush()?;
                    complain(damage);
                    self.damaged |= damage.cause == Cause::Damaged;
                }
            }
        }
        Ok(self.out.flush()?)
    }

    fn print(&mut self, sequence: u64, entry: &Entry) -> io::Result<()> {
        if self.envelope {
            writeln!(self.out, "{}", envelope(sequence, entry))
        } else if let Some(value) = &entry.value {
            self.out.write_all(value)?;
            self.out.write_all(b"\n")
        } else {
            // A tombstone has no bytes: only its envelope can be shown.
            Ok(())
        }
    }
}

fn envelope(sequence: u64, entry: &Entry) -> Value {
    let mut headers = Map::new();
    for (name, value) in &entry.headers {
        let value = text_or_base64(value);
        match headers.get_mut(name) {
            None => drop(headers.insert(name.clone(), value)),
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    json!({
        "sequence": sequence,
        "time": clock::rfc3339(entry.time_ms),
        "id": RecordId { ulid: entry.id, part: entry.part }.to_string(),
        "key": entry.key.as_deref().map(text_or_base64),
        "headers": headers,
        "value": entry.value.as_deref().map(text_or_base64),
    })
}

fn text_or_base64(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => json!({ "base64": BASE64_STANDARD.encode(bytes) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn an_envelope_shows_text_as_text_and_the_rest_as_base64() {
        let header = |name: &str, value: &'static [u8]| (name.to_owned(), Bytes::from_static(value));
        let entry = Entry {
            time_ms: 1_795_478_323_042,
            id: 1,
            part: Some(2),
            key: Some(Bytes::from_static(b"\xff\x00")),
            headers: vec![header("a", b"1"), header("b", b"\xfe"), header("a", b"2"), header("a", b"3")],
            value: Some(Bytes::from_static(b"{\"x\":1}")),
        };
        assert_eq!(
            envelope(7, &entry),
            json!({
                "sequence": 7,
                "time": "2026-11-23T23:58:43.042Z",
                "id": "00000000000000000000000001-2",
                "key": {"base64": "/wA="},
                "headers": {"a": ["1", "2", "3"], "b": {"base64": "/g=="}},
                "value": "{\"x\":1}",
            })
        );
        let tombstone = Entry { value: None, key: None, ..entry };
        assert_eq!(envelope(7, &tombstone)["value"], Value::Null);
        assert_eq!(envelope(7, &tombstone)["key"], Value::Null);
    }
}
