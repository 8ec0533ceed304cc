use super::log::{EntryRef, EntryTooLarge, Frames};
use crate::record::RecordId;
use bytes::Bytes;
use std::sync::Arc;

/// What is shipped together: the records of one request that go to the sink.
#[derive(Debug, Default)]
pub struct Shipment {
    /// Headers that all of them carry.
    pub headers: Vec<(&'static str, Bytes)>,
    pub messages: Vec<Message>,
}

#[derive(Debug)]
pub struct Message {
    pub topic: Arc<str>,
    pub id: RecordId,
    pub key: Option<Bytes>,
    /// None: a tombstone.
    pub value: Option<Bytes>,
    /// Milliseconds since 1970, UTC.
    pub time_ms: u64,
    pub headers: Vec<(String, Bytes)>,
}

/// What the sink did with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// It has it for good.
    Committed,
    /// It is durable here and goes on later.
    Stored,
}

/// A shipment as frames, topic by topic.
pub(super) struct Loaded {
    pub lots: Vec<Lot>,
    /// For each message of the shipment the lot that it is in.
    pub lot_of_message: Vec<usize>,
}

pub(super) struct Lot {
    pub topic: Arc<str>,
    pub frames: Frames,
}

/// A lot that has grown to this takes no more: as many appends as it takes, so that a large request is no larger
/// to the log than several small ones.
const LOT_BYTES: u64 = 1 << 20;

impl Shipment {
    /// Encodes the messages on the caller's thread, so that a log's writer has only to write.
    pub(super) fn load(&self) -> Result<Loaded, EntryTooLarge> {
        let mut lots: Vec<Lot> = Vec::with_capacity(1);
        let mut lot_of_message = Vec::with_capacity(self.messages.len());
        let mut headers: Vec<(&str, &[u8])> = Vec::with_capacity(self.headers.len() + 8);
        for message in &self.messages {
            let has_room = |lot: &Lot| lot.topic == message.topic && lot.frames.bytes() < LOT_BYTES;
            let lot = lots.iter().rposition(has_room).unwrap_or_else(|| {
                lots.push(Lot { topic: message.topic.clone(), frames: Frames::default() });
                lots.len() - 1
            });
            headers.clear();
            headers.extend(self.headers.iter().map(|(name, value)| (*name, &value[..])));
            headers.extend(message.headers.iter().map(|(name, value)| (name.as_str(), &value[..])));
            lots[lot].frames.push(&EntryRef {
                time_ms: message.time_ms,
                id: message.id.ulid,
                part: message.id.part,
                key: message.key.as_deref(),
                headers: &headers,
                value: message.value.as_deref(),
            })?;
            lot_of_message.push(lot);
        }
        Ok(Loaded { lots, lot_of_message })
    }
}
