package refunds_test

import (
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

var bank = event.Actor{Kind: event.ActorProvider, Name: "webhook"}

func dispute(n int, ref string) refunds.HoldRequest {
	r := request(n, 1)
	return refunds.HoldRequest{
		OrderID: r.OrderID, PaymentID: r.Payments[0].ID, Captured: r.Payments[0].Captured, Currency: r.Currency,
		Ref:    ref,
		Reason: "fraudulent", By: bank,
	}
}

func (s *shop) hold(h refunds.HoldRequest) []refunds.Refund {
	s.Helper()
	open, err := s.Hold(s.Context(), h)
	if err != nil {
		s.Fatal(err)
	}
	return open
}

func (s *shop) release(h refunds.HoldRequest) []refunds.Refund {
	s.Helper()
	open, err := s.Release(s.Context(), h)
	if err != nil {
		s.Fatal(err)
	}
	return open
}

func (s *shop) sends() int { return s.gateway.Calls(refundstest.CallCreate) }

func TestARefundOfADisputedPaymentIsOpenedAndNotPaid(t *testing.T) {
	for _, method := range []payment.Method{payment.Card, payment.Cash, payment.StoreCredit} {
		t.Run(string(method), func(t *testing.T) {
			inBubble(t, func(s *shop) {
				s.hold(dispute(1, "dp_1"))
				q := request(1, 2)
				q.Method = method
				r := s.refund(q)
				s.is(r, refunds.StatusCreated)
				s.equal("held by", r.HoldRef, "dp_1")
				s.equal("queued", s.seen.queued, 1)
				s.equal("asked again", s.refund(q), r)
				s.settle(100 * time.Hour)
				r = s.get(r.ID)
				s.is(r, refunds.StatusCreated)
				s.equal("needs review", r.Work.NeedsReview, true)
				s.equal("sends", s.sends(), 0)
				_, err := s.Resolve(s.Context(), r.ID, kim, refunds.ResolveParams{Paid: true, Reason: "they said so"})
				s.code(err, refunds.CodeTransition)
				s.check()

				s.release(dispute(1, "dp_1"))
				s.settle(time.Minute)
				r = s.get(r.ID)
				s.is(r, refunds.StatusSucceeded)
				s.equal("held by", r.HoldRef, "")
				s.check()
			})
		})
	}
}

func TestAHeldRefundThatTheBankPaidIsResolvedAsNotPaid(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.hold(dispute(1, "dp_1"))
		r := s.refund(request(1, 2))
		r, err := s.Resolve(s.Context(), r.ID, kim,
			refunds.ResolveParams{Reason: "the dispute was lost, the bank paid the customer"})
		if err != nil {
			s.Fatal(err)
		}
		s.is(r, refunds.StatusFailed)
		s.equal("failure", r.Attempt().FailureCode, refunds.FailureResolved)
		// The payment is held still: a new attempt is not sent either.
		r = s.refund(request(1, 2))
		s.is(r, refunds.StatusSubmitted)
		s.equal("held by", r.HoldRef, "dp_1")
		s.settle(time.Hour)
		s.equal("sends", s.sends(), 0)
		s.check()
	})
}

func TestADisputeStopsTheResendAndNotTheLookUp(t *testing.T) {
	for paid, fault := range map[bool]refundstest.Fault{true: refundstest.FaultLostAfter,
		false: refundstest.FaultLostBefore} {
		inBubble(t, func(s *shop) {
			s.gateway.Always(refundstest.CallCreate, fault)
			s.gateway.Script(refundstest.CallFind, refundstest.FaultLostBefore)
			r := s.refund(request(1, 1))
			s.is(r, refunds.StatusUnknown)
			sends := s.sends()
			open := s.hold(dispute(1, "dp_1"))
			if len(open) != 1 || open[0].HoldRef != "dp_1" || open[0].Work.NeedsReview {
				s.Errorf("open: %+v", open)
			}
			s.gateway.Always(refundstest.CallCreate, refundstest.FaultNone)
			s.settle(20 * time.Hour)
			s.equal("sends while held", s.sends(), sends)
			if paid {
				s.is(s.get(r.ID), refunds.StatusSucceeded)
				return
			}
			s.is(s.get(r.ID), refunds.StatusUnknown)
			s.release(dispute(1, "dp_1"))
			s.settle(time.Minute)
			s.is(s.get(r.ID), refunds.StatusSucceeded)
			s.check()
		})
	}
}

// lost is a refund whose calls were never answered and that the provider does
// not have, of a payment that is disputed then.
func (s *shop) lost() refunds.Refund {
	s.Helper()
	s.gateway.Always(refundstest.CallCreate, refundstest.FaultLostBefore)
	r := s.refund(request(1, 1))
	s.is(r, refunds.StatusUnknown)
	s.gateway.Always(refundstest.CallCreate, refundstest.FaultNone)
	s.hold(dispute(1, "dp_1"))
	return r
}

func TestARefundThatADisputeKeepsFromBeingSentAgainIsShownToAPerson(t *testing.T) {
	begin := func(t *testing.T, then func(s *shop, r refunds.Refund)) {
		inBubble(t, func(s *shop) {
			r := s.lost()
			sends := s.sends()
			s.settle(59 * time.Minute)
			r = s.get(r.ID)
			s.equal("needs review within the grace", r.Work.NeedsReview, false)
			_, err := s.Resolve(s.Context(), r.ID, kim, refunds.ResolveParams{Reason: "too early to tell"})
			s.code(err, refunds.CodeTransition)
			s.settle(2 * time.Minute)
			r = s.get(r.ID)
			s.is(r, refunds.StatusUnknown)
			s.equal("needs review", r.Work.NeedsReview, true)
			s.equal("why", r.Work.LastError,
				"it was never answered, is not at the provider, and is not sent again while it is on hold for dp_1")
			s.equal("queued", s.seen.queued, 1)
			s.equal("sends while held", s.sends(), sends)
			s.check()
			then(s, r)
			s.check()
		})
	}
	t.Run("and continues when it is released", func(t *testing.T) {
		begin(t, func(s *shop, r refunds.Refund) {
			for _, open := range s.release(dispute(1, "dp_1")) {
				s.equal("needs review", open.Work.NeedsReview, false)
			}
			s.settle(time.Minute)
			s.is(s.get(r.ID), refunds.StatusSucceeded)
			s.equal("paid out", s.gateway.PaidOut("pi_1"), r.Amount())
		})
	})
	t.Run("and stays there while it can't be looked up", func(t *testing.T) {
		begin(t, func(s *shop, r refunds.Refund) {
			s.gateway.Always(refundstest.CallFind, refundstest.FaultLostBefore)
			s.settle(20 * time.Hour)
			s.equal("needs review", s.get(r.ID).Work.NeedsReview, true)
			s.equal("queued", s.seen.queued, 1)
		})
	})
	t.Run("and stays there while another dispute holds it", func(t *testing.T) {
		begin(t, func(s *shop, r refunds.Refund) {
			s.hold(dispute(1, "dp_2"))
			s.release(dispute(1, "dp_1"))
			s.equal("needs review", s.get(r.ID).Work.NeedsReview, true)
			s.settle(time.Hour)
			s.equal("needs review", s.get(r.ID).Work.NeedsReview, true)
		})
	})
	t.Run("and stays there when it is released too late", func(t *testing.T) {
		begin(t, func(s *shop, r refunds.Refund) {
			s.settle(24 * time.Hour)
			s.equal("why", s.get(r.ID).Work.LastError,
				"it was never answered, its key is too old to be sent again, and the provider does not have it")
			sends := s.sends()
			s.release(dispute(1, "dp_1"))
			s.settle(time.Minute)
			r = s.get(r.ID)
			s.is(r, refunds.StatusUnknown)
			s.equal("needs review", r.Work.NeedsReview, true)
			s.equal("sends", s.sends(), sends)
		})
	})
	t.Run("who says that it was not paid", func(t *testing.T) {
		begin(t, func(s *shop, r refunds.Refund) {
			if _, err := s.Resolve(s.Context(), r.ID, kim,
				refunds.ResolveParams{Reason: "it is not on the provider's page"}); err != nil {
				s.Fatal(err)
			}
			s.release(dispute(1, "dp_1"))
			s.is(s.refund(request(1, 1)), refunds.StatusSucceeded)
			s.equal("paid out", s.gateway.PaidOut("pi_1"), r.Amount())
		})
	})
}

func TestADisputeOfARefundThatIsLookedUpSeldomShowsItAtOnce(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultLostBefore)
		s.gateway.Always(refundstest.CallFind, refundstest.FaultLostBefore)
		r := s.refund(request(1, 1))
		s.settle(20 * time.Hour)
		s.gateway.Always(refundstest.CallFind, refundstest.FaultNone)
		s.hold(dispute(1, "dp_1"))
		s.settle(time.Second)
		s.equal("needs review", s.get(r.ID).Work.NeedsReview, true)
		s.check()
	})
}

func TestAReleaseLeavesWhatIsQueuedForAnotherReason(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultWrongAmount)
		r := s.refund(request(1, 1))
		s.equal("needs review", r.Work.NeedsReview, true)
		s.hold(dispute(1, "dp_1"))
		for _, open := range s.release(dispute(1, "dp_1")) {
			s.equal("needs review", open.Work.NeedsReview, true)
		}
		s.settle(time.Hour)
		s.equal("needs review", s.get(r.ID).Work.NeedsReview, true)
		s.equal("queued", s.seen.queued, 1)
	})
}

func TestADisputeBetweenTwoTriesOfOneCallStopsTheSecond(t *testing.T) {
	inBubble(t, func(s *shop) {
		// The first send is to come later; the dispute arrives before it does.
		var g scripted
		g.create = func(r payment.RefundRequest) payment.Result {
			s.hold(dispute(1, "dp_1"))
			g.Gateway.Script(refundstest.CallCreate, refundstest.FaultRateLimit)
			return g.Gateway.CreateRefund(s.Context(), r)
		}
		g.Gateway = s.gateway
		svc, err := refunds.New(refunds.Config{Store: s.store, Gateway: &g})
		if err != nil {
			s.Fatal(err)
		}
		r, err := svc.Refund(s.Context(), request(1, 1))
		if err != nil {
			s.Fatal(err)
		}
		s.equal("sends", s.sends(), 1)
		s.is(r.Refund, refunds.StatusSubmitted)
		s.equal("waits for review", []any{r.OnHold(), r.Work.NeedsReview, r.Work.NextAt}, []any{true, true,
			time.Time{}})
		s.settle(time.Hour)
		s.equal("sends after an hour", s.sends(), 1)
		s.check()
	})
}

func TestHoldsMayComeTwiceAndInTheWrongOrder(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.release(dispute(1, "dp_1")) // closed before it was opened
		s.hold(dispute(1, "dp_1"))
		s.is(s.refund(request(1, 1)), refunds.StatusSucceeded)

		s.hold(dispute(2, "dp_2"))
		s.hold(dispute(2, "dp_2"))
		s.hold(dispute(2, "dp_3"))
		r := s.refund(request(2, 1))
		s.release(dispute(2, "dp_2"))
		s.settle(time.Hour)
		s.equal("held by the other", s.get(r.ID).HoldRef, "dp_3")
		s.release(dispute(2, "dp_3"))
		s.release(dispute(2, "dp_3"))
		s.settle(time.Hour)
		s.is(s.get(r.ID), refunds.StatusSucceeded)
		holds, err := s.Holds(s.Context(), "order-2", "payment-2")
		if err != nil || len(holds) != 2 || holds[0].Active() || holds[1].Active() || holds[0].By != bank {
			s.Errorf("holds %+v, %v", holds, err)
		}
		s.check()

		for _, spoil := range []func(*refunds.HoldRequest){
			func(h *refunds.HoldRequest) { h.Ref = "" },
			func(h *refunds.HoldRequest) { h.Ref = refunds.AwaitingMethod },
			func(h *refunds.HoldRequest) { h.PaymentID = "a\x00b" },
			func(h *refunds.HoldRequest) { h.Currency = "usd" },
			func(h *refunds.HoldRequest) { h.Captured = -1 },
		} {
			h := dispute(3, "dp_4")
			spoil(&h)
			_, err := s.Hold(s.Context(), h)
			s.code(err, refunds.CodeInvalid)
			_, err = s.Release(s.Context(), h)
			s.code(err, refunds.CodeInvalid)
		}
	})
}

func TestAnExpectedAmountThatDiffersPaysNothing(t *testing.T) {
	inBubble(t, func(s *shop) {
		q := request(1, 2)
		amount := int64(1999)
		q.Expect = &amount
		_, err := s.Refund(s.Context(), q)
		s.code(err, refunds.CodeAmountChanged)
		_, n, err := s.List(s.Context(), refunds.Query{})
		s.equal("refunds", []any{n, err}, []any{0, nil})
		amount = 2000
		s.is(s.refund(q), refunds.StatusSucceeded)
		s.is(s.refund(q), refunds.StatusSucceeded)
		amount = 1
		_, err = s.Refund(s.Context(), q)
		s.code(err, refunds.CodeAmountChanged)
		s.check()
	})
}

func TestTheEvidenceTellsEveryAnswer(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultLostBefore, refundstest.Fault5xxBefore,
			refundstest.FaultRateLimit, refundstest.FaultRefuse)
		r := s.refund(request(1, 1))
		s.is(r, refunds.StatusFailed)
		s.is(s.refund(request(1, 1)), refunds.StatusSucceeded)
		events, err := s.Events(s.Context(), r.ID)
		if err != nil {
			s.Fatal(err)
		}
		said, err := refunds.ProviderCalls(events, 100)
		if err != nil {
			s.Fatal(err)
		}
		type line struct {
			attempt int
			call    string
			outcome payment.Outcome
			http    int
			code    string
		}
		var got []line
		for _, a := range said {
			got = append(got, line{a.Attempt, a.Kind, a.Outcome, a.HTTP, a.Code})
			if a.At.IsZero() {
				s.Error("an answer without a time")
			}
		}
		s.equal("answers", got, []line{
			{1, "create", payment.OutcomeUnknown, 0, "timeout"},
			{1, "create", payment.OutcomeUnknown, 500, "api_error"},
			{1, "create", payment.OutcomeNoEffect, 429, "rate_limit"},
			{1, "create", payment.OutcomeDeclined, 400, "charge_disputed"},
			{1, "find", payment.OutcomeAbsent, 200, ""},
			{2, "create", payment.OutcomeDone, 200, ""},
		})
		last, err := refunds.ProviderCalls(events, 1)
		s.equal("the last one", []any{len(last), last[0].Attempt, err}, []any{1, 2, nil})
	})
}

// Store credit for a disputed payment says what it waits for.
func TestARefundOnHoldSaysWhy(t *testing.T) {
	inBubble(t, func(s *shop) {
		_, err := s.Hold(s.Context(), refunds.HoldRequest{
			OrderID: "order-1", PaymentID: "payment-1", Captured: 3000, Currency: "USD", Ref: "dp_1",
			Reason: "fraudulent", By: kim,
		})
		if err != nil {
			s.Fatal(err)
		}
		q := request(1, 1)
		q.Method = payment.StoreCredit
		for range 2 {
			r := s.refund(q)
			s.equal("is on hold", r.OnHold(), true)
			why := r.HoldMessage()
			for _, part := range []string{"10.00 USD", "dp_1", "disputed", "released"} {
				if !strings.Contains(why, part) {
					s.Errorf("%q does not name %s", why, part)
				}
			}
		}
		_, err = s.Release(s.Context(), refunds.HoldRequest{OrderID: "order-1", PaymentID: "payment-1",
			Captured: 3000, Currency: "USD", Ref: "dp_1", By: kim})
		if err != nil {
			s.Fatal(err)
		}
		s.settle(time.Minute)
		r := s.refund(q)
		s.is(r, refunds.StatusSucceeded)
		s.equal("why it waits", r.HoldMessage(), "")
	})
}
