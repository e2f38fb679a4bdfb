package refunds_test

import (
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

func TestAReversedRefundIsOwedAgainAndPaidByTheMethodChosen(t *testing.T) {
	for _, choice := range []payment.Method{payment.StoreCredit, payment.Cash, payment.Card, payment.OriginalMethod} {
		t.Run(string(choice), func(t *testing.T) {
			inBubble(t, func(s *shop) {
				first := s.refund(request(1, 3))
				s.gateway.Settle("re_1", "failed")
				for range 2 { // the message comes twice
					r, err := s.Check(s.Context(), first.ID, bank)
					if err != nil {
						s.Fatal(err)
					}
					s.is(r, refunds.StatusReversed)
				}
				s.equal("queued", s.seen.queued, 1)
				owed, err := s.ByClientReference(s.Context(), "return-1")
				if err != nil {
					s.Fatal(err)
				}
				s.is(owed, refunds.StatusCreated)
				s.equal("owed", []any{owed.HoldRef, owed.Method, owed.Amount(), owed.Work.NeedsReview},
					[]any{refunds.AwaitingMethod, payment.StoreCredit, int64(3000), true})
				s.settle(100 * time.Hour)
				s.is(s.get(owed.ID), refunds.StatusCreated)
				s.check()

				q := request(1, 3)
				q.Method = choice
				paid := s.refund(q)
				s.is(paid, refunds.StatusSucceeded)
				s.equal("id", paid.ID, owed.ID)
				s.equal("attempts", []refunds.Status{paid.Attempts[0].Status, paid.Attempts[1].Status},
					[]refunds.Status{refunds.StatusFailed, refunds.StatusSucceeded})
				s.equal("asked again", s.refund(q).ID, paid.ID)
				s.check()
			})
		})
	}
}

func TestACrashBetweenReversalAndOfferIsMadeGoodByTheNextMessage(t *testing.T) {
	inBubble(t, func(s *shop) {
		first := s.refund(request(1, 3))
		s.gateway.Settle("re_1", "failed")
		dying := &cut{Store: s.store, gateway: s.gateway, at: 3} // look-up, reversal, then the offer
		svc, err := refunds.New(refunds.Config{Store: dying, Gateway: dying})
		if err != nil {
			s.Fatal(err)
		}
		if _, err := svc.Check(s.Context(), first.ID, bank); err == nil {
			s.Error("the message was taken though its work was cut off")
		}
		s.is(s.get(first.ID), refunds.StatusReversed)
		if _, err := s.Check(s.Context(), first.ID, bank); err != nil {
			s.Fatal(err)
		}
		owed, err := s.ByClientReference(s.Context(), "return-1")
		if err != nil || owed.HoldRef != refunds.AwaitingMethod {
			s.Errorf("owed: %+v, %v", owed, err)
		}
		s.check()
	})
}
