package refunds_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

func TestUnitsThatWereGivenBackAlreadyPayNothing(t *testing.T) {
	request := refunds.QuoteRequest{
		Currency: "USD",
		Lines: []refunds.QuoteRequestLine{{OrderLineID: "a", Bought: 3, Units: 2,
			Paid: money.Components{Price: 1000}}},
		Fees: []refunds.FeeRule{{Kind: refunds.RestockingFee, OrderLineID: "a", Fixed: 5}},
	}
	for given, want := range map[int]struct {
		units  int
		amount int64
	}{0: {2, 666 - 10}, 1: {2, 667 - 10}, 2: {1, 334 - 5}, 3: {0, 0}} {
		t.Run(fmt.Sprint(given, " of 3 given before"), func(t *testing.T) {
			before := map[string]refunds.Refunded{"a": {Units: given,
				Components: money.Components{Price: money.Share(1000, given, 3)}}}
			q, err := refunds.NewQuote(request, before)
			if err != nil || q.Lines[0].Units != want.units || q.Amount != want.amount {
				t.Errorf(
					"%d units for %d, %v; want %d for %d",
					q.Lines[0].Units,
					q.Amount,
					err,
					want.units,
					want.amount,
				)
			}
		})
	}
}

// A case whose order was refunded at the provider ends with what is left, which
// may be nothing.
func TestACaseThatOthersRefundedEnds(t *testing.T) {
	for outside, left := range map[int64]int64{3000: 0, 1500: 1500, 500: 2000} {
		t.Run(fmt.Sprint(outside, " refunded elsewhere"), func(t *testing.T) {
			inOutsideBubble(t, func(s *shop) {
				s.told(s.gateway.RefundOutside("pi_1", outside, "USD"))
				q := request(1, 2)
				q.LessOutside = true
				quote, _, err := s.Preview(s.Context(), q)
				if err != nil || quote.Amount != left {
					s.Errorf("preview %d, %v", quote.Amount, err)
				}
				r := s.refund(q)
				s.is(r, refunds.StatusSucceeded)
				s.equal("amount, leakage", []int64{r.Amount(), r.Quote.Leakage()}, []int64{left, 0})
				s.counts(0, left, outside, 3000-outside-left, 0)
				s.check()
			})
		})
	}
}

// Money that others refunded comes back after the case ended with nothing: what is owed
// is opened anew, once, and paid by the method that is chosen.
func TestWhatOthersRefundedAndCameBackIsOwedAgain(t *testing.T) {
	inOutsideBubble(t, func(s *shop) {
		id := s.gateway.RefundOutside("pi_1", 3000, "USD")
		s.told(id)
		q := request(1, 2)
		q.LessOutside = true
		first := s.refund(q)
		s.equal("paid with nothing", []any{first.Status, first.Amount()}, []any{refunds.StatusSucceeded, int64(0)})
		s.gateway.Settle(id, "failed")
		for range 2 {
			s.told(id)
		}
		again, err := s.ByClientReference(s.Context(), q.ClientReference)
		s.equal("offered", []any{again.ID != first.ID, again.Amount(), again.HoldRef, len(again.Quote.Fees), err},
			[]any{true, int64(2000), refunds.AwaitingMethod, 0, nil})
		s.is(s.get(first.ID), refunds.StatusReversed)
		s.counts(2000, 0, 0, 1000, 0)
		q.Method = payment.Cash
		s.is(s.refund(q), refunds.StatusSucceeded)
		s.told(id)
		s.counts(0, 2000, 0, 1000, 0)
		s.check()
	})
}

// Who settled a refund as not paid died before the one that waited for its room was
// released: the worker finds it.
func TestARefundThatWaitsForRoomIsReleasedAfterACrash(t *testing.T) {
	inOutsideBubble(t, func(s *shop) {
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultPending)
		first := s.refund(request(1, 1))
		second := request(1, 1)
		second.ClientReference, second.Method = "return-2", payment.StoreCredit
		in, err := s.Service.Request(s.Context(), second)
		if err != nil {
			t.Fatal(err)
		}
		s.told(s.gateway.RefundOutside("pi_1", 1500, "USD"))
		s.equal("it waits", s.get(in.ID).HoldRef, refunds.PaidOutside)
		_, err = s.store.Update(s.Context(), first.ID, refunds.Changing(func(r *refunds.Refund) error {
			return r.RecordResult(event.Stamp{At: time.Now(), By: kim}, refunds.AttemptUpdate{
				Result: payment.Result{Outcome: payment.OutcomeDeclined, Code: "declined"},
			})
		})) // and nothing more
		if err != nil {
			t.Fatal(err)
		}
		s.settle(time.Hour)
		s.is(s.get(in.ID), refunds.StatusSucceeded)
		s.counts(0, 1000, 1500, 500, 0)
	})
}

// A refund that was opened late took the units of a second case: that one is of
// nothing, and ends.
func TestASecondCaseOfUnitsThatWereRefundedEnds(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.is(s.refund(request(1, 3)), refunds.StatusSucceeded)
		second := request(1, 2)
		second.ClientReference = "return-2"
		r := s.refund(second)
		s.is(r, refunds.StatusSucceeded)
		s.equal("amount and units", []any{r.Amount(), r.Quote.Lines[0].Units}, []any{int64(0), 0})
		s.equal("sends", s.sends(), 1)
		s.check()
	})
}

// TestEveryRefundHasAWayToItsEnd: I19. Whatever people, the provider and others
// did, allowed actions bring every refund to an end, and every reference that was
// requested to a refund that was paid or refused for want of money.
func TestEveryRefundHasAWayToItsEnd(t *testing.T) {
	for seed := range uint64(80) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			inOutsideBubble(t, func(s *shop) {
				s.gateway.SetClock(time.Now)
				m := &exits{shop: s, random: rand.New(rand.NewPCG(seed, 2))}
				trace := ""
				for range 25 {
					trace += m.step() + ", "
				}
				m.end(trace)
				s.check()
			})
		})
	}
}

// exits drives the refunds of one payment at random.
type exits struct {
	*shop
	random *rand.Rand
}

func (m *exits) step() string {
	reference := fmt.Sprint("return-", m.random.IntN(3))
	faults := []refundstest.Fault{refundstest.FaultNone, refundstest.FaultLostAfter, refundstest.FaultPending,
		refundstest.FaultRefuse, refundstest.FaultStored5xx, refundstest.FaultRequiresAction, refundstest.FaultNotSent}
	moves := []struct {
		name string
		do   func()
	}{
		{"refund", func() { m.ask(reference, payment.Card) }},
		{"refund by store credit", func() { m.ask(reference, payment.StoreCredit) }},
		{"fault", func() { m.gateway.Script(refundstest.CallCreate, faults[m.random.IntN(len(faults))]) }},
		{"dispute", func() { m.hold(dispute(1, fmt.Sprint("dp_", m.random.IntN(2)))) }},
		{"close dispute", func() { m.release(dispute(1, fmt.Sprint("dp_", m.random.IntN(2)))) }},
		{"refund elsewhere", func() { m.gateway.RefundOutside("pi_1", int64(1+m.random.IntN(1500)), "USD") }},
		{"settle", func() {
			if l := m.gateway.Ledger(); len(l) > 0 {
				status := []string{"succeeded", "failed"}[m.random.IntN(2)]
				if p := l[m.random.IntN(len(l))]; p.Status != "failed" {
					m.gateway.Settle(p.Reference, status)
					m.told(p.Reference)
				}
			}
		}},
		{"wait", func() { m.settle(time.Duration(m.random.IntN(100)) * time.Hour) }},
	}
	move := moves[m.random.IntN(len(moves))]
	move.do()
	return move.name + " " + reference
}

func (m *exits) ask(reference string, method payment.Method) error {
	q := request(1, 1)
	q.ClientReference, q.Method, q.LessOutside = reference, method, m.random.IntN(2) == 0
	_, err := m.Refund(m.Context(), q)
	if code := refunds.CodeOf(err); err != nil && code != refunds.CodeBalance {
		m.Error(err)
	}
	return err
}

// end brings every refund to its end by what anybody may do.
func (m *exits) end(trace string) {
	m.gateway.Always(refundstest.CallCreate, refundstest.FaultNone)
	for _, ref := range []string{"dp_0", "dp_1"} {
		m.release(dispute(1, ref))
	}
	for range 10 {
		for _, p := range m.gateway.Ledger() {
			if p.Status == "requires_action" || p.Status == "pending" {
				m.gateway.Settle(p.Reference, "succeeded")
			}
			m.told(p.Reference)
		}
		m.settle(300 * time.Hour)
		all, _, err := m.List(m.Context(), refunds.Query{PageSize: refunds.MaxPageSize})
		if err != nil {
			m.Fatal(err)
		}
		open := 0
		for _, r := range all {
			switch {
			case r.Status.Open() && r.HoldRef == refunds.AwaitingMethod &&
				m.ask(r.ClientReference, payment.StoreCredit) == nil:
				open++
			case r.Status.Open() && r.Work.NeedsReview:
				open++
				_, _ = m.Resolve(
					m.Context(),
					r.ID,
					kim,
					refunds.ResolveParams{Reason: "looked at the provider's pages"},
				)
			case r.Status.Open():
				open++
			}
		}
		if open == 0 {
			m.rests(trace)
			return
		}
	}
	all, _, _ := m.List(m.Context(), refunds.Query{PageSize: refunds.MaxPageSize})
	for _, r := range all {
		m.Logf("%s %s by %s, hold %q, work %+v", r.ClientReference, r.Status, r.Method, r.HoldRef, r.Work)
	}
	m.Errorf("not every refund has ended after %s", trace)
}

// rests has what refunds left paid, and requires that nothing is left where there is money
// for it.
func (m *exits) rests(trace string) {
	m.payRests()
	rests, err := m.store.CarriedRests(m.Context(), "", 10)
	if err != nil {
		m.Fatal(err)
	}
	for _, rest := range rests {
		state, err := m.store.PaymentState(m.Context(), refunds.OpenRequest{OrderID: rest.OrderID,
			PaymentID: rest.PaymentID, Currency: rest.Currency})
		if left := state.Balance.Available(); err != nil || left > 0 {
			m.Errorf("%d of payment %s is owed, and %d is left of it, %v, after %s", rest.Amount, rest.PaymentID, left,
				err, trace)
		}
	}
}
