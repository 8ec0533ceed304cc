package plugin

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"testing"

	contract "example.com/my-plugin/bindings/sluicegate_plugin_types"
)

// judged gives what is wrong with a record, as "/pointer code" each, or a verdict that no record is to get.
func judged(body string) (found []string) {
	item := contract.Item{Body: contract.MakeBodyText(body)}
	verdict := Plugin.Judge(&contract.Request{}, []contract.Item{item}).Verdicts[0]
	switch verdict.Tag() {
	case contract.VerdictReject:
		for _, violation := range verdict.Reject() {
			found = append(found, violation.Pointer+" "+violation.Code)
		}
	case contract.VerdictFail:
		found = []string{verdict.Fail()}
	case contract.VerdictDiscard:
		found = []string{"discarded: " + verdict.Discard()}
	}
	slices.Sort(found)
	return found
}

func TestRecords(t *testing.T) {
	file, err := os.Open("records.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var test struct {
			Name   string
			Record json.RawMessage
			Text   string
			Expect json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &test); err != nil {
			t.Fatal(err)
		}
		var expect struct{ Reject []string }
		_ = json.Unmarshal(test.Expect, &expect) // or "accept"
		slices.Sort(expect.Reject)
		t.Run(test.Name, func(t *testing.T) {
			if found := judged(test.Text + string(test.Record)); !slices.Equal(found, expect.Reject) {
				t.Errorf("found %q, not %q", found, expect.Reject)
			}
		})
	}
}

// The gateway judges the examples too, before the plugin goes live.
func TestExamples(t *testing.T) {
	manifest, err := Plugin.Describe()
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid([]byte(manifest.Routes[0].Schema)) {
		t.Errorf("the schema is no JSON: %s", manifest.Routes[0].Schema)
	}
	for _, example := range manifest.Routes[0].Examples {
		verdict := Plugin.Judge(&contract.Request{}, []contract.Item{example.Item}).Verdicts[0]
		var codes, expected []string
		if verdict.Tag() == contract.VerdictReject {
			for _, violation := range verdict.Reject() {
				codes = append(codes, violation.Code)
			}
		}
		if example.Expect.Tag() == contract.ExpectationReject {
			expected = example.Expect.Reject()
		}
		slices.Sort(codes)
		slices.Sort(expected)
		if !slices.Equal(codes, expected) || verdict.Tag() == contract.VerdictFail {
			t.Errorf("%s: found %q, not %q", example.Name, codes, expected)
		}
	}
}
