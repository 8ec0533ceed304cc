//! What becomes of the threads beside the requests when the gateway goes away.

use super::super::load::{Host, LoadError};
use super::*;
use crate::verdict::{Failure, Finding};

#[tokio::test]
async fn a_reload_after_the_end_of_what_follows_the_directory_is_an_error_and_what_is_live_stays() {
    let bench = Bench::with(&[("swap.wasm", "swap-v1.wasm")]);
    let plugins = bench.plugins().clone();
    tokio::task::spawn_blocking(move || plugins.stop()).await.unwrap();
    let error = bench.plugins().reload(EmptyDirectory::Keep).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the plugin directory was not looked at: what follows it has ended, and what was loaded keeps serving; \
         restart the gateway to have it followed again"
    );
    assert_eq!(bench.status().plugins.len(), 1);
    // What is small is judged on the caller's thread; what needs the judges' threads is told that they are gone.
    assert!(matches!(bench.judge("/swap", &["{}"]).await.findings[0], Finding::Verdict(_)));
    let judgement = bench.judge("/swap", &["{}"; 300]).await;
    assert!(judgement.findings.iter().all(|finding| *finding == Finding::Failed(Failure::Draining)));
    // Once more does nothing, and so does the drop at the end.
    bench.plugins().stop();
}

#[tokio::test]
async fn a_gateway_that_goes_away_begins_to_load_no_file_more() {
    let bench = Bench::with(&[]);
    bench.plugins().inner.stopping.store(true, Ordering::Relaxed);
    for number in 0..10 {
        bench.put(&format!("{number}.wasm"), &super::forge::module_on(&format!("p-{number}"), "/p"));
    }
    // The keeper may have ended before it heard this.
    let _ = bench.plugins().reload(EmptyDirectory::Keep).await;
    let status = bench.status();
    assert!(status.plugins.is_empty() && status.refused.is_empty(), "{status:#?}");
}

#[test]
fn a_load_ends_between_its_steps_when_the_gateway_goes_away() {
    let bench = Bench::new();
    let judges = judges::Judges::start(1, 1, Duration::from_secs(1));
    let host = Host::new(bench.config.clone(), metrics(), judges.queue.clone()).unwrap();
    let bytes = fixture("swap-v1.wasm");
    assert!(host.load("swap.wasm", &bytes, &directory::digest(&bytes)).is_ok());
    host.stopping.store(true, Ordering::Relaxed);
    let stopped = host.load("swap.wasm", &bytes, &directory::digest(&bytes));
    assert!(matches!(stopped, Err(LoadError::Stopping)));
}
