package refunds

import (
	"context"
	"fmt"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// Resolve ends a refund that stands in the queue for a person, by the word of
// one: the provider paid (paid), or it did not. reason is required and says how
// they know; providerReference is the provider's id of the refund, if known.
//
// What may have been sent is looked up before, since the call may have arrived
// after the person looked. A provider that says the opposite, or still decides, is
// CodeContradiction: nothing is changed, and the refund is looked up and ends by
// the provider's word. One that has it under another id than providerReference
// is CodeInvalid, as is a reference that it does not have; one that can't be asked
// contradicts nobody. A refund that is
// not in the queue, was changed meanwhile, or about which the provider is being
// asked at this moment, is CodeTransition.
func (s *Service) Resolve(ctx context.Context, id string, paid bool, reason string, by event.Actor, providerReference string) (Refund, error) {
	seen, err := s.store.Refund(ctx, id)
	if err != nil {
		return Refund{}, fmt.Errorf("refunds: resolve %s: %w", id, err)
	}
	if seen.Work.NeedsReview && !seen.Attempt().FirstSentAt.IsZero() {
		if providerReference, err = s.contradicted(ctx, seen, paid, providerReference); err != nil {
			return Refund{}, err
		}
	}
	r, err := s.store.Update(ctx, id, func(r *Refund) error {
		if r.Version != seen.Version {
			return r.refuse("resolved; it has changed meanwhile, look again")
		}
		return r.Resolve(s.stamp(ctx, by), paid, reason, providerReference)
	})
	if err != nil {
		return Refund{}, fmt.Errorf("refunds: resolve %s: %w", id, err)
	}
	if paid {
		s.cfg.Observer.Completed(r)
	} else {
		s.cfg.Observer.Failed(r)
	}
	return r, nil
}

// contradicted asks the provider about what a person says of a refund, and
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
		return "", refuse("the provider has refund %s as %s of %s, and %s was asked for: it can't count as not paid", r.ID, there.ProviderID,
			money.New(there.Amount, r.Quote.Currency), money.New(r.Amount(), r.Quote.Currency))
	case done && !paid, effective(there.Outcome) && !done, there.Outcome == payment.OutcomeDeclined && paid:
		if _, err := s.store.Update(ctx, r.ID, func(r *Refund) error { r.Expedite(s.now()); return nil }); err != nil {
			return "", fmt.Errorf("refunds: resolve %s: %w", r.ID, err)
		}
		return "", refuse("the provider has refund %s as %s %s; it is looked up and goes by that", r.ID, there.ProviderID, there.Status)
	case there.Outcome == payment.OutcomeAbsent && paid && reference != "":
		return "", &Error{Code: CodeInvalid, Field: "provider_reference", Message: fmt.Sprintf(
			"the provider has no refund %q of this attempt; look at its list again, or leave the reference empty", reference)}
	case !done || there.ProviderID == "":
		return reference, nil
	case reference != "" && reference != there.ProviderID:
		return "", &Error{Code: CodeInvalid, Field: "provider_reference", Message: fmt.Sprintf(
			"%q is not this refund; the provider has it as %q", reference, there.ProviderID)}
	}
	return there.ProviderID, nil
}
