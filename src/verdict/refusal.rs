//! What a producer is told of a record that no plugin sees.

use super::{Rejection, Violation};
use crate::record::{EventFault, Refusal};

const RECORD_TOO_LARGE: &str = "record_too_large";
const JSON_INVALID: &str = "json_invalid";
const CLOUDEVENT_INVALID: &str = "cloudevent_invalid";

pub(super) const CODES: [&str; 3] = [RECORD_TOO_LARGE, JSON_INVALID, CLOUDEVENT_INVALID];

impl From<&Refusal> for Rejection {
    fn from(refusal: &Refusal) -> Rejection {
        let (code, message, parameters) = match refusal {
            Refusal::TooLarge { bytes, max } => (
                RECORD_TOO_LARGE,
                format!("The record has {bytes} bytes; at most {max} are taken."),
                vec![("bytes".to_owned(), bytes.to_string()), ("max".to_owned(), max.to_string())],
            ),
            Refusal::NotUtf8 { offset } => (
                JSON_INVALID,
                format!("The record is not UTF-8: byte {offset} begins no character."),
                vec![("offset".to_owned(), offset.to_string())],
            ),
            Refusal::NotJson { offset } => (
                JSON_INVALID,
                format!("The event is not JSON: nothing can be made of what begins at byte {offset}."),
                vec![("offset".to_owned(), offset.to_string())],
            ),
            Refusal::Event(faults) => {
                let violations: Vec<Violation> = faults.faults.iter().map(event_fault).collect();
                return Rejection::restored(violations, faults.omitted);
            }
        };
        let pointer = String::new();
        Rejection::from(vec![Violation { pointer, code: code.to_owned(), message, parameters }])
    }
}

/// The pointer leads into the event, not into its data.
fn event_fault(fault: &EventFault) -> Violation {
    let EventFault { member, message } = fault;
    let pointer = if member.is_empty() {
        String::new()
    } else {
        format!("/{}", member.replace('~', "~0").replace('/', "~1"))
    };
    Violation { pointer, code: CLOUDEVENT_INVALID.to_owned(), message: message.clone(), parameters: vec![] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::EventFaults;

    #[test]
    fn what_is_wrong_with_an_event_is_told_by_pointers_into_it() {
        let fault = |member: &str| EventFault { member: member.to_owned(), message: "Is wrong.".to_owned() };
        let faults = EventFaults { faults: vec![fault("source"), fault("a/b~c"), fault("")], omitted: 2 };
        let rejection = Rejection::from(&Refusal::Event(faults));
        let pointers: Vec<&str> = rejection.iter().map(|violation| &*violation.pointer).collect();
        assert_eq!(pointers, ["/source", "/a~1b~0c", ""]);
        assert!(rejection.iter().all(|violation| violation.code == "cloudevent_invalid"));
        assert_eq!(rejection.omitted(), 2);
    }

    #[test]
    fn an_event_that_is_no_json_says_from_where_on() {
        let rejection = Rejection::from(&Refusal::NotJson { offset: 7 });
        assert_eq!(
            (rejection[0].code.as_str(), rejection[0].message.as_str()),
            ("json_invalid", "The event is not JSON: nothing can be made of what begins at byte 7.")
        );
    }
}
