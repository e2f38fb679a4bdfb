package returns_test

import (
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/returns"
)

// tens is a provider that pays multiples of 0.10.
type tens struct{ *refundstest.Gateway }

func (tens) Capabilities() payment.Capabilities {
	return payment.Capabilities{Nearest: func(amount int64, _ money.Currency) (int64, int64, bool) {
		return amount / 10 * 10, (amount + 9) / 10 * 10, true
	}}
}

func onTens(c *refunds.Config) { c.Gateway = tens{c.Gateway.(*refundstest.Gateway)} }

// boughtForTen is three units for 10.00: 3.33, 3.33 and 3.34.
func (s *shop) boughtForTen() purchase.Purchase {
	o := s.bought(3)
	o.Lines[0].Paid = purchase.Paid("USD", money.Components{Price: 1000})
	o.Payments[0].Captured = 1000
	s.orders.Put(o)
	return o
}

// The rest of a refund waits as long as something may still come back, and is store credit
// then, once.
func TestTheRestIsPaidWhenNothingMoreCanComeBack(t *testing.T) {
	s := newShop(t, policy(), onTens)
	s.gateway.SetClock(func() time.Time { return s.now })
	o := s.boughtForTen()
	first := s.inspected(s.received(o, 1).ID, 1)
	_, refund, err := s.svc.Refund(s.ctx, first.ID, kim, returns.RefundParams{})
	s.ok(err)
	s.equal("paid and carried", []int64{refund.Amount(), refund.Quote.Carried}, []int64{330, 3})
	pays := func(what string, want int) {
		t.Helper()
		n, err := s.payer.PayCarried(s.ctx, kim, s.svc.Over)
		s.equal(what, []any{n, err}, []any{want, nil})
	}
	pays("while two units can be returned", 0)
	second := s.filed(o, 2)
	s.now = s.now.AddDate(0, 0, 40)
	pays("while a case is under way", 0)
	_, err = s.svc.Reject(s.ctx, second.ID, kim, "it is worn")
	s.ok(err)
	pays("when the window has ended", 1)
	pays("a second time", 0)
	for range 2 {
		_, err = s.payer.ResumeDue(s.ctx, 10)
		s.ok(err)
	}
	pays("once it is paid", 0)
	credit, err := s.payer.CreditBalance(s.ctx, "ann", "USD")
	s.equal("store credit", []any{credit, err}, []any{int64(3), nil})
	s.ok(s.svc.RefundChanged(s.ctx, refund.Legs[0]))
	s.equal("the case", s.get(first.ID).Status, returns.StatusRefunded)
}

// Where all comes back nothing is left; and of several orders one that can't be judged
// keeps none of the others from it.
func TestARestKeepsNoOtherFromBeingPaid(t *testing.T) {
	s := newShop(t, policy(), onTens)
	var orders []purchase.Purchase
	for range 3 {
		o := s.boughtForTen()
		_, _, err := s.svc.Refund(s.ctx, s.inspected(s.received(o, 1).ID, 1).ID, kim, returns.RefundParams{})
		s.ok(err)
		orders = append(orders, o)
	}
	_, _, err := s.svc.Refund(s.ctx, s.inspected(s.received(orders[0], 2).ID, 2).ID, kim, returns.RefundParams{})
	s.ok(err)
	broken := orders[1]
	broken.TermsID = "none"
	s.orders.Put(broken)
	s.now = s.now.AddDate(0, 0, 40)
	n, err := s.payer.PayCarried(s.ctx, kim, s.svc.Over)
	s.equal("paid, and what can't be judged", []any{n, err != nil}, []any{1, true})
}
