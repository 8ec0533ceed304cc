//! What one connection is doing: read by those who may close it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Shared by a connection's wire, its requests and its driver.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    /// Requests whose headers have come.
    begun: AtomicU64,
    in_flight: AtomicUsize,
    /// When the last request ended, in milliseconds after `opened`.
    quiet_since_ms: AtomicU64,
    /// The number of the request that states its body's length in two ways; 0: none.
    ambiguous: AtomicU64,
    /// Whether bytes of the client may lie unread.
    unread: AtomicBool,
}

impl Activity {
    pub fn new() -> Arc<Activity> {
        Arc::new(Activity {
            opened: Instant::now(),
            begun: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            quiet_since_ms: AtomicU64::new(0),
            ambiguous: AtomicU64::new(0),
            unread: AtomicBool::new(true),
        })
    }

    /// A request's headers have come. It is in flight until the ticket is dropped.
    pub fn begin(self: &Arc<Self>) -> Ticket {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let number = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        Ticket { activity: self.clone(), number }
    }

    pub fn is_in_flight(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0
    }

    /// Ends when nothing has been asked for this long. To be asked is to send a request to the end of its
    /// headers.
    pub async fn quiet(&self, timeout: Duration) {
        let mut wait = timeout;
        loop {
            tokio::time::sleep(wait).await;
            wait = match self.quiet_for() {
                None => timeout,
                Some(quiet) if quiet >= timeout => return,
                Some(quiet) => timeout - quiet,
            };
        }
    }

    /// None while a request is in flight.
    fn quiet_for(&self) -> Option<Duration> {
        let since = Duration::from_millis(self.quiet_since_ms.load(Ordering::Relaxed));
        (!self.is_in_flight()).then(|| self.opened.elapsed().saturating_sub(since))
    }

    /// The wire has brought bytes.
    pub fn arrived(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    pub fn may_have_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// The request of this number, counted from 1, has both Content-Length and Transfer-Encoding.
    pub fn mark_ambiguous(&self, number: u64) {
        self.ambiguous.store(number, Ordering::Relaxed);
    }
}

/// One request in flight.
#[derive(Debug)]
pub(super) struct Ticket {
    activity: Arc<Activity>,
    number: u64,
}

impl Ticket {
    /// Its body has been read to the end.
    pub fn body_ended(&self) {
        self.activity.unread.store(false, Ordering::Relaxed);
    }

    pub fn has_ambiguous_length(&self) -> bool {
        self.activity.ambiguous.load(Ordering::Relaxed) == self.number
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let now = u64::try_from(self.activity.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.activity.quiet_since_ms.store(now, Ordering::Relaxed);
        self.activity.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
