package refunds_test

import (
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

func TestAKeyThatIsTooOldAndWasNeverAnsweredGoesToAPerson(t *testing.T) {
	for _, paid := range []bool{true, false} {
		inBubble(t, func(s *shop) {
			s.gateway.Always(refundstest.CallCreate, refundstest.FaultLostBefore)
			r := s.refund(request(1, 1))
			s.settle(60 * time.Hour)
			s.gateway.Always(refundstest.CallCreate, refundstest.FaultNone)
			r = s.get(r.ID)
			s.is(r, refunds.StatusUnknown)
			s.equal("needs review", r.Work.NeedsReview, true)
			s.equal("is queued", s.seen.queued, 1)
			queue, n, err := s.List(s.Context(), refunds.Query{NeedsReview: true})
			if err != nil || n != 1 || queue[0].ID != r.ID {
				s.Errorf("review queue: %v, %d, %v", queue, n, err)
			}
			b, err := s.store.PaymentState(s.Context(), refunds.OpenRequest{PaymentID: "payment-1"})
			if err != nil || b.Balance.Reserved != 1000 {
				s.Errorf("it does not hold its amount: %+v, %v", b.Balance, err)
			}

			_, err = s.Resolve(s.Context(), r.ID, kim, refunds.ResolveParams{Paid: paid, Reason: "  "})
			s.code(err, refunds.CodeInvalid)
			if paid { // the provider can be asked, and does not know it
				_, err = s.Resolve(s.Context(), r.ID, kim, refunds.ResolveParams{Paid: paid,
					Reason: "asked their support", ProviderID: "re_x"})
				s.code(err, refunds.CodeInvalid)
			}
			r, err = s.Resolve(s.Context(), r.ID, kim, refunds.ResolveParams{Paid: paid, Reason: "asked their support",
				Confirmed: money.New(r.Amount(), r.Quote.Currency)})
			if err != nil {
				s.Fatal(err)
			}
			if paid {
				s.is(r, refunds.StatusSucceeded)
				return
			}
			s.is(r, refunds.StatusFailed)
			_, err = s.Resolve(s.Context(), r.ID, kim, refunds.ResolveParams{Paid: paid, Reason: "again"})
			s.code(err, refunds.CodeTransition)
			s.is(s.refund(request(1, 1)), refunds.StatusSucceeded)
			s.equal("refunds at the provider", len(s.gateway.Ledger()), 1)
		})
	}
}

func TestAKeyThatTheProviderForgotEarlyIsNotPaidTwice(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultLostAfter, refundstest.FaultNotSent)
		r := s.refund(request(1, 1))
		s.is(r, refunds.StatusUnknown)
		s.gateway.PruneKeys()
		time.Sleep(2 * time.Second)
		s.settle(time.Hour)
		s.is(s.get(r.ID), refunds.StatusSucceeded)
		s.equal("refunds at the provider", len(s.gateway.Ledger()), 1)
	})
}

func TestARefusalAfterALostCallIsLookedUp(t *testing.T) {
	inBubble(t, func(s *shop) {
		// The key is forgotten at once, and the payment is refunded already.
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultLostAfter)
		forgetful := &forgetting{Gateway: s.gateway}
		svc, err := refunds.New(refunds.Config{Store: s.store, Gateway: forgetful})
		if err != nil {
			s.Fatal(err)
		}
		r, err := svc.Refund(s.Context(), request(1, 1))
		if err != nil {
			s.Fatal(err)
		}
		s.is(r.Refund, refunds.StatusSucceeded)
		s.equal("refunds at the provider", len(s.gateway.Ledger()), 1)
	})
}
