use super::*;

/// However the bytes arrive.
fn observed(wire: &str) -> Option<(u64, Doubt)> {
    let whole = LengthWatch::default().observe(wire.as_bytes());
    let mut watch = LengthWatch::default();
    let by_byte = wire.as_bytes().iter().find_map(|byte| watch.observe(&[*byte]));
    assert_eq!(whole, by_byte, "how the bytes arrive must make no difference: {wire:?}");
    whole
}

/// The number of the request that states both lengths.
fn ambiguous(wire: &str) -> Option<u64> {
    let (number, doubt) = observed(wire)?;
    assert_eq!(doubt, Doubt::TwoLengths, "{wire:?}");
    Some(number)
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

#[test]
fn no_padding_hides_a_length() {
    let spaces = " \t".repeat(5_000);
    let zeros = "0".repeat(5_000);
    for first in [
        format!("content-length:{spaces}4{spaces}\r\n\r\nabcd"),
        format!("Content-Length: {zeros}4\r\n\r\nabcd"),
        "content-length:4\ncontent-length: 4\n\nabcd".to_owned(),
        format!(
            "transfer-encoding:{spaces}chunked{spaces}\r\n\r\n4{spaces};{spaces}\r\nabcd\r\n{zeros}\r\n\r\n"
        ),
        format!("{}: {spaces}\r\ncontent-length:4\r\n\r\nabcd", "x".repeat(500)),
    ] {
        assert_eq!(ambiguous(&format!("POST / HTTP/1.1\r\n{first}{BOTH}")), Some(2), "{first}");
    }
    for second in [
        format!("content-length:{spaces}4\r\ntransfer-encoding: chunked\r\n\r\n"),
        format!("transfer-encoding:{spaces}chunked\r\ncontent-length:{spaces}{zeros}4{spaces}\r\n\r\n"),
        "transfer-encoding: chunked\r\ncontent-length: four\r\n\r\n".to_owned(),
    ] {
        assert_eq!(ambiguous(&format!("POST / HTTP/1.1\r\n{second}")), Some(1), "{second}");
    }
}

#[test]
fn a_bare_line_feed_in_a_trailer_ends_nothing() {
    // As hyper sees it, the first request goes on until the last of these blank lines.
    let hidden = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: y\n\n\
                  POST / HTTP/1.1\r\ncontent-length: 999\r\n\r\n";
    assert_eq!(ambiguous(&format!("{hidden}{BOTH}")), Some(2));
}

#[test]
fn what_cannot_be_followed_leaves_all_behind_it_in_doubt() {
    let chunked = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
    for (number, wire) in [
        (1, "POST / HTTP/1.1\r\ncontent-length: 4, 4\r\n\r\n".to_owned()),
        (1, "POST / HTTP/1.1\r\ncontent-length: +4\r\n\r\n".to_owned()),
        (1, "POST / HTTP/1.1\r\ncontent-length: 4 4\r\n\r\n".to_owned()),
        (1, "POST / HTTP/1.1\r\ncontent-length:\r\n\r\n".to_owned()),
        (1, "POST / HTTP/1.1\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\n".to_owned()),
        (1, "POST / HTTP/1.1\r\ncontent-length: 99999999999999999999\r\n\r\n".to_owned()),
        (1, "POST / HTTP/1.1\r\nno colon\r\n\r\n".to_owned()),
        (2, format!("{chunked}\r\n")),
        (2, format!("{chunked}-1\r\n")),
        (2, format!("{chunked}1 1\r\n")),
        (2, format!("{chunked}1\na\r\n")),
        (2, format!("{chunked}1;x\ny\r\n")),
        (2, format!("{chunked}1\r\naa\r\n")),
        (2, format!("{chunked}ffffffffffffffff0\r\n")),
        (2, format!("{chunked}0\r\nx\ry\r\n\r\n")),
    ] {
        assert_eq!(observed(&wire), Some((number, Doubt::Unfollowed)), "{wire:?}");
    }
}
