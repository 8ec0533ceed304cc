//! What is read of the log or spool of one topic.

use crate::sink::log::{Cause, CursorFound, Damage, Entry, Look, Read, Reader, log_path, spool_path};
use std::io;
use std::path::Path;

/// Damaged ranges that are listed; all are counted.
const LISTED_MAX: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Spool,
    Log,
}

impl Kind {
    /// The name of its directory.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Spool => "spool",
            Kind::Log => "log",
        }
    }
}

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// What is behind the cursor.
    Waiting,
    /// What the consumer is done with, too, as far as it is there.
    Everything,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Survey {
    pub kind: Kind,
    pub topic: String,
    /// None: the directory could not be looked at.
    pub look: Option<Look>,
    pub records: u64,
    /// What the records bring: values, keys and headers.
    pub bytes: u64,
    pub oldest_ms: Option<u64>,
    damage: Vec<Damage>,
    damaged_ranges: u64,
    /// Why it could not be read to its end.
    error: Option<String>,
}

impl Survey {
    pub fn of(data: &Path, kind: Kind, topic: String, extent: Extent) -> Survey {
        let path = match kind {
            Kind::Spool => spool_path(data, &topic),
            Kind::Log => log_path(data, &topic),
        };
        let mut survey = Survey {
            kind,
            topic,
            look: None,
            records: 0,
            bytes: 0,
            oldest_ms: None,
            damage: Vec::new(),
            damaged_ranges: 0,
            error: None,
        };
        let looked = path.and_then(|path| Ok((Look::at(&path)?, path)));
        match looked {
            Ok((look, path)) => {
                let from = if extent == Extent::Waiting { look.cursor.consumed() + 1 } else { 0 };
                survey.look = Some(look);
                survey.read(Reader::open(&path, from));
            }
            Err(error) => survey.error = Some(error.to_string()),
        }
        survey
    }

    fn read(&mut self, mut reader: Reader) {
        loop {
            match reader.next() {
                Ok(Some(Read::Entry { entry, .. })) => self.count(&entry),
                // A gateway that runs removes what is done with.
                Ok(Some(Read::Damage(Damage { cause: Cause::Removed, .. }))) => {}
                Ok(Some(Read::Damage(damage))) => {
                    self.damaged_ranges += 1;
                    if self.damage.len() < LISTED_MAX {
                        self.damage.push(damage);
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    self.error = Some(error.to_string());
                    return;
                }
            }
        }
    }

    fn count(&mut self, entry: &Entry) {
        let headers: usize = entry.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        let [key, value] =
            [&entry.key, &entry.value].map(|bytes| bytes.as_ref().map_or(0, bytes::Bytes::len));
        self.records += 1;
        self.bytes += (headers + key + value) as u64;
        self.oldest_ms = Some(self.oldest_ms.map_or(entry.time_ms, |oldest| oldest.min(entry.time_ms)));
    }

    /// Whether all of it could be read. A torn write at the end was never acknowledged.
    pub fn is_well(&self) -> bool {
        let looks_well = |look: &Look| {
            look.cursor != CursorFound::Damaged
                && look.set_aside.is_empty()
                && !look.segments.iter().any(|segment| segment.is_lost)
        };
        self.error.is_none()
            && self.damage.iter().all(|damage| damage.cause == Cause::Torn)
            && self.look.as_ref().is_some_and(looks_well)
    }

    /// All that is wrong, a sentence each.
    pub fn wrong(&self) -> Vec<String> {
        let mut wrong: Vec<String> = self.error.iter().cloned().collect();
        wrong.extend(self.damage.iter().map(Damage::to_string));
        let more = self.damaged_ranges - self.damage.len() as u64;
        if more > 0 {
            wrong.push(format!("and {more} more ranges like these"));
        }
        let Some(look) = &self.look else { return wrong };
        if look.cursor == CursorFound::Damaged {
            wrong.push("the cursor cannot be read: all that is there is sent again".to_owned());
        }
        let lost = look.segments.iter().filter(|segment| segment.is_lost);
        wrong.extend(lost.map(|segment| {
            format!("{} has {} bytes and no header that can be read", segment.name, segment.bytes)
        }));
        wrong.extend(look.set_aside.iter().map(|segment| {
            format!(
                "{} ({} bytes) was set aside because part of it could not be read; remove it once nobody needs it",
                segment.name, segment.bytes
            )
        }));
        wrong
    }
}

/// The topics that have a directory of a kind, or the sentence that says why they cannot be known.
pub(super) fn topics(data: &Path, kind: Kind) -> Result<Vec<String>, String> {
    let directory = data.join(kind.as_str());
    let entries = match std::fs::read_dir(&directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(format!(
                "{} cannot be read ({error}); run it as the gateway's user, or name another by --data",
                directory.display()
            ));
        }
        Ok(entries) => entries,
    };
    let names = entries.flatten().filter(|entry| entry.path().is_dir());
    let mut topics: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    topics.sort();
    Ok(topics)
}
