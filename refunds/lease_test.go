package refunds_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

func TestTwoAtOnceAreOneRefund(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultHangAfter)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				r, err := s.Refund(s.Context(), request(1, 1))
				if err != nil || r.Status == refunds.StatusFailed {
					s.Errorf("%s, %v", r.Status, err)
				}
			})
		}
		wg.Wait()
		s.settle(time.Minute)
		s.equal("refunds at the provider", len(s.gateway.Ledger()), 1)
		s.check()
	})
}

func TestACallerThatGoesAwayLosesNothing(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultHangBefore)
		ctx, cancel := context.WithTimeout(s.Context(), 100*time.Millisecond)
		defer cancel()
		r, err := s.Refund(ctx, request(1, 1))
		if err != nil {
			s.Fatal(err)
		}
		s.is(r, refunds.StatusUnknown)
		s.is(s.get(r.ID), refunds.StatusUnknown)
		s.settle(time.Minute)
		s.is(s.get(r.ID), refunds.StatusSucceeded)

		cancel()
		if _, err := s.Refund(ctx, request(2, 1)); !errors.Is(err, context.DeadlineExceeded) {
			s.Errorf("error %v, want that of the context", err)
		}
	})
}

func TestAProcessThatWasStoppedOverwritesNothing(t *testing.T) {
	inBubble(t, func(s *shop) {
		stopped := &stopping{Gateway: s.gateway, meanwhile: func() {
			time.Sleep(11 * time.Second) // longer than its lease
			s.pursue()
		}}
		slow, err := refunds.New(refunds.Config{Store: s.store, Gateway: stopped})
		if err != nil {
			s.Fatal(err)
		}
		r, err := slow.Refund(s.Context(), request(1, 1))
		if err != nil {
			s.Fatal(err)
		}
		s.is(r, refunds.StatusSucceeded) // as the other has found out
		s.is(s.get(r.ID), refunds.StatusSucceeded)
		s.equal("refunds at the provider", len(s.gateway.Ledger()), 1)
		s.check()
	})
}

func TestALeaseIsRenewedWhileCallsAreSlow(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultHangBefore)
		r := s.refund(request(1, 1)) // 30 s of calls under leases of 10 s
		s.is(r, refunds.StatusUnknown)
		if sent := r.Attempt().Sent; sent < 5 {
			s.Errorf("%d calls", sent)
		}
	}, func(c *refunds.Config) {
		c.CallTimeout, c.Wait, c.RetryFor = 5*time.Second, 30*time.Second, 30*time.Second
	})
}
