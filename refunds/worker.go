package refunds

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
)

// ResumeDue carries on up to limit refunds that are due, as a worker does
// every second or so: those whose caller died at any point, those nobody can
// tell about yet, those the provider decides later, and those where nothing
// happened. It returns how many it tried.
//
// Each is claimed for a lease, tried once, and recorded while the lease token
// still matches. Age alone never fails a refund: it ends by the provider's
// answer, or stands in the queue for a person (Work.NeedsReview).
//
// It stops early when the provider takes no calls, so that an outage costs a
// few probes and not the whole queue. When ctx ends, calls in flight are
// answered and recorded, and no new ones begin. Any number of processes may
// call it at once.
func (s *Service) ResumeDue(ctx context.Context, limit int) (n int, err error) {
	for n < limit && ctx.Err() == nil {
		token := s.cfg.NewID()
		due, err := s.store.Claim(ctx, s.now(), s.cfg.Lease, token, min(s.cfg.Parallel, limit-n))
		if err != nil {
			return n, fmt.Errorf("refunds: claim due refunds: %w", err)
		}
		if len(due) == 0 {
			break
		}
		n += len(due)
		outcomes, errs := make([]payment.Outcome, len(due)), make([]error, len(due))
		var wg sync.WaitGroup
		for i, r := range due {
			wg.Go(func() {
				t := &execution{s: s, r: r, token: token, doubt: !r.Attempt().FirstSentAt.IsZero()}
				_, outcomes[i], errs[i] = t.run(context.WithoutCancel(ctx), 0)
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			return n, err
		}
		for _, o := range outcomes {
			if o == payment.OutcomeNoEffect {
				return n, nil
			}
		}
	}
	return n, nil
}

// Check looks the refund up at the provider now, whatever a message said, and
// records what is there: the way to handle a webhook, because states that
// arrive late or twice or in the wrong order then do no harm. An open refund
// that somebody else is carrying out is only brought forward. A succeeded one
// that the provider has since failed becomes reversed. A failed one that the
// provider paid is CodeContradiction: nothing is changed, and a person has to
// look. A refund that could not be looked up, and no person sees, is an error; a
// webhook is then refused, so that it comes again. by is recorded with a reversal.
func (s *Service) Check(ctx context.Context, id string, by event.Actor) (Refund, error) {
	r, err := s.store.Refund(ctx, id)
	if err != nil {
		return Refund{}, err
	}
	a := r.Attempt()
	if r.Method.Manual() || a.Amount == 0 || r.Status == StatusCreated {
		return r, nil
	}
	if r.Status == StatusReversed {
		return r, s.offer(ctx, r, by) // in case a crash came between the two
	}
	if r.Status.Open() {
		t := &execution{s: s, token: s.cfg.NewID(), looked: true}
		mine := false
		t.r, err = s.store.Update(ctx, id, func(r *Refund) error {
			t.doubt = !r.Attempt().FirstSentAt.IsZero()
			mine = r.Status.Open() && t.doubt && !r.Leased(s.now())
			if mine {
				s.lease(r, t.token)
			} else {
				r.Expedite(s.now())
			}
			return nil
		})
		if err != nil || !mine {
			return t.r, err
		}
		r, err := t.execute(ctx, 0)
		if n := len(t.calls); err == nil && r.Status.Open() && n > 0 && t.calls[n-1].Outcome == payment.OutcomeUnknown && !r.Work.NeedsReview {
			err = fmt.Errorf("refunds: check %s: it could not be looked up, ask again later: %s", id, r.Work.LastError)
		}
		return r, err
	}

	answer := s.find(ctx, r)
	switch {
	case r.Status == StatusSucceeded && answer.Outcome == payment.OutcomeDeclined:
		// Found by the attempt's id: its reference is the right one, whatever a
		// person who resolved it knew.
		return s.reverse(ctx, id, answer.ProviderID, answer.Code, describe(answer), by, func(*Attempt) error { return nil })
	case r.Status == StatusFailed && effective(answer.Outcome):
		return r, &Error{Code: CodeContradiction, Field: "refund", Message: fmt.Sprintf(
			"refund %s failed here, and the provider has it as %s %s", id, answer.ProviderID, answer.Status)}
	case answer.Outcome == payment.OutcomeDone && answer.Amount != 0 && answer.Amount != a.Amount:
		return r, &Error{Code: CodeContradiction, Field: "amount", Message: fmt.Sprintf(
			"refund %s is of %d minor units, and the provider says %d", id, a.Amount, answer.Amount)}
	case answer.Outcome != payment.OutcomeDone && answer.Outcome != payment.OutcomeDeclined && answer.Outcome != payment.OutcomeNoEffect &&
		answer.Outcome != payment.OutcomePending && answer.Outcome != payment.OutcomeRequiresAction:
		return r, fmt.Errorf("refunds: check %s: it could not be looked up, ask again later: %s", id, describe(answer))
	}
	return r, nil
}

// Reverse records that the provider took a succeeded refund back: the balance
// and the units are free again. What was paid by card is still owed, so a new
// refund of the same reference is opened: it holds the amount, stands in the
// queue for a person, and is paid when Refund is asked for the reference again,
// by the method that is named there; store credit always works (AwaitingMethod).
//
// providerReference, when not empty, must be that of the current attempt, where
// that is known; a message about another one is CodeInvalid. Reversing again answers with the
// state. Store credit that is reversed is taken back, and where the customer
// has spent it, that is CodeCreditTooLow and nothing is changed.
func (s *Service) Reverse(ctx context.Context, id, providerReference, code, reason string, by event.Actor) (Refund, error) {
	return s.reverse(ctx, id, providerReference, code, reason, by, func(a *Attempt) error {
		if known := a.ProviderID; providerReference != "" && known != "" && known != providerReference {
			return &Error{Code: CodeInvalid, Field: "provider_reference", Message: fmt.Sprintf(
				"%q is not the refund of the current attempt, which is %q", providerReference, known)}
		}
		return nil
	})
}

func (s *Service) reverse(ctx context.Context, id, reference, code, reason string, by event.Actor, check func(*Attempt) error) (Refund, error) {
	changed := false
	r, err := s.store.Update(ctx, id, func(r *Refund) error {
		if err := check(r.Attempt()); err != nil {
			return err
		}
		if changed = r.Status != StatusReversed; !changed {
			return nil
		}
		return r.Reverse(s.stamp(ctx, by), reference, code, reason)
	})
	if err != nil {
		return Refund{}, fmt.Errorf("refunds: reverse %s: %w", id, err)
	}
	if changed {
		s.cfg.Observer.Reversed(r)
	}
	return r, s.offer(ctx, r, by)
}

// offer opens the refund that is owed after one by card was reversed, unless
// there is one or nothing is left to give. It may be called any number of times.
func (s *Service) offer(ctx context.Context, reversed Refund, by event.Actor) error {
	if reversed.Method.Manual() || reversed.Amount() == 0 {
		return nil
	}
	opened := false
	errNone := errors.New("nothing is owed")
	open := OpenRequest{
		ClientReference: reversed.ClientReference, OrderID: reversed.OrderID, PaymentID: reversed.PaymentID, Currency: reversed.Quote.Currency,
	}
	saved, err := s.store.Open(ctx, open, func(b PaymentState, current *Refund) (*Refund, error) {
		opened = false
		if current != nil {
			return current, nil
		}
		quote, err := NewQuote(reversed.Request, b.Refunded)
		if err != nil || quote.Amount == 0 || quote.Amount > b.Balance.Available() {
			return nil, errNone // given back by another refund since
		}
		st := s.stamp(ctx, by)
		next, err := NewRefund(Params{
			ID: s.cfg.NewID(), ClientReference: reversed.ClientReference, OrderID: reversed.OrderID, PaymentID: reversed.PaymentID, Customer: reversed.Customer,
			Attempt: AttemptParams{ID: s.cfg.NewID(), Method: payment.StoreCredit, PaidBy: by, Request: reversed.Request, Quote: quote},
		}, st)
		if err != nil {
			return nil, err
		}
		opened = true
		return next, next.Hold(st, AwaitingMethod, fmt.Sprintf(
			"the provider took refund %s back; choose how to pay it again, store credit always works", reversed.Attempt().ProviderID))
	})
	switch {
	case errors.Is(err, errNone):
		return nil
	case err != nil:
		return fmt.Errorf("refunds: open a new refund for %s after %s was reversed: %w", reversed.ClientReference, reversed.ID, err)
	}
	if opened {
		s.cfg.Observer.ReviewRequired(saved)
	}
	return nil
}
