use super::*;
use crate::record::{Body, Refusal};

const HEAD: &str = r#""specversion":"1.0","id":"7","source":"/here","type":"t""#;

fn structured(json: &str) -> (Body, Option<Box<Event>>) {
    read(&ByteString::from(json), 1_000)
}

fn event(json: &str) -> (String, Vec<(String, String)>) {
    let (body, event) = structured(json);
    let Body::Text(text) = body else { panic!("{json}: {body:?}") };
    let event = event.expect("an event that is read has attributes");
    (text.to_string(), event.attributes().map(|(name, value)| (name.into(), value.into())).collect())
}

fn faults(json: &str) -> Vec<(String, String)> {
    let (Body::Refused(Refusal::Event(faults)), None) = structured(json) else { panic!("{json} is taken") };
    faults.faults.into_iter().map(|fault| (fault.member, fault.message)).collect()
}

/// What is wrong with an event that has this beside what it has to have.
fn fault(members: &str) -> (String, String) {
    let mut found = faults(&format!("{{{HEAD},\"data\":1,{members}}}"));
    assert_eq!(found.len(), 1, "{members}: {found:?}");
    found.remove(0)
}

fn binary(headers: &[(&str, &str)]) -> Result<Event, EventFaults> {
    let all = [("specversion", "1.0"), ("id", "7"), ("source", "/here"), ("type", "t")];
    let missing = all.iter().filter(|(name, _)| headers.iter().all(|(given, _)| given != name));
    let headers = missing.chain(headers).map(|(name, value)| (*name, value.as_bytes()));
    Event::of_headers(headers, Some("application/json"))
}

#[test]
fn the_data_of_a_structured_event_are_the_bytes_that_stand_there() {
    let json = format!(
        "\n{{ {HEAD} ,\"n\":-5,\"b\":true,\"u\":null, \"data\" :\t{{\"b\" : 1.50,\r\n\"a\":\"\\u00e4\"}}\n}} "
    );
    let (data, attributes) = event(&json);
    assert_eq!(data, "{\"b\" : 1.50,\r\n\"a\":\"\\u00e4\"}");
    let names: Vec<&str> = attributes.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["specversion", "id", "source", "type", "n", "b"]);
    assert_eq!((&*attributes[4].1, &*attributes[5].1), ("-5", "true"));
    for data in ["null", "\"text\"", "[1, 2]", "-0.5e3", "false"] {
        assert_eq!(event(&format!("{{\"data\":{data},{HEAD}}}")).0, data);
    }
}

#[test]
fn packed_data_are_unpacked() {
    let packed = |data: &str| format!("{{{HEAD},\"data_base64\":{data}}}");
    assert_eq!(event(&packed(r#""eyJhIjoxfQ==""#)).0, r#"{"a":1}"#);
    assert_eq!(event(&packed(r#""eyJhIjoxfQ""#)).0, r#"{"a":1}"#, "without padding");
    assert_eq!(event(&packed(r#""Pz8\/""#)).0, "???", "with a slash that JSON may escape");
    assert_eq!(event(&format!("{{{HEAD},\"data_base64\":null,\"data\":1}}")).0, "1");
    for wrong in ["5", r#""e!""#, "{}"] {
        let told =
            ("data_base64".into(), "The member 'data_base64' is no string in Base64; send one.".into());
        assert_eq!(faults(&packed(wrong)), [told]);
    }
    let (body, event) = structured(&packed(r#""IP8=""#));
    assert!(matches!(body, Body::Refused(Refusal::NotUtf8 { offset: 1 })) && event.is_none(), "{body:?}");
}

#[test]
fn the_limit_of_a_record_is_that_of_its_data() {
    let of = |bytes: usize| {
        format!("{{{HEAD},\"padding\":\"{}\",\"data\":\"{}\"}}", "p".repeat(2_000), "d".repeat(bytes - 2))
    };
    assert!(matches!(structured(&of(1_000)).0, Body::Text(_)));
    assert!(matches!(
        structured(&of(1_001)).0,
        Body::Refused(Refusal::TooLarge { bytes: 1_001, max: 1_000 })
    ));
    let packed = format!("{{{HEAD},\"data_base64\":\"{}\"}}", "AAAA".repeat(334));
    assert!(matches!(structured(&packed).0, Body::Refused(Refusal::TooLarge { bytes: 1_002, max: 1_000 })));
}

#[test]
fn everything_that_is_missing_is_told_at_once() {
    let missing = |name: &str| {
        (name.to_owned(), format!("The attribute '{name}' is missing; an event has to have it."))
    };
    let data =
        ("data".into(), "The event has no data, which is what is judged and published; send some.".into());
    let mut all = vec![data];
    all.extend(["specversion", "id", "source", "type"].map(missing));
    assert_eq!(faults("{}"), all);
    assert_eq!(
        faults(r#"{"specversion":"1.0","id":null,"source":"/a","type":"t","data":1}"#),
        [missing("id")]
    );
}

#[test]
fn what_attributes_say_is_checked_by_their_kind() {
    let wrong = |name: &str, value: &str| {
        let rest = HEAD.split(',').filter(|member| !member.starts_with(&format!("\"{name}\"")));
        let json = format!("{{{},\"data\":1,\"{name}\":{value}}}", rest.collect::<Vec<_>>().join(","));
        let found = faults(&json);
        assert_eq!((found.len(), &*found[0].0), (1, name), "{json}: {found:?}");
        found[0].1.clone()
    };
    assert_eq!(
        wrong("specversion", "\"0.3\""),
        "The attribute 'specversion' is \"0.3\": this gateway takes version \"1.0\"."
    );
    assert_eq!(wrong("specversion", "1.0"), "The attribute 'specversion' is \"1.0\"; send a string.");
    assert_eq!(wrong("id", "\"\""), "The attribute 'id' is \"\": it may not be empty.");
    let uri = "send a URI reference (RFC 3986), e.g. \"/sensors/1\" or \"urn:example:1\"";
    for source in ["", "a b", "%zz", "5:a", "a#b#c", "\u{e4}"] {
        assert_eq!(
            wrong("source", &format!("\"{source}\"")),
            format!("The attribute 'source' is {source:?}: {uri}.")
        );
    }
    assert_eq!(
        wrong("dataschema", "\"/relative\""),
        "The attribute 'dataschema' is \"/relative\": send a URI (RFC 3986), e.g. \"https://example.com/schema\"."
    );
    for time in [
        "yesterday",
        "2026-02-29T00:00:00Z",
        "2026-01-15T10:30:00",
        "2026-01-15 10:30:00Z",
        "2026-01-15T24:00:00Z",
    ] {
        assert_eq!(
            wrong("time", &format!("\"{time}\"")),
            format!(
                "The attribute 'time' is {time:?}: send a time as in RFC 3339, e.g. \"2026-01-15T10:30:00Z\"."
            )
        );
    }
    assert_eq!(
        wrong("subject", "\"\""),
        "The attribute 'subject' is \"\": it may not be empty; leave it out."
    );
    assert_eq!(
        wrong("note", r#""a\u0007""#),
        "The attribute 'note' holds U+0007, which is no character of a text; send it without."
    );
    assert_eq!(wrong("note", r#""\ud800""#), "The attribute 'note' holds half a character; send it whole.");
    for value in ["1.5", "2147483648", "[]", "{}", "1e2"] {
        let kinds = "send a string, true, false or a whole number of 32 bits";
        assert_eq!(wrong("note", value), format!("The attribute 'note' is {value:?}; {kinds}."));
    }
}

#[test]
fn good_sources_schemas_and_times_are_taken() {
    for source in [
        "/a",
        "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
        "https://a.b/c?d=e#f",
        "1-555-123-4567",
        "a/b:c",
        "?q",
        "%20",
    ] {
        assert!(binary(&[("source", &source.replace('%', "%25"))]).is_ok(), "{source}");
    }
    assert!(binary(&[("dataschema", "https://a.b/c")]).is_ok());
    let time = |time: &str| binary(&[("time", time)]).unwrap().time_ms();
    assert_eq!(time("1970-01-01T00:00:00Z"), Some(0));
    assert_eq!(time("2026-01-15t10:30:00.1239+01:30"), Some(1_768_467_600_123));
    assert_eq!(time("1969-12-31T23:59:59.5Z"), Some(-500));
    assert_eq!(time("2016-12-31T23:59:60z"), Some(1_483_228_800_000));
    assert_eq!(time("2000-02-29T12:00:00-00:30"), Some(951_827_400_000));
    assert_eq!(time("0000-03-01T00:00:00Z"), Some(-62_162_035_200_000));
}

#[test]
fn names_are_lower_case_letters_and_digits() {
    let remedy = "use lower-case letters and digits, at most 64.";
    for name in ["Note", "my_note", "a-b", "\u{e4}"] {
        assert_eq!(
            fault(&format!("\"{name}\":1")),
            (name.to_owned(), format!("No attribute may be called {name:?}; {remedy}"))
        );
    }
    assert!(fault(&format!("\"{}\":1", "n".repeat(65))).1.contains("…; use"));
    let told = "No attribute may be called 'data'; send the data as the body.";
    assert_eq!(binary(&[("data", "1")]).unwrap_err().faults[0].message, told);
    let told = "The header ce-datacontenttype may not be there; Content-Type says it.";
    assert_eq!(binary(&[("datacontenttype", "a/b")]).unwrap_err().faults[0].message, told);
}

#[test]
fn what_is_there_twice_is_believed_neither_time() {
    assert_eq!(
        fault(r#""id":"8""#),
        ("id".into(), "The attribute 'id' is there twice; send it once.".into())
    );
    assert_eq!(
        fault(r#""data":2"#),
        ("data".into(), "The member 'data' is there twice; send it once.".into())
    );
    assert_eq!(
        fault(r#""data_base64":"""#),
        ("data_base64".into(), "The event has both 'data' and 'data_base64'; send one of them.".into())
    );
}

#[test]
fn data_of_another_type_than_json_are_not_taken() {
    assert_eq!(
        fault(r#""datacontenttype":"application/xml""#).1,
        "The data is of type \"application/xml\" and this route takes JSON; send application/json."
    );
    for json in ["application/json; charset=utf-8", "Text/JSON", "application/vnd.bank+json"] {
        event(&format!("{{{HEAD},\"data\":1,\"datacontenttype\":\"{json}\"}}"));
    }
    let found = faults(&format!("{{{HEAD},\"data\":1,\"datacontenttype\":\"+json\"}}"));
    assert_eq!(
        found[0].1,
        "The attribute 'datacontenttype' is \"+json\": send a media type, e.g. \"application/json\"."
    );
}

#[test]
fn attributes_are_bounded_in_number_and_size_and_so_is_what_is_told() {
    let many: Vec<String> = (0..29).map(|number| format!("\"n{number}\":1")).collect();
    let full = (
        String::new(),
        "The event has more than 32 attributes, or more than 16384 bytes of them; move what is data into the data.".into(),
    );
    assert_eq!(fault(&many.join(",")), full);
    assert_eq!(event(&format!("{{{HEAD},\"data\":1,{}}}", many[..28].join(","))).1.len(), 32);
    assert_eq!(fault(&format!("\"long\":\"{}\"", "x".repeat(16 << 10))), full);
    let wrong: Vec<String> = (0..20).map(|number| format!("\"N{number}\":1")).collect();
    let (Body::Refused(Refusal::Event(mut told)), _) =
        structured(&format!("{{{HEAD},\"data\":1,{}}}", wrong.join(",")))
    else {
        panic!("it is taken")
    };
    assert_eq!((told.faults.len(), told.omitted), (8, 12));
    told.condense();
    assert_eq!((told.faults.len(), told.omitted), (1, 19));
}

#[test]
fn what_is_no_json_says_from_where_on() {
    for (json, at) in [
        ("", 0),
        ("{", 1),
        (r#"{"a"}"#, 4),
        (r#"{"a":}"#, 5),
        (r#"{"a":1,}"#, 7),
        (r#"{"a":1}x"#, 7),
        ("{'a':1}", 1),
        (r#"{"a":01}"#, 5),
        ("nul", 0),
        (r#"{"a":[}"#, 5),
    ] {
        assert!(
            matches!(structured(json).0, Body::Refused(Refusal::NotJson { offset }) if offset == at),
            "{json}: {:?}",
            structured(json)
        );
    }
    let told =
        "An event is a JSON object; send one, or an array of them as application/cloudevents-batch+json.";
    for json in ["[{}]", "5", "\"a\""] {
        assert_eq!(faults(json), [(String::new(), told.to_owned())]);
    }
}

#[test]
fn headers_are_unquoted_and_then_percent_decoded_once() {
    let read =
        |value: &str| binary(&[("note", value)]).map(|event| event.attribute("note").unwrap().to_owned());
    assert_eq!(read("Euro%20%E2%82%AC%20%f0%9f%98%80").unwrap(), "Euro \u{20ac} \u{1f600}");
    assert_eq!(read(r#""a \"b\" %20 \c""#).unwrap(), "a \"b\"   c");
    assert_eq!(read("%2520").unwrap(), "%20");
    assert_eq!(read("\u{20ac}").unwrap(), "\u{20ac}");
    assert_eq!(read("").unwrap(), "");
    let told = "The header ce-note is not percent-encoded UTF-8; write a '%' as %25, and what is not visible ASCII as its \
                bytes in UTF-8.";
    for wrong in ["100%", "%zz", "%C0%A0", "%2", "\"a\\\"", "\"a\"b\""] {
        assert_eq!(read(wrong).unwrap_err().faults[0].message, told, "{wrong}");
    }
    let event = binary(&[]).unwrap();
    assert_eq!(event.attribute("datacontenttype"), Some("application/json"));
}

#[test]
fn nesting_costs_no_stack() {
    let deep = format!("{}1{}", "[".repeat(200_000), "]".repeat(200_000));
    let json = format!("{{{HEAD},\"data\":{deep}}}");
    let (body, _) = read(&ByteString::from(json), 1 << 20);
    assert!(matches!(body, Body::Text(text) if *text == *deep));
    let json = format!("{{{HEAD},\"data\":1,\"deep\":{}{}}}", "{\"a\":".repeat(200_000), "1");
    assert!(matches!(structured(&json).0, Body::Refused(Refusal::NotJson { .. })));
}

#[test]
fn whatever_comes_is_taken_apart_as_serde_does_or_refused() {
    let mut random = fastrand::Rng::with_seed(7);
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "data",
        "id",
        "1",
        "null",
        " ",
        "\u{e4}",
        "\"data\":",
        HEAD,
        "%",
        "%2",
    ];
    let mut taken = 0;
    for _ in 0..50_000 {
        let inside: String = (0..random.usize(0..10)).map(|_| *random.choice(&pieces).unwrap()).collect();
        let json = if random.bool() { format!("{{{HEAD},\"data\":{inside}}}") } else { inside.clone() };
        if let (Body::Text(data), Some(_)) = structured(&json) {
            let value: serde_json::Value =
                serde_json::from_str(&json).unwrap_or_else(|error| panic!("{json}: {error}"));
            assert_eq!(serde_json::from_str::<serde_json::Value>(&data).unwrap(), value["data"], "{json}");
            taken += 1;
        }
        let bytes: Vec<u8> = (0..random.usize(0..8)).map(|_| random.u8(..)).collect();
        let headers = [("note", &bytes[..]), (&*inside, inside.as_bytes())];
        let _ = Event::of_headers(headers.into_iter(), Some(&inside));
    }
    assert!(taken > 100, "{taken}");
}

#[test]
fn attributes_are_shared_not_copied() {
    let event = Event::of_example(&[
        ("a".into(), "1".into()),
        ("bc".into(), String::new()),
        ("d".into(), "23".into()),
    ]);
    let shared: Vec<(&str, Bytes)> = event.shared().collect();
    assert_eq!(shared, [("a", "1".into()), ("bc", Bytes::new()), ("d", "23".into())]);
    assert_eq!((event.attributes().len(), event.bytes(), event.attribute("c")), (3, 7, None));
}
