package refunds_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// allowed is the state machine of domain.md, with the provider's word followed
// while a refund is open.
var allowed = map[refunds.Status][]refunds.Status{
	"":                    {refunds.StatusCreated},
	refunds.StatusCreated: {refunds.StatusSubmitted},
	refunds.StatusSubmitted: {refunds.StatusSucceeded, refunds.StatusFailed, refunds.StatusPending,
		refunds.StatusRequiresAction, refunds.StatusUnknown},
	refunds.StatusUnknown: {refunds.StatusSucceeded, refunds.StatusFailed, refunds.StatusPending,
		refunds.StatusRequiresAction},
	refunds.StatusPending:        {refunds.StatusSucceeded, refunds.StatusFailed, refunds.StatusRequiresAction},
	refunds.StatusRequiresAction: {refunds.StatusSucceeded, refunds.StatusFailed, refunds.StatusPending},
	refunds.StatusFailed:         {refunds.StatusSubmitted},
	refunds.StatusSucceeded:      {refunds.StatusReversed},
	refunds.StatusReversed:       nil,
}

func may(from, to refunds.Status) bool {
	if from == to {
		return true
	}
	for _, s := range allowed[from] {
		if s == to {
			return true
		}
	}
	return false
}

// op is one thing somebody tries with a refund.
type op struct {
	kind    int
	outcome payment.Outcome
	flags   int
}

func genOp() gopter.Gen {
	return gopter.CombineGens(
		gen.IntRange(0, 14),
		gen.OneConstOf(payment.OutcomeDone, payment.OutcomeDeclined, payment.OutcomeNoEffect, payment.OutcomePending,
			payment.OutcomeRequiresAction, payment.OutcomeUnknown, payment.Outcome("never heard of")),
		gen.IntRange(0, 63),
	).Map(func(v []any) op { return op{v[0].(int), v[1].(payment.Outcome), v[2].(int)} })
}

func (o op) flag(i int) bool { return o.flags>>i&1 == 1 }

func (o op) draft(n int) refunds.AttemptParams {
	methods := []payment.Method{payment.Card, payment.Card, payment.Cash, payment.StoreCredit}
	q := refunds.QuoteRequest{Currency: "USD", Lines: []refunds.QuoteRequestLine{{OrderLineID: "l", Bought: 3,
		Units: 1 + o.flags%3, Paid: money.Components{Price: 1000}}}}
	if o.flag(5) {
		q.Lines[0].Paid.Price, q.Lines[0].Free = 0, true
	}
	quote, err := refunds.NewQuote(q, nil)
	if err != nil {
		panic(err)
	}
	return refunds.AttemptParams{ID: fmt.Sprint("attempt-", n), Method: methods[o.flags%4],
		PaymentProviderID: "pi_1", PaidBy: kim, Request: q, Quote: quote}
}

func (o op) apply(r *refunds.Refund, st event.Stamp) error {
	switch o.kind {
	case 0, 1:
		return r.Submit(st)
	case 2:
		return r.Succeed(st, map[bool]string{true: "MANUAL-CAS-00001"}[o.flag(0)])
	case 3:
		return r.Retry(o.draft(len(r.Attempts)+1), st)
	case 4:
		return r.Resolve(st, refunds.ResolveParams{Paid: o.flag(0),
			Reason: map[bool]string{true: "they said so"}[o.flag(1)], ProviderID: "re_9"})
	case 5:
		return r.Reverse(st, refunds.ReverseParams{Code: "code", Reason: "reason"})
	case 6:
		r.Lease("token", st.At.Add(time.Second))
		return nil
	case 7:
		r.Expedite(st.At)
		return nil
	case 8, 9:
		return r.Hold(st, []string{"dp_1", "dp_2", refunds.AwaitingMethod, ""}[o.flags%4], "disputed")
	case 10:
		return r.Release(st, "won")
	}
	res := refunds.AttemptUpdate{
		Result: payment.Result{Outcome: o.outcome, Code: "code", Message: "message"}, Calls: o.flags % 3, Tries: 1,
		Doubt: o.flag(0), StoredError: o.flag(1), NextAt: st.At.Add(time.Hour),
	}
	if o.flag(2) {
		res.Result.ProviderID = "re_1"
	}
	if o.flag(3) {
		res.Result.Amount = r.Amount() + int64(o.flags%2)
	}
	if o.flag(4) && o.flag(5) {
		res.ReviewReason = "the outcome is unknown"
	}
	return r.RecordResult(st, res)
}

// TestTheStateMachine: I5 and I11 for the pure core, whatever is tried.
func TestTheStateMachine(t *testing.T) {
	params := gopter.DefaultTestParameters()
	params.MinSuccessfulTests = 500
	properties := gopter.NewProperties(params)
	properties.Property("only the transitions of the design, and events that fold to the state", prop.ForAll(
		func(first op, ops []op) string {
			now := time.Date(2026, 5, 4, 10, 0, 0, 987_654_321, time.UTC)
			r, err := refunds.NewRefund(refunds.Params{
				ID: "r", ClientReference: "ref", OrderID: "o", PaymentID: "p", Customer: "c", Attempt: first.draft(1),
			}, event.Stamp{At: now, By: kim})
			if err != nil {
				return err.Error()
			}
			for i, o := range ops {
				now = now.Add(time.Second)
				before, events := r.Clone(), len(r.PendingEvents())
				err := o.apply(r, event.Stamp{At: now, By: kim})
				made := r.PendingEvents()[events:]
				switch {
				case err != nil && refunds.CodeOf(err) == "":
					return fmt.Sprintf("step %d: an error without a code: %v", i, err)
				case err != nil && (len(made) != 0 || !reflect.DeepEqual(before, r.Clone())):
					return fmt.Sprintf("step %d: refused (%v) and changed", i, err)
				case r.OnHold() && (!r.Work.NeedsReview || !r.Work.NextAt.IsZero()):
					return fmt.Sprintf("step %d: held, and not in the review queue: %+v", i, r.Work)
				case !r.Status.Open() && r.HoldRef != "":
					return fmt.Sprintf("step %d: %s and held by %s", i, r.Status, r.HoldRef)
				case r.Attempt().Status != r.Status:
					return fmt.Sprintf("step %d: refund %s, attempt %s", i, r.Status, r.Attempt().Status)
				case r.Version != len(r.PendingEvents()):
					return fmt.Sprintf("step %d: version %d with %d events", i, r.Version, len(r.PendingEvents()))
				case !r.Status.Open() && (r.Work.NeedsReview || !r.Work.NextAt.IsZero() || r.Work.LeaseToken != ""):
					return fmt.Sprintf("step %d: %s with work %+v", i, r.Status, r.Work)
				}
				for j, a := range before.Attempts {
					b := r.Attempts[j]
					if a.ID != b.ID || a.Key != b.Key || a.Amount != b.Amount ||
						a.PaymentProviderID != b.PaymentProviderID || a.Method != b.Method {
						return fmt.Sprintf("step %d: the frozen attempt %+v became %+v", i, a, b)
					}
					if j < len(before.Attempts)-1 && a != b {
						return fmt.Sprintf("step %d: the old attempt %+v became %+v", i, a, b)
					}
				}
				for n, from := events, before.Status; n < len(r.PendingEvents()); n++ {
					then, err := refunds.Fold(r.PendingEvents()[:n+1])
					if err != nil || !may(from, then.Status) {
						return fmt.Sprintf("step %d: %s became %s (%v)", i, from, then.Status, err)
					}
					from = then.Status
				}
				folded, err := refunds.Fold(r.PendingEvents())
				if err != nil {
					return err.Error()
				}
				want := r.Clone()
				want.Lease("", time.Time{})
				want.Work.NextAt = time.Time{}
				if !reflect.DeepEqual(folded, want) {
					return fmt.Sprintf("step %d: folds to\n%+v, is\n%+v", i, folded, want)
				}
			}
			return ""
		}, genOp(), gen.SliceOf(genOp())))
	properties.TestingRun(t)
}

func TestFoldRefusesWhatIsNoHistory(t *testing.T) {
	st := event.Stamp{At: time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC), By: kim}
	r, err := refunds.NewRefund(refunds.Params{ID: "r", ClientReference: "ref", OrderID: "o", PaymentID: "p",
		Customer: "c", Attempt: op{}.draft(1)}, st)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Submit(st); err != nil {
		t.Fatal(err)
	}
	e := r.PendingEvents()
	odd := e[1]
	odd.Type = "refund.vanished"
	broken := e[1]
	broken.Data = []byte("{")
	for name, events := range map[string][]event.Event{
		"nothing": nil, "a gap": {e[1]}, "twice": {e[0], e[0]}, "an unknown type": {e[0],
			odd}, "no JSON": {e[0], broken},
	} {
		if _, err := refunds.Fold(events); err == nil {
			t.Errorf("%s: it was folded", name)
		}
	}
}

func TestAttemptsAreChecked(t *testing.T) {
	st := event.Stamp{At: time.Now(), By: kim}
	for want, spoil := range map[string]func(*refunds.Params){
		"id":                func(d *refunds.Params) { d.ID = "" },
		"reference":         func(d *refunds.Params) { d.ClientReference = "" },
		"attempt":           func(d *refunds.Params) { d.Attempt.ID = "" },
		"method":            func(d *refunds.Params) { d.Attempt.Method = payment.OriginalMethod },
		"payment_reference": func(d *refunds.Params) { d.Attempt.PaymentProviderID = "" },
		"amount":            func(d *refunds.Params) { d.Attempt.Quote.Amount = -1 },
	} {
		d := refunds.Params{ID: "r", ClientReference: "ref", OrderID: "o", PaymentID: "p", Customer: "c",
			Attempt: op{}.draft(1)}
		spoil(&d)
		if _, err := refunds.NewRefund(d, st); err == nil || !strings.Contains(err.Error(), want+":") {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}
