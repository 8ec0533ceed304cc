use super::log::{EntryRef, EntryTooLarge, Frames};
use crate::record::RecordId;
use crate::verdict::Failure;
use bytes::Bytes;
use std::sync::Arc;

/// Headers that all messages of a shipment carry.
pub type Headers = Arc<[(&'static str, Bytes)]>;

/// What is shipped together: the records of one request that go to the sink.
#[derive(Debug, Clone, Default)]
pub struct Shipment {
    /// Headers that all of them carry.
    pub headers: Headers,
    pub messages: Vec<Message>,
    /// Whether an outage of the sink may be answered by keeping records here to be sent later.
    pub may_spool: bool,
}

#[derive(Debug, Clone)]
pub struct Message {
    pub topic: Arc<str>,
    pub id: RecordId,
    pub key: Option<Bytes>,
    /// None: a tombstone.
    pub value: Option<Bytes>,
    /// Milliseconds since 1970, UTC.
    pub time_ms: u64,
    pub headers: Vec<(String, Bytes)>,
    /// It is there for the operator, and stays here.
    pub is_dead_letter: bool,
}

impl Message {
    /// What it takes of a queue: its bytes, and something for each of its parts.
    pub(super) fn bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 32).sum();
        let [key, value] = [&self.key, &self.value].map(|bytes| bytes.as_ref().map_or(0, Bytes::len));
        key + value + headers + 128
    }
}

/// What the sink did with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// It has it for good.
    Committed,
    /// It is durable here and goes on later.
    Stored,
}

/// Why the sink does not have a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undelivered {
    /// It may have it when it is sent again.
    Failed(Failure),
    /// The topic takes no record of this size.
    TooLarge,
    /// The topic does not take the record as it is.
    Invalid,
}

/// A shipment as frames, topic by topic.
pub(super) struct Loaded {
    pub lots: Vec<Lot>,
    /// For each message of the shipment the lot that it is in, or why it is in none.
    pub lot_of_message: Vec<Result<usize, Failure>>,
}

pub(super) struct Lot {
    pub topic: Arc<str>,
    pub frames: Frames,
}

/// A lot that would grow beyond this takes no more: as many appends as it takes, so that a large request is no
/// larger to the log than several small ones. A larger message has a lot of its own.
const LOT_BYTES: u64 = 1 << 20;

impl Shipment {
    /// Encodes the messages on the caller's thread, so that a log's writer has only to write. No lot has more than
    /// `append_bytes_max`; a message that has more by itself is left out and told to the operator.
    pub(super) fn load(&self, append_bytes_max: u64) -> Loaded {
        let mut loading =
            Loading { lots: Vec::with_capacity(1), last_of_topic: Vec::new(), append_bytes_max };
        let mut lot_of_message = Vec::with_capacity(self.messages.len());
        let mut headers: Vec<(&str, &[u8])> = Vec::with_capacity(self.headers.len() + 8);
        for message in &self.messages {
            headers.clear();
            headers.extend(self.headers.iter().map(|(name, value)| (*name, &value[..])));
            headers.extend(message.headers.iter().map(|(name, value)| (name.as_str(), &value[..])));
            let lot = loading.put(message, &headers).map_err(|reason| {
                let (topic, record_id) = (&*message.topic, message.id.to_string());
                tracing::error!(
                    topic,
                    record_id,
                    reason,
                    "record cannot be kept, however often it is sent: its plugin made it too large"
                );
                Failure::TooLargeForSink
            });
            lot_of_message.push(lot);
        }
        Loaded { lots: loading.lots, lot_of_message }
    }
}

struct Loading {
    lots: Vec<Lot>,
    /// Only the last lot of a topic takes more, so that a topic's messages keep their order.
    last_of_topic: Vec<(Arc<str>, usize)>,
    append_bytes_max: u64,
}

impl Loading {
    /// The lot that the message went to, or the sentence that says why it fits into none.
    fn put(&mut self, message: &Message, headers: &[(&str, &[u8])]) -> Result<usize, String> {
        let entry = EntryRef {
            time_ms: message.time_ms,
            id: message.id.ulid,
            part: message.id.part,
            key: message.key.as_deref(),
            headers,
            value: message.value.as_deref(),
        };
        let bytes = entry.frame_bytes().map_err(|error| error.to_string())?;
        if bytes > self.append_bytes_max {
            let limit = self.append_bytes_max;
            return Err(format!(
                "it has {bytes} bytes and the log takes {limit}; raise sink.segment_bytes and sink.queue_bytes_max, or \
                 lower output_bytes_max of its plugin"
            ));
        }
        let lot = self.lot_with_room(&message.topic, bytes);
        self.lots[lot].frames.push(&entry).map_err(|error| error.to_string())?;
        Ok(lot)
    }

    fn lot_with_room(&mut self, topic: &Arc<str>, bytes: u64) -> usize {
        let bytes_max = LOT_BYTES.min(self.append_bytes_max);
        let known = self.last_of_topic.iter_mut().find(|(known, _)| known == topic);
        let has_room = |lot: usize| self.lots[lot].frames.bytes() + bytes <= bytes_max;
        if let Some((_, lot)) = &known
            && has_room(*lot)
        {
            return *lot;
        }
        let lot = self.lots.len();
        self.lots.push(Lot { topic: topic.clone(), frames: Frames::default() });
        match known {
            Some((_, last)) => *last = lot,
            None => self.last_of_topic.push((topic.clone(), lot)),
        }
        lot
    }
}

/// Encodes a message for a log, with what all of its shipment carry.
pub(super) fn push(frames: &mut Frames, shared: &Headers, message: &Message) -> Result<(), EntryTooLarge> {
    let mut headers: Vec<(&str, &[u8])> = Vec::with_capacity(shared.len() + message.headers.len());
    headers.extend(shared.iter().map(|(name, value)| (*name, &value[..])));
    headers.extend(message.headers.iter().map(|(name, value)| (name.as_str(), &value[..])));
    frames.push(&EntryRef {
        time_ms: message.time_ms,
        id: message.id.ulid,
        part: message.id.part,
        key: message.key.as_deref(),
        headers: &headers,
        value: message.value.as_deref(),
    })
}

/// Where each message of a shipment went when dead letters were taken out: true for these.
pub(super) struct Order(Vec<bool>);

impl Shipment {
    /// Records, dead letters, and how their answers come together again.
    pub(super) fn split(self) -> (Shipment, Shipment, Order) {
        let order = Order(self.messages.iter().map(|message| message.is_dead_letter).collect());
        let (dead_letters, records) = self.messages.into_iter().partition(|message| message.is_dead_letter);
        let rest = Shipment { headers: self.headers.clone(), messages: dead_letters, may_spool: false };
        (Shipment { headers: self.headers, messages: records, may_spool: self.may_spool }, rest, order)
    }
}

impl Order {
    pub fn merge<T>(self, records: Vec<T>, dead_letters: Vec<T>) -> Vec<T> {
        let (mut records, mut dead_letters) = (records.into_iter(), dead_letters.into_iter());
        let next = |is_dead_letter| if is_dead_letter { dead_letters.next() } else { records.next() };
        self.0.into_iter().filter_map(next).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::record::RecordIds;

    pub fn message(topic: &str, bytes: usize, is_dead_letter: bool) -> Message {
        Message {
            topic: topic.into(),
            id: RecordIds::minted_at(1).mint(),
            key: None,
            value: Some(vec![b'x'; bytes].into()),
            time_ms: 1,
            headers: vec![],
            is_dead_letter,
        }
    }

    #[test]
    fn answers_for_records_and_dead_letters_come_back_in_the_order_of_the_shipment() {
        let messages = [false, true, false, true].map(|dead| message("a", 1, dead));
        let shipment = Shipment { messages: messages.into(), ..Shipment::default() };
        let (records, dead_letters, order) = shipment.split();
        assert_eq!((records.messages.len(), dead_letters.messages.len()), (2, 2));
        assert_eq!(order.merge(vec!["a", "b"], vec!["x", "y"]), ["a", "x", "b", "y"]);
    }
}
