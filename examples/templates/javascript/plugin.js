// What an order is, which rules it keeps and what is counted of it. This is the file to change.

import { accepts, choice, counter, integer, list, number, object } from "./sdk/sdk.js";
import { optional, plugin, rejects, route, text } from "./sdk/sdk.js";

const item = object({ sku: text({ minLength: 1 }), quantity: integer({ min: 1, max: 999 }) });

const order = object({
  order_id: text({ minLength: 1, maxLength: 64 }),
  customer: text({ minLength: 1, description: "Orders of one customer stay in order." }),
  total: number({ above: 0, max: 1_000_000, description: "In the currency's major unit." }),
  currency: text({ pattern: "^[A-Z]{3}$" }),
  channel: choice(["web", "store", "app"]),
  items: list(item, { minLength: 1 }),
  store_id: optional(text({ minLength: 1 })),
  note: optional(text({ maxLength: 200 })),
});

const orders = counter("my-plugin.orders", {
  unit: "{order}",
  attributes: ["channel", "currency"],
  description: "Orders that were accepted",
});

const plain = {
  order_id: "O-1",
  customer: "C-7",
  total: 12.5,
  currency: "EUR",
  channel: "web",
  items: [{ sku: "A-1", quantity: 2 }],
};

export const { descriptor, rules } = plugin({
  name: "my-plugin",
  version: "0.1.0",
  instruments: [orders],
  routes: [
    route({
      path: "/v1/my-plugin",
      topics: ["my-plugin"],
      title: "Order",
      summary: "Takes orders",
      record: order,
      id: "order_id",
      key: "customer",
      judge(order, out) {
        if (order.channel === "store" && order.store_id === undefined) {
          out.reject("/store_id", "store_missing", "an order in a store names its store");
        }
        out.measure(orders, 1, [order.channel, order.currency]);
      },
      examples: [
        accepts("plain", plain),
        accepts("in-a-store", { ...plain, channel: "store", store_id: "S-1" }),
        rejects("free-of-charge", { ...plain, total: 0 }, ["greater_than"]),
        rejects("store-missing", { ...plain, channel: "store" }, ["store_missing"]),
      ],
    }),
  ],
});
