//! The keys of each room.

use super::section::{Findings, Section};
use super::source::Table;
use super::value::{
    address, boolean, bytes, count, directory, milliseconds, one_of, seconds, text, texts, wrong,
};
use crate::http::ViolationsShown;
use crate::telemetry::LogFormat;
use crate::{http, plugin, record, shutdown, sink, telemetry};
use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A time that can be waited for: a day. More is a slip of the finger.
pub(super) const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const MIB: usize = 1 << 20;
pub(super) const GIB: u64 = 1 << 30;

pub(super) fn http(tree: &mut Table, findings: &mut Findings) -> http::Config {
    let mut s = Section::open(tree, "http", "The data port: where records come in.", findings);
    http::Config {
        listen: s.read("listen", r#""127.0.0.1:8080""#, "Where producers POST records.", address),
        body_bytes_max: s.read(
            "body_bytes_max",
            r#""16MiB""#,
            "A body as it comes over the wire; a larger one is 413.",
            bytes(1..=1024 * MIB),
        ),
        decompressed_bytes_max: s.read(
            "decompressed_bytes_max",
            r#""32MiB""#,
            "A body after gzip or zstd is undone; a larger one is 413.",
            bytes(1..=1024 * MIB),
        ),
        records: records(&mut s),
        header_bytes_max: s.read(
            "header_bytes_max",
            r#""32KiB""#,
            "A request's line and headers; more is 431.",
            // hyper reads no less at a time.
            bytes(8_192..=MIB),
        ),
        header_timeout: s.read(
            "header_timeout_ms",
            "10_000",
            "How long a connection may take to send a request's headers, and may idle.",
            milliseconds(1..=DAY_MS),
        ),
        body_timeout: s.read(
            "body_timeout_ms",
            "30_000",
            "How long a body may take after its headers; longer is 408.",
            milliseconds(1..=DAY_MS),
        ),
        write_timeout: s.read(
            "write_timeout_ms",
            "30_000",
            "How long a client may take nothing of its answer before it is cut off.",
            milliseconds(1..=DAY_MS),
        ),
        connections_max: s.read(
            "connections_max",
            "900",
            "Connections at a time. Each is a file, and a process has 1,024 unless `ulimit -n` says more.",
            count(1..=1_000_000),
        ),
        in_flight_max: s.read(
            "in_flight_max",
            "256",
            "Requests judged and delivered at a time; more are 503.",
            count(1..=1_000_000),
        ),
        body_budget_bytes: s.read(
            "body_budget_bytes",
            r#""256MiB""#,
            "Bodies, findings and answers held at a time, over all connections; more bodies are 503.",
            bytes(1..=1024 * 1024 * MIB),
        ),
        docs: docs(&mut s),
        violations_listed_max: violations_listed_max(&mut s),
        http2_streams_max: s.read(
            "http2_streams_max",
            "100",
            "Streams an HTTP/2 connection may have open.",
            count(1..=10_000),
        ),
    }
}

fn records(s: &mut Section) -> record::Limits {
    record::Limits {
        records_max: s.read(
            "records_max",
            "50_000",
            "Records a request may hold; more and all of it is 413.",
            count(1..=10_000_000),
        ),
        record_bytes_max: s.read(
            "record_bytes_max",
            r#""1MiB""#,
            "A record; a larger one is rejected, its neighbours go on.",
            bytes(1..=128 * MIB),
        ),
    }
}

fn docs(s: &mut Section) -> bool {
    s.read(
        "docs",
        "true",
        "Whether /openapi.json, /asyncapi.json and the page /docs are shown to whoever reaches the port.",
        boolean,
    )
}

fn violations_listed_max(s: &mut Section) -> usize {
    s.read(
        "violations_listed_max",
        "10_000",
        "Violations an answer lists in full; records beyond have their first and how many more there are.",
        count(1..=http::VIOLATIONS_KEPT_MAX),
    )
}

pub(super) fn admin(tree: &mut Table, findings: &mut Findings) -> http::AdminConfig {
    let mut s = Section::open(tree, "admin", "The admin port: health, metrics, plugins.", findings);
    http::AdminConfig {
        listen: s.read(
            "listen",
            r#""127.0.0.1:8081""#,
            "Where operators look. To other machines it shows /livez, /readyz and /metrics only.",
            address,
        ),
        names: s.read(
            "names",
            "[]",
            "Host names it answers to beside those of loopback and its own address, e.g. [\"gateway.internal\"].",
            texts,
        ),
        connections_max: s.read(
            "connections_max",
            "64",
            "Connections at a time: operators, probes and scrapes are few, and each takes a file from producers.",
            count(1..=1_000_000),
        ),
        violations: violations(&mut s),
    }
}

fn violations(s: &mut Section) -> http::ViolationsConfig {
    const SHOWN: &[(&str, ViolationsShown)] =
        &[("codes", ViolationsShown::Codes), ("full", ViolationsShown::Full), ("off", ViolationsShown::Off)];
    http::ViolationsConfig {
        shown: s.read(
            "violations_shown",
            r#""codes""#,
            "What the console shows of rejected records: \"codes\" and no value of them, \"full\" messages, or \"off\".",
            one_of(SHOWN),
        ),
        kept: s.read(
            "violations_kept",
            "100",
            "Violations kept for that; the oldest goes for one more.",
            count(1..=http::CONSOLE_VIOLATIONS_MAX),
        ),
    }
}

/// Where the gateway keeps what it has to keep.
pub(super) fn data(tree: &mut Table, findings: &mut Findings) -> PathBuf {
    let mut s = Section::open(tree, "data", "What the gateway keeps on disk.", findings);
    let named = s.optional(
        "directory",
        r#""./data""#,
        "One gateway at a time owns it. If you name it, it has to be there; ./data is made.",
        directory,
    );
    named.unwrap_or_else(|| "./data".into())
}

pub(super) fn idempotency(tree: &mut Table, data: &Path, findings: &mut Findings) -> http::IdempotencyConfig {
    let mut s = Section::open(
        tree,
        "idempotency",
        "What is remembered of requests with an Idempotency-Key, so that one that comes again is not done again.",
        findings,
    );
    http::IdempotencyConfig {
        file: data.join("idempotency"),
        entries_max: s.read(
            "entries_max",
            "100_000",
            "Requests remembered; the oldest is forgotten for one more.",
            count(1..=10_000_000),
        ),
        bytes_max: s.read(
            "bytes_max",
            r#""64MiB""#,
            "What their answers take in memory. One above a sixteenth of it is remembered without its results.",
            bytes(MIB..=64 * 1024 * MIB),
        ),
        expiry: s.read(
            "expiry_s",
            "86_400",
            "How long one is remembered: longer than a producer goes on trying.",
            seconds(1..=30 * DAY_MS / 1_000),
        ),
    }
}

pub(super) fn sink(tree: &mut Table, directory: PathBuf, findings: &mut Findings) -> sink::Config {
    let mut s =
        Section::open(tree, "sink", "The local log, which accepted records go to: for each topic.", findings);
    let log = sink::log::Config {
        segment_bytes: s.read(
            "segment_bytes",
            r#""64MiB""#,
            "A file of the log. Retention removes whole ones.",
            bytes(65_536..=16 * GIB),
        ),
        commit_bytes_max: s.read("commit_bytes_max", r#""4MiB""#, "What one sync covers.", bytes(1..=GIB)),
        commit_records_max: s.read(
            "commit_records_max",
            "8_192",
            "What one sync covers.",
            count(1..=1_000_000),
        ),
        queue_bytes_max: s.read(
            "queue_bytes_max",
            r#""64MiB""#,
            "Records that wait for the disk; more are 503.",
            bytes(1..=64 * GIB),
        ),
        high_water_bytes: s.read(
            "high_water_bytes",
            r#""8GiB""#,
            "All of a topic's log; beyond it records are 503.",
            bytes(1..=u64::MAX >> 1),
        ),
        free_bytes_min: s.read(
            "free_bytes_min",
            r#""256MiB""#,
            "Left free on the disk; records are 503 before it is touched.",
            bytes(0..=u64::MAX >> 1),
        ),
        retention_bytes: s.optional(
            "retention_bytes",
            r#""4GiB""#,
            "Removes a topic's oldest files while its log is larger. Off: nothing is removed.",
            bytes(1..=u64::MAX >> 1),
        ),
        retention_age: s.optional(
            "retention_age_s",
            "604_800",
            "Removes a topic's files that ended longer ago. Off: nothing is removed.",
            seconds(1..=u64::from(u32::MAX)),
        ),
        retry_pause: s.read(
            "retry_pause_ms",
            "100",
            "How long a disk that has failed is left alone before the next try.",
            milliseconds(1..=DAY_MS),
        ),
        // Anything else loses records; no key leads there.
        sync: sink::log::SyncMode::Always,
    };
    drop(s);
    let kafka = super::kafka::kafka(tree, findings);
    let dead_letters = super::dead_letter::dead_letters(tree, kafka.is_some(), findings);
    sink::Config { directory, log, kafka, dead_letters }
}

pub(super) fn telemetry(tree: &mut Table, findings: &mut Findings) -> telemetry::Config {
    const FORMATS: &[(&str, LogFormat)] =
        &[("auto", LogFormat::Auto), ("json", LogFormat::Json), ("text", LogFormat::Text)];
    let mut s = Section::open(tree, "telemetry", "The gateway's log and metrics.", findings);
    telemetry::Config {
        log_format: s.read(
            "log_format",
            r#""auto""#,
            "The log on stderr: \"json\", \"text\", or \"auto\": text on a terminal and JSON elsewhere.",
            one_of(FORMATS),
        ),
        log_filter: s.read(
            "log_filter",
            r#""info""#,
            "What is logged: a level, or also target=level, e.g. \"warn,sluicegate::plugin=debug\".",
            |value| {
                let filter = text(value)?;
                match telemetry::check_log_filter(&filter) {
                    Ok(()) => Ok(filter),
                    Err(fault) => wrong(fault, "write e.g. \"info\" or \"warn,sluicegate=debug\""),
                }
            },
        ),
        attribute_values_max: s.read(
            "attribute_values_max",
            "100",
            "Different values of one attribute that a plugin may measure; the others become __other__.",
            count(1..=2_000),
        ),
        traces_per_second_max: s.read(
            "traces_per_second_max",
            "100",
            "Traces that begin here and are kept, of each second; OTEL_TRACES_SAMPLER overrides it.",
            count(0..=1_000_000),
        ),
        // As the standard variables say, which are read apart.
        export: telemetry::ExportConfig::default(),
    }
}

pub(super) fn shutdown(tree: &mut Table, findings: &mut Findings) -> shutdown::Config {
    let mut s = Section::open(tree, "shutdown", "What happens at SIGTERM.", findings);
    shutdown::Config {
        lame_duck: s.read(
            "lame_duck_ms",
            "0",
            "How long to go on serving, not ready, so that load balancers turn away.",
            milliseconds(0..=DAY_MS),
        ),
        drain_timeout: s.read(
            "drain_timeout_ms",
            "25_000",
            "How long requests in flight may take after that. Kubernetes kills after 30 seconds.",
            milliseconds(1..=DAY_MS),
        ),
    }
}

pub(super) fn plugins(tree: &mut Table, data: &Path, findings: &mut Findings) -> plugin::Config {
    let mut s = Section::open(tree, "plugins", "The plugins, which decide what a valid record is.", findings);
    let named = s.optional(
        "directory",
        r#""./plugins""#,
        "Each *.wasm file in it is a plugin. If you name it, it has to be there.",
        directory,
    );
    let limits = s.table("limits");
    let (judge_threads, judge_queue_max, judge_wait_max) = judges(&mut s);
    let mut config = plugin::Config {
        directory_named: named.is_some(),
        directory: named.unwrap_or_else(|| "./plugins".into()),
        state_directory: data.join("plugins"),
        required: s.read("required", "[]", "Plugins without which the gateway is not ready.", texts),
        removal_grace: s.read(
            "removal_grace_ms",
            "2_000",
            "How long a file must be missing before its plugin is removed.",
            milliseconds(0..=DAY_MS),
        ),
        settle_time: s.read(
            "settle_ms",
            "100",
            "How long a file must stay the same before it is read: writers pause.",
            milliseconds(1..=DAY_MS),
        ),
        poll_interval: s.read(
            "poll_interval_ms",
            "5_000",
            "How often the directory is looked at although nothing was heard of a change.",
            milliseconds(10..=DAY_MS),
        ),
        file_bytes_max: s.read(
            "file_bytes_max",
            r#""64MiB""#,
            "A larger plugin file is refused.",
            bytes(1..=4 * GIB),
        ),
        judge_threads,
        judge_queue_max,
        judge_wait_max,
        memory_budget_bytes: s.read(
            "memory_budget_bytes",
            r#""1GiB""#,
            "Memory of all instances of all plugins together.",
            bytes(65_536..=1024 * GIB),
        ),
        output_budget_bytes: s.read(
            "output_budget_bytes",
            r#""256MiB""#,
            "What is held, over all requests, of what plugins returned; records beyond are 503.",
            bytes(65_536..=1024 * 1024 * MIB),
        ),
        limits: plugin::Limits::default(),
        plugins: BTreeMap::new(),
    };
    drop(s);
    findings
        .reference
        .section("plugins.limits", "What one plugin may use, unless [plugin.<name>] says otherwise.");
    let mut s = Section::within(limits, "plugins.limits".to_owned(), findings);
    config.limits = super::limit::limits(&mut s, None);
    drop(s);
    config.plugins = super::plugin::sections(tree, &config.limits, findings);
    config
}

/// The threads that judge what takes long, the calls that may wait for them, and for how long.
fn judges(s: &mut Section) -> (usize, usize, Duration) {
    let threads = s.optional(
        "judge_threads",
        "2",
        "Threads for records that take long. Off: one a core.",
        count(1..=1_024),
    );
    let queue_max = s.read(
        "judge_queue_max",
        "256",
        "Calls that wait for such a thread; more are 503.",
        count(1..=1_000_000),
    );
    let wait_max = s.read(
        "judge_wait_ms",
        "5_000",
        "How long a call waits for one; then its records are 503.",
        milliseconds(1..=DAY_MS),
    );
    (threads.unwrap_or_else(cores), queue_max, wait_max)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}
