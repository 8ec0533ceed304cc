//! What the log keeps of a record, and its bytes in a frame.
//!
//! A body is, little-endian: flags (1 byte), time (8), id (16), part (2, if flagged), key length and key (4 + n,
//! if flagged), count of headers (2), each header's name length (2), value length (4), name and value, and then
//! the value up to the end (unless flagged as a tombstone).

use bytes::{Buf, Bytes};

use super::error::EntryTooLarge;
use super::frame::HEAD_BYTES;

/// Far above any record that is taken in; bounds what a reader allocates for one frame.
pub(super) const BODY_BYTES_MAX: usize = 256 << 20;

/// Flags, time, id and the count of headers.
pub(super) const BODY_BYTES_MIN: usize = 1 + 8 + 16 + 2;

const HAS_PART: u8 = 1;
const HAS_KEY: u8 = 2;
const HAS_VALUE: u8 = 4;

/// An entry to be written, borrowed from its owner.
#[derive(Debug, Clone, Copy)]
pub struct EntryRef<'a> {
    /// When the record arrived, in milliseconds since 1970.
    pub time_ms: u64,
    /// The record's id, a ULID.
    pub id: u128,
    /// Which part of a record that was split.
    pub part: Option<u16>,
    /// The key that orders it.
    pub key: Option<&'a [u8]>,
    /// Headers in order; at most 65,535 with names of at most 65,535 bytes.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The bytes of the record; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
}

/// An entry that was read. Its bytes are slices of the chunk that the reader read it in: what is kept for long
/// should be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When the record arrived, in milliseconds since 1970.
    pub time_ms: u64,
    /// The record's id, a ULID.
    pub id: u128,
    /// Which part of a record that was split.
    pub part: Option<u16>,
    /// The key that orders it.
    pub key: Option<Bytes>,
    /// Headers in order.
    pub headers: Vec<(String, Bytes)>,
    /// The bytes of the record; `None` is a tombstone.
    pub value: Option<Bytes>,
}

impl EntryRef<'_> {
    fn body_bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| 6 + name.len() + value.len()).sum();
        BODY_BYTES_MIN
            + self.part.map_or(0, |_| 2)
            + self.key.map_or(0, |key| 4 + key.len())
            + headers
            + self.value.map_or(0, <[u8]>::len)
    }

    /// Bytes that the entry takes in the log, its frame included.
    ///
    /// # Errors
    /// If no frame can hold it.
    pub fn frame_bytes(&self) -> Result<u64, EntryTooLarge> {
        Ok((HEAD_BYTES + self.measure()?) as u64)
    }

    /// The body's length, if a frame can hold it.
    pub(super) fn measure(&self) -> Result<usize, EntryTooLarge> {
        let bytes = self.body_bytes();
        let headers_fit = self.headers.len() <= usize::from(u16::MAX)
            && self.headers.iter().all(|(name, _)| name.len() <= usize::from(u16::MAX));
        if bytes <= BODY_BYTES_MAX && headers_fit {
            Ok(bytes)
        } else {
            Err(EntryTooLarge { bytes: bytes as u64, limit: BODY_BYTES_MAX as u64 })
        }
    }

    /// Appends the body to a buffer. Lengths were checked by `measure`, so that the casts cannot cut.
    #[expect(clippy::cast_possible_truncation, reason = "measure has checked every length")]
    pub(super) fn encode(&self, buffer: &mut Vec<u8>) {
        let flag = |present: bool, flag: u8| if present { flag } else { 0 };
        let mut head = [0; BODY_BYTES_MIN - 2];
        head[0] = flag(self.part.is_some(), HAS_PART)
            | flag(self.key.is_some(), HAS_KEY)
            | flag(self.value.is_some(), HAS_VALUE);
        head[1..9].copy_from_slice(&self.time_ms.to_le_bytes());
        head[9..25].copy_from_slice(&self.id.to_le_bytes());
        buffer.extend_from_slice(&head);
        if let Some(part) = self.part {
            buffer.extend_from_slice(&part.to_le_bytes());
        }
        if let Some(key) = self.key {
            buffer.extend_from_slice(&(key.len() as u32).to_le_bytes());
            buffer.extend_from_slice(key);
        }
        buffer.extend_from_slice(&(self.headers.len() as u16).to_le_bytes());
        for (name, value) in self.headers {
            buffer.extend_from_slice(&(name.len() as u16).to_le_bytes());
            buffer.extend_from_slice(&(value.len() as u32).to_le_bytes());
            buffer.extend_from_slice(name.as_bytes());
            buffer.extend_from_slice(value);
        }
        if let Some(value) = self.value {
            buffer.extend_from_slice(value);
        }
    }
}

impl Entry {
    /// Reads a body; `None` if it is not one.
    pub(super) fn decode(mut body: Bytes) -> Option<Self> {
        let flags = body.try_get_u8().ok()?;
        let time_ms = body.try_get_u64_le().ok()?;
        let id = body.try_get_u128_le().ok()?;
        let part = if flags & HAS_PART != 0 { Some(body.try_get_u16_le().ok()?) } else { None };
        let key = if flags & HAS_KEY != 0 {
            let len = body.try_get_u32_le().ok()? as usize;
            Some(take(&mut body, len)?)
        } else {
            None
        };
        let count = usize::from(body.try_get_u16_le().ok()?);
        // A header takes six bytes at least, so that a count that lies allocates nothing.
        let mut headers = Vec::with_capacity(count.min(body.len() / 6));
        for _ in 0..count {
            headers.push(decode_header(&mut body)?);
        }
        let value = (flags & HAS_VALUE != 0).then_some(body);
        Some(Self { time_ms, id, part, key, headers, value })
    }
}

fn decode_header(body: &mut Bytes) -> Option<(String, Bytes)> {
    let name_len = usize::from(body.try_get_u16_le().ok()?);
    let value_len = body.try_get_u32_le().ok()? as usize;
    let name = String::from_utf8(take(body, name_len)?.into()).ok()?;
    Some((name, take(body, value_len)?))
}

fn take(body: &mut Bytes, len: usize) -> Option<Bytes> {
    (len <= body.len()).then(|| body.split_to(len))
}
