package refunds_test

import (
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

func TestAFailedRefundLeavesTheBalanceFreeAndIsTriedByAnotherMethod(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultRefuse)
		r := s.refund(request(1, 2))
		s.is(r, refunds.StatusFailed)
		s.equal("failure", r.Attempt().FailureCode, "charge_disputed")
		s.equal("failed", s.seen.failed, 1)
		_, balance, err := s.Preview(s.Context(), request(1, 2))
		if err != nil || balance.Available() != 3000 {
			s.Errorf("balance %+v, %v", balance, err)
		}
		// Without lines it quotes what the failed attempt did.
		q := request(1, 2)
		q.Method, q.Quote = payment.StoreCredit, refunds.QuoteRequest{}
		again := s.refund(q)
		s.is(again, refunds.StatusSucceeded)
		s.equal("amount", again.Amount(), int64(2000))
		s.equal("id", again.ID, r.ID)
		if again.Attempts[0].Status != refunds.StatusFailed || again.Attempts[1].Number != 2 {
			s.Errorf("attempts %+v", again.Attempts)
		}
		s.check()
	})
}

func TestANewAttemptQuotesAgain(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultRefuse)
		line := refunds.QuoteRequestLine{OrderLineID: "line-1", Bought: 3, Units: 1,
			Paid: money.Components{Price: 1000}}
		first, second := request(1, 1), request(1, 1)
		first.Quote.Lines, second.Quote.Lines = []refunds.QuoteRequestLine{line}, []refunds.QuoteRequestLine{line}
		second.ClientReference = "return-1b"
		s.equal("first", s.refund(first).Amount(), int64(333))
		s.equal("second, while the first has failed", s.refund(second).Amount(), int64(333))
		again := s.refund(first)
		s.is(again, refunds.StatusSucceeded)
		s.equal("first again, after the second", again.Amount(), int64(333))
		third := second
		third.ClientReference = "return-1c"
		s.equal("third", s.refund(third).Amount(), int64(334))
		s.check()
	})
}

func TestWhoAsksWhileItIsOpenBringsTheNextTryToNow(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultLostAfter)
		s.gateway.Always(refundstest.CallFind, refundstest.FaultLostBefore)
		r := s.refund(request(1, 1))
		s.settle(5 * time.Hour)
		s.is(s.get(r.ID), refunds.StatusUnknown)
		s.gateway.Always(refundstest.CallFind, refundstest.FaultNone)
		again := s.refund(request(1, 1))
		s.is(again, refunds.StatusSucceeded)
		s.equal("id", again.ID, r.ID)
		s.equal("refunds at the provider", len(s.gateway.Ledger()), 1)
	})
}
