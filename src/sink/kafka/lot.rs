//! A shipment cut into what one lane takes at a time.

use crate::sink::shipment::Message;
use std::sync::Arc;

/// Messages of one topic that are handed over together.
pub(super) struct Lot {
    pub topic: Arc<str>,
    pub messages: Vec<Message>,
    pub bytes: usize,
    pub may_spool: bool,
}

/// As much as is copied to the spool in one append, and as a lane waits for together.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::shipment::tests::message;

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
}
