//! Bytes that all bodies together may hold.

use super::BodyError;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Cheap to clone: all clones are one budget.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    used: Arc<AtomicUsize>,
    max: usize,
}

/// What one body holds of the budget; given back when dropped.
#[derive(Debug)]
pub(in crate::http) struct Lease {
    budget: Budget,
    held: usize,
}

impl Budget {
    pub fn new(max: usize) -> Budget {
        Budget { used: Arc::new(AtomicUsize::new(0)), max }
    }

    /// Of nothing yet.
    pub fn lease(&self) -> Lease {
        Lease { budget: self.clone(), held: 0 }
    }
}

impl Lease {
    /// Takes more, or leaves all as it is.
    pub fn grow(&mut self, bytes: usize) -> Result<(), BodyError> {
        let max = self.budget.max;
        let within = |used: usize| used.checked_add(bytes).filter(|used| *used <= max);
        self.budget
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, within)
            .map_err(|_| BodyError::NoRoom { max })?;
        self.held += bytes;
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_never_exceeded_and_comes_back_with_its_leases() {
        let budget = Budget::new(10);
        let (mut one, mut other) = (budget.lease(), budget.lease());
        one.grow(4).unwrap();
        other.grow(6).unwrap();
        assert_eq!(one.grow(1), Err(BodyError::NoRoom { max: 10 }));
        assert_eq!(one.grow(usize::MAX), Err(BodyError::NoRoom { max: 10 }));
        drop(other);
        one.grow(6).unwrap();
        drop(one);
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
    }
}
