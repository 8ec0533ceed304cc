//! What no key says by itself: settings that make no sense together.

use super::Config;
use super::problem::{Origin, Problem};
use crate::plugin::Limits;
use crate::sink::log::{self, ENTRY_BYTES_MAX};
use std::net::SocketAddr;

/// What a record has in the log beside what it brought and its plugin added: a segment's header, the frame, the
/// gateway's own headers.
const RECORD_OVERHEAD_BYTES: u64 = 64 << 10;

pub(super) fn check(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    check_http(config, &mut problems);
    check_sink(config, &mut problems);
    check_limits("plugins.limits", &config.plugins.limits, config, &mut problems);
    for (name, plugin) in &config.plugins.plugins {
        // What it inherits is reported once.
        if plugin.limits != config.plugins.limits {
            check_limits(&format!("plugin.{name}"), &plugin.limits, config, &mut problems);
        }
    }
    problems
}

/// Refuses `left` above `right`.
fn at_most(left: (&str, u64), right: (&str, u64), because: &str, problems: &mut Vec<Problem>) {
    let ((key, value), (other, bound)) = (left, right);
    if value > bound {
        problems.push(Problem {
            origin: Origin::Default,
            key: key.to_owned(),
            value: value.to_string(),
            fault: format!("it is above {other} = {bound}, {because}"),
            remedy: format!("lower {key} or raise {other}"),
        });
    }
}

fn check_http(config: &Config, problems: &mut Vec<Problem>) {
    let http = &config.http;
    let wide = |bytes: usize| bytes as u64;
    let decompressed = ("http.decompressed_bytes_max", wide(http.decompressed_bytes_max));
    at_most(
        ("http.record_bytes_max", wide(http.records.record_bytes_max)),
        decompressed,
        "so that such a record could never come in",
        problems,
    );
    at_most(
        ("http.body_bytes_max", wide(http.body_bytes_max)),
        decompressed,
        "which holds for every body",
        problems,
    );
    at_most(
        decompressed,
        ("http.body_budget_bytes", wide(http.body_budget_bytes)),
        "so that such a body could never be held",
        problems,
    );
    if overlap(http.listen, config.admin.listen) {
        problems.push(Problem {
            origin: Origin::Default,
            key: "admin.listen".to_owned(),
            value: config.admin.listen.to_string(),
            fault: format!("http.listen = {} has this port already", http.listen),
            remedy: "give the admin port another port".to_owned(),
        });
    }
}

fn overlap(data: SocketAddr, admin: SocketAddr) -> bool {
    let everywhere = data.ip().is_unspecified() || admin.ip().is_unspecified();
    // Port 0: the system chooses, and never the same.
    data.port() == admin.port() && data.port() != 0 && (data.ip() == admin.ip() || everywhere)
}

fn check_sink(config: &Config, problems: &mut Vec<Problem>) {
    let log = &config.sink.log;
    check_files("sink", log, "sink.high_water_bytes", problems);
    if let Some(spool) = spool(config) {
        check_files("spool", spool, "spool.topic_share_percent of spool.high_water_bytes", problems);
    }
    if let Some(retention) = log.retention_bytes {
        at_most(
            ("sink.retention_bytes + sink.segment_bytes", retention.saturating_add(log.segment_bytes)),
            ("sink.high_water_bytes", log.high_water_bytes),
            "so that records would be refused before old ones are removed",
            problems,
        );
    }
}

fn spool(config: &Config) -> Option<&log::Config> {
    Some(&config.sink.kafka.as_ref()?.spool.as_ref()?.log)
}

fn check_files(section: &str, log: &log::Config, high_water: &str, problems: &mut Vec<Problem>) {
    let key = |name: &str| format!("{section}.{name}");
    at_most(
        (&(key("commit_bytes_max") + " + 64KiB"), log.commit_bytes_max.saturating_add(64 << 10)),
        (&key("segment_bytes"), log.segment_bytes),
        "so that what one sync covers would not fit into a file",
        problems,
    );
    at_most(
        (&format!("2 * {}", key("segment_bytes")), log.segment_bytes.saturating_mul(2)),
        (high_water, log.high_water_bytes),
        "so that the last file alone would keep the log full",
        problems,
    );
}

/// Whether the log takes all that a plugin may make of a record: the record as it was posted with a key and headers,
/// or another value in its place.
fn check_message(section: &str, limits: &Limits, config: &Config, problems: &mut Vec<Problem>) {
    let (record, output) = (config.http.records.record_bytes_max as u64, limits.output_bytes_max as u64);
    let value = record.saturating_add(output).saturating_add(RECORD_OVERHEAD_BYTES);
    let key = format!("http.record_bytes_max + {section}.output_bytes_max + 64KiB");
    let lower = format!("lower http.record_bytes_max or {section}.output_bytes_max");
    let log = &config.sink.log;
    let of_spool = spool(config).map(|spool| {
        [
            ("spool.segment_bytes", spool.segment_bytes, "fit into a file of the spool"),
            ("spool.queue_bytes_max", spool.queue_bytes_max, "wait for the disk"),
        ]
    });
    let of_sink = [
        ("sink.segment_bytes", log.segment_bytes, "fit into a file of the log"),
        ("sink.queue_bytes_max", log.queue_bytes_max, "wait for the disk"),
        ("the log's bound for one record", ENTRY_BYTES_MAX, "be framed"),
    ];
    for (name, bound, consequence) in of_sink.into_iter().chain(of_spool.into_iter().flatten()) {
        if value > bound {
            problems.push(Problem {
                origin: Origin::Default,
                key: key.clone(),
                value: value.to_string(),
                fault: format!(
                    "it is above {name} = {bound}, so that the largest record could not {consequence}"
                ),
                remedy: match name.contains('.') {
                    true => format!("{lower}, or raise {name}"),
                    false => lower.clone(),
                },
            });
        }
    }
}

fn check_limits(section: &str, limits: &Limits, config: &Config, problems: &mut Vec<Problem>) {
    check_message(section, limits, config, problems);
    let key = |name: &str| format!("{section}.{name}");
    let ms = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let (record, call) = (ms(limits.record_time), ms(limits.call_time));
    at_most(
        (&key("record_ms"), record),
        (&key("call_ms"), call),
        "which a call of one record may not exceed either",
        problems,
    );
    at_most(
        (&key("slice_ms"), ms(limits.slice_time)),
        (&key("call_ms"), call),
        "so that no call would ever move to a judge thread",
        problems,
    );
    at_most(
        (&key("memory_bytes_max"), limits.memory_bytes_max),
        ("plugins.memory_budget_bytes", config.plugins.memory_budget_bytes),
        "so that one instance could take more than all may",
        problems,
    );
    check_outputs(&key, limits, config, problems);
}

fn check_outputs(
    key: &dyn Fn(&str) -> String,
    limits: &Limits,
    config: &Config,
    problems: &mut Vec<Problem>,
) {
    let call = (limits.output_bytes_max as u64).saturating_mul(2);
    let request = (key("request_output_bytes_max"), limits.request_output_bytes_max as u64);
    // Small pieces take up to twice their bytes in memory.
    at_most(
        (&format!("2 * {}", key("output_bytes_max")), call),
        (&request.0, request.1),
        "so that the answer to one record by itself might never be kept",
        problems,
    );
    at_most(
        (&request.0, request.1),
        ("plugins.output_budget_bytes", config.plugins.output_budget_bytes as u64),
        "so that one request could take more than all may",
        problems,
    );
    at_most(
        ("http.record_bytes_max", config.http.records.record_bytes_max as u64),
        (&key("copied_bytes_max"), limits.answer.copied_bytes_max as u64),
        "so that a producer's long text would become a fault of the plugin",
        problems,
    );
}
