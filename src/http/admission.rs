//! How many requests may be judged and delivered at a time.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Held while a request is judged and delivered.
pub(super) type Permit = OwnedSemaphorePermit;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the gateway is judging and delivering {in_flight_max} requests (http.in_flight_max) and takes no more \
     at present"
)]
pub struct Overloaded {
    pub in_flight_max: usize,
}

/// Entered after a body has been read, so that slow senders take no place.
#[derive(Debug)]
pub(super) struct Admission {
    places: Arc<Semaphore>,
    in_flight_max: usize,
}

impl Admission {
    pub fn new(in_flight_max: usize) -> Admission {
        Admission { places: Arc::new(Semaphore::new(in_flight_max)), in_flight_max }
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight_max - self.places.available_permits().min(self.in_flight_max)
    }

    /// Never waits: a queue would only make every answer late.
    pub fn try_enter(&self) -> Result<Permit, Overloaded> {
        self.places.clone().try_acquire_owned().map_err(|_| Overloaded { in_flight_max: self.in_flight_max })
    }
}

#[cfg(test)]
mod tests {
    use crate::http::rig::{Setup, detail, header, status, within};

    const GATE: &str = "POST /gate HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1\r\n\r\n";

    #[tokio::test]
    async fn a_full_gateway_refuses_at_once_and_takes_the_next_when_one_leaves() {
        let mut rig = Setup { in_flight_max: 1, ..Setup::default() }.start().await;
        let mut slow = rig.connect().await;
        slow.send(GATE).await; // a slow sender takes no place
        let mut busy = rig.connect().await;
        busy.send(format!("{GATE}a")).await;
        within(rig.arrived.recv()).await.unwrap();
        let refused = rig.exchange(format!("{GATE}a")).await;
        assert_eq!(
            (status(&refused), detail(&refused).as_str()),
            (
                503,
                "the gateway is judging and delivering 1 requests (http.in_flight_max) and takes no more \
                 at present; send it again after the time in Retry-After"
            )
        );
        let seconds: u16 = header(&refused, "retry-after").unwrap().parse().unwrap();
        assert!((1..=3).contains(&seconds));
        rig.open.add_permits(2);
        assert_eq!(status(&busy.rest().await), 200);
        slow.send("a").await;
        assert_eq!(status(&slow.rest().await), 200);
    }
}
