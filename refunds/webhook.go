package refunds

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
)

// HandleWebhook follows a message of the provider: it looks the refund up and
// records what is there (see Check), so that messages may come late, twice and
// in the wrong order. What a message claims changes nothing by itself.
//
// CodeContradiction is an alarm for a person, and no state was changed: the
// message names another amount or currency than we asked for, or an attempt
// that failed here was paid. Answer such a message as taken; repeating
// it does not help. ErrNotFound is a refund that is not ours, such as one made
// on the provider's own pages.
func (s *Service) HandleWebhook(ctx context.Context, n payment.WebhookEvent, by event.Actor) (Refund, error) {
	r, err := s.findByWebhook(ctx, n)
	if err != nil {
		return Refund{}, err
	}
	i := slices.IndexFunc(r.Attempts, func(a Attempt) bool {
		return a.ID == n.AttemptID || n.ProviderID != "" && a.ProviderID == n.ProviderID
	})
	if i < 0 {
		return r, &Error{Code: CodeContradiction, Field: "attempt", Message: fmt.Sprintf(
			"the provider has %s under refund %s, of an attempt %q that we never made", n.ProviderID, r.ID, n.AttemptID)}
	}
	a := r.Attempts[i]
	switch {
	case n.Amount != 0 && n.Amount != a.Amount, n.Currency != "" && n.Currency != r.Quote.Currency:
		return r, &Error{Code: CodeContradiction, Field: "amount", Message: fmt.Sprintf(
			"the provider says that %s is of %d %s, and refund %s asked for %d %s", n.ProviderID, n.Amount, n.Currency, r.ID, a.Amount, r.Quote.Currency)}
	case i < len(r.Attempts)-1:
		if n.Outcome == payment.OutcomeDeclined {
			return r, nil
		}
		return r, s.replaced(ctx, r, a, n)
	}
	return s.Check(ctx, r.ID, by)
}

// replaced looks up an attempt that failed and was replaced, and that a message
// says was paid. The message may be old news: where the provider has it as
// failed by now, nothing is wrong.
func (s *Service) replaced(ctx context.Context, r Refund, a Attempt, n payment.WebhookEvent) error {
	r.Attempts = []Attempt{a}
	answer := s.find(ctx, r)
	switch answer.Outcome {
	case payment.OutcomeDeclined:
		return nil
	case payment.OutcomeNoEffect:
		if !effective(n.Outcome) {
			return nil // neither the message nor the provider says that it was paid
		}
		fallthrough
	case payment.OutcomeDone, payment.OutcomePending, payment.OutcomeRequiresAction:
		return &Error{Code: CodeContradiction, Field: "attempt", Message: fmt.Sprintf(
			"the provider says that %s was paid, and attempt %d of refund %s failed and was replaced", n.ProviderID, a.Number, r.ID)}
	}
	return fmt.Errorf("refunds: check %s: attempt %d could not be looked up, ask again later: %s", r.ID, a.Number, describe(answer))
}

// findByWebhook finds the refund that a message is about.
func (s *Service) findByWebhook(ctx context.Context, n payment.WebhookEvent) (Refund, error) {
	if n.RefundID != "" {
		r, err := s.store.Refund(ctx, n.RefundID)
		if !errors.Is(err, ErrNotFound) {
			return r, err
		}
	}
	if n.ProviderID == "" {
		return Refund{}, notFound("refund of a message", n.RefundID)
	}
	return s.store.ByProviderID(ctx, n.ProviderID)
}
