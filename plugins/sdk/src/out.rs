use std::borrow::Cow;

use crate::contract::{self, Request};
use crate::ledger::Ledger;
use crate::{Attribute, Meter, Plugin, Violation, Violations};

/// What is known about a record beside itself, and where its judge says what is to become of it.
pub struct Out<'c> {
    plugin: &'static Plugin,
    request: &'c Request,
    attributes: &'c [contract::Field],
    item: u32,
    ledger: &'c mut Ledger,
    acceptance: Acceptance,
    decision: Decision,
}

enum Decision {
    Accept,
    Split(Vec<Acceptance>),
    Discard(String),
    Fail(String),
}

impl<'c> Out<'c> {
    pub(crate) fn new(
        plugin: &'static Plugin,
        request: &'c Request,
        attributes: &'c [contract::Field],
        item: u32,
        ledger: &'c mut Ledger,
    ) -> Self {
        Self {
            plugin,
            request,
            attributes,
            item,
            ledger,
            acceptance: Acceptance::new(),
            decision: Decision::Accept,
        }
    }

    pub(crate) fn into_verdict(self) -> contract::Verdict {
        match self.decision {
            Decision::Accept => contract::Verdict::Accept(self.acceptance.0),
            Decision::Split(parts) => {
                contract::Verdict::Split(parts.into_iter().map(|part| part.0).collect())
            }
            Decision::Discard(why) => contract::Verdict::Discard(why),
            Decision::Fail(why) => contract::Verdict::Fail(why),
        }
    }

    /// When the gateway received the request: milliseconds since 1970, UTC. There is no other clock.
    pub fn received_at(&self) -> u64 {
        self.request.received_at
    }

    /// What a `{name}` of the path stands for.
    pub fn parameter(&self, name: &str) -> Option<&'c str> {
        find(&self.request.parameters, name)
    }

    /// A header of the request, by its lower-case name; it must be one that `plugin!` asks for.
    pub fn request_header(&self, name: &str) -> Option<&'c str> {
        find(&self.request.headers, name)
    }

    /// Who sent the request, where the gateway knows.
    pub fn caller(&self) -> Option<&'c str> {
        self.request.caller.as_deref()
    }

    /// What came beside the record's body: a CloudEvents attribute.
    pub fn attribute(&self, name: &str) -> Option<&'c str> {
        find(self.attributes, name)
    }

    /// Feeds an instrument.
    #[inline]
    pub fn measure<const N: usize>(
        &mut self,
        meter: &'static Meter<N>,
        value: f64,
        attributes: [&dyn Attribute; N],
    ) -> &mut Self {
        match meter.index(self.plugin.meters) {
            Some(index) => {
                self.ledger.add(self.item, index, value, &attributes.map(|value| value.attribute()))
            }
            None => {
                self.decision = Decision::Fail(format!("the meter {} is not listed in plugin!", meter.name()))
            }
        }
        self
    }

    /// Gives the record's own identifier, for the answer and the log.
    pub fn id(&mut self, id: &(impl Id + ?Sized)) -> &mut Self {
        self.acceptance.0.id = id.to_id();
        self
    }

    /// Gives the record's Kafka key.
    pub fn key(&mut self, key: &(impl Key + ?Sized)) -> &mut Self {
        self.acceptance.0.key = key.to_key();
        self
    }

    /// Sends it to another of the route's topics, by its index.
    pub fn topic(&mut self, index: u32) -> &mut Self {
        self.acceptance.0.topic = index;
        self
    }

    /// Says when it happened: milliseconds since 1970, UTC.
    pub fn timestamp(&mut self, milliseconds: i64) -> &mut Self {
        self.acceptance.0.timestamp = Some(milliseconds);
        self
    }

    /// Adds a Kafka header.
    pub fn header(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> &mut Self {
        self.acceptance.0.headers.push((name.into(), value.into()));
        self
    }

    /// Publishes this in place of what came.
    pub fn replace(&mut self, value: impl Into<Vec<u8>>) -> &mut Self {
        self.acceptance.0.value = contract::Value::Replaced(value.into());
        self
    }

    /// Publishes no value: on a compacted topic this deletes the key.
    pub fn tombstone(&mut self) -> &mut Self {
        self.acceptance.0.value = contract::Value::Tombstone;
        self
    }

    /// Tells of something wrong that does not stop the record.
    pub fn warn(&mut self, warning: Violation) -> &mut Self {
        self.acceptance.0.warnings.push(warning);
        self
    }

    /// Publishes these, at least one, in place of the record. `return out.split(…)` ends the judgement.
    ///
    /// # Errors
    ///
    /// None.
    pub fn split(&mut self, parts: Vec<Acceptance>) -> Result<(), Violations> {
        self.decision = Decision::Split(parts);
        Ok(())
    }

    /// Publishes nothing of a record that is valid, a heartbeat say, for this reason.
    ///
    /// # Errors
    ///
    /// None.
    pub fn discard(&mut self, why: impl Into<String>) -> Result<(), Violations> {
        self.decision = Decision::Discard(why.into());
        Ok(())
    }

    /// Sets the record aside, because it cannot be judged, for this reason.
    ///
    /// # Errors
    ///
    /// None.
    pub fn fail(&mut self, why: impl Into<String>) -> Result<(), Violations> {
        self.decision = Decision::Fail(why.into());
        Ok(())
    }
}

fn find<'f>(fields: &'f [contract::Field], name: &str) -> Option<&'f str> {
    fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// One of the records that a record is split into.
#[derive(Debug, Clone, PartialEq)]
pub struct Acceptance(contract::Acceptance);

impl Acceptance {
    /// As the record came, without key or identifier, to the usual topic.
    #[must_use]
    pub fn new() -> Self {
        Self(contract::Acceptance {
            id: None,
            key: None,
            topic: 0,
            timestamp: None,
            headers: Vec::new(),
            value: contract::Value::AsPosted,
            warnings: Vec::new(),
        })
    }

    /// With this value.
    pub fn of(value: impl Into<Vec<u8>>) -> Self {
        let mut part = Self::new();
        part.0.value = contract::Value::Replaced(value.into());
        part
    }

    /// With no value.
    pub fn tombstone() -> Self {
        let mut part = Self::new();
        part.0.value = contract::Value::Tombstone;
        part
    }

    /// With its own identifier.
    #[must_use]
    pub fn id(mut self, id: &(impl Id + ?Sized)) -> Self {
        self.0.id = id.to_id();
        self
    }

    /// With a Kafka key.
    #[must_use]
    pub fn key(mut self, key: &(impl Key + ?Sized)) -> Self {
        self.0.key = key.to_key();
        self
    }

    /// To another of the route's topics, by its index.
    #[must_use]
    pub fn topic(mut self, index: u32) -> Self {
        self.0.topic = index;
        self
    }

    /// With the time when it happened: milliseconds since 1970, UTC.
    #[must_use]
    pub fn timestamp(mut self, milliseconds: i64) -> Self {
        self.0.timestamp = Some(milliseconds);
        self
    }

    /// With a Kafka header more.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.0.headers.push((name.into(), value.into()));
        self
    }

    /// With a warning more.
    #[must_use]
    pub fn warn(mut self, warning: Violation) -> Self {
        self.0.warnings.push(warning);
        self
    }
}

impl Default for Acceptance {
    fn default() -> Self {
        Self::new()
    }
}

macro_rules! named {
    ($trait:ident, $to:ident -> $result:ty { $($type:ty, $self:ident => $value:expr;)* }) => {
        $(impl $trait for $type {
            #[inline]
            fn $to(&$self) -> Option<$result> {
                Some($value)
            }
        })*

        impl<T: $trait> $trait for Option<T> {
            #[inline]
            fn $to(&self) -> Option<$result> {
                self.as_ref().and_then(T::$to)
            }
        }

        impl<T: $trait + ?Sized> $trait for &T {
            #[inline]
            fn $to(&self) -> Option<$result> {
                (**self).$to()
            }
        }
    };
}

/// What may be a record's own identifier.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an identifier",
    note = "texts and whole numbers can"
)]
pub trait Id {
    /// The identifier, if there is one.
    fn to_id(&self) -> Option<String>;
}

named!(Id, to_id -> String {
    str, self => self.to_owned();
    String, self => self.clone();
    Cow<'_, str>, self => self.as_ref().to_owned();
    i64, self => self.to_string();
});

/// What may be a Kafka key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key",
    note = "texts, bytes and whole numbers can"
)]
pub trait Key {
    /// The key, if there is one.
    fn to_key(&self) -> Option<Vec<u8>>;
}

named!(Key, to_key -> Vec<u8> {
    str, self => self.as_bytes().to_vec();
    String, self => self.as_bytes().to_vec();
    Cow<'_, str>, self => self.as_bytes().to_vec();
    [u8], self => self.to_vec();
    Vec<u8>, self => self.clone();
    i64, self => self.to_string().into_bytes();
});
