use super::*;
use crate::http::admission::Admission;
use crate::http::rig::within;
use hyper::Request;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;

#[test]
fn the_query_chooses_the_results_and_may_say_whatever_else() {
    assert_eq!(results(""), Ok(Results::All));
    assert_eq!(results("results=all"), Ok(Results::All));
    assert_eq!(results("utm_source=a&results=errors&x"), Ok(Results::Errors));
    assert_eq!(results("resultset=none"), Ok(Results::All));
    assert_eq!(
        results("results=some").unwrap_err().to_string(),
        "the query has results=some; send results=errors or results=all"
    );
}

#[tokio::test]
async fn work_goes_on_when_the_client_has_left_and_the_drain_waits_for_it() {
    static ENDED: AtomicBool = AtomicBool::new(false);
    let tasks = TaskTracker::new();
    let (begun, has_begun) = oneshot::channel();
    let (go_on, may_go_on) = oneshot::channel::<()>();
    let work = async move {
        begun.send(()).unwrap();
        may_go_on.await.unwrap();
        ENDED.store(true, Ordering::SeqCst);
    };
    {
        let mut waiting = Box::pin(outlive(&tasks, work));
        tokio::select! {
            _ = &mut waiting => panic!("it cannot have ended"),
            begun = has_begun => begun.unwrap(),
        }
    } // the client leaves
    tasks.close();
    assert_eq!(tasks.len(), 1);
    go_on.send(()).unwrap();
    within(tasks.wait()).await;
    assert!(ENDED.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_panic_acknowledges_nothing() {
    let tasks = TaskTracker::new();
    let ended = outlive::<()>(&tasks, async { panic!("expected by this test") }).await;
    assert_eq!(
        ended.unwrap_err().to_string(),
        "the gateway failed while it settled this request; nothing is acknowledged: send it again, and \
         report request_id"
    );
}

#[tokio::test]
async fn what_was_held_for_a_client_that_has_left_is_given_back_when_its_records_are_settled() {
    let admission = Admission::new(1);
    let permit = admission.try_enter().unwrap();
    let tasks = TaskTracker::new();
    let (go_on, may_go_on) = oneshot::channel::<()>();
    let work = async move {
        may_go_on.await.unwrap();
        permit
    };
    assert!(tokio::time::timeout(Duration::ZERO, outlive(&tasks, work)).await.is_err(), "the client leaves");
    assert!(admission.try_enter().is_err());
    go_on.send(()).unwrap();
    tasks.close();
    within(tasks.wait()).await;
    assert!(admission.try_enter().is_ok());
}

#[test]
fn a_path_that_no_plugin_serves_is_answered_with_those_that_are_served() {
    assert_eq!(
        find(&Snapshot::default(), "/claims/").err(),
        Some(IngestError::RouteUnknown { routes: vec![], others: 0 })
    );
}

#[test]
fn a_page_of_another_site_cannot_post_records() {
    let post = |headers: &[(&str, &str)]| {
        let request = Request::post("/claims/").header("host", "127.0.0.1:8080");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        check_head(&request.body(()).unwrap().into_parts().0)
    };
    // A program says nothing of the kind.
    assert_eq!(post(&[("content-type", "text/plain")]), Ok(Results::All));
    assert_eq!(
        post(&[("sec-fetch-site", "cross-site"), ("origin", "http://evil.example")]),
        Err(IngestError::CrossSite { page: "http://evil.example".into() })
    );
}
