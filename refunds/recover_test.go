package refunds_test

import (
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

func TestEveryFaultOfTheFirstCallEndsInTheTruth(t *testing.T) {
	for _, c := range []struct {
		fault refundstest.Fault
		now   refunds.Status // what Refund answers
		sends int            // sends within Refund
		then  refunds.Status // after the worker
	}{
		{refundstest.FaultNone, refunds.StatusSucceeded, 1, refunds.StatusSucceeded},
		{refundstest.FaultLostBefore, refunds.StatusSucceeded, 2, refunds.StatusSucceeded},
		{refundstest.FaultLostAfter, refunds.StatusSucceeded, 2, refunds.StatusSucceeded},
		{refundstest.FaultHangBefore, refunds.StatusSucceeded, 2, refunds.StatusSucceeded},
		{refundstest.FaultHangAfter, refunds.StatusSucceeded, 2, refunds.StatusSucceeded},
		{refundstest.Fault5xxBefore, refunds.StatusSucceeded, 2, refunds.StatusSucceeded},
		{refundstest.Fault5xxAfter, refunds.StatusSucceeded, 2, refunds.StatusSucceeded},
		// Its replay says so; it is absent for the grace, and then a definite no.
		{refundstest.FaultStored5xx, refunds.StatusUnknown, 2, refunds.StatusFailed},
		{refundstest.FaultStored5xxAfter, refunds.StatusSucceeded, 2, refunds.StatusSucceeded},
		{refundstest.FaultConflict, refunds.StatusSucceeded, 2, refunds.StatusSucceeded},
		{refundstest.FaultRateLimit, refunds.StatusSucceeded, 2, refunds.StatusSucceeded},
		{refundstest.FaultNotSent, refunds.StatusSubmitted, 1, refunds.StatusSucceeded},
		{refundstest.FaultRefuse, refunds.StatusFailed, 1, refunds.StatusFailed},
		{refundstest.FaultPending, refunds.StatusPending, 1, refunds.StatusSucceeded},
		{refundstest.FaultRequiresAction, refunds.StatusRequiresAction, 1, refunds.StatusRequiresAction},
		{refundstest.FaultWrongAmount, refunds.StatusUnknown, 1, refunds.StatusUnknown},
		{refundstest.FaultKeyPruned, refunds.StatusSucceeded, 1, refunds.StatusSucceeded},
	} {
		t.Run(string(c.fault), func(t *testing.T) {
			inBubble(t, func(s *shop) {
				s.gateway.Script(refundstest.CallCreate, c.fault)
				r := s.refund(request(1, 2))
				s.is(r, c.now)
				s.equal("calls", s.gateway.Calls(refundstest.CallCreate), c.sends)
				s.equal("recorded calls", r.Attempt().Sent, c.sends)
				s.check()
				s.settle(24 * time.Hour)
				r = s.get(r.ID)
				s.is(r, c.then)
				s.equal("needs review", r.Work.NeedsReview, c.fault == refundstest.FaultWrongAmount)
				if c.then == refunds.StatusSucceeded || c.fault == refundstest.FaultWrongAmount {
					s.equal("paid out", s.gateway.PaidOut("pi_1"), int64(2000))
				}
				s.check()

				// Asking again never pays again; a failed one gets a new attempt and key.
				again := s.refund(request(1, 2))
				s.settle(time.Hour)
				if c.then == refunds.StatusFailed {
					s.is(again, refunds.StatusSucceeded)
					s.equal("attempts", len(again.Attempts), 2)
				} else {
					s.is(again, c.then)
					s.equal("attempts", len(again.Attempts), 1)
				}
				s.equal("refunds at the provider", len(s.gateway.Ledger()), 1)
				s.check()
			}, patientFor(500*time.Millisecond))
		})
	}
}

func TestAProviderThatIsDownIsTriedAtTheDistancesOfTheRules(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultLostBefore)
		s.gateway.Always(refundstest.CallFind, refundstest.FaultLostBefore)
		start := time.Now()
		r := s.refund(request(1, 1))
		s.is(r, refunds.StatusUnknown)
		if waited := time.Since(start); waited > 2*time.Second {
			s.Errorf("the caller waited %s, more than Config.Wait", waited)
		}
		s.settle(22 * time.Hour)
		r = s.get(r.ID)
		s.is(r, refunds.StatusUnknown)
		s.equal("needs review", r.Work.NeedsReview, false)

		events, err := s.Events(s.Context(), r.ID)
		if err != nil {
			s.Fatal(err)
		}
		var gaps []time.Duration
		last := r.CreatedAt
		for _, e := range events {
			if e.Type == refunds.EventUnknown {
				gaps = append(gaps, e.At.Sub(last).Round(time.Second/10))
				last = e.At
			}
		}
		h := time.Hour
		s.equal("distances", gaps, []time.Duration{
			1500 * time.Millisecond, 1600 * time.Millisecond, // after calls at 0, 0.1, 0.3, 0.7 and 1.5 s
			time.Second, 3 * time.Second, 9 * time.Second, 27 * time.Second, 81 * time.Second, 243 * time.Second,
			729 * time.Second,
			2187 * time.Second, 6561 * time.Second, 19683 * time.Second, 6 * h, 6 * h,
		}[:len(gaps)])

		// Past the key's age, with look-ups that fail, staff see it, and it
		// is still looked up. It is never failed by age.
		s.settle(40 * time.Hour)
		r = s.get(r.ID)
		s.is(r, refunds.StatusUnknown)
		s.equal("needs review", r.Work.NeedsReview, true)
		sends := s.gateway.Calls(refundstest.CallCreate)
		s.settle(400 * time.Hour)
		s.equal("sends after the key's age", s.gateway.Calls(refundstest.CallCreate), sends)
		s.is(s.get(r.ID), refunds.StatusUnknown)
		s.check()
	})
}

func TestAnOutageLongerThanTheKeyLivesLosesNothing(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultNotSent)
		r := s.refund(request(1, 1))
		s.is(r, refunds.StatusSubmitted)
		s.settle(48 * time.Hour)
		r = s.get(r.ID)
		s.is(r, refunds.StatusSubmitted)
		s.equal("was certainly never sent", r.Attempt().FirstSentAt.IsZero(), true)
		s.equal("needs review", r.Work.NeedsReview, true)
		s.equal("queued", s.seen.queued, 1)
		if r.Version > 2*24*60+2*24*6*2 {
			s.Errorf("two days of outage made %d events", r.Version)
		}
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultNone)
		s.settle(11 * time.Minute)
		s.is(s.get(r.ID), refunds.StatusSucceeded)
		s.check()
	})
}

func TestAnOutageCostsOneProbeAndNotTheQueue(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultNotSent)
		for i := range 30 {
			s.refund(request(i, 1))
		}
		time.Sleep(time.Minute)
		calls := s.gateway.Calls(refundstest.CallCreate)
		s.pursue()
		s.equal("calls of one round", s.gateway.Calls(refundstest.CallCreate)-calls, 2)
	}, func(c *refunds.Config) { c.Parallel = 2 })
}

func TestCheckFollowsTheProvider(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultRequiresAction)
		webhook := event.Actor{Kind: event.ActorProvider}
		check := func(id string) (refunds.Refund, error) { return s.Check(s.Context(), id, webhook) }
		r := s.refund(request(1, 2))
		s.gateway.Settle("re_1", "succeeded")
		r, err := check(r.ID)
		if err != nil {
			s.Fatal(err)
		}
		s.is(r, refunds.StatusSucceeded)

		// The provider takes it back: balance and units are free, and a new
		// refund of the same return may be made.
		s.gateway.Settle("re_1", "failed")
		r, err = check(r.ID)
		if err != nil {
			s.Fatal(err)
		}
		s.is(r, refunds.StatusReversed)
		s.equal("reversed", s.seen.reversed, 1)
		if r, err = check(r.ID); err != nil || r.Status != refunds.StatusReversed {
			s.Errorf("again: %s, %v", r.Status, err)
		}
		second := s.refund(request(1, 3))
		s.is(second, refunds.StatusSucceeded)
		s.equal("amount", second.Amount(), int64(3000))
		if second.ID == r.ID {
			s.Error("the reversed refund was used again")
		}
		s.check()

		_, err = s.Reverse(s.Context(), second.ID, webhook, refunds.ReverseParams{ProviderID: "re_1"})
		s.code(err, refunds.CodeInvalid)

		// A failed refund that the provider paid after all is an alarm.
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultPending)
		third := s.refund(request(3, 1))
		s.gateway.Settle("re_3", "failed")
		if third, err = check(third.ID); err != nil || third.Status != refunds.StatusFailed {
			s.Errorf("third: %s, %v", third.Status, err)
		}
		s.gateway.Settle("re_3", "succeeded")
		third, err = check(third.ID)
		s.code(err, refunds.CodeContradiction)
		s.is(third, refunds.StatusFailed)
	})
}
