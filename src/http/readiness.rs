//! Whether a record can be taken now.

use super::data::Gateway;
use crate::plugin;
use crate::shutdown::{Lifecycle, Phase};
use crate::sink::Readiness;

/// Why not: a sentence each. None: a 2xx is possible.
pub(super) async fn reasons(gateway: &Gateway, lifecycle: &Lifecycle) -> Vec<String> {
    let (plugins, sink) = (gateway.plugins.clone(), gateway.pipeline.sink.clone());
    let lifecycle = lifecycle.clone();
    let look = move || judge(lifecycle.phase(), &plugins.status(), sink.readiness());
    match gateway.readiness.take(look).await {
        Ok(reasons) => reasons,
        Err(error) => vec![error.to_string()],
    }
}

/// As `reasons`, of what has been looked at.
pub(super) fn judge(phase: Phase, plugins: &plugin::Status, sink: Readiness) -> Vec<String> {
    let mut reasons = Vec::new();
    if phase > Phase::Serving {
        reasons.push("the gateway is shutting down".to_owned());
    }
    for name in &plugins.missing {
        reasons.push(format!(
            "plugin '{name}' is required (plugins.required) and does not serve; GET /plugins says why"
        ));
    }
    if plugins.plugins.is_empty() {
        let directory = plugins.directory.display();
        reasons.push(format!(
            "no plugin serves; put a .wasm file into {directory}, GET /plugins says what is refused"
        ));
    }
    if let Readiness::Unavailable(reason) = sink {
        reasons.push(reason);
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::{PluginState, PluginStatus};
    use std::time::SystemTime;

    fn serving() -> plugin::Status {
        let plugin = PluginStatus {
            name: "a".into(),
            version: "1.0.0".into(),
            digest: "00".into(),
            file: "a.wasm".into(),
            generation: 1,
            loaded_at: SystemTime::UNIX_EPOCH,
            state: PluginState::Serving,
            routes: vec![],
            instances: 0,
            records_judged: 0,
            faults: 0,
            last_fault: None,
            measurements_dropped: 0,
            refused: None,
        };
        plugin::Status { directory: "plugins".into(), plugins: vec![plugin], ..plugin::Status::default() }
    }

    #[test]
    fn a_gateway_that_can_take_a_record_is_ready() {
        assert_eq!(judge(Phase::Serving, &serving(), Readiness::Ready), [""; 0]);
    }

    #[test]
    fn each_thing_that_is_missing_is_named() {
        for phase in [Phase::LameDuck, Phase::Draining, Phase::Stopped] {
            assert_eq!(judge(phase, &serving(), Readiness::Ready), ["the gateway is shutting down"]);
        }
        let missing = plugin::Status { missing: vec!["b".into()], ..serving() };
        assert_eq!(
            judge(Phase::Serving, &missing, Readiness::Unavailable("the disk is full".into())),
            [
                "plugin 'b' is required (plugins.required) and does not serve; GET /plugins says why",
                "the disk is full"
            ]
        );
        let empty = plugin::Status { plugins: vec![], ..serving() };
        assert_eq!(
            judge(Phase::Serving, &empty, Readiness::Ready),
            ["no plugin serves; put a .wasm file into plugins, GET /plugins says what is refused"]
        );
    }
}
