//! What the instances of all plugins may hold in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wasmtime::ResourceLimiter;

/// A table's element is a pointer; tables count as memory, or they would be the way round its limit.
const TABLE_ELEMENT_BYTES: u64 = 8;

/// Core instances, memories and tables of one plugin: dynamic linking (Python's) makes a few dozen.
const PARTS_MAX: usize = 256;

/// What all instances of all plugins hold together.
#[derive(Debug)]
pub(super) struct Budget {
    used: AtomicU64,
    max: u64,
}

impl Budget {
    pub fn new(max: u64) -> Arc<Budget> {
        Arc::new(Budget { used: AtomicU64::new(0), max })
    }

    fn take(&self, bytes: u64) -> bool {
        let taken = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.max);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Why an instance did not get the memory that it wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shortage {
    /// It reached its own limit.
    Own,
    /// All instances together reached theirs: no fault of this one.
    Shared,
}

/// The memory of one instance; given back to the budget when dropped.
#[derive(Debug)]
pub(super) struct Memory {
    budget: Arc<Budget>,
    /// What all instances of its plugin hold.
    of_plugin: Arc<AtomicU64>,
    used: u64,
    max: u64,
    /// Since the call began.
    shortage: Option<Shortage>,
}

impl Memory {
    pub fn new(budget: Arc<Budget>, of_plugin: Arc<AtomicU64>, max: u64) -> Memory {
        Memory { budget, of_plugin, used: 0, max, shortage: None }
    }

    pub fn used(&self) -> u64 {
        self.used
    }

    pub fn max(&self) -> u64 {
        self.max
    }

    pub fn shortage(&self) -> Option<Shortage> {
        self.shortage
    }

    pub fn forget_shortage(&mut self) {
        self.shortage = None;
    }

    fn grow(&mut self, bytes: u64) -> bool {
        if self.used.saturating_add(bytes) > self.max {
            self.shortage = Some(Shortage::Own);
            return false;
        }
        if !self.budget.take(bytes) {
            self.shortage = Some(Shortage::Shared);
            return false;
        }
        self.used += bytes;
        self.of_plugin.fetch_add(bytes, Ordering::Relaxed);
        true
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.budget.give_back(self.used);
        self.of_plugin.fetch_sub(self.used, Ordering::Relaxed);
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // What the module itself forbids is not ours to count: nothing will be allocated.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        Ok(self.grow((desired - current) as u64))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        Ok(self.grow((desired - current) as u64 * TABLE_ELEMENT_BYTES))
    }

    fn instances(&self) -> usize {
        PARTS_MAX
    }

    fn tables(&self) -> usize {
        PARTS_MAX
    }

    fn memories(&self) -> usize {
        PARTS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_held_to_its_own_limit_before_the_shared_one() {
        let budget = Budget::new(100);
        let of_plugin = Arc::new(AtomicU64::new(0));
        let mut memory = Memory::new(budget.clone(), of_plugin.clone(), 60);
        assert!(memory.memory_growing(0, 60, None).unwrap());
        assert_eq!(of_plugin.load(Ordering::Relaxed), 60);
        assert!(!memory.memory_growing(60, 61, None).unwrap());
        assert_eq!(memory.shortage(), Some(Shortage::Own));
        let mut other = Memory::new(budget, Arc::default(), 60);
        assert!(!other.memory_growing(0, 41, None).unwrap());
        assert_eq!(other.shortage(), Some(Shortage::Shared));
        drop(memory);
        assert_eq!(of_plugin.load(Ordering::Relaxed), 0);
        assert!(other.memory_growing(0, 41, None).unwrap());
    }

    #[test]
    fn tables_count_as_memory() {
        let mut memory = Memory::new(Budget::new(1 << 20), Arc::default(), 100);
        assert!(memory.table_growing(0, 12, None).unwrap());
        assert!(!memory.table_growing(12, 13, None).unwrap());
    }
}
