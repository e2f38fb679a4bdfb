package returns_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/returns"
)

// allowed is the state machine of the return, written out a second time.
var allowed = map[returns.Status][]returns.Status{
	returns.StatusPendingCustomerInfo: {returns.StatusPendingAuthorization, returns.StatusCanceled},
	returns.StatusPendingAuthorization: {
		returns.StatusPendingCustomerInfo,
		returns.StatusAuthorized,
		returns.StatusRejected,
		returns.StatusCanceled,
	},
	returns.StatusAuthorized: {
		returns.StatusInTransit,
		returns.StatusReceived,
		returns.StatusRejected,
		returns.StatusCanceled,
	},
	returns.StatusInTransit:       {returns.StatusReceived},
	returns.StatusReceived:        {returns.StatusUnderInspection},
	returns.StatusUnderInspection: {returns.StatusApproved, returns.StatusRejected},
	returns.StatusApproved:        {returns.StatusRefunded},
}

// actions are what can be done with a case; n varies what is accepted.
var actions = []struct {
	name string
	do   func(r *returns.Return, n int, s event.Stamp) error
}{
	{"request info", func(r *returns.Return, _ int, s event.Stamp) error { return r.RequestInfo(s, "which one?") }},
	{"provide info", func(r *returns.Return, _ int, s event.Stamp) error { return r.ProvideInfo(s, "this one", nil) }},
	{"authorize", func(r *returns.Return, _ int, s event.Stamp) error { return r.Authorize(s, "") }},
	{"reject", func(r *returns.Return, _ int, s event.Stamp) error { return r.Reject(s, "no") }},
	{"cancel", func(r *returns.Return, _ int, s event.Stamp) error { return r.Cancel(s) }},
	{"ship", func(r *returns.Return, _ int, s event.Stamp) error {
		return r.Ship(s, returns.ReverseShipment{Carrier: "UPS", TrackingNumber: "1Z"})
	}},
	{"receive", func(r *returns.Return, n int, s event.Stamp) error {
		return r.Receive(s, []returns.ReceiptLine{{OrderLineID: "lamp", Received: n}}, "")
	}},
	{"inspect", func(r *returns.Return, n int, s event.Stamp) error {
		in := returns.InspectionInput{
			Result: returns.InspectionPartiallyApproved, InspectedBy: "Kim", Lines: []returns.InspectionLine{
				{OrderLineID: "lamp", Accepted: &n},
			},
		}
		if n == 0 {
			in = returns.InspectionInput{Result: returns.InspectionRejected, InspectedBy: "Kim"}
		}
		return r.Inspect(s, in)
	}},
	{"inspect later", func(r *returns.Return, _ int, s event.Stamp) error {
		return r.Inspect(
			s, returns.InspectionInput{
				Result: returns.InspectionApproved, InspectedBy: "Kim", Lines: []returns.InspectionLine{
					{OrderLineID: "lamp", Manual: true},
				},
			},
		)
	}},
	{"start a refund", func(r *returns.Return, _ int, s event.Stamp) error { return r.StartEarlyRefund(s) }},
	{"refund failed", func(r *returns.Return, _ int, s event.Stamp) error { return r.RefundFailed(s) }},
	{"refund succeeded", func(r *returns.Return, n int, s event.Stamp) error {
		return r.RefundSucceeded(s, fmt.Sprint("refund-", n))
	}},
	{"refund reversed", func(r *returns.Return, n int, s event.Stamp) error {
		return r.RefundReversed(s, fmt.Sprint("refund-", n))
	}},
	{"restocked", func(r *returns.Return, _ int, s event.Stamp) error { return r.MarkRestocked(s) }},
	{"override", func(r *returns.Return, _ int, s event.Stamp) error {
		return r.Override(s, returns.Override{Rules: []string{returns.RuleRefundEarly}, Reason: "goodwill"})
	}},
	{"close task", func(r *returns.Return, n int, s event.Stamp) error { return r.CloseTask(s, n, "done") }},
	{"assign RMA", func(r *returns.Return, _ int, s event.Stamp) error { return r.AssignRMA(s, "RMA-1") }},
}

func draft(t interface{ Fatal(...any) }) *returns.Return {
	r, err := returns.NewReturn(event.Stamp{At: start, By: kim}, returns.Params{
		ID: "r", OrderID: "o", CustomerID: "ann", TermsID: "t", Reason: returns.ReasonDamaged,
		Lines: []returns.Line{{ID: "l", OrderLineID: "lamp", ProductID: "1", Name: "Lamp", Quantity: 3}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// in takes a case to a status.
func in(t *testing.T, status returns.Status) *returns.Return {
	t.Helper()
	r := draft(t)
	path := map[returns.Status]string{
		returns.StatusPendingCustomerInfo: "request info", returns.StatusAuthorized: "authorize",
		returns.StatusInTransit: "authorize,ship",
		returns.StatusReceived:  "authorize,receive", returns.StatusUnderInspection: "authorize,receive,inspect later",
		returns.StatusApproved: "authorize,receive,inspect",
		returns.StatusRefunded: "authorize,receive,inspect,refund succeeded",
		returns.StatusRejected: "reject", returns.StatusCanceled: "cancel",
	}[status]
	for rest := path; rest != ""; {
		for _, a := range actions {
			if rest == a.name || len(rest) > len(a.name) && rest[:len(a.name)+1] == a.name+"," {
				if err := a.do(r, 2, event.Stamp{At: start, By: kim}); err != nil {
					t.Fatal(err)
				}
				rest = rest[min(len(rest), len(a.name)+1):]
				break
			}
		}
	}
	if r.Status != status {
		t.Fatalf("%s leads to %s", path, r.Status)
	}
	return r
}

// TestEveryActionInEveryStatus is the state machine as a table: which action
// leads where; every other one is refused and changes nothing.
func TestEveryActionInEveryStatus(t *testing.T) {
	leads := map[string]map[returns.Status]returns.Status{
		"request info": {returns.StatusPendingAuthorization: returns.StatusPendingCustomerInfo},
		"provide info": {returns.StatusPendingCustomerInfo: returns.StatusPendingAuthorization},
		"authorize":    {returns.StatusPendingAuthorization: returns.StatusAuthorized},
		"reject": {
			returns.StatusPendingAuthorization: returns.StatusRejected,
			returns.StatusAuthorized:           returns.StatusRejected,
		},
		"cancel": {
			returns.StatusPendingCustomerInfo:  returns.StatusCanceled,
			returns.StatusPendingAuthorization: returns.StatusCanceled,
			returns.StatusAuthorized:           returns.StatusCanceled,
		},
		"ship": {returns.StatusAuthorized: returns.StatusInTransit},
		"receive": {
			returns.StatusAuthorized: returns.StatusReceived,
			returns.StatusInTransit:  returns.StatusReceived,
			returns.StatusReceived:   returns.StatusReceived,
		},
		"inspect": {
			returns.StatusReceived:        returns.StatusApproved,
			returns.StatusUnderInspection: returns.StatusApproved,
		},
	}
	for _, status := range returns.Statuses() {
		if got, want := status.Next(), allowed[status]; !slices.Equal(got, want) || status.Final() != (len(want) == 0) {
			t.Errorf("%s leads to %v, want %v", status, got, want)
		}
		for _, a := range actions[:8] {
			r := in(t, status)
			before := r.Clone()
			err := a.do(r, 2, event.Stamp{At: start, By: kim})
			want, ok := leads[a.name][status]
			switch {
			case ok && (err != nil || r.Status != want):
				t.Errorf("%s when %s: %s, %v; want %s", a.name, status, r.Status, err, want)
			case !ok && (returns.CodeOf(err) != returns.CodeTransition || !reflect.DeepEqual(before, r.Clone())):
				t.Errorf("%s when %s: %s, %v; want a refusal", a.name, status, r.Status, err)
			}
		}
	}
}

// TestTheStateMachine: I2 for one case, I5 and I11, whatever is tried.
func TestTheStateMachine(t *testing.T) {
	type op struct{ action, n int }
	genOp := gopter.CombineGens(gen.IntRange(0, len(actions)-1), gen.IntRange(-1, 4)).Map(
		func(v []any) op { return op{v[0].(int), v[1].(int)} },
	)
	params := gopter.DefaultTestParameters()
	params.MinSuccessfulTests = 500
	properties := gopter.NewProperties(params)
	properties.Property(
		"only the transitions of the design, and events that fold to the state",
		prop.ForAll(func(ops []op) string {
			r, now := draft(t), start
			for i, o := range ops {
				now = now.Add(time.Second)
				before, events := r.Clone(), len(r.PendingEvents())
				err := actions[o.action].do(r, o.n, event.Stamp{At: now, By: kim})
				what := fmt.Sprintf("step %d, %s %d", i, actions[o.action].name, o.n)
				if err != nil &&
					(returns.CodeOf(err) == "" || len(r.PendingEvents()) != events ||
						!reflect.DeepEqual(before, r.Clone())) {
					return fmt.Sprintf("%s: refused (%v) and changed", what, err)
				}
				for from, e := before.Status, r.PendingEvents()[events:]; len(e) > 0; e = e[1:] {
					at, ferr := returns.Fold(r.PendingEvents()[:e[0].Seq])
					if ferr != nil {
						return ferr.Error()
					}
					if at.Status != from && !slices.Contains(allowed[from], at.Status) {
						return fmt.Sprintf("%s: %s became %s", what, from, at.Status)
					}
					from = at.Status
				}
				released := before.EarlyRefund &&
					!r.EarlyRefund // the money is not given any more, so the units are not either
				if len(allowed[before.Status]) == 0 &&
					(r.Status != before.Status || !released && !reflect.DeepEqual(
						r.ClaimedUnits(), before.ClaimedUnits(),
					)) {
					return what + ": a final case changed"
				}
				if held := r.ClaimedUnits()["lamp"]; held < 0 || held > 3 || r.Lines[0].Accepted > r.Lines[0].Received {
					return fmt.Sprintf("%s: holds %d", what, held)
				}
				folded, ferr := returns.Fold(r.PendingEvents())
				if ferr != nil || !reflect.DeepEqual(folded, r.Clone()) {
					return fmt.Sprintf("%s: folds to\n%+v, is\n%+v, %v", what, folded, r.Clone(), ferr)
				}
			}
			return ""
		}, gen.SliceOf(genOp)),
	)
	properties.TestingRun(t)
}

func TestGoodsAreCountedPerLine(t *testing.T) {
	r := draft(t)
	s := event.Stamp{At: start, By: kim}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(r.Authorize(s, ""))
	line := func(n int) []returns.ReceiptLine { return []returns.ReceiptLine{{OrderLineID: "lamp", Received: n}} }
	for _, bad := range [][]returns.ReceiptLine{
		line(-1), line(1_000_001), {{OrderLineID: "none", Received: 1}}, append(line(1), line(1)...),
	} {
		if err := r.Receive(s, bad, ""); returns.CodeOf(err) != returns.CodeInvalid {
			t.Errorf("%+v was received: %v", bad, err)
		}
	}
	for _, c := range []struct {
		n    int
		kind returns.ReceiptKind
	}{{1, returns.ReceiptPartial}, {2, returns.ReceiptFull}, {1, returns.ReceiptOver}} {
		ok(r.Receive(s, line(c.n), ""))
		if last := r.Receipts[len(r.Receipts)-1]; last.Kind != c.kind {
			t.Errorf("received %d more: %s, want %s", c.n, last.Kind, c.kind)
		}
	}
	if err := r.Receive(s, nil, ""); returns.CodeOf(err) != returns.CodeInvalid {
		t.Errorf("nothing outstanding was received: %v", err)
	}
	four := 4
	err := r.Inspect(
		s, returns.InspectionInput{
			Result: returns.InspectionPartiallyApproved, InspectedBy: "Kim", Lines: []returns.InspectionLine{
				{OrderLineID: "lamp", Accepted: &four},
			},
		},
	)
	if returns.CodeOf(err) != returns.CodeNotReceived {
		t.Errorf("more was accepted than requested: %v", err)
	}

	for _, c := range []struct {
		name        string
		received    int
		in          returns.InspectionInput
		status      returns.Status
		accepted    int
		disposition returns.Disposition
		kind        returns.ReceiptKind
	}{
		{
			"approved", 3, returns.InspectionInput{Result: returns.InspectionApproved}, returns.StatusApproved, 3,
			returns.Restock, returns.ReceiptFull,
		},
		{
			"short", 2, returns.InspectionInput{Result: returns.InspectionApproved}, returns.StatusApproved, 2,
			returns.Restock, returns.ReceiptShort,
		},
		{
			"nothing came", 0, returns.InspectionInput{Result: returns.InspectionRejected}, returns.StatusRejected, 0,
			returns.Missing, returns.ReceiptShort,
		},
		{
			"rejected", 3, returns.InspectionInput{Result: returns.InspectionRejected}, returns.StatusRejected, 0,
			returns.ReturnToCustomer, returns.ReceiptFull,
		},
		{
			"quarantined", 3,
			returns.InspectionInput{
				Result: returns.InspectionApproved,
				Lines: []returns.InspectionLine{
					{OrderLineID: "lamp", Disposition: returns.Quarantine, Condition: returns.ConditionDefective},
				},
			},
			returns.StatusApproved, 3, returns.Quarantine, returns.ReceiptFull,
		},
		{
			"left to staff", 3,
			returns.InspectionInput{
				Result: returns.InspectionApproved,
				Lines:  []returns.InspectionLine{{OrderLineID: "lamp", Manual: true}},
			},
			returns.StatusUnderInspection, 0, "", returns.ReceiptFull,
		},
	} {
		r := draft(t)
		ok(r.Authorize(s, ""))
		ok(r.Receive(s, line(c.received), ""))
		c.in.InspectedBy = "Kim"
		ok(r.Inspect(s, c.in))
		l := r.Lines[0]
		if r.Status != c.status || l.Accepted != c.accepted || l.Disposition != c.disposition ||
			r.Receipts[0].Kind != c.kind {
			t.Errorf("%s: %s, %+v, %+v", c.name, r.Status, l, r.Receipts[0])
		}
	}
	for name, bad := range map[string]returns.InspectionInput{
		"no result":             {InspectedBy: "Kim"},
		"nobody":                {Result: returns.InspectionApproved},
		"partial without lines": {Result: returns.InspectionPartiallyApproved, InspectedBy: "Kim"},
		"accepted and sent back": {
			Result: returns.InspectionApproved, InspectedBy: "Kim",
			Lines: []returns.InspectionLine{{OrderLineID: "lamp", Disposition: returns.ReturnToCustomer}},
		},
		"no such condition": {Result: returns.InspectionApproved, InspectedBy: "Kim", Lines: []returns.InspectionLine{
			{OrderLineID: "lamp", Condition: "WET"},
		}},
		"approved, and fewer units": {
			Result: returns.InspectionApproved, InspectedBy: "Kim",
			Lines: []returns.InspectionLine{{OrderLineID: "lamp", Accepted: new(int)}},
		},
		"partial, and nothing taken": {
			Result: returns.InspectionPartiallyApproved, InspectedBy: "Kim",
			Lines: []returns.InspectionLine{{OrderLineID: "lamp", Accepted: new(int)}},
		},
	} {
		r := in(t, returns.StatusReceived)
		if err := r.Inspect(s, bad); returns.CodeOf(err) != returns.CodeInvalid || r.Status != returns.StatusReceived {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFoldRefusesWhatIsNoHistory(t *testing.T) {
	e := in(t, returns.StatusAuthorized).PendingEvents()
	odd, broken := e[1], e[1]
	odd.Type, broken.Data = "return.vanished", []byte("{")
	for name, events := range map[string][]event.Event{
		"nothing": nil, "a gap": {e[0], e[0]}, "an unknown type": {e[0], odd}, "no JSON": {e[0], broken},
	} {
		if _, err := returns.Fold(events); err == nil || errors.Is(err, returns.ErrNotFound) {
			t.Errorf("%s: it was folded", name)
		}
	}
}

func TestAReturnIsRefusedForAnIDThatNoDatabaseKeeps(t *testing.T) {
	for field, spoil := range map[string]func(p *returns.Params, text string){
		"id":          func(p *returns.Params, text string) { p.ID = text },
		"order_id":    func(p *returns.Params, text string) { p.OrderID = text },
		"customer_id": func(p *returns.Params, text string) { p.CustomerID = text },
		"terms_id":    func(p *returns.Params, text string) { p.TermsID = text },
	} {
		t.Run(field, func(t *testing.T) {
			for _, text := range []string{"bad\xff", "nul\x00", strings.Repeat("x", 256)} {
				p := returns.Params{
					ID: "r", OrderID: "o", CustomerID: "c", TermsID: "t", Reason: returns.ReasonDamaged,
					Lines: []returns.Line{{ID: "l", OrderLineID: "1", Quantity: 1}},
				}
				spoil(&p, text)
				_, err := returns.NewReturn(event.Stamp{At: start, By: kim}, p)
				var refused *returns.Error
				if !errors.As(err, &refused) || refused.Code != returns.CodeInvalid || refused.Field != field {
					t.Errorf("%.20q: %v, want it refused for %s", text, err, field)
				}
			}
		})
	}
}
