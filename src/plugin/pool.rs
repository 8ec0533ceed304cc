//! The instances of one generation: the one used last is used next, because its memory is still warm.

use super::Limits;
use super::guest::{Blueprint, CallError, Instance};
use parking_lot::{Condvar, Mutex};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// The pools of all generations.
#[derive(Default)]
pub(super) struct Pools {
    all: Mutex<Vec<Weak<Pool>>>,
}

impl Pools {
    /// Drops what has idled long.
    pub fn trim(&self) {
        self.each(Pool::trim);
    }

    /// Drops all that idles, so that others may have its memory.
    fn clear(&self) {
        self.each(Pool::clear);
    }

    fn each(&self, act: fn(&Pool)) {
        // Not under the lock: the last handle of a pool may be dropped here, and that takes a while.
        let pools: Vec<_> = self.all.lock().iter().filter_map(Weak::upgrade).collect();
        pools.iter().for_each(|pool| act(pool));
    }

    fn add(&self, pool: &Arc<Pool>) {
        let mut all = self.all.lock();
        all.retain(|pool| pool.strong_count() > 0);
        all.push(Arc::downgrade(pool));
    }
}

pub(super) struct Pool {
    siblings: Arc<Pools>,
    blueprint: Blueprint,
    instances_max: usize,
    instances_warm: usize,
    idle_max: Duration,
    state: Mutex<State>,
    freed: Condvar,
}

struct State {
    idle: Vec<Instance>,
    alive: usize,
}

/// An instance, borrowed for one call. Dropped without `keep`, it is thrown away.
pub(super) struct Lease<'p> {
    pool: &'p Pool,
    instance: Option<Instance>,
}

/// How long a call waits for an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Only an idle one will do: making one takes longer than the caller has.
    IdleOnly,
    /// An idle one or a new one, at once.
    AtOnce,
    Until(Instant),
}

impl Pool {
    pub fn new(blueprint: Blueprint, limits: &Limits, siblings: &Arc<Pools>) -> Arc<Pool> {
        let state = Mutex::new(State { idle: Vec::new(), alive: 0 });
        let pool = Arc::new(Pool {
            siblings: siblings.clone(),
            blueprint,
            instances_max: limits.instances_max,
            instances_warm: limits.instances_warm.min(limits.instances_max),
            idle_max: limits.instance_idle,
            state,
            freed: Condvar::new(),
        });
        siblings.add(&pool);
        pool
    }

    /// None: there is none within the caller's patience.
    pub fn take(&self, patience: Patience) -> Option<Result<Lease<'_>, CallError>> {
        let mut state = self.state.lock();
        loop {
            if let Some(instance) = state.idle.pop() {
                return Some(Ok(Lease { pool: self, instance: Some(instance) }));
            }
            if patience == Patience::IdleOnly {
                return None;
            }
            if state.alive < self.instances_max {
                state.alive += 1;
                drop(state);
                return Some(self.make());
            }
            match patience {
                Patience::Until(end) if !self.freed.wait_until(&mut state, end).timed_out() => {}
                _ => return None,
            }
        }
    }

    /// For a place already counted in `alive`.
    fn make(&self) -> Result<Lease<'_>, CallError> {
        // The lease is there first: it gives the place back if the instance does not come to be.
        let mut lease = Lease { pool: self, instance: None };
        let made = self.blueprint.instantiate().or_else(|error| match error {
            CallError::Exhausted => {
                self.siblings.clear();
                self.blueprint.instantiate()
            }
            fault => Err(fault),
        });
        lease.instance = Some(made?);
        Ok(lease)
    }

    /// Makes the instances that the first requests will use; returns what the slower start took.
    pub fn warm(&self) -> Result<Duration, CallError> {
        let mut leases = Vec::new();
        let mut slowest = Duration::ZERO;
        // One at least: that it can be made is part of the proof.
        while leases.len() < self.instances_warm.max(1) {
            let begin = Instant::now();
            let Some(lease) = self.take(Patience::AtOnce) else { break };
            leases.push(lease?);
            slowest = slowest.max(begin.elapsed());
        }
        leases.into_iter().for_each(Lease::keep);
        Ok(slowest)
    }

    fn trim(&self) {
        let now = Instant::now();
        let mut state = self.state.lock();
        let surplus = state.idle.len().saturating_sub(self.instances_warm);
        // The one used last is at the end, so the ones at the front have idled longest.
        let stale = state.idle[..surplus]
            .iter()
            .take_while(|instance| now.duration_since(instance.called_at()) > self.idle_max)
            .count();
        let dropped: Vec<Instance> = state.idle.drain(..stale).collect();
        state.alive -= dropped.len();
        drop(state);
    }

    fn clear(&self) {
        let mut state = self.state.lock();
        let dropped = std::mem::take(&mut state.idle);
        state.alive -= dropped.len();
        drop(state);
    }

    /// How many instances there are, at work or idle.
    pub fn alive(&self) -> usize {
        self.state.lock().alive
    }

    /// The linear memory of all of them.
    pub fn memory_bytes(&self) -> u64 {
        self.blueprint.memory_used.load(Ordering::Relaxed)
    }
}

impl Lease<'_> {
    /// Gives the instance back for the next call.
    pub fn keep(mut self) {
        let Some(instance) = self.instance.take_if(|instance| !instance.is_worn()) else { return };
        self.pool.state.lock().idle.push(instance);
        self.pool.freed.notify_one();
        std::mem::forget(self);
    }
}

impl std::ops::Deref for Lease<'_> {
    type Target = Instance;

    fn deref(&self) -> &Instance {
        self.instance.as_ref().expect("a lease is handed out with its instance")
    }
}

impl std::ops::DerefMut for Lease<'_> {
    fn deref_mut(&mut self) -> &mut Instance {
        self.instance.as_mut().expect("a lease is handed out with its instance")
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // The instance goes first: while it is there it counts.
        self.instance = None;
        self.pool.state.lock().alive -= 1;
        self.pool.freed.notify_one();
    }
}
