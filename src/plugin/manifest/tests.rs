use super::*;
use crate::plugin::draft::{DraftRoute, ExampleBody, Expectation};
use crate::record::Input;
use crate::verdict::{Counted, Instrument, InstrumentKind};

fn route() -> DraftRoute {
    DraftRoute {
        path: "/v1/payments".to_owned(),
        input: Input::Json,
        title: "Payment".to_owned(),
        id_field: "payment_id".to_owned(),
        topics: vec!["payments".to_owned(), "refunds".to_owned()],
        summary: String::new(),
        schema: r#"{"type":"object"}"#.to_owned(),
        examples: vec![],
    }
}

fn instrument() -> Instrument {
    Instrument {
        name: "payments.amount".to_owned(),
        kind: InstrumentKind::Histogram(vec![1.0, 10.0]),
        description: String::new(),
        unit: "{payment}".to_owned(),
        attributes: vec!["currency".to_owned()],
        counts: Counted::Accepted,
    }
}

fn draft() -> Draft {
    Draft {
        name: "payments".to_owned(),
        version: "1.2.3".to_owned(),
        description: String::new(),
        routes: vec![route()],
        instruments: vec![instrument()],
        request_headers: vec!["x-tenant".to_owned()],
        settings: vec![
            Setting { key: "limit".to_owned(), default: Some("10".to_owned()), secret: false },
            Setting { key: "region".to_owned(), default: None, secret: false },
        ],
    }
}

fn operator() -> PluginConfig {
    let settings = [("region".to_owned(), "eu".to_owned())].into();
    PluginConfig { settings, ..PluginConfig::default() }
}

/// What is wrong with a draft that was spoilt so.
fn problems(spoil: impl FnOnce(&mut Draft)) -> Vec<String> {
    let mut draft = draft();
    spoil(&mut draft);
    check(draft, &operator()).map(|_| vec![]).unwrap_or_else(|problems| problems.0)
}

fn only(spoil: impl FnOnce(&mut Draft)) -> String {
    let mut problems = problems(spoil);
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

fn example(name: &str) -> Example {
    Example {
        name: name.to_owned(),
        body: ExampleBody::Text("{}".to_owned()),
        attributes: vec![],
        received_at_ms: None,
        parameters: vec![],
        headers: vec![],
        caller: None,
        settings: vec![],
        expect: Expectation::Accept,
    }
}

#[test]
fn a_sound_manifest_is_served_with_the_operators_topics_and_settings() {
    let topics = [("refunds".to_owned(), "eu.refunds".to_owned())].into();
    let checked = check(draft(), &PluginConfig { topics, ..operator() }).unwrap();
    let topics: Vec<&str> = checked.manifest.routes[0].topics.iter().map(|topic| &**topic).collect();
    assert_eq!(topics, ["payments", "eu.refunds"]);
    assert_eq!(checked.manifest.routes[0].id_field.as_deref(), Some("payment_id"));
    let settings: Vec<(&str, &str)> =
        checked.settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(settings, [("limit", "10"), ("region", "eu")]);
}

#[test]
fn everything_wrong_is_named_at_once() {
    let problems = problems(|draft| {
        draft.name = "Payments".to_owned();
        draft.version = "1".to_owned();
        draft.routes[0].path = "v1".to_owned();
        draft.routes[0].topics.clear();
        draft.instruments[0].name = "1st".to_owned();
        draft.request_headers.push("cookie".to_owned());
    });
    assert_eq!(
        problems,
        [
            "name \"Payments\": use lower-case letters, digits and dashes, a letter first, at most 64",
            "version \"1\": give a semantic version, e.g. 1.4.0",
            "request header 'cookie' holds credentials, which plugins are not shown; use `request.caller`",
            "route \"v1\": it is not absolute; begin it with '/'",
            "route \"v1\" has no topic; name at least one",
            "instrument \"1st\": begin with a letter, then letters, digits, '_', '.', '-' and '/', at most 255",
        ]
    );
}

#[test]
fn versions_are_semantic() {
    for good in ["0.0.1", "1.2.3-rc.1", "1.2.3+build.5", "1.0.0-a-b+c-d"] {
        assert!(is_semantic_version(good), "{good}");
    }
    for bad in ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.+3", "1.2.3-", "1.2.3-ä", "v1.2.3"] {
        assert!(!is_semantic_version(bad), "{bad}");
    }
}

#[test]
fn paths_are_absolute_sane_and_not_the_gateways_own() {
    let path = |path: &str| only(|draft| draft.routes[0].path = path.to_owned());
    let own = "it is a path of the gateway's own; take another";
    for taken in
        ["/health", "/health/", "/openapi.json", "/asyncapi.json", "/docs", "/docs/x", "/-/", "/-/plugins"]
    {
        assert_eq!(path(taken), format!("route {taken:?}: {own}"));
    }
    assert_eq!(
        path("/a//b"),
        "route \"/a//b\": \"\" is no segment of a path; a parameter is a whole segment, {name}"
    );
    for bad in ["/a/../b", "/a b", "/a?b", "/a{x}", "/ä", "/{*rest}"] {
        assert!(path(bad).starts_with(&format!("route {bad:?}: ")), "{}", path(bad));
    }
    assert!(path("/{id}/x/{id}").ends_with("{id} is in it twice; name each parameter differently"));
    assert!(path(&format!("/{}", "a".repeat(300))).ends_with("it has 301 bytes; at most 256 are taken"));
    for good in ["/", "/a", "/a/", "/a/{id}/b", "/v1/a-b_c.d~e", "/healthy"] {
        assert_eq!(problems(|draft| draft.routes[0].path = good.to_owned()), Vec::<String>::new());
    }
}

#[test]
fn a_route_is_declared_once_and_there_is_one() {
    let twice = only(|draft| {
        draft.routes.push(DraftRoute { path: "/v1/payments/".to_owned(), ..route() });
    });
    assert_eq!(twice, "route \"/v1/payments/\" is there twice; declare it once");
    assert_eq!(only(|draft| draft.routes.clear()), "it has no route; declare at least one");
    let many = problems(|draft| {
        draft.routes = (0..65).map(|n| DraftRoute { path: format!("/{n}"), ..route() }).collect();
    });
    assert_eq!(many, ["routes: 65 are too many; at most 64 are taken"]);
}

#[test]
fn topics_are_names_that_kafka_takes() {
    let topic = |topic: &str| only(|draft| draft.routes[0].topics = vec![topic.to_owned()]);
    for bad in ["", ".", "..", "a b", "ä", &"x".repeat(238)] {
        assert!(topic(bad).ends_with("at most 237, and neither '.' nor '..'"), "{}", topic(bad));
    }
    assert!(
        topic("payments.dead-letter")
            .ends_with("names that end in '.dead-letter' are the gateway's own; take another")
    );
}

#[test]
fn texts_of_a_route_are_checked() {
    assert!(
        only(|draft| draft.routes[0].title.clear()).ends_with("has the title \"\"; say what one record is")
    );
    let not_json = only(|draft| draft.routes[0].schema = "{".to_owned());
    assert!(not_json.starts_with("the schema of route \"/v1/payments\" is not JSON: "), "{not_json}");
    assert!(only(|draft| draft.routes[0].schema = "3".to_owned()).ends_with("neither object nor boolean"));
    assert_eq!(problems(|draft| draft.routes[0].schema.clear()), Vec::<String>::new());
    let id = only(|draft| draft.routes[0].id_field = "record_id".to_owned());
    assert!(id.ends_with("a name that answers use for themselves; take another"), "{id}");
    let input = only(|draft| draft.routes[0].input = Input::Lines(vec!["text/CSV".to_owned()]));
    assert!(input.ends_with("give it as type/subtype, lower case"), "{input}");
    let none = only(|draft| draft.routes[0].input = Input::Whole(vec![]));
    assert_eq!(none, "route \"/v1/payments\" takes no content type; name at least one");
}

#[test]
fn examples_fit_their_route() {
    let with = |example: Example| only(|draft| draft.routes[0].examples = vec![example]);
    let twice = only(|draft| draft.routes[0].examples = vec![example("a"), example("a")]);
    assert!(twice.ends_with("the name is there twice; name each differently"), "{twice}");
    let bytes = with(Example { body: ExampleBody::Bytes(vec![1]), ..example("a") });
    assert!(bytes.ends_with("its body is bytes, and the route takes text"), "{bytes}");
    let parameter = with(Example { parameters: vec![("id".to_owned(), "1".to_owned())], ..example("a") });
    assert!(parameter.ends_with("the path has no parameter \"id\""), "{parameter}");
    let header = with(Example { headers: vec![("x-other".to_owned(), "1".to_owned())], ..example("a") });
    assert!(header.ends_with("header \"x-other\" is not among the plugin's request headers"), "{header}");
    let setting = with(Example { settings: vec![("mode".to_owned(), "1".to_owned())], ..example("a") });
    assert!(setting.ends_with("the plugin has no setting \"mode\""), "{setting}");
    let reject = with(Example { expect: Expectation::Reject(vec![]), ..example("a") });
    assert!(reject.ends_with("it expects to be rejected without a code; name the codes"), "{reject}");
}

#[test]
fn instruments_follow_opentelemetry() {
    let twice = only(|draft| {
        draft.instruments.push(Instrument { name: "Payments.Amount".to_owned(), ..instrument() });
    });
    assert_eq!(twice, "instrument 'Payments.Amount' is there twice, whatever its case; declare it once");
    let unit = only(|draft| draft.instruments[0].unit = "a unit".to_owned());
    assert!(unit.ends_with("give a UCUM unit, e.g. ms or {record}"), "{unit}");
    let attribute = only(|draft| draft.instruments[0].attributes.push("9".to_owned()));
    assert!(attribute.starts_with("attribute \"9\" of instrument 'payments.amount'"), "{attribute}");
    for bad in [vec![2.0, 1.0], vec![1.0, 1.0], vec![f64::NAN], vec![1.0, f64::INFINITY]] {
        let boundaries = only(|draft| draft.instruments[0].kind = InstrumentKind::Histogram(bad));
        assert!(boundaries.contains("are not finite and ascending: ["), "{boundaries}");
    }
}

#[test]
fn settings_are_resolved_and_mistakes_in_them_named() {
    let mut operator = operator();
    operator.settings = [("regoin".to_owned(), "eu".to_owned())].into();
    let problems = check(draft(), &operator).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "setting 'region' has no default and is not given; set it in [plugin.payments.settings]; \
         [plugin.payments.settings] gives 'regoin', which is no setting of it; it has limit, region"
    );
}

#[test]
fn a_mapping_of_topics_that_are_not_there_is_refused() {
    let topics =
        [("payment".to_owned(), "x".to_owned()), ("refunds".to_owned(), "no good".to_owned())].into();
    let problems = check(draft(), &PluginConfig { topics, ..operator() }).unwrap_err();
    assert_eq!(
        problems.0,
        [
            "[plugin.payments.topics] names 'payment', which is no topic of it; it has payments, refunds",
            "[plugin.payments.topics] maps 'refunds' to \"no good\": use letters, digits, '.', '_' and '-', at most \
             237, and neither '.' nor '..'",
        ]
    );
}

#[test]
fn headers_are_names_in_lower_case() {
    let header = |name: &str| only(|draft| draft.request_headers = vec![name.to_owned()]);
    for bad in ["X-Tenant", "", "a b", "ä", ":path"] {
        assert_eq!(header(bad), format!("request header {bad:?}: give a header's name in lower case"));
    }
    let twice = only(|draft| draft.request_headers.push("x-tenant".to_owned()));
    assert_eq!(twice, "request header 'x-tenant' is named twice; name it once");
}
