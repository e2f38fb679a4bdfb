package refunds_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

func TestAReversalWhoseMessageWasLostIsFoundByTheSweep(t *testing.T) {
	for _, days := range []int{8, 29} {
		t.Run(fmt.Sprint(days, " days later"), func(t *testing.T) {
			inOutsideBubble(t, func(s *shop) {
				s.gateway.SetClock(time.Now)
				r := s.refund(request(1, 1))
				s.is(r, refunds.StatusSucceeded)
				time.Sleep(time.Duration(days) * 24 * time.Hour)
				s.gateway.Settle(r.Attempt().ProviderID, "failed")
				s.sweep()
				s.is(s.get(r.ID), refunds.StatusReversed)
				s.counts(1000, 0, 0, 2000, 0) // owed again, and on hold until a method is chosen
				s.equal("reversed", s.seen.reversed, 1)
			})
		})
	}
}

func TestTheSweepFindsWhatNoMessageTold(t *testing.T) {
	inOutsideBubble(t, func(s *shop) {
		s.gateway.SetClock(time.Now)
		s.gateway.RefundOutside("pi_1", 1000, "USD")
		s.gateway.RefundOutside("of another shop", 1000, "USD")
		s.is(s.refund(request(1, 1)), refunds.StatusSucceeded) // ours is not outside
		s.gateway.Dispute(payment.ProviderDispute{ProviderID: "dp_1", PaymentProviderID: "pi_1", Amount: 500,
			Withdrawn: 500, Currency: "USD", State: payment.DisputeOpen, Status: "needs_response"})
		time.Sleep(20 * 24 * time.Hour)
		s.sweep()
		s.counts(0, 1000, 1000, 1000, 0)
		hold, held := s.ledger(1).Hold()
		s.equal("hold", []any{hold.Ref, held}, []any{"dp_1", true})

		// It is looked up as long as it is open, however old.
		time.Sleep(60 * 24 * time.Hour)
		s.gateway.Dispute(payment.ProviderDispute{ProviderID: "dp_1", PaymentProviderID: "pi_1", Amount: 500,
			Withdrawn: 500, Currency: "USD", State: payment.DisputeLost, Status: "lost"})
		s.sweep()
		s.counts(0, 1000, 1500, 500, 0)
	})
}

func TestASweepThatFailsIsCarriedOnWhereItWas(t *testing.T) {
	var lists *refundstest.Lists
	inOutsideBubble(t, func(s *shop) {
		s.gateway.SetClock(time.Now)
		s.gateway.RefundOutside("pi_1", 1000, "USD")
		time.Sleep(10 * 24 * time.Hour)
		lists.Err = errors.New("the connection was cut")
		if done, err := s.SweepDue(s.Context()); done || !errors.Is(err, lists.Err) {
			s.Errorf("done %v, %v", done, err)
		}
		lists.Err = nil
		done, err := s.SweepDue(s.Context())
		s.equal("not due yet", []any{done, err}, []any{false, nil})
		time.Sleep(2 * time.Minute)
		s.sweep()
		s.counts(0, 0, 1000, 2000, 0)
		w, err := s.store.UpdateSweep(s.Context(), func(w refunds.Sweep) (refunds.Sweep, error) { return w, nil })
		s.equal("sweep", []any{w.DoneAt, w.LeaseToken, w.LastError, err}, []any{time.Now().UTC(), "", "", nil})
		done, err = s.SweepDue(s.Context())
		s.equal("due again", []any{done, err}, []any{false, nil})
	}, func(c *refunds.Config) {
		lists = c.Gateway.(*refundstest.Gateway).Lists()
		c.RefundLister, c.History = lists, lists
	})
}

// deaf are lists of a provider that answers nothing about one payment.
type deaf struct {
	*refundstest.Lists

	about string
}

func (d deaf) RefundsOf(ctx context.Context, id string) iter.Seq2[payment.ProviderRefund, error] {
	if id == d.about {
		return func(yield func(payment.ProviderRefund, error) bool) {
			yield(payment.ProviderRefund{}, errors.New("answered 400"))
		}
	}
	return d.Lists.RefundsOf(ctx, id)
}

// TestAPaymentThatCannotBeLookedUpHoldsUpNoOther: the round ends, and says what was wrong.
func TestAPaymentThatCannotBeLookedUpHoldsUpNoOther(t *testing.T) {
	inOutsideBubble(t, func(s *shop) {
		s.gateway.SetClock(time.Now)
		s.gateway.Capture("pi_2", 3000)
		s.gateway.Dispute(payment.ProviderDispute{ProviderID: "dp_2", PaymentProviderID: "pi_2", Amount: 500,
			Withdrawn: 500, Currency: "USD", State: payment.DisputeOpen, Status: "needs_response"})
		for range 2 {
			s.gateway.RefundOutside("pi_1", 1000, "USD")
			time.Sleep(24 * time.Hour)
			s.sweep()
		}
		s.counts(0, 0, 2000, 1000, 0)
		w, err := s.store.UpdateSweep(s.Context(), func(w refunds.Sweep) (refunds.Sweep, error) { return w, nil })
		if err != nil || !strings.Contains(w.LastError, "answered 400") || w.DoneAt.IsZero() {
			s.Errorf("the sweep is %+v, %v", w, err)
		}
	}, func(c *refunds.Config) {
		lists := deaf{c.Gateway.(*refundstest.Gateway).Lists(), "pi_2"}
		c.RefundLister, c.History = lists, lists
	})
}

func TestASweepPlannedByAClockThatWasSetBackIsDue(t *testing.T) {
	inOutsideBubble(t, func(s *shop) {
		s.gateway.SetClock(time.Now)
		s.sweep()
		_, err := s.store.UpdateSweep(s.Context(), func(w refunds.Sweep) (refunds.Sweep, error) {
			w.NextAt = time.Now().Add(24 * time.Hour)
			w.LeaseToken, w.LeaseUntil = "dead", time.Now().Add(12*time.Hour)
			return w, nil
		})
		s.equal("error", err, nil)
		s.sweep()
	})
}

func TestOneProcessSweepsAtATime(t *testing.T) {
	inOutsideBubble(t, func(s *shop) {
		s.gateway.SetClock(time.Now)
		s.gateway.RefundOutside("pi_1", 1000, "USD")
		done := make(chan bool)
		for range 8 {
			go func() {
				ok, err := s.SweepDue(s.Context())
				if err != nil {
					s.Error(err)
				}
				done <- ok
			}()
		}
		n := 0
		for range 8 {
			if <-done {
				n++
			}
		}
		s.equal("rounds", n, 1)
		s.counts(0, 0, 1000, 2000, 0)
	})
}
