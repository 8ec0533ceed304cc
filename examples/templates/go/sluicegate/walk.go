package sluicegate

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// A value is the text of a JSON value, without white space around it. encoding/json says once whether a record is JSON;
// after that its text is walked through, only what the rules ask for is read, and nothing is built of the rest. That
// also keeps what json.Unmarshal would lose: names count by case, and the text of a number tells one that is too large
// from one that is none.
type value string

// check gives the record's value if its text is JSON.
func check(text string) (value, error) {
	bytes := []byte(text)
	if !json.Valid(bytes) {
		var raw json.RawMessage
		return "", json.Unmarshal(bytes, &raw)
	}
	if halfSurrogate(text) {
		return "", errors.New("half a surrogate pair in a string")
	}
	return value(strings.Trim(text, " \t\r\n")), nil
}

// halfSurrogate finds what encoding/json puts U+FFFD for: consumers of the record would stumble over it.
func halfSurrogate(text string) bool {
	unit := func(at int) uint64 {
		if at+6 > len(text) || text[at] != '\\' || text[at+1] != 'u' {
			return 0
		}
		unit, _ := strconv.ParseUint(text[at+2:at+6], 16, 16)
		return unit
	}
	for at := 0; ; {
		next := strings.IndexByte(text[at:], '\\')
		if next < 0 {
			return false
		}
		at += next
		switch first := unit(at); {
		case first >= 0xD800 && first < 0xDC00:
			if second := unit(at + 6); second < 0xDC00 || second > 0xDFFF {
				return true
			}
			at += 12
		case first >= 0xDC00 && first <= 0xDFFF:
			return true
		default:
			at += 2
		}
	}
}

func (v value) isText() bool   { return v[0] == '"' }
func (v value) isNumber() bool { return v[0] == '-' || v[0] >= '0' && v[0] <= '9' }
func (v value) isList() bool   { return v[0] == '[' }
func (v value) isObject() bool { return v[0] == '{' }

// text is what stands between the quotes.
func (v value) text() string {
	if strings.IndexByte(string(v), '\\') < 0 {
		return string(v[1 : len(v)-1])
	}
	var text string
	_ = json.Unmarshal([]byte(v), &text)
	return text
}

// walker goes through the elements of a list or the members of an object.
type walker struct {
	rest value
}

func (v value) walk() walker {
	return walker{v[1 : len(v)-1].trimmed()}
}

func (v value) trimmed() value {
	for len(v) > 0 && (v[0] == ' ' || v[0] == '\t' || v[0] == '\r' || v[0] == '\n') {
		v = v[1:]
	}
	return v
}

// next gives a value, and false after the last one.
func (w *walker) next() (value, bool) {
	if w.rest == "" {
		return "", false
	}
	end := w.rest.end()
	found := w.rest[:end]
	w.rest = w.rest[end:].trimmed()
	if w.rest != "" && w.rest[0] == ',' {
		w.rest = w.rest[1:].trimmed()
	}
	return found, true
}

// nextMember gives a member's name, which is a text, and its value.
func (w *walker) nextMember() (name, found value, ok bool) {
	if w.rest == "" {
		return "", "", false
	}
	end := w.rest.end()
	name = w.rest[:end]
	w.rest = w.rest[end:].trimmed()[1:].trimmed() // past the colon
	found, ok = w.next()
	return name, found, ok
}

// end is where the value ends that the text begins with.
func (v value) end() int {
	depth := 0
	for at := 0; at < len(v); at++ {
		switch v[at] {
		case '"':
			for at++; v[at] != '"'; at++ {
				if v[at] == '\\' {
					at++
				}
			}
			if depth == 0 {
				return at + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth <= 0 {
				return at + 1 + depth // -1: the list around it ends here
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return at
			}
		}
	}
	return len(v)
}
