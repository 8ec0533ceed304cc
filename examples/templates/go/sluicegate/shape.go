package sluicegate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

type kind int

const (
	text kind = iota
	number
	whole
	boolean
	list
	object
)

// shape is a type with its rules, as they were read from the tags of a struct.
type shape struct {
	kind     kind
	optional bool
	doc      string

	lengthMin, lengthMax *int // of a text in characters, of a list in elements
	pattern              *regexp.Regexp
	choices              []string
	limits               []limit
	element              *shape
	members              []member
}

type limit struct {
	keyword, code, says, parameter string
	value                          float64
	text                           string
}

type member struct {
	name  string
	index int
	shape *shape
}

// The limits of numbers: what JSON Schema calls them, and what is said of a number beyond.
var limitKinds = []limit{
	{keyword: "exclusiveMinimum", code: "greater_than", says: "must be greater than", parameter: "above"},
	{keyword: "minimum", code: "greater_than_equal", says: "must be at least", parameter: "min"},
	{keyword: "exclusiveMaximum", code: "less_than", says: "must be less than", parameter: "below"},
	{keyword: "maximum", code: "less_than_equal", says: "must be at most", parameter: "max"},
}

// shapeOf panics where a type cannot be read or a tag is wrong: describe returns that as its error, and the gateway
// does not load the plugin.
func shapeOf(of reflect.Type, tag reflect.StructTag, where string) *shape {
	s := &shape{doc: tag.Get("doc")}
	if of.Kind() == reflect.Pointer {
		s.optional = true
		of = of.Elem()
	}
	switch of.Kind() {
	case reflect.String:
		s.kind = text
		s.lengthMin, s.lengthMax = length(tag, "minLength", where), length(tag, "maxLength", where)
		if pattern, ok := tag.Lookup("pattern"); ok {
			s.pattern = regexp.MustCompile(pattern)
		}
		if choices, ok := tag.Lookup("enum"); ok {
			s.choices = strings.Split(choices, ",")
		}
	case reflect.Float64:
		s.kind = number
		s.limits = limits(tag, where)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		s.kind = whole
		s.limits = limits(tag, where)
	case reflect.Bool:
		s.kind = boolean
	case reflect.Slice:
		s.kind = list
		s.lengthMin, s.lengthMax = length(tag, "minItems", where), length(tag, "maxItems", where)
		s.element = shapeOf(of.Elem(), "", where+"[]")
	case reflect.Struct:
		s.kind = object
		for i := range of.NumField() {
			field := of.Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "" || !field.IsExported() {
				panic(fmt.Sprintf("%s.%s wants a capital letter and a tag json:\"name\"", where, field.Name))
			}
			shape := shapeOf(field.Type, field.Tag, where+"."+field.Name)
			s.members = append(s.members, member{name, i, shape})
		}
	default:
		panic(fmt.Sprintf("%s: a %s cannot be read; use string, float64, int64, bool, a slice, a struct or a pointer to one of these", where, of))
	}
	return s
}

func length(tag reflect.StructTag, keyword, where string) *int {
	raw, ok := tag.Lookup(keyword)
	if !ok {
		return nil
	}
	length, err := strconv.Atoi(raw)
	if err != nil {
		panic(fmt.Sprintf("%s: %s is %q, which is no whole number", where, keyword, raw))
	}
	return &length
}

func limits(tag reflect.StructTag, where string) (found []limit) {
	for _, limit := range limitKinds {
		raw, ok := tag.Lookup(limit.keyword)
		if !ok {
			continue
		}
		value, err := strconv.ParseFloat(raw, 64)
		if err != nil {
			panic(fmt.Sprintf("%s: %s is %q, which is no number", where, limit.keyword, raw))
		}
		limit.value, limit.text = value, raw
		found = append(found, limit)
	}
	return found
}

// keywords is a JSON object whose members keep their order.
type keywords []keyword

type keyword struct {
	name  string
	value any
}

func (k keywords) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	for i, keyword := range k {
		out.WriteByte("{,"[min(i, 1)])
		name, _ := json.Marshal(keyword.name)
		value, err := json.Marshal(keyword.value)
		if err != nil {
			return nil, err
		}
		out.Write(name)
		out.WriteByte(':')
		out.Write(value)
	}
	if len(k) == 0 {
		out.WriteByte('{')
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// schema is the JSON Schema of what is read.
func (s *shape) schema() keywords {
	var out keywords
	add := func(name string, value any) { out = append(out, keyword{name, value}) }
	name := [...]string{"string", "number", "integer", "boolean", "array", "object"}[s.kind]
	if s.optional {
		add("type", []string{name, "null"})
	} else {
		add("type", name)
	}
	if s.doc != "" {
		add("description", s.doc)
	}
	lengths := [2]string{"minLength", "maxLength"}
	if s.kind == list {
		lengths = [2]string{"minItems", "maxItems"}
	}
	if s.lengthMin != nil {
		add(lengths[0], *s.lengthMin)
	}
	if s.lengthMax != nil {
		add(lengths[1], *s.lengthMax)
	}
	if s.pattern != nil {
		add("pattern", s.pattern.String())
	}
	if s.choices != nil {
		var choices []any
		for _, choice := range s.choices {
			choices = append(choices, choice)
		}
		if s.optional {
			choices = append(choices, nil)
		}
		add("enum", choices)
	}
	for _, limit := range s.limits {
		add(limit.keyword, limit.value)
	}
	if s.element != nil {
		add("items", s.element.schema())
	}
	if s.kind == object {
		properties, required := keywords{}, []string{}
		for _, member := range s.members {
			properties = append(properties, keyword{member.name, member.shape.schema()})
			if !member.shape.optional {
				required = append(required, member.name)
			}
		}
		add("properties", properties)
		add("required", required)
	}
	return out
}
