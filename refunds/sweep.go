package refunds

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/resilience"
)

// Sweep is how far the recurring sweep of the provider's lists has come, for all
// processes on one store.
type Sweep struct {
	From, To   time.Time // of the current round: [From, To); zero between two rounds
	Left       time.Time // [From, Left) is still to be read
	DoneAt     time.Time // when the last round ended
	NextAt     time.Time // when the next step is due
	Failures   int       // of the current step, in a row
	LastError  string    // of the last step, or what of the round needs review
	LeaseToken string
	LeaseUntil time.Time
}

// errorText is an error as every database keeps it: a provider's words may be in it.
func errorText(err error) string { return payment.Result{Message: err.Error()}.Bounded().Message }

// Check refuses a text that no database keeps as CodeInvalid, with its field. Each store asks
// it before it saves.
func (w Sweep) Check() error { return checkTexts(&w) }

// leased reports whether another process has the lease.
func (w Sweep) leased(now time.Time) bool {
	return w.LeaseToken != "" && now.Before(w.LeaseUntil) && !w.LeaseUntil.After(now.Add(LeaseHorizon))
}

// waits reports whether the next step is not due yet. One that is further ahead
// than any was planned by a clock that has been set back since.
func (w Sweep) waits(now time.Time, longest time.Duration) bool {
	return w.NextAt.After(now) && !w.NextAt.After(now.Add(longest+LeaseHorizon))
}

// sweepSlice is how much of the provider's lists one step reads.
const sweepSlice = 6 * time.Hour

// errNotDue says that there is nothing to sweep at this moment.
var errNotDue = errors.New("refunds: no sweep is due")

// SweepDue carries the sweep on where it is due, as Run does, and reports whether
// a round has ended with this call. It reads the provider's lists of refunds and
// disputes over Config.SweepWindow, newest first: what others gave back is booked,
// and a refund of ours that the provider took back becomes reversed, though every
// message of it was lost. At the end it looks up again what is booked and still
// open, however old.
//
// One process sweeps at a time, under a lease. It is saved after each step how far the
// round has come, so another process continues it after a crash. A step that fails is
// repeated after a while; one payment that can't be booked keeps none of the others
// from it. Without Config.RefundLister or Config.Payments there is nothing to sweep.
func (s *Service) SweepDue(ctx context.Context) (done bool, err error) {
	if err := s.noTx("sweep"); err != nil {
		return false, err
	}
	if s.cfg.RefundLister == nil || s.cfg.Payments == nil {
		return false, nil
	}
	token := s.cfg.NewID()
	w, err := s.store.UpdateSweep(ctx, func(w Sweep) (Sweep, error) { return s.claimSweep(w, token) })
	for err == nil && ctx.Err() == nil {
		var problems error
		from := later(w.From, w.Left.Add(-sweepSlice))
		problems, err = s.sweepStep(ctx, token, from, w.Left, !from.After(w.From))
		w, err = s.saveSweep(ctx, token, from, problems, err)
		if err == nil && w.LeaseToken == "" {
			return true, nil
		}
	}
	if errors.Is(err, errNotDue) {
		return false, nil
	}
	return false, err
}

// claimSweep begins a round, or carries one on.
func (s *Service) claimSweep(w Sweep, token string) (Sweep, error) {
	now := s.now()
	if w.leased(now) || w.waits(now, s.cfg.SweepEvery) {
		return w, errNotDue
	}
	if w.To.IsZero() {
		w.To = now.Truncate(time.Second).Add(time.Second)
		w.From, w.Left, w.LastError = w.To.Add(-s.cfg.SweepWindow), w.To, ""
	}
	w.LeaseToken, w.LeaseUntil = token, now.Add(s.cfg.Lease)
	return w, nil
}

// saveSweep saves how a step ended. Between two steps the lease is renewed; after
// the last one of a round, or one that failed, it is released.
func (s *Service) saveSweep(
	ctx context.Context, token string, from time.Time, problems, failed error,
) (Sweep, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordFor)
	defer cancel()
	w, err := s.store.UpdateSweep(ctx, func(w Sweep) (Sweep, error) {
		now := s.now()
		switch {
		case w.LeaseToken != token:
			return w, errNotDue // another process has taken over
		case failed != nil:
			w.LeaseToken, w.LeaseUntil = "", time.Time{}
			w.NextAt, w.LastError = now.Add(s.cfg.idleBackoff(w.Failures)), errorText(failed)
			w.Failures++
			return w, nil
		}
		if w.Failures > 0 {
			w.LastError = "" // of the failure that is over
		}
		if problems != nil {
			w.LastError = errorText(problems)
		}
		w.Left, w.Failures, w.LeaseUntil = from, 0, now.Add(s.cfg.Lease)
		if !w.From.Before(w.Left) {
			w = Sweep{DoneAt: now, NextAt: now.Add(s.cfg.SweepEvery), LastError: w.LastError}
		}
		return w, nil
	})
	return w, errors.Join(failed, err)
}

// sweepStep reads a part of the lists; last says that the round ends with it.
func (s *Service) sweepStep(ctx context.Context, token string, from, to time.Time, last bool) (problems, err error) {
	ctx, stop := s.keepSweep(ctx, token)
	defer stop()
	f := s.follower(event.System("sweep"))
	batch := make([]payment.ProviderRefund, 0, reconcilePage)
	for l, err := range s.cfg.RefundLister.ListRefunds(ctx, from, to) {
		if err != nil {
			return nil, fmt.Errorf("refunds: sweep: %w", err)
		}
		if batch = append(batch, l); len(batch) == reconcilePage {
			if err := f.refunds(ctx, batch); err != nil {
				return nil, fmt.Errorf("refunds: sweep: %w", err)
			}
			batch = batch[:0]
		}
	}
	if err := f.refunds(ctx, batch); err != nil {
		return nil, fmt.Errorf("refunds: sweep: %w", err)
	}
	if s.cfg.History == nil {
		return errors.Join(f.problems...), nil
	}
	for d, err := range s.cfg.History.ListDisputes(ctx, from, to) {
		if err == nil {
			err = f.dispute(ctx, d)
		}
		if err != nil {
			return nil, fmt.Errorf("refunds: sweep: %w", err)
		}
	}
	if last {
		if err := s.syncOpen(ctx, f); err != nil {
			return nil, err
		}
	}
	return errors.Join(f.problems...), nil
}

// syncOpen looks up again what is booked and may still change.
func (s *Service) syncOpen(ctx context.Context, f *follower) error {
	q := OutsideQuery{State: OutsideOpen, Limit: reconcilePage}
	for {
		open, err := s.store.Outside(ctx, q)
		if err != nil {
			return err
		}
		for _, o := range open {
			if err := f.keep(ctx, f.sync(ctx, o.PaymentProviderID)); err != nil {
				return fmt.Errorf("refunds: sweep: %w", err)
			}
		}
		if len(open) < reconcilePage {
			return nil
		}
		last := open[len(open)-1]
		q.AfterAt, q.AfterID = last.CreatedAt, last.ProviderID
	}
}

// keepSweep renews the lease until stop is called, and ends the context that it returns
// where another process has taken over.
func (s *Service) keepSweep(ctx context.Context, token string) (leased context.Context, stop func()) {
	return resilience.KeepLease(ctx, s.cfg.Lease, func(ctx context.Context) (held bool, err error) {
		_, err = s.store.UpdateSweep(ctx, func(w Sweep) (Sweep, error) {
			if w.LeaseToken != token {
				return w, errNotDue
			}
			w.LeaseUntil = s.now().Add(s.cfg.Lease)
			return w, nil
		})
		if errors.Is(err, errNotDue) {
			return false, nil
		}
		return err == nil, err
	})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
