use crate::AttributeRef;
use crate::contract::{AttributeValue, Measurement};
use crate::same::same;

/// The measurements of one call. Equal attribute sets are kept once: they are what a large batch costs.
#[derive(Default)]
pub(crate) struct Ledger {
    measurements: Vec<Measurement>,
    sets: Vec<Vec<AttributeValue>>,
    /// Of each set.
    hashes: Vec<u64>,
    /// Open addressing: a set's index plus one, or 0. Empty, or a power of two long and at most half full.
    table: Vec<u32>,
}

/// While there are no more sets than this they are looked through one after the other.
const SCANNED_MAX: usize = 8;

impl Ledger {
    pub(crate) fn add(&mut self, item: u32, instrument: u32, value: f64, attributes: &[AttributeRef<'_>]) {
        let attribute_set = if attributes.is_empty() { 0 } else { self.intern(attributes) };
        self.measurements.push(Measurement { item, instrument, value, attribute_set });
    }

    pub(crate) fn into_parts(self) -> (Vec<Measurement>, Vec<Vec<AttributeValue>>) {
        (self.measurements, self.sets)
    }

    fn intern(&mut self, attributes: &[AttributeRef<'_>]) -> u32 {
        // Often one record feeds several instruments with the same attributes.
        if let Some(last) = self.measurements.last()
            && self.sets.get(last.attribute_set as usize).is_some_and(|set| equal(set, attributes))
        {
            return last.attribute_set;
        }
        let hash = hash(attributes);
        self.find(hash, attributes).unwrap_or_else(|| self.insert(hash, attributes))
    }

    fn find(&self, hash: u64, attributes: &[AttributeRef<'_>]) -> Option<u32> {
        let same = |index: usize| self.hashes[index] == hash && equal(&self.sets[index], attributes);
        if self.table.is_empty() {
            return (0..self.sets.len()).find(|&index| same(index)).map(|index| index as u32);
        }
        let mut slot = self.slot(hash);
        while self.table[slot] != 0 {
            let index = self.table[slot] - 1;
            if same(index as usize) {
                return Some(index);
            }
            slot = (slot + 1) & (self.table.len() - 1);
        }
        None
    }

    fn insert(&mut self, hash: u64, attributes: &[AttributeRef<'_>]) -> u32 {
        let index = self.sets.len() as u32;
        self.sets.push(attributes.iter().map(owned).collect());
        self.hashes.push(hash);
        if self.sets.len() > SCANNED_MAX {
            if self.table.len() < 2 * self.sets.len() {
                self.grow();
            } else {
                self.enter(index);
            }
        }
        index
    }

    fn grow(&mut self) {
        self.table = vec![0; (4 * self.sets.len()).next_power_of_two()];
        for index in 0..self.sets.len() {
            self.enter(index as u32);
        }
    }

    fn enter(&mut self, index: u32) {
        let mut slot = self.slot(self.hashes[index as usize]);
        while self.table[slot] != 0 {
            slot = (slot + 1) & (self.table.len() - 1);
        }
        self.table[slot] = index + 1;
    }

    fn slot(&self, hash: u64) -> usize {
        // The high bits are the ones a multiplication mixes best.
        (hash >> 32) as usize & (self.table.len() - 1)
    }
}

fn owned(value: &AttributeRef<'_>) -> AttributeValue {
    match *value {
        AttributeRef::Absent => AttributeValue::Absent,
        AttributeRef::Text(text) => AttributeValue::Text(text.to_owned()),
        AttributeRef::Integer(integer) => AttributeValue::Integer(integer),
        AttributeRef::Float(float) => AttributeValue::Float(float),
        AttributeRef::Boolean(boolean) => AttributeValue::Boolean(boolean),
    }
}

fn equal(set: &[AttributeValue], attributes: &[AttributeRef<'_>]) -> bool {
    let same = |(kept, new): (&AttributeValue, &AttributeRef<'_>)| match (kept, new) {
        (AttributeValue::Absent, AttributeRef::Absent) => true,
        (AttributeValue::Text(kept), AttributeRef::Text(new)) => same(kept.as_bytes(), new.as_bytes()),
        (AttributeValue::Integer(kept), AttributeRef::Integer(new)) => kept == new,
        (AttributeValue::Float(kept), AttributeRef::Float(new)) => kept.to_bits() == new.to_bits(),
        (AttributeValue::Boolean(kept), AttributeRef::Boolean(new)) => kept == new,
        _ => false,
    };
    set.len() == attributes.len() && set.iter().zip(attributes).all(same)
}

fn hash(attributes: &[AttributeRef<'_>]) -> u64 {
    let mut hash = 0;
    for attribute in attributes {
        match *attribute {
            AttributeRef::Absent => mix(&mut hash, 1),
            AttributeRef::Text(text) => mix_text(&mut hash, text.as_bytes()),
            AttributeRef::Integer(integer) => mix(&mut hash, integer as u64),
            AttributeRef::Float(float) => mix(&mut hash, float.to_bits()),
            AttributeRef::Boolean(boolean) => mix(&mut hash, u64::from(boolean) + 2),
        }
    }
    hash
}

fn mix_text(hash: &mut u64, text: &[u8]) {
    let (words, rest) = text.as_chunks::<8>();
    for word in words {
        mix(hash, u64::from_le_bytes(*word));
    }
    let last = rest.iter().fold(text.len() as u64, |word, &byte| word << 8 | u64::from(byte));
    mix(hash, last);
}

fn mix(hash: &mut u64, word: u64) {
    /// 2⁶⁴ divided by the golden ratio, made odd: spreads neighbouring values far apart.
    const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
    *hash = (hash.rotate_left(23) ^ word).wrapping_mul(SPREAD);
}
