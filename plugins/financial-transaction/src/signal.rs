use std::convert::Infallible;
use std::str::FromStr;

use crate::{FinancialTransaction, HIGH_RISK_CATEGORIES, LARGE_AMOUNT, REPORTING_THRESHOLD};

/// Those who split a sum to stay below the threshold stay close below it.
const JUST_BELOW: f64 = 0.9;

/// The signs of fraud in a transaction; `description.md` states the rules.
pub fn signals(transaction: &FinancialTransaction<'_>) -> impl Iterator<Item = &'static str> {
    let amount = transaction.amount;
    let threshold = REPORTING_THRESHOLD.get();
    let large = amount >= LARGE_AMOUNT.get();
    let just_below = (threshold * JUST_BELOW..threshold).contains(&amount);
    let category = transaction.category.as_deref();
    let high_risk =
        category.is_some_and(|category| HIGH_RISK_CATEGORIES.with(|risky| risky.contains(category)));
    let signal = |given: bool, name| given.then_some(name);
    [
        signal(large, "large_amount"),
        signal(just_below, "just_below_reporting"),
        signal(high_risk, "high_risk_category"),
    ]
    .into_iter()
    .flatten()
}

/// Some categories, written with commas between.
#[derive(Debug, Clone)]
pub struct Categories(Vec<String>);

impl Categories {
    fn contains(&self, category: &str) -> bool {
        self.0.iter().any(|one| one.eq_ignore_ascii_case(category))
    }
}

impl FromStr for Categories {
    type Err = Infallible;

    fn from_str(list: &str) -> Result<Self, Infallible> {
        Ok(Self(list.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()))
    }
}
