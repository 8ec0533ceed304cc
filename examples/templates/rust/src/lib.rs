//! Judges orders.

use sluicegate_sdk::prelude::*;

/// An order.
#[derive(Record)]
#[record(count = ORDERS(channel, currency))]
pub struct Order<'a> {
    /// The order's own identifier.
    #[field(id, min_len = 1, max_len = 64)]
    order_id: Cow<'a, str>,
    /// Who ordered; the orders of one customer stay in order.
    #[field(key, min_len = 1)]
    customer: Cow<'a, str>,
    /// In the currency's major unit.
    #[field(above = 0, max = 1_000_000)]
    total: f64,
    /// Its code in ISO 4217.
    #[field(pattern = "^[A-Z]{3}$")]
    currency: Cow<'a, str>,
    channel: Channel,
    #[field(min_len = 1)]
    items: Vec<Item<'a>>,
    /// Where it was made, if in a store.
    #[field(min_len = 1)]
    store_id: Option<Cow<'a, str>>,
    #[field(max_len = 200)]
    note: Option<Cow<'a, str>>,
}

/// How it came.
#[derive(Record, PartialEq)]
enum Channel {
    Web,
    Store,
    App,
}

/// One article of an order.
#[derive(Record)]
struct Item<'a> {
    #[field(min_len = 1)]
    sku: Cow<'a, str>,
    #[field(min = 1, max = 999)]
    quantity: i64,
}

static ORDERS: Meter<2> = counter("my-plugin.orders", ["channel", "currency"]).unit("{order}");

impl Route for Order<'_> {
    const PATH: &'static str = "/v1/my-plugin";
    const TITLE: &'static str = "Order";
    const TOPICS: &'static [&'static str] = &["my-plugin"];
    const SUMMARY: &'static str = "Takes orders";
    const EXAMPLES: &'static [Example] = &[
        Example::accept(
            "plain",
            r#"{"order_id": "O-1", "customer": "C-7", "total": 12.5, "currency": "EUR", "channel": "web", "items": [{"sku": "A-1", "quantity": 2}]}"#,
        ),
        Example::accept(
            "in-a-store",
            r#"{"order_id": "O-2", "customer": "C-7", "total": 80, "currency": "EUR", "channel": "store", "store_id": "S-1", "items": [{"sku": "A-1", "quantity": 1}]}"#,
        ),
        Example::reject(
            "free-of-charge",
            r#"{"order_id": "O-3", "customer": "C-7", "total": 0, "currency": "EUR", "channel": "web", "items": [{"sku": "A-1", "quantity": 1}]}"#,
            &["greater_than"],
        ),
        Example::reject(
            "store-missing",
            r#"{"order_id": "O-4", "customer": "C-7", "total": 5, "currency": "EUR", "channel": "store", "items": [{"sku": "A-1", "quantity": 1}]}"#,
            &["store_missing"],
        ),
    ];

    /// What one field cannot know by itself.
    fn judge(&self, _out: &mut Out<'_>) -> Result<(), Violations> {
        if self.channel == Channel::Store && self.store_id.is_none() {
            return Err(Violation::new("/store_id", "store_missing", "an order in a store names its store").into());
        }
        Ok(())
    }
}

plugin! { routes: [Order], meters: [ORDERS] }

#[cfg(test)]
mod tests {
    use sluicegate_sdk::test;

    use super::*;

    #[test]
    fn every_article_is_looked_at() {
        let judged = test::on(&PLUGIN, Order::PATH).judge(
            r#"{"order_id": "O-1", "customer": "C", "total": 1, "currency": "EUR", "channel": "web",
                "items": [{"sku": "A", "quantity": 1}, {"sku": "", "quantity": 0}]}"#,
        );
        assert_eq!(judged.codes(), ["string_too_short", "greater_than_equal"]);
    }
}
