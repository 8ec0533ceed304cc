"""Takes orders: what a valid one is, and what it counts."""

from typing import Literal

from sluicegate import Field, Out, Plugin, Record, accept, reject

plugin = Plugin("my-plugin", version="0.1.0", description="Takes the orders of a shop.")

orders = plugin.counter("my-plugin.orders", ["channel", "currency"], unit="{order}", description="Accepted orders")


class Item(Record):
    sku: str = Field(min_length=1)
    quantity: int = Field(ge=1, le=999)


class Order(Record):
    """An order of a customer."""

    order_id: str = Field(min_length=1, max_length=64)
    customer: str = Field(min_length=1)
    total: float = Field(gt=0, le=1_000_000, description="In the currency's major unit")
    currency: str = Field(pattern="^[A-Z]{3}$")
    channel: Literal["web", "store", "app"]
    items: list[Item] = Field(min_length=1)
    store_id: str | None = Field(default=None, min_length=1)
    note: str | None = Field(default=None, max_length=200)


PLAIN = {
    "order_id": "O-1",
    "customer": "C-7",
    "total": 12.5,
    "currency": "EUR",
    "channel": "web",
    "items": [{"sku": "A-1", "quantity": 2}],
}


@plugin.post(
    "/v1/my-plugin",
    topics=["my-plugin"],
    title="Order",
    summary="Takes orders",
    id_field="order_id",
    examples=[
        accept("plain", PLAIN),
        accept("in-a-store", {**PLAIN, "channel": "store", "store_id": "S-1"}),
        reject("free-of-charge", {**PLAIN, "total": 0}, "greater_than"),
        reject("store-missing", {**PLAIN, "channel": "store"}, "store_missing"),
    ],
)
def judge(order: Order, out: Out) -> None:
    """Called for an order whose fields are all right."""
    out.id = order.order_id
    out.key = order.customer
    out.measure(orders, 1, order.channel, order.currency)
    if order.channel == "store" and order.store_id is None:
        out.reject("/store_id", "store_missing", "an order in a store names its store")


# The gateway calls these two; they stay at the end.
Descriptor, Rules = plugin.exports()
