//! What everything is measured with.

/// The record that everything is measured with: 198 bytes, as the comparison with other systems used.
pub fn record(number: usize) -> String {
    let record = format!(
        r#"{{"transaction_id":"FT-{number:09}","timestamp":"2026-01-15T10:30:00Z","account_id":"ACC-{:06}","amount":129.95,"currency":"EUR","transaction_type":"purchase","merchant_id":"M-1","category":"food"}}"#,
        number % 1_000_000
    );
    debug_assert!((190..=210).contains(&record.len()));
    record
}
