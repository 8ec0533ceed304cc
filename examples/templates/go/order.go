// Package plugin has the rules. This file is the one to edit.
package plugin

import "example.com/my-plugin/sluicegate"

// Order is what a producer posts. A pointer may be absent or null; every other field must be there. The rules are
// written as in JSON Schema: minLength, maxLength, pattern, enum, minimum, maximum, exclusiveMinimum,
// exclusiveMaximum, minItems, maxItems; doc says in the API documentation what the field is.
type Order struct {
	OrderID  string  `json:"order_id" minLength:"1" maxLength:"64"`
	Customer string  `json:"customer" minLength:"1" doc:"Orders of one customer stay in order"`
	Total    float64 `json:"total" exclusiveMinimum:"0" maximum:"1000000"`
	Currency string  `json:"currency" pattern:"^[A-Z]{3}$"`
	Channel  string  `json:"channel" enum:"web,store,app"`
	Items    []Item  `json:"items" minItems:"1"`
	StoreID  *string `json:"store_id" minLength:"1"`
	Note     *string `json:"note" maxLength:"200"`
}

// Item is one line of an order.
type Item struct {
	SKU      string `json:"sku" minLength:"1"`
	Quantity int64  `json:"quantity" minimum:"1" maximum:"999"`
}

var orders = sluicegate.Counter("my-plugin.orders", "{order}", "Orders that were accepted", "channel", "currency")

// judge sees only orders whose fields are right. A panic in here sets the record aside, for the operator to see.
func judge(order *Order, out *sluicegate.Out) {
	if order.Channel == "store" && order.StoreID == nil {
		out.Reject("/store_id", "store_missing", "an order in a store names its store")
		return
	}
	out.ID(order.OrderID)
	out.Key(order.Customer)
	out.Measure(orders, 1, order.Channel, order.Currency)
}

// Plugin is what the gateway is told. It judges the examples before the plugin goes live.
var Plugin = sluicegate.Plugin{
	Name:        "my-plugin",
	Version:     "0.1.0",
	Instruments: []*sluicegate.Instrument{orders},
	Routes: []sluicegate.Route{sluicegate.JSON[Order]{
		Path:    "/v1/my-plugin",
		Title:   "Order",
		Summary: "Takes orders",
		IDField: "order_id",
		Topics:  []string{"my-plugin"},
		Judge:   judge,
		Examples: []sluicegate.Example{
			sluicegate.Accepted("plain", `{"order_id": "O-1", "customer": "C-7", "total": 12.5, "currency": "EUR", "channel": "web", "items": [{"sku": "A-1", "quantity": 2}]}`),
			sluicegate.Accepted("in-a-store", `{"order_id": "O-2", "customer": "C-7", "total": 80, "currency": "EUR", "channel": "store", "items": [{"sku": "A-1", "quantity": 1}], "store_id": "S-1"}`),
			sluicegate.Rejected("free-of-charge", `{"order_id": "O-3", "customer": "C-7", "total": 0, "currency": "EUR", "channel": "web", "items": [{"sku": "A-1", "quantity": 2}]}`, "greater_than"),
			sluicegate.Rejected("store-missing", `{"order_id": "O-4", "customer": "C-7", "total": 12.5, "currency": "EUR", "channel": "store", "items": [{"sku": "A-1", "quantity": 2}]}`, "store_missing"),
		},
	}},
}
