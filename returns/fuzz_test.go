package returns_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/returns"
)

// FuzzEvaluate: I2, I12 and the promises of a Finding, whatever the terms, the
// order and the request hold, also what no validation would have let pass.
func FuzzEvaluate(f *testing.F) {
	add := func(p returns.Policy, a returns.Request, claimed int, after int64) {
		terms, err := json.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		ask, err := json.Marshal(a)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(terms), string(ask), claimed, after)
	}
	ask := returns.Request{
		CustomerID: "ann", Reason: returns.ReasonDamaged, Items: []returns.RequestItem{
			{OrderLineID: "lamp", Quantity: 1},
		},
	}
	add(policy(), ask, 0, int64(time.Hour))
	add(policy(), ask, 4, int64(40*24*time.Hour))
	add(policy(), ask, -37, int64(time.Hour)) // no claim makes more units of a line than were bought
	add(returns.Policy{}, returns.Request{}, -1, -1<<63)
	ask.Items = append(
		ask.Items, returns.RequestItem{OrderLineID: "socks", Quantity: -1 << 62}, returns.RequestItem{
			OrderLineID: "lamp", Quantity: 1<<62 - 1,
		},
	)
	ask.Photos = []string{"jpeg", "php", "\xff"}
	p := policy()
	p.WindowDays, p.Windows = 1<<40, []returns.Window{{Category: "HOME", Reason: returns.ReasonDamaged, Days: -1 << 40}}
	add(p, ask, 1<<62, 1<<62)
	f.Fuzz(func(t *testing.T, terms, asked string, claimed int, after int64) {
		var p returns.Policy
		var a returns.Request
		if json.Unmarshal([]byte(terms), &p) != nil || json.Unmarshal([]byte(asked), &a) != nil {
			return
		}
		o, at, claims := sample(), start.Add(time.Duration(after)), returns.Claims{"lamp": claimed}
		v := returns.Evaluate(returns.Terms{ID: "t", Policy: p}, o, claims, a, at)
		if again := returns.Evaluate(returns.Terms{ID: "t", Policy: p}, o, claims, a, at); !reflect.DeepEqual(
			v,
			again,
		) {
			t.Errorf("the same inputs give %+v and %+v", v, again)
		}
		if v.Eligible != (len(v.Reasons()) == 0) || (v.Message() == "") != v.Eligible {
			t.Errorf("eligible %v, with %v, in words %q", v.Eligible, v.Reasons(), v.Message())
		}
		if len(v.Lines) != len(a.Items) {
			t.Fatalf("%d verdicts on %d items", len(v.Lines), len(a.Items))
		}
		for i, l := range v.Lines {
			line, ok := o.Line(a.Items[i].OrderLineID)
			if l.Eligible &&
				(!ok || a.Items[i].Quantity < 1 || a.Items[i].Quantity > line.Quantity ||
					a.Items[i].Quantity > l.Returnable && v.Eligible) {
				t.Errorf("item %d passes: %+v, returnable %d", i, a.Items[i], l.Returnable)
			}
			if l.Returnable < 0 || ok && l.Returnable > line.Quantity || !ok && l.Returnable > 0 {
				t.Errorf("item %d: %d units returnable", i, l.Returnable)
			}
			for _, finding := range append(l.Findings, v.Findings...) {
				if m := finding.Message(); m == "" || strings.Contains(m, "%!") {
					t.Errorf("%s in words: %q", finding.Code, m)
				}
			}
		}
		for _, l := range returns.Returnable(returns.Terms{ID: "t", Policy: p}, o, claims, at) {
			if l.Eligible != (l.Returnable > 0) {
				t.Errorf("line %s: eligible %v, %d units returnable", l.OrderLineID, l.Eligible, l.Returnable)
			}
		}
	})
}
