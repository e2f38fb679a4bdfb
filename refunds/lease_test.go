package refunds_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
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
			time.Sleep(21 * time.Second) // longer than its call and its lease
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
		s.is(r.Refund, refunds.StatusSucceeded) // as the other has found out
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

// silent answers no call, and notes how long it could have.
type silent struct {
	*refundstest.Gateway
	called func(refundID string)
	took   time.Duration
}

func (g *silent) CreateRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	start := time.Now()
	g.called(r.RefundID)
	<-ctx.Done()
	g.took = time.Since(start)
	return payment.Result{Outcome: payment.OutcomeUnknown, Code: "timeout"}
}

func TestACallEndsWhenAnotherHasTheLease(t *testing.T) {
	inBubble(t, func(s *shop) {
		g := &silent{Gateway: s.gateway, called: func(id string) {
			_, err := s.store.Update(s.Context(), id, refunds.Changing(func(r *refunds.Refund) error {
				r.Lease("another's", time.Now().Add(10*time.Second))
				return nil
			}))
			if err != nil {
				s.Error(err)
			}
		}}
		svc, err := refunds.New(refunds.Config{Store: s.store, Gateway: g, CallTimeout: 80 * time.Second})
		if err != nil {
			s.Fatal(err)
		}
		r, err := svc.Refund(s.Context(), request(1, 1))
		if err != nil || r.Work.LeaseToken != "another's" {
			s.Errorf("lease of %q, %v, want the state that the other left", r.Work.LeaseToken, err)
		}
		if g.took >= 10*time.Second {
			s.Errorf("the call lasted %s, longer than the lease", g.took)
		}
	})
}

// slowly answers every call after d, or not at all.
type slowly struct {
	*refundstest.Gateway
	d time.Duration
}

func (g slowly) CreateRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	a := g.Gateway.CreateRefund(ctx, r) // it arrives, and is paid
	return g.late(ctx, a)
}

func (g slowly) FindRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	return g.late(ctx, g.Gateway.FindRefund(ctx, r))
}

func (g slowly) late(ctx context.Context, a payment.Result) payment.Result {
	select {
	case <-ctx.Done():
		return payment.Result{Outcome: payment.OutcomeUnknown, Code: "timeout"}
	case <-time.After(g.d):
		return a
	}
}

// patientFor ends the calls that a request waits for after d.
func patientFor(d time.Duration) func(*refunds.Config) {
	return func(c *refunds.Config) { c.CallTimeout = d }
}

func TestASlowProviderIsWaitedFor(t *testing.T) {
	for _, c := range []struct {
		name     string
		takes    time.Duration
		config   func(*refunds.Config)
		atOnce   bool // Refund returns succeeded
		resolved time.Duration
	}{
		{"800 ms, default settings", 800 * time.Millisecond, func(*refunds.Config) {}, true, 0},
		{"800 ms, a shop that waits 500 ms", 800 * time.Millisecond, patientFor(500 * time.Millisecond), false,
			10 * time.Second},
		{"9 s, a shop that waits 500 ms", 9 * time.Second, patientFor(500 * time.Millisecond), false, 30 * time.Second},
		{"70 s, a shop that waits 80 s", 70 * time.Second, patientFor(80 * time.Second), true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *shop) {
				r := s.refund(request(1, 1))
				if !c.atOnce {
					s.is(r, refunds.StatusUnknown)
					s.settle(c.resolved)
					r = s.get(r.ID)
				}
				s.is(r, refunds.StatusSucceeded)
				s.equal("refunds at the provider", len(s.gateway.Ledger()), 1)
				s.check()
			}, c.config, func(cfg *refunds.Config) {
				cfg.Gateway = slowly{cfg.Gateway.(*refundstest.Gateway),
					c.takes}
			})
		})
	}
}

func TestALeaseIsKeptDuringALongCall(t *testing.T) {
	inBubble(t, func(s *shop) {
		long, err := refunds.New(refunds.Config{Store: s.store, Gateway: slowly{s.gateway, time.Minute},
			CallTimeout: 80 * time.Second})
		if err != nil {
			s.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if r, err := long.Refund(s.Context(), request(1, 1)); err != nil || r.Status != refunds.StatusSucceeded {
				s.Errorf("%s, %v", r.Status, err)
			}
		})
		for range 55 {
			time.Sleep(time.Second)
			s.equal("refunds that another worker finds", s.pursue(), 0)
		}
		wg.Wait()
		s.equal("sends", s.gateway.Calls(refundstest.CallCreate), 1)
		s.check()
	})
}

// counted counts the updates of a store.
type counted struct {
	refunds.Store
	updates atomic.Int64
}

func (c *counted) Update(
	ctx context.Context, id string, change func(refunds.Balance, refunds.Refund) (refunds.Change, error),
) (refunds.Refund, error) {
	c.updates.Add(1)
	return c.Store.Update(ctx, id, change)
}

// between notes the updates of the store from the end of each call to the start of the next.
type between struct {
	slowly
	store *counted
	ended int64   // the updates when the last call ended
	noted []int64 // of each call after the first
}

func (g *between) CreateRefund(ctx context.Context, _ payment.RefundRequest) payment.Result {
	return g.unanswered(ctx)
}

func (g *between) FindRefund(ctx context.Context, _ payment.RefundRequest) payment.Result {
	return g.unanswered(ctx)
}

func (g *between) unanswered(ctx context.Context) payment.Result {
	if at := g.store.updates.Load(); g.ended > 0 {
		g.noted = append(g.noted, at-g.ended)
	}
	a := g.late(ctx, payment.Result{Outcome: payment.OutcomeUnknown, Code: "timeout"})
	g.ended = g.store.updates.Load()
	return a
}

// The lease was renewed during the call: the next one, in the same run, finds it long enough.
func TestALeaseThatWasKeptDuringACallIsNotRenewedBeforeTheNext(t *testing.T) {
	inBubble(t, func(s *shop) {
		store := &counted{Store: s.store}
		g := &between{slowly: slowly{s.gateway, 7 * time.Second}, store: store}
		svc, err := refunds.New(refunds.Config{
			Store: store, Gateway: g, Lease: 10 * time.Second, CallTimeout: 10 * time.Second,
			Wait: 30 * time.Second, RetryFor: 30 * time.Second,
			Jitter: func(d time.Duration) time.Duration { return d },
		})
		if err != nil {
			s.Fatal(err)
		}
		if _, err := svc.Refund(s.Context(), request(1, 1)); err != nil {
			s.Fatal(err)
		}
		if len(g.noted) < 2 {
			s.Fatalf("%d calls followed another in one run", len(g.noted))
		}
		for i, n := range g.noted {
			s.equal(fmt.Sprintf("updates between calls %d and %d", i+1, i+2), n, int64(0))
		}
	})
}
