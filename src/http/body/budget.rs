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

    pub fn held(&self) -> usize {
        self.used.load(Ordering::Relaxed)
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

    /// Holds so many from now on. If that is more and there is no room for it, all stays as it is.
    pub fn try_hold(&mut self, bytes: usize) -> Result<(), BodyError> {
        match bytes.checked_sub(self.held) {
            Some(more) => self.grow(more),
            None => {
                self.hold(bytes);
                Ok(())
            }
        }
    }

    /// Holds so many from now on, even if there is no room for them: they are in memory already, and others
    /// are to be refused until they are gone.
    pub fn hold(&mut self, bytes: usize) {
        let used = &self.budget.used;
        match bytes.checked_sub(self.held) {
            Some(more) => used.fetch_add(more, Ordering::Relaxed),
            None => used.fetch_sub(self.held - bytes, Ordering::Relaxed),
        };
        self.held = bytes;
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

    #[test]
    fn what_is_there_already_is_held_even_beyond_the_budget_and_keeps_others_out() {
        let budget = Budget::new(10);
        let (mut one, mut other) = (budget.lease(), budget.lease());
        one.grow(4).unwrap();
        one.hold(15);
        assert_eq!(other.grow(1), Err(BodyError::NoRoom { max: 10 }));
        assert_eq!(one.try_hold(16), Err(BodyError::NoRoom { max: 10 }));
        one.try_hold(9).unwrap();
        other.grow(1).unwrap();
        assert_eq!(one.try_hold(10), Err(BodyError::NoRoom { max: 10 }));
        drop((one, other));
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
    }
}
