//! One call, and what the generation remembers of it.

use super::*;
use crate::plugin::check::{self, Expected};
use crate::plugin::pool::Lease;
use std::hash::BuildHasher;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// How long a plugin that overran its slice goes to the judges' threads at once: each try costs the slice, so that
/// one a second is a fifth of a per cent of a thread.
const SLOW_FOR: Duration = Duration::from_secs(1);

impl Generation {
    /// Makes one call and checks what it returns; the instance is kept only if all is well.
    pub(super) fn call(
        &self,
        mut lease: Lease<'_>,
        cpu: Duration,
        call: Call<'_>,
    ) -> Result<Answer, CallError> {
        let result = lease.judge(cpu, call);
        self.metrics.plugin_call(&self.manifest.name, lease.called_at().elapsed());
        let mut answer = result?;
        let expected = Expected {
            manifest: &self.manifest,
            route: call.route,
            records: call.records.len(),
            limits: &self.limits.answer,
        };
        let dropped = check::answer(&mut answer, &expected).map_err(CallError::Fault)?;
        lease.keep();
        self.note_answer(&answer, dropped);
        Ok(answer)
    }

    /// The CPU time of a call with so many records.
    pub(super) fn call_allowance(&self, records: usize) -> Duration {
        let records = u32::try_from(records).unwrap_or(u32::MAX);
        self.limits.record_time.saturating_mul(records).min(self.limits.call_time)
    }

    fn note_answer(&self, answer: &Answer, dropped: usize) {
        self.counts.judged.fetch_add(answer.findings.len() as u64, Ordering::Relaxed);
        if dropped > 0 {
            self.counts.measurements_dropped.fetch_add(dropped as u64, Ordering::Relaxed);
            self.metrics.plugin_measurements_dropped(&self.manifest.name, dropped as u64);
        }
        for finding in &answer.findings {
            // A plugin's own `fail`: told, but no fault that the breaker counts.
            if let Finding::Fault(fault) = finding {
                self.tell(fault);
            }
        }
    }

    /// Notes that the plugin faulted on this record when it was alone.
    pub(super) fn note_fault(&self, record: &Record, fault: Fault) -> Finding {
        self.counts.judged.fetch_add(1, Ordering::Relaxed);
        self.tell(&fault);
        self.breaker.fault(self.hasher.hash_one(&record.bytes()[..]));
        Finding::Fault(fault)
    }

    fn tell(&self, fault: &Fault) {
        self.counts.faults.fetch_add(1, Ordering::Relaxed);
        self.metrics.plugin_fault(&self.manifest.name, fault.kind);
        *self.counts.last_fault.lock() = Some(format!("{}: {}", fault.kind.as_str(), fault.detail));
    }

    pub(in crate::plugin) fn is_slow(&self) -> bool {
        let until = self.counts.slow_until_ms.load(Ordering::Relaxed);
        until != 0 && until > self.age_ms()
    }

    pub(super) fn remember_slow(&self) {
        let until = self.age_ms() + SLOW_FOR.as_millis() as u64;
        self.counts.slow_until_ms.store(until, Ordering::Relaxed);
    }

    fn age_ms(&self) -> u64 {
        Instant::now().duration_since(self.born).as_millis() as u64
    }
}
