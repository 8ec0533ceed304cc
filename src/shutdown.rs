//! One signal, one drain.

use std::time::Duration;
use tokio::sync::watch;

#[derive(Debug, Clone)]
pub struct Config {
    /// How long to go on serving after the first signal, not ready, so that load balancers can turn away.
    pub lame_duck: Duration,
    /// How long requests in flight may take to end after that.
    pub drain_timeout: Duration,
}

/// Where the gateway is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Serving,
    /// Still serving, no longer ready.
    LameDuck,
    /// No new connections; what is in flight ends.
    Draining,
    /// What is still in flight is cut off.
    Stopped,
}

/// Tells every room the phase. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    phase: watch::Receiver<Phase>,
}

/// Moves the phase on, never back.
#[derive(Debug)]
pub struct Shutdown {
    phase: watch::Sender<Phase>,
}

impl Shutdown {
    pub fn new() -> (Shutdown, Lifecycle) {
        let (sender, receiver) = watch::channel(Phase::Serving);
        (Shutdown { phase: sender }, Lifecycle { phase: receiver })
    }

    pub fn advance(&self, to: Phase) {
        self.phase.send_if_modified(|phase| {
            let forward = to > *phase;
            *phase = (*phase).max(to);
            forward
        });
    }
}

impl Lifecycle {
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Ends when the gateway has come to this phase, or its owner is gone.
    pub async fn reached(&self, wanted: Phase) {
        let _ = self.phase.clone().wait_for(|phase| *phase >= wanted).await;
    }
}
