package refunds

import (
	"cmp"
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
	// Confirmed is the amount of the refund, as whoever resolves it has entered it again. It is
	// needed where the provider's answer is against Paid; see CodeUnconfirmed.
	Confirmed money.Money

	against string // the answer of the provider that Confirmed overrules
}

// Resolve ends a refund in the review queue as the review says.
//
// What may have been sent is looked up before, since the call may have arrived
// after the review looked. A provider that says the opposite, or still decides, is
// CodeContradiction: nothing is changed, and the refund is looked up and ends by
// the provider's word. One that has it under another id than ProviderID
// is CodeInvalid, as is a reference that it does not have. A refund that the provider does not
// have, or has with another amount, is recorded as paid only with its amount in p.Confirmed:
// without it Resolve returns CodeUnconfirmed, and with another one CodeInvalid. The history then
// holds the provider's answer beside the reason. A provider that can't be asked contradicts
// nobody. A refund that is not in the queue, was changed meanwhile, or about which the provider is
// being asked at this moment, is CodeTransition.
func (s *Service) Resolve(ctx context.Context, id string, by event.Actor, p ResolveParams) (Refund, error) {
	if err := s.noTx("resolve " + id); err != nil {
		return Refund{}, err
	}
	if err := p.check(); err != nil {
		return Refund{}, err
	}
	seen, err := s.store.Refund(ctx, id)
	if err != nil {
		return Refund{}, fmt.Errorf("refunds: resolve %s: %w", id, err)
	}
	if seen.Work.NeedsReview && !seen.Attempt().FirstSentAt.IsZero() {
		if p, err = s.contradicted(ctx, seen, p); err != nil {
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
// returns p with what the provider knows.
func (s *Service) contradicted(ctx context.Context, r Refund, p ResolveParams) (ResolveParams, error) {
	refuse := func(format string, args ...any) error {
		return &Error{Code: CodeContradiction, Field: "outcome", Message: fmt.Sprintf(format, args...)}
	}
	there := s.find(ctx, r)
	done := there.Outcome == payment.OutcomeDone
	otherAmount := done && there.Amount != 0 && there.Amount != r.Amount()
	switch {
	case otherAmount && !p.Paid:
		// Another look-up would find the same.
		return p, refuse(
			"the provider has refund %s as %s of %s, and %s was requested: it can't count as not paid",
			r.ID,
			there.ProviderID,
			money.New(there.Amount, r.Quote.Currency),
			money.New(r.Amount(), r.Quote.Currency),
		)
	case opposite(there.Outcome, p.Paid):
		if _, err := s.update(ctx, r.ID, func(r *Refund) error { r.expedite(s.now()); return nil }); err != nil {
			return p, fmt.Errorf("refunds: resolve %s: %w", r.ID, err)
		}
		return p, refuse("the provider has refund %s as %s %s; it is looked up and goes by that", r.ID,
			there.ProviderID, there.Status)
	case there.Outcome == payment.OutcomeAbsent && p.Paid:
		if p.ProviderID != "" {
			return p, wrongReference("the provider has no refund %q of this attempt; look at its list again, "+
				"or leave the reference empty", p.ProviderID)
		}
		p.against = "the provider has no such refund"
	case done:
		id := cmp.Or(there.ProviderID, p.ProviderID)
		if p.ProviderID != "" && p.ProviderID != id {
			return p, wrongReference("%q is not this refund; the provider has it as %q", p.ProviderID, id)
		}
		if p.ProviderID = id; otherAmount {
			p.against = fmt.Sprintf("the provider has it as %s of %s", id, money.New(there.Amount, r.Quote.Currency))
		}
	}
	return p, p.confirmed(money.New(r.Amount(), r.Quote.Currency))
}

func wrongReference(format string, args ...any) error {
	return &Error{Code: CodeInvalid, Field: "provider_reference", Message: fmt.Sprintf(format, args...)}
}

// confirmed refuses to overrule the provider unless the amount was entered again.
func (p ResolveParams) confirmed(amount money.Money) error {
	switch {
	case p.against == "" || p.Confirmed == amount:
		return nil
	case p.Confirmed == money.Money{}:
		return &Error{Code: CodeUnconfirmed, Field: "confirm_amount", Message: fmt.Sprintf(
			"%s; to record it as paid all the same, enter the amount, %s, to confirm", p.against, amount)}
	}
	return &Error{Code: CodeInvalid, Field: "confirm_amount", Message: fmt.Sprintf(
		"it is %s, and the refund is of %s", p.Confirmed, amount)}
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
