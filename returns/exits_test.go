package returns_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/returns"
)

// M8: units whose money was given early and that the inspection does not accept
// can't be asked for again: the second case could never be paid back.
func TestUnitsThatWerePaidEarlyAreNotReturnedTwice(t *testing.T) {
	s, r := early(t) // two of two units
	s.equal("refund", s.refund(r.ID, refundstest.FaultNone).Status, refunds.StatusSucceeded)
	_, err := s.svc.Receive(s.ctx, r.ID, kim, returns.ReceiveParams{Lines: nil, Notes: ""})
	s.ok(err)
	s.equal("status", s.inspected(r.ID, 1).Status, returns.StatusRefunded)
	o, err := s.orders.Purchase(s.ctx, r.OrderID)
	s.ok(err)
	_, err = s.svc.Create(s.ctx, ann, ask(o, 1))
	s.refused(err, returns.Code(returns.AlreadyReturned))

	// Taken back by the provider, and paid again for what was accepted, the unit
	// that was not accepted is free again.
	refund, err := s.payer.ByClientReference(s.ctx, r.ID)
	s.ok(err)
	s.ok(s.svc.RefundChanged(s.ctx, s.reversed(refund.Refund)))
	_, err = s.svc.Create(s.ctx, ann, ask(o, 1))
	s.refused(err, returns.Code(returns.AlreadyReturned))
	_, paid, err := s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{Method: payment.StoreCredit})
	s.ok(err)
	units := paid.Quote.Lines[0].Units
	s.equal("the unit accepted is paid again", []any{paid.Status, units}, []any{refunds.StatusSucceeded, 1})
	s.equal("second request", s.filed(o, 1).Status, returns.StatusPendingAuthorization)
}

// exits is a shop with the cases of one order, driven at random.
type exits struct {
	*shop
	order string
	ids   []string
}

// moves are what people, the provider and time do; a refusal is as good as any.
var moves = []struct {
	name string
	do   func(e *exits, id string, n int)
}{
	{"file", func(e *exits, _ string, n int) {
		o, err := e.orders.Purchase(e.ctx, e.order)
		e.ok(err)
		if r, err := e.svc.Create(e.ctx, ann, ask(o, 1+n)); err == nil {
			e.ids = append(e.ids, r.ID)
		}
	}},
	{"request more", func(e *exits, id string, _ int) { _, _ = e.svc.RequestInfo(e.ctx, id, kim, "which side?") }},
	{"authorize", func(e *exits, id string, _ int) { _, _ = e.svc.Authorize(e.ctx, id, kim, "") }},
	{"reject", func(e *exits, id string, _ int) { _, _ = e.svc.Reject(e.ctx, id, kim, "") }},
	{"cancel", func(e *exits, id string, _ int) { _, _ = e.svc.Cancel(e.ctx, id, ann) }},
	{"ship", func(e *exits, id string, _ int) {
		_, _ = e.svc.Ship(e.ctx, id, ann, returns.ReverseShipment{Carrier: "UPS", TrackingNumber: "1Z"})
	}},
	{"receive", func(e *exits, id string, n int) {
		_, _ = e.svc.Receive(
			e.ctx, id, kim, returns.ReceiveParams{
				Lines: []returns.ReceiptLine{{OrderLineID: "1", Received: n}}, Notes: "",
			},
		)
	}},
	{"inspect", func(e *exits, id string, n int) {
		in := returns.InspectionInput{
			Result: returns.InspectionPartiallyApproved, InspectedBy: "Kim", Lines: []returns.InspectionLine{
				{OrderLineID: "1", Accepted: &n},
			},
		}
		if n == 0 {
			in = returns.InspectionInput{Result: returns.InspectionRejected, InspectedBy: "Kim"}
		}
		_, _ = e.svc.Inspect(e.ctx, id, kim, in)
	}},
	{"refund", func(e *exits, id string, n int) {
		faults := []refundstest.Fault{
			refundstest.FaultNone, refundstest.FaultRefuse, refundstest.FaultPending, refundstest.FaultRequiresAction,
		}
		e.gateway.Script(refundstest.CallCreate, faults[n%len(faults)])
		_, _, _ = e.svc.Refund(e.ctx, id, kim, returns.RefundParams{Method: payment.Card})
	}},
	{"refund by store credit", func(e *exits, id string, _ int) {
		_, _, _ = e.svc.Refund(e.ctx, id, kim, returns.RefundParams{Method: payment.StoreCredit})
	}},
	{"reverse", func(e *exits, id string, n int) {
		if in, err := e.payer.ByClientReference(e.ctx, id); err == nil {
			r, err := e.payer.Reverse(
				e.ctx,
				in.Legs[n%len(in.Legs)].ID,
				kim,
				refunds.ReverseParams{Reason: "the bank sent it back"},
			)
			if err == nil {
				e.ok(e.svc.RefundChanged(e.ctx, r))
			}
		}
	}},
	{"fail at the provider", func(e *exits, id string, _ int) { e.settle(id, "failed") }},
	{"succeed at the provider", func(e *exits, id string, _ int) { e.settle(id, "succeeded") }},
}

// settle has the provider decide the refund of the case, and the shop hear of it.
func (e *exits) settle(id, status string) {
	in, err := e.payer.ByClientReference(e.ctx, id)
	if err != nil {
		return
	}
	for _, leg := range in.Legs {
		e.gateway.Settle(leg.Attempt().ProviderID, status)
		e.work(leg.ID, id)
	}
}

// work has the worker go on with what is due, and the case follow.
func (e *exits) work(refundID, id string) {
	for range 6 {
		e.now = e.now.Add(12 * time.Hour)
		_, err := e.payer.ResumeDue(e.ctx, 10)
		e.ok(err)
		r, err := e.payer.ByID(e.ctx, refundID)
		e.ok(err)
		e.ok(e.svc.RefundChanged(e.ctx, r))
		if r.Status == refunds.StatusSucceeded || r.Status == refunds.StatusFailed {
			return
		}
	}
}

// end takes the case to its end by what anybody may do, and says where it
// stands. accept says what the inspection does.
func (e *exits) end(id string, accept bool) returns.Status {
	for range 8 {
		r := e.get(id)
		switch r.Status {
		case returns.StatusPendingCustomerInfo:
			_, _ = e.svc.ProvideInfo(e.ctx, id, ann, returns.InfoParams{Details: "the left one", Photos: nil})
		case returns.StatusPendingAuthorization:
			_, _ = e.svc.Authorize(e.ctx, id, kim, "")
		case returns.StatusAuthorized, returns.StatusInTransit:
			_, _ = e.svc.Receive(e.ctx, id, kim, returns.ReceiveParams{Lines: nil, Notes: ""})
		case returns.StatusReceived, returns.StatusUnderInspection:
			in := returns.InspectionInput{Result: returns.InspectionApproved, InspectedBy: "Kim"}
			if !accept || !slices.ContainsFunc(r.Lines, func(l returns.Line) bool { return l.Received > 0 }) {
				in.Result = returns.InspectionRejected
			}
			_, _ = e.svc.Inspect(e.ctx, id, kim, in)
		case returns.StatusApproved:
			e.settle(id, "succeeded") // an open one is decided sooner or later
			_, _, _ = e.svc.Refund(e.ctx, id, kim, returns.RefundParams{Method: payment.StoreCredit})
		default:
			return r.Status
		}
	}
	return e.get(id).Status
}

// TestEveryCaseHasAWayToItsEnd: I19. Whatever happened to the cases of an
// order, an early refund, a partial acceptance, a reversal, a second request,
// each can be brought to an end by allowed actions.
func TestEveryCaseHasAWayToItsEnd(t *testing.T) {
	everyCaseEnds(t, 400, func(s *shop) purchase.Purchase { return s.bought(3) })
}

// TestEveryCaseOfSeveralPaymentsHasAWayToItsEnd: I19, where each refund has parts that
// fail, wait and are reversed on their own; and what each payment gave is in its bounds.
func TestEveryCaseOfSeveralPaymentsHasAWayToItsEnd(t *testing.T) {
	everyCaseEnds(t, 200, func(s *shop) purchase.Purchase { return s.paidByTwo(3) })
}

// paidByTwo is bought where two cards paid, one of them 40.00.
func (s *shop) paidByTwo(units int) purchase.Purchase {
	o := s.bought(units)
	second := o.Payments[0]
	second.ID, second.ProviderID, second.Captured = newID(), "pi_second_"+o.OrderID, 4000
	o.Payments[0].Captured -= second.Captured
	o.Payments = append(o.Payments, second)
	s.orders.Put(o)
	return o
}

func everyCaseEnds(t *testing.T, sequences int, buy func(*shop) purchase.Purchase) {
	type step struct{ Move, Case, N int }
	one := gopter.CombineGens(gen.IntRange(0, len(moves)-1), gen.IntRange(0, 3), gen.IntRange(0, 3)).
		Map(func(v []any) step { return step{v[0].(int), v[1].(int), v[2].(int)} })
	holds(t, sequences, "an exit", func(steps []step, accept bool) string {
		p := policy()
		p.RefundFrom = returns.StatusAuthorized
		e := &exits{shop: newShop(t, p)}
		o := buy(e.shop)
		e.order = o.OrderID
		moves[0].do(e, "", 1)
		trace := ""
		for _, st := range steps {
			e.now = e.now.Add(3 * time.Minute)
			moves[st.Move].do(e, e.ids[st.Case%len(e.ids)], st.N)
			trace += fmt.Sprintf("%s case %d (%d), ", moves[st.Move].name, st.Case%len(e.ids), st.N)
		}
		for i, id := range e.ids {
			if status := e.end(id, accept); !status.Final() {
				_, _, err := e.svc.Refund(e.ctx, id, kim, returns.RefundParams{Method: payment.StoreCredit})
				return fmt.Sprintf("case %d stays %s after %s: %v", i, status, trace, err)
			}
		}
		for _, pay := range o.Payments {
			l, err := e.payer.PaymentLedger(e.ctx, refunds.PaymentRef{OrderID: o.OrderID, PaymentID: pay.ID,
				Captured: pay.Captured, Currency: o.Currency})
			if err != nil || l.Reserved+l.Refunded > pay.Captured {
				return fmt.Sprintf("payment of %d gave %d and %d after %s: %v", pay.Captured, l.Refunded, l.Reserved,
					trace, err)
			}
		}
		return ""
	}, gen.SliceOf(one), gen.Bool())
}

// TestPartsThatWereTakenBackOneByOneCountOnce: the refund of the first part is paid by store
// credit, and withdrawn; then the bank takes the second part back, and it is offered again.
// Both are owed still, and together they are of the units once.
func TestPartsThatWereTakenBackOneByOneCountOnce(t *testing.T) {
	p := policy()
	p.RefundFrom = returns.StatusAuthorized
	e := &exits{shop: newShop(t, p)}
	o := e.paidByTwo(3)
	first := e.filed(o, 2)
	_, err := e.svc.Authorize(e.ctx, first.ID, kim, "")
	e.ok(err)
	e.gateway.Script(refundstest.CallCreate, refundstest.FaultRefuse)
	_, _, _ = e.svc.Refund(e.ctx, first.ID, kim, returns.RefundParams{Method: payment.Card}) // half of it is refused
	_, paid, err := e.svc.Refund(e.ctx, first.ID, kim, returns.RefundParams{Method: payment.StoreCredit})
	e.ok(err)
	e.equal("paid in two parts", []any{paid.Status, len(paid.Legs)}, []any{refunds.StatusSucceeded, 2})
	_, err = e.svc.Reject(e.ctx, first.ID, kim, "")
	for _, part := range paid.Legs {
		e.ok(err)
		e.ok(e.svc.RefundChanged(e.ctx, e.reversed(part)))
	}
	in, err := e.payer.ByClientReference(e.ctx, first.ID)
	e.ok(err)
	offered := in.Legs[len(in.Legs)-1].Quote
	second := paid.Legs[1].Quote
	e.equal("what is offered again", []any{offered.Amount, offered.Lines}, []any{second.Amount, second.Lines})

	e.equal("the unit that is left", e.end(e.filed(o, 1).ID, true), returns.StatusRefunded)
}
