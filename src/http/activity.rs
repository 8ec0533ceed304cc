//! What one connection is doing: read by those who may close it.

use super::length::Doubt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
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
    /// Answers of which bytes are still to be written.
    answers: AtomicUsize,
    /// When one last began or came a bit further, in milliseconds after `opened`.
    progressed_at_ms: AtomicU64,
    /// The number of the first request that is not to be believed, and why.
    doubt: OnceLock<(u64, Doubt)>,
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
            answers: AtomicUsize::new(0),
            progressed_at_ms: AtomicU64::new(0),
            doubt: OnceLock::new(),
            unread: AtomicBool::new(true),
        })
    }

    /// A request's headers have come. It is in flight until the ticket is dropped.
    pub fn begin(self: &Arc<Self>) -> Ticket {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let number = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        Ticket { activity: self.clone(), number, answering: false }
    }

    pub fn is_in_flight(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0
    }

    /// Ends when nothing has been asked for this long. To be asked is to send a request to the end of its
    /// headers.
    pub async fn quiet(&self, timeout: Duration) {
        lasts(timeout, || (!self.is_in_flight()).then(|| self.since(&self.quiet_since_ms))).await;
    }

    /// Ends when the client has taken nothing of an answer for this long.
    pub async fn stalled(&self, timeout: Duration) {
        let is_answering = || self.answers.load(Ordering::Relaxed) > 0;
        lasts(timeout, || is_answering().then(|| self.since(&self.progressed_at_ms))).await;
    }

    /// An answer has come a bit further on its way to the client.
    pub fn progressed(&self) {
        self.progressed_at_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn since(&self, time_ms: &AtomicU64) -> Duration {
        self.opened.elapsed().saturating_sub(Duration::from_millis(time_ms.load(Ordering::Relaxed)))
    }

    /// The wire has brought bytes.
    pub fn arrived(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    pub fn may_have_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// The request of this number, counted from 1, and all behind it are not to be believed.
    pub fn mark_doubtful(&self, number: u64, doubt: Doubt) {
        let _ = self.doubt.set((number, doubt)); // the first is all there is: nothing is followed behind it
    }
}

/// Ends when `state` has lasted so long. None: it is not so at present.
async fn lasts(timeout: Duration, state: impl Fn() -> Option<Duration>) {
    let mut wait = timeout;
    loop {
        tokio::time::sleep(wait).await;
        wait = match state() {
            None => timeout,
            Some(lasted) if lasted >= timeout => return,
            Some(lasted) => timeout - lasted,
        };
    }
}

/// One request in flight: from the end of its headers until the last byte of its answer is written.
#[derive(Debug)]
pub(super) struct Ticket {
    activity: Arc<Activity>,
    number: u64,
    answering: bool,
}

impl Ticket {
    /// Its answer is about to be written. Gives what is to be told when that goes on.
    pub fn answering(&mut self) -> Arc<Activity> {
        if !std::mem::replace(&mut self.answering, true) {
            self.activity.progressed();
            self.activity.answers.fetch_add(1, Ordering::Relaxed);
        }
        self.activity.clone()
    }

    /// Its body has been read to the end.
    pub fn body_ended(&self) {
        self.activity.unread.store(false, Ordering::Relaxed);
    }

    /// Why the request is not to be believed.
    pub fn doubt(&self) -> Option<Doubt> {
        let (from, doubt) = *self.activity.doubt.get()?;
        (self.number >= from).then_some(doubt)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.answering {
            self.activity.answers.fetch_sub(1, Ordering::Relaxed);
        }
        self.activity.quiet_since_ms.store(self.activity.now_ms(), Ordering::Relaxed);
        self.activity.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
