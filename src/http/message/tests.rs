use super::*;
use crate::http::activity::Activity;
use crate::http::rig::{Setup, detail, header, status};
use hyper::Request;

#[tokio::test]
async fn a_request_names_its_host_once_and_rightly() {
    let rig = Setup::default().start().await;
    let refusal = |request: &'static str| {
        let rig = &rig;
        async move {
            let answer = rig.exchange(request).await;
            assert_eq!(status(&answer), 400, "{request}");
            detail(&answer)
        }
    };
    assert_eq!(
        refusal("GET / HTTP/1.1\r\nconnection: close\r\n\r\n").await,
        "the request names no host; send the header Host"
    );
    let twice = "the request has the header Host more than once; send it once";
    assert_eq!(refusal("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n").await, twice);
    assert_eq!(refusal("GET / HTTP/1.1\r\nhost: a\r\nHost: a\r\nconnection: close\r\n\r\n").await, twice);
    assert_eq!(refusal("GET / HTTP/1.0\r\nhost: a\r\nhost: a\r\n\r\n").await, twice);
    assert_eq!(
        refusal("GET / HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n").await,
        "the header Host holds 'a b', which is no host; send a name or an address, with a port or without"
    );
    for welcome in [
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost:\r\nconnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: [::1]:8080\r\nconnection: close\r\n\r\n",
    ] {
        assert_eq!(status(&rig.exchange(welcome).await), 200, "{welcome}");
    }
}

#[tokio::test]
async fn a_body_is_transferred_in_chunks_and_in_no_other_way() {
    let rig = Setup::default().start().await;
    let send = |encoding: &'static str| {
        let request = format!(
            "POST / HTTP/1.1\r\nhost: x\r\n{encoding}\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n"
        );
        rig.exchange(request)
    };
    for unknown in
        ["transfer-encoding: gzip, chunked", "transfer-encoding: gzip\r\ntransfer-encoding: chunked"]
    {
        let answer = send(unknown).await;
        assert_eq!((status(&answer), header(&answer, "connection")), (501, Some("close")));
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "nothing behind it is answered");
        assert_eq!(
            detail(&answer),
            "the body is transferred as 'gzip, chunked', and no coding but chunked is undone; send \
             Transfer-Encoding: chunked, and say in Content-Encoding how the body is compressed"
        );
    }
    for twice in
        ["transfer-encoding: chunked, Chunked", "transfer-encoding: chunked\r\ntransfer-encoding: chunked"]
    {
        let answer = send(twice).await;
        assert_eq!((status(&answer), header(&answer, "connection")), (400, Some("close")));
        assert_eq!(
            detail(&answer),
            "the header Transfer-Encoding says chunked more than once; cut the body into chunks once, and \
             say so once"
        );
    }
    // Not in chunks at last: hyper's own refusal.
    assert_eq!(status(&send("transfer-encoding: gzip").await), 400);
    assert_eq!(status(&send("transfer-encoding: chunked, gzip").await), 400);
}

#[test]
fn a_request_behind_what_could_not_be_followed_is_refused_and_so_is_all_behind_it() {
    let activity = Activity::new();
    let head = Request::get("/").header("host", "x").body(()).unwrap().into_parts().0;
    activity.mark_doubtful(2, Doubt::Unfollowed);
    assert_eq!(check(&head, &activity.begin()), Ok(()));
    for _ in 2..4 {
        assert_eq!(
            check(&head, &activity.begin()).unwrap_err().to_string(),
            "where this request begins is not certain, as what came before it was not cut as HTTP wants; send \
             it on a new connection"
        );
    }
}
