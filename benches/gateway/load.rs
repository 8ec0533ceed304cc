//! Connections that each send the same request again and again.

use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub fn request(path: &str, content_type: &str, body: &str) -> Bytes {
    Bytes::from(format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// Answers a second, over so many connections, among which the requests are dealt out. Anything but 200 and 202 ends the bench.
pub fn rate(
    runtime: &tokio::runtime::Runtime,
    address: SocketAddr,
    connections: usize,
    requests: &[Bytes],
    time: Duration,
) -> f64 {
    runtime.block_on(async {
        let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let start = Instant::now();
        let clients: Vec<_> = (0..connections)
            .map(|number| requests[number % requests.len()].clone())
            .map(|request| tokio::spawn(client(address, request, stop.clone(), answers.clone())))
            .collect();
        tokio::time::sleep(time).await;
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            client.await.unwrap();
        }
        answers.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
    })
}

async fn client(address: SocketAddr, request: Bytes, stop: Arc<AtomicBool>, answers: Arc<AtomicU64>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut buffer = Vec::with_capacity(64 << 10);
    while !stop.load(Ordering::Relaxed) {
        stream.write_all(&request).await.unwrap();
        buffer.clear();
        answer(&mut stream, &mut buffer).await;
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) {
    let mut wanted = None;
    while wanted.is_none_or(|wanted| buffer.len() < wanted) {
        assert!(stream.read_buf(buffer).await.unwrap() > 0, "the server has hung up");
        if wanted.is_none() {
            wanted = length(buffer);
        }
    }
    let done = [&b"HTTP/1.1 200"[..], b"HTTP/1.1 202"].iter().any(|done| buffer.starts_with(done));
    assert!(done, "{}", String::from_utf8_lossy(buffer));
}

/// The answer's length, once its head is there.
fn length(buffer: &[u8]) -> Option<usize> {
    let head = memchr::memmem::find(buffer, b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).unwrap().to_ascii_lowercase();
    let body: usize = text.split("content-length:").nth(1)?.split("\r\n").next()?.trim().parse().unwrap();
    Some(head + body)
}
