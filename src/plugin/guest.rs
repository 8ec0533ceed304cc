//! One instance of a plugin: a store of its own, thrown away on any error.

use super::LogLimits;
use super::allowance::{Allowance, Overdue};
use super::bindings::{Exports, Program};
use super::draft::{Answer, Call, Draft};
use super::engine::Engine;
use super::log::{Gate, Stage};
use super::memory::{Budget, Memory, Shortage};
use crate::verdict::{Fault, FaultKind};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};
use wasmtime::{Store, Trap, UpdateDeadline, WasmBacktrace};

/// A fault's detail goes into headers of dead letters, which the log bounds, and into the gateway's own log.
const DETAIL_BYTES_MAX: usize = 1 << 10;

/// What the host keeps for one instance.
pub(super) struct Guest {
    pub settings: Arc<BTreeMap<String, String>>,
    pub log: Stage,
    memory: Memory,
    allowance: Allowance,
}

/// What instances of one program are made of.
#[derive(Clone)]
pub(super) struct Blueprint {
    pub engine: Arc<Engine>,
    pub program: Program,
    pub budget: Arc<Budget>,
    /// The memory of all instances made of this.
    pub memory_used: Arc<AtomicU64>,
    pub settings: Arc<BTreeMap<String, String>>,
    pub start_time: Duration,
    pub calls_max: u32,
    pub memory_bytes_max: u64,
    pub output_bytes_max: usize,
    pub log: LogLimits,
    pub gate: Arc<Gate>,
}

/// Why a call gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CallError {
    /// It is the plugin's doing.
    Fault(Fault),
    /// All instances together, or those of this plugin, use what they may: no fault of this call.
    Exhausted,
}

impl CallError {
    /// The sentence for someone who loads the plugin.
    pub fn into_detail(self) -> String {
        match self {
            CallError::Fault(fault) => fault.detail,
            CallError::Exhausted => {
                "no memory is left for another instance; raise plugins.memory_budget_bytes or remove plugins"
                    .to_owned()
            }
        }
    }
}

pub(super) struct Instance {
    store: Store<Guest>,
    exports: Exports,
    engine: Arc<Engine>,
    gate: Arc<Gate>,
    calls: u32,
    calls_max: u32,
    memory_at_start: u64,
}

impl Blueprint {
    /// Makes an instance; what the guest runs at its start has `start_time` of CPU time.
    pub fn instantiate(&self) -> Result<Instance, CallError> {
        let guest = Guest {
            settings: self.settings.clone(),
            log: Stage::new(self.log),
            memory: Memory::new(self.budget.clone(), self.memory_used.clone(), self.memory_bytes_max),
            allowance: Allowance::start(self.start_time),
        };
        let mut store = Store::new(&self.engine.wasmtime, guest);
        store.limiter(|guest| &mut guest.memory);
        store.set_hostcall_fuel(self.output_bytes_max);
        store.epoch_deadline_callback(|mut store| {
            store.data_mut().allowance.check()?;
            Ok(UpdateDeadline::Continue(1))
        });
        store.set_epoch_deadline(1);
        self.engine.fill(&mut store);
        let running = self.engine.tick_while_running();
        let exports = self.program.instantiate(&mut store);
        drop(running);
        let output_bytes_max = self.output_bytes_max;
        let exports = exports.map_err(|error| diagnose(&error, store.data_mut(), output_bytes_max));
        self.gate.release(&mut store.data_mut().log);
        let memory_at_start = store.data().memory.used();
        Ok(Instance {
            store,
            exports: exports?,
            engine: self.engine.clone(),
            gate: self.gate.clone(),
            calls: 0,
            calls_max: self.calls_max,
            memory_at_start,
        })
    }
}

impl Instance {
    pub fn describe(&mut self, cpu: Duration) -> Result<Result<Draft, String>, CallError> {
        self.run(cpu, |exports, store| exports.describe(store))
    }

    pub fn judge(&mut self, cpu: Duration, call: Call<'_>) -> Result<Answer, CallError> {
        self.run(cpu, |exports, store| exports.judge(store, call))
    }

    fn run<R>(
        &mut self,
        cpu: Duration,
        call: impl FnOnce(&Exports, &mut Store<Guest>) -> wasmtime::Result<R>,
    ) -> Result<R, CallError> {
        let running = self.engine.tick_while_running();
        let guest = self.store.data_mut();
        guest.memory.forget_shortage();
        guest.allowance = Allowance::start(cpu);
        self.store.set_epoch_deadline(1);
        self.engine.fill(&mut self.store);
        let result = call(&self.exports, &mut self.store);
        drop(running);
        self.calls += 1;
        let output_bytes_max = self.store.hostcall_fuel();
        let guest = self.store.data_mut();
        let result = result.map_err(|error| diagnose(&error, guest, output_bytes_max));
        self.gate.release(&mut guest.log);
        result
    }

    /// What its last call took, if its engine counts that.
    pub fn fuel(&self) -> Option<u64> {
        self.engine.used(&self.store)
    }

    /// The linear memory that it has.
    pub fn memory_bytes(&self) -> u64 {
        self.store.data().memory.used()
    }

    /// When its last call began.
    pub fn called_at(&self) -> Instant {
        self.store.data().allowance.started()
    }

    /// Whether a fresh one should take its place: linear memory never shrinks.
    pub fn is_worn(&self) -> bool {
        let memory = &self.store.data().memory;
        let full = memory.used() > memory.max() / 4 * 3 && memory.used() > self.memory_at_start;
        full || self.calls >= self.calls_max
    }
}

/// What an error of wasmtime says of the guest.
fn diagnose(error: &wasmtime::Error, guest: &mut Guest, output_bytes_max: usize) -> CallError {
    let distress = guest.log.take_distress();
    let (kind, detail) = if let Some(overdue) = error.downcast_ref::<Overdue>() {
        (FaultKind::Deadline, overdue.to_string())
    } else if guest.memory.shortage() == Some(Shortage::Shared) {
        return CallError::Exhausted;
    } else if guest.memory.shortage() == Some(Shortage::Own) {
        (
            FaultKind::Memory,
            format!("wanted more than {} bytes of memory (memory_bytes_max)", guest.memory.max()),
        )
    } else if error.downcast_ref::<Trap>().is_some()
        || error.downcast_ref::<super::adapter::Exited>().is_some()
    {
        (FaultKind::Trap, distress.unwrap_or_else(|| trap_text(error)))
    } else if error.root_cause().to_string().contains("fuel allocated for hostcalls") {
        // wasmtime keeps the type of this error to itself.
        (FaultKind::Output, format!("returned more than {output_bytes_max} bytes (output_bytes_max)"))
    } else {
        (FaultKind::Output, format!("returned what the contract does not allow: {}", error.root_cause()))
    };
    CallError::Fault(Fault { kind, detail: shortened(detail) })
}

fn trap_text(error: &wasmtime::Error) -> String {
    let cause = error.root_cause().to_string();
    let frame = error.downcast_ref::<WasmBacktrace>().and_then(|trace| trace.frames().first());
    match frame.and_then(|frame| frame.func_name()) {
        Some(function) => format!("{cause} in {function}"),
        None => cause,
    }
}

pub(super) fn shortened(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(DETAIL_BYTES_MAX));
    text
}
