package sluicegate

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// More violations of one record help nobody.
const violationsMax = 100

// place is where in the record a value stands. Its JSON Pointer is only put together where something is wrong.
type place struct {
	parent *place
	name   string
	index  int // of an element; -1 for a member
}

var escapes = strings.NewReplacer("~", "~0", "/", "~1")

func (p *place) pointer() string {
	switch {
	case p == nil:
		return ""
	case p.index >= 0:
		return p.parent.pointer() + "/" + strconv.Itoa(p.index)
	default:
		return p.parent.pointer() + "/" + escapes.Replace(p.name)
	}
}

// reader fills a value and gathers everything that is wrong on the way.
type reader struct {
	violations []Violation
}

func (r *reader) full() bool {
	return len(r.violations) >= violationsMax
}

func (r *reader) note(at *place, code, message string, parameters ...string) {
	if r.full() {
		return
	}
	violation := Violation{Pointer: at.pointer(), Code: code, Message: message}
	for i := 0; i+1 < len(parameters); i += 2 {
		violation.Parameters = append(violation.Parameters, Field{F0: parameters[i], F1: parameters[i+1]})
	}
	r.violations = append(r.violations, violation)
}

// read puts a value of JSON where it belongs. A nil place is the record itself.
func (s *shape) read(r *reader, at *place, raw value, into reflect.Value) {
	if s.optional {
		if raw == "null" {
			return
		}
		into.Set(reflect.New(into.Type().Elem()))
		into = into.Elem()
	}
	switch s.kind {
	case text:
		s.readText(r, at, raw, into)
	case number:
		s.readNumber(r, at, raw, into)
	case whole:
		s.readWhole(r, at, raw, into)
	case boolean:
		if raw != "true" && raw != "false" {
			r.note(at, "bool_type", "must be true or false")
		}
		into.SetBool(raw == "true")
	case list:
		s.readList(r, at, raw, into)
	case object:
		s.readObject(r, at, raw, into)
	}
}

func (s *shape) readText(r *reader, at *place, raw value, into reflect.Value) {
	var text string
	ok := raw.isText()
	if ok {
		text = raw.text()
	}
	if s.choices != nil {
		for _, choice := range s.choices {
			if ok && text == choice {
				into.SetString(text)
				return
			}
		}
		choices := strings.Join(s.choices, ", ")
		r.note(at, "enum", "must be one of "+choices, "choices", choices)
		return
	}
	if !ok {
		r.note(at, "string_type", "must be a text")
		return
	}
	into.SetString(text)
	switch length := utf8.RuneCountInString(text); {
	case s.lengthMin != nil && length < *s.lengthMin:
		least := count(*s.lengthMin, "character")
		r.note(at, "string_too_short", "must be at least "+least+" long", "min_length", strconv.Itoa(*s.lengthMin))
	case s.lengthMax != nil && length > *s.lengthMax:
		most := count(*s.lengthMax, "character")
		r.note(at, "string_too_long", "must be at most "+most+" long", "max_length", strconv.Itoa(*s.lengthMax))
	case s.pattern != nil && !s.pattern.MatchString(text):
		pattern := s.pattern.String()
		r.note(at, "string_pattern_mismatch", "must match the pattern "+pattern, "pattern", pattern)
	}
}

// number gives the text of a number. A number may come as a text that is one, as JSON writes it.
func (v value) number() (number string, isText, ok bool) {
	if !v.isText() {
		return string(v), false, v.isNumber()
	}
	within := value(strings.Trim(v.text(), " \t\r\n"))
	return string(within), true, within != "" && within.isNumber() && json.Valid([]byte(within))
}

func (s *shape) readNumber(r *reader, at *place, raw value, into reflect.Value) {
	text, isText, ok := raw.number()
	if !ok {
		if isText {
			r.note(at, "float_parsing", "this text is no number")
		} else {
			r.note(at, "float_type", "must be a number")
		}
		return
	}
	number, err := strconv.ParseFloat(text, 64)
	if err != nil {
		r.note(at, "finite_number", "is too large for a number")
		return
	}
	into.SetFloat(number)
	s.limit(r, at, number)
}

func (s *shape) readWhole(r *reader, at *place, raw value, into reflect.Value) {
	text, isText, ok := raw.number()
	if !ok {
		if isText {
			r.note(at, "int_parsing", "this text is no whole number")
		} else {
			r.note(at, "int_type", "must be a whole number")
		}
		return
	}
	exact, err := strconv.ParseInt(text, 10, 64)
	number, fits := float64(exact), true
	if err != nil { // a fraction, an exponent, or beyond 64 bits
		if number, err = strconv.ParseFloat(text, 64); err != nil {
			r.note(at, "finite_number", "is too large for a number")
			return
		}
		exact, fits = int64(number), math.Abs(number) < 1<<63
	}
	switch {
	case number != math.Trunc(number) && isText:
		r.note(at, "int_parsing", "this text is no whole number")
	case number != math.Trunc(number):
		r.note(at, "int_from_float", "must be a whole number, without a fraction")
	case !s.limit(r, at, number):
	case !fits || into.OverflowInt(exact):
		r.note(at, "int_parsing_size", "is too large for a whole number")
	default:
		into.SetInt(exact)
	}
}

// limit says whether a number keeps its limits.
func (s *shape) limit(r *reader, at *place, number float64) bool {
	for _, limit := range s.limits {
		var broken bool
		switch limit.code {
		case "greater_than":
			broken = !(number > limit.value)
		case "greater_than_equal":
			broken = !(number >= limit.value)
		case "less_than":
			broken = !(number < limit.value)
		case "less_than_equal":
			broken = !(number <= limit.value)
		}
		if broken {
			r.note(at, limit.code, limit.says+" "+limit.text, limit.parameter, limit.text)
			return false
		}
	}
	return true
}

func (s *shape) readList(r *reader, at *place, raw value, into reflect.Value) {
	if !raw.isList() {
		r.note(at, "list_type", "must be a list")
		return
	}
	if s.lengthMin != nil || s.lengthMax != nil {
		length := 0
		for w := raw.walk(); ; length++ {
			if _, ok := w.next(); !ok {
				break
			}
		}
		if s.lengthMin != nil && length < *s.lengthMin {
			least := count(*s.lengthMin, "element")
			r.note(at, "too_short", "must have at least "+least, "min_length", strconv.Itoa(*s.lengthMin))
		}
		if s.lengthMax != nil && length > *s.lengthMax {
			most := count(*s.lengthMax, "element")
			r.note(at, "too_long", "must have at most "+most, "max_length", strconv.Itoa(*s.lengthMax))
			return
		}
	}
	w := raw.walk()
	for i := 0; !r.full(); i++ {
		element, ok := w.next()
		if !ok {
			return
		}
		if i == into.Cap() {
			into.Grow(1)
		}
		into.SetLen(i + 1)
		s.element.read(r, &place{parent: at, index: i}, element, into.Index(i))
	}
}

func (s *shape) readObject(r *reader, at *place, raw value, into reflect.Value) {
	if !raw.isObject() {
		r.note(at, "model_type", "must be an object")
		return
	}
	// Of several members of one name the last counts.
	var few [16]value
	values := few[:]
	if len(s.members) > len(few) {
		values = make([]value, len(s.members))
	}
	w := raw.walk()
	for {
		name, found, ok := w.nextMember()
		if !ok {
			break
		}
		text := name.text()
		for i := range s.members {
			if s.members[i].name == text {
				values[i] = found
			}
		}
	}
	for i := range s.members {
		member := &s.members[i]
		at := place{parent: at, name: member.name, index: -1}
		if values[i] != "" {
			member.shape.read(r, &at, values[i], into.Field(member.index))
		} else if !member.shape.optional {
			r.note(&at, "missing", "is missing")
		}
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
