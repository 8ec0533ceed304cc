//! The gateway's log, on stderr.

use super::{Config, LogFormat};
use std::io::IsTerminal;
use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::{EnvFilter, fmt};

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("log filter {0}")]
    Filter(String),
    #[error("a log is already set up in this process")]
    Twice,
}

/// Sends the log of this process to stderr. Once a process.
///
/// JSON has `timestamp` (RFC 3339, UTC), `level`, `target`, `message` and the line's fields side by side.
pub fn start_logging(config: &Config) -> Result<(), LogError> {
    let terminal = std::io::stderr().is_terminal();
    let json = match config.log_format {
        LogFormat::Auto => !terminal,
        LogFormat::Json => true,
        LogFormat::Text => false,
    };
    let filter = filter(&config.log_filter)?;
    let set = match json {
        true => tracing::subscriber::set_global_default(as_json(filter, std::io::stderr)),
        false => {
            let text = fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
            // On a terminal the default holds, which heeds NO_COLOR.
            match terminal {
                true => tracing::subscriber::set_global_default(text.finish()),
                false => tracing::subscriber::set_global_default(text.with_ansi(false).finish()),
            }
        }
    };
    set.map_err(|_| LogError::Twice)
}

fn as_json<W>(filter: EnvFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Told on stderr, an error of stderr would be a panic in whichever thread has something to log.
    let json = fmt().with_env_filter(filter).with_writer(writer).log_internal_errors(false);
    let json = json.json().flatten_event(true);
    json.with_current_span(false).with_span_list(false).finish()
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
        tracing::subscriber::with_default(as_json(filter, move || writer.clone()), || {
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
