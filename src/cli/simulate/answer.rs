//! What the gateway said to each record of a request, and whether that was right.

use super::traffic::{Expected, RecordType, Sample};
use serde_json::Value;

/// What became of a record, as the gateway told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Accepted,
    Rejected,
    /// Durable among the dead letters: the plugin faulted.
    Quarantined,
    /// To be sent again.
    Failed,
}

/// Why it makes no sense to go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Hopeless {
    #[error("no plugin serves {0} there; put the sample plugins into the gateway's plugin directory")]
    NoRoute(&'static str),
    #[error(
        "a request of {records} records is more than the gateway takes ({detail}); lower --batch, or raise http.records_max or http.body_bytes_max of the gateway"
    )]
    TooLarge { records: usize, detail: String },
    #[error("the gateway does not take this request ({0}); is it of the same version as this command?")]
    Refused(String),
}

/// The gateway's answer to a request: its status and its JSON.
pub(in crate::cli) struct Answer {
    pub status: u16,
    /// How long to leave the gateway alone, if it said so.
    pub retry_after_s: Option<u64>,
    pub body: Value,
}

impl Answer {
    /// What was said to each record, and a sentence for each that should have been said something else.
    pub(super) fn judge(
        &self,
        record_type: RecordType,
        samples: &[Sample],
        batch: bool,
    ) -> Result<Vec<Judged>, Hopeless> {
        let said = self.said(record_type, samples.len(), batch)?;
        let judged = samples
            .iter()
            .zip(said)
            .map(|(sample, said)| Judged { said, mistake: self.mistake(record_type, sample, said, batch) });
        Ok(judged.collect())
    }

    fn said(&self, record_type: RecordType, count: usize, batch: bool) -> Result<Vec<Said>, Hopeless> {
        match self.status {
            200 | 202 | 207 | 422 | 503 => {}
            404 => return Err(Hopeless::NoRoute(record_type.route())),
            413 => {
                let detail = self.body["detail"].as_str().unwrap_or("413").to_owned();
                return Err(Hopeless::TooLarge { records: count, detail });
            }
            500 | 408 | 429 => return Ok(vec![Said::Failed; count]),
            status => return Err(Hopeless::Refused(format!("{status}: {}", self.body))),
        }
        if !batch {
            let single = match (self.status, self.body["status"].as_str()) {
                (422, _) => Said::Rejected,
                (200 | 202, Some(word)) => of_word(word),
                _ => Said::Failed,
            };
            return Ok(vec![single]);
        }
        // A request that was turned away before it was judged has no results: all of it is to be sent again.
        let Some(results) = self.body["results"].as_array() else { return Ok(vec![Said::Failed; count]) };
        let mut said = vec![Said::Failed; count];
        for (position, result) in results.iter().enumerate() {
            let index = result["index"].as_u64().map_or(position, |index| index as usize);
            if let (Some(slot), Some(word)) = (said.get_mut(index), result["status"].as_str()) {
                *slot = of_word(word);
            }
        }
        Ok(said)
    }

    fn mistake(&self, record_type: RecordType, sample: &Sample, said: Said, batch: bool) -> Option<String> {
        match (&sample.expected, said) {
            (_, Said::Failed) => None,
            (Expected::Accepted(id), Said::Accepted) => {
                let given = &self.body[record_type.id_field()];
                (!batch && given.as_str() != Some(id)).then(|| format!("accepted {id} and gave back {given}"))
            }
            (Expected::Rejected(_), Said::Rejected) => None,
            (Expected::Accepted(_), _) => {
                Some(format!("did not accept a good record: {}: {}", sample.body, self.violations()))
            }
            (Expected::Rejected(reason), _) => Some(format!("did not reject {reason}: {}", sample.body)),
        }
    }

    fn violations(&self) -> String {
        match &self.body["violations"] {
            Value::Null => self.body["status"].to_string(),
            violations => violations.to_string(),
        }
    }
}

fn of_word(word: &str) -> Said {
    match word {
        "committed" | "stored" | "discarded" => Said::Accepted,
        "rejected" => Said::Rejected,
        "quarantined" => Said::Quarantined,
        _ => Said::Failed,
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judged {
    pub said: Said,
    /// What the gateway should have said otherwise.
    pub mistake: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TYPE: RecordType = RecordType::FinancialTransaction;

    fn good(id: &str) -> Sample {
        Sample { body: "{}".into(), expected: Expected::Accepted(id.into()) }
    }

    fn bad() -> Sample {
        Sample { body: "{}".into(), expected: Expected::Rejected("a missing field") }
    }

    fn judge(status: u16, body: Value, samples: &[Sample], batch: bool) -> Vec<(Said, Option<String>)> {
        let judged = Answer { status, retry_after_s: None, body }.judge(TYPE, samples, batch).unwrap();
        judged.into_iter().map(|judged| (judged.said, judged.mistake)).collect()
    }

    #[test]
    fn a_single_record_is_as_its_answer_says() {
        let accepted = json!({"status": "committed", "transaction_id": "FT-1"});
        assert_eq!(judge(200, accepted.clone(), &[good("FT-1")], false), [(Said::Accepted, None)]);
        let mistake = "accepted FT-2 and gave back \"FT-1\"".to_owned();
        assert_eq!(judge(200, accepted.clone(), &[good("FT-2")], false), [(Said::Accepted, Some(mistake))]);
        let mistake = "did not reject a missing field: {}".to_owned();
        assert_eq!(judge(200, accepted, &[bad()], false), [(Said::Accepted, Some(mistake))]);
        let rejected = json!({"violations": [{"code": "missing"}]});
        assert_eq!(judge(422, rejected.clone(), &[bad()], false), [(Said::Rejected, None)]);
        let mistake = r#"did not accept a good record: {}: [{"code":"missing"}]"#.to_owned();
        assert_eq!(judge(422, rejected, &[good("FT-1")], false), [(Said::Rejected, Some(mistake))]);
        assert_eq!(judge(503, json!({"status": 503}), &[bad()], false), [(Said::Failed, None)]);
        let quarantined = judge(202, json!({"status": "quarantined"}), &[bad()], false);
        assert_eq!(quarantined[0].0, Said::Quarantined);
        assert!(quarantined[0].1.is_some());
    }

    #[test]
    fn each_record_of_a_batch_is_as_its_result_says() {
        let results = json!({"results": [
            {"index": 0, "status": "committed"}, {"index": 1, "status": "rejected"}, {"index": 2, "status": "failed"},
        ]});
        let samples = [good("FT-1"), bad(), good("FT-3"), good("FT-4")];
        assert_eq!(
            judge(503, results, &samples, true),
            [(Said::Accepted, None), (Said::Rejected, None), (Said::Failed, None), (Said::Failed, None)]
        );
        assert_eq!(judge(503, json!({"title": "overloaded"}), &[bad()], true), [(Said::Failed, None)]);
    }

    #[test]
    fn an_answer_that_repeats_for_ever_ends_the_run() {
        let judge = |status| {
            Answer { status, retry_after_s: None, body: json!({}) }
                .judge(TYPE, &[bad()], false)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            judge(404),
            "no plugin serves /ingest-financial-transaction/ there; put the sample plugins into the gateway's \
             plugin directory"
        );
        let large = json!({"detail": "a request may hold 50000 records"});
        let error =
            Answer { status: 413, retry_after_s: None, body: large }.judge(TYPE, &[bad()], true).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a request of 1 records is more than the gateway takes (a request may hold 50000 records); lower --batch, \
             or raise http.records_max or http.body_bytes_max of the gateway"
        );
        assert_eq!(
            judge(415),
            "the gateway does not take this request (415: {}); is it of the same version as this command?"
        );
    }
}
