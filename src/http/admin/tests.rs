use super::guard::GuardError;
use super::*;
use crate::plugin::{self, PluginState, PluginStatus, RefusedFile, RouteStatus};
use hyper::{Method, Version};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

fn guard(origin: Origin) -> Guard {
    Guard {
        names: ["gateway.internal".to_owned()].into(),
        origin,
        reached_at: Some("10.1.2.3:8081".parse().unwrap()),
    }
}

fn head(method: Method, path: &str, headers: &[(&str, &str)]) -> Parts {
    let request = Request::builder().method(method).uri(path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(()).unwrap().into_parts().0
}

fn get(path: &str, host: &str) -> Parts {
    head(Method::GET, path, &[("host", host)])
}

#[test]
fn only_its_own_names_reach_the_admin_port() {
    let guard = guard(Origin::Loopback);
    for own in [
        "localhost",
        "LOCALHOST:8081",
        "localhost.",
        "127.0.0.1:9999",
        "127.1.2.3",
        "[::1]:8081",
        "10.1.2.3:8081",
        "[::ffff:127.0.0.1]",
        "Gateway.Internal:80",
    ] {
        assert_eq!(guard.check(&get("/plugins", own)), Ok(()), "{own}");
    }
    for foreign in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.1.2.4",
        "0.0.0.0",
        "[::2]",
        "gateway.internal.evil",
        "user@localhost@evil",
        "",
        "a b",
        "http://localhost",
    ] {
        let error = guard.check(&get("/plugins", foreign)).unwrap_err();
        assert_eq!(error, GuardError::HostUnknown { host: foreign.into() });
        assert_eq!(error.kind(), Kind::HostUnknown);
    }
    let two = head(Method::GET, "/plugins", &[("host", "localhost"), ("host", "evil.example")]);
    assert!(guard.check(&two).is_err());
    let foreign = guard.check(&get("/livez", "evil.example:8081")).unwrap_err();
    assert_eq!(
        foreign.to_string(),
        "the admin port does not go by the name 'evil.example:8081'; ask for localhost or its own \
         address, or add the name to admin.names"
    );
}

#[test]
fn the_address_of_http2_counts_before_the_host_header() {
    let guard = guard(Origin::Loopback);
    let rebound = head(Method::GET, "http://evil.example/plugins", &[("host", "localhost")]);
    assert!(guard.check(&rebound).is_err());
    let own = head(Method::GET, "http://localhost:8081/plugins", &[]);
    assert_eq!(guard.check(&own), Ok(()));
}

#[test]
fn only_http_1_0_may_leave_the_host_out() {
    let guard = guard(Origin::Loopback);
    let mut nameless = head(Method::GET, "/livez", &[]);
    assert_eq!(
        guard.check(&nameless).unwrap_err().to_string(),
        "the request names no host; send the header Host"
    );
    nameless.version = Version::HTTP_10;
    assert_eq!(guard.check(&nameless), Ok(()));
}

#[test]
fn beyond_loopback_only_probes_and_metrics_are_answered() {
    let guard = guard(Origin::Beyond);
    for open in ["/livez", "/readyz", "/metrics", "/metrics?x=y"] {
        assert_eq!(guard.check(&get(open, "10.1.2.3:8081")), Ok(()), "{open}");
    }
    for closed in [
        "/",
        "/console.json",
        "/console.js",
        "/judge",
        "/plugins",
        "/plugins/reload",
        "/metrics/",
        "/nothing",
    ] {
        let error = guard.check(&get(closed, "10.1.2.3:8081")).unwrap_err();
        assert_eq!(error.kind(), Kind::Forbidden);
        assert_eq!(
            error.to_string(),
            "the admin port knows no callers, so that it shows to other machines only /livez, /readyz and /metrics; \
             ask from the gateway's own machine, container or pod (ssh -L, docker exec, kubectl port-forward)"
        );
    }
}

#[test]
fn who_comes_by_loopback_alone_is_of_this_machine() {
    for (peer, reached, origin) in [
        ("127.0.0.1", "127.0.0.1", Origin::Loopback),
        ("::1", "::1", Origin::Loopback),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", Origin::Loopback),
        ("10.1.2.4", "10.1.2.3", Origin::Beyond),
        // Through a proxy of a mesh; and from this machine by its own address.
        ("127.0.0.6", "10.1.2.3", Origin::Beyond),
        ("10.1.2.3", "10.1.2.3", Origin::Beyond),
    ] {
        assert_eq!(
            Origin::between(peer.parse().unwrap(), reached.parse().unwrap()),
            origin,
            "{peer} {reached}"
        );
    }
}

#[test]
fn a_page_of_another_site_may_order_nothing() {
    let guard = guard(Origin::Loopback);
    let order = |headers: &[(&str, &str)]| {
        let headers = [&[("host", "localhost:8081")], headers].concat();
        guard.check(&head(Method::POST, "/plugins/reload", &headers))
    };
    assert_eq!(order(&[]), Ok(()));
    assert_eq!(order(&[("origin", "http://localhost:8081"), ("sec-fetch-site", "same-origin")]), Ok(()));
    for foreign in ["http://evil.example", "http://localhost:9999", "http://localhost", "null", "file://"] {
        let error = order(&[("origin", foreign)]).unwrap_err();
        assert_eq!(error.kind(), Kind::Forbidden);
        assert_eq!(
            error.to_string(),
            format!(
                "a page of '{foreign}' may not order anything here; use a command line, or a page of the \
                 admin port itself"
            )
        );
    }
    assert!(order(&[("sec-fetch-site", "cross-site")]).is_err());
    // To look is no order, and other sites are not shown what they get.
    let look = head(Method::GET, "/plugins", &[("host", "localhost"), ("origin", "http://evil.example")]);
    assert_eq!(guard.check(&look), Ok(()));
}

fn refused(file: &str) -> RefusedFile {
    RefusedFile {
        file: file.into(),
        digest: None,
        reason: "it is no component".into(),
        since: SystemTime::UNIX_EPOCH + Duration::from_secs(1),
    }
}

#[test]
fn the_plugins_are_told_with_all_that_is_known_of_them() {
    let plugin = PluginStatus {
        name: "claims".into(),
        version: "1.2.3".into(),
        digest: "ab".into(),
        file: "claims.wasm".into(),
        generation: 3,
        loaded_at: SystemTime::UNIX_EPOCH,
        state: PluginState::ServingLastGood,
        routes: vec![RouteStatus { path: "/c/".into(), title: "Claim".into(), topics: vec!["t".into()] }],
        instances: 2,
        records_judged: 10,
        faults: 1,
        last_fault: Some("trap".into()),
        measurements_dropped: 4,
        refused: Some(refused("claims.wasm")),
    };
    let status = plugin::Status {
        directory: "plugins".into(),
        alarm: Some("it is empty".into()),
        loading: Some(("new.wasm".into(), SystemTime::UNIX_EPOCH)),
        plugins: vec![plugin],
        refused: vec![refused("x.wasm")],
        missing: vec!["needed".into()],
        notices: vec!["[plugin.x] has no effect".into()],
    };
    let told: Value = serde_json::to_value(status::Plugins::from(&status)).unwrap();
    let since = "1970-01-01T00:00:01.000Z";
    let refused =
        |file: &str| json!({"file": file, "digest": null, "reason": "it is no component", "since": since});
    assert_eq!(
        told,
        json!({
            "directory": "plugins",
            "alarm": "it is empty",
            "loading": {"file": "new.wasm", "since": "1970-01-01T00:00:00.000Z"},
            "plugins": [{
                "name": "claims", "version": "1.2.3", "digest": "ab", "file": "claims.wasm", "generation": 3,
                "loaded_at": "1970-01-01T00:00:00.000Z", "state": "serving_last_good",
                "routes": [{"path": "/c/", "title": "Claim", "topics": ["t"]}],
                "instances": 2, "records_judged": 10, "faults": 1, "last_fault": "trap",
                "measurements_dropped": 4,
                "refused": refused("claims.wasm"),
            }],
            "refused": [refused("x.wasm")],
            "missing": ["needed"],
            "notices": ["[plugin.x] has no effect"],
        })
    );
}

#[test]
fn a_reload_that_nobody_does_is_500() {
    let asked = Asked::of(&Request::post("/plugins/reload").body(()).unwrap());
    assert_eq!(not_reloaded(ReloadError, &asked).status, 500);
}
