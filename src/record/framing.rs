/// What a route takes, as its plugin declared it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// JSON: a record, an array of them, or a record a line.
    Json,
    /// Text of these content types, a record a line.
    Lines(Vec<String>),
    /// The whole body is one record, of these content types.
    Whole(Vec<String>),
}

/// How the bytes of a body are cut into records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// One JSON record, or an array of them.
    Json,
    /// A JSON record a line.
    NdJson,
    /// One CloudEvent as JSON.
    Event,
    /// A JSON array of CloudEvents.
    Events,
    /// A text record a line.
    Lines,
    /// One text record.
    WholeText,
    /// One record that is no text.
    WholeBytes,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this route does not take {}; send Content-Type: {}", given_or_nothing(.given), .wanted.join(" or "))]
pub struct UnsupportedType {
    /// Lower-case, without parameters; empty where the request named none.
    pub given: String,
    pub wanted: Vec<String>,
}

/// A request in the CloudEvents binding's binary mode whose body is cut into several records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a CloudEvent with headers ce-… is one record, and here {} holds several; send its data as application/json to a \
     route that takes JSON, several events as application/cloudevents-batch+json, or leave these headers out",
    given_or_nothing(.given)
)]
pub struct SeveralRecords {
    /// As in `UnsupportedType`.
    pub given: String,
}

fn given_or_nothing(given: &str) -> String {
    if given.is_empty() { "a body without a content type".into() } else { format!("'{given}'") }
}

impl Framing {
    /// The framing of a body of this content type on a route with this input.
    ///
    /// No content type means JSON where the route takes JSON, and the route's only type where it names one.
    pub fn of(content_type: Option<&str>, input: &Input) -> Result<Framing, UnsupportedType> {
        let essence = essence(content_type.unwrap_or_default());
        match input {
            Input::Json => json_framing(&essence).ok_or_else(|| {
                let wanted = if essence.starts_with("application/cloudevents") {
                    vec![EVENT.into(), EVENTS.into()]
                } else {
                    vec!["application/json".into(), "application/x-ndjson".into()]
                };
                UnsupportedType { given: essence, wanted }
            }),
            Input::Lines(types) => named(&essence, types).map(|_| Framing::Lines),
            Input::Whole(types) => named(&essence, types)
                .map(|kind| if is_text(kind) { Framing::WholeText } else { Framing::WholeBytes }),
        }
    }
}

impl Framing {
    /// Whether the events of the request are in its body, so that headers `ce-*` only repeat what they say.
    pub fn is_structured(self) -> bool {
        matches!(self, Framing::Event | Framing::Events)
    }

    /// The framing of a request in binary mode: its body is the data of one event, also if that is an array.
    pub fn of_event(self, content_type: Option<&str>) -> Result<Framing, SeveralRecords> {
        match self {
            Framing::Json | Framing::WholeText => Ok(Framing::WholeText),
            Framing::WholeBytes | Framing::Event | Framing::Events => Ok(self),
            Framing::NdJson | Framing::Lines => {
                Err(SeveralRecords { given: essence(content_type.unwrap_or_default()) })
            }
        }
    }
}

const EVENT: &str = "application/cloudevents+json";
const EVENTS: &str = "application/cloudevents-batch+json";

/// The type without its parameters, in lower case.
fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn json_framing(essence: &str) -> Option<Framing> {
    match essence {
        "" | "application/json" | "text/json" => Some(Framing::Json),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => {
            Some(Framing::NdJson)
        }
        EVENT => Some(Framing::Event),
        EVENTS => Some(Framing::Events),
        // An event in a format that is not read.
        other if other.starts_with("application/cloudevents") => None,
        other if other.starts_with("application/") && other.ends_with("+json") => Some(Framing::Json),
        _ => None,
    }
}

fn named<'t>(essence: &str, types: &'t [String]) -> Result<&'t str, UnsupportedType> {
    let only = (essence.is_empty() && types.len() == 1).then(|| &types[0]);
    only.or_else(|| types.iter().find(|kind| kind.eq_ignore_ascii_case(essence)))
        .map(String::as_str)
        .ok_or_else(|| UnsupportedType { given: essence.to_owned(), wanted: types.to_vec() })
}

fn is_text(essence: &str) -> bool {
    essence.starts_with("text/")
        || essence.ends_with("/json")
        || essence.ends_with("/xml")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(content_type: Option<&str>) -> Result<Framing, String> {
        Framing::of(content_type, &Input::Json).map_err(|error| error.to_string())
    }

    #[test]
    fn no_content_type_means_json() {
        assert_eq!(json(None), Ok(Framing::Json));
        assert_eq!(json(Some("Application/JSON; charset=utf-8")), Ok(Framing::Json));
        assert_eq!(json(Some("application/vnd.bank+json")), Ok(Framing::Json));
        assert_eq!(json(Some("application/x-ndjson")), Ok(Framing::NdJson));
    }

    #[test]
    fn a_form_is_told_the_header_to_set() {
        assert_eq!(
            json(Some("application/x-www-form-urlencoded")).unwrap_err(),
            "this route does not take 'application/x-www-form-urlencoded'; \
             send Content-Type: application/json or application/x-ndjson"
        );
    }

    #[test]
    fn events_are_told_apart_by_their_content_type() {
        assert_eq!(json(Some("application/cloudevents+json; charset=UTF-8")), Ok(Framing::Event));
        assert_eq!(json(Some("application/cloudevents-batch+json")), Ok(Framing::Events));
        assert_eq!(
            json(Some("application/cloudevents+avro")).unwrap_err(),
            "this route does not take 'application/cloudevents+avro'; \
             send Content-Type: application/cloudevents+json or application/cloudevents-batch+json"
        );
    }

    #[test]
    fn an_event_in_headers_is_one_record() {
        assert_eq!(Framing::Json.of_event(None), Ok(Framing::WholeText));
        assert_eq!(Framing::WholeBytes.of_event(Some("image/png")), Ok(Framing::WholeBytes));
        assert_eq!(
            Framing::Lines.of_event(Some("text/csv; header=absent")).unwrap_err().to_string(),
            "a CloudEvent with headers ce-… is one record, and here 'text/csv' holds several; send its data as \
             application/json to a route that takes JSON, several events as application/cloudevents-batch+json, or leave \
             these headers out"
        );
        assert!(Framing::NdJson.of_event(Some("application/x-ndjson")).is_err());
    }

    #[test]
    fn a_route_of_named_types_takes_only_those() {
        let csv = Input::Lines(vec!["text/csv".into()]);
        assert_eq!(Framing::of(Some("text/csv; header=absent"), &csv), Ok(Framing::Lines));
        assert_eq!(Framing::of(None, &csv), Ok(Framing::Lines));
        assert!(Framing::of(Some("application/json"), &csv).is_err());
        let whole = Input::Whole(vec!["application/x-protobuf".into(), "text/xml".into()]);
        assert_eq!(Framing::of(Some("application/x-protobuf"), &whole), Ok(Framing::WholeBytes));
        assert_eq!(Framing::of(Some("text/xml"), &whole), Ok(Framing::WholeText));
        assert_eq!(
            Framing::of(None, &whole).unwrap_err().to_string(),
            "this route does not take a body without a content type; \
             send Content-Type: application/x-protobuf or text/xml"
        );
    }
}
