//! What a process takes of memory and time, as the kernel counts it.

use std::time::Duration;

/// A process whose peak of memory is looked at from here on.
pub struct Memory {
    process: u32,
    before: u64,
}

impl Memory {
    /// Forgets the peak so far: `VmHWM` begins anew at what is resident now.
    pub fn watch(process: u32) -> Memory {
        std::fs::write(format!("/proc/{process}/clear_refs"), "5").unwrap();
        Memory { process, before: status_bytes(process, "VmRSS") }
    }

    /// By how many bytes the process has been larger than when the watch began, at most.
    pub fn growth(&self) -> u64 {
        status_bytes(self.process, "VmHWM").saturating_sub(self.before)
    }
}

/// A line of `/proc/PID/status` that is in kB.
pub fn status_bytes(process: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or_else(|| panic!("no {name} in\n{status}")) << 10
}

/// The processor time a process has taken so far, all its threads, in user and kernel mode.
#[allow(dead_code, reason = "not every suite that shares this needs it")]
pub fn cpu_time(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The second field is a name that may hold anything, in brackets.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |field: usize| fields[field].parse::<u64>().unwrap();
    // Linux shows these in hundredths of a second on every architecture that it runs on here.
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}
