//! The label sets of one instrument, within a budget.

use super::provider::{Bound, Recorder};
use crate::verdict::AttributeValue;
use foldhash::fast::RandomState;
use opentelemetry::{Key, KeyValue};
use parking_lot::RwLock;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Stands for every value beyond the budget.
pub(super) const OTHER: &str = "__other__";

/// Label sets an instrument may have: each is a series in every Prometheus that scrapes.
pub(super) const SETS_MAX: usize = 2_000;

/// What the SDK has to hold: the sets and, of each combination that is too much, the one for others.
pub(super) const SDK_SERIES_MAX: usize = SETS_MAX + 2;

/// Label sets that plugins which have an instrument in common may have together, old versions of them included.
pub(super) const SHARED_SETS_MAX: usize = 4 * SETS_MAX;

/// What the SDK has to hold of these, and of what stands for others: some for each version of a plugin.
pub(super) const SDK_SHARED_MAX: usize = SHARED_SETS_MAX + SETS_MAX;

/// A label value is for people to choose from a list; a longer one is data.
const VALUE_BYTES_MAX: usize = 256;

/// Something that can be a label's value. None: the label is left out.
pub(super) trait LabelValue {
    fn text(&self) -> Option<Cow<'_, str>>;
}

impl LabelValue for &str {
    fn text(&self) -> Option<Cow<'_, str>> {
        (!self.is_empty()).then_some(Cow::Borrowed(*self))
    }
}

/// As text throughout: Prometheus knows no other, and `1` and `"1"` would be one series twice.
impl LabelValue for AttributeValue {
    fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            AttributeValue::Absent => None,
            AttributeValue::Text(text) => text.as_str().text().map(|_| Cow::Borrowed(text.as_str())),
            AttributeValue::Integer(value) => Some(value.to_string().into()),
            AttributeValue::Float(value) => Some(value.to_string().into()),
            AttributeValue::Boolean(value) => Some(if *value { "true" } else { "false" }.into()),
        }
    }
}

/// Called with the attribute whose value became `__other__`.
type Spill = Box<dyn Fn(&str) + Send + Sync>;

pub(super) struct Series {
    recorder: Recorder,
    keys: Vec<Key>,
    values_max: usize,
    foreign: Option<Foreign>,
    hasher: RandomState,
    known: RwLock<Known>,
    /// How many sets all have that share the instrument.
    shared: Arc<AtomicUsize>,
    spill: Spill,
}

/// The one key of an instrument of ours that others have words for, beside ours.
struct Foreign {
    key: usize,
    values_max: usize,
    /// Our words for it, which take no place in their budget.
    own: HashSet<&'static str>,
}

#[derive(Default)]
struct Known {
    /// For each attribute.
    values: Vec<HashSet<Box<str>>>,
    /// By the hash of the set, as the borrowed form of a set cannot be looked up in a map of owned ones.
    sets: HashMap<u64, Vec<Entry>, BuildHasherDefault<HashIsKey>>,
    sets_count: usize,
}

struct Entry {
    values: Box<[Option<Box<str>>]>,
    bound: Bound,
}

impl Series {
    pub fn new(recorder: Recorder, keys: &[&str], values_max: usize, spill: Spill) -> Series {
        let known = Known { values: vec![HashSet::new(); keys.len()], ..Known::default() };
        Series {
            recorder,
            keys: keys.iter().map(|key| Key::from((*key).to_owned())).collect(),
            values_max,
            foreign: None,
            hasher: RandomState::default(),
            known: RwLock::new(known),
            shared: Arc::default(),
            spill,
        }
    }

    /// Of an instrument of ours, whose labels are words of ours or declared paths.
    pub fn closed(recorder: Recorder, keys: &[&str], values_max: usize) -> Series {
        Series::new(recorder, keys, values_max, Box::new(|_| {}))
    }

    /// Counts its label sets together with those of others, which share its instrument.
    pub fn sharing(self, shared: Arc<AtomicUsize>) -> Series {
        Series { shared, ..self }
    }

    fn is_full(&self, known: &Known, set: &[Option<Cow<'_, str>>]) -> bool {
        known.sets_count >= self.sets_max(set) || self.shared.load(Ordering::Relaxed) >= SHARED_SETS_MAX
    }

    /// Holds the values of one key to a budget of their own, save these: ours, which are always told. Label sets
    /// with a value of others take half of the places at the most.
    pub fn with_foreign_values(self, key: usize, values_max: usize, own: &[&'static str]) -> Series {
        let own = own.iter().copied().collect();
        Series { foreign: Some(Foreign { key, values_max, own }), ..self }
    }

    /// Gives one value to the series of these labels, in the order of the keys. Missing ones are absent.
    pub fn take<V: LabelValue>(&self, values: &[V], value: f64) {
        let values = &values[..values.len().min(self.keys.len())];
        let hash = self.hash(values);
        let known = self.known.read();
        match known.find(hash, values) {
            Some(bound) => bound.take(value),
            None => {
                drop(known);
                self.admit(values).take(value);
            }
        }
    }

    /// The series of these labels, for several values.
    pub fn resolve<V: LabelValue>(&self, values: &[V]) -> Bound {
        let values = &values[..values.len().min(self.keys.len())];
        let hash = self.hash(values);
        if let Some(bound) = self.known.read().find(hash, values) {
            return bound.clone();
        }
        self.admit(values)
    }

    fn hash<V: LabelValue>(&self, values: &[V]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        for value in values {
            match value.text() {
                Some(text) => hasher.write(text.as_bytes()),
                None => hasher.write_u8(0xfe),
            }
            // Not a byte of UTF-8: ("ab", "c") is not ("a", "bc").
            hasher.write_u8(0xff);
        }
        hasher.finish()
    }

    /// The first time for this set, or one that is over the budget.
    #[cold]
    fn admit<V: LabelValue>(&self, values: &[V]) -> Bound {
        // What is over the budget comes again and again: it must not take the write lock each time.
        let known = self.known.read();
        let found = match self.within_budget(&known, values) {
            set if known.find(self.hash(&set), &set).is_none() && self.is_full(&known, &set) => others(&set),
            set => set,
        };
        let bound = known.find(self.hash(&found), &found).cloned();
        drop(known);
        if let Some(bound) = bound {
            self.tell_spilled(values, &found);
            return bound;
        }
        let mut known = self.known.write();
        // Another thread may have used up the budget meanwhile.
        let set = match self.within_budget(&known, values) {
            set if self.is_full(&known, &set) => others(&set),
            set => set,
        };
        let bound = self.insert(&mut known, &set);
        drop(known);
        self.tell_spilled(values, &set);
        bound
    }

    fn within_budget<'a, V: LabelValue>(&self, known: &Known, values: &'a [V]) -> Vec<Option<Cow<'a, str>>> {
        let bounded = |(index, value): (usize, &'a V)| {
            let text = value.text()?;
            let seen = &known.values[index];
            let fits = text.len() <= VALUE_BYTES_MAX;
            let foreign = self.foreign.as_ref().filter(|foreign| foreign.key == index);
            let own = foreign.is_some_and(|foreign| foreign.own.contains(&*text));
            let most = foreign.map_or(self.values_max, |foreign| foreign.values_max);
            let admitted = own || seen.contains(&*text) || (fits && seen.len() < most);
            Some(if admitted { text } else { Cow::Borrowed(OTHER) })
        };
        values.iter().enumerate().map(bounded).collect()
    }

    fn is_own(&self, index: usize, value: &str) -> bool {
        self.foreign.as_ref().is_some_and(|foreign| foreign.key == index && foreign.own.contains(value))
    }

    /// How many sets there may be already where one like this is added.
    fn sets_max(&self, set: &[Option<Cow<'_, str>>]) -> usize {
        let foreign = self.foreign.as_ref().is_some_and(|foreign| {
            let value = set.get(foreign.key).and_then(Option::as_deref);
            value.is_some_and(|value| !foreign.own.contains(value))
        });
        if foreign { SETS_MAX / 2 } else { SETS_MAX }
    }

    fn insert(&self, known: &mut Known, set: &[Option<Cow<'_, str>>]) -> Bound {
        let hash = self.hash(set);
        if let Some(bound) = known.find(hash, set) {
            return bound.clone();
        }
        for (index, (seen, value)) in known.values.iter_mut().zip(set).enumerate() {
            if let Some(value) =
                value.as_deref().filter(|value| *value != OTHER && !self.is_own(index, value))
            {
                seen.insert(value.into());
            }
        }
        let label = |(key, value): (&Key, &Option<Cow<'_, str>>)| {
            Some(KeyValue::new(key.clone(), value.as_deref()?.to_owned()))
        };
        let labels: Vec<KeyValue> = self.keys.iter().zip(set).filter_map(label).collect();
        let bound = self.recorder.bind(&labels);
        let values = set.iter().map(|value| value.as_deref().map(Box::from)).collect();
        known.sets.entry(hash).or_default().push(Entry { values, bound: bound.clone() });
        known.sets_count += 1;
        self.shared.fetch_add(1, Ordering::Relaxed);
        bound
    }

    fn tell_spilled<V: LabelValue>(&self, values: &[V], set: &[Option<Cow<'_, str>>]) {
        for ((key, value), bounded) in self.keys.iter().zip(values).zip(set) {
            if bounded.as_deref() == Some(OTHER) && value.text().as_deref() != Some(OTHER) {
                (self.spill)(key.as_str());
            }
        }
    }
}

/// The set that stands for all whose combination is beyond the budget.
fn others<'a>(set: &[Option<Cow<'a, str>>]) -> Vec<Option<Cow<'a, str>>> {
    set.iter().map(|_| Some(Cow::Borrowed(OTHER))).collect()
}

impl Known {
    fn find<V: LabelValue>(&self, hash: u64, values: &[V]) -> Option<&Bound> {
        let same = |entry: &&Entry| {
            entry.values.len() == values.len()
                && entry
                    .values
                    .iter()
                    .zip(values)
                    .all(|(known, value)| known.as_deref() == value.text().as_deref())
        };
        self.sets.get(&hash)?.iter().find(same).map(|entry| &entry.bound)
    }
}

impl LabelValue for Option<Cow<'_, str>> {
    fn text(&self) -> Option<Cow<'_, str>> {
        self.as_deref().map(Cow::Borrowed)
    }
}

/// The key is a hash already.
#[derive(Default)]
struct HashIsKey(u64);

impl Hasher for HashIsKey {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("only u64 keys are hashed")
    }
    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}
