//! What came of a run.

use super::answer::{Judged, Said};
use super::traffic::RecordType;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::fmt::{self, Write};
use std::time::Duration;

/// Sentences about wrong answers that are kept; all are counted.
const MISTAKES_KEPT_MAX: usize = 10;

/// An hour in microseconds: nothing waits longer than a request's time-out.
const LATENCY_US_MAX: u64 = 3_600_000_000;

/// The shares of requests whose latency is told, in per cent.
const PERCENTILES: [(&str, f64); 4] = [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9)];

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    accepted: u64,
    rejected: u64,
    quarantined: u64,
    failed: u64,
}

impl Counts {
    fn sent(&self) -> u64 {
        self.accepted + self.rejected + self.quarantined + self.failed
    }
}

#[derive(Debug)]
pub(super) struct Tally {
    counts: [Counts; RecordType::ALL.len()],
    latency_us: Histogram<u64>,
    mistakes: u64,
    kept: Vec<String>,
}

impl Tally {
    pub fn new() -> Tally {
        let latency_us = Histogram::new_with_max(LATENCY_US_MAX, 3);
        let latency_us = latency_us.unwrap_or_else(|error| unreachable!("the bounds are right: {error}"));
        Tally { counts: Default::default(), latency_us, mistakes: 0, kept: Vec::new() }
    }

    pub fn add(&mut self, record_type: RecordType, judged: Vec<Judged>, latency: Duration) {
        self.latency_us.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(LATENCY_US_MAX));
        let counts = &mut self.counts[record_type as usize];
        for Judged { said, mistake } in judged {
            match said {
                Said::Accepted => counts.accepted += 1,
                Said::Rejected => counts.rejected += 1,
                Said::Quarantined => counts.quarantined += 1,
                Said::Failed => counts.failed += 1,
            }
            if let Some(mistake) = mistake {
                self.mistakes += 1;
                if self.kept.len() < MISTAKES_KEPT_MAX {
                    self.kept.push(mistake);
                }
            }
        }
    }

    pub fn merge(&mut self, other: Tally) {
        for (ours, theirs) in self.counts.iter_mut().zip(other.counts) {
            ours.accepted += theirs.accepted;
            ours.rejected += theirs.rejected;
            ours.quarantined += theirs.quarantined;
            ours.failed += theirs.failed;
        }
        // Both have the same bounds.
        let _ = self.latency_us.add(other.latency_us);
        self.mistakes += other.mistakes;
        let room = MISTAKES_KEPT_MAX.saturating_sub(self.kept.len());
        self.kept.extend(other.kept.into_iter().take(room));
    }

    fn total(&self, count: impl Fn(&Counts) -> u64) -> u64 {
        self.counts.iter().map(count).sum()
    }
}

/// A run that has ended.
pub(super) struct Outcome {
    pub tally: Tally,
    pub took: Duration,
    pub connections: usize,
    pub batch: u64,
    pub seed: u64,
    /// Why it ended before all was sent.
    pub hopeless: Option<String>,
}

impl Outcome {
    /// Every answer was the right one, and nothing has to be sent again.
    pub fn is_well(&self) -> bool {
        let Tally { mistakes, .. } = self.tally;
        mistakes == 0 && self.tally.total(|counts| counts.failed) == 0 && self.hopeless.is_none()
    }

    fn rate(&self) -> f64 {
        self.tally.total(Counts::sent) as f64 / self.took.as_secs_f64().max(1e-9)
    }

    pub fn as_json(&self) -> Value {
        let of = |counts: &Counts| {
            json!({
                "sent": counts.sent(),
                "accepted": counts.accepted,
                "rejected": counts.rejected,
                "quarantined": counts.quarantined,
                "failed": counts.failed,
            })
        };
        let types =
            RecordType::ALL.map(|each| (each.name().to_owned(), of(&self.tally.counts[each as usize])));
        let latency = &self.tally.latency_us;
        let percentiles =
            PERCENTILES.map(|(name, share)| (name.to_owned(), latency.value_at_percentile(share).into()));
        let percentiles = percentiles.into_iter().chain([("max".to_owned(), latency.max().into())]);
        json!({
            "well": self.is_well(),
            "records": Value::Object(types.into_iter().collect()),
            "seconds": self.took.as_secs_f64(),
            "records_per_second": self.rate(),
            "requests": latency.len(),
            "latency_us": Value::Object(percentiles.collect()),
            "mistakes": self.tally.mistakes,
            "first_mistakes": self.tally.kept,
            "ended_early": self.hopeless,
            "seed": self.seed,
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = ["sent", "accepted", "rejected", "quarantined", "failed"];
        writeln!(f, "{:<22}{}", "", columns.map(|name| format!("{name:>12}")).concat())?;
        for each in RecordType::ALL {
            let Counts { accepted, rejected, quarantined, failed } = self.tally.counts[each as usize];
            let counts = [self.tally.counts[each as usize].sent(), accepted, rejected, quarantined, failed];
            writeln!(
                f,
                "{:<22}{}",
                each.name(),
                counts.map(|count| format!("{:>12}", grouped(count))).concat()
            )?;
        }
        let latency = &self.tally.latency_us;
        writeln!(
            f,
            "{} records in {} requests in {:.2} s: {} a second, {} connections, {} to a request, seed {}",
            grouped(self.tally.total(Counts::sent)),
            grouped(latency.len()),
            self.took.as_secs_f64(),
            grouped(self.rate() as u64),
            self.connections,
            self.batch,
            self.seed,
        )?;
        write!(f, "latency of a request in ms:")?;
        for (name, share) in PERCENTILES {
            write!(f, "  {name} {}", milliseconds(latency.value_at_percentile(share)))?;
        }
        writeln!(f, "  max {}", milliseconds(latency.max()))?;
        self.write_judgement(f)
    }
}

impl Outcome {
    fn write_judgement(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(hopeless) = &self.hopeless {
            writeln!(f, "ended early: {hopeless}")?;
        }
        for mistake in &self.tally.kept {
            writeln!(f, "the gateway {mistake}")?;
        }
        let failed = self.tally.total(|counts| counts.failed);
        match (self.tally.mistakes, failed) {
            (0, 0) => write!(f, "every answer was as expected"),
            (0, failed) => write!(f, "{} records failed and would have to be sent again", grouped(failed)),
            (mistakes, _) => write!(f, "{} answers were not as expected", grouped(mistakes)),
        }
    }
}

fn milliseconds(microseconds: u64) -> String {
    format!("{:.2}", microseconds as f64 / 1e3)
}

/// With commas between the thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        let separator = if index > 0 && (digits.len() - index).is_multiple_of(3) { "," } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(text, "{separator}{digit}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(judged: Vec<Judged>) -> Outcome {
        let mut tally = Tally::new();
        tally.add(RecordType::InsuranceClaim, judged, Duration::from_millis(2));
        let mut all = Tally::new();
        all.merge(tally);
        Outcome {
            tally: all,
            took: Duration::from_secs(2),
            connections: 4,
            batch: 2,
            seed: 9,
            hopeless: None,
        }
    }

    fn judged(said: Said, mistake: Option<&str>) -> Judged {
        Judged { said, mistake: mistake.map(str::to_owned) }
    }

    #[test]
    fn a_run_without_mistakes_is_well() {
        let outcome = outcome(vec![judged(Said::Accepted, None), judged(Said::Rejected, None)]);
        assert!(outcome.is_well());
        assert_eq!(
            outcome.to_string(),
            "                              sent    accepted    rejected quarantined      failed\n\
             financial-transaction            0           0           0           0           0\n\
             insurance-claim                  2           1           1           0           0\n\
             2 records in 1 requests in 2.00 s: 1 a second, 4 connections, 2 to a request, seed 9\n\
             latency of a request in ms:  p50 2.00  p90 2.00  p99 2.00  p99.9 2.00  max 2.00\n\
             every answer was as expected"
        );
        let json = outcome.as_json();
        assert_eq!(json["records"]["insurance-claim"]["accepted"], 1);
        assert_eq!(json["latency_us"]["p99.9"], 2_001, "three significant digits");
        assert_eq!(json["well"], true);
    }

    #[test]
    fn a_mistake_or_a_failure_is_not_well() {
        let mistaken = outcome(vec![judged(Said::Accepted, Some("did not reject broken JSON: {"))]);
        assert!(!mistaken.is_well());
        let text = mistaken.to_string();
        assert!(
            text.ends_with("the gateway did not reject broken JSON: {\n1 answers were not as expected"),
            "{text}"
        );
        let failed = outcome(vec![judged(Said::Failed, None)]);
        assert!(!failed.is_well());
        assert!(failed.to_string().ends_with("1 records failed and would have to be sent again"));
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
