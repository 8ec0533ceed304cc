//! The gateway's log, on stderr.

use super::{Config, Export, LogFormat};
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use serde_json::Map;
use std::io::IsTerminal;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer, fmt};

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("log filter {0}")]
    Filter(String),
    #[error("a log is already set up in this process")]
    Twice,
}

/// Sends the log of this process to stderr, and by OTLP where it is to be sent. Once a process.
///
/// JSON has `timestamp` (RFC 3339, UTC), `level`, `target`, `message` and the line's fields side by side, and of a line
/// about a request that is part of a trace `trace_id`, `span_id` and `trace_flags`.
pub fn start_logging(config: &Config, export: Option<&Export>) -> Result<(), LogError> {
    let terminal = std::io::stderr().is_terminal();
    let json = match config.log_format {
        LogFormat::Auto => !terminal,
        LogFormat::Json => true,
        LogFormat::Text => false,
    };
    let filter = filter(&config.log_filter)?;
    let logs = export.and_then(Export::logs);
    let set = match json {
        true => set(tracing_subscriber::registry()
            .with(as_json(std::io::stderr))
            .with(logs.map(by_otlp))
            .with(filter)),
        false => {
            let text = fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
            // On a terminal the default holds, which heeds NO_COLOR.
            let text = if terminal { text } else { text.with_ansi(false) };
            set(tracing_subscriber::registry().with(text).with(logs.map(by_otlp)).with(filter))
        }
    };
    set.map_err(|_| LogError::Twice)
}

fn set(subscriber: impl Subscriber + Send + Sync) -> Result<(), tracing::subscriber::SetGlobalDefaultError> {
    tracing::subscriber::set_global_default(subscriber)
}

/// The same lines as OTLP, but for those of what sends them: each would be the cause of more.
fn by_otlp<S>(logs: &SdkLoggerProvider) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    const SENDING: [&str; 7] = ["opentelemetry", "hyper", "h2", "reqwest", "tonic", "tower", "rustls"];
    let is_of_sending = |target: &str| SENDING.iter().any(|sending| target.starts_with(sending));
    OpenTelemetryTracingBridge::new(logs).with_filter(filter_fn(move |line| !is_of_sending(line.target())))
}

fn as_json<S, W>(writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Told on stderr, an error of stderr would be a panic in whichever thread has something to log.
    fmt::layer().with_writer(writer).log_internal_errors(false).event_format(Json)
}

/// Writes a line as one object.
struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut line = Line(Map::new());
        line.0.insert("timestamp".to_owned(), time.into());
        line.0.insert("level".to_owned(), event.metadata().level().as_str().into());
        line.0.insert("target".to_owned(), event.metadata().target().into());
        Context::map_current(|context| line.place(context.span().span_context()));
        event.record(&mut line);
        writeln!(writer, "{}", serde_json::Value::Object(line.0))
    }
}

/// What a line says, in the order of its names.
struct Line(Map<String, serde_json::Value>);

impl Line {
    fn place(&mut self, context: &SpanContext) {
        if context.is_valid() {
            self.0.insert("trace_id".to_owned(), context.trace_id().to_string().into());
            self.0.insert("span_id".to_owned(), context.span_id().to_string().into());
            self.0.insert("trace_flags".to_owned(), format!("{:02x}", context.trace_flags().to_u8()).into());
        }
    }

    fn put(&mut self, field: &Field, value: impl Into<serde_json::Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
}

/// Whether this is a log filter: a level, or `target=level` separated by commas. The error is a sentence's end.
pub fn check_log_filter(text: &str) -> Result<(), String> {
    for directive in text.split(',').map(str::trim) {
        // The library takes a misspelt level for a target and then logs nothing at all.
        let level = directive.rsplit_once('=').map_or(directive, |(_, level)| level);
        if !LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level)) {
            return Err(format!("'{level}' is no level; use off, error, warn, info, debug or trace"));
        }
    }
    EnvFilter::try_new(text).map(drop).map_err(|error| error.to_string())
}

fn filter(text: &str) -> Result<EnvFilter, LogError> {
    check_log_filter(text).map_err(|reason| LogError::Filter(format!("'{text}': {reason}")))?;
    EnvFilter::try_new(text).map_err(|error| LogError::Filter(format!("'{text}': {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Parent, Traces};
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no test panics while it writes").extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_json_line_has_its_fields_at_the_top() {
        let lines = Lines::default();
        let writer = lines.clone();
        let filter = filter("info").unwrap();
        let log = tracing_subscriber::registry().with(as_json(move || writer.clone())).with(filter);
        tracing::subscriber::with_default(log, || {
            tracing::info!(plugin = "claims", generation = 3, "plugin loaded");
            tracing::debug!("not shown");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "plugin loaded");
        assert_eq!(line["plugin"], "claims");
        assert_eq!(line["generation"], 3);
        assert_eq!(line["level"], "INFO");
        assert!(line["target"].as_str().unwrap().starts_with("sluicegate"));
        let timestamp = line["timestamp"].as_str().unwrap();
        assert!(timestamp.ends_with('Z') && timestamp.as_bytes()[10] == b'T', "{timestamp}");
        assert!(line.get("trace_id").is_none());
    }

    #[test]
    fn a_line_about_a_request_has_its_place_in_the_trace() {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = tracing_subscriber::registry().with(as_json(move || writer.clone()));
        let parent = Parent {
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
            tracestate: None,
        };
        let span = Traces::new(None, true).request("POST", Some(&parent));
        tracing::subscriber::with_default(log, || {
            let _entered = span.enter();
            tracing::warn!("request failed");
        });
        let line: serde_json::Value = serde_json::from_slice(&lines.0.lock().unwrap()).unwrap();
        assert_eq!(line["trace_id"], "0af7651916cd43dd8448eb211c80319c");
        assert_eq!((&line["span_id"], &line["trace_flags"]), (&"b7ad6b7169203331".into(), &"01".into()));
    }

    #[test]
    fn a_misspelt_level_is_not_taken_for_a_target() {
        assert_eq!(
            check_log_filter("inof"),
            Err("'inof' is no level; use off, error, warn, info, debug or trace".into())
        );
        assert_eq!(check_log_filter("warn,sluicegate::plugin=debug"), Ok(()));
        assert_eq!(
            filter("").unwrap_err().to_string(),
            "log filter '': '' is no level; use off, error, warn, info, debug or trace"
        );
    }
}
