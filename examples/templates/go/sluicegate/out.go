package sluicegate

import (
	"fmt"
	"math"
	"strconv"

	wit "go.bytecodealliance.org/pkg/wit/types"

	contract "example.com/my-plugin/bindings/sluicegate_plugin_types"
)

// Out is where judge says what is to become of a record, and what is known of the record beside itself.
type Out struct {
	call       *call
	item       *contract.Item
	index      uint32
	accepted   contract.Acceptance
	violations []Violation
	discarded  *string
	failed     *string
}

// ID is the record's own identifier, for the answer and the log.
func (o *Out) ID(id string) { o.accepted.Id = wit.Some(id) }

// Key is the Kafka key.
func (o *Out) Key(key string) { o.accepted.Key = wit.Some([]byte(key)) }

// Topic is another of the route's topics, by its index.
func (o *Out) Topic(index uint32) { o.accepted.Topic = index }

// Timestamp is when it happened: milliseconds since 1970, UTC.
func (o *Out) Timestamp(milliseconds int64) { o.accepted.Timestamp = wit.Some(milliseconds) }

// Header adds a Kafka header.
func (o *Out) Header(name string, value []byte) {
	o.accepted.Headers = append(o.accepted.Headers, contract.Header{F0: name, F1: value})
}

// Replace publishes this in place of the record.
func (o *Out) Replace(value []byte) { o.accepted.Value = contract.MakeValueReplaced(value) }

// Warn tells the client of something wrong that does not stop the record.
func (o *Out) Warn(pointer, code, message string) {
	o.accepted.Warnings = append(o.accepted.Warnings, Violation{Pointer: pointer, Code: code, Message: message})
}

// Reject tells the client what is wrong; there may be more than one.
func (o *Out) Reject(pointer, code, message string) {
	o.violations = append(o.violations, Violation{Pointer: pointer, Code: code, Message: message})
}

// Discard does not publish a record that is valid.
func (o *Out) Discard(why string) { o.discarded = &why }

// Fail sets aside a record that cannot be judged, for the operator.
func (o *Out) Fail(why string) { o.failed = &why }

// Measure feeds an instrument. The attributes are a string, a bool, an int, an int64, a float64 or nil (left out)
// each, in the instrument's order.
func (o *Out) Measure(instrument *Instrument, value float64, attributes ...any) {
	c := o.call
	for index, known := range c.plugin.Instruments {
		if known != instrument {
			continue
		}
		if len(attributes) != len(instrument.Attributes) {
			panic(fmt.Sprintf("%s has %d attributes, not %d", instrument.Name, len(instrument.Attributes), len(attributes)))
		}
		c.judgement.Measurements = append(c.judgement.Measurements, contract.Measurement{
			Item: o.index, Instrument: uint32(index), Value: value, AttributeSet: c.attributeSet(attributes),
		})
		return
	}
	panic(instrument.Name + " is not among the plugin's instruments")
}

// attributeSet finds an equal set of this call, or makes one.
func (c *call) attributeSet(attributes []any) uint32 {
	c.key = c.key[:0]
	for _, attribute := range attributes {
		switch value := attribute.(type) {
		case nil:
			c.key = append(c.key, 'n')
		case string:
			c.key = strconv.AppendInt(append(c.key, 's'), int64(len(value)), 10)
			c.key = append(append(c.key, ':'), value...)
		case bool:
			c.key = strconv.AppendBool(append(c.key, 'b'), value)
		case int:
			c.key = strconv.AppendInt(append(c.key, 'i'), int64(value), 10)
		case int64:
			c.key = strconv.AppendInt(append(c.key, 'i'), value, 10)
		case float64:
			c.key = strconv.AppendUint(append(c.key, 'f'), math.Float64bits(value), 16)
		default:
			panic(fmt.Sprintf("a %T cannot be an attribute", attribute))
		}
	}
	if known, ok := c.sets[string(c.key)]; ok {
		return known
	}
	set := make([]contract.AttributeValue, len(attributes))
	for i, attribute := range attributes {
		switch value := attribute.(type) {
		case nil:
			set[i] = contract.MakeAttributeValueAbsent()
		case string:
			set[i] = contract.MakeAttributeValueText(value)
		case bool:
			set[i] = contract.MakeAttributeValueBoolean(value)
		case int:
			set[i] = contract.MakeAttributeValueInteger(int64(value))
		case int64:
			set[i] = contract.MakeAttributeValueInteger(value)
		case float64:
			set[i] = contract.MakeAttributeValueFloat(value)
		}
	}
	index := uint32(len(c.judgement.AttributeSets))
	c.judgement.AttributeSets = append(c.judgement.AttributeSets, set)
	c.sets[string(c.key)] = index
	return index
}

// ReceivedAt is when the gateway received the request: milliseconds since 1970, UTC. There is no other clock: what
// package time says is not true.
func (o *Out) ReceivedAt() uint64 { return o.call.request.ReceivedAt }

// Caller is who sent the request, where the gateway knows.
func (o *Out) Caller() string { return o.call.request.Caller.SomeOr("") }

// RequestHeader is a header of the request that the plugin asks for, by its name in lower case.
func (o *Out) RequestHeader(name string) string { return find(o.call.request.Headers, name) }

// Parameter is what a {name} of the route's path stands for.
func (o *Out) Parameter(name string) string { return find(o.call.request.Parameters, name) }

// Attribute is what came beside the record: a CloudEvents attribute.
func (o *Out) Attribute(name string) string { return find(o.item.Attributes, name) }

func find(fields []Field, name string) string {
	for _, field := range fields {
		if field.F0 == name {
			return field.F1
		}
	}
	return ""
}
