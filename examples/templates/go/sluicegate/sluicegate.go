// Package sluicegate makes a plugin of record types, their rules and what they measure.
package sluicegate

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	wit "go.bytecodealliance.org/pkg/wit/types"

	contract "example.com/my-plugin/bindings/sluicegate_plugin_types"
)

type (
	// Field is a name and a value.
	Field = contract.Field
	// Violation is something wrong with a record.
	Violation = contract.Violation
	// Instrument is what measurements go to.
	Instrument = contract.Instrument
	// Example is a record that shows and proves what a route does.
	Example = contract.Example
)

// Plugin is all that the gateway has to know.
type Plugin struct {
	Name, Version, Description string
	Instruments                []*Instrument
	Routes                     []Route
	// The HTTP request headers that it wants to see, in lower case.
	RequestHeaders []string
}

// Route is a path and the record type that it takes: a JSON.
type Route interface {
	declare() contract.Route
	judge(body string, out *Out) []Violation
}

// JSON is a route that takes records of a type T, which is a struct.
type JSON[T any] struct {
	Path, Title, Summary string
	// The name under which the id is given back to the client. Empty: it is not.
	IDField string
	// Where accepted records may go, the usual one first.
	Topics []string
	// Called with records whose fields are right. A record about which nothing is said is accepted as it came.
	Judge    func(record *T, out *Out)
	Examples []Example
}

var shapes = map[reflect.Type]*shape{}

func shapeFor[T any]() *shape {
	of := reflect.TypeFor[T]()
	if shapes[of] == nil {
		shapes[of] = shapeOf(of, "", of.Name())
	}
	return shapes[of]
}

func (j JSON[T]) declare() contract.Route {
	schema := keywords{{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", j.Title}}
	text, err := json.Marshal(append(schema, shapeFor[T]().schema()...))
	if err != nil {
		panic(err)
	}
	return contract.Route{
		Path: j.Path, Input: contract.MakeInputJson(), Title: j.Title, IdField: j.IDField, Topics: j.Topics,
		Summary: j.Summary, Schema: string(text), Examples: j.Examples,
	}
}

func (j JSON[T]) judge(body string, out *Out) []Violation {
	var r reader
	value, err := check(body)
	if err != nil {
		r.note(nil, "json_invalid", "this is no JSON: "+excerpt(err.Error()))
		return r.violations
	}
	record := new(T)
	shapeFor[T]().read(&r, nil, value, reflect.ValueOf(record).Elem())
	if len(r.violations) == 0 {
		j.Judge(record, out)
	}
	return r.violations
}

// Counter is an instrument that only grows. Attributes that few values make (not an id) keep it cheap.
func Counter(name, unit, description string, attributes ...string) *Instrument {
	return instrument(contract.MakeInstrumentKindCounter(), name, unit, description, attributes)
}

// Histogram is an instrument for how values are spread.
func Histogram(name, unit, description string, boundaries []float64, attributes ...string) *Instrument {
	return instrument(contract.MakeInstrumentKindHistogram(boundaries), name, unit, description, attributes)
}

// Gauge is an instrument of which the last value counts.
func Gauge(name, unit, description string, attributes ...string) *Instrument {
	return instrument(contract.MakeInstrumentKindGauge(), name, unit, description, attributes)
}

func instrument(kind contract.InstrumentKind, name, unit, description string, attributes []string) *Instrument {
	return &Instrument{
		Name: name, Kind: kind, Description: description, Unit: unit, Attributes: attributes,
		Counts: contract.CountedAccepted,
	}
}

// Accepted is an example that is accepted.
func Accepted(name, body string) Example {
	return example(name, body, contract.MakeExpectationAccept())
}

// Rejected is an example that is rejected with violations of exactly these codes, in any order.
func Rejected(name, body string, codes ...string) Example {
	return example(name, body, contract.MakeExpectationReject(codes))
}

func example(name, body string, expect contract.Expectation) Example {
	item := contract.Item{Body: contract.MakeBodyText(body)}
	return Example{Name: name, Item: item, ReceivedAt: wit.None[uint64](), Caller: wit.None[string](), Expect: expect}
}

// Describe is what the gateway asks first.
func (p *Plugin) Describe() (manifest contract.Manifest, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("%v", panicked)
		}
	}()
	manifest = contract.Manifest{
		Name: p.Name, Version: p.Version, Description: p.Description, RequestHeaders: p.RequestHeaders,
	}
	for _, instrument := range p.Instruments {
		manifest.Instruments = append(manifest.Instruments, *instrument)
	}
	for _, route := range p.Routes {
		manifest.Routes = append(manifest.Routes, route.declare())
	}
	return manifest, nil
}

// Judge judges the records of a call.
func (p *Plugin) Judge(request *contract.Request, items []contract.Item) contract.Judgement {
	c := call{plugin: p, request: request, sets: map[string]uint32{}}
	c.judgement.Verdicts = make([]contract.Verdict, len(items))
	for i := range items {
		c.judgement.Verdicts[i] = c.judge(uint32(i), &items[i])
	}
	return c.judgement
}

// call is what the records of one call share.
type call struct {
	plugin    *Plugin
	request   *contract.Request
	judgement contract.Judgement
	sets      map[string]uint32 // of attributes, by their text
	key       []byte
}

func (c *call) judge(index uint32, item *contract.Item) (verdict contract.Verdict) {
	out := Out{call: c, item: item, index: index}
	out.accepted = contract.Acceptance{
		Id: wit.None[string](), Key: wit.None[[]uint8](), Timestamp: wit.None[int64](), Value: contract.MakeValueAsPosted(),
	}
	defer func() {
		if panicked := recover(); panicked != nil {
			verdict = contract.MakeVerdictFail(excerpt(fmt.Sprintf("panic: %v", panicked)))
		}
	}()
	if item.Body.Tag() != contract.BodyText {
		out.Reject("", "json_invalid", "this is no text")
	} else {
		found := c.plugin.Routes[c.request.Route].judge(item.Body.Text(), &out)
		out.violations = append(out.violations, found...)
	}
	switch {
	case out.failed != nil:
		return contract.MakeVerdictFail(*out.failed)
	case len(out.violations) > 0:
		return contract.MakeVerdictReject(out.violations)
	case out.discarded != nil:
		return contract.MakeVerdictDiscard(*out.discarded)
	default:
		return contract.MakeVerdictAccept(out.accepted)
	}
}

// excerpt keeps a text for people short: the gateway takes 2 KiB.
func excerpt(text string) string {
	if len(text) > 1000 {
		text = text[:1000]
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
