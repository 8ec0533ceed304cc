//! Holds new records back while a spool is emptied, so that the drain gains on them: one comes in for two that go out.

use parking_lot::Mutex;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How many records go out for one that comes in.
const GAIN: usize = 2;
/// Records that may come in without waiting: what a drain under little load has saved up.
const CREDIT_MAX: usize = 8_192;
/// What a drain begins with: the first ones need not wait for the broker to warm up.
const CREDIT_AT_FIRST: usize = 1_024;
/// A drain that has not moved for so long gains nothing by others' waiting.
const STALLED_AFTER: Duration = Duration::from_millis(500);

pub(super) struct Pace {
    credit: Semaphore,
    progress: Mutex<Progress>,
}

struct Progress {
    /// When records last went out.
    at: Instant,
    /// Of what went out, what did not come to a whole record's credit.
    rest: usize,
}

impl Pace {
    pub fn new() -> Pace {
        let progress = Progress { at: Instant::now(), rest: 0 };
        Pace { credit: Semaphore::new(CREDIT_AT_FIRST), progress: Mutex::new(progress) }
    }

    /// A drain begins: what another one has saved up is forgotten.
    pub fn begin(&self) {
        self.credit.forget_permits(CREDIT_MAX);
        self.credit.add_permits(CREDIT_AT_FIRST);
        self.progress.lock().at = Instant::now();
    }

    /// So many records have gone out.
    pub fn went_out(&self, records: usize) {
        let earned = {
            let mut progress = self.progress.lock();
            progress.at = Instant::now();
            let records = progress.rest + records;
            progress.rest = records % GAIN;
            records / GAIN
        };
        let room = CREDIT_MAX.saturating_sub(self.credit.available_permits());
        self.credit.add_permits(earned.min(room));
    }

    /// Ends when so many records may come in, at the deadline, or when the drain stands still.
    pub async fn come_in(&self, records: usize, deadline: Instant) {
        let price = u32::try_from(records.min(CREDIT_MAX)).unwrap_or(u32::MAX);
        let paid = self.credit.acquire_many(price);
        tokio::pin!(paid);
        loop {
            let look_again = deadline.min(Instant::now() + STALLED_AFTER);
            match tokio::time::timeout_at(look_again, paid.as_mut()).await {
                Ok(Ok(credit)) => return credit.forget(),
                Ok(Err(_)) => return,
                Err(_) if Instant::now() >= deadline || self.stands_still() => return,
                Err(_) => {}
            }
        }
    }

    fn stands_still(&self) -> bool {
        self.progress.lock().at.elapsed() >= STALLED_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: Duration = Duration::from_secs(3_600);

    fn is_ready(future: impl Future<Output = ()>) -> bool {
        let future = std::pin::pin!(future);
        future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready()
    }

    #[tokio::test]
    async fn one_comes_in_for_two_that_go_out() {
        let pace = Pace::new();
        let deadline = Instant::now() + FAR;
        pace.come_in(CREDIT_AT_FIRST, deadline).await;
        assert!(!is_ready(pace.come_in(1, deadline)));
        pace.went_out(1);
        assert!(!is_ready(pace.come_in(1, deadline)), "half a record");
        pace.went_out(1);
        assert!(is_ready(pace.come_in(1, deadline)));
        pace.went_out(2_000);
        assert!(is_ready(pace.come_in(1_000, deadline)));
        assert!(!is_ready(pace.come_in(1, deadline)));
    }

    #[tokio::test]
    async fn what_is_saved_up_is_bounded_and_a_new_drain_does_not_have_it() {
        let pace = Pace::new();
        let deadline = Instant::now() + FAR;
        pace.went_out(100 * CREDIT_MAX);
        assert!(is_ready(pace.come_in(CREDIT_MAX, deadline)));
        assert!(!is_ready(pace.come_in(1, deadline)));
        pace.went_out(100 * CREDIT_MAX);
        pace.begin();
        assert!(is_ready(pace.come_in(CREDIT_AT_FIRST, deadline)));
        assert!(!is_ready(pace.come_in(1, deadline)));
    }

    /// It ends: by itself it would wait for an hour.
    #[tokio::test]
    async fn nobody_waits_for_a_drain_that_stands_still_or_beyond_the_deadline() {
        let pace = Pace::new();
        let start = Instant::now();
        pace.come_in(CREDIT_AT_FIRST, start + FAR).await;
        pace.come_in(1, start + FAR).await;
        assert!(start.elapsed() >= STALLED_AFTER, "{:?}", start.elapsed());
        pace.went_out(0);
        pace.come_in(1, Instant::now() + Duration::from_millis(1)).await;
        assert!(!pace.stands_still() || start.elapsed() > 2 * STALLED_AFTER);
    }

    #[tokio::test]
    async fn more_than_can_ever_be_saved_up_comes_in_for_all_of_it() {
        let pace = Pace::new();
        pace.went_out(2 * CREDIT_MAX);
        assert!(is_ready(pace.come_in(10 * CREDIT_MAX, Instant::now() + FAR)));
    }
}
