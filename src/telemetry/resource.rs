//! Who it is that telemetry comes from.

use opentelemetry::{Key, KeyValue};
use opentelemetry_sdk::Resource;
use std::sync::LazyLock;

/// Tells this process from others of its kind.
static INSTANCE: LazyLock<String> = LazyLock::new(|| format!("{:032x}", fastrand::u128(..)));

/// What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say; where they say nothing, a name, a version and an instance.
/// Without an instance two gateways behind one collector would be one series.
pub(super) fn resource() -> Resource {
    let detected = Resource::builder().build();
    let own = [
        ("service.name", env!("CARGO_PKG_NAME")),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("service.instance.id", INSTANCE.as_str()),
    ];
    let is_missing = |(name, _): &(&'static str, &str)| {
        let given = detected.get(&Key::from_static_str(name)).map(|value| value.to_string());
        given.is_none_or(|given| *name == "service.name" && given.starts_with("unknown_service"))
    };
    let missing: Vec<_> = own
        .iter()
        .filter(|one| is_missing(one))
        .map(|(name, value)| KeyValue::new(*name, (*value).to_owned()))
        .collect();
    Resource::builder().with_attributes(missing).build()
}
