package refunds_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// interrupted is a gateway during whose next call of a kind something happens:
// after the provider has done what it was asked and before its answer is there,
// or before it has done anything. Safe for callers at once.
type interrupted struct {
	*refundstest.Gateway
	mu             sync.Mutex
	before, during map[refundstest.Call]func()
	more           int64 // that a look-up names than was refunded
}

func interruptible(g *refundstest.Gateway) *interrupted {
	return &interrupted{Gateway: g, before: map[refundstest.Call]func(){}, during: map[refundstest.Call]func(){}}
}

func (g *interrupted) happen(what map[refundstest.Call]func(), c refundstest.Call) {
	g.mu.Lock()
	f := what[c]
	delete(what, c)
	g.mu.Unlock()
	if f != nil {
		f()
	}
}

func (g *interrupted) CreateRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	g.happen(g.before, refundstest.CallCreate)
	a := g.Gateway.CreateRefund(ctx, r)
	g.happen(g.during, refundstest.CallCreate)
	return a
}

func (g *interrupted) FindRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	g.happen(g.before, refundstest.CallFind)
	a := g.Gateway.FindRefund(ctx, r)
	if a.Outcome == payment.OutcomeDone {
		a.Amount += g.more
	}
	g.happen(g.during, refundstest.CallFind)
	return a
}

// inInterruptions runs f in a bubble with a gateway that can be interrupted.
func inInterruptions(t *testing.T, f func(s *shop, g *interrupted)) {
	t.Helper()
	g := interruptible(&refundstest.Gateway{})
	inBubble(t, func(s *shop) {
		s.gateway = g.Gateway
		f(s, g)
	}, func(c *refunds.Config) { c.Gateway = g })
}

func TestAReleaseDuringALookUpIsNotOverwritten(t *testing.T) {
	inInterruptions(t, func(s *shop, g *interrupted) {
		r := s.lost()
		time.Sleep(2 * time.Hour)
		g.during[refundstest.CallFind] = func() { s.release(dispute(1, "dp_1")) }
		s.pursue()
		r = s.get(r.ID)
		s.equal("held by, needs review", []any{r.HoldRef, r.Work.NeedsReview}, []any{"", false})
		s.settle(time.Second)
		s.is(s.get(r.ID), refunds.StatusSucceeded)
		s.equal("queued", s.seen.queued, 0)
		s.check()
	})
}

func TestAHoldThatTakesOverDuringALookUpIsNamed(t *testing.T) {
	inInterruptions(t, func(s *shop, g *interrupted) {
		r := s.lost()
		s.hold(dispute(1, "dp_2"))
		time.Sleep(2 * time.Hour)
		g.during[refundstest.CallFind] = func() { s.release(dispute(1, "dp_1")) }
		s.settle(time.Second)
		r = s.get(r.ID)
		s.equal("needs review", r.Work.NeedsReview, true)
		s.equal(
			"why",
			r.Work.LastError,
			"it was never answered, is not at the provider, and is not sent again while it is on hold for dp_2",
		)
	})
}

func TestAHoldDuringACallIsLookedUpAtOnce(t *testing.T) {
	inInterruptions(t, func(s *shop, g *interrupted) {
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultLostBefore)
		r := s.refund(request(1, 1))
		s.settle(15 * time.Hour)
		g.during[refundstest.CallCreate] = func() { s.hold(dispute(1, "dp_1")) }
		s.refund(request(1, 1))
		s.settle(time.Second)
		s.equal("needs review", s.get(r.ID).Work.NeedsReview, true)
	})
}

func TestAHoldBetweenLookUpAndSendStopsTheSend(t *testing.T) {
	inInterruptions(t, func(s *shop, g *interrupted) {
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultLostBefore)
		s.refund(request(1, 1))
		time.Sleep(time.Minute)
		sends := s.sends()
		g.during[refundstest.CallFind] = func() { s.hold(dispute(1, "dp_1")) }
		s.pursue()
		s.equal("sends", s.sends(), sends)
	})
}

func TestAMessageDuringACallHasItLookedUpAfter(t *testing.T) {
	inInterruptions(t, func(s *shop, g *interrupted) {
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultLostBefore)
		r := s.refund(request(1, 1))
		s.settle(15 * time.Hour)
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultLostAfter)
		g.during[refundstest.CallCreate] = func() {
			time.Sleep(time.Millisecond)
			if _, err := s.Check(s.Context(), r.ID, bank); err != nil {
				s.Error(err)
			}
		}
		s.refund(request(1, 1))
		s.settle(time.Second)
		s.is(s.get(r.ID), refunds.StatusSucceeded)
	})
}

// tooOld is a refund in the review queue because its key is too old.
func (s *shop) tooOld(sent refundstest.Fault) refunds.Refund {
	s.Helper()
	s.gateway.Always(refundstest.CallCreate, refundstest.FaultLostBefore)
	s.gateway.Script(refundstest.CallCreate, sent)
	s.gateway.Always(refundstest.CallFind, refundstest.FaultLostBefore)
	r := s.refund(request(1, 1))
	s.settle(30 * time.Hour)
	s.gateway.Always(refundstest.CallCreate, refundstest.FaultNone)
	r = s.get(r.ID)
	s.is(r, refunds.StatusUnknown)
	s.equal("needs review", r.Work.NeedsReview, true)
	return r
}

func TestAPersonDoesNotDecideWhileTheProviderIsAsked(t *testing.T) {
	inInterruptions(t, func(s *shop, g *interrupted) {
		r := s.tooOld(refundstest.FaultLostAfter)
		s.gateway.Always(refundstest.CallFind, refundstest.FaultNone)
		g.during[refundstest.CallFind] = func() {
			s.gateway.Script(refundstest.CallFind, refundstest.FaultLostBefore)
			_, err := s.Resolve(s.Context(), r.ID, kim, refunds.ResolveParams{Reason: "not on the page"})
			s.code(err, refunds.CodeTransition)
		}
		s.settle(7 * time.Hour)
		s.is(s.get(r.ID), refunds.StatusSucceeded)
		s.check()
	})
}

func TestTheProvidersWordCountsMoreThanAPersons(t *testing.T) {
	t.Run("it paid", func(t *testing.T) {
		inInterruptions(t, func(s *shop, _ *interrupted) {
			r := s.tooOld(refundstest.FaultLostAfter)
			s.gateway.Always(refundstest.CallFind, refundstest.FaultNone)
			_, err := s.Resolve(s.Context(), r.ID, kim, refunds.ResolveParams{Reason: "not on the page"})
			s.code(err, refunds.CodeContradiction)
			s.settle(time.Second)
			s.is(s.get(r.ID), refunds.StatusSucceeded)
			s.check()
		})
	})
	t.Run("it refused", func(t *testing.T) {
		inInterruptions(t, func(s *shop, _ *interrupted) {
			r := s.tooOld(refundstest.FaultLostAfter)
			s.gateway.Settle("re_1", "failed")
			s.gateway.Always(refundstest.CallFind, refundstest.FaultNone)
			_, err := s.Resolve(s.Context(), r.ID, kim, refunds.ResolveParams{Paid: true, Reason: "I saw it"})
			s.code(err, refunds.CodeContradiction)
			s.settle(time.Second)
			s.is(s.get(r.ID), refunds.StatusFailed)
			s.check()
		})
	})
	t.Run("it has another id", func(t *testing.T) {
		inInterruptions(t, func(s *shop, _ *interrupted) {
			r := s.tooOld(refundstest.FaultLostAfter)
			s.gateway.Always(refundstest.CallFind, refundstest.FaultNone)
			_, err := s.Resolve(s.Context(), r.ID, kim, refunds.ResolveParams{Paid: true, Reason: "I saw it",
				ProviderID: "re_l"})
			s.code(err, refunds.CodeInvalid)
			r, err = s.Resolve(s.Context(), r.ID, kim, refunds.ResolveParams{Paid: true, Reason: "I saw it"})
			if err != nil {
				s.Fatal(err)
			}
			s.equal("reference", r.Attempt().ProviderID, "re_1")
			s.check()
		})
	})
	t.Run("it changed while it was asked", func(t *testing.T) {
		inInterruptions(t, func(s *shop, g *interrupted) {
			r := s.tooOld(refundstest.FaultLostBefore)
			s.gateway.Always(refundstest.CallFind, refundstest.FaultNone)
			g.during[refundstest.CallFind] = func() { s.hold(dispute(1, "dp_1")) }
			_, err := s.Resolve(s.Context(), r.ID, kim, refunds.ResolveParams{Reason: "not on the page"})
			s.code(err, refunds.CodeTransition)
			if _, err = s.Resolve(s.Context(), r.ID, kim,
				refunds.ResolveParams{Reason: "not on the page"}); err != nil {
				s.Error(err)
			}
			s.check()
		})
	})
}

func TestWhatAPersonCalledPaidCanBeTakenBack(t *testing.T) {
	for _, reference := range []string{"", "re_l"} {
		inInterruptions(t, func(s *shop, _ *interrupted) {
			r := s.tooOld(refundstest.FaultLostAfter)
			r, err := s.Resolve(s.Context(), r.ID, kim, refunds.ResolveParams{Paid: true,
				Reason: "the provider's support says so", ProviderID: reference})
			if err != nil {
				s.Fatal(err)
			}
			s.gateway.Always(refundstest.CallFind, refundstest.FaultNone)
			s.gateway.Settle("re_1", "failed")
			r, err = s.HandleWebhook(s.Context(), bank, payment.WebhookEvent{RefundID: r.ID,
				AttemptID: r.Attempt().ID, ProviderID: "re_1", Outcome: payment.OutcomeDeclined})
			if err != nil {
				s.Fatal(err)
			}
			s.is(r, refunds.StatusReversed)
			s.equal("reference", r.Attempt().ProviderID, "re_1")
			owed, err := s.ByClientReference(s.Context(), "return-1")
			s.equal("owed", []any{owed.HoldRef, err}, []any{refunds.AwaitingMethod, nil})
			s.check()
		})
	}
}

func TestALookUpThatTellsNothingLeavesTheQueueAsItIs(t *testing.T) {
	inInterruptions(t, func(s *shop, _ *interrupted) {
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultWrongAmount)
		r := s.refund(request(1, 1))
		why := r.Work.LastError
		s.gateway.Always(refundstest.CallFind, refundstest.FaultLostBefore)
		s.hold(dispute(1, "dp_1"))
		s.settle(time.Hour)
		r = s.get(r.ID)
		s.equal("needs review", []any{r.Work.NeedsReview, r.Work.LastError}, []any{true, why})
		s.equal("queued", s.seen.queued, 1)
	})
}

func TestWhatCouldNotBeSentForADayMayBePaidOtherwise(t *testing.T) {
	inInterruptions(t, func(s *shop, _ *interrupted) {
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultNotSent)
		r := s.refund(request(1, 1))
		s.settle(25 * time.Hour)
		r, err := s.Resolve(s.Context(), r.ID, kim,
			refunds.ResolveParams{Reason: "the provider has closed our account"})
		if err != nil {
			s.Fatal(err)
		}
		s.is(r, refunds.StatusFailed)
		q := request(1, 1)
		q.Method = payment.StoreCredit
		s.is(s.refund(q), refunds.StatusSucceeded)
		s.equal("sent to the provider", s.gateway.PaidOut("pi_1"), int64(0))
		s.check()
	})
}

func TestAnAnswerThatIsReplayedIsNotTakenForNews(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultLostAfter)
		s.gateway.Script(refundstest.CallFind, refundstest.FaultLostBefore)
		r := s.refund(request(1, 1))
		s.is(r, refunds.StatusUnknown)
		s.gateway.Settle("re_1", "failed")
		_, err := s.Check(s.Context(), r.ID, bank)
		if err == nil || refunds.CodeOf(err) != "" {
			s.Errorf("the message was taken though nothing could be looked up: %v", err)
		}
		s.is(s.refund(request(1, 1)), refunds.StatusFailed)
	}, func(c *refunds.Config) { c.Wait = 1 })
}

func TestARefundThatWasSentIsNotCalledUnsent(t *testing.T) {
	inInterruptions(t, func(s *shop, _ *interrupted) {
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultNotSent)
		r := s.refund(request(1, 1))
		s.settle(25 * time.Hour)
		s.equal("needs review", s.get(r.ID).Work.NeedsReview, true)
		_, err := s.Resolve(s.Context(), r.ID, kim, refunds.ResolveParams{Paid: true, Reason: "I think so",
			ProviderID: "re_9"})
		s.code(err, refunds.CodeTransition)
		// The provider takes calls again; the process dies with the answer.
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultNone)
		s.gateway.Always(refundstest.CallFind, refundstest.FaultLostBefore)
		dying := &cut{Store: s.store, gateway: s.gateway, at: 4} // claim, submit, the call, then its answer
		svc, err := refunds.New(refunds.Config{Store: dying, Gateway: dying})
		if err != nil {
			s.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		_, _ = svc.ResumeDue(s.Context(), 1)
		s.equal("paid out", s.gateway.PaidOut("pi_1"), r.Amount())
		s.settle(time.Minute)
		s.equal("needs review", s.get(r.ID).Work.NeedsReview, false)
		_, err = s.Resolve(s.Context(), r.ID, kim, refunds.ResolveParams{Reason: "nothing was sent"})
		s.code(err, refunds.CodeTransition)
		s.gateway.Always(refundstest.CallFind, refundstest.FaultNone)
		s.settle(time.Hour)
		s.is(s.get(r.ID), refunds.StatusSucceeded)
		s.check()
	})
}

func TestTriesThatDidNothingDoNotPutOffTheLookUp(t *testing.T) {
	inInterruptions(t, func(s *shop, _ *interrupted) {
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultNotSent)
		r := s.refund(request(1, 1))
		s.settle(time.Hour)
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultLostBefore)
		s.gateway.Always(refundstest.CallFind, refundstest.FaultLostBefore)
		s.settle(time.Minute)
		r = s.get(r.ID)
		s.is(r, refunds.StatusUnknown)
		if in := time.Until(r.Work.NextAt); in > 5*time.Minute {
			s.Errorf("after a minute of lost answers it is looked up in %s", in)
		}
	})
}

func TestOneThatWasHeldForLongIsNotShownAtItsFirstFailure(t *testing.T) {
	inInterruptions(t, func(s *shop, _ *interrupted) {
		s.hold(dispute(1, "dp_1"))
		r := s.refund(request(1, 1))
		time.Sleep(30 * 24 * time.Hour)
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultRateLimit)
		s.release(dispute(1, "dp_1"))
		s.pursue()
		s.equal("needs review", s.get(r.ID).Work.NeedsReview, false)
		s.settle(time.Minute)
		s.is(s.get(r.ID), refunds.StatusSucceeded)
	})
}

func TestWhatIsStillBeingDecidedIsFollowedWhateverAPersonSays(t *testing.T) {
	for _, paid := range []bool{true, false} {
		inInterruptions(t, func(s *shop, _ *interrupted) {
			r := s.tooOld(refundstest.FaultLostAfter)
			s.gateway.Settle("re_1", "requires_action")
			s.gateway.Always(refundstest.CallFind, refundstest.FaultNone)
			_, err := s.Resolve(s.Context(), r.ID, kim, refunds.ResolveParams{Paid: paid, Reason: "I saw it"})
			s.code(err, refunds.CodeContradiction)
			s.settle(time.Second)
			s.is(s.get(r.ID), refunds.StatusRequiresAction)
		})
	}
}

func TestAgainstTheProvidersAnswerTheAmountIsEnteredAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		fault refundstest.Fault // of the call that would have paid
		more  int64             // that the look-up names
		said  string
	}{
		"it has none": {refundstest.FaultLostBefore, 0,
			"(against the provider's answer: the provider has no such refund)"},
		"of another amount": {refundstest.FaultLostAfter, 1,
			"(against the provider's answer: the provider has it as re_1 of "},
	} {
		t.Run(name, func(t *testing.T) {
			inInterruptions(t, func(s *shop, g *interrupted) {
				g.more = tc.more
				r := s.tooOld(tc.fault)
				s.gateway.Always(refundstest.CallFind, refundstest.FaultNone)
				amount := money.New(r.Amount(), r.Quote.Currency)
				for confirmed, want := range map[money.Money]refunds.Code{
					{}: refunds.CodeUnconfirmed,
					money.New(r.Amount()-1, r.Quote.Currency): refunds.CodeInvalid,
					money.New(r.Amount(), "JPY"):              refunds.CodeInvalid,
				} {
					_, err := s.Resolve(s.Context(), r.ID, kim, refunds.ResolveParams{Paid: true,
						Reason: "their support says so", Confirmed: confirmed})
					s.code(err, want)
					if !strings.Contains(fmt.Sprint(err), "confirm_amount: ") {
						s.Errorf("the field is not named: %v", err)
					}
					s.equal("nothing changed", s.get(r.ID).Version, r.Version)
				}
				r, err := s.Resolve(s.Context(), r.ID, kim, refunds.ResolveParams{Paid: true,
					Reason: "their support says so", Confirmed: amount})
				if err != nil {
					s.Fatal(err)
				}
				s.is(r, refunds.StatusSucceeded)
				events, err := s.Events(s.Context(), r.ID)
				if err != nil {
					s.Fatal(err)
				}
				kept := slices.ContainsFunc(events, func(e event.Event) bool {
					return e.Type == refunds.EventResolved &&
						strings.Contains(string(e.Data), "their support says so "+tc.said)
				})
				s.equal("the answer is in the history", kept, true)
			})
		})
	}
}
