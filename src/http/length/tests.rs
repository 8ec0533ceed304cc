use super::*;

fn ambiguous(wire: &str) -> Option<u64> {
    let whole = LengthWatch::default().observe(wire.as_bytes());
    let mut watch = LengthWatch::default();
    let by_byte = wire.as_bytes().iter().find_map(|byte| watch.observe(&[*byte]));
    assert_eq!(whole, by_byte, "how the bytes arrive must make no difference: {wire:?}");
    whole
}

const BOTH: &str = "POST / HTTP/1.1\r\nhost: x\r\nContent-Length: 4\r\nTRANSFER-ENCODING: chunked\r\n\r\n";

#[test]
fn both_lengths_are_found_in_either_order() {
    assert_eq!(ambiguous(BOTH), Some(1));
    assert_eq!(
        ambiguous("POST / HTTP/1.1\r\ntransfer-encoding:chunked\r\ncontent-length:4\r\n\r\n"),
        Some(1)
    );
}

#[test]
fn one_length_is_no_matter() {
    assert_eq!(ambiguous("POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcd"), None);
    assert_eq!(ambiguous("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), None);
}

#[test]
fn a_pipelined_request_is_found_behind_bodies_of_both_kinds() {
    let sized = "\r\nPOST / HTTP/1.1\r\ncontent-length: 5\r\n\r\n\r\n\r\nx";
    let chunked = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n\
                   3;extension=1\r\n\n\n\n\r\nA\r\n0123456789\r\n0\r\ntrailer: content-length: 9\r\n\r\n";
    let bare = "GET / HTTP/1.1\r\n\r\n";
    assert_eq!(ambiguous(&format!("{sized}{chunked}{bare}{BOTH}")), Some(4));
    assert_eq!(ambiguous(&format!("{sized}{chunked}{bare}")), None);
}

#[test]
fn what_looks_like_headers_in_a_body_or_a_long_line_is_none() {
    let body = "content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n";
    let length = body.len();
    assert_eq!(ambiguous(&format!("POST / HTTP/1.1\r\ncontent-length: {length}\r\n\r\n{body}")), None);
    let long = "x".repeat(10_000);
    assert_eq!(
        ambiguous(&format!("POST /{long}content-length: 1 HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n")),
        None
    );
}
