use super::{Rejection, Violation};

/// What finally happened to a record. Each has exactly one.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The sink has it for good.
    Committed(Accepted),
    /// Durable here, to be sent on later.
    Stored(Accepted),
    /// Valid, and the plugin wants it not published.
    Discarded,
    /// Never acceptable as it is.
    Rejected(Rejection),
    /// Its plugin faulted on it; it is durable among the dead letters.
    Quarantined(Fault),
    /// None of these: to be sent again.
    Failed(Failure),
}

/// What the producer is told of an accepted record.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Accepted {
    /// The record's own identifier, as its plugin read it.
    pub id: Option<String>,
    pub warnings: Vec<Violation>,
}

/// A plugin breaking its contract on one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    /// For the operator: the trap's message, the panic's text, the limit that was met.
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// It crashed.
    Trap,
    /// It took more time than `record_ms` or `call_ms` allow.
    Deadline,
    /// It wanted more memory than `memory_bytes_max`.
    Memory,
    /// It returned what the contract does not allow, or too much of it.
    Output,
    /// It said itself that it could not tell.
    Declared,
}

impl FaultKind {
    pub const ALL: [FaultKind; 5] =
        [FaultKind::Trap, FaultKind::Deadline, FaultKind::Memory, FaultKind::Output, FaultKind::Declared];

    /// The value of the label `kind`, and of a dead letter's header.
    pub fn as_str(self) -> &'static str {
        match self {
            FaultKind::Trap => "trap",
            FaultKind::Deadline => "deadline",
            FaultKind::Memory => "memory",
            FaultKind::Output => "output",
            FaultKind::Declared => "declared",
        }
    }
}

/// Why a record has to be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Failure {
    #[error("the plugin faulted on so many records of this request that the time for finding them was spent")]
    FaultBudgetSpent,
    #[error(
        "judged no further: the plugin returned more than {bytes_max} bytes for this request \
         (request_output_bytes_max); send fewer records a request"
    )]
    OutputBudgetSpent { bytes_max: usize },
    #[error(
        "what plugins returned for all requests at work fills plugins.output_budget_bytes; send fewer requests at \
         a time, or raise it"
    )]
    OutputsFull,
    /// `pause_ms`: how long the plugin stays uncalled; 0 while one call tries whether it is well again.
    #[error("the plugin faulted on so many different records that it is not called for a while")]
    BreakerOpen { pause_ms: u64 },
    #[error("every thread that judges records is busy")]
    JudgesBusy,
    #[error("judging panicked, which is a mistake of the gateway's own; its log says where")]
    JudgingPanicked,
    #[error(
        "no instance of the plugin was free: either its instances_max are all at work, or all plugins together \
         use plugins.memory_budget_bytes; send fewer requests at a time, or raise what is reached"
    )]
    InstancesExhausted,
    #[error("the sink takes records faster than it can write them down")]
    SinkOverloaded,
    #[error("the disk has no room left for records")]
    SinkFull,
    #[error("the sink cannot make records durable at present")]
    SinkUnavailable,
    #[error("kafka has no such topic or does not let the gateway write to it; its operator has to mend that")]
    SinkMisconfigured,
    #[error("what the plugin made of the record is larger than the sink takes")]
    TooLargeForSink,
    #[error("the gateway is shutting down")]
    Draining,
    #[error("another record of its batch is rejected, and the route takes a batch whole or not at all")]
    BatchRejected,
    #[error(
        "another record of its batch could not be judged, and the route takes a batch whole or not at all"
    )]
    BatchUndecided,
}

impl Failure {
    /// One of each kind; what a kind carries is zero.
    pub const ALL: [Failure; 15] = [
        Failure::FaultBudgetSpent,
        Failure::OutputBudgetSpent { bytes_max: 0 },
        Failure::OutputsFull,
        Failure::BreakerOpen { pause_ms: 0 },
        Failure::JudgesBusy,
        Failure::JudgingPanicked,
        Failure::InstancesExhausted,
        Failure::SinkOverloaded,
        Failure::SinkFull,
        Failure::SinkUnavailable,
        Failure::SinkMisconfigured,
        Failure::TooLargeForSink,
        Failure::Draining,
        Failure::BatchRejected,
        Failure::BatchUndecided,
    ];

    /// The value of the label `reason`, and of `reason` in an answer.
    pub fn as_str(self) -> &'static str {
        match self {
            Failure::FaultBudgetSpent => "fault_budget_spent",
            Failure::OutputBudgetSpent { .. } => "output_budget_spent",
            Failure::OutputsFull => "outputs_full",
            Failure::BreakerOpen { .. } => "breaker_open",
            Failure::JudgesBusy => "judges_busy",
            Failure::JudgingPanicked => "judging_panicked",
            Failure::InstancesExhausted => "instances_exhausted",
            Failure::SinkOverloaded => "sink_overloaded",
            Failure::SinkFull => "sink_full",
            Failure::SinkUnavailable => "sink_unavailable",
            Failure::SinkMisconfigured => "sink_misconfigured",
            Failure::TooLargeForSink => "too_large_for_sink",
            Failure::Draining => "draining",
            Failure::BatchRejected => "batch_rejected",
            Failure::BatchUndecided => "batch_undecided",
        }
    }
}

impl Outcome {
    /// The value of the label `outcome`, and of `status` in an answer.
    pub fn as_str(&self) -> &'static str {
        match self {
            Outcome::Committed(_) => "committed",
            Outcome::Stored(_) => "stored",
            Outcome::Discarded => "discarded",
            Outcome::Rejected(_) => "rejected",
            Outcome::Quarantined(_) => "quarantined",
            Outcome::Failed(_) => "failed",
        }
    }
}
