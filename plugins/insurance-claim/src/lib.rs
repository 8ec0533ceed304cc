//! Judges insurance claims as the FastAPI ingestor's `InsuranceClaim` did.

#[cfg(test)]
mod tests;

use sluicegate_sdk::prelude::*;

/// A claim on an insurance policy.
#[derive(Record)]
pub struct InsuranceClaim<'a> {
    /// The claim's own identifier.
    #[field(id)]
    claim_id: Cow<'a, str>,
    /// When it was made. A time without an offset is taken to be UTC.
    timestamp: DateTime,
    /// The policy it is made on; claims on one policy stay in order.
    #[field(key)]
    policy_number: Cow<'a, str>,
    /// In the policy's currency, in its major unit.
    #[field(above = 0)]
    claim_amount: f64,
    /// E.g. `auto`, `home`, `health`.
    claim_type: Cow<'a, str>,
    /// E.g. `submitted`, `under_review`, `approved`.
    claim_status: Cow<'a, str>,
    /// Who makes it.
    customer_id: Cow<'a, str>,
    /// When that happened for which it is made. A time without an offset is taken to be UTC.
    incident_date: DateTime,
}

static INGESTED: Meter<2> = counter("insurance.claims.ingested", ["claim.type", "claim.status"])
    .unit("{claim}")
    .description("Claims that were accepted");

static AMOUNT: Meter<2> = histogram(
    "insurance.claim.amount",
    &[100.0, 500.0, 1_000.0, 5_000.0, 10_000.0, 25_000.0, 50_000.0, 100_000.0, 500_000.0],
    ["claim.type", "claim.status"],
)
.unit("{currency}")
.description("Amounts of accepted claims");

static DELAY: Meter<2> = histogram(
    "insurance.claim.delay",
    &[1.0, 3.0, 7.0, 14.0, 30.0, 90.0, 180.0, 365.0],
    ["claim.type", "claim.status"],
)
.unit("d")
.description("Days from the incident to the claim");

static SIGNALS: Meter<1> = counter("insurance.fraud.signals", ["fraud.signal"])
    .unit("{signal}")
    .description("Signs of fraud in accepted claims");

static LARGE_AMOUNT: Setting<f64> =
    setting("large_amount", "The least amount that is a fraud signal").default("50000");

static LATE_AFTER_DAYS: Setting<f64> =
    setting("late_after_days", "How many days after its incident a claim becomes a fraud signal")
        .default("180");

impl Route for InsuranceClaim<'_> {
    const PATH: &'static str = "/ingest-insurance-claim/";
    const TITLE: &'static str = "Insurance claim";
    const TOPICS: &'static [&'static str] = &["raw_insurance_claims"];
    const SUMMARY: &'static str = "Takes insurance claims";
    const EXAMPLES: &'static [Example] = &[
        Example::accept(
            "car-accident",
            r#"{"claim_id": "IC-2001", "timestamp": "2026-03-14T09:26:53Z", "policy_number": "POL-77", "claim_amount": 1850.5, "claim_type": "auto", "claim_status": "submitted", "customer_id": "C-9", "incident_date": "2026-03-10T18:00:00+01:00"}"#,
        ),
        Example::accept(
            "day-of-the-incident-only",
            r#"{"claim_id": "IC-2002", "timestamp": "2026-03-14 09:26", "policy_number": "POL-78", "claim_amount": "320", "claim_type": "home", "claim_status": "submitted", "customer_id": "C-10", "incident_date": "2026-03-01"}"#,
        ),
        Example::reject(
            "free-of-charge",
            r#"{"claim_id": "IC-2003", "timestamp": "2026-03-14T09:26:53Z", "policy_number": "POL-77", "claim_amount": 0, "claim_type": "auto", "claim_status": "submitted", "customer_id": "C-9", "incident_date": "2026-03-10"}"#,
            &["greater_than"],
        ),
        Example::reject(
            "half-empty",
            r#"{"claim_id": "IC-2004", "timestamp": "2026-03-14T09:26:53Z", "policy_number": null, "claim_amount": [], "incident_date": true}"#,
            &["string_type", "float_type", "datetime_type", "missing", "missing", "missing"],
        ),
    ];

    fn judge(&self, out: &mut Out<'_>) -> Result<(), Violations> {
        let days = self.days_since_incident();
        out.timestamp(self.timestamp.epoch_micros().div_euclid(1_000))
            .measure(&INGESTED, 1.0, [&self.claim_type, &self.claim_status])
            .measure(&AMOUNT, self.claim_amount, [&self.claim_type, &self.claim_status]);
        if days >= 0.0 {
            out.measure(&DELAY, days, [&self.claim_type, &self.claim_status]);
        }
        let signals = [
            ("large_amount", self.claim_amount >= LARGE_AMOUNT.get()),
            ("late_claim", days > LATE_AFTER_DAYS.get()),
            ("before_incident", days < 0.0),
        ];
        for (signal, _) in signals.iter().filter(|(_, given)| *given) {
            out.measure(&SIGNALS, 1.0, [signal]);
        }
        Ok(())
    }
}

impl InsuranceClaim<'_> {
    fn days_since_incident(&self) -> f64 {
        const DAY_MICROSECONDS: f64 = 86_400e6;
        (self.timestamp.epoch_micros() - self.incident_date.epoch_micros()) as f64 / DAY_MICROSECONDS
    }
}

plugin! {
    description: include_str!("description.md"),
    routes: [InsuranceClaim],
    meters: [INGESTED, AMOUNT, DELAY, SIGNALS],
    settings: [LARGE_AMOUNT, LATE_AFTER_DAYS],
}
