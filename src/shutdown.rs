//! One signal, one drain.

use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
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

/// Moves the phases on as signals come: lame duck, drain, stop.
pub async fn on_signals(
    mut signals: Signals,
    shutdown: Arc<Shutdown>,
    timing: Config,
    mut reload: impl FnMut(),
) {
    while signals.next().await == Order::Reload {
        reload();
    }
    shutdown.advance(Phase::LameDuck);
    tracing::info!(
        lame_duck_ms = u64::try_from(timing.lame_duck.as_millis()).unwrap_or(u64::MAX),
        "stopping: not ready any more"
    );
    let hurried = wait_or_hurry(&mut signals, timing.lame_duck).await;
    shutdown.advance(Phase::Draining);
    tracing::info!("draining: no new connections, requests in flight end");
    if !hurried {
        wait_or_hurry(&mut signals, timing.drain_timeout).await;
    }
    shutdown.advance(Phase::Stopped);
    tracing::warn!("requests still in flight are cut off");
}

/// Whether another signal came before the time was over.
async fn wait_or_hurry(signals: &mut Signals, time: Duration) -> bool {
    tokio::select! {
        () = tokio::time::sleep(time) => false,
        () = signals.stop() => true,
    }
}

/// SIGTERM, SIGINT and SIGHUP, kept from the moment they are listened to.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// A terminal that is closed sends it too: it must not end a gateway.
    hangup: Signal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Stop,
    /// To look at the plugins again.
    Reload,
}

impl Signals {
    /// To be called before anything is started: from then on no signal ends the process at once.
    ///
    /// # Errors
    /// If the operating system does not let this process listen.
    pub fn listen() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Order {
        tokio::select! {
            _ = self.terminate.recv() => Order::Stop,
            _ = self.interrupt.recv() => Order::Stop,
            _ = self.hangup.recv() => Order::Reload,
        }
    }

    async fn stop(&mut self) {
        while self.next().await != Order::Stop {}
    }
}
