package input_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// order has a field of each kind.
type order struct {
	head

	Units   *int     `json:"quantity" validate:"required,min=1,max=9"`
	Percent *Number  `json:"shipping_weight" validate:"omitempty,decimals=2"`
	Gift    bool     `json:"gift"`
	Tags    []string `json:"tags" validate:"max=2"`
	Lines   []line   `json:"lines" validate:"max=3,dive"`
	Address *address `json:"address"`
}

type head struct {
	Order string `json:"sale_id" validate:"required"`
}

type line struct {
	ID     string `json:"sale_item_id" validate:"required"`
	Units  *int   `json:"units" validate:"required,min=0" text:"received"`
	Result string `json:"result" validate:"omitempty,word=GOOD BAD"`
}

type address struct {
	City string `json:"city" validate:"required"`
}

// Number is what forms and JSON write amounts in.
type Number = input.Number

// fields are the fields that an error names, in order.
func fields(err error) []string {
	var out []string
	for _, m := range problem.Of(err).Mistakes {
		out = append(out, m.Field)
	}
	return out
}

func TestAllMistakesAreNamedAtOnceAtTheirFields(t *testing.T) {
	n, percent := 10, Number("1.234")
	err := input.Check(order{
		Units: &n, Percent: &percent, Tags: []string{"a", "b", "c"}, Address: &address{},
		Lines: []line{{ID: "l", Units: &n, Result: "good"}, {Result: "so-so"}},
	})
	want := []string{
		"sale_id", "quantity", "shipping_weight", "tags", "lines[1].sale_item_id", "lines[1].units", "lines[1].result",
		"address.city",
	}
	if got := fields(err); !reflect.DeepEqual(got, want) {
		t.Errorf("the fields are %v, want %v", got, want)
	}
	p := problem.Of(err)
	for _, sentence := range []string{
		"sale_id is missing; it must be the id of the order", `quantity is "10"; it must be a whole number, such as 1.`,
		`shipping_weight is "1.234"; it must be a number from 0 on with at most 3 decimals.`,
		`tags is "a list of 3"; it must be another value.`, `it must be one of GOOD, BAD.`,
	} {
		if !strings.Contains(p.Message, sentence) {
			t.Errorf("%q is not in %q", sentence, p.Message)
		}
	}
	if p.Status != http.StatusBadRequest || p.Code != "INVALID" || p.Field != "sale_id" {
		t.Errorf("%+v", p)
	}
	words := p.PageMessage()
	if !strings.HasPrefix(words, "Choose an order.") || !strings.Contains(words, "Quantity is") {
		t.Errorf("a page says %q", words)
	}
}

func TestAWordIsOneOfTheListsThatItsRulesName(t *testing.T) {
	type filter struct {
		Status string `json:"unnamed" validate:"omitempty,known=results|word=ALL"`
	}
	for _, word := range []string{"", "all", "Approved"} {
		if err := input.Check(filter{word}); err != nil {
			t.Errorf("%q: %v", word, err)
		}
	}
	err := input.Check(filter{"none"})
	const want = `unnamed is "none"; it must be one of APPROVED, PARTIALLY_APPROVED, REJECTED, ALL.`
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestAFormIsReadIntoTheSameStruct(t *testing.T) {
	var o order
	err := input.Form(url.Values{
		"sale_id": {" 7 "}, "quantity": {"2"}, "shipping_weight": {"12.50"}, "gift": {"on"}, "tags": {"a,", "b"},
		"units_x": {"0"}, "result_x": {"bad"}, "units_y": {""}, "units_": {"1"}, "unknown": {"1", "2"},
	}, &o)
	if err != nil {
		t.Fatal(err)
	}
	if o.Order != "7" || *o.Units != 2 || *o.Percent != "12.50" || !o.Gift || len(o.Tags) != 2 || len(o.Lines) != 1 {
		t.Fatalf("%+v", o)
	}
	if l := o.Lines[0]; l.ID != "x" || *l.Units != 0 || l.Result != "bad" {
		t.Errorf("%+v", l)
	}
}

func TestAFormNamesItsOwnFields(t *testing.T) {
	var o order
	err := input.Form(url.Values{
		"sale_id": {"1", "2"}, "quantity": {"many"}, "units_x": {"0.5"}, "units_y": {"-1"}, "result_y": {"x"},
	}, &o)
	want := []string{"sale_id", "quantity", "units_x", "units_y", "result_y"}
	if got := fields(err); !reflect.DeepEqual(got, want) {
		t.Errorf("the fields are %v, want %v", got, want)
	}
	for _, sentence := range []string{
		"sale_id is given 2 times", `quantity is "many"; it must be a whole number, such as 1.`, `units_x is "0.5"`,
		`units_y is "-1"`,
	} {
		if !strings.Contains(err.Error(), sentence) {
			t.Errorf("%q is not in %q", sentence, err)
		}
	}
	if err := input.Query(url.Values{"sale_id": {"1", "2"}, "quantity": {"1"}}, &order{}); err != nil {
		t.Errorf("of an address the first counts: %v", err)
	}
}

func TestAnUnusableBodyIsRefusedByTheNameOfItsField(t *testing.T) {
	for name, row := range map[string]struct{ body, field, says string }{
		"unknown field":      {`{"odrer":"1"}`, "odrer", "There is no field"},
		"field twice":        {`{"sale_id":"1","Sale_id":"2"}`, "Sale_id", "twice"},
		"null":               {`{"quantity":null}`, "quantity", "null"},
		"wrong type":         {`{"sale_id":1}`, "sale_id", "it must be a string"},
		"wrong type inside":  {`{"lines":[{"units":"1"}]}`, "lines.units", "it must be a whole number"},
		"fraction":           {`{"quantity":1.5}`, "quantity", "it must be a whole number"},
		"huge":               {`{"quantity":1e400}`, "quantity", "it must be a whole number"},
		"huge whole number":  {`{"quantity":99999999999999999999}`, "quantity", "it must be a whole number"},
		"NUL":                {`{"sale_id":"a\u0000b"}`, "sale_id", "NUL"},
		"NUL inside":         {`{"lines":[{"result":"\u0000"}]}`, "lines[0].result", "NUL"},
		"two objects":        {`{} {}`, "body", "something after"},
		"no object":          {`[1]`, "body", "it must be an object"},
		"cut off":            {`{"sale_id":`, "body", "not valid JSON"},
		"nested too deeply":  {strings.Repeat(`{"address":`, 40), "body", "nested"},
		"object for a value": {`{"sale_id":{}}`, "sale_id", "it must be a string"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(row.body))
			p := problem.Of(input.JSON(r, &order{}))
			if p.Status != http.StatusBadRequest || p.Field != row.field || !strings.Contains(p.Message, row.says) {
				t.Errorf("%d %s %q; want 400, %s and %q", p.Status, p.Field, p.Message, row.field, row.says)
			}
		})
	}
}

// TestABodyIsPricedBeforeItIsDecoded: a value takes two or three bytes of the body and a hundred of
// memory.
func TestABodyIsPricedBeforeItIsDecoded(t *testing.T) {
	for name, value := range map[string]string{"objects": "{}", "texts": `""`, "numbers": "1", "lists": "[]"} {
		t.Run(name, func(t *testing.T) {
			decoded := false
			v := struct {
				Items decodes `json:"items"`
			}{decodes{&decoded}}
			err := input.Object([]byte(`{"items":[`+strings.Repeat(value+",", 10_000)+value+`]}`), &v)
			if p := problem.Of(err); p.Status != http.StatusBadRequest || !strings.Contains(p.Message, "10000 values") {
				t.Errorf("%+v", p)
			}
			if decoded {
				t.Error("it was decoded")
			}
		})
	}
}

// decodes notes that something was decoded.
type decodes struct{ done *bool }

func (d decodes) UnmarshalJSON([]byte) error { *d.done = true; return nil }
