use super::*;
use crate::http::rig::{Client, PATIENCE, Rig, SOON, Setup, detail, header, seen, status, within};
use std::io::Write;
use std::task::Poll;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

fn post(headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn chunked(chunks: &[&[u8]]) -> Vec<u8> {
    let mut request =
        b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for chunk in chunks {
        write!(request, "{:x}\r\n", chunk.len()).unwrap();
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// Bytes that do not repeat.
fn noise(bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(3);
    std::iter::repeat_with(|| random.u8(..)).take(bytes).collect()
}

fn is_seen(answer: &str, body: &[u8]) {
    assert_eq!(status(answer), 200, "{answer}");
    assert!(answer.ends_with(&seen(body)), "{answer}");
}

fn is_refused(answer: &str, with: u16, why: &str) {
    assert_eq!((status(answer), detail(answer).as_str()), (with, why));
}

#[tokio::test]
async fn bodies_arrive_as_they_were_sent() {
    let rig = Setup::default().start().await;
    let body = noise(700_000);
    is_seen(&rig.exchange(post("", "")).await, b"");
    is_seen(&rig.exchange(post("", "{}")).await, b"{}");
    is_seen(&rig.exchange(post("", &body)).await, &body);
    let chunks: Vec<_> = body.chunks(999).collect();
    is_seen(&rig.exchange(chunked(&chunks)).await, &body);
    let trailed = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
                   1;x=y\r\na\r\n0\r\nt: u\r\n\r\n";
    is_seen(&rig.exchange(trailed).await, b"a");
}

#[test]
fn a_body_that_comes_at_once_is_not_copied() {
    let chunk = Bytes::from(vec![1; 100]);
    let whole = Gathered::Nothing.and(chunk.clone(), Some(100)).freeze();
    assert_eq!(whole.as_ptr(), chunk.as_ptr());
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_by_its_length_and_by_its_bytes() {
    let rig = Setup::default().start().await;
    is_seen(&rig.exchange(post("", vec![b'a'; 1 << 20])).await, &vec![b'a'; 1 << 20]);
    // Sent whole before the answer is read, even if it is much: it must not be lost in a reset.
    assert_eq!(status(&rig.exchange(post("", vec![b'a'; 20 << 20])).await), 413);
    let answer = rig.exchange(post("", vec![b'a'; (1 << 20) + 1])).await;
    is_refused(
        &answer,
        413,
        "the body has 1048577 bytes and at most 1048576 are taken (http.body_bytes_max); send fewer \
         records a request",
    );
    assert_eq!(header(&answer, "connection"), Some("close"));
    let chunk = vec![b'a'; 600_000];
    is_refused(
        &rig.exchange(chunked(&[&chunk, &chunk])).await,
        413,
        "the body has more than 1048576 bytes, the most that are taken (http.body_bytes_max); send fewer \
         records a request",
    );
}

#[tokio::test]
async fn a_body_that_trickles_is_cut_off() {
    let mut setup = Setup::default();
    setup.bodies.timeout = SOON;
    let rig = setup.start().await;
    let (read, mut write) = rig.connect().await.stream.into_split();
    let trickle = tokio::spawn(async move {
        let _ = write.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n").await;
        while write.write_all(b"a").await.is_ok() {
            tokio::time::sleep(SOON / 10).await;
        }
        write
    });
    // The client goes on all the while it is told to stop, until the gateway has closed for good.
    let (mut answer, mut read) = (Vec::new(), read);
    within(tokio::io::AsyncReadExt::read_to_end(&mut read, &mut answer)).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    is_refused(
        &answer,
        408,
        "the body did not arrive within 150 ms of its headers (http.body_timeout_ms); send it faster, or \
         in smaller parts",
    );
    assert_eq!(header(&answer, "connection"), Some("close"));
    within(trickle).await.unwrap();
}

#[tokio::test]
async fn a_body_that_is_not_cut_as_http_wants_is_refused() {
    let rig = Setup::default().start().await;
    let answer =
        rig.exchange("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n").await;
    is_refused(
        &answer,
        400,
        "the body ended before it was whole, or is not cut into chunks as HTTP wants; send it again",
    );
}

#[tokio::test]
async fn packed_bodies_are_unpacked() {
    let rig = Setup::default().start().await;
    let (small, large) = (noise(1000), noise(900_000).repeat(4));
    for body in [&[][..], &small, &large[..INLINE_BYTES_MAX], &large[..STEP + 1], &vec![b'a'; 4 << 20]] {
        is_seen(&rig.exchange(post("content-encoding: gzip\r\n", gzip(body))).await, body);
        is_seen(&rig.exchange(post("content-encoding: X-GZip\r\n", gzip(body))).await, body);
        is_seen(&rig.exchange(post("content-encoding: zstd\r\n", zstd(body))).await, body);
    }
    let members = [gzip(b"one"), gzip(b""), gzip(&small)].concat();
    let frames = [zstd(b"one"), zstd(b""), zstd(&small)].concat();
    let both = [b"one", &small[..]].concat();
    is_seen(&rig.exchange(post("content-encoding: gzip\r\n", members)).await, &both);
    is_seen(&rig.exchange(post("content-encoding: zstd\r\n", frames)).await, &both);
    is_seen(&rig.exchange(post("content-encoding: identity\r\n", &small)).await, &small);
}

/// The step in which bodies are inflated, so that both sides of it are met.
const STEP: usize = 256 << 10;

#[tokio::test]
async fn a_bomb_goes_off_at_the_limit() {
    let rig = Setup::default().start().await;
    let zeros = vec![0; 100 << 20];
    let why = "the body inflates to more than 4194304 bytes, the most that are taken \
     (http.decompressed_bytes_max); send fewer records a request";
    let (gzipped, zstded) = (gzip(&zeros), zstd(&zeros));
    assert!(gzipped.len() < 1 << 20 && zstded.len() < 1 << 20);
    is_refused(&rig.exchange(post("content-encoding: gzip\r\n", gzipped)).await, 413, why);
    is_refused(&rig.exchange(post("content-encoding: zstd\r\n", zstded)).await, 413, why);
    // One byte over, and many members that are small each.
    is_refused(
        &rig.exchange(post("content-encoding: gzip\r\n", gzip(&zeros[..(4 << 20) + 1]))).await,
        413,
        why,
    );
    let members = gzip(&zeros[..1 << 20]).repeat(5);
    is_refused(&rig.exchange(post("content-encoding: gzip\r\n", members)).await, 413, why);
}

#[tokio::test]
async fn codings_that_are_not_taken_are_refused_before_the_body() {
    let rig = Setup::default().start().await;
    let refusal = |headers: &'static str| rig.exchange(post(headers, "{}"));
    let brotli = refusal("content-encoding: br\r\n").await;
    is_refused(
        &brotli,
        415,
        "bodies encoded as 'br' are not taken; send Content-Encoding: gzip or zstd, or none",
    );
    assert_eq!(header(&brotli, "accept-encoding"), Some("gzip, zstd"));
    for stacked in
        ["content-encoding: gzip, zstd\r\n", "content-encoding: gzip\r\ncontent-encoding: zstd\r\n"]
    {
        is_refused(
            &refusal(stacked).await,
            415,
            "the body is encoded more than once ('gzip, zstd'); send one Content-Encoding, gzip or zstd, \
             or none",
        );
    }
}

#[tokio::test]
async fn a_body_that_is_not_what_its_coding_says_is_refused() {
    let rig = Setup::default().start().await;
    let broken = |coding: &'static str, body: Vec<u8>| {
        let request = post(&format!("content-encoding: {coding}\r\n"), body);
        let rig = &rig;
        async move {
            let answer = rig.exchange(request).await;
            assert_eq!(status(&answer), 400);
            let why = detail(&answer);
            assert!(why.starts_with(&format!("the body cannot be decompressed as {coding}: ")), "{why}");
            assert!(why.ends_with("; compress it again, whole"), "{why}");
        }
    };
    let body = noise(5000);
    for (coding, packed) in [("gzip", gzip(&body)), ("zstd", zstd(&body))] {
        broken(coding, b"{\"no\": \"such thing\"}".to_vec()).await;
        broken(coding, packed[..packed.len() - 1].to_vec()).await;
        broken(coding, [&packed, &b"trailing"[..]].concat()).await;
    }
    let mut flipped = gzip(&body);
    let checksum = flipped.len() - 8;
    flipped[checksum] ^= 1;
    broken("gzip", flipped).await;
    broken("zstd", wide_zstd()).await;
}

/// A frame that wants a window of 16 MiB.
fn wide_zstd() -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(24).unwrap();
    for _ in 0..20 {
        encoder.write_all(&[7; 1 << 20]).unwrap();
    }
    encoder.finish().unwrap()
}

async fn send_half(rig: &Rig) -> Client {
    let mut client = rig.connect().await;
    client.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 200\r\n\r\n").await;
    client.send([b'a'; 100]).await;
    client
}

#[tokio::test]
async fn bodies_share_one_budget_which_a_slow_sender_charges_by_what_it_has_sent() {
    let mut setup = Setup::default();
    setup.bodies.budget_bytes = 250;
    let rig = setup.start().await;
    let (slow, mut other) = (send_half(&rig).await, send_half(&rig).await);
    // Now 200 of 250 are held, or soon will be; promised are 400.
    let begun = Instant::now();
    let refused = loop {
        let answer = rig.exchange(post("", [b'b'; 60])).await;
        if status(&answer) == 503 {
            break answer;
        }
        assert!(begun.elapsed() < PATIENCE, "the budget is not charged");
    };
    is_refused(
        &refused,
        503,
        "the gateway holds as many bytes of bodies as it may (250, http.body_budget_bytes) and has no room \
         for this one at present; send it again after the time in Retry-After",
    );
    assert!(header(&refused, "retry-after").is_some());
    // Who leaves, or is done, gives back.
    drop(slow);
    let begun = Instant::now();
    while status(&rig.exchange(post("", [b'b'; 150])).await) != 200 {
        assert!(begun.elapsed() < PATIENCE, "the budget is not given back");
    }
    other.send([b'a'; 100]).await;
    is_seen(&other.answer().await, &[b'a'; 200]);
    is_seen(&rig.exchange(post("", [b'c'; 250])).await, &[b'c'; 250]);
}

#[tokio::test]
async fn what_a_body_inflates_to_is_charged_too() {
    let mut setup = Setup::default();
    setup.bodies.budget_bytes = 1 << 20;
    let rig = setup.start().await;
    let answer = rig.exchange(post("content-encoding: gzip\r\n", gzip(&vec![0; 2 << 20]))).await;
    assert_eq!(status(&answer), 503);
}

fn patient_bodies(timeout: Duration) -> Bodies {
    Bodies::new(Limits { bytes_max: 1, inflated_bytes_max: 64 << 20, timeout, budget_bytes: 1 << 30 })
}

fn packed(bodies: &Bodies, bytes: usize) -> Whole {
    let bytes = Bytes::from(gzip(&vec![0; bytes]));
    let mut lease = bodies.lease();
    lease.grow(bytes.len()).unwrap();
    Whole { bytes, lease }
}

#[tokio::test]
async fn a_body_whose_turn_to_be_decompressed_does_not_come_is_told_so() {
    let bodies = patient_bodies(SOON);
    let _turns = bodies.inflations.clone().acquire_many_owned(INFLATIONS_MAX as u32).await.unwrap();
    let refused = bodies.inflate(Coding::Gzip, packed(&bodies, 1 << 20)).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "4 other bodies are being decompressed, the most at a time, and the turn of this one did not come \
         within 150 ms (http.body_timeout_ms)"
    );
    // What is small takes no turn.
    bodies.inflate(Coding::Gzip, packed(&bodies, 1 << 10)).await.unwrap();
}

#[tokio::test]
async fn a_decompression_whose_client_has_left_keeps_its_turn_and_its_bytes_to_its_end() {
    let bodies = patient_bodies(PATIENCE);
    let whole = packed(&bodies, 48 << 20);
    let charged = whole.bytes.len();
    {
        let mut inflating = std::pin::pin!(bodies.inflate(Coding::Gzip, whole));
        // The first look begins it; then the client leaves.
        assert!(std::future::poll_fn(|cx| Poll::Ready(inflating.as_mut().poll(cx).is_pending())).await);
    }
    assert_eq!(bodies.inflations.available_permits(), INFLATIONS_MAX - 1);
    let mut room = bodies.lease();
    assert!(room.grow((1 << 30) - charged + 1).is_err(), "what is being decompressed is not held");
    let all = bodies.inflations.clone().acquire_many_owned(INFLATIONS_MAX as u32);
    drop(within(all).await.unwrap());
    let begun = Instant::now();
    while room.grow(1 << 30).is_err() {
        assert!(begun.elapsed() < PATIENCE, "the budget is not given back");
        tokio::task::yield_now().await;
    }
}
