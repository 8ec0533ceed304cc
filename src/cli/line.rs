//! Records of a log as lines: their bytes, or all that is known of them.

use super::{Exit, clock, complain};
use crate::record::RecordId;
use crate::sink::log::{Cause, Entry, Read, Reader};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::PathBuf;

/// Why there is nothing more to print.
pub(super) enum Stop {
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

/// The gateway's data directory: as given, or by the variable, or the default.
pub(super) fn data_directory(given: Option<PathBuf>) -> PathBuf {
    let variable = || std::env::var_os("SLUICEGATE__DATA__DIRECTORY").map(PathBuf::from);
    given.or_else(variable).unwrap_or_else(|| "./data".into())
}

/// Prints what a reader reads, a line each.
pub(super) struct Printer<W: Write> {
    reader: Reader,
    out: W,
    envelope: bool,
    damaged: bool,
}

impl Printer<BufWriter<StdoutLock<'static>>> {
    pub fn to_stdout(reader: Reader, envelope: bool) -> Self {
        Printer {
            reader,
            out: BufWriter::with_capacity(1 << 16, io::stdout().lock()),
            envelope,
            damaged: false,
        }
    }
}

impl<W: Write> Printer<W> {
    /// Prints what there is.
    pub fn print_all(&mut self) -> Result<(), Stop> {
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

    /// How the command ends that has printed.
    pub fn exit(&self, printed: Result<(), Stop>) -> Exit {
        match printed {
            Err(Stop::Failed(sentence)) => {
                complain(sentence);
                Exit::Unsound
            }
            Ok(()) | Err(Stop::Closed) if self.damaged => Exit::Unsound,
            Ok(()) | Err(Stop::Closed) => Exit::Well,
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
