package returns

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// Quote says what a case would pay back now by the params, and the balance of its payment;
// Expect is left out of account.
func (s *Service) Quote(ctx context.Context, id string, p RefundParams) (refunds.Quote, refunds.Balance, error) {
	if err := s.outside(); err != nil {
		return refunds.Quote{}, refunds.Balance{}, err
	}
	r, err := s.store.Return(ctx, id)
	if err != nil {
		return refunds.Quote{}, refunds.Balance{}, fmt.Errorf("returns: quote %s: %w", id, err)
	}
	request, err := s.refundRequest(ctx, r, p.Method, event.Actor{})
	if err != nil {
		return refunds.Quote{}, refunds.Balance{}, err
	}
	return s.cfg.Refunder.Preview(ctx, p.of(request))
}

func (s *Service) refundRequest(
	ctx context.Context,
	r Return,
	m payment.Method,
	by event.Actor,
) (refunds.Request, error) {
	o, err := s.purchase(ctx, r.OrderID)
	if err != nil {
		return refunds.Request{}, fmt.Errorf("returns: order of %s: %w", r.ID, err)
	}
	terms, err := s.store.Terms(ctx, r.TermsID)
	if err != nil {
		return refunds.Request{}, fmt.Errorf("returns: terms of %s: %w", r.ID, err)
	}
	return r.refundRequest(o, terms.Policy, m, by)
}

// RefundParams is how a case is paid back.
type RefundParams struct {
	Method payment.Method // empty: original_method
	// Expect, when not nil, is the amount in minor units that the caller means to
	// pay back. Any other is CodeAmountChanged of package refunds, and nothing is
	// paid.
	Expect *int64
	// LessOutside takes off what others gave back already; see refunds.Request.
	LessOutside bool
	// PaymentID names the payment to refund again alone, after its part failed or was
	// reversed and others were not. Empty: all that are not paid.
	PaymentID string
}

// of is the request as it is to be paid.
func (p RefundParams) of(r refunds.Request) refunds.Request {
	r.Expect, r.LessOutside = p.Expect, p.LessOutside
	if len(r.Payments) > 1 {
		r.PaymentID = p.PaymentID
	}
	return r
}

// Refund pays a case back, or continues a refund that is open, and does
// what follows before it answers: a refund that succeeded makes an approved
// case refunded and puts its units back on the shelf. A refund that did not
// succeed leaves the case as it is; the answer carries its state. Asking again
// for a case that is refunded changes nothing.
func (s *Service) Refund(
	ctx context.Context,
	id string,
	by event.Actor,
	p RefundParams,
) (Return, refunds.Intent, error) {
	if err := s.outside(); err != nil {
		return Return{}, refunds.Intent{}, err
	}
	r, err := s.store.Return(ctx, id)
	if err != nil {
		return Return{}, refunds.Intent{}, fmt.Errorf("returns: refund %s: %w", id, err)
	}
	if r.Status == StatusApproved && r.EarlyRefund {
		// One that failed before the approval must not count as paid too much.
		if err := s.settleEarly(ctx, id, earlyGrace); err != nil {
			return r, refunds.Intent{}, err
		}
	}
	request, err := s.refundRequest(ctx, r, p.Method, by)
	if err != nil {
		return r, refunds.Intent{}, err
	}
	started := false
	if r.Status != StatusApproved && r.Status != StatusRefunded {
		// Noted before the money moves, so that the case is not canceled under it.
		if r, err = s.update(ctx, "start refund", id, func(r *Return) error {
			started = !r.EarlyRefund
			return r.StartEarlyRefund(s.stamp(ctx, by))
		}); err != nil {
			return Return{}, refunds.Intent{}, err
		}
		// The case may have moved on in between; what is asked for is what it is now.
		if request, err = s.refundRequest(ctx, r, p.Method, by); err != nil {
			return r, refunds.Intent{}, err
		}
	}
	refund, err := s.cfg.Refunder.Refund(ctx, p.of(request))
	if err != nil {
		// Only a definite refusal of the refund that was noted here: another one
		// may be open, and after an error of any other kind so may this one.
		if started && refund.ID == "" && refunds.CodeOf(err) != "" {
			err = errors.Join(err, s.settleEarly(ctx, id, 0))
		}
		return r, refund, err
	}
	changed, err := s.refundChanged(ctx, refund, by)
	if err != nil {
		return r, refund, err
	}
	return changed, refund, nil
}

// earlyGrace is how long after a case was last changed a refund that it asked
// for may yet be opened: far longer than a request lives.
const earlyGrace = 2 * time.Minute

// settleEarly takes back the note of an early refund that certainly is not on
// its way: it failed, or none was opened within the grace. It looks the refund
// up as it is now, so that the late word of an old attempt says nothing about
// a newer one, and leaves a case alone that has changed since.
//
// A refund that is opened between the look-up and the note is noted again by the
// call that opened it, and by its next event.
func (s *Service) settleEarly(ctx context.Context, id string, grace time.Duration) error {
	if err := s.outside(); err != nil {
		return err
	}
	r, err := s.store.Return(ctx, id)
	if err != nil {
		return fmt.Errorf("returns: settle early refund of %s: %w", id, err)
	}
	if !r.EarlyRefund || r.paid() {
		return nil
	}
	refund, err := s.cfg.Refunder.ByClientReference(ctx, id)
	switch {
	case errors.Is(err, refunds.ErrNotFound):
		if s.cfg.Now().Sub(r.UpdatedAt) < grace {
			return nil
		}
	case err != nil:
		return fmt.Errorf("returns: look up the refund of %s: %w", id, err)
	case refund.Status != refunds.StatusFailed && refund.Status != refunds.StatusReversed:
		return nil
	}
	_, err = s.update(ctx, "settle early refund", id, func(now *Return) error {
		if now.Version != r.Version {
			return nil
		}
		return now.refundFailed(s.stamp(ctx, event.System("refunds")))
	})
	return err
}

// RefundChanged has the case of a refund follow the state it is in. It may be
// called any number of times, in any order and late: a dispatcher calls it for
// what a crash cut off. Where the case has followed already, as it mostly has,
// it only reads. Where several payments give the refund back, the case follows what
// they come to.
func (s *Service) RefundChanged(ctx context.Context, refund refunds.Refund) error {
	if err := s.outside(); err != nil {
		return err
	}
	by := event.System("refunds")
	r, err := s.store.Return(ctx, refund.ClientReference)
	if err != nil {
		return fmt.Errorf("returns: follow refund of %s: %w", refund.ClientReference, err)
	}
	whole := refunds.Intent{Refund: refund, Legs: []refunds.Refund{refund}}
	if refund.Quote.Part() && refund.Status != refunds.StatusReversed {
		if whole, err = s.cfg.Refunder.ByClientReference(ctx, refund.ClientReference); err != nil {
			return fmt.Errorf("returns: follow refund of %s: %w", refund.ClientReference, err)
		}
	}
	if whole.Status == refunds.StatusSucceeded {
		next := r.Clone()
		if err := s.followed(ctx, whole, by)(&next); err == nil && len(next.changes) == 0 {
			_, err := s.follow(ctx, r)
			return err
		}
	}
	_, err = s.refundChanged(ctx, whole, by)
	return err
}

func (s *Service) refundChanged(ctx context.Context, refund refunds.Intent, by event.Actor) (Return, error) {
	if refund.Status == refunds.StatusFailed {
		if err := s.settleEarly(ctx, refund.ClientReference, 0); err != nil {
			return Return{}, err
		}
	}
	r, err := s.update(ctx, "follow refund", refund.ClientReference, s.followed(ctx, refund, by))
	if err != nil {
		return Return{}, err
	}
	return s.follow(ctx, r)
}

// followed is the change of a case whose refund is in the state it is in.
func (s *Service) followed(ctx context.Context, refund refunds.Intent, by event.Actor) func(*Return) error {
	switch refund.Status {
	case refunds.StatusSucceeded:
		return func(r *Return) error { return r.RefundSucceeded(s.stamp(ctx, by), refund.ID, partsOf(refund)...) }
	case refunds.StatusReversed:
		return func(r *Return) error {
			for _, leg := range refund.Legs {
				if leg.Status != refunds.StatusReversed {
					continue // it failed before the others were taken back
				}
				if err := r.RefundReversed(s.stamp(ctx, by), leg.ID); err != nil {
					return err
				}
			}
			return nil
		}
	case refunds.StatusFailed:
		return func(*Return) error { return nil } // see settleEarly
	}
	return func(r *Return) error {
		if reached[r.Status] == 0 {
			return nil // closed; if the money goes, its success opens a task
		}
		return r.StartEarlyRefund(s.stamp(ctx, by))
	}
}

// partsOf are the parts of a refund; none where one payment pays it.
func partsOf(refund refunds.Intent) []RefundPart {
	if len(refund.Legs) < 2 {
		return nil
	}
	parts := make([]RefundPart, len(refund.Legs))
	for i, leg := range refund.Legs {
		parts[i] = RefundPart{ID: leg.ID, PaymentID: leg.PaymentID}
	}
	return parts
}

// follow does what a case owes in its state: the restock of accepted units, each
// exactly once. It may be called any number of times.
func (s *Service) follow(ctx context.Context, r Return) (Return, error) {
	terms, err := s.store.Terms(ctx, r.TermsID)
	if err != nil {
		return Return{}, fmt.Errorf("returns: terms of %s: %w", r.ID, err)
	}
	due := r.restockDue(terms.Policy)
	if len(due) == 0 {
		return r, nil
	}
	by := event.System("returns")
	for _, d := range due {
		if _, err := s.cfg.Restocker.Restock(ctx, d, by); err != nil {
			return Return{}, fmt.Errorf("returns: restock of %s: %w", r.ID, err)
		}
	}
	return s.update(ctx, "mark restocked", r.ID, func(r *Return) error { return r.MarkRestocked(s.stamp(ctx, by)) })
}
