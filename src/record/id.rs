use std::fmt;

/// The identity of a record from its arrival on: a ULID, with a number where a plugin split the record.
///
/// Stable through log, spool, replay and restarts, so that a consumer can drop what it has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId {
    /// 48 bits of milliseconds since 1970, then 80 random bits; of a request with an Idempotency-Key a hash, of which
    /// no part is a time.
    pub ulid: u128,
    /// Which part of a split record; none for a whole one.
    pub part: Option<u16>,
}

impl RecordId {
    /// Reads one as it is written; none: it is none.
    pub fn read(text: &str) -> Option<RecordId> {
        let (ulid, part) = match text.split_once('-') {
            Some((ulid, part)) => (ulid, Some(part.parse().ok()?)),
            None => (text, None),
        };
        Some(RecordId { ulid: ulid::Ulid::from_string(ulid).ok()?.0, part })
    }

    pub fn part(self, number: u16) -> RecordId {
        RecordId { part: Some(number), ..self }
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; ulid::ULID_LEN];
        f.write_str(ulid::Ulid(self.ulid).array_to_str(&mut text))?;
        match self.part {
            Some(part) => write!(f, "-{part}"),
            None => Ok(()),
        }
    }
}

/// Mints the ids of one request's records: rising, so that they sort in the order of the batch.
#[derive(Debug)]
pub struct RecordIds {
    next: u128,
}

impl RecordIds {
    /// `received_at_ms`: milliseconds since 1970.
    pub fn minted_at(received_at_ms: u64) -> RecordIds {
        // The top random bit stays clear: no batch is long enough to carry into the time.
        let random = fastrand::u128(..) & ((1 << 79) - 1);
        RecordIds { next: u128::from(received_at_ms & 0xffff_ffff_ffff) << 80 | random }
    }

    /// The same ids each time: for a request that may come again. `hash`: of what tells the request from all others.
    pub fn derived_from(hash: u128) -> RecordIds {
        RecordIds { next: hash }
    }

    pub fn mint(&mut self) -> RecordId {
        let ulid = self.next;
        self.next = ulid.wrapping_add(1);
        RecordId { ulid, part: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_batch_sort_in_its_order_and_show_their_time() {
        let mut ids = RecordIds::minted_at(1_700_000_000_000);
        let (first, second) = (ids.mint(), ids.mint());
        assert!(first < second && first.to_string() < second.to_string());
        assert_eq!(first.ulid >> 80, 1_700_000_000_000);
        assert_eq!(first.to_string().len(), 26);
    }

    #[test]
    fn derived_ids_are_the_same_each_time_and_have_no_end() {
        let mint = || {
            let mut ids = RecordIds::derived_from(u128::MAX);
            (ids.mint(), ids.mint())
        };
        assert_eq!(mint(), mint());
        assert_eq!((mint().0.ulid, mint().1.ulid), (u128::MAX, 0));
        assert_eq!(mint().0.to_string().len(), 26);
    }

    #[test]
    fn a_part_is_named_after_its_whole() {
        let id = RecordIds::minted_at(0).mint();
        assert_eq!(id.part(3).to_string(), format!("{id}-3"));
    }

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = RecordIds::minted_at(1_700_000_000_000).mint();
        for id in [id, id.part(0), id.part(u16::MAX)] {
            assert_eq!(RecordId::read(&id.to_string()), Some(id));
        }
        for text in ["", "x", &format!("{id}-"), &format!("{id}-65536"), &format!("{id}x")] {
            assert_eq!(RecordId::read(text), None, "{text}");
        }
    }
}
