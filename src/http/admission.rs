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

    /// Never waits: a queue would only make every answer late.
    pub fn try_enter(&self) -> Result<Permit, Overloaded> {
        self.places.clone().try_acquire_owned().map_err(|_| Overloaded { in_flight_max: self.in_flight_max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_gateway_refuses_at_once_and_takes_the_next_when_one_leaves() {
        let admission = Admission::new(1);
        let permit = admission.try_enter().unwrap();
        assert_eq!(
            admission.try_enter().unwrap_err().to_string(),
            "the gateway is judging and delivering 1 requests (http.in_flight_max) and takes no more at \
             present"
        );
        drop(permit);
        assert!(admission.try_enter().is_ok());
    }
}
