package refunds

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
)

// ReverseParams say what was reversed, and why.
type ReverseParams struct {
	ProviderID string // the provider's id of the refund, if known
	Code       string // the provider's
	Reason     string // for staff
}

// Reverse records that the provider reversed a succeeded refund: the balance
// and the units are free again. What was paid by card is still owed, so a new
// refund of the same reference is opened: it holds the amount, stands in the
// review queue, and is paid when Refund is called for the reference again,
// by the method that is named there; store credit always works (AwaitingMethod).
//
// ProviderID, when not empty, must be the current attempt's, where that is known; a
// message about another one is CodeInvalid. Reversing again answers with the
// state. Store credit that is reversed is withdrawn, and where the customer
// has spent it, that is CodeCreditTooLow and nothing is changed.
func (s *Service) Reverse(ctx context.Context, id string, by event.Actor, p ReverseParams) (Refund, error) {
	return s.reverse(ctx, id, by, p, func(a *Attempt) error {
		if known := a.ProviderID; p.ProviderID != "" && known != "" && known != p.ProviderID {
			return &Error{Code: CodeInvalid, Field: "provider_reference", Message: fmt.Sprintf(
				"%q is not the refund of the current attempt, which is %q", p.ProviderID, known)}
		}
		return nil
	})
}

func (s *Service) reverse(
	ctx context.Context, id string, by event.Actor, p ReverseParams, check func(*Attempt) error,
) (Refund, error) {
	changed := false
	r, err := s.update(ctx, id, func(r *Refund) error {
		if err := check(r.Attempt()); err != nil {
			return err
		}
		if changed = r.Status != StatusReversed; !changed {
			return nil
		}
		return r.Reverse(s.stamp(ctx, by), p)
	})
	if err != nil {
		return Refund{}, fmt.Errorf("refunds: reverse %s: %w", id, err)
	}
	if changed {
		s.cfg.Observer.Reversed(ctx, r)
	}
	return r, s.replace(ctx, r, by)
}

// replace does what follows a reversal, any number of times: refunds that waited for
// the room are released, and what is owed again is offered.
func (s *Service) replace(ctx context.Context, reversed Refund, by event.Actor) error {
	if err := s.refit(ctx, reversed, by); err != nil {
		return err
	}
	return s.offer(ctx, reversed, by)
}

// offer opens the refund that is owed after a provider's was reversed, unless it is open
// already or another refund of ours has paid all of it since. It may be called any number
// of times.
//
// Where others gave back so much of the payment that it lacks some of it, or all, the refund
// holds what is left. It stands in the review queue in each case, and what is paid is quoted
// when its method is chosen. A part of several stays owed as it is instead (see Owed): room
// that comes back to its payment is kept for it.
func (s *Service) offer(ctx context.Context, reversed Refund, by event.Actor) error {
	why := "the provider took refund " + reversed.Attempt().ProviderID + " back"
	switch {
	case reversed.paidByOthers():
		why = "what others had refunded came back"
	case reversed.Method.Manual(), reversed.Amount() == 0:
		return nil
	}
	found, err := s.store.ByClientReferences(ctx, []string{reversed.ClientReference})
	if err != nil {
		return fmt.Errorf("refunds: parts of the refund for %s: %w", reversed.ClientReference, err)
	}
	opened := false
	errNone := errors.New("nothing is owed")
	open := []OpenRequest{{
		ClientReference: reversed.ClientReference, OrderID: reversed.OrderID, PaymentID: reversed.PaymentID,
		Currency: reversed.Quote.Currency,
	}}
	saved, err := s.open(ctx, open, func(o OpenState, current []*Refund) ([]*Refund, error) {
		if opened = false; current[0] != nil {
			return current, nil
		}
		request := reversed.Request.withoutOthers()
		quote, err := s.stillOwed(reversed, request, o, found[reversed.ClientReference])
		lacking := quote.Amount - o.Payments[0].available(nil, reversed.Quote.Part())
		if err != nil || quote.Amount == 0 || lacking > o.Payments[0].Balance.Outside ||
			lacking > 0 && reversed.Quote.Part() {
			return nil, errNone // given back by another refund since, or owed as a part
		}
		if lacking > 0 {
			request.Fees = append(request.Fees, FeeRule{Kind: PaidByOthers, Fixed: lacking})
			if quote, err = s.stillOwed(reversed, request, o, nil); err != nil {
				return nil, err
			}
		}
		st := s.stamp(ctx, by)
		next, err := NewRefund(Params{
			ID: s.cfg.NewID(), Leg: freeLeg(o.Refunds), ClientReference: reversed.ClientReference,
			OrderID: reversed.OrderID, PaymentID: reversed.PaymentID, Customer: reversed.Customer,
			Attempt: AttemptParams{ID: s.cfg.NewID(), Method: payment.StoreCredit, PaidBy: by,
				Request: request, Quote: quote},
		}, st)
		if err != nil {
			return nil, err
		}
		opened = true
		return []*Refund{next}, next.Hold(st, AwaitingMethod,
			why+"; choose how to pay it again, store credit always works")
	})
	switch {
	case errors.Is(err, errNone):
		return nil
	case err != nil:
		return fmt.Errorf(
			"refunds: open a new refund for %s after %s was reversed: %w", reversed.ClientReference, reversed.ID, err)
	}
	if opened {
		s.cfg.Observer.ReviewRequired(ctx, saved[0])
	}
	return nil
}

// stillOwed is what is owed of a refund that was reversed, as a quote of now: all of
// the request, or this payment's part of it. parts also has the parts of other payments
// that were reversed. It is on the grid of the payment where that carried anything over, which it
// does only where no other payment paid the order.
func (s *Service) stillOwed(reversed Refund, request QuoteRequest, o OpenState, parts []Refund) (Quote, error) {
	state := o.Payments[0]
	if !reversed.Quote.Part() {
		var grid Grid
		if reversed.Quote.Carried != 0 || state.Carried != 0 {
			grid = s.cfg.gridOf(reversed.Method, state.Balance.Captured, state.Balance.Currency, state.Carried)
		}
		return NewQuoteOn(request, state.Refunded, grid)
	}
	quote, err := NewQuote(request, state.Refunded)
	if err != nil {
		return quote, err
	}
	quote = quote.without(besides(reversed, o.Refunds, parts))
	if part := reversed.Quote.part(); part > 0 {
		quote = quote.atMost(part) // the rest is of parts that lack something too; see Quote.Rest
	}
	quote.Whole = max(reversed.Quote.Whole, quote.Amount)
	return quote, nil
}

// besides are what the other parts of a refund that was reversed are of: those that stand,
// and those that are owed as well once it is opened again.
func besides(reversed Refund, standing, parts []Refund) []Quote {
	again := reversed
	again.Status = StatusCreated
	all := append(slices.Clone(parts), standing...)
	all = append(all, again)
	var others []Quote
	for _, r := range standing {
		others = append(others, r.Quote)
	}
	for _, r := range parts {
		if r.PaymentID != reversed.PaymentID && r.Status == StatusReversed && Owed(r, all) {
			others = append(others, r.Quote)
		}
	}
	return others
}
