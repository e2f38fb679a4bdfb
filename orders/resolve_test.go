package orders_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
)

// TestTheProvidersWordCountsMoreThanAPersons: an order whose provider gave no
// answer until staff had to look, and that can be asked again by then.
func TestTheProvidersWordCountsMoreThanAPersons(t *testing.T) {
	for _, tc := range []struct {
		name     string
		confirm  orderstest.Fault // of the first confirm
		cancel   orderstest.Fault // of the worker's cancels
		then     orderstest.Fault // of later look-ups and cancels
		captured bool             // the person's word
		want     string           // status, charges, cancels; or a refusal
	}{
		{"captured, and called paid", orderstest.FaultLostAfter, orderstest.FaultLostBefore, orderstest.FaultNone,
			true, "completed 1 0"},
		{"captured, and called unpaid", orderstest.FaultLostAfter, orderstest.FaultLostBefore, orderstest.FaultNone,
			false, "PAYMENT_UNCERTAIN"},
		{"not captured, and called unpaid", orderstest.FaultLostBefore, orderstest.FaultLostBefore,
			orderstest.FaultNone, false, "cancelled 0 1"},
		{"not captured, and called paid", orderstest.FaultLostBefore, orderstest.FaultLostBefore,
			orderstest.FaultNone, true, "PAYMENT_UNCERTAIN"},
		{"cancelled there, and called paid", orderstest.FaultLostBefore, orderstest.FaultLostAfter,
			orderstest.FaultNone, true, "PAYMENT_UNCERTAIN"},
		{"nobody answers, and called paid", orderstest.FaultLostAfter, orderstest.FaultLostBefore,
			orderstest.FaultLostBefore, true, "completed 1 0"},
		{"nobody answers, and called unpaid", orderstest.FaultLostBefore, orderstest.FaultLostBefore,
			orderstest.FaultLostBefore, false, "cancelled 0 0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, func(c *orders.Config) { c.QueueLimit, c.GiveUpAfter = time.Hour, 2*time.Hour })
				s.fill(3)
				s.gateway.Script(orderstest.CallConfirm, tc.confirm)
				s.gateway.Always(orderstest.CallFind, orderstest.FaultLostBefore)
				s.gateway.Always(orderstest.CallCancel, tc.cancel)
				o, err := s.Checkout(t.Context(), card(""))
				must(t, err)
				s.work(3 * time.Hour)
				s.expect("needs review", s.order(o.ID).Payment.Work.NeedsReview, true)
				cancels := s.gateway.Calls(orderstest.CallCancel)
				for _, c := range []orderstest.Call{orderstest.CallFind, orderstest.CallCancel} {
					s.gateway.Always(c, tc.then)
				}
				o, err = s.Resolve(t.Context(), o.ID, staff,
					orders.Resolution{Captured: tc.captured, Reason: "seen there"})
				if code := orders.CodeOf(err); code != "" {
					s.expect("refusal", code, tc.want)
					now := s.order(o.ID)
					s.expect("left as it is",
						[]any{now.Status, now.Payment.Work.NeedsReview, now.Payment.Work.LeaseToken}, "[queued true ]")
					_, err = s.Resolve(t.Context(), o.ID, staff,
						orders.Resolution{Captured: !tc.captured, Reason: "looked again"})
					must(t, err)
					return
				}
				must(t, err)
				s.expect("outcome",
					[]any{o.Status, len(s.gateway.Charges()), s.gateway.Calls(orderstest.CallCancel) - cancels},
					"["+tc.want+"]")
			})
		})
	}
}

// canceling is a gateway during whose cancels something happens.
type cancelling struct {
	*orderstest.Gateway
	during func()
}

func (g *cancelling) CancelPayment(ctx context.Context, r payment.ChargeRequest,
	reference string) (payment.PaymentStatus, payment.Result) {
	status, a := g.Gateway.CancelPayment(ctx, r, reference)
	if f := g.during; f != nil {
		g.during = nil
		f()
	}
	return status, a
}

func TestAPersonDoesNotSettleAnOrderThatIsBeingCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &cancelling{}
		s := open(t, func(c *orders.Config) {
			g.Gateway = c.Gateway.(*orderstest.Gateway)
			c.Gateway, c.QueueLimit, c.GiveUpAfter = g, time.Hour, 2*time.Hour
		})
		s.fill(3)
		s.gateway.Script(orderstest.CallConfirm, orderstest.FaultLostBefore)
		s.gateway.Always(orderstest.CallFind, orderstest.FaultLostBefore)
		s.gateway.Always(orderstest.CallCancel, orderstest.FaultLostBefore)
		o, err := s.Checkout(t.Context(), card(""))
		must(t, err)
		s.work(3 * time.Hour)
		s.gateway.Always(orderstest.CallCancel, orderstest.FaultNone)
		g.during = func() {
			_, err := s.Resolve(t.Context(), o.ID, staff, orders.Resolution{Captured: true, Reason: "seen there"})
			s.expect("answer", orders.CodeOf(err), orders.CodePaymentUncertain)
		}
		o, err = s.Cancel(t.Context(), o.ID, staff, "the customer wants it")
		must(t, err)
		s.expect("order and charges", []any{o.Status, len(s.gateway.Charges())}, "[cancelled 0]")
	})
}

func TestAnotherAmountIsForAPerson(t *testing.T) {
	for _, captured := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, nil)
			s.fill(3)
			s.gateway.Always(orderstest.CallConfirm, orderstest.FaultWrongAmount)
			s.gateway.Always(orderstest.CallFind, orderstest.FaultWrongAmount)
			o, err := s.Checkout(t.Context(), card(""))
			must(t, err)
			s.expect("order", []any{o.Status, o.Payment.Status, o.Payment.Work.NeedsReview}, "[queued unknown true]")
			s.work(time.Minute)
			s.expect("nobody tries again", s.order(o.ID).Payment.Work.Attempts, 1)
			_, n, err := s.Orders(t.Context(), orders.Query{NeedsReview: true})
			must(t, err)
			s.expect("orders in the queue", n, 1)

			_, err = s.Resolve(t.Context(), o.ID, staff, orders.Resolution{Captured: captured, Reason: ""})
			s.expect("without a reason", orders.CodeOf(err), orders.CodeInvalid)
			r := orders.Resolution{Captured: captured, Reason: "seen in the provider's dashboard"}
			_, err = s.Resolve(t.Context(), o.ID, staff, r)
			s.expect("without the amount", orders.CodeOf(err), orders.CodeUnconfirmed)
			for _, other := range []money.Money{
				money.New(o.Payment.Amount+1, o.Currency), money.New(o.Payment.Amount, "JPY"),
			} {
				r.Confirmed = other
				_, err = s.Resolve(t.Context(), o.ID, staff, r)
				s.expect("with another amount", orders.CodeOf(err), orders.CodeInvalid)
			}
			now := s.order(o.ID)
			s.expect("left as it is", []any{now.Status, now.Payment.Work.NeedsReview}, "[queued true]")
			r.Confirmed = money.New(o.Payment.Amount, o.Currency)
			o, err = s.Resolve(t.Context(), o.ID, staff, r)
			must(t, err)
			events, err := s.Events(t.Context(), o.ID)
			must(t, err)
			s.expect("the answer is in the history", slices.ContainsFunc(events, func(e event.Event) bool {
				return strings.Contains(string(e.Data),
					"seen in the provider's dashboard (against the provider's answer: the provider has captured ")
			}), true)
			want, stock := orders.StatusCanceled, 10
			if captured {
				want, stock = orders.StatusCompleted, 7
			}
			s.expect("resolved", []any{o.Status, s.stock()}, []any{want, stock})
			_, err = s.Resolve(t.Context(), o.ID, staff, orders.Resolution{Captured: captured, Reason: "again"})
			s.expect("again", orders.CodeOf(err), orders.CodeTransition)
		})
	}
}

// forgetful is a gateway that has lost all payments when it is looked up.
type forgetful struct{ *orderstest.Gateway }

func (forgetful) FindPayment(context.Context, string) (payment.PaymentStatus, payment.Result) {
	return "", payment.Result{
		Outcome: payment.OutcomeUnknown, Failure: payment.UnknownAtProvider, Code: "resource_missing", HTTP: 404,
	}
}

// TestAPaymentThatTheProviderDoesNotKnowIsPaidOnlyByItsAmount: staff who call it captured are against the evidence,
// and those who call it not captured are with it.
func TestAPaymentThatTheProviderDoesNotKnowIsPaidOnlyByItsAmount(t *testing.T) {
	for _, captured := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, func(c *orders.Config) {
				c.Gateway = forgetful{c.Gateway.(*orderstest.Gateway)}
				c.QueueLimit, c.GiveUpAfter = time.Hour, 2*time.Hour
			})
			s.fill(3)
			s.gateway.Script(orderstest.CallConfirm, orderstest.FaultLostBefore)
			s.gateway.Always(orderstest.CallCancel, orderstest.FaultLostBefore)
			o, err := s.Checkout(t.Context(), card(""))
			must(t, err)
			s.work(3 * time.Hour)
			s.expect("needs review", s.order(o.ID).Payment.Work.NeedsReview, true)
			r := orders.Resolution{Captured: captured, Reason: "seen there"}
			want := orders.StatusCanceled
			if captured {
				want = orders.StatusCompleted
				_, err := s.Resolve(t.Context(), o.ID, staff, r)
				s.expect("without the amount", orders.CodeOf(err), orders.CodeUnconfirmed)
				r.Confirmed = money.New(o.Payment.Amount+1, o.Currency)
				_, err = s.Resolve(t.Context(), o.ID, staff, r)
				s.expect("with another amount", orders.CodeOf(err), orders.CodeInvalid)
				now := s.order(o.ID)
				s.expect("left as it is", []any{now.Status, now.Payment.Work.NeedsReview, now.Payment.Work.LeaseToken},
					"[queued true ]")
				r.Confirmed = money.New(o.Payment.Amount, o.Currency)
			}
			o, err = s.Resolve(t.Context(), o.ID, staff, r)
			must(t, err)
			s.expect("resolved", o.Status, want)
			events, err := s.Events(t.Context(), o.ID)
			must(t, err)
			const against = "against the provider's answer: the provider has no such payment"
			s.expect("the provider's answer is in the history", slices.ContainsFunc(events, func(e event.Event) bool {
				return strings.Contains(string(e.Data), against)
			}), captured)
		})
	}
}
