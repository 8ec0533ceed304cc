//! `[plugins.limits]`, and the same keys in `[plugin.<name>]`.

use super::section::Section;
use super::value::{bytes, count, milliseconds};
use crate::plugin::{AnswerLimits, Limits, LogLimits};

/// A plugin that may think for longer than this about a record is not fit for a request's path.
const CALL_MS_MAX: u64 = 600_000;
/// A time that can be waited for: a day. More is a slip of the finger.
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// A guest has 4 GiB at the most, and what it returns is there twice while it is converted.
const OUTPUT_BYTES_MAX: usize = 1 << 30;
/// A call that faults is judged anew a record at a time: with more records that takes longer than halving would.
const CALL_RECORDS_MAX: usize = 4_096;
/// The record id of a part has 16 bits for the part's number.
const PARTS_MAX: usize = 1 << 16;

/// Reads what a plugin may use. What the section does not say is as in `base`.
pub(super) fn limits(s: &mut Section<'_>, base: Option<&Limits>) -> Limits {
    let limits = time(s, base);
    let limits = instances(s, base, limits);
    let limits = outputs(s, base, limits);
    let limits = breaker(s, base, limits);
    let (log, answer) = (log(s, base.map(|base| &base.log)), answer(s, base.map(|base| &base.answer)));
    Limits { log, answer, ..limits }
}

fn time(s: &mut Section<'_>, base: Option<&Limits>) -> Limits {
    Limits {
        record_time: s.inherit(
            "record_ms",
            base.map(|base| base.record_time),
            "25",
            "Computing time for one record by itself.",
            milliseconds(1..=CALL_MS_MAX),
        ),
        call_time: s.inherit(
            "call_ms",
            base.map(|base| base.call_time),
            "250",
            "Computing time for a call, whatever it holds.",
            milliseconds(1..=CALL_MS_MAX),
        ),
        slice_time: s.inherit(
            "slice_ms",
            base.map(|base| base.slice_time),
            "2",
            "Computing time of a call before it moves from an HTTP thread to a judge thread.",
            milliseconds(1..=1_000),
        ),
        fault_budget: s.inherit(
            "fault_budget_ms",
            base.map(|base| base.fault_budget),
            "2_000",
            "Computing time a request may spend on finding the records that the plugin faults on.",
            milliseconds(1..=CALL_MS_MAX),
        ),
        start_time: s.inherit(
            "start_ms",
            base.map(|base| base.start_time),
            "1_000",
            "Computing time for what an instance runs before its first call.",
            milliseconds(1..=CALL_MS_MAX),
        ),
        describe_time: s.inherit(
            "describe_ms",
            base.map(|base| base.describe_time),
            "2_000",
            "Computing time for saying what it is, once a load.",
            milliseconds(1..=CALL_MS_MAX),
        ),
        ..Limits::default()
    }
}

fn instances(s: &mut Section<'_>, base: Option<&Limits>, rest: Limits) -> Limits {
    Limits {
        memory_bytes_max: s.inherit(
            "memory_bytes_max",
            base.map(|base| base.memory_bytes_max),
            r#""64MiB""#,
            "Memory of one instance.",
            bytes(65_536..=4 << 30),
        ),
        instances_max: s.inherit(
            "instances_max",
            base.map(|base| base.instances_max),
            "64",
            "Instances at a time.",
            count(1..=10_000),
        ),
        instances_warm: s.inherit(
            "instances_warm",
            base.map(|base| base.instances_warm),
            "2",
            "Instances that are made at the load and kept however long they idle.",
            count(0..=10_000),
        ),
        instance_idle: s.inherit(
            "instance_idle_ms",
            base.map(|base| base.instance_idle),
            "60_000",
            "How long one beyond those is kept idle.",
            milliseconds(0..=DAY_MS),
        ),
        instance_calls_max: s.inherit(
            "instance_calls_max",
            base.map(|base| base.instance_calls_max),
            "100_000",
            "Calls after which an instance is replaced: what leaks in it is bounded by that.",
            count(1..=u32::MAX),
        ),
        ..rest
    }
}

fn outputs(s: &mut Section<'_>, base: Option<&Limits>, rest: Limits) -> Limits {
    Limits {
        call_records_max: s.inherit(
            "call_records_max",
            base.map(|base| base.call_records_max),
            "256",
            "Records a call.",
            count(1..=CALL_RECORDS_MAX),
        ),
        output_bytes_max: s.inherit(
            "output_bytes_max",
            base.map(|base| base.output_bytes_max),
            r#""16MiB""#,
            "What a call may return.",
            bytes(1_024..=OUTPUT_BYTES_MAX),
        ),
        request_output_bytes_max: s.inherit(
            "request_output_bytes_max",
            base.map(|base| base.request_output_bytes_max),
            r#""64MiB""#,
            "What is held of what it returned for one request; the records beyond are 503.",
            bytes(1_024..=64 << 30),
        ),
        split_bytes_max: s.inherit(
            "split_bytes_max",
            base.map(|base| base.split_bytes_max),
            r#""32MiB""#,
            "What the parts of all split records of one request may have; a split beyond is a fault.",
            bytes(0..=OUTPUT_BYTES_MAX),
        ),
        ..rest
    }
}

/// The limits that stop a plugin from being called.
fn breaker(s: &mut Section<'_>, base: Option<&Limits>, rest: Limits) -> Limits {
    Limits {
        breaker_faults: s.inherit(
            "breaker_faults",
            base.map(|base| base.breaker_faults),
            "50",
            "Different records it faults on within the window that stop it from being called …",
            count(1..=u32::MAX),
        ),
        breaker_share_percent: s.inherit(
            "breaker_share_percent",
            base.map(|base| base.breaker_share_percent),
            "10",
            "… if they are at least this share of what it was shown …",
            count(0..=100),
        ),
        breaker_window: s.inherit(
            "breaker_window_ms",
            base.map(|base| base.breaker_window),
            "10_000",
            "… in this time …",
            milliseconds(1..=DAY_MS),
        ),
        breaker_pause: s.inherit(
            "breaker_pause_ms",
            base.map(|base| base.breaker_pause),
            "5_000",
            "… for this long.",
            milliseconds(1..=DAY_MS),
        ),
        ..rest
    }
}

fn log(s: &mut Section<'_>, base: Option<&LogLimits>) -> LogLimits {
    LogLimits {
        lines_per_second: s.inherit(
            "log_lines_per_second",
            base.map(|base| base.lines_per_second),
            "20",
            "Lines it may write to the gateway's log.",
            count(0..=100_000),
        ),
        lines_per_call_max: s.inherit(
            "log_lines_per_call_max",
            base.map(|base| base.lines_per_call_max),
            "64",
            "Lines kept of one call; the rest is counted.",
            count(0..=100_000),
        ),
        line_bytes_max: s.inherit(
            "log_line_bytes_max",
            base.map(|base| base.line_bytes_max),
            r#""4KiB""#,
            "A longer line is cut.",
            bytes(64..=1 << 20),
        ),
    }
}

fn answer(s: &mut Section<'_>, base: Option<&AnswerLimits>) -> AnswerLimits {
    let (copied_bytes_max, headers_max, header_value_bytes_max) = copied(s, base);
    AnswerLimits {
        copied_bytes_max,
        headers_max,
        header_value_bytes_max,
        violations_max: s.inherit(
            "violations_max",
            base.map(|base| base.violations_max),
            "1_000",
            "Violations, or warnings, of one record; more are a fault.",
            count(1..=100_000),
        ),
        message_bytes_max: s.inherit(
            "message_bytes_max",
            base.map(|base| base.message_bytes_max),
            r#""2KiB""#,
            "A violation's message; a longer one is a fault.",
            bytes(64..=1 << 20),
        ),
        parameters_max: s.inherit(
            "parameters_max",
            base.map(|base| base.parameters_max),
            "16",
            "Parameters of a violation; more are a fault.",
            count(0..=1_000),
        ),
        parameter_bytes_max: s.inherit(
            "parameter_bytes_max",
            base.map(|base| base.parameter_bytes_max),
            r#""1KiB""#,
            "A parameter's name or value; a longer one is a fault.",
            bytes(64..=1 << 20),
        ),
        parts_max: s.inherit(
            "parts_max",
            base.map(|base| base.parts_max),
            "10_000",
            "Parts that a record may be split into; more are a fault.",
            count(1..=PARTS_MAX),
        ),
        measurements_max: s.inherit(
            "measurements_max",
            base.map(|base| base.measurements_max),
            "256",
            "Measurements of a call, for each of its records; more are dropped and counted.",
            count(0..=100_000),
        ),
        attribute_bytes_max: s.inherit(
            "attribute_bytes_max",
            base.map(|base| base.attribute_bytes_max),
            "256",
            "The text of a measurement's attribute; a longer one is cut.",
            bytes(16..=256),
        ),
    }
}

/// What goes out with an accepted record.
fn copied(s: &mut Section<'_>, base: Option<&AnswerLimits>) -> (usize, usize, usize) {
    let copied_bytes_max = s.inherit(
        "copied_bytes_max",
        base.map(|base| base.copied_bytes_max),
        r#""2MiB""#,
        "A record's id or key, or a violation's pointer, which producers may choose; a longer one is a fault.",
        bytes(64..=128 << 20),
    );
    let headers_max = s.inherit(
        "headers_max",
        base.map(|base| base.headers_max),
        "32",
        "Headers it may add to a record; more are a fault.",
        count(0..=1_000),
    );
    let header_value_bytes_max = s.inherit(
        "header_value_bytes_max",
        base.map(|base| base.header_value_bytes_max),
        r#""16KiB""#,
        "The value of one; a longer one is a fault.",
        bytes(1..=1 << 20),
    );
    (copied_bytes_max, headers_max, header_value_bytes_max)
}
