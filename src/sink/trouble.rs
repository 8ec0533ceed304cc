//! What takes no records at present, why, and when that was last tried.

use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a trouble is of. A topic's ends with that topic only; the disk's is everybody's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Disk,
    Topic(Arc<str>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Disk => write!(f, "the data directory"),
            Place::Topic(topic) => write!(f, "topic '{topic}'"),
        }
    }
}

struct Trouble {
    sentence: String,
    tried_at: Instant,
}

#[derive(Default)]
struct Known {
    by_place: BTreeMap<Place, Trouble>,
    probed_at: Option<Instant>,
}

/// All troubles at present.
#[derive(Default)]
pub(super) struct Troubles {
    known: RwLock<Known>,
}

impl Troubles {
    /// Records that were to go there were not made durable just now.
    pub fn note(&self, place: Place, sentence: String) {
        let mut known = self.known.write();
        let before = known.by_place.get(&place);
        if before.is_none_or(|before| before.sentence != sentence) {
            tracing::error!(%place, reason = sentence, "records cannot be made durable");
        }
        known.by_place.insert(place, Trouble { sentence, tried_at: Instant::now() });
    }

    /// Records that go there are made durable.
    pub fn clear(&self, place: &Place) {
        if self.has(place) && self.known.write().by_place.remove(place).is_some() {
            tracing::info!(%place, "records are made durable again");
        }
    }

    pub fn is_empty(&self) -> bool {
        self.known.read().by_place.is_empty()
    }

    pub fn has(&self, place: &Place) -> bool {
        self.known.read().by_place.contains_key(place)
    }

    /// Whether it failed so short a time ago that it is not tried again yet.
    pub fn rests(&self, place: &Place, pause: Duration) -> bool {
        let known = self.known.read();
        known.by_place.get(place).is_some_and(|trouble| trouble.tried_at.elapsed() < pause)
    }

    /// Whether something has been left alone for as long as this, by records and by probes.
    pub fn is_probe_due(&self, pause: Duration) -> bool {
        let known = self.known.read();
        let rested = |since: Instant| since.elapsed() >= pause;
        known.probed_at.is_none_or(rested) && known.by_place.values().any(|trouble| rested(trouble.tried_at))
    }

    pub fn note_probe(&self) {
        self.known.write().probed_at = Some(Instant::now());
    }

    /// The topics in trouble.
    pub fn topics(&self) -> Vec<Arc<str>> {
        let of_topic = |place: &Place| match place {
            Place::Topic(topic) => Some(topic.clone()),
            Place::Disk => None,
        };
        self.known.read().by_place.keys().filter_map(of_topic).collect()
    }

    /// Each with its reason, for the operator.
    pub fn sentence(&self) -> String {
        let known = self.known.read();
        let each = known.by_place.iter().map(|(place, trouble)| format!("{place}: {}", trouble.sentence));
        each.collect::<Vec<_>>().join("; ")
    }
}
