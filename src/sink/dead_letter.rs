//! Where records go that an operator has to look at, and how much room the rejected ones among them have.

use crate::record::is_dead_letters;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is kept for the operator, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetters {
    pub to: DeadLetterPlace,
    /// Whether rejected records are kept too.
    pub rejected: bool,
    /// Bytes of rejected records that may wait to be kept; more are shed.
    pub rejected_bytes_max: usize,
}

impl Default for DeadLetters {
    fn default() -> DeadLetters {
        DeadLetters { to: DeadLetterPlace::Local, rejected: false, rejected_bytes_max: 16 << 20 }
    }
}

/// Where dead letters lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadLetterPlace {
    /// The local log, whatever the sink is: it takes them also when a topic is missing in Kafka.
    Local,
    /// `<topic>.dead-letter` in Kafka. What Kafka does not take goes to the local log: a record that a plugin faulted
    /// on must not fail for ever.
    Kafka,
}

/// Room for rejected records on their way to the dead letters.
#[derive(Debug, Clone)]
pub(super) struct RejectedRoom {
    bytes: Arc<Semaphore>,
}

/// A share of that room, until it is dropped.
#[derive(Debug)]
pub struct Room(OwnedSemaphorePermit);

impl Room {
    /// Holds both shares as one.
    pub fn join(&mut self, other: Room) {
        self.0.merge(other.0);
    }
}

impl RejectedRoom {
    pub fn new(bytes_max: usize) -> RejectedRoom {
        RejectedRoom { bytes: Arc::new(Semaphore::new(bytes_max.min(Semaphore::MAX_PERMITS))) }
    }

    /// None: there is no room at present. Nobody waits for it.
    pub fn take(&self, bytes: usize) -> Option<Room> {
        let bytes = u32::try_from(bytes).ok()?;
        Some(Room(self.bytes.clone().try_acquire_many_owned(bytes).ok()?))
    }
}

/// Tells the operator of dead letters that Kafka did not take.
pub(super) fn note_kept_here(topic: &str, records: usize) {
    debug_assert!(is_dead_letters(topic));
    tracing::warn!(topic, records, "kafka does not take dead letters; they are kept in the local log");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejected_records_have_a_room_of_their_own_and_give_it_back() {
        let room = RejectedRoom::new(100);
        let mut first = room.take(40).unwrap();
        first.join(room.take(50).unwrap());
        assert!(room.take(20).is_none());
        assert!(room.take(10).is_some());
        drop(first);
        assert!(room.take(100).is_some());
        assert!(room.take(101).is_none() && room.take(usize::MAX).is_none());
    }
}
