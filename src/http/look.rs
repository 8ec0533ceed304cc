//! Looks that take their time: on a thread that may wait, one at a time, shared by those who ask meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// A look reads memory and, at worst, a disk that is well. Probes ask again after some seconds anyway.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// One kind of look. Cheap to clone.
#[derive(Debug)]
pub(super) struct Look<T> {
    /// Looks that have begun.
    begun: Arc<AtomicU64>,
    /// The last with its number, held while the next is taken.
    last: Arc<Mutex<Option<(u64, T)>>>,
    timeout: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LookError {
    #[error(
        "the gateway did not find out within {} ms how it stands; ask again, and see whether its disk answers",
        .timeout.as_millis()
    )]
    Slow { timeout: Duration },
    #[error("the gateway failed while it found out how it stands; ask again, and report what its log says")]
    Panicked,
}

impl<T> Default for Look<T> {
    fn default() -> Look<T> {
        Look { begun: Arc::default(), last: Arc::default(), timeout: LOOK_TIMEOUT }
    }
}

impl<T: Clone + Send + 'static> Look<T> {
    /// What a look sees that begins from now on: never what was seen before somebody asked. Those who ask
    /// while one is taken share the next. An asker who leaves, or is tired of waiting, stops nothing.
    pub async fn take(&self, look: impl FnOnce() -> T + Send + 'static) -> Result<T, LookError> {
        let timeout = self.timeout;
        tokio::time::timeout(timeout, self.seen(look)).await.unwrap_or(Err(LookError::Slow { timeout }))
    }

    async fn seen(&self, look: impl FnOnce() -> T + Send + 'static) -> Result<T, LookError> {
        let begun_before = self.begun.load(Ordering::SeqCst);
        let mut last = self.last.clone().lock_owned().await;
        if let Some((number, seen)) = &*last
            && *number > begun_before
        {
            return Ok(seen.clone());
        }
        let begun = self.begun.clone();
        let looking = tokio::task::spawn_blocking(move || {
            let number = begun.fetch_add(1, Ordering::SeqCst) + 1;
            let seen = look();
            *last = Some((number, seen.clone()));
            seen
        });
        looking.await.map_err(|_| LookError::Panicked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::rig::within;
    use std::sync::mpsc;

    #[tokio::test]
    async fn those_who_ask_during_a_look_share_the_next() {
        let look = Arc::new(Look::<u64>::default());
        let (go_on, may_go_on) = mpsc::sync_channel::<()>(1);
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let first = tokio::spawn({
            let look = look.clone();
            let slow = move || {
                begun.send(()).unwrap();
                may_go_on.recv().unwrap();
                1
            };
            async move { look.take(slow).await }
        });
        within(has_begun).await.unwrap();
        let later: Vec<_> = (2..12)
            .map(|seen| {
                let look = look.clone();
                tokio::spawn(async move { look.take(move || seen).await })
            })
            .collect();
        while Arc::strong_count(&look.last) < 12 {
            tokio::task::yield_now().await; // until all wait for the lock
        }
        go_on.send(()).unwrap();
        assert_eq!(within(first).await.unwrap(), Ok(1));
        for asked in later {
            assert_eq!(within(asked).await.unwrap(), Ok(2));
        }
        assert_eq!(look.begun.load(Ordering::SeqCst), 2);
        // Who asks now wants to know how it is now.
        assert_eq!(look.take(|| 3).await, Ok(3));
    }

    #[tokio::test]
    async fn a_look_that_hangs_or_fails_is_told_so_and_another_waits_for_it() {
        let look = Look::<u64> { timeout: Duration::from_millis(50), ..Look::default() };
        let (go_on, may_go_on) = mpsc::sync_channel::<()>(1);
        let slow = move || {
            let _ = may_go_on.recv();
            1
        };
        let text = |seen: Result<u64, LookError>| seen.unwrap_err().to_string();
        let hangs = "the gateway did not find out within 50 ms how it stands; ask again, and see whether its disk answers";
        assert_eq!(text(look.take(slow).await), hangs);
        assert_eq!(text(look.take(|| unreachable!("two at a time")).await), hangs);
        drop(go_on);
        drop(within(look.last.lock()).await);
        assert_eq!(
            text(look.take(|| panic!("expected by this test")).await),
            "the gateway failed while it found out how it stands; ask again, and report what its log says"
        );
        assert_eq!(look.take(|| 2).await, Ok(2));
    }
}
