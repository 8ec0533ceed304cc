mod kafka;

use super::*;
use crate::plugin::Limits;
use crate::sink::{RecordHeaders, Timestamps};
use crate::telemetry::LogFormat;
use std::fs;
use std::time::Duration;
use tempfile::TempDir;

/// Loads a file of this text. The file's name is cut from the problems.
fn load_with(text: &str, variables: &[(&str, &str)], flags: Flags) -> Result<Config, Vec<String>> {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("sluicegate.toml");
    fs::write(&path, text).unwrap();
    let variables = variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
    let cut = format!("{}:", path.display());
    Config::load(Flags { config: Some(path), ..flags }, variables)
        .map_err(|problems| problems.0.iter().map(|problem| problem.to_string().replace(&cut, "")).collect())
}

fn load(text: &str) -> Result<Config, Vec<String>> {
    load_with(text, &[], Flags::default())
}

#[track_caller]
fn assert_problems(text: &str, expected: &[&str]) {
    assert_eq!(load(text).unwrap_err(), expected);
}

#[test]
fn nothing_at_all_is_a_configuration() {
    let config = Config::load(Flags::default(), []).unwrap();
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:8081");
    assert_eq!((config.admin.violations.shown.as_str(), config.admin.violations.kept), ("codes", 100));
    assert_eq!(config.plugins.directory, Path::new("./plugins"));
    assert!(!config.plugins.directory_named);
    assert_eq!(config.plugins.state_directory, Path::new("./data/plugins"));
    assert_eq!(config.sink.directory, Path::new("./data"));
    assert!(config.plugins.judge_threads >= 1);
    assert_eq!(config.notices, [""; 0]);
}

#[test]
fn the_defaults_are_those_of_the_rooms() {
    let config = Config::load(Flags::default(), []).unwrap();
    assert_eq!(config.plugins.limits, Limits::default());
    assert_eq!(config.sink.log, sink::log::Config::default());
}

#[test]
fn the_reference_is_a_configuration_and_equal_to_none() {
    let reference = print_reference();
    let read = load(&reference).unwrap();
    let none = Config::load(Flags::default(), []).unwrap();
    assert_eq!(format!("{read:?}"), format!("{none:?}"));
}

#[test]
fn every_key_that_the_reference_only_shows_is_right_too() {
    let directory = TempDir::new().unwrap();
    let shown = |line: &str| match line.strip_prefix("# ") {
        Some(rest) if rest.starts_with('[') && rest.ends_with(']') => rest.to_owned(),
        Some(rest) if rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')) => rest.to_owned(),
        _ => line.to_owned(),
    };
    let text: Vec<String> = print_reference().lines().map(shown).collect();
    let there = format!("{:?}", directory.path());
    let token = directory.path().join("token");
    fs::write(&token, "s3cret\n").unwrap();
    let text = text
        .join("\n")
        .replace("\"./data\"", &there)
        .replace("\"./plugins\"", &there)
        .replace("/run/secrets/token", token.to_str().unwrap())
        .replace("/run/secrets/kafka", token.to_str().unwrap())
        .replace("/etc/kafka/ca.pem", token.to_str().unwrap())
        .replace("/etc/kafka/gateway.pem", token.to_str().unwrap())
        .replace("/etc/kafka/gateway.key", token.to_str().unwrap());
    let config = load(&text).unwrap();
    assert!(config.plugins.directory_named);
    assert_eq!(config.sink.log.retention_bytes, Some(4 << 30));
    let plugin = &config.plugins.plugins["financial-transaction"];
    assert_eq!(plugin.settings["token"], "s3cret");
    assert_eq!(plugin.limits.memory_bytes_max, 128 << 20);
}

#[test]
fn the_committed_example_is_the_reference() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/sluicegate.toml");
    let committed = fs::read_to_string(path).unwrap();
    assert!(
        committed == print_reference(),
        "examples/sluicegate.toml is old; write it anew: cargo run -- check --print-config > examples/sluicegate.toml"
    );
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    assert_problems(
        r#"
[http]
listen = "nonsense"
body_bytes_max = -5
records_max = 0
conections_max = 10
header_timeout_ms = "soon"
header_bytes_max = "3 parsecs"

[admin]
body_timeout_ms = 7

[plugins]
directory = "/nowhere/to/be/found"
required = "one"

[plugins.limits]
record_ms = 99999999999999999999

[telemetry]
log_format = "xml"
log_filter = "inof"

[htpp]
listen = "127.0.0.1:1"
"#,
        &[
            r#"3: http.listen = "nonsense": it is not an address; write IP:PORT, e.g. "127.0.0.1:8080", or "0.0.0.0:8080" for every interface"#,
            "4: http.body_bytes_max = -5: it is below 1; write a number of bytes of at least 1",
            "5: http.records_max = 0: it is below 1; write a whole number of at least 1",
            "6: http.conections_max = 10: there is no such key; did you mean connections_max?",
            r#"7: http.header_timeout_ms = "soon": it is not a whole number; write one of at least 1"#,
            r#"8: http.header_bytes_max = "3 parsecs": it is not a number of bytes; write one, or text with a unit like "64MiB""#,
            "11: admin.body_timeout_ms = 7: there is no such key here; did you mean http.body_timeout_ms?",
            r#"14: plugins.directory = "/nowhere/to/be/found": there is no such directory; create it: mkdir -p /nowhere/to/be/found"#,
            r#"15: plugins.required = "one": it is not a list; write one of texts, e.g. ["one", "two"]"#,
            "18: plugins.limits.record_ms = 99999999999999999999: it is above 600000; write a whole number from 1 to 600000",
            r#"21: telemetry.log_format = "xml": it is none of the choices; write "auto" or "json" or "text""#,
            r#"22: telemetry.log_filter = "inof": 'inof' is no level; use off, error, warn, info, debug or trace; write e.g. "info" or "warn,sluicegate=debug""#,
            "24: htpp = {…}: there is no such section; did you mean [http]?",
        ],
    );
}

#[test]
fn what_is_not_toml_is_said_by_line_beside_the_rest() {
    let problems = load("[http]\nlisten = \n[admin]\nlisten = 5\n").unwrap_err();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("2: this is not TOML: "), "{}", problems[0]);
    assert!(problems[0].ends_with("`sluicegate check --print-config` prints a file that is right"));
    assert_eq!(problems[1], "4: admin.listen = 5: it is not text; put it in quotes");
}

#[test]
fn a_section_is_no_value_and_a_value_no_section() {
    assert_problems(
        "shutdown = 5\n[http]\nlisten = { ip = 1 }\n",
        &[
            "1: shutdown = 5: it is a section, not a value; write a line [shutdown] and its keys below",
            "3: http.listen = {…}: it is not text; put it in quotes",
        ],
    );
    assert_problems(
        "[sink]\nflavour = 1\n",
        &["2: sink.flavour = 1: there is no such key; [sink] has segment_bytes, commit_bytes_max, \
           commit_records_max, queue_bytes_max, high_water_bytes, free_bytes_min, retention_bytes, \
           retention_age_s, retry_pause_ms"],
    );
    assert_problems(
        "[quux]\n",
        &["1: quux = {…}: there is no such section; the sections are http, admin, data, idempotency, \
           plugins, sink, spool, kafka, dead_letters, telemetry, shutdown, plugin"],
    );
}

#[test]
fn a_file_that_cannot_be_read_is_said() {
    let flags = Flags { config: Some("/nowhere.toml".into()), ..Flags::default() };
    assert_eq!(
        Config::load(flags, []).unwrap_err().to_string(),
        "configuration file /nowhere.toml cannot be read (No such file or directory (os error 2)); \
         name another by --config, or leave --config out to run without one"
    );
}

#[test]
fn a_flag_is_over_a_variable_over_the_file() {
    let file = "[http]\nlisten = \"127.0.0.1:1\"\nrecords_max = 1\nin_flight_max = 1\n";
    let variables = [("SLUICEGATE__HTTP__LISTEN", "127.0.0.1:2"), ("SLUICEGATE__HTTP__RECORDS_MAX", "2")];
    let flags = Flags { listen: Some("127.0.0.1:3".into()), ..Flags::default() };
    let config = load_with(file, &variables, flags).unwrap();
    assert_eq!(config.http.listen.port(), 3);
    assert_eq!(config.http.records.records_max, 2);
    assert_eq!(config.http.in_flight_max, 1);
}

#[test]
fn variables_reach_every_kind_of_key() {
    let file = "[plugin.claims.settings]\nApi-Key = \"a\"\n";
    let variables = [
        ("SLUICEGATE__PLUGINS__REQUIRED", "claims, payments"),
        ("SLUICEGATE__PLUGINS__LIMITS__MEMORY_BYTES_MAX", "128MiB"),
        ("SLUICEGATE__PLUGIN__CREDIT_CARD__RECORD_MS", "50"),
        ("SLUICEGATE__PLUGIN__CLAIMS__SETTINGS__API_KEY", "007"),
        ("SLUICEGATE__PLUGIN__CLAIMS__TOPICS__RAW_CLAIMS", "claims.raw"),
        ("SLUICEGATE__TELEMETRY__LOG_FORMAT", "json"),
        ("SLUICEGATE_SERVICE_HOST", "10.0.0.1"),
        ("SLUICEGATE_HTTP_LISTEN", "ignored: one underscore is Kubernetes'"),
        ("PATH", "/bin"),
    ];
    let config = load_with(file, &variables, Flags::default()).unwrap();
    assert_eq!(config.plugins.required, ["claims", "payments"]);
    assert_eq!(config.plugins.limits.memory_bytes_max, 128 << 20);
    assert_eq!(config.telemetry.log_format, LogFormat::Json);
    let card = &config.plugins.plugins["credit-card"];
    assert_eq!(card.limits.record_time, Duration::from_millis(50));
    assert_eq!(card.limits.memory_bytes_max, 128 << 20, "inherited from [plugins.limits]");
    let claims = &config.plugins.plugins["claims"];
    assert_eq!(claims.settings.iter().collect::<Vec<_>>(), [(&"Api-Key".to_owned(), &"007".to_owned())]);
    assert_eq!(claims.topics["raw_claims"], "claims.raw");
}

#[test]
fn problems_of_flags_and_variables_name_them() {
    let variables = [
        ("SLUICEGATE__HTTP__LISTEN", "here"),
        ("SLUICEGATE__HTTP", "x"),
        ("SLUICEGATE__HTTP__RECORD_MAX", "1"),
        ("SLUICEGATE__SINK__SEGMENT_BYTES", "1"),
    ];
    let flags = Flags { data: Some("/nowhere/data".into()), ..Flags::default() };
    assert_eq!(
        load_with("", &variables, flags).unwrap_err(),
        [
            "--data /nowhere/data (data.directory): there is no such directory; create it: mkdir -p /nowhere/data",
            "SLUICEGATE__HTTP=x: it names no key; write SLUICEGATE__SECTION__KEY, e.g. SLUICEGATE__HTTP__LISTEN",
            r#"SLUICEGATE__HTTP__LISTEN=here (http.listen): it is not an address; write IP:PORT, e.g. "127.0.0.1:8080", or "0.0.0.0:8080" for every interface"#,
            "SLUICEGATE__SINK__SEGMENT_BYTES=1 (sink.segment_bytes): it is below 65536; write a number of bytes of at least 65536",
            "SLUICEGATE__HTTP__RECORD_MAX=1 (http.record_max): there is no such key; did you mean records_max?",
        ]
    );
}

#[test]
fn the_old_ingestors_variables_are_heeded_or_refused() {
    let variables = [
        ("KAFKA_TOPIC_FINANCIAL", "payments.raw"),
        ("KAFKA_TOPIC_INSURANCE", "claims.raw"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://grafana-alloy:4318"),
        ("KAFKA_BROKER", "kafka:9092"),
    ];
    let file = "[plugin.insurance-claim.topics]\nraw_insurance_claims = \"from.file\"\n";
    let config = load_with(file, &variables, Flags::default()).unwrap();
    let topics = |plugin: &str| config.plugins.plugins[plugin].topics.clone();
    assert_eq!(topics("financial-transaction")["raw_financial_transactions"], "payments.raw");
    assert_eq!(topics("insurance-claim")["raw_insurance_claims"], "from.file");
    assert_eq!(config.telemetry.export.traces.unwrap().url, "http://grafana-alloy:4318/v1/traces");
    assert_eq!(config.sink.kafka.unwrap().brokers, "kafka:9092");
    let none = load_with("", &[("KAFKA_BROKER", "")], Flags::default()).unwrap();
    assert!(none.sink.kafka.is_none());
    let bad = [("KAFKA_TOPIC_FINANCIAL", "no topic")];
    assert_eq!(
        load_with("", &bad, Flags::default()).unwrap_err(),
        [
            "KAFKA_TOPIC_FINANCIAL=… (plugin.financial-transaction.topics.raw_financial_transactions): no topic can \
          have this name; use letters, digits, '.', '_' and '-', at most 237, and neither '.' nor '..'"
        ]
    );
}

#[test]
fn settings_are_text_to_their_plugin() {
    let config = load(
        "[plugin.p.settings]\ntext = \"a b\"\nwhole = 1_000\nhex = 0x10\nfraction = 1.50\nflag = true\n",
    )
    .unwrap();
    let settings: Vec<String> =
        config.plugins.plugins["p"].settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(settings, ["flag=true", "fraction=1.50", "hex=16", "text=a b", "whole=1000"]);
}

#[test]
fn what_a_plugin_cannot_have_is_said() {
    assert_problems(
        r#"
[plugin.Claims]
[plugin.p]
recrod_ms = 1
[plugin.p.settings]
list = [1, 2]
when = 2026-01-01
secret = { file = "/nowhere/secret" }
odd = { file = "a", other = 1 }
[plugin.p.topics]
raw = "a b"
other = 7
"#,
        &[
            "2: plugin.Claims = {…}: no plugin can have this name; write [plugin.<name>] with lower-case letters, digits and dashes",
            "4: plugin.p.recrod_ms = 1: there is no such key; did you mean record_ms?",
            r#"6: plugin.p.settings.list = [1, 2]: it is not a setting; write text, a number, true, false, or { file = "path" }"#,
            r#"7: plugin.p.settings.when = 2026-01-01: it is not a setting; write text, a number, true, false, or { file = "path" }"#,
            r#"8: plugin.p.settings.secret = { file = "/nowhere/secret" }: its file cannot be read (No such file or directory (os error 2)); name a file of text that this user may read"#,
            r#"9: plugin.p.settings.odd = { file = "a" }: it is not a setting; write text, or { file = "path" } and nothing else"#,
            r#"11: plugin.p.topics.raw = "a b": no topic can have this name; use letters, digits, '.', '_' and '-', at most 237, and neither '.' nor '..'"#,
            "12: plugin.p.topics.other = 7: it is not the name of a topic; write its name as text",
        ],
    );
}

#[test]
fn settings_that_make_no_sense_together_are_said() {
    assert_problems(
        r#"
[http]
listen = "0.0.0.0:9000"
record_bytes_max = "100MiB"
body_bytes_max = "40MiB"
decompressed_bytes_max = "300MiB"
[admin]
listen = "127.0.0.1:9000"
[sink]
segment_bytes = "64MiB"
high_water_bytes = "65MiB"
retention_bytes = "2MiB"
[plugins]
memory_budget_bytes = "32MiB"
[plugin.p]
output_bytes_max = "176MiB"
record_ms = 300
"#,
        &[
            "http.decompressed_bytes_max = 314572800: it is above http.body_budget_bytes = 268435456, so that such a body could never be held; lower http.decompressed_bytes_max or raise http.body_budget_bytes",
            "admin.listen = 127.0.0.1:9000: http.listen = 0.0.0.0:9000 has this port already; give the admin port another port",
            "2 * sink.segment_bytes = 134217728: it is above sink.high_water_bytes = 68157440, so that the last file \
             alone would keep the log full; lower 2 * sink.segment_bytes or raise sink.high_water_bytes",
            "sink.retention_bytes + sink.segment_bytes = 69206016: it is above sink.high_water_bytes = 68157440, so that records would be refused before old ones are removed; lower sink.retention_bytes + sink.segment_bytes or raise sink.high_water_bytes",
            "http.record_bytes_max + plugins.limits.output_bytes_max + 64KiB = 121700352: it is above sink.segment_bytes = 67108864, so that the largest record could not fit into a file of the log; lower http.record_bytes_max or plugins.limits.output_bytes_max, or raise sink.segment_bytes",
            "http.record_bytes_max + plugins.limits.output_bytes_max + 64KiB = 121700352: it is above sink.queue_bytes_max = 67108864, so that the largest record could not wait for the disk; lower http.record_bytes_max or plugins.limits.output_bytes_max, or raise sink.queue_bytes_max",
            "plugins.limits.memory_bytes_max = 67108864: it is above plugins.memory_budget_bytes = 33554432, so that one instance could take more than all may; lower plugins.limits.memory_bytes_max or raise plugins.memory_budget_bytes",
            "http.record_bytes_max = 104857600: it is above plugins.limits.copied_bytes_max = 2097152, so that a producer's long text would become a fault of the plugin; lower http.record_bytes_max or raise plugins.limits.copied_bytes_max",
            "http.record_bytes_max + plugin.p.output_bytes_max + 64KiB = 289472512: it is above sink.segment_bytes = 67108864, so that the largest record could not fit into a file of the log; lower http.record_bytes_max or plugin.p.output_bytes_max, or raise sink.segment_bytes",
            "http.record_bytes_max + plugin.p.output_bytes_max + 64KiB = 289472512: it is above sink.queue_bytes_max = 67108864, so that the largest record could not wait for the disk; lower http.record_bytes_max or plugin.p.output_bytes_max, or raise sink.queue_bytes_max",
            "http.record_bytes_max + plugin.p.output_bytes_max + 64KiB = 289472512: it is above the log's bound for one record = 268435456, so that the largest record could not be framed; lower http.record_bytes_max or plugin.p.output_bytes_max",
            "plugin.p.record_ms = 300: it is above plugin.p.call_ms = 250, which a call of one record may not exceed either; lower plugin.p.record_ms or raise plugin.p.call_ms",
            "plugin.p.memory_bytes_max = 67108864: it is above plugins.memory_budget_bytes = 33554432, so that one instance could take more than all may; lower plugin.p.memory_bytes_max or raise plugins.memory_budget_bytes",
            "2 * plugin.p.output_bytes_max = 369098752: it is above plugin.p.request_output_bytes_max = 67108864, so that the answer to one record by itself might never be kept; lower 2 * plugin.p.output_bytes_max or raise plugin.p.request_output_bytes_max",
            "http.record_bytes_max = 104857600: it is above plugin.p.copied_bytes_max = 2097152, so that a producer's long text would become a fault of the plugin; lower http.record_bytes_max or raise plugin.p.copied_bytes_max",
        ],
    );
}

#[test]
fn every_limit_may_be_set_for_one_plugin_and_is_inherited_else() {
    let reference = print_reference();
    let (_, limits) = reference.split_once("[plugins.limits]\n").unwrap();
    let (limits, _) = limits.split_once("\n\n").unwrap();
    let config = load(&format!("[plugin.p]\n{limits}\n")).unwrap();
    assert_eq!(config.plugins.plugins["p"].limits, Limits::default());
    let config = load(
        "[plugins.limits]\nviolations_max = 5\nlog_line_bytes_max = 100\nstart_ms = 7\n\
         [plugin.p]\nheaders_max = 1\nrequest_output_bytes_max = \"40MiB\"\n",
    )
    .unwrap();
    let limits = &config.plugins.plugins["p"].limits;
    assert_eq!((limits.answer.violations_max, limits.answer.headers_max), (5, 1));
    assert_eq!((limits.log.line_bytes_max, limits.start_time), (100, Duration::from_millis(7)));
    assert_eq!(limits.request_output_bytes_max, 40 << 20);
    assert_eq!(config.plugins.limits.answer.headers_max, 32);
}

#[test]
fn what_plugins_may_return_fits_into_what_may_be_held_of_it() {
    assert_problems(
        r#"
[plugins]
output_budget_bytes = "48MiB"
[plugin.p]
output_bytes_max = "32MiB"
request_output_bytes_max = "40MiB"
call_records_max = 5000
parts_max = 65537
"#,
        &[
            "7: plugin.p.call_records_max = 5000: it is above 4096; write a whole number from 1 to 4096",
            "8: plugin.p.parts_max = 65537: it is above 65536; write a whole number from 1 to 65536",
        ],
    );
    assert_problems(
        r#"
[plugins]
output_budget_bytes = "48MiB"
[plugin.p]
output_bytes_max = "32MiB"
request_output_bytes_max = "40MiB"
"#,
        &[
            "plugins.limits.request_output_bytes_max = 67108864: it is above plugins.output_budget_bytes = 50331648, so that one request could take more than all may; lower plugins.limits.request_output_bytes_max or raise plugins.output_budget_bytes",
            "2 * plugin.p.output_bytes_max = 67108864: it is above plugin.p.request_output_bytes_max = 41943040, so that the answer to one record by itself might never be kept; lower 2 * plugin.p.output_bytes_max or raise plugin.p.request_output_bytes_max",
        ],
    );
}

#[test]
fn a_system_chosen_port_may_be_asked_for_twice() {
    assert!(load("[http]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n").is_ok());
}

#[test]
fn bytes_may_have_units() {
    let bytes =
        |text: &str| load(&format!("[sink]\nfree_bytes_min = {text}\n")).map(|c| c.sink.log.free_bytes_min);
    assert_eq!(bytes("0"), Ok(0));
    assert_eq!(bytes("1_000"), Ok(1_000));
    assert_eq!(bytes("\"12\""), Ok(12));
    assert_eq!(bytes("\"1 kB\""), Ok(1_000));
    assert_eq!(bytes("\"2gib\""), Ok(2 << 30));
    for wrong in ["\"-1KiB\"", "\"1.5GiB\"", "\"GiB\"", "true", "1.5", "\"99999999999TiB\""] {
        assert_eq!(bytes(wrong).unwrap_err().len(), 1, "{wrong}");
    }
}

#[test]
fn headers_and_timestamps_for_kafka_are_chosen_and_unknown_ones_refused() {
    let read = |lines: &str| {
        load(&format!("[kafka]\nbrokers = \"kafka:9092\"\n{lines}")).map(|config| config.sink.kafka.unwrap())
    };
    let usual = read("").unwrap();
    assert_eq!(usual.headers, RecordHeaders { trace: true, record_id: true, plugin: true });
    assert_eq!(usual.timestamps, Timestamps::Received);
    let chosen = read("headers = [\"sluicegate-record-id\"]\ntimestamps = \"event\"").unwrap();
    assert_eq!(chosen.headers, RecordHeaders { trace: false, record_id: true, plugin: false });
    assert_eq!(chosen.timestamps, Timestamps::Event);
    let wrong = read("headers = [\"traceparent\", \"x-mine\"]\ntimestamps = \"arrival\"").unwrap_err();
    assert!(
        wrong[0].ends_with(
            "the gateway has no such header; write some of traceparent, sluicegate-record-id, sluicegate-plugin, or [] for \
             none"
        ),
        "{wrong:#?}"
    );
    assert!(wrong[1].ends_with("it is none of the choices; write \"received\" or \"event\""), "{wrong:#?}");
    assert_eq!(wrong.len(), 2);
}

#[test]
fn a_route_may_have_a_policy_of_its_own() {
    use crate::plugin::{OnInvalid, OnOutage, RoutePolicy};
    let text = "[plugin.p.routes.\"/a/\"]\non_invalid = \"atomic\"\n[plugin.p.routes.\"/b\"]\non_outage = \"reject\"\nrejected_dead_letters = false\n";
    let routes = load(text).unwrap().plugins.plugins["p"].routes.clone();
    assert_eq!(routes["/a"], RoutePolicy { on_invalid: OnInvalid::Atomic, ..RoutePolicy::default() });
    let policy = RoutePolicy {
        on_invalid: OnInvalid::Partial,
        on_outage: OnOutage::Reject,
        rejected_dead_letters: Some(false),
    };
    assert_eq!(routes["/b"], policy);
    assert_problems(
        r#"
[plugin.p.routes."/a"]
on_invalid = "all"
on_invald = "atomic"
rejected_dead_letters = "no"
[plugin.p.routes."/a/"]
[plugin.p.routes.b]
"#,
        &[
            r#"3: plugin.p.routes."/a".on_invalid = "all": it is none of the choices; write "partial" or "atomic""#,
            r#"4: plugin.p.routes."/a".on_invald = "atomic": there is no such key; did you mean on_invalid?"#,
            r#"5: plugin.p.routes."/a".rejected_dead_letters = "no": it is neither true nor false; write true or false, without quotes"#,
            r#"6: plugin.p.routes."/a/": it is there with and without a slash at its end; keep one of the two sections"#,
            r#"7: plugin.p.routes."b": no route can have this path; write it as /plugins shows it, with a slash at its start"#,
        ],
    );
}

#[test]
fn what_the_console_shows_of_violations_is_one_of_three_words_and_bounded() {
    assert_problems(
        "[admin]\nviolations_shown = \"messages\"\nviolations_kept = 0\n",
        &[
            "2: admin.violations_shown = \"messages\": it is none of the choices; write \"codes\" or \"full\" or \"off\"",
            "3: admin.violations_kept = 0: it is below 1; write a whole number of at least 1",
        ],
    );
    assert_problems(
        "[admin]\nviolations_kept = 1_001\n",
        &["2: admin.violations_kept = 1001: it is above 1000; write a whole number from 1 to 1000"],
    );
}
