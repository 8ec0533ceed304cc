use super::*;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(pair).collect()
}

#[test]
fn a_safe_request_id_is_kept_and_any_other_replaced_by_a_ulid() {
    let id = |id: &str| RequestId::of(&headers(&[("x-request-id", id)])).as_str().to_owned();
    assert_eq!(id("req_1/2.3:4-5~@a+b="), "req_1/2.3:4-5~@a+b=");
    assert_eq!(id(&"a".repeat(128)).len(), 128);
    for unsafe_id in ["", "a b", "a\"b", "<a>", "a,b", &"a".repeat(129)] {
        assert_eq!(id(unsafe_id).len(), 26, "{unsafe_id:?}");
    }
    let ours = RequestId::of(&HeaderMap::new());
    let minted = ulid::Ulid::from_string(ours.as_str()).expect("a ULID");
    assert!(now_ms() - minted.timestamp_ms() < 60_000);
}

#[test]
fn an_accept_header_refuses_json_only_if_it_says_so() {
    let accepts = |value: &str| accepts_json(&headers(&[("accept", value)]));
    for welcome in [
        "*/*",
        "application/json",
        "text/html, */*;q=0.1",
        "application/*",
        "Application/JSON; charset=utf-8",
        "*/*;q=0, application/json",
        "",
        "application/json;q=nonsense",
    ] {
        assert!(accepts(welcome), "{welcome}");
    }
    for excluded in ["text/html", "application/json;q=0", "*/*;q=0", "*/*, application/json;q=0.0", "image/*"]
    {
        assert!(!accepts(excluded), "{excluded}");
    }
    assert!(accepts_json(&HeaderMap::new()));
    assert!(accepts_json(&headers(&[("accept", "text/html"), ("accept", "application/json")])));
}

#[test]
fn a_traceparent_is_handed_on_only_if_it_is_valid() {
    let read = |value: &str| traceparent(&headers(&[("traceparent", value)]));
    let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    assert_eq!(read(good).as_deref(), Some(good));
    let later = good.replacen("00", "cc", 1);
    assert_eq!(read(&format!("{later}-what-comes-later")).as_deref(), Some(good));
    for invalid in [
        "",
        "00",
        &good[..54],
        &format!("{good}-more"),
        &good.replacen("00", "ff", 1),
        &good.replacen("0af", "0AF", 1),
        &good.replacen("b7ad", "b7zd", 1),
        &good.replacen("-b7", "_b7", 1),
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        &format!("{later}x"),
    ] {
        assert_eq!(read(invalid), None, "{invalid}");
    }
    assert_eq!(traceparent(&headers(&[("traceparent", good), ("traceparent", good)])), None);
}

#[test]
fn a_tracestate_is_handed_on_as_far_as_it_is_valid_and_short() {
    let read = |value: &str| tracestate(&headers(&[("tracestate", value)]));
    assert_eq!(
        read("rojo=00f067aa0ba902b7 ,\tcongo=t61rcWkgMzE,,").as_deref(),
        Some("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
    );
    assert_eq!(read("1a@vendor/x=y z").as_deref(), Some("1a@vendor/x=y z"));
    for invalid in ["", ",", "a", "A=1", "=1", "a=", "a=b=c", "a=1,B=2", "_a=1"] {
        assert_eq!(read(invalid), None, "{invalid}");
    }
    let twice = headers(&[("tracestate", "a=1"), ("tracestate", "b=2")]);
    assert_eq!(tracestate(&twice).as_deref(), Some("a=1,b=2"));
    let many: Vec<String> = (0..40).map(|number| format!("k{number}=1")).collect();
    assert_eq!(read(&many.join(",")), Some(many[..32].join(",")));
    let long = format!("a={},b={},c=1", "x".repeat(250), "y".repeat(255));
    assert_eq!(read(&long), Some(long[..510].to_owned()), "what does not fit, and all after it");
}

#[test]
fn headers_make_an_event_only_if_one_is_there_that_every_event_has() {
    assert_eq!(event(&headers(&[("ce-note", "1")]), None).map(|event| event.is_none()), Ok(true));
    let all = [
        ("ce-specversion", "1.0"),
        ("ce-id", "7"),
        ("ce-source", "/a"),
        ("ce-type", "t"),
        ("ce-note", "a%20b"),
    ];
    let read = event(&headers(&all), Some("application/json")).unwrap().unwrap().unwrap();
    assert_eq!((read.attribute("note"), read.attribute("id")), (Some("a b"), Some("7")));
    let faults = event(&headers(&[("ce-type", "t")]), None).unwrap().unwrap().unwrap_err();
    let missing: Vec<&str> = faults.faults.iter().map(|fault| fault.member.as_str()).collect();
    assert_eq!(missing, ["specversion", "id", "source"]);
    assert_eq!(
        event(&headers(&[("ce-id", "7"), ("ce-id", "8")]), None).unwrap_err().to_string(),
        "the header ce-id is there more than once; send it once"
    );
}

#[test]
fn a_header_that_decides_must_be_there_once_and_readable() {
    let twice = headers(&[("content-type", "a/b"), ("content-type", "c/d")]);
    assert_eq!(
        content_type(&twice).unwrap_err().to_string(),
        "the header content-type is there more than once; send it once"
    );
    let mut unreadable = HeaderMap::new();
    unreadable.insert(CONTENT_TYPE, HeaderValue::from_bytes(b"text/\xe9").unwrap());
    assert_eq!(
        content_type(&unreadable).unwrap_err().to_string(),
        "the header content-type holds bytes that are no visible ASCII; send it without them"
    );
    assert_eq!(content_type(&HeaderMap::new()), Ok(None));
}

#[test]
fn a_plugin_sees_the_headers_it_asked_for_and_no_others() {
    let mut given = headers(&[("x-source", "a"), ("x-source", "b"), ("authorization", "secret")]);
    given.insert("x-broken", HeaderValue::from_bytes(b"\xff").unwrap());
    assert_eq!(
        chosen(&given, &["x-source".into(), "x-broken".into(), "x-absent".into()]),
        [("x-source".to_owned(), "a".to_owned()), ("x-source".to_owned(), "b".to_owned())]
    );
}

#[test]
fn only_who_names_html_is_shown_a_page() {
    let asks = |accept: &[&str]| {
        let headers = accept.iter().map(|value| (ACCEPT, HeaderValue::from_str(value).unwrap())).collect();
        asks_for_html(&headers)
    };
    for browser in [&["text/html,application/xhtml+xml,*/*;q=0.8"][..], &["text/plain", "TEXT/HTML;q=0.1"]] {
        assert!(asks(browser), "{browser:?}");
    }
    for program in [&[][..], &["*/*"], &["text/*"], &["text/html;q=0, */*"], &["application/json"]] {
        assert!(!asks(program), "{program:?}");
    }
}
