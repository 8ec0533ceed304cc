use super::*;
use crate::http::rig::{PATIENCE, Setup, detail, header, status, within};
use tokio::net::TcpSocket;
use tokio::time::Instant;

const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
const GET_CLOSE: &str = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn a_connection_too_many_is_told_so_and_the_next_is_served_when_one_has_gone() {
    let mut rig = Setup { connections_max: 1, ..Setup::default() }.start().await;
    let mut only = rig.connect().await;
    only.send(GET).await;
    assert_eq!(status(&only.answer().await), 200);

    // It sends more than it reads: the refusal must reach it all the same.
    let answer = rig
        .exchange(format!(
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 500000\r\n\r\n{}",
            "a".repeat(500_000)
        ))
        .await;
    assert_eq!(status(&answer), 503);
    assert_eq!(
        detail(&answer),
        "the gateway serves 1 connections at a time (http.connections_max) and has none left; try again \
         after the time in Retry-After, or share connections"
    );
    assert_eq!(header(&answer, "connection"), Some("close"));
    let seconds: u16 = header(&answer, "retry-after").unwrap().parse().unwrap();
    assert!((1..=3).contains(&seconds));
    assert_eq!(rig.shed.recv().await, Some("connections"));

    drop(only);
    let begun = Instant::now();
    while status(&rig.exchange(GET_CLOSE).await) != 200 {
        assert!(begun.elapsed() < PATIENCE, "the place is not given back");
    }
}

#[tokio::test]
async fn far_too_many_connections_cost_no_more_than_their_close() {
    let rig = Setup { connections_max: 0, ..Setup::default() }.start().await;
    let mut clients = Vec::new();
    for _ in 0..REFUSALS_MAX + 20 {
        clients.push(rig.connect().await); // silent: each keeps its refusal open
    }
    let mut told = 0;
    for client in &mut clients {
        let mut answer = Vec::new();
        let _ = within(tokio::io::AsyncReadExt::read_to_end(&mut client.stream, &mut answer)).await;
        told += usize::from(answer.starts_with(b"HTTP/1.1 503"));
    }
    assert!(told >= REFUSALS_MAX, "{told} were told");
}

#[tokio::test]
async fn connections_in_the_backlog_when_the_drain_begins_are_answered() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(64).unwrap();
    let address = listener.local_addr().unwrap();
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut stream = within(TcpStream::connect(address)).await.unwrap();
        stream.write_all(GET.as_bytes()).await.unwrap();
        clients.push(crate::http::rig::Client { stream });
    }
    let rig = Setup::default().start_on(listener);
    // Before the gateway has taken a single one.
    rig.shutdown.advance(Phase::Draining);
    for client in &mut clients {
        let answer = client.rest().await;
        assert_eq!(status(&answer), 200);
    }
    within(rig.served).await.unwrap();
}

#[test]
fn only_a_want_of_the_system_is_a_reason_to_pause() {
    use rustix::io::Errno;
    for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
        assert!(is_exhaustion(&io::Error::from_raw_os_error(errno.raw_os_error())));
    }
    for errno in [Errno::CONNABORTED, Errno::CONNRESET, Errno::INTR] {
        assert!(!is_exhaustion(&io::Error::from_raw_os_error(errno.raw_os_error())));
    }
}
