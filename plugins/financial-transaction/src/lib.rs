//! Judges financial transactions as the FastAPI ingestor's `FinancialTransaction` did.

mod signal;
#[cfg(test)]
mod tests;

use sluicegate_sdk::prelude::*;

use signal::Categories;

/// A movement of money on an account.
#[derive(Record)]
pub struct FinancialTransaction<'a> {
    /// The transaction's own identifier.
    #[field(id)]
    transaction_id: Cow<'a, str>,
    /// When it happened. A time without an offset is taken as it is.
    timestamp: DateTime,
    /// The account it belongs to; transactions of one account stay in order.
    #[field(key)]
    account_id: Cow<'a, str>,
    /// In the currency's major unit.
    #[field(above = 0)]
    amount: f64,
    /// E.g. the code of ISO 4217.
    #[field(max_len = 3)]
    currency: Cow<'a, str>,
    /// E.g. `purchase`, `transfer`, `withdrawal`.
    transaction_type: Cow<'a, str>,
    /// Who was paid, if it was a merchant.
    merchant_id: Option<Cow<'a, str>>,
    /// What was paid for.
    category: Option<Cow<'a, str>>,
}

static INGESTED: Meter<2> = counter("financial.transactions.ingested", ["transaction.type", "currency"])
    .unit("{transaction}")
    .description("Transactions that were accepted");

static AMOUNT: Meter<2> = histogram(
    "financial.transaction.amount",
    &[1.0, 10.0, 50.0, 100.0, 500.0, 1_000.0, 5_000.0, 10_000.0, 50_000.0, 100_000.0],
    ["transaction.type", "currency"],
)
.unit("{currency}")
.description("Amounts of accepted transactions, in their currency's major unit");

static SIGNALS: Meter<1> = counter("financial.fraud.signals", ["fraud.signal"])
    .unit("{signal}")
    .description("Signs of fraud in accepted transactions");

static LARGE_AMOUNT: Setting<f64> =
    setting("large_amount", "The least amount that is a fraud signal, in any currency").default("10000");

static REPORTING_THRESHOLD: Setting<f64> =
    setting("reporting_threshold", "The amount from which on a bank has to report").default("10000");

static HIGH_RISK_CATEGORIES: Setting<Categories> =
    setting("high_risk_categories", "The categories that are a fraud signal, with commas between")
        .default("gambling, cryptocurrency, money_transfer, gift_cards");

impl Route for FinancialTransaction<'_> {
    const PATH: &'static str = "/ingest-financial-transaction/";
    const TITLE: &'static str = "Financial transaction";
    const TOPICS: &'static [&'static str] = &["raw_financial_transactions"];
    const SUMMARY: &'static str = "Takes financial transactions";
    const EXAMPLES: &'static [Example] = &[
        Example::accept(
            "purchase",
            r#"{"transaction_id": "FT-1001", "timestamp": "2026-03-14T09:26:53Z", "account_id": "ACC-42", "amount": 129.9, "currency": "EUR", "transaction_type": "purchase", "merchant_id": "M-7", "category": "groceries"}"#,
        ),
        Example::accept(
            "without-merchant",
            r#"{"transaction_id": "FT-1002", "timestamp": 1773480413, "account_id": "ACC-42", "amount": "2500.00", "currency": "USD", "transaction_type": "transfer"}"#,
        ),
        Example::reject(
            "negative-amount-and-long-currency",
            r#"{"transaction_id": "FT-1003", "timestamp": "2026-03-14T09:26:53Z", "account_id": "ACC-42", "amount": -5, "currency": "EURO", "transaction_type": "purchase"}"#,
            &["greater_than", "string_too_long"],
        ),
        Example::reject(
            "nothing-right",
            r#"{"transaction_id": 1004, "timestamp": "yesterday", "amount": "much"}"#,
            &["string_type", "datetime_from_date_parsing", "missing", "float_parsing", "missing", "missing"],
        ),
    ];

    fn judge(&self, out: &mut Out<'_>) -> Result<(), Violations> {
        out.timestamp(self.timestamp.epoch_micros().div_euclid(1_000))
            .measure(&INGESTED, 1.0, [&self.transaction_type, &self.currency])
            .measure(&AMOUNT, self.amount, [&self.transaction_type, &self.currency]);
        for signal in signal::signals(self) {
            out.measure(&SIGNALS, 1.0, [&signal]);
        }
        Ok(())
    }
}

plugin! {
    description: include_str!("description.md"),
    routes: [FinancialTransaction],
    meters: [INGESTED, AMOUNT, SIGNALS],
    settings: [LARGE_AMOUNT, REPORTING_THRESHOLD, HIGH_RISK_CATEGORIES],
}
