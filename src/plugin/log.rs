//! What plugins write to the gateway's log: staged while they run, rate-limited, a line each.

use super::LogLimits;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Instant;
pub(super) use tracing::Level;

/// What was written during one call.
#[derive(Debug)]
pub(super) struct Stage {
    limits: LogLimits,
    lines: Vec<(Level, String)>,
    dropped: u64,
    /// Printed by a guest that knows only files, and not ended by a newline yet.
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// The last thing said in distress: what a trap is explained with.
    distress: Option<String>,
}

/// Where a guest that knows only files prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

impl Stage {
    pub fn new(limits: LogLimits) -> Stage {
        let (stdout, stderr) = (Vec::new(), Vec::new());
        Stage { limits, lines: Vec::new(), dropped: 0, stdout, stderr, distress: None }
    }

    pub fn write(&mut self, level: Level, message: &str) {
        let message = &message[..message.floor_char_boundary(self.limits.line_bytes_max)];
        if level == Level::ERROR {
            self.note_distress(message);
        }
        if self.lines.len() < self.limits.lines_per_call_max {
            self.lines.push((level, message.to_owned()));
        } else {
            self.dropped += 1;
        }
    }

    /// Takes printed bytes and writes each line that they complete.
    pub fn print(&mut self, stream: Stream, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            self.buffer(stream, &rest[..end]);
            self.end_line(stream);
            rest = &rest[end + 1..];
        }
        self.buffer(stream, rest);
    }

    /// What a guest died of, in its own words.
    pub fn take_distress(&mut self) -> Option<String> {
        self.end_line(Stream::Stderr);
        self.distress.take()
    }

    fn partial(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    fn buffer(&mut self, stream: Stream, bytes: &[u8]) {
        let max = self.limits.line_bytes_max;
        let partial = self.partial(stream);
        let room = max.saturating_sub(partial.len());
        partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end_line(&mut self, stream: Stream) {
        let bytes = std::mem::take(self.partial(stream));
        if bytes.is_empty() {
            return;
        }
        let line = String::from_utf8_lossy(&bytes);
        match stream {
            Stream::Stdout => self.write(Level::INFO, &line),
            Stream::Stderr => {
                self.write(Level::WARN, &line);
                self.note_distress(&line);
            }
        }
    }

    /// A runtime that panics says so first and then prints its stack: the first such line counts.
    fn note_distress(&mut self, line: &str) {
        let told = self.distress.as_deref().is_some_and(is_panic);
        if !told || is_panic(line) {
            self.distress = Some(line.to_owned());
        }
    }
}

fn is_panic(line: &str) -> bool {
    line.starts_with("panic") || line.starts_with("fatal error")
}

/// Lets so many lines a second of one plugin through.
#[derive(Debug)]
pub(super) struct Gate {
    plugin: Arc<str>,
    lines_per_second: u32,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    lines: f64,
    filled: Instant,
    dropped: u64,
}

impl Gate {
    /// `plugin`: its name, or the file's while that is not known.
    pub fn new(plugin: &str, lines_per_second: u32) -> Gate {
        let bucket = Bucket { lines: f64::from(lines_per_second), filled: Instant::now(), dropped: 0 };
        Gate { plugin: plugin.into(), lines_per_second, bucket: Mutex::new(bucket) }
    }

    /// Writes what was staged, and empties the stage.
    pub fn release(&self, stage: &mut Stage) {
        stage.end_line(Stream::Stdout);
        stage.end_line(Stream::Stderr);
        stage.distress = None;
        if stage.lines.is_empty() && stage.dropped == 0 {
            return;
        }
        let dropped_before = self.admit(stage);
        for (level, text) in stage.lines.drain(..) {
            say(level, &self.plugin, &text);
        }
        if dropped_before > 0 {
            tracing::warn!(target: "plugin", plugin = &*self.plugin, lines = dropped_before, "log lines dropped");
        }
        stage.dropped = 0;
    }

    /// Leaves in the stage what may pass; returns how many were dropped before, when that may be told.
    fn admit(&self, stage: &mut Stage) -> u64 {
        let mut bucket = self.bucket.lock();
        let (now, rate) = (Instant::now(), f64::from(self.lines_per_second));
        let refill = now.duration_since(bucket.filled).as_secs_f64() * rate;
        bucket.lines = (bucket.lines + refill).min(rate);
        bucket.filled = now;
        let told = if bucket.lines >= 1.0 { std::mem::take(&mut bucket.dropped) } else { 0 };
        let admitted = stage.lines.len().min(bucket.lines as usize);
        bucket.dropped += stage.dropped + (stage.lines.len() - admitted) as u64;
        bucket.lines -= admitted as f64;
        stage.lines.truncate(admitted);
        told
    }
}

fn say(level: Level, plugin: &str, text: &str) {
    match level {
        Level::ERROR => tracing::error!(target: "plugin", plugin, text, "plugin says"),
        Level::WARN => tracing::warn!(target: "plugin", plugin, text, "plugin says"),
        Level::INFO => tracing::info!(target: "plugin", plugin, text, "plugin says"),
        Level::DEBUG => tracing::debug!(target: "plugin", plugin, text, "plugin says"),
        Level::TRACE => tracing::trace!(target: "plugin", plugin, text, "plugin says"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staged(stage: &Stage) -> Vec<&str> {
        stage.lines.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn printed_pieces_become_whole_lines() {
        let mut stage = Stage::new(LogLimits::default());
        stage.print(Stream::Stdout, b"one\ntw");
        stage.print(Stream::Stderr, b"bad\n");
        stage.print(Stream::Stdout, b"o\n\nthree");
        assert_eq!(staged(&stage), ["one", "bad", "two"]);
        Gate::new("p", 10).release(&mut stage);
        assert!(stage.stdout.is_empty());
    }

    #[test]
    fn a_line_without_end_holds_no_more_than_a_line_may() {
        let mut stage = Stage::new(LogLimits::default());
        for _ in 0..100 {
            stage.print(Stream::Stdout, &[b'x'; 1000]);
        }
        let line_bytes_max = LogLimits::default().line_bytes_max;
        assert_eq!(stage.stdout.len(), line_bytes_max);
        stage.write(Level::INFO, &"ä".repeat(line_bytes_max));
        assert!(staged(&stage)[0].len() <= line_bytes_max);
    }

    #[test]
    fn the_panic_is_remembered_and_not_the_stack_after_it() {
        let mut stage = Stage::new(LogLimits::default());
        stage.write(Level::ERROR, "something odd");
        stage.print(Stream::Stderr, b"panic: boom\n\ngoroutine 1 [running]:\nmain.judge()");
        assert_eq!(stage.take_distress().as_deref(), Some("panic: boom"));
    }

    #[test]
    fn the_last_words_survive_a_flood() {
        let mut stage = Stage::new(LogLimits::default());
        for _ in 0..1000 {
            stage.write(Level::INFO, "flood");
        }
        stage.write(Level::ERROR, "panicked at src/lib.rs:1: boom");
        assert_eq!(stage.lines.len(), LogLimits::default().lines_per_call_max);
        assert_eq!(stage.take_distress().as_deref(), Some("panicked at src/lib.rs:1: boom"));
    }

    #[test]
    fn no_more_lines_pass_than_the_rate_allows() {
        let gate = Gate::new("p", 5);
        let mut stage = Stage::new(LogLimits::default());
        for number in 0..8 {
            stage.write(Level::INFO, &number.to_string());
        }
        assert_eq!(gate.admit(&mut stage), 0);
        assert_eq!(staged(&stage), ["0", "1", "2", "3", "4"]);
        assert_eq!(gate.bucket.lock().dropped, 3);
    }
}
