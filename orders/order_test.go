package orders_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
)

var noon = event.Stamp{At: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC), By: event.System("test")}

// placed is a submitted order of one line of three units for 30.00.
func placed(t testing.TB, m payment.Method) *orders.Order {
	t.Helper()
	o, err := orders.NewOrder(orders.Params{
		ID: "o-1", CustomerID: "7", CartID: "c-1", TermsID: "t-1", Source: "test", Currency: "USD",
		Lines: []orders.Line{
			{ID: "l-1", ProductID: 1, Name: "Mouse", Quantity: 3, UnitList: 1000, Paid: money.Components{Price: 3000}},
		},
		PaymentID: "p-1", Method: m, Token: orderstest.TokenPays,
	}, noon)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func ExampleFold() {
	s := event.Stamp{At: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC), By: event.System("example")}
	o, err := orders.NewOrder(orders.Params{
		ID: "o-1", CustomerID: "7", Currency: "USD", PaymentID: "p-1", Method: payment.Cash,
		Lines: []orders.Line{{ID: "l-1", Name: "Mouse", Quantity: 1, Paid: money.Components{Price: 1999}}},
	}, s)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := o.Complete(s, ""); err != nil {
		fmt.Println(err)
		return
	}
	change, err := orders.NewChange(orders.Order{}, *o) // what a store saves
	if err != nil {
		fmt.Println(err)
		return
	}
	again, err := orders.Fold(change.Events)
	fmt.Println(again.Status, again.Total(), again.Version, err)
	// Output:
	// completed 1999 2 <nil>
}

func TestNumber(t *testing.T) {
	got := orders.Number("0196a1b2-0000-7000-8000-000000000001", time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC))
	if got != "ORD-20260504-FHBE3QPDMF" {
		t.Error(got)
	}
}

// TestOrderTransitions tries every step from every state (I5).
func TestOrderTransitions(t *testing.T) {
	steps := map[string]func(*orders.Order) error{
		"complete": func(o *orders.Order) error { return o.Complete(noon, "pi_1") },
		"queue":    func(o *orders.Order) error { return o.Queue(noon, "later") },
		"decline": func(o *orders.Order) error {
			return o.Decline(noon, payment.Result{Code: "card_declined", Message: "no"})
		},
		"cancel":    func(o *orders.Order) error { return o.Cancel(noon, "test") },
		"withdraw":  func(o *orders.Order) error { return o.Withdraw(noon) },
		"deliver":   func(o *orders.Order) error { return o.RecordDelivery(noon, noon.At) },
		"confirm":   func(o *orders.Order) error { return o.Confirming(noon, "pi_1") },
		"resolve":   func(o *orders.Order) error { return o.Resolve(noon, true, "seen") },
		"attempted": func(o *orders.Order) error { return o.ChargeAttempted(noon, orders.ChargeResult{}) },
	}
	for _, c := range []struct {
		from    orders.Status
		allowed map[string]orders.Status
	}{
		{orders.StatusSubmitted, map[string]orders.Status{
			"complete": orders.StatusCompleted, "queue": orders.StatusQueued, "decline": orders.StatusCanceled,
			"cancel":   orders.StatusCanceled,
			"withdraw": orders.StatusSubmitted, "confirm": orders.StatusSubmitted,
			"attempted": orders.StatusSubmitted}},
		{orders.StatusQueued, map[string]orders.Status{
			"complete": orders.StatusCompleted, "decline": orders.StatusCanceled, "cancel": orders.StatusCanceled,
			"withdraw": orders.StatusQueued, "confirm": orders.StatusQueued, "attempted": orders.StatusQueued}},
		{orders.StatusCompleted, map[string]orders.Status{"deliver": orders.StatusCompleted}},
		{orders.StatusCanceled, nil},
	} {
		for name, step := range steps {
			o := placed(t, payment.Card)
			switch c.from {
			case orders.StatusQueued:
				must(t, o.Queue(noon, "later"))
			case orders.StatusCompleted:
				must(t, o.Complete(noon, "pi_1"))
			case orders.StatusCanceled:
				must(t, o.Cancel(noon, "test"))
			}
			before := o.Clone()
			err := step(o)
			want, allowed := c.allowed[name]
			switch {
			case allowed && (err != nil || o.Status != want):
				t.Errorf("%s a %s order: %s, %v; want %s", name, c.from, o.Status, err, want)
			case !allowed && orders.CodeOf(err) != orders.CodeTransition:
				t.Errorf("%s a %s order: %v; want a refusal", name, c.from, err)
			case !allowed && !reflect.DeepEqual(o.Clone(), before):
				t.Errorf("%s a %s order was refused, and changed it", name, c.from)
			}
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCancelOnlyWhenCertainlyUnpaid(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps func(o *orders.Order) error
		want  orders.Code
	}{
		{"nothing was confirmed", func(*orders.Order) error { return nil }, ""},
		{"a confirm is out", func(o *orders.Order) error { return o.Confirming(noon, "pi_1") },
			orders.CodePaymentUncertain},
		{"a confirm had no effect, and could be sent again", func(o *orders.Order) error {
			if err := o.Confirming(noon, "pi_1"); err != nil {
				return err
			}
			return o.ChargeAttempted(noon, orders.ChargeResult{Outcome: payment.OutcomeNoEffect})
		}, orders.CodePaymentUncertain},
		{"the provider withdrew it", func(o *orders.Order) error {
			if err := o.Confirming(noon, "pi_1"); err != nil {
				return err
			}
			return o.Withdraw(noon)
		}, ""},
	} {
		o := placed(t, payment.Card)
		must(t, c.steps(o))
		if err := o.Cancel(noon, "test"); orders.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestAPaymentKeepsItsReference(t *testing.T) {
	o := placed(t, payment.Card)
	if err := o.Complete(noon, ""); orders.CodeOf(err) != orders.CodeInvalid {
		t.Errorf("completed without a reference: %v", err)
	}
	must(t, o.Confirming(noon, "pi_1"))
	must(t, o.Confirming(noon, "pi_1"))
	for _, ref := range []string{"", "pi_2"} {
		if err := o.Confirming(noon, ref); orders.CodeOf(err) != orders.CodeInvalid {
			t.Errorf("charged on %q too: %v", ref, err)
		}
	}
	must(t, o.Complete(noon, ""))
	if o.Payment.ProviderID != "pi_1" {
		t.Errorf("reference %q", o.Payment.ProviderID)
	}
}

func TestChargeRequestIsTheSameUnlessTheKeyIsSpoilt(t *testing.T) {
	o := placed(t, payment.Card)
	first := o.ChargeRequest()
	if want := (payment.ChargeRequest{Key: "charge-p-1", OrderID: "o-1", PaymentID: "p-1", Amount: 3000,
		Currency: "USD", Method: payment.Card, Token: orderstest.TokenPays}); first != want {
		t.Errorf("%+v, want %+v", first, want)
	}
	must(t, o.ChargeAttempted(noon, orders.ChargeResult{Outcome: payment.OutcomeUnknown}))
	if o.ChargeRequest() != first {
		t.Error("an attempt changed the request")
	}
	must(t, o.ChargeAttempted(noon, orders.ChargeResult{Outcome: payment.OutcomeUnknown, NewKey: true}))
	if got := o.ChargeRequest().Key; got == first.Key {
		t.Errorf("key %q was to be given up", got)
	}
}

func TestRecordDelivery(t *testing.T) {
	o := placed(t, payment.Cash)
	must(t, o.Complete(noon, ""))
	later := event.Stamp{At: noon.At.AddDate(0, 0, 10), By: noon.By}
	for _, c := range []struct {
		name string
		at   time.Time
		want orders.Code
	}{
		{"the morning of the purchase", noon.At.Add(-12 * time.Hour), ""},
		{"the day before", noon.At.Add(-13 * time.Hour), orders.CodeInvalid},
		{"now", later.At, ""},
		{"tomorrow", later.At.Add(time.Hour), orders.CodeInvalid},
		{"a correction", noon.At.AddDate(0, 0, 3), ""},
	} {
		if err := o.RecordDelivery(later, c.at); orders.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if want := noon.At.AddDate(0, 0, 3); o.DeliveredAt != want {
		t.Errorf("delivered at %v, want %v", o.DeliveredAt, want)
	}
	version := o.Version
	must(t, o.RecordDelivery(later, o.DeliveredAt))
	if o.Version != version {
		t.Error("recording the same instant again is an event")
	}
}

func TestPlaceRefuses(t *testing.T) {
	good := orders.Params{ID: "o", CustomerID: "7", Currency: "USD", PaymentID: "p", Method: payment.Cash,
		Lines: []orders.Line{{ID: "l", Quantity: 1, Paid: money.Components{Price: 1}}}}
	for name, change := range map[string]func(*orders.Params){
		"no id":             func(d *orders.Params) { d.ID = "" },
		"no customer":       func(d *orders.Params) { d.CustomerID = "" },
		"unknown method":    func(d *orders.Params) { d.Method = "cheque" },
		"no lines":          func(d *orders.Params) { d.Lines = nil },
		"a line without id": func(d *orders.Params) { d.Lines = []orders.Line{{Quantity: 1}} },
		"no units":          func(d *orders.Params) { d.Lines = []orders.Line{{ID: "l"}} },
		"negative duty": func(d *orders.Params) {
			d.Lines = []orders.Line{{ID: "l", Quantity: 1, Paid: money.Components{Duty: -1}}}
		},
	} {
		d := good
		change(&d)
		if _, err := orders.NewOrder(d, noon); orders.CodeOf(err) == "" {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
}

func TestFoldRefusesWhatIsNoHistory(t *testing.T) {
	o := placed(t, payment.Cash)
	must(t, o.Complete(noon, ""))
	events := o.PendingEvents()
	for name, bad := range map[string][]event.Event{
		"nothing":       nil,
		"a gap":         events[1:],
		"two of one":    {events[0], events[0]},
		"another order": {events[0], {AggregateID: "o-2", Seq: 2, Type: orders.EventQueued}},
		"unknown type":  {events[0], {AggregateID: "o-1", Seq: 2, Type: "order.eaten"}},
		"broken data":   {events[0], {AggregateID: "o-1", Seq: 2, Type: orders.EventQueued, Data: []byte("{")}},
	} {
		if _, err := orders.Fold(bad); err == nil {
			t.Errorf("%s was folded", name)
		}
	}
}

// TestOrderHistoryProperties walks at random (I5, I11).
func TestOrderHistoryProperties(t *testing.T) {
	p := properties()
	p.Property("any steps fold to the same order, final states stay, amounts stay", prop.ForAll(
		func(steps []int) string {
			o := placed(t, payment.Card)
			events := o.PendingEvents()
			for i, step := range steps {
				before := o.Clone()
				s := event.Stamp{At: noon.At.Add(time.Duration(i) * time.Minute), By: noon.By}
				var err error
				switch step {
				case 0:
					err = o.Queue(s, "later")
				case 1:
					err = o.Confirming(s, "pi_1")
				case 2:
					err = o.ChargeAttempted(s, orders.ChargeResult{
						Outcome:       payment.OutcomeUnknown,
						Code:          "x",
						MayBeCaptured: true,
						NewKey:        i%2 == 0,
						NextAt:        s.At,
					})
				case 3:
					err = o.ChargeAttempted(s, orders.ChargeResult{Outcome: payment.OutcomeNoEffect, Message: "m"})
				case 4:
					err = o.Complete(s, "pi_1")
				case 5:
					err = o.Decline(s, payment.Result{Code: "card_declined", Message: "no"})
				case 6:
					err = o.Withdraw(s)
				case 7:
					err = o.Cancel(s, "test")
				case 8:
					err = o.RecordDelivery(s, s.At)
				case 9:
					o.Payment.Work.Lease("w", s.At)
				}
				events = o.PendingEvents()
				if err != nil && !reflect.DeepEqual(o.Clone(), before) {
					return fmt.Sprintf("step %d failed and changed the order", step)
				}
				if final := before.Status == orders.StatusCompleted || before.Status == orders.StatusCanceled; final &&
					o.Status != before.Status {
					return fmt.Sprintf("%s became %s", before.Status, o.Status)
				}
				if o.Status == orders.StatusCanceled && before.Payment.Status == orders.PaymentUnknown && step == 7 {
					return "cancelled while it may be paid"
				}
				if (o.Status == orders.StatusCompleted) != (o.Payment.Status == orders.PaymentCaptured) {
					return fmt.Sprintf("%s with a payment %s", o.Status, o.Payment.Status)
				}
			}
			folded, err := orders.Fold(events)
			if err != nil {
				return err.Error()
			}
			o.Payment.Work.Lease("", time.Time{})
			if want := o.Clone(); !reflect.DeepEqual(folded, want) {
				return fmt.Sprintf("folded %+v, stored %+v", folded, want)
			}
			return ""
		}, gen.SliceOf(gen.IntRange(0, 9))))
	p.Property("numbers of one day differ", prop.ForAll(func(a, b string) bool {
		na, nb := orders.Number(a, noon.At), orders.Number(b, noon.At)
		return strings.HasPrefix(na, "ORD-20260504-") && len(na) == 23 && (a == b) == (na == nb)
	}, gen.AnyString(), gen.AnyString()))
	p.TestingRun(t)
}

func TestErrors(t *testing.T) {
	cause := fmt.Errorf("disk full")
	err := fmt.Errorf("save: %w", &orders.Error{Code: orders.CodeOutOfStock, Message: "2 left", Err: cause})
	if orders.CodeOf(err) != orders.CodeOutOfStock || err.Error() != "save: orders: OUT_OF_STOCK: 2 left" {
		t.Errorf("%v has the code %q", err, orders.CodeOf(err))
	}
	if orders.CodeOf(cause) != "" || orders.CodeOf(nil) != "" ||
		orders.CodeOf(orders.ErrNotFound) != orders.CodeNotFound {
		t.Error("codes of errors that are no Error")
	}
}

func properties() *gopter.Properties {
	p := gopter.DefaultTestParameters()
	p.MinSuccessfulTests = 300
	return gopter.NewProperties(p)
}

// TestMayBeCapturedNeedsAConfirm: an attempt can't leave a payment unknown that no confirm
// was recorded for.
func TestMayBeCapturedNeedsAConfirm(t *testing.T) {
	o := placed(t, payment.Card)
	r := orders.ChargeResult{Outcome: payment.OutcomeUnknown, MayBeCaptured: true}
	before := o.Clone()
	var e *orders.Error
	if err := o.ChargeAttempted(noon, r); !errors.As(err, &e) || e.Field != "may_be_captured" {
		t.Errorf("without a confirm: %v", err)
	}
	if !reflect.DeepEqual(o.Clone(), before) {
		t.Error("the refusal changed the order")
	}
	if err := o.Confirming(noon, "pi_1"); err != nil {
		t.Fatal(err)
	}
	if err := o.ChargeAttempted(noon, r); err != nil || o.Payment.Status != orders.PaymentUnknown {
		t.Errorf("after a confirm: %v, %s", err, o.Payment.Status)
	}
}
