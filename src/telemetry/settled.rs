//! What became of records so far, read off the instrument that counts them: the console and `/metrics` cannot
//! differ.

use prometheus::proto::MetricFamily;

/// `gateway.records.settled`, as Prometheus names it.
const FAMILY: &str = "gateway_records_settled_total";

/// Records of one route that ended alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    pub route: String,
    pub outcome: String,
    /// A violation's code, a fault's kind, a failure; or empty.
    pub reason: String,
    pub records: u64,
}

pub(super) fn settled(families: &[MetricFamily]) -> Vec<Settled> {
    let metrics = families.iter().filter(|family| family.name() == FAMILY).flat_map(MetricFamily::get_metric);
    let of = |metric: &prometheus::proto::Metric| {
        let label = |name: &str| {
            let found = metric.get_label().iter().find(|label| label.name() == name);
            found.map(|label| label.value().to_owned()).unwrap_or_default()
        };
        Settled {
            route: label("route"),
            outcome: label("outcome"),
            reason: label("reason"),
            // Counted one by one: whole, and far below where a float is not.
            records: metric.get_counter().get_value() as u64,
        }
    };
    metrics.map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Config, Metrics};

    #[test]
    fn what_was_counted_is_told_by_route_outcome_and_reason() {
        let metrics = Metrics::new(&Config::default());
        assert_eq!(metrics.settled(), []);
        metrics.records("/a/", "committed", "", 3);
        metrics.records("/a/", "rejected", "missing", 2);
        metrics.records("/a/", "committed", "", 4);
        let mut settled = metrics.settled();
        settled.sort_by(|one, other| one.outcome.cmp(&other.outcome));
        let of = |outcome: &str, reason: &str, records| Settled {
            route: "/a/".into(),
            outcome: outcome.into(),
            reason: reason.into(),
            records,
        };
        assert_eq!(settled, [of("committed", "", 7), of("rejected", "missing", 2)]);
    }
}
