use std::borrow::Cow;

use crate::contract;
pub use crate::contract::Counted;

/// A metric instrument with `N` attributes. Make it a `static`, list it in `plugin!`, feed it by
/// [`Out::measure`](crate::Out::measure): a forgotten attribute does not compile.
pub struct Meter<const N: usize> {
    core: Core,
    attributes: [&'static str; N],
}

struct Core {
    name: &'static str,
    kind: Kind,
    description: &'static str,
    unit: &'static str,
    counts: Counted,
}

enum Kind {
    Counter,
    UpDownCounter,
    Histogram(&'static [f64]),
    ExponentialHistogram,
    Gauge,
}

const fn meter<const N: usize>(name: &'static str, kind: Kind, attributes: [&'static str; N]) -> Meter<N> {
    Meter { core: Core { name, kind, description: "", unit: "", counts: Counted::Accepted }, attributes }
}

/// A counter, which only ever grows: negative measurements are dropped.
pub const fn counter<const N: usize>(name: &'static str, attributes: [&'static str; N]) -> Meter<N> {
    meter(name, Kind::Counter, attributes)
}

/// A counter that may go down too.
pub const fn up_down_counter<const N: usize>(name: &'static str, attributes: [&'static str; N]) -> Meter<N> {
    meter(name, Kind::UpDownCounter, attributes)
}

/// A histogram with these bucket boundaries, ascending; with none, the gateway's own.
pub const fn histogram<const N: usize>(
    name: &'static str,
    boundaries: &'static [f64],
    attributes: [&'static str; N],
) -> Meter<N> {
    meter(name, Kind::Histogram(boundaries), attributes)
}

/// A histogram whose buckets adapt themselves.
pub const fn exponential_histogram<const N: usize>(
    name: &'static str,
    attributes: [&'static str; N],
) -> Meter<N> {
    meter(name, Kind::ExponentialHistogram, attributes)
}

/// A gauge: the last value wins.
pub const fn gauge<const N: usize>(name: &'static str, attributes: [&'static str; N]) -> Meter<N> {
    meter(name, Kind::Gauge, attributes)
}

impl<const N: usize> Meter<N> {
    /// With a unit in UCUM, e.g. `ms`, `By`, `{record}`.
    #[must_use]
    pub const fn unit(mut self, unit: &'static str) -> Self {
        self.core.unit = unit;
        self
    }

    /// With a description.
    #[must_use]
    pub const fn description(mut self, description: &'static str) -> Self {
        self.core.description = description;
        self
    }

    /// Which records' measurements it takes; if this is not said, those of accepted ones.
    #[must_use]
    pub const fn counts(mut self, counts: Counted) -> Self {
        self.core.counts = counts;
        self
    }

    /// The instrument, for the list of them.
    pub const fn instrument(&'static self) -> Instrument {
        Instrument { core: &self.core, attributes: &self.attributes }
    }

    /// Its place in that list.
    #[inline]
    pub(crate) fn index(&self, instruments: &[Instrument]) -> Option<u32> {
        let index = instruments.iter().position(|instrument| std::ptr::eq(instrument.core, &self.core))?;
        u32::try_from(index).ok()
    }

    pub(crate) fn name(&self) -> &'static str {
        self.core.name
    }
}

/// A meter as the list of them in `plugin!` has it, whatever the number of its attributes.
#[derive(Clone, Copy)]
pub struct Instrument {
    core: &'static Core,
    attributes: &'static [&'static str],
}

impl Instrument {
    /// The instrument's name.
    pub fn name(&self) -> &'static str {
        self.core.name
    }

    /// The keys of its attributes.
    pub fn attributes(&self) -> &'static [&'static str] {
        self.attributes
    }

    pub(crate) fn declare(&self) -> contract::Instrument {
        contract::Instrument {
            name: self.core.name.to_owned(),
            kind: match self.core.kind {
                Kind::Counter => contract::InstrumentKind::Counter,
                Kind::UpDownCounter => contract::InstrumentKind::UpDownCounter,
                Kind::Histogram(boundaries) => contract::InstrumentKind::Histogram(boundaries.to_vec()),
                Kind::ExponentialHistogram => contract::InstrumentKind::ExponentialHistogram,
                Kind::Gauge => contract::InstrumentKind::Gauge,
            },
            description: self.core.description.to_owned(),
            unit: self.core.unit.to_owned(),
            attributes: self.attributes.iter().map(|&key| key.to_owned()).collect(),
            counts: self.core.counts,
            extensions: Vec::new(),
        }
    }
}

/// What may be measured by attribute.
#[diagnostic::on_unimplemented(message = "`measure` is for numbers, and this is `{Self}`")]
pub trait Quantity {
    /// The number, if there is one.
    fn quantity(&self) -> Option<f64>;
}

macro_rules! quantity {
    ($($type:ty),*) => {$(
        impl Quantity for $type {
            #[inline]
            fn quantity(&self) -> Option<f64> {
                // Only an `i64` beyond 2^53 loses digits, as it does in every instrument.
                Some(*self as f64)
            }
        }
    )*};
}

quantity!(f64, i64, i8, i16, i32, u8, u16, u32);

impl<T: Quantity> Quantity for Option<T> {
    #[inline]
    fn quantity(&self) -> Option<f64> {
        self.as_ref().and_then(T::quantity)
    }
}

/// The value of an attribute, borrowed from where it stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AttributeRef<'a> {
    /// The attribute is left out.
    Absent,
    /// A text.
    Text(&'a str),
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
    /// Yes or no.
    Boolean(bool),
}

/// What may be the value of an attribute.
#[diagnostic::on_unimplemented(message = "`{Self}` cannot be the value of an attribute")]
pub trait Attribute {
    /// The value.
    fn attribute(&self) -> AttributeRef<'_>;
}

macro_rules! attribute {
    ($($type:ty, $self:ident => $value:expr;)*) => {$(
        impl Attribute for $type {
            #[inline]
            fn attribute(&$self) -> AttributeRef<'_> {
                $value
            }
        }
    )*};
}

attribute! {
    str, self => AttributeRef::Text(self);
    String, self => AttributeRef::Text(self);
    Cow<'_, str>, self => AttributeRef::Text(self);
    bool, self => AttributeRef::Boolean(*self);
    i64, self => AttributeRef::Integer(*self);
    i32, self => AttributeRef::Integer(i64::from(*self));
    u32, self => AttributeRef::Integer(i64::from(*self));
    f64, self => AttributeRef::Float(*self);
}

impl<T: Attribute + ?Sized> Attribute for &T {
    #[inline]
    fn attribute(&self) -> AttributeRef<'_> {
        (**self).attribute()
    }
}

impl<T: Attribute> Attribute for Option<T> {
    #[inline]
    fn attribute(&self) -> AttributeRef<'_> {
        self.as_ref().map_or(AttributeRef::Absent, T::attribute)
    }
}
