// The rules. This file is the one to edit.

#include "sluicegate/sluicegate.h"

typedef struct {
    sg_text sku;
    int64_t quantity;
} item;

static const sg_record ITEM = RECORD(item,
    TEXT(item, sku, MIN_LENGTH(1)),
    WHOLE(item, quantity, AT_LEAST(1), AT_MOST(999)));

// An order, as a producer posts it. A text that may be absent or null has no `start` then.
typedef struct {
    sg_text order_id, customer, currency, channel, store_id, note;
    double total;
    sg_list items;
} order;

static const sg_record ORDER = RECORD(order,
    TEXT(order, order_id, MIN_LENGTH(1), MAX_LENGTH(64)),
    TEXT(order, customer, MIN_LENGTH(1), DOC("Orders of one customer stay in order")),
    NUMBER(order, total, ABOVE(0), AT_MOST(1000000)),
    TEXT(order, currency, PATTERN("^[A-Z]{3}$")),
    TEXT(order, channel, ONE_OF("web", "store", "app")),
    LIST(order, items, &ITEM, MIN_LENGTH(1)),
    TEXT(order, store_id, OPTIONAL, MIN_LENGTH(1)),
    TEXT(order, note, OPTIONAL, MAX_LENGTH(200)));

static const sg_instrument ORDERS =
    COUNTER("my-plugin.orders", "{order}", "Orders that were accepted", "channel", "currency");

// Sees only orders whose fields are right.
static void judge(const void *record, sg_out *out) {
    const order *o = record;
    if (sg_is(o->channel, "store") && !o->store_id.start) {
        sg_reject(out, "/store_id", "store_missing", "an order in a store names its store");
        return;
    }
    sg_id(out, o->order_id);
    sg_key(out, o->customer);
    sg_measure(out, &ORDERS, 1, o->channel, o->currency);
}

// The gateway judges the examples before the plugin goes live.
static const sg_route ROUTE = {
    .path = "/v1/my-plugin",
    .title = "Order",
    .summary = "Takes orders",
    .id_field = "order_id",
    .topics = TEXTS("my-plugin"),
    .record = &ORDER,
    .judge = judge,
    .examples = EXAMPLES(
        ACCEPTED("plain", JSON({"order_id": "O-1", "customer": "C-7", "total": 12.5, "currency": "EUR",
            "channel": "web", "items": [{"sku": "A-1", "quantity": 2}]})),
        ACCEPTED("in-a-store", JSON({"order_id": "O-2", "customer": "C-7", "total": 80, "currency": "EUR",
            "channel": "store", "items": [{"sku": "A-1", "quantity": 1}], "store_id": "S-1"})),
        REJECTED("free-of-charge", JSON({"order_id": "O-3", "customer": "C-7", "total": 0, "currency": "EUR",
            "channel": "web", "items": [{"sku": "A-1", "quantity": 2}]}), "greater_than"),
        REJECTED("store-missing", JSON({"order_id": "O-4", "customer": "C-7", "total": 12.5, "currency": "EUR",
            "channel": "store", "items": [{"sku": "A-1", "quantity": 2}]}), "store_missing")),
};

const sg_plugin SG_PLUGIN = {
    .name = "my-plugin",
    .version = "0.1.0",
    .routes = (const sg_route *const[]){&ROUTE, NULL},
    .instruments = (const sg_instrument *const[]){&ORDERS, NULL},
};
