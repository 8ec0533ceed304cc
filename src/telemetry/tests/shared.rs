//! Plugins that have an instrument in common.

use super::*;

#[test]
fn plugins_that_share_an_instrument_share_a_budget_and_none_of_them_loses_its_labels() {
    let metrics = Metrics::new(&Config { attribute_values_max: SETS_MAX, ..Config::default() });
    let plugins =
        ["a", "b", "c", "d", "e"].map(|name| (name, metrics.plugin_meters(name, &[ingested()]).unwrap()));
    for (name, meters) in &plugins {
        for number in 0..SETS_MAX {
            record(meters, 0, 1.0, text(&[&format!("{name}{number}"), "EUR"]));
        }
    }
    let series = lines_with(&metrics, "financial_transactions_ingested_total{");
    let most = super::series::SHARED_SETS_MAX;
    assert!((most..=most + plugins.len()).contains(&series.len()), "{}", series.len());
    assert!(series.iter().any(|line| line.contains(series::OTHER)));
    assert!(!series.iter().any(|line| line.contains("overflow")));
    let sum: f64 = series.iter().filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum();
    assert_eq!(sum, (plugins.len() * SETS_MAX) as f64);
}
