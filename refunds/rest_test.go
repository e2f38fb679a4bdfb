package refunds_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// over says that no more of any order can be refunded.
func over(context.Context, string) (bool, error) { return true, nil }

// payRests pays what refunds left, from several processes at once, and returns how many
// rests were paid.
func (s *shop) payRests() (n int) {
	s.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	for range 4 {
		all.Go(func() {
			paid, err := s.PayCarried(s.Context(), kim, over)
			if err != nil {
				s.Error(err)
			}
			mu.Lock()
			n += paid
			mu.Unlock()
		})
	}
	all.Wait()
	s.settle(time.Hour)
	return n
}

// lessOutside is return n of two of three units, less what others gave back.
func lessOutside(units int) refunds.Request {
	q := request(1, units)
	q.LessOutside = true
	return q
}

// A case was paid less, because others had refunded a part, and theirs comes back: before,
// while and after ours is paid. The rest is paid once, and the order gives back what it took.
func TestTheRestOfARefundIsPaidWhenWhatOthersGaveComesBack(t *testing.T) {
	for name, c := range map[string]struct {
		fault  refundstest.Fault
		before bool // theirs comes back before ours is requested
		paid   int64
		rests  int
	}{
		"before":      {refundstest.FaultNone, true, 2000, 0},
		"while it is": {refundstest.FaultPending, false, 1500, 1},
		"in doubt":    {refundstest.FaultLostAfter, false, 1500, 1},
		"after":       {refundstest.FaultNone, false, 1500, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inOutsideBubble(t, func(s *shop) {
				theirs := s.gateway.RefundOutside("pi_1", 1500, "USD")
				s.told(theirs)
				back := func() {
					s.gateway.Settle(theirs, "failed")
					s.told(theirs)
					s.told(theirs)
				}
				if c.before {
					back()
				}
				s.gateway.Script(refundstest.CallCreate, c.fault)
				first := s.refund(lessOutside(2))
				if !c.before {
					back()
				}
				if c.fault == refundstest.FaultPending {
					n, err := s.PayCarried(s.Context(), kim, over)
					s.equal("rests while ours is open", []any{n, err}, []any{0, nil})
					s.gateway.Settle(first.Attempt().ProviderID, "succeeded")
				}
				s.settle(24 * time.Hour)
				s.equal("ours", []any{s.get(first.ID).Status, s.get(first.ID).Amount()},
					[]any{refunds.StatusSucceeded, c.paid})
				s.equal("rests", s.payRests(), c.rests)
				s.counts(0, 2000, 0, 1000, 0)
				s.equal("rests in the end", s.payRests(), 0)

				third := request(1, 1)
				third.ClientReference = "return-3"
				s.equal("the third unit", s.refund(third).Amount(), int64(1000))
				s.counts(0, 3000, 0, 0, 0)
				s.check()
			})
		})
	}
}

// The rest joins the next refund of the payment, by the method of that.
func TestTheRestOfARefundJoinsTheNextOne(t *testing.T) {
	inOutsideBubble(t, func(s *shop) {
		theirs := s.gateway.RefundOutside("pi_1", 1500, "USD")
		s.told(theirs)
		s.equal("first", s.refund(lessOutside(2)).Amount(), int64(1500))
		s.gateway.Settle(theirs, "failed")
		s.told(theirs)
		third := request(1, 1)
		third.ClientReference = "return-3"
		r := s.refund(third)
		s.equal("third", []any{r.Amount(), r.Quote.Carried, r.Method}, []any{int64(1500), int64(-500), payment.Card})
		s.equal("rests", s.payRests(), 0)
		s.counts(0, 3000, 0, 0, 0)
		s.check()
	})
}

// The provider takes ours back after its rest was paid: what is owed again is what ours
// was of, and not the rest too.
func TestARefundThatIsTakenBackAfterItsRestWasPaid(t *testing.T) {
	inOutsideBubble(t, func(s *shop) {
		theirs := s.gateway.RefundOutside("pi_1", 1500, "USD")
		s.told(theirs)
		first := s.refund(lessOutside(2))
		s.gateway.Settle(theirs, "failed")
		s.told(theirs)
		s.equal("rests", s.payRests(), 1)
		s.gateway.Settle(first.Attempt().ProviderID, "failed")
		s.told(first.Attempt().ProviderID)
		q := request(1, 2)
		q.Method = payment.Cash
		s.equal("again", s.refund(q).Amount(), int64(1500))
		s.equal("rests in the end", s.payRests(), 0)
		s.counts(0, 2000, 0, 1000, 0)
		s.check()
	})
}

// Of an order of several payments the payment lacks it that others had refunded.
func TestTheRestOfAPartIsPaidWhenWhatOthersGaveComesBack(t *testing.T) {
	for name, theirs := range map[string]int64{"a part of the card": 400, "all of the card": 1000} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(s *shop) {
				s.gateway.Capture("pi_1", 1000)
				id := s.gateway.RefundOutside("pi_1", theirs, "USD")
				seen := func() {
					if _, err := s.SyncPayment(s.Context(), "pi_1", kim); err != nil {
						t.Error(err)
					}
				}
				seen()
				r := shared(1, 3)
				r.LessOutside = true
				in := s.pay(r)
				s.equal("paid", in.Amount(), 3000-theirs)
				s.equal("rests before", s.payRests(), 0)
				s.gateway.Settle(id, "failed")
				seen()
				if offered, err := s.Service.ByClientReference(s.Context(), r.ClientReference); err != nil {
					t.Error(err)
				} else if offered.Status != refunds.StatusSucceeded { // none of it was paid by the card
					s.equal("offered", s.pay(shared(1, 3)).Status, refunds.StatusSucceeded)
				}
				s.payRests()
				var paid int64
				all, _, err := s.List(s.Context(), refunds.Query{PageSize: refunds.MaxPageSize})
				for _, one := range all {
					if one.Status == refunds.StatusSucceeded {
						paid += one.Amount()
					}
				}
				s.equal("paid in the end", []any{paid, err}, []any{int64(3000), nil})
				s.equal("rests in the end", s.payRests(), 0)
				s.check()
			}, withLists)
		})
	}
}

// Staff pay a rest before the end: once, however many ask at the same time, and nobody pays it
// again in the end.
func TestStaffPayTheRestOnce(t *testing.T) {
	inOutsideBubble(t, func(s *shop) {
		rest := refunds.RestParams{OrderID: "order-1", PaymentID: "payment-1", By: kim}
		refused := func(what string, code refunds.Code) {
			s.Helper()
			_, err := s.PayRest(s.Context(), rest)
			s.equal(what, refunds.CodeOf(err), code)
		}
		refused("no refund at all", refunds.CodeNothingToRefund)
		theirs := s.gateway.RefundOutside("pi_1", 1500, "USD")
		s.told(theirs)
		s.refund(lessOutside(2))
		refused("theirs counts", refunds.CodeBalance)
		s.gateway.Settle(theirs, "failed")
		s.told(theirs)

		s.gateway.Script(refundstest.CallCreate, refundstest.FaultPending)
		third := request(1, 1)
		third.ClientReference = "return-3"
		open := s.refund(third) // it joins the third, and is owed again where that fails
		refused("it has joined another", refunds.CodeNothingToRefund)
		s.gateway.Settle(open.Attempt().ProviderID, "failed")
		s.settle(time.Hour)
		s.is(s.get(open.ID), refunds.StatusFailed)

		s.hold(dispute(1, "dp_1"))
		refused("the payment is disputed", refunds.CodeTransition)
		s.release(dispute(1, "dp_1"))
		other := int64(499)
		rest.Expect = &other
		refused("another amount", refunds.CodeAmountChanged)
		owed := int64(500)
		rest.Expect = &owed

		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				_, err := s.PayRest(s.Context(), rest)
				if err != nil && refunds.CodeOf(err) != refunds.CodeNothingToRefund {
					s.Error(err)
				}
			})
		}
		all.Wait()
		paid := 0
		list, _, err := s.List(s.Context(), refunds.Query{OrderID: "order-1", PageSize: refunds.MaxPageSize})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			if _, ok := refunds.CarriedPayment(r.ClientReference); ok {
				paid++
				s.is(r, refunds.StatusSucceeded)
			}
		}
		s.equal("rests paid", paid, 1)
		refused("again", refunds.CodeNothingToRefund)
		s.equal("rests in the end", s.payRests(), 0)
		s.counts(0, 2000, 0, 1000, 0)
		s.equal("the third unit", s.refund(third).Amount(), int64(1000))
		s.check()
	})
}

// A rest that was paid under a key is not paid again under it, and one that comes after is.
func TestARestIsPaidOnceUnderAKey(t *testing.T) {
	inOutsideBubble(t, func(s *shop) {
		theirs := s.gateway.RefundOutside("pi_1", 1500, "USD")
		s.told(theirs)
		s.refund(lessOutside(2))
		s.gateway.Settle(theirs, "failed")
		s.told(theirs)
		owed, other := int64(500), int64(400)
		rest := refunds.RestParams{OrderID: "order-1", PaymentID: "payment-1", Key: "approval-1", By: kim}
		rest.Expect = &owed
		pay := func(p refunds.RestParams) (refunds.Refund, refunds.Code) {
			s.Helper()
			r, err := s.PayRest(s.Context(), p)
			return r, refunds.CodeOf(err)
		}
		first, code := pay(rest)
		s.equal("first", []any{first.Status, first.Amount(), first.ClientReference, code},
			[]any{refunds.StatusSucceeded, owed, rest.Reference(), refunds.Code("")})
		again, code := pay(rest)
		s.equal("again", []any{again.ID, again.Status, code},
			[]any{first.ID, refunds.StatusSucceeded, refunds.Code("")})
		rest.Expect = &other
		_, code = pay(rest)
		s.equal("of another amount", code, refunds.CodeAmountChanged)
		rest.Expect, rest.Key = &owed, "approval-2"
		_, code = pay(rest)
		s.equal("under another key", code, refunds.CodeNothingToRefund)
		for _, key := range []string{"1", "key-approval-1"} { // what names a rest without a key
			rest.Key = key
			_, code = pay(rest)
			s.equal("under "+key, code, refunds.CodeNothingToRefund)
		}
		for _, key := range []string{"a:b", "ä", " ", strings.Repeat("k", 101)} {
			rest.Key = key
			_, code = pay(rest)
			s.equal("under "+key, code, refunds.CodeInvalid)
		}
		id, ok := refunds.CarriedPayment(first.ClientReference)
		s.equal("payment of it", []any{id, ok}, []any{"payment-1", true})
		s.counts(0, 2000, 0, 1000, 0)
		s.check()
	})
}

// paged is a store whose order has so many refunds.
type paged struct {
	refunds.Store
	all []refunds.Refund
}

func (p paged) List(_ context.Context, q refunds.Query) ([]refunds.Refund, int, error) {
	from := min((q.Page-1)*q.PageSize, len(p.all))
	return p.all[from:min(from+q.PageSize, len(p.all))], len(p.all), nil
}

// TestTheRefundsOfAnOrderAreAllOfThem: however many pages they fill, and whether the last is full.
func TestTheRefundsOfAnOrderAreAllOfThem(t *testing.T) {
	inOutsideBubble(t, func(s *shop) {
		for _, n := range []int{0, 1, refunds.MaxPageSize, 2*refunds.MaxPageSize + 1} {
			all, err := s.With(paged{all: make([]refunds.Refund, n)}).ByOrder(s.Context(), "order-1")
			if err != nil || len(all) != n {
				t.Errorf("%d of %d refunds, %v", len(all), n, err)
			}
		}
	})
}
