//! Undoes a Content-Encoding, never making more of it than the limit.

use super::{BodyError, Lease, Whole};
use bytes::buf::Reader;
use bytes::{Buf, Bytes};
use flate2::bufread::MultiGzDecoder;
use hyper::HeaderMap;
use hyper::header::CONTENT_ENCODING;
use std::io::{self, Read};

/// zstd's window, as the logarithm of its bytes: 8 MiB, the most that HTTP allows (RFC 9659).
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// The budget is asked after so many bytes: by so much at most may a body exceed it for a moment, and asking costs
/// nothing beside inflating them.
const STEP_BYTES: usize = 256 << 10;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsupportedCoding {
    #[error("bodies encoded as '{given}' are not taken; send Content-Encoding: gzip or zstd, or none")]
    Unknown { given: String },
    #[error(
        "the body is encoded more than once ('{given}'); send one Content-Encoding, gzip or zstd, or none"
    )]
    Stacked { given: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Zstd,
}

impl Coding {
    /// None: the body is as it is meant.
    pub fn of(headers: &HeaderMap) -> Result<Option<Coding>, UnsupportedCoding> {
        let values =
            headers.get_all(CONTENT_ENCODING).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let given = values.collect::<Vec<_>>().join(", ").to_ascii_lowercase();
        let mut codings =
            given.split(',').map(str::trim).filter(|coding| !matches!(*coding, "" | "identity"));
        let Some(coding) = codings.next() else { return Ok(None) };
        if codings.next().is_some() {
            return Err(UnsupportedCoding::Stacked { given });
        }
        match coding {
            "gzip" | "x-gzip" => Ok(Some(Coding::Gzip)),
            "zstd" => Ok(Some(Coding::Zstd)),
            other => Err(UnsupportedCoding::Unknown { given: other.to_owned() }),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Zstd => "zstd",
        }
    }
}

/// A body being inflated, in as many goes as one likes.
pub(super) struct Inflation {
    coding: Coding,
    decoder: Decoder,
    inflated: Vec<u8>,
    max: usize,
    lease: Lease,
}

enum Decoder {
    /// Any number of members, one after the other (RFC 1952, section 2.2).
    Gzip(Box<MultiGzDecoder<Reader<Bytes>>>),
    /// Any number of frames.
    Zstd(zstd::Decoder<'static, Reader<Bytes>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Ended,
    More,
}

impl Inflation {
    pub fn begin(coding: Coding, packed: Bytes, max: usize, lease: Lease) -> Result<Inflation, BodyError> {
        let decoder = match coding {
            Coding::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(packed.reader()))),
            Coding::Zstd => Decoder::Zstd(zstd(packed).map_err(|error| undecodable(coding, &error))?),
        };
        Ok(Inflation { coding, decoder, inflated: Vec::new(), max, lease })
    }

    /// Goes on until about so many bytes are there, or the end.
    pub fn advance(&mut self, until: usize) -> Result<Progress, BodyError> {
        while self.inflated.len() < until {
            // One more than allowed shows that it is too much.
            let room = (self.max - self.inflated.len()).saturating_add(1);
            let step = STEP_BYTES.min(room).min(until - self.inflated.len());
            let read = match &mut self.decoder {
                Decoder::Gzip(decoder) => decoder.take(step as u64).read_to_end(&mut self.inflated),
                Decoder::Zstd(decoder) => decoder.take(step as u64).read_to_end(&mut self.inflated),
            };
            let read = read.map_err(|error| undecodable(self.coding, &error))?;
            if self.inflated.len() > self.max {
                return Err(BodyError::InflatedTooLarge { max: self.max });
            }
            self.lease.grow(read)?;
            if read < step {
                return Ok(Progress::Ended);
            }
        }
        Ok(Progress::More)
    }

    /// What has been inflated.
    pub fn end(self) -> Whole {
        Whole { bytes: Bytes::from(self.inflated), lease: self.lease }
    }
}

fn zstd(packed: Bytes) -> io::Result<zstd::Decoder<'static, Reader<Bytes>>> {
    let mut decoder = zstd::Decoder::with_buffer(packed.reader())?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(decoder)
}

fn undecodable(coding: Coding, error: &io::Error) -> BodyError {
    BodyError::Undecodable { coding: coding.as_str(), reason: error.to_string() }
}
