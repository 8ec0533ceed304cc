//! Joins what the registries hold into one text.

use prometheus::TextEncoder;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use std::collections::BTreeMap;

/// What becomes of a series that two groups have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overlap {
    /// Both counted a part of it.
    Sum,
    /// Only one can be right.
    Newest,
}

/// Families of one registry.
pub(super) struct Group {
    families: Vec<MetricFamily>,
    overlap: Overlap,
}

impl Group {
    pub fn summed(families: Vec<MetricFamily>) -> Group {
        Group { families, overlap: Overlap::Sum }
    }

    pub fn newest(families: Vec<MetricFamily>) -> Group {
        Group { families, overlap: Overlap::Newest }
    }
}

/// The oldest group first. Each family comes once, with one HELP and TYPE, and no series comes twice.
pub(super) fn render(own: Vec<MetricFamily>, groups: Vec<Group>) -> String {
    let mut families: BTreeMap<String, MetricFamily> = BTreeMap::new();
    for Group { families: group, overlap } in std::iter::once(Group::newest(own)).chain(groups) {
        for family in group {
            match families.get_mut(family.name()) {
                Some(older) if older.get_field_type() == family.get_field_type() => {
                    join(older, family, overlap)
                }
                // A new version of a plugin made something else of the name: the older one is on its way out.
                _ => {
                    families.insert(family.name().to_owned(), family);
                }
            }
        }
    }
    let families: Vec<MetricFamily> = families.into_values().collect();
    // It fails for families without a name or a metric; the registries give none.
    TextEncoder::new().encode_to_string(&families).unwrap_or_default()
}

fn join(older: &mut MetricFamily, mut newer: MetricFamily, overlap: Overlap) {
    let kind = older.get_field_type();
    let mut series: BTreeMap<Vec<(String, String)>, Metric> =
        older.take_metric().into_iter().map(|metric| (labels(&metric), metric)).collect();
    for metric in newer.take_metric() {
        let labels = labels(&metric);
        let joined = match series.remove(&labels) {
            Some(other) if overlap == Overlap::Sum => sum(kind, &other, metric),
            _ => metric,
        };
        series.insert(labels, joined);
    }
    older.set_metric(series.into_values().collect());
}

fn labels(metric: &Metric) -> Vec<(String, String)> {
    let pair = |label: &LabelPair| (label.name().to_owned(), label.value().to_owned());
    let mut labels: Vec<_> = metric.get_label().iter().map(pair).collect();
    labels.sort();
    labels
}

fn sum(kind: MetricType, older: &Metric, mut newer: Metric) -> Metric {
    match kind {
        MetricType::COUNTER => {
            let mut counter = Counter::default();
            counter.set_value(older.get_counter().get_value() + newer.get_counter().get_value());
            newer.set_counter(counter);
        }
        MetricType::GAUGE => {
            let mut gauge = Gauge::default();
            gauge.set_value(older.get_gauge().get_value() + newer.get_gauge().get_value());
            newer.set_gauge(gauge);
        }
        MetricType::HISTOGRAM => {
            if let Some(histogram) = sum_histograms(older.get_histogram(), newer.get_histogram()) {
                newer.set_histogram(histogram);
            }
        }
        MetricType::SUMMARY | MetricType::UNTYPED => {}
    }
    newer
}

/// None if their buckets differ.
fn sum_histograms(older: &Histogram, newer: &Histogram) -> Option<Histogram> {
    let (ours, theirs) = (older.get_bucket(), newer.get_bucket());
    let same = |(a, b): (&Bucket, &Bucket)| a.upper_bound() == b.upper_bound();
    if ours.len() != theirs.len() || !ours.iter().zip(theirs).all(same) {
        return None;
    }
    let add = |(a, b): (&Bucket, &Bucket)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(a.upper_bound());
        bucket.set_cumulative_count(a.cumulative_count() + b.cumulative_count());
        bucket
    };
    let mut histogram = Histogram::default();
    histogram.set_sample_count(older.get_sample_count() + newer.get_sample_count());
    histogram.set_sample_sum(older.get_sample_sum() + newer.get_sample_sum());
    histogram.set_bucket(ours.iter().zip(theirs).map(add).collect());
    Some(histogram)
}
