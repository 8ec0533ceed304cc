//! The standard variables of OpenTelemetry (specification, "Environment Variables" and "OTLP Exporter"), as far as the
//! SDK leaves them to us. What it reads itself, as the service's name, headers and the samplers' argument, is looked at
//! where a mistake would go unnoticed.
//!
//! Two things differ from the specification: nothing is sent where no variable says so, as a gateway on a machine without
//! a collector would else fail to send all its life; and a value that nobody knows refuses the start, as every other
//! mistake in the configuration does, where the specification has it warned of and passed over.

use super::problem::{Origin, Problem};
use crate::telemetry::{ExportConfig, Protocol, Target, Temporality, Tls};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

const SIGNALS: [&str; 3] = ["TRACES", "METRICS", "LOGS"];
const SAMPLERS: [&str; 6] = [
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];

/// Waiting longer for a collector than this would be a slip of the finger.
const TIMEOUT_MS_MAX: u64 = 10 * 60 * 1_000;

pub(super) fn export(
    variables: &[(String, String)],
    problems: &mut Vec<Problem>,
    notices: &mut Vec<String>,
) -> ExportConfig {
    let given = |(name, value): &(String, String)| {
        let value = value.trim();
        (name.starts_with("OTEL_") && !value.is_empty()).then(|| (name.clone(), value.to_owned()))
    };
    let mut reading = Reading { variables: variables.iter().filter_map(given).collect(), problems };
    let propagates = reading.propagates(notices);
    if reading.is_disabled() {
        return ExportConfig { propagates, ..ExportConfig::default() };
    }
    if let Some(attributes) = reading.get("OTEL_RESOURCE_ATTRIBUTES").map(str::to_owned) {
        reading.check_pairs("OTEL_RESOURCE_ATTRIBUTES", &attributes);
    }
    let sampler_given = reading.sampler();
    let metric_interval = reading.milliseconds("OTEL_METRIC_EXPORT_INTERVAL", 60_000);
    let temporality = reading.temporality();
    let spans_max = reading.queue("OTEL_BSP_MAX_QUEUE_SIZE");
    let log_lines_max = reading.queue("OTEL_BLRP_MAX_QUEUE_SIZE");
    let [traces, metrics, logs] = SIGNALS.map(|signal| reading.target(signal));
    ExportConfig {
        traces,
        metrics,
        logs,
        metric_interval,
        temporality,
        spans_max,
        log_lines_max,
        sampler_given,
        propagates,
    }
}

struct Reading<'a> {
    variables: BTreeMap<String, String>,
    problems: &'a mut Vec<Problem>,
}

impl Reading<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The signal's own variable, or the one for all signals, with its name.
    fn of_signal(&self, signal: &str, what: &str) -> Option<(String, String)> {
        let names = [format!("OTEL_EXPORTER_OTLP_{signal}_{what}"), format!("OTEL_EXPORTER_OTLP_{what}")];
        names.into_iter().find_map(|name| self.get(&name).map(str::to_owned).map(|value| (name, value)))
    }

    fn wrong(&mut self, name: &str, value: &str, fault: &str, remedy: &str) {
        let problem = Problem {
            origin: Origin::Variable(name.to_owned()),
            key: String::new(),
            value: value.to_owned(),
            fault: fault.to_owned(),
            remedy: remedy.to_owned(),
        };
        // What holds for all signals is looked at for each.
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    fn is_disabled(&self) -> bool {
        self.get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Where a signal goes, if anywhere.
    fn target(&mut self, signal: &str) -> Option<Target> {
        let name = format!("OTEL_{signal}_EXPORTER");
        let exporters: Option<Vec<String>> =
            self.get(&name).map(|list| list.split(',').map(|one| one.trim().to_owned()).collect());
        let asked = match exporters.as_deref() {
            None => false,
            Some([none]) if none == "none" => return None,
            // Always there, on the admin port.
            Some([prometheus]) if prometheus == "prometheus" && signal == "METRICS" => return None,
            Some(list)
                if list.iter().all(|one| one == "otlp" || (one == "prometheus" && signal == "METRICS")) =>
            {
                true
            }
            Some(list) => {
                let (list, fault) = (list.join(","), "there is no such exporter");
                self.wrong(&name, &list, fault, "write otlp or none; /metrics is always there");
                return None;
            }
        };
        let endpoint = self.of_signal(signal, "ENDPOINT");
        if !asked && endpoint.is_none() {
            return None;
        }
        let protocol = self.protocol(signal);
        let (timeout, tls) = (self.timeout(signal), self.tls(signal));
        self.check_compression(signal);
        if let Some((name, value)) = self.of_signal(signal, "HEADERS") {
            self.check_pairs(&name, &value);
        }
        let url = self.url(signal, protocol, endpoint)?;
        Some(Target { protocol, url, timeout, tls })
    }

    fn protocol(&mut self, signal: &str) -> Protocol {
        match self.of_signal(signal, "PROTOCOL") {
            None => Protocol::HttpProtobuf,
            Some((_, value)) if value == "http/protobuf" => Protocol::HttpProtobuf,
            Some((_, value)) if value == "grpc" => Protocol::Grpc,
            Some((name, value)) => {
                self.wrong(&name, &value, "there is no such protocol", "write http/protobuf or grpc");
                Protocol::HttpProtobuf
            }
        }
    }

    fn url(
        &mut self,
        signal: &str,
        protocol: Protocol,
        endpoint: Option<(String, String)>,
    ) -> Option<String> {
        let Some((name, value)) = endpoint else {
            return Some(match protocol {
                Protocol::Grpc => "http://localhost:4317".to_owned(),
                Protocol::HttpProtobuf => format!("http://localhost:4318/v1/{}", signal.to_ascii_lowercase()),
            });
        };
        let sound = ["http://", "https://"].iter().any(|scheme| {
            let rest = value.strip_prefix(scheme).unwrap_or_default();
            !rest.is_empty() && !rest.starts_with(['/', ':']) && !value.contains(char::is_whitespace)
        });
        if !sound {
            let remedy = "write its scheme, host and port, e.g. http://collector:4318";
            self.wrong(&name, &value, "it is no collector's address", remedy);
            return None;
        }
        let host =
            value.split_once("://").map_or("", |(_, rest)| rest).split(['/', '?']).next().unwrap_or_default();
        if let Some((_, host)) = host.rsplit_once('@') {
            // It would be told with every line about the collector.
            let hidden = format!("…@{host}");
            let remedy = "write it to OTEL_EXPORTER_OTLP_HEADERS, e.g. authorization=Basic%20<Base64 of user:password>";
            self.wrong(&name, &hidden, "a collector's address is no place for a password", remedy);
            return None;
        }
        let own = name.contains(signal);
        Some(match protocol {
            Protocol::HttpProtobuf if !own => {
                format!("{}/v1/{}", value.trim_end_matches('/'), signal.to_ascii_lowercase())
            }
            _ => value,
        })
    }

    fn tls(&mut self, signal: &str) -> Tls {
        let path = |given: Option<(String, String)>| given.map(|(_, value)| PathBuf::from(value));
        let authorities = path(self.of_signal(signal, "CERTIFICATE"));
        let certificate = self.of_signal(signal, "CLIENT_CERTIFICATE");
        let key = self.of_signal(signal, "CLIENT_KEY");
        let identity = match (certificate, key) {
            (Some((_, certificate)), Some((_, key))) => Some((certificate.into(), key.into())),
            (None, None) => None,
            (Some((name, value)), None) | (None, Some((name, value))) => {
                let remedy =
                    "set both OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY";
                self.wrong(&name, &value, "a certificate and its key go together", remedy);
                None
            }
        };
        Tls { authorities, identity }
    }

    fn timeout(&mut self, signal: &str) -> Duration {
        match self.of_signal(signal, "TIMEOUT") {
            None => Duration::from_secs(10),
            Some((name, _)) => self.milliseconds(&name, 10_000),
        }
    }

    fn check_compression(&mut self, signal: &str) {
        if let Some((name, value)) = self.of_signal(signal, "COMPRESSION")
            && !["gzip", "zstd", "none"].contains(&value.as_str())
        {
            self.wrong(&name, &value, "there is no such compression", "write gzip, zstd or none");
        }
    }

    /// A list of names and values; the SDK passes over what it cannot read. What is wrong is told by its place, as it may
    /// be a password.
    fn check_pairs(&mut self, name: &str, list: &str) {
        let is_pair = |pair: &str| pair.split_once('=').is_some_and(|(name, _)| !name.trim().is_empty());
        let mut parts = (1..).zip(list.split(',')).filter(|(_, part)| !part.trim().is_empty());
        if let Some((place, _)) = parts.find(|(_, part)| !is_pair(part)) {
            let shown = format!("… (part {place})");
            let remedy = "write name=value, more of them with commas between, and a comma in a value as %2C";
            self.wrong(name, &shown, "it is no name with a value", remedy);
        }
    }

    fn milliseconds(&mut self, name: &str, default: u64) -> Duration {
        let Some(value) = self.get(name).map(str::to_owned) else { return Duration::from_millis(default) };
        match value.parse() {
            Ok(number) if (1..=TIMEOUT_MS_MAX).contains(&number) => Duration::from_millis(number),
            _ => {
                let remedy = format!("write milliseconds, from 1 to {TIMEOUT_MS_MAX}");
                self.wrong(name, &value, "it is no time that can be waited for", &remedy);
                Duration::from_millis(default)
            }
        }
    }

    fn queue(&mut self, name: &str) -> usize {
        const DEFAULT: usize = 2_048;
        const MAX: usize = 1_000_000;
        let Some(value) = self.get(name).map(str::to_owned) else { return DEFAULT };
        match value.parse() {
            Ok(number) if (1..=MAX).contains(&number) => number,
            _ => {
                let remedy = format!("write a whole number from 1 to {MAX}");
                self.wrong(name, &value, "it is no length of a queue", &remedy);
                DEFAULT
            }
        }
    }

    fn temporality(&mut self) -> Temporality {
        const NAME: &str = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
        let Some(value) = self.get(NAME).map(str::to_owned) else { return Temporality::Cumulative };
        match value.to_ascii_lowercase().as_str() {
            "cumulative" => Temporality::Cumulative,
            "delta" => Temporality::Delta,
            "lowmemory" => Temporality::LowMemory,
            _ => {
                self.wrong(
                    NAME,
                    &value,
                    "there is no such temporality",
                    "write cumulative, delta or lowmemory",
                );
                Temporality::Cumulative
            }
        }
    }

    fn sampler(&mut self) -> bool {
        const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
        let Some(sampler) = self.get("OTEL_TRACES_SAMPLER").map(str::to_owned) else { return false };
        if !SAMPLERS.contains(&sampler.as_str()) {
            let remedy = format!("write one of {}", SAMPLERS.join(", "));
            self.wrong("OTEL_TRACES_SAMPLER", &sampler, "there is no such sampler", &remedy);
        }
        let argument = self.get(ARGUMENT).unwrap_or("1.0").to_owned();
        let is_ratio = argument.parse().is_ok_and(|ratio: f64| (0.0..=1.0).contains(&ratio));
        if sampler.ends_with("traceidratio") && !is_ratio {
            self.wrong(
                ARGUMENT,
                &argument,
                "it is no share of traces",
                "write a number from 0 to 1, e.g. 0.1",
            );
        }
        true
    }

    /// Whether senders' traces are continued. Others of the standard's propagators are not there, and nothing is lost
    /// without them but their traces.
    fn propagates(&mut self, notices: &mut Vec<String>) -> bool {
        let Some(list) = self.get("OTEL_PROPAGATORS") else { return true };
        let names: Vec<&str> = list.split(',').map(str::trim).collect();
        let others: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| !["tracecontext", "baggage", "none"].contains(name))
            .collect();
        if !others.is_empty() {
            notices.push(format!(
                "OTEL_PROPAGATORS={list}: {} is not known here; senders' traces are continued by tracecontext only",
                others.join(", ")
            ));
        }
        names.contains(&"tracecontext")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> (ExportConfig, Vec<String>, Vec<String>) {
        let variables: Vec<(String, String)> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (mut problems, mut notices) = (Vec::new(), Vec::new());
        let config = export(&variables, &mut problems, &mut notices);
        (config, problems.iter().map(ToString::to_string).collect(), notices)
    }

    fn urls(variables: &[(&str, &str)]) -> [Option<String>; 3] {
        let (config, problems, _) = read(variables);
        assert_eq!(problems, [""; 0]);
        [config.traces, config.metrics, config.logs].map(|target| target.map(|target| target.url))
    }

    #[test]
    fn an_endpoint_sends_all_signals_each_to_its_path() {
        let to = |url: &str| Some(url.to_owned());
        let all = [to("http://a:1/v1/traces"), to("http://a:1/v1/metrics"), to("http://a:1/v1/logs")];
        assert_eq!(urls(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:1")]), all);
        assert_eq!(urls(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:1/")]), all);
        let own = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:1"),
            ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "https://b/otlp"),
            ("OTEL_TRACES_EXPORTER", "none"),
        ];
        assert_eq!(urls(&own), [None, to("http://a:1/v1/metrics"), to("https://b/otlp")]);
        let grpc = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:1"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
        assert_eq!(urls(&grpc), [to("http://a:1"), to("http://a:1"), to("http://a:1")]);
    }

    #[test]
    fn nothing_is_sent_where_nobody_says_so() {
        assert_eq!(urls(&[]), [None, None, None]);
        let only = [("OTEL_TRACES_EXPORTER", "otlp"), ("OTEL_METRICS_EXPORTER", "prometheus")];
        assert_eq!(urls(&only), [Some("http://localhost:4318/v1/traces".to_owned()), None, None]);
        let off = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:1"), ("OTEL_SDK_DISABLED", "true")];
        assert_eq!(urls(&off), [None, None, None]);
    }

    #[test]
    fn every_mistake_is_told_once_with_its_remedy() {
        let (_, problems, _) = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "key.pem"),
            ("OTEL_LOGS_EXPORTER", "console"),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "10%"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "-1"),
            ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "gauge"),
        ]);
        assert_eq!(
            problems,
            [
                "OTEL_TRACES_SAMPLER_ARG=10%: it is no share of traces; write a number from 0 to 1, e.g. 0.1",
                "OTEL_METRIC_EXPORT_INTERVAL=-1: it is no time that can be waited for; write milliseconds, from 1 to \
                 600000",
                "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=gauge: there is no such temporality; write \
                 cumulative, delta or lowmemory",
                "OTEL_BSP_MAX_QUEUE_SIZE=0: it is no length of a queue; write a whole number from 1 to 1000000",
                "OTEL_EXPORTER_OTLP_PROTOCOL=http/json: there is no such protocol; write http/protobuf or grpc",
                "OTEL_EXPORTER_OTLP_TIMEOUT=soon: it is no time that can be waited for; write milliseconds, from 1 to \
                 600000",
                "OTEL_EXPORTER_OTLP_CLIENT_KEY=key.pem: a certificate and its key go together; set both \
                 OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY",
                "OTEL_EXPORTER_OTLP_COMPRESSION=brotli: there is no such compression; write gzip, zstd or none",
                "OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318: it is no collector's address; write its scheme, host and \
                 port, e.g. http://collector:4318",
                "OTEL_LOGS_EXPORTER=console: there is no such exporter; write otlp or none; /metrics is always there",
            ]
        );
        let (_, problems, _) = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:secret@collector:4318/a@b"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=k,Authorization: Bearer secret,"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,=x"),
        ]);
        assert_eq!(
            problems,
            [
                "OTEL_RESOURCE_ATTRIBUTES=… (part 2): it is no name with a value; write name=value, more of them with commas \
                 between, and a comma in a value as %2C",
                "OTEL_EXPORTER_OTLP_HEADERS=… (part 2): it is no name with a value; write name=value, more of them with \
                 commas between, and a comma in a value as %2C",
                "OTEL_EXPORTER_OTLP_ENDPOINT=…@collector:4318: a collector's address is no place for a password; write it \
                 to OTEL_EXPORTER_OTLP_HEADERS, e.g. authorization=Basic%20<Base64 of user:password>",
            ]
        );
        let (_, problems, _) = read(&[("OTEL_TRACES_SAMPLER", "xray")]);
        assert_eq!(
            problems,
            [
                "OTEL_TRACES_SAMPLER=xray: there is no such sampler; write one of always_on, always_off, traceidratio, \
              parentbased_always_on, parentbased_always_off, parentbased_traceidratio"
            ]
        );
    }

    #[test]
    fn a_comma_at_the_end_of_a_list_is_no_mistake() {
        let (_, problems, _) =
            read(&[("OTEL_RESOURCE_ATTRIBUTES", "service.name=a, deployment.environment.name=b,")]);
        assert_eq!(problems, [""; 0]);
    }

    #[test]
    fn senders_traces_are_continued_unless_that_is_not_wanted() {
        assert!(read(&[]).0.propagates);
        assert!(!read(&[("OTEL_PROPAGATORS", "none")]).0.propagates);
        let (config, problems, notices) = read(&[("OTEL_PROPAGATORS", "tracecontext,b3")]);
        assert!(config.propagates && problems.is_empty());
        assert_eq!(
            notices,
            [
                "OTEL_PROPAGATORS=tracecontext,b3: b3 is not known here; senders' traces are continued by tracecontext only"
            ]
        );
    }
}
