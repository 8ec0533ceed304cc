use super::*;

fn config(protocol: Protocol, tls: Tls) -> Config {
    let target = Target {
        protocol,
        url: "https://127.0.0.1:9/v1/traces".into(),
        timeout: Duration::from_secs(1),
        tls,
    };
    Config { export: ExportConfig { traces: Some(target), ..ExportConfig::default() }, ..Config::default() }
}

fn refusal(protocol: Protocol, tls: Tls) -> String {
    match Export::start(&config(protocol, tls)) {
        Ok(_) => panic!("it started"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_file_that_is_no_certificate_is_named_with_its_variable() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing.pem");
    let words = directory.path().join("words.pem");
    std::fs::write(&words, "not a certificate").unwrap();
    let of = |authorities: &PathBuf| Tls { authorities: Some(authorities.clone()), identity: None };
    for protocol in [Protocol::HttpProtobuf, Protocol::Grpc] {
        assert_eq!(
            refusal(protocol, of(&missing)),
            format!(
                "{} cannot be read (No such file or directory (os error 2)); name a PEM file in \
                 OTEL_EXPORTER_OTLP_CERTIFICATE",
                missing.display()
            )
        );
    }
    assert_eq!(
        refusal(Protocol::HttpProtobuf, of(&words)),
        format!(
            "{} cannot be read (it has no certificate in it); name a PEM file in OTEL_EXPORTER_OTLP_CERTIFICATE",
            words.display()
        )
    );
    let identity = Tls { authorities: None, identity: Some((words.clone(), missing)) };
    assert_eq!(
        refusal(Protocol::Grpc, identity),
        format!(
            "{} cannot be read (it is no PEM file); name a PEM file in OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
            words.display()
        )
    );
}

#[test]
fn a_gateway_that_sends_nothing_has_no_threads_for_it_and_stops_at_once() {
    let export = Export::start(&Config::default()).unwrap();
    assert!(export.0.running.lock().runtime.is_none());
    export.push(&Metrics::new(&Config::default())).unwrap();
    let start = Instant::now();
    export.stop();
    assert!(start.elapsed() < STOP_PATIENCE);
}

/// Nobody listens: it is given up within its time, and what was lost is counted.
#[test]
fn what_an_absent_collector_does_not_get_is_counted_and_holds_up_nobody() {
    let export = Export::start(&config(Protocol::Grpc, Tls::default())).unwrap();
    let span = export.traces().request("POST", None);
    assert!(span.as_parent().is_some(), "the first of a second is kept");
    span.end();
    let start = Instant::now();
    export.stop();
    assert!(start.elapsed() < 2 * STOP_PATIENCE);
    let metrics = Metrics::new(&Config::default());
    metrics.observe_export(export.0.tally.clone());
    let told = metrics.render();
    let line = "gateway_telemetry_items_total{result=\"failed\",signal=\"traces\"} 1";
    assert!(told.lines().any(|told| told == line), "{told}");
}
