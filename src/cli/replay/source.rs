//! Where dead letters lie, and how they are read there.

use crate::cli::complain;
use crate::sink::log::{Cause, Entry, Read, ReadError, Reader};
use crate::sink::{KafkaLetter, KafkaLetters, LettersError};
use serde_json::Value;
use std::fmt;
use std::path::PathBuf;

/// Where a letter lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the local log.
    Sequence(u64),
    /// In a topic of Kafka.
    Offset { partition: i32, offset: i64 },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Sequence(sequence) => write!(f, "{sequence}"),
            Place::Offset { partition, offset } => write!(f, "{partition}:{offset}"),
        }
    }
}

impl Place {
    pub fn as_json(self) -> Value {
        match self {
            Place::Sequence(sequence) => sequence.into(),
            Place::Offset { .. } => self.to_string().into(),
        }
    }

    /// How one begins again that has come so far.
    pub fn again(self) -> String {
        match self {
            Place::Sequence(sequence) => format!("begin again --from {sequence}"),
            // Each goes with the same Idempotency-Key.
            Place::Offset { .. } => {
                "begin again: a gateway that remembers what it has taken does not take it twice".to_owned()
            }
        }
    }
}

/// Why letters cannot be read any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    #[error(transparent)]
    Log(#[from] ReadError),
    #[error(transparent)]
    Kafka(#[from] LettersError),
}

/// Gives letters in order.
pub(super) enum Source {
    Log {
        reader: Box<Reader>,
        directory: PathBuf,
        from: u64,
        /// The last that was read, and the last that is.
        newest: u64,
        end: u64,
    },
    Kafka(Box<KafkaLetters>),
}

impl Source {
    pub fn log(directory: PathBuf, from: u64) -> Source {
        let reader = Box::new(Reader::open(&directory, from));
        Source::Log { reader, directory, from, newest: 0, end: u64::MAX }
    }

    /// The next letter. What is damaged is told and stepped over.
    ///
    /// # Errors
    /// If the disk fails, or Kafka gives nothing any more.
    pub fn next(&mut self) -> Result<Option<(Place, Entry)>, SourceError> {
        match self {
            Source::Kafka(letters) => {
                let letter = letters.read_next()?;
                Ok(letter.map(|KafkaLetter { partition, offset, entry }| {
                    (Place::Offset { partition, offset }, entry)
                }))
            }
            Source::Log { reader, newest, end, .. } => loop {
                match reader.next()? {
                    Some(Read::Entry { sequence, entry }) if sequence <= *end => {
                        *newest = sequence;
                        return Ok(Some((Place::Sequence(sequence), entry)));
                    }
                    Some(Read::Damage(damage)) => {
                        if damage.cause == Cause::Damaged {
                            complain(damage);
                        }
                    }
                    Some(Read::Entry { .. }) | None => return Ok(None),
                }
            },
        }
    }

    /// Begins again, and ends where it has ended now: what comes in meanwhile, from this replay too, is for the next.
    pub fn rewind(&mut self) {
        match self {
            Source::Kafka(letters) => letters.rewind(),
            Source::Log { reader, directory, from, newest, end } => {
                *end = *newest;
                **reader = Reader::open(directory, *from);
            }
        }
    }
}
