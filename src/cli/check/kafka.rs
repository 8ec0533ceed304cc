//! What `check` says of Kafka.

use crate::sink::{Survey, TopicState};
use serde_json::{Value, json};

pub(super) fn lines(survey: &Survey, lines: &mut Vec<String>) {
    let brokers = &survey.brokers;
    let wrong = survey.wrong().count() + usize::from(survey.trouble.is_some());
    let judgement = if wrong == 0 { "well".to_owned() } else { format!("{wrong} wrong") };
    let there = survey.topics.iter().filter(|topic| topic.state == TopicState::There).count();
    lines.push(format!("kafka: {judgement}, {there} topics found at {brokers}"));
    lines.extend(survey.trouble.iter().map(|sentence| format!("  {sentence}")));
    lines.extend(survey.topics.iter().filter_map(|topic| Some(format!("  {}", sentence(&topic.state)?))));
}

pub(super) fn as_json(survey: &Survey) -> Value {
    let topics: Vec<Value> = survey
        .topics
        .iter()
        .map(|topic| {
            let state = match &topic.state {
                TopicState::There => "there",
                TopicState::ToBeMade(_) => "to_be_made",
                TopicState::Wrong(_) => "wrong",
            };
            json!({ "topic": &*topic.topic, "state": state, "message": sentence(&topic.state) })
        })
        .collect();
    json!({ "brokers": survey.brokers, "trouble": survey.trouble, "topics": topics })
}

fn sentence(state: &TopicState) -> Option<&String> {
    match state {
        TopicState::There => None,
        TopicState::ToBeMade(sentence) | TopicState::Wrong(sentence) => Some(sentence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::SurveyedTopic;

    fn survey(trouble: Option<&str>, topics: &[(&str, TopicState)]) -> Survey {
        let surveyed = |(topic, state): &(&str, TopicState)| SurveyedTopic {
            topic: (*topic).into(),
            state: state.clone(),
        };
        Survey {
            brokers: "kafka:9092".to_owned(),
            trouble: trouble.map(str::to_owned),
            topics: topics.iter().map(surveyed).collect(),
        }
    }

    #[test]
    fn each_topic_that_is_not_there_is_told() {
        let made = TopicState::ToBeMade("b is made".to_owned());
        let wrong = TopicState::Wrong("c is missing".to_owned());
        let survey = survey(None, &[("a", TopicState::There), ("b", made), ("c", wrong)]);
        assert!(!survey.is_sound());
        let mut told = Vec::new();
        lines(&survey, &mut told);
        assert_eq!(told, ["kafka: 1 wrong, 1 topics found at kafka:9092", "  b is made", "  c is missing"]);
        let json = as_json(&survey);
        assert_eq!(json["topics"][0], json!({ "topic": "a", "state": "there", "message": null }));
        assert_eq!(json["topics"][1]["state"], "to_be_made");
        assert_eq!(json["topics"][2]["message"], "c is missing");
    }

    #[test]
    fn a_topic_that_is_to_be_made_is_no_fault_and_a_broker_that_is_silent_is_one() {
        let made = TopicState::ToBeMade("b is made".to_owned());
        assert!(survey(None, &[("a", TopicState::There), ("b", made)]).is_sound());
        let silent = survey(Some("nobody answers"), &[]);
        assert!(!silent.is_sound());
        let mut told = Vec::new();
        lines(&silent, &mut told);
        assert_eq!(told, ["kafka: 1 wrong, 0 topics found at kafka:9092", "  nobody answers"]);
    }
}
