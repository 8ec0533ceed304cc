//! What is told of records that have to be sent again.

use super::*;

#[test]
fn how_long_a_plugin_stays_uncalled_is_told_in_whole_seconds_rounded_up() {
    for (pauses, least) in [(&[1_001][..], 2), (&[1, 40_000, 3_000], 40), (&[0], 1)] {
        let outcomes = pauses.iter().map(|&pause_ms| Outcome::Failed(Failure::BreakerOpen { pause_ms }));
        let records: Vec<_> = outcomes.map(|outcome| (ID, outcome)).collect();
        let shape = if records.len() == 1 { Shape::Single } else { Shape::Batch };
        let (answer, _) = receipt(
            &Receipt { shape, records, held: Held::default() },
            &route(),
            show(Results::All),
            &asked(),
        );
        let told: u64 = answer.headers[RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!((least..least + 3).contains(&told), "{pauses:?}: {told}");
    }
}

#[test]
fn a_record_that_the_gateway_itself_broke_on_is_500_and_not_to_be_sent_again_soon() {
    let records = vec![(ID, Outcome::Failed(Failure::JudgingPanicked))];
    let (answer, _) = receipt(
        &Receipt { shape: Shape::Single, records, held: Held::default() },
        &route(),
        show(Results::All),
        &asked(),
    );
    assert!(!answer.headers.contains_key(RETRY_AFTER));
    let (status, _, body) = read(answer);
    assert_eq!((status, &body["reason"]), (500, &json!("judging_panicked")));
    assert_eq!(
        body["detail"],
        "the record was not taken: judging panicked, which is a mistake of the gateway's own; its log says where"
    );
    let batch = vec![Outcome::Failed(Failure::JudgingPanicked), Outcome::Discarded];
    let (status, _, body) = told(Shape::Batch, Results::All, batch);
    assert_eq!((status, &body["results"][0]["reason"]), (503, &json!("judging_panicked")));
}

#[test]
fn a_record_that_there_was_no_room_to_judge_is_told_what_to_do() {
    let detail = |failure| single(Outcome::Failed(failure)).2["detail"].as_str().unwrap().to_owned();
    assert_eq!(
        detail(Failure::OutputBudgetSpent { bytes_max: 64 << 20 }),
        "the record was not taken: judged no further: the plugin returned more than 67108864 bytes for this request \
         (request_output_bytes_max); send fewer records a request; send it again after the time in Retry-After"
    );
    assert_eq!(
        detail(Failure::OutputsFull),
        "the record was not taken: what plugins returned for all requests at work fills \
         plugins.output_budget_bytes; send fewer requests at a time, or raise it; send it again after the time in \
         Retry-After"
    );
    assert_eq!(
        detail(Failure::InstancesExhausted),
        "the record was not taken: no instance of the plugin was free: either its instances_max are all at work, or \
         all plugins together use plugins.memory_budget_bytes; send fewer requests at a time, or raise what is \
         reached; send it again after the time in Retry-After"
    );
}
