package orders

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
)

// charge is an attempt in flight that Checkout started.
type charge struct {
	done  chan struct{} // closed when order and err are set
	order Order
	err   error
}

// begin counts the caller among those Close waits for; false after Close.
func (s *Service) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running.Add(1)
	return true
}

func (s *Service) closing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// chargeNow starts the attempt and waits for it up to PaymentWait. It fails
// only when ctx ends.
func (s *Service) chargeNow(ctx context.Context, o Order, lease string) (Order, error) {
	if !s.begin() {
		return s.queue(ctx, o, lease, "the shop is closing down"), nil
	}
	c := &charge{done: make(chan struct{})}
	s.mu.Lock()
	s.inFlight[o.ID] = c
	s.mu.Unlock()
	// It outlives the caller, and still belongs to its request and trace.
	attempting, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(s.life, end)
	go func() {
		defer s.running.Done()
		defer end()
		defer stop()
		c.order, _, c.err = s.attempt(attempting, o, lease)
		s.mu.Lock()
		delete(s.inFlight, o.ID)
		s.mu.Unlock()
		close(c.done)
	}()

	wait := time.NewTimer(s.cfg.PaymentWait)
	defer wait.Stop()
	select {
	case <-c.done:
		if c.err != nil {
			// Its result is not recorded; the lease runs out and a worker looks.
			return s.queue(ctx, o, "", "the result of the charge could not be recorded"), nil
		}
		return c.order, nil
	case <-wait.C:
		return s.queue(ctx, o, "", "no answer within "+s.cfg.PaymentWait.String()), nil
	case <-ctx.Done():
		return o, fmt.Errorf("orders: checkout: order %s is placed, nobody waits for its payment: %w", o.Number, ctx.Err())
	}
}

// queue accepts the order unless it was settled meanwhile, and releases the
// lease when it is given. Where that can't be saved the order stays submitted,
// which is as good: it is committed, shown as queued, and recovered.
func (s *Service) queue(ctx context.Context, o Order, lease, reason string) Order {
	st := s.worker(ctx)
	saved, err := s.store.Update(ctx, o.ID, func(o *Order) error {
		if lease != "" && o.CheckLease(lease) == nil {
			o.Lease("", time.Time{})
		}
		if o.Status != StatusSubmitted {
			return nil
		}
		return o.Queue(st, reason)
	})
	if err != nil {
		return o
	}
	return saved
}

// ChargeDue settles up to limit payments that are due: queued orders, and
// submitted ones whose charger was lost. It returns how many it attempted. It
// stops early when the provider takes no calls (an open breaker), so that an
// outage costs one probe and not the whole queue. A payment that fails to be
// recorded is reported, and due again when its lease runs out.
//
// Orders older than QueueLimit are withdrawn at the provider and cancelled,
// only when it is certain that they are unpaid. Those where nobody can tell
// even after GiveUpAfter stay queued and go to the queue for a person. When ctx ends, calls in flight
// are answered and recorded, and no new ones begin.
func (s *Service) ChargeDue(ctx context.Context, limit int) (int, error) {
	if !s.begin() {
		return 0, nil
	}
	defer s.running.Done()
	n := 0
	for n < limit && ctx.Err() == nil && !s.closing() {
		lease := s.cfg.NewID()
		due, err := s.store.Claim(ctx, s.now(), s.cfg.Lease, lease, min(s.cfg.Parallel, limit-n))
		if err != nil {
			return n, fmt.Errorf("orders: charge due payments: %w", err)
		}
		if len(due) == 0 {
			break
		}
		n += len(due)
		outcomes, errs := make([]payment.Outcome, len(due)), make([]error, len(due))
		var wg sync.WaitGroup
		for i, o := range due {
			wg.Go(func() {
				was := o.Status
				var err error
				o, outcomes[i], err = s.attempt(context.WithoutCancel(ctx), o, lease)
				if err != nil && CodeOf(err) != CodeLeaseLost {
					errs[i] = fmt.Errorf("orders: charge order %s: %w", due[i].Number, err)
				}
				// One that was queued is reported by settle.
				if err == nil && was == StatusSubmitted && !o.open() {
					s.cfg.Observer.Settled(o, s.now().Sub(o.PlacedAt))
				}
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			return n, err
		}
		for _, outcome := range outcomes {
			if outcome == payment.OutcomeNoEffect {
				return n, nil
			}
		}
	}
	return n, nil
}

// Expedite brings the next attempt to charge an order to now: what to do when the
// provider says that its payment has moved. An order that is settled, being
// charged at this moment, or in the queue for a person stays as it is.
func (s *Service) Expedite(ctx context.Context, id string) (Order, error) {
	return s.store.Update(ctx, id, func(o *Order) error {
		if w := &o.Payment.Work; o.open() && !w.NeedsReview && !w.NextAt.IsZero() && w.NextAt.After(s.now()) {
			w.NextAt = s.now()
		}
		return nil
	})
}

// attempt tries once to settle the payment of an order leased under the
// token, and records what came of it. It returns the order as saved and the
// outcome of the last call.
func (s *Service) attempt(ctx context.Context, o Order, lease string) (Order, payment.Outcome, error) {
	if s.now().Sub(o.PlacedAt) >= s.cfg.QueueLimit {
		return s.withdraw(ctx, o, lease, s.worker(ctx), fmt.Sprintf("not paid within %s", s.cfg.QueueLimit), nil)
	}

	// Before this run nothing was confirmed: no attempt was recorded, and none
	// was cut off after it began.
	first := o.Payment.Work.Attempts == 0 && o.Payment.Status != PaymentUnknown
	if o.Payment.ProviderID != "" && o.Payment.Status == PaymentUnknown {
		// A confirm may have been sent: look first, never pay again blindly.
		a, err := s.find(ctx, &o, lease)
		if err != nil {
			return o, a.Outcome, err
		}
		switch a.Outcome {
		case payment.OutcomeDone:
			return s.captured(ctx, o, lease, o.Payment.ProviderID, a)
		case payment.OutcomeDeclined:
			return s.settle(ctx, o, lease, a.Outcome, func(o *Order) error {
				return o.Decline(s.worker(ctx), a.Code, "the provider cancelled the payment")
			})
		case payment.OutcomeNoEffect:
			// Not captured, and still can be: confirm again.
		default:
			return s.later(ctx, o, lease, a, true)
		}
	} else {
		reference := o.Payment.ProviderID
		if reference == "" {
			a, err := s.call(ctx, &o, lease, s.cfg.Gateway.CreatePayment)
			if err != nil {
				return o, a.Outcome, err
			}
			switch {
			case a.Outcome == payment.OutcomeDone && a.ProviderID != "":
				reference = a.ProviderID
			case a.Outcome == payment.OutcomeDeclined:
				return s.settle(ctx, o, lease, a.Outcome, func(o *Order) error {
					return o.Decline(s.worker(ctx), a.Code, a.Message)
				})
			default:
				// Without a reference nothing can be captured.
				return s.later(ctx, o, lease, a, false)
			}
		}
		var err error
		if o, _, err = s.settle(ctx, o, lease, payment.OutcomeDone, func(o *Order) error {
			return o.Confirming(s.worker(ctx), reference)
		}); err != nil {
			return o, payment.OutcomeUnknown, err
		}
	}

	a, err := s.call(ctx, &o, lease, func(ctx context.Context, r payment.ChargeRequest) payment.Result {
		return s.cfg.Gateway.ConfirmPayment(ctx, r, o.Payment.ProviderID)
	})
	if err != nil {
		return o, a.Outcome, err
	}
	switch a.Outcome {
	case payment.OutcomeDone:
		return s.captured(ctx, o, lease, o.Payment.ProviderID, a)
	case payment.OutcomeDeclined:
		if !first {
			// An earlier confirm without an answer may still be on its way.
			return s.withdraw(ctx, o, lease, s.worker(ctx), a.Message, &a)
		}
		return s.settle(ctx, o, lease, a.Outcome, func(o *Order) error {
			return o.Decline(s.worker(ctx), a.Code, a.Message)
		})
	case payment.OutcomeNoEffect:
		return s.later(ctx, o, lease, a, false)
	default:
		return s.later(ctx, o, lease, a, true)
	}
}

// withdraw ends an order unpaid, after the provider has said that it never
// will be captured. decline is the definite no that led here, if one did.
func (s *Service) withdraw(ctx context.Context, o Order, lease string, st event.Stamp, reason string, decline *payment.Result) (Order, payment.Outcome, error) {
	outcome := payment.OutcomeDone
	if o.Payment.ProviderID != "" {
		a, err := s.call(ctx, &o, lease, func(ctx context.Context, r payment.ChargeRequest) payment.Result {
			return s.cfg.Gateway.CancelPayment(ctx, r, o.Payment.ProviderID)
		})
		if err != nil {
			return o, a.Outcome, err
		}
		if a.Outcome == payment.OutcomeDeclined {
			// It is said to be captured. An order is completed on the payment's
			// own state only, not on the reason of a refusal.
			a, err = s.find(ctx, &o, lease)
			if err != nil {
				return o, a.Outcome, err
			}
			switch a.Outcome {
			case payment.OutcomeDone:
				return s.captured(ctx, o, lease, o.Payment.ProviderID, a)
			case payment.OutcomeDeclined:
				a.Outcome = payment.OutcomeDone // it is cancelled, however that came about
			case payment.OutcomeNoEffect:
				// Neither captured nor withdrawn: cancel again later, under a key
				// that does not replay this refusal.
				a.Outcome, a.Replayed = payment.OutcomeUnknown, true
			}
		}
		if a.Outcome != payment.OutcomeDone {
			return s.later(ctx, o, lease, a, true)
		}
		outcome = a.Outcome
	}
	return s.settle(ctx, o, lease, outcome, func(o *Order) error {
		if o.Payment.ProviderID != "" {
			if err := o.Withdraw(st); err != nil {
				return err
			}
		}
		if decline != nil {
			return o.Decline(st, decline.Code, reason)
		}
		return o.Cancel(st, reason)
	})
}

// find looks the payment object up.
func (s *Service) find(ctx context.Context, o *Order, lease string) (payment.Result, error) {
	return s.call(ctx, o, lease, func(ctx context.Context, _ payment.ChargeRequest) payment.Result {
		return s.cfg.Gateway.FindPayment(ctx, o.Payment.ProviderID)
	})
}

// captured completes the order, unless the provider names another amount:
// that is for a person.
func (s *Service) captured(ctx context.Context, o Order, lease, reference string, a payment.Result) (Order, payment.Outcome, error) {
	if a.Amount != 0 && a.Amount != o.Payment.Amount {
		a.Message = fmt.Sprintf("the provider says %d minor units were captured, the order is for %d", a.Amount, o.Payment.Amount)
		return s.record(ctx, o, lease, ChargeResult{Outcome: payment.OutcomeUnknown, Code: a.Code, Message: a.Message, MayBeCaptured: true, GaveUp: true})
	}
	return s.settle(ctx, o, lease, payment.OutcomeDone, func(o *Order) error { return o.Complete(s.worker(ctx), reference) })
}

// later records an attempt that settled nothing; the order is queued. An
// answer that settles nothing and is replayed would come back for ever, so its
// key is given up; that is safe, see Payment.KeyRound. After GiveUpAfter a
// person has to look.
func (s *Service) later(ctx context.Context, o Order, lease string, a payment.Result, mayBeCaptured bool) (Order, payment.Outcome, error) {
	r := ChargeResult{Outcome: a.Outcome, Code: a.Code, Message: a.Message, MayBeCaptured: mayBeCaptured, NewKey: a.Replayed}
	if now := s.now(); now.Sub(o.PlacedAt) < s.cfg.GiveUpAfter {
		r.NextAt = now.Add(s.cfg.Jitter(distance(a.Outcome, o.Payment.Work.Attempts)))
	} else {
		r.GaveUp = true
	}
	return s.record(ctx, o, lease, r)
}

func (s *Service) record(ctx context.Context, o Order, lease string, r ChargeResult) (Order, payment.Outcome, error) {
	return s.settle(ctx, o, lease, r.Outcome, func(o *Order) error {
		st := s.worker(ctx)
		if err := o.ChargeAttempted(st, r); err != nil {
			return err
		}
		if o.Status == StatusSubmitted {
			return o.Queue(st, r.Message)
		}
		return nil
	})
}

// distance is how long after a fruitless attempt the next one is due, before
// jitter: 100 ms, doubling for some 6 s, then threefold up to a minute. Where
// nothing happened (a provider that takes no calls) it does not grow.
func distance(outcome payment.Outcome, attempts int) time.Duration {
	const (
		first   = 100 * time.Millisecond
		doubled = 5 // 3.2 s
		most    = time.Minute
	)
	if outcome == payment.OutcomeNoEffect {
		return time.Second
	}
	d := first << min(attempts, doubled)
	for i := doubled; i < attempts && d < most; i++ {
		d *= 3
	}
	return min(d, most)
}

// call makes one provider call, within CallTimeout and under a lease that
// lasts longer than that. An outcome nobody knows is OutcomeUnknown.
func (s *Service) call(ctx context.Context, o *Order, lease string, f func(context.Context, payment.ChargeRequest) payment.Result) (payment.Result, error) {
	if o.Payment.Work.LeaseUntil.Sub(s.now()) < s.cfg.CallTimeout+s.cfg.Lease/4 {
		until := s.now().Add(s.cfg.Lease)
		renewed, err := s.store.Update(ctx, o.ID, func(o *Order) error {
			if err := o.CheckLease(lease); err != nil {
				return err
			}
			o.Lease(lease, until)
			return nil
		})
		if err != nil {
			return payment.Result{Outcome: payment.OutcomeNoEffect}, err
		}
		*o = renewed
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CallTimeout)
	defer cancel()
	a := f(ctx, o.ChargeRequest())
	switch a.Outcome {
	case payment.OutcomeDone, payment.OutcomeDeclined, payment.OutcomeNoEffect, payment.OutcomePending, payment.OutcomeRequiresAction:
	default:
		a.Outcome = payment.OutcomeUnknown
	}
	return a, nil
}

// settle saves a change of the order while the lease still holds.
func (s *Service) settle(ctx context.Context, o Order, lease string, outcome payment.Outcome, change func(*Order) error) (Order, payment.Outcome, error) {
	var was Status
	saved, err := s.store.Update(ctx, o.ID, func(o *Order) error {
		was = o.Status
		if err := o.CheckLease(lease); err != nil {
			return err
		}
		return change(o)
	})
	if err != nil {
		return o, outcome, err
	}
	if was == StatusQueued && !saved.open() {
		s.cfg.Observer.Settled(saved, s.now().Sub(saved.PlacedAt))
	}
	return saved, outcome, nil
}
