use super::*;
use crate::http::answer::{Results, Show};
use crate::http::body::Lease;
use crate::http::ingest::{Hold, told};
use crate::pipeline::Receipt;
use crate::plugin::{Held, Route, RoutePolicy};
use crate::record::{Input, RecordId, Shape};
use crate::verdict::{Outcome, Violation};

const BUDGET_BYTES: usize = 100_000;

fn bodies() -> Bodies {
    Bodies::new(body::Limits {
        bytes_max: 1,
        inflated_bytes_max: 1,
        timeout: Duration::from_secs(1),
        budget_bytes: BUDGET_BYTES,
    })
}

fn asked() -> Asked {
    Asked::of(&Request::post("/").body(()).unwrap())
}

fn route() -> Route {
    Route {
        path: "/claims/".into(),
        input: Input::Json,
        title: "Insurance claim".into(),
        id_field: None,
        topics: vec![],
        dead_letters: "".into(),
        summary: String::new(),
        schema: String::new(),
        examples: vec![],
        policy: RoutePolicy::default(),
    }
}

const SHOW: Show = Show { results: Results::All, violations_max: 10_000 };

/// Of records that are all wrong, in so many ways each.
fn receipt(records: usize, violations: usize) -> Receipt {
    let violation = Violation {
        pointer: "/amount".into(),
        code: "missing".into(),
        message: "It is missing.".into(),
        parameters: vec![],
    };
    let id = RecordId { ulid: 1, part: None };
    let outcome = Outcome::Rejected(vec![violation; violations].into());
    Receipt { shape: Shape::Batch, records: vec![(id, outcome); records], held: Held::default() }
}

fn room_for(bodies: &Bodies, bytes: usize) -> bool {
    bodies.lease().grow(bytes).is_ok()
}

fn hold(admission: &Admission, lease: Lease) -> Hold {
    Hold { permit: admission.try_enter().unwrap(), lease }
}

#[test]
fn an_answer_holds_its_bytes_to_its_end_and_its_place_until_it_is_built() {
    let (bodies, admission) = (bodies(), Admission::new(1));
    let hold = hold(&admission, bodies.lease());
    assert!(admission.try_enter().is_err());
    let (answer, counts) = told(receipt(10, 10), hold, &route(), SHOW, &asked(), None);
    assert_eq!(counts.rejected, 10);
    assert!(admission.try_enter().is_ok());
    let bytes = answer.len();
    assert!(room_for(&bodies, BUDGET_BYTES - bytes));
    assert!(!room_for(&bodies, BUDGET_BYTES - bytes + 1));
    drop(answer);
    assert!(room_for(&bodies, BUDGET_BYTES));
}

#[test]
fn findings_that_were_held_make_room_for_their_answer_and_leave_nothing_held() {
    let (bodies, admission) = (bodies(), Admission::new(1));
    let mut lease = bodies.lease();
    lease.hold(2 * BUDGET_BYTES); // found, and more than there is room for
    assert!(!room_for(&bodies, 1));
    let (answer, _) = told(receipt(10, 10), hold(&admission, lease), &route(), SHOW, &asked(), None);
    assert!(room_for(&bodies, BUDGET_BYTES - answer.len()));
}

#[test]
fn an_answer_there_is_no_room_for_goes_without_its_results() {
    let (bodies, admission) = (bodies(), Admission::new(1));
    let mut other = bodies.lease();
    other.grow(BUDGET_BYTES).unwrap();
    let (answer, counts) =
        told(receipt(10, 10), hold(&admission, bodies.lease()), &route(), SHOW, &asked(), None);
    assert!(answer.len() < 600, "{}", answer.len());
    assert_eq!((answer.status, counts.rejected), (StatusCode::UNPROCESSABLE_ENTITY, 10));
    drop(other);
    assert!(!room_for(&bodies, BUDGET_BYTES));
}
