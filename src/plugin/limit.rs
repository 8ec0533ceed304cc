//! What one plugin may use. Each is a key of `[plugins.limits]` and of `[plugin.<name>]`.

use std::time::Duration;

/// What one plugin may use.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// CPU time for a record judged by itself.
    pub record_time: Duration,
    /// CPU time for a call, whatever it holds.
    pub call_time: Duration,
    /// CPU time of a call on an HTTP thread before it moves to a judge thread.
    pub slice_time: Duration,
    /// CPU time for what an instance runs at its start. Go needs 0.7 ms and Python 1 ms: one that needs more than a
    /// second could not be replaced after a fault.
    pub start_time: Duration,
    /// CPU time for `describe`. It runs once a load, and slow languages do their first work in it.
    pub describe_time: Duration,
    /// Records a call. A call that faults is judged anew a record at a time, so not many.
    pub call_records_max: usize,
    /// Linear memory of one instance.
    pub memory_bytes_max: u64,
    /// Instances alive at a time.
    pub instances_max: usize,
    /// Instances that are kept however long they idle, so that the first requests find them.
    pub instances_warm: usize,
    /// An idle instance beyond those is dropped after this.
    pub instance_idle: Duration,
    /// An instance is replaced after so many calls: what leaks in a guest is bounded by it.
    pub instance_calls_max: u32,
    /// What a call may return, as bytes that the gateway allocates for it.
    pub output_bytes_max: usize,
    /// What the gateway holds of what the plugin returned for one request, over all its calls. A record with two of
    /// the samples' violations takes 779 bytes: the default holds 86,000 of them.
    pub request_output_bytes_max: usize,
    /// What the parts of all split records of one request may have together: each is a copy in the log.
    pub split_bytes_max: usize,
    /// CPU time that one request may spend on finding the records at fault.
    pub fault_budget: Duration,
    /// Faults over distinct records within `breaker_window` that stop the plugin from being called …
    pub breaker_faults: u32,
    /// … if they are at least this share of what it was shown, in per cent …
    pub breaker_share_percent: u32,
    pub breaker_window: Duration,
    /// … for this long.
    pub breaker_pause: Duration,
    pub log: LogLimits,
    pub answer: AnswerLimits,
}

/// What a plugin may write to the gateway's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLimits {
    pub lines_per_second: u32,
    /// Lines kept of one call; the rest is counted.
    pub lines_per_call_max: usize,
    /// A longer line is cut: the log is for people, and other lines want their turn.
    pub line_bytes_max: usize,
}

/// What one record's answer may be made of. More of it is a fault, or, where nothing depends on it, cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerLimits {
    /// Violations or warnings of one record. Far more than help anybody: the Rust SDK stops at a hundred.
    pub violations_max: usize,
    /// Text for people.
    pub message_bytes_max: usize,
    /// Parameters of one violation.
    pub parameters_max: usize,
    pub parameter_bytes_max: usize,
    /// An id, a key, a violation's pointer: what a plugin copies out of a record is as long as the producer made it,
    /// and a bound below the size of a record would turn a producer's long text into a fault of the plugin.
    pub copied_bytes_max: usize,
    pub headers_max: usize,
    pub header_value_bytes_max: usize,
    /// Parts of one record.
    pub parts_max: usize,
    /// Measurements of a call, for each of its records; the ones beyond are dropped and counted.
    pub measurements_max: usize,
    /// An attribute's text value becomes a label of a time series; a longer one is cut.
    pub attribute_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            record_time: Duration::from_millis(25),
            call_time: Duration::from_millis(250),
            slice_time: Duration::from_millis(2),
            start_time: Duration::from_secs(1),
            describe_time: Duration::from_secs(2),
            call_records_max: 256,
            memory_bytes_max: 64 << 20,
            instances_max: 64,
            instances_warm: 2,
            instance_idle: Duration::from_secs(60),
            instance_calls_max: 100_000,
            output_bytes_max: 16 << 20,
            request_output_bytes_max: 64 << 20,
            split_bytes_max: 32 << 20,
            fault_budget: Duration::from_secs(2),
            breaker_faults: 50,
            breaker_share_percent: 10,
            breaker_window: Duration::from_secs(10),
            breaker_pause: Duration::from_secs(5),
            log: LogLimits::default(),
            answer: AnswerLimits::default(),
        }
    }
}

impl Default for LogLimits {
    fn default() -> LogLimits {
        LogLimits { lines_per_second: 20, lines_per_call_max: 64, line_bytes_max: 4 << 10 }
    }
}

impl Default for AnswerLimits {
    fn default() -> AnswerLimits {
        AnswerLimits {
            violations_max: 1_000,
            message_bytes_max: 2 << 10,
            parameters_max: 16,
            parameter_bytes_max: 1 << 10,
            copied_bytes_max: 2 << 20,
            headers_max: 32,
            header_value_bytes_max: 16 << 10,
            parts_max: 10_000,
            measurements_max: 256,
            attribute_bytes_max: 256,
        }
    }
}
