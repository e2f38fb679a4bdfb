package refunds

import (
	"context"
	"fmt"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// ResolveParams are what a review has found out about a refund.
type ResolveParams struct {
	Paid       bool   // the provider paid it, or it did not
	Reason     string // how that is known; 1 to 2000 characters
	ProviderID string // the provider's id of the refund, if known
}

// Resolve ends a refund in the review queue as the review says.
//
// What may have been sent is looked up before, since the call may have arrived
// after the review looked. A provider that says the opposite, or still decides, is
// CodeContradiction: nothing is changed, and the refund is looked up and ends by
// the provider's word. One that has it under another id than ProviderID
// is CodeInvalid, as is a reference that it does not have; one that can't be asked
// contradicts nobody. A refund that is
// not in the queue, was changed meanwhile, or about which the provider is being
// asked at this moment, is CodeTransition.
func (s *Service) Resolve(ctx context.Context, id string, by event.Actor, p ResolveParams) (Refund, error) {
	if err := s.noTx("resolve " + id); err != nil {
		return Refund{}, err
	}
	seen, err := s.store.Refund(ctx, id)
	if err != nil {
		return Refund{}, fmt.Errorf("refunds: resolve %s: %w", id, err)
	}
	if seen.Work.NeedsReview && !seen.Attempt().FirstSentAt.IsZero() {
		if p.ProviderID, err = s.contradicted(ctx, seen, p.Paid, p.ProviderID); err != nil {
			return Refund{}, err
		}
	}
	r, err := s.update(ctx, id, func(r *Refund) error {
		if r.Version != seen.Version {
			return r.refuse("resolved; it has changed meanwhile, look again")
		}
		return r.Resolve(s.stamp(ctx, by), p)
	})
	if err != nil {
		return Refund{}, fmt.Errorf("refunds: resolve %s: %w", id, err)
	}
	if p.Paid {
		s.cfg.Observer.Completed(ctx, r)
	} else {
		s.cfg.Observer.Failed(ctx, r)
		return r, s.refit(ctx, r, by)
	}
	return r, nil
}

// contradicted asks the provider about what a review says of a refund, and
// returns its reference there.
func (s *Service) contradicted(ctx context.Context, r Refund, paid bool, reference string) (string, error) {
	refuse := func(format string, args ...any) error {
		return &Error{Code: CodeContradiction, Field: "outcome", Message: fmt.Sprintf(format, args...)}
	}
	there := s.find(ctx, r)
	done := there.Outcome == payment.OutcomeDone
	switch {
	case done && !paid && there.Amount != 0 && there.Amount != r.Amount():
		// Looking again would tell the same.
		return "", refuse(
			"the provider has refund %s as %s of %s, and %s was requested: it can't count as not paid",
			r.ID,
			there.ProviderID,
			money.New(there.Amount, r.Quote.Currency),
			money.New(r.Amount(), r.Quote.Currency),
		)
	case opposite(there.Outcome, paid):
		if _, err := s.update(ctx, r.ID, func(r *Refund) error { r.expedite(s.now()); return nil }); err != nil {
			return "", fmt.Errorf("refunds: resolve %s: %w", r.ID, err)
		}
		return "", refuse("the provider has refund %s as %s %s; it is looked up and goes by that", r.ID,
			there.ProviderID, there.Status)
	case there.Outcome == payment.OutcomeAbsent && paid && reference != "":
		return "", &Error{Code: CodeInvalid, Field: "provider_reference", Message: fmt.Sprintf(
			"the provider has no refund %q of this attempt; look at its list again, or leave the reference empty",
			reference,
		)}
	case !done || there.ProviderID == "":
		return reference, nil
	case reference != "" && reference != there.ProviderID:
		return "", &Error{Code: CodeInvalid, Field: "provider_reference", Message: fmt.Sprintf(
			"%q is not this refund; the provider has it as %q", reference, there.ProviderID)}
	}
	return there.ProviderID, nil
}

// opposite reports whether the provider's word is against what a review says, or
// still open.
func opposite(o payment.Outcome, paid bool) bool {
	switch {
	case o == payment.OutcomeDone:
		return !paid
	case o == payment.OutcomeDeclined:
		return paid
	}
	return effective(o)
}
