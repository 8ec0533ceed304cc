use super::log::{EntryRef, EntryTooLarge, Frames};
use crate::record::RecordId;
use crate::verdict::Failure;
use bytes::Bytes;
use std::sync::Arc;

/// Headers that all messages of a shipment carry.
pub type Headers = Arc<[(&'static str, Bytes)]>;

/// What is shipped together: the records of one request that go to the sink.
#[derive(Debug, Default)]
pub struct Shipment {
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

/// Messages of one topic that are handed over together.
pub(super) struct Lot {
    pub topic: Arc<str>,
    pub messages: Vec<Message>,
    pub bytes: usize,
    pub may_spool: bool,
}

/// A lot that has grown to this takes no more: as many appends as it takes, so that a large request is no larger
/// to the log than several small ones.
const LOT_BYTES: usize = 1 << 20;

/// Messages topic by topic, each lot with the places that its messages had.
pub(super) fn lots(messages: Vec<Message>, may_spool: bool) -> Vec<(Lot, Vec<usize>)> {
    let mut lots: Vec<(Lot, Vec<usize>)> = Vec::with_capacity(1);
    for (index, message) in messages.into_iter().enumerate() {
        let bytes = message.bytes();
        // Only the last lot of a topic may grow: its order is that of the messages.
        let last = lots.iter().rposition(|(lot, _)| lot.topic == message.topic);
        let at = match last.filter(|at| lots[*at].0.bytes + bytes <= LOT_BYTES) {
            Some(at) => at,
            None => {
                let lot = Lot { topic: message.topic.clone(), messages: Vec::new(), bytes: 0, may_spool };
                lots.push((lot, Vec::new()));
                lots.len() - 1
            }
        };
        let (lot, indices) = &mut lots[at];
        lot.bytes += bytes;
        lot.messages.push(message);
        indices.push(index);
    }
    lots
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
mod tests {
    use super::*;
    use crate::record::RecordIds;

    fn message(topic: &str, bytes: usize, is_dead_letter: bool) -> Message {
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
    fn a_lot_ends_before_it_is_too_large_and_no_later_message_joins_an_earlier_one() {
        let large = LOT_BYTES / 2;
        let messages = vec![
            message("a", large, false),
            message("b", 1, false),
            message("a", large, false),
            message("a", 1, false),
            message("b", 2, false),
        ];
        let lots = lots(messages, true);
        let places: Vec<(&str, &[usize])> = lots.iter().map(|(lot, at)| (&*lot.topic, &at[..])).collect();
        assert_eq!(places, [("a", &[0][..]), ("b", &[1, 4]), ("a", &[2, 3])]);
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
