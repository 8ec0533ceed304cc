/// A metric instrument that a plugin declared, in OpenTelemetry's terms.
#[derive(Debug, Clone, PartialEq)]
pub struct Instrument {
    /// E.g. `payments.amount`.
    pub name: String,
    pub kind: InstrumentKind,
    pub description: String,
    /// UCUM; may be empty.
    pub unit: String,
    /// The attribute keys; an attribute set gives their values in this order.
    pub attributes: Vec<String>,
    pub counts: Counted,
}

/// The records whose measurements an instrument takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    Accepted,
    Rejected,
    Judged,
}

#[derive(Debug, Clone, PartialEq)]
pub enum InstrumentKind {
    Counter,
    UpDownCounter,
    /// The bucket boundaries, ascending; empty for the gateway's default.
    Histogram(Vec<f64>),
    ExponentialHistogram,
    Gauge,
}

/// What one call of a plugin measured. Indices are checked: each points to something that is there.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MeasurementTable {
    /// The index in the batch of the call's first record.
    pub first: usize,
    pub measurements: Vec<Measurement>,
    /// Shared by measurements that have the same attributes.
    pub attribute_sets: Vec<Vec<AttributeValue>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measurement {
    /// Which of the call's records it is about.
    pub item: u32,
    /// Which of the plugin's instruments it goes to.
    pub instrument: u32,
    /// Finite.
    pub value: f64,
    /// Which of the table's attribute sets it has; of no account if the instrument has no attributes.
    pub attribute_set: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValue {
    Absent,
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
}
