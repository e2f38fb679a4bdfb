package refunds

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// CarriedRest is what the refunds of a payment carried over and none has paid yet: see
// Quote.Carried.
type CarriedRest struct {
	OrderID    string
	PaymentID  string
	CustomerID string
	Currency   money.Currency
	Amount     int64 // minor units, 1 or more
}

// carriedPrefix begins the ClientReference of a refund that pays a rest.
const carriedPrefix = "carried:"

// CarriedPayment returns the payment whose rest a refund pays, and whether it is of a
// rest at all: reference is Refund.ClientReference. Such a refund belongs to no return.
func CarriedPayment(reference string) (paymentID string, ok bool) {
	id, ok := strings.CutPrefix(reference, carriedPrefix)
	if !ok {
		return "", false
	}
	return id[strings.Index(id, ":")+1:], true
}

// CarriedRests returns payments whose refunds carried something over, in order of their
// ids from after on, up to limit.
func (s *Service) CarriedRests(ctx context.Context, after string, limit int) ([]CarriedRest, error) {
	return s.store.CarriedRests(ctx, after, limit)
}

// PayCarried pays the rest of a payment as store credit, once no more of its order
// can be refunded: that is for the caller to know, such as package returns. It is a refund of
// its own on the payment, by which the rest stands against the balance, is in the ledger
// of store credit, and is carried no more. The worker executes it.
//
// ok is false where there is nothing to pay now: the rest was paid or has joined a refund
// meanwhile, a refund of the payment is open, the payment is on hold, or others gave all
// that is left of it back. Asking again is safe, from any number of processes.
func (s *Service) PayCarried(ctx context.Context, rest CarriedRest, by event.Actor) (r Refund, ok bool, err error) {
	fail := func(err error) (Refund, bool, error) {
		return Refund{}, false, fmt.Errorf("refunds: pay what payment %s carried: %w", rest.PaymentID, err)
	}
	turn, err := s.carriedTurn(ctx, rest)
	if err != nil {
		return fail(err)
	}
	open := []OpenRequest{{
		ClientReference: fmt.Sprintf("%s%d:%s", carriedPrefix, turn, rest.PaymentID), OrderID: rest.OrderID,
		PaymentID: rest.PaymentID, Currency: rest.Currency,
	}}
	errNone := errors.New("there is nothing to pay")
	saved, err := s.open(ctx, open, func(o OpenState, current []*Refund) ([]*Refund, error) {
		state := o.Payments[0]
		b := state.Balance
		amount := min(state.Carried, b.Available())
		if _, held := b.Hold(); current[0] != nil || b.Reserved > 0 || held || amount <= 0 {
			return nil, errNone
		}
		next, err := NewRefund(Params{
			ID: s.cfg.NewID(), ClientReference: open[0].ClientReference, OrderID: rest.OrderID,
			PaymentID: rest.PaymentID, Customer: rest.CustomerID,
			Attempt: AttemptParams{
				ID: s.cfg.NewID(), Method: payment.StoreCredit, PaidBy: by, Request: QuoteRequest{Currency: b.Currency},
				Quote: Quote{Currency: b.Currency, Amount: amount, Carried: -amount, ByTerms: amount},
			},
		}, s.stamp(ctx, by))
		return []*Refund{next}, err
	})
	switch {
	case errors.Is(err, errNone):
		return Refund{}, false, nil
	case err != nil:
		return fail(err)
	}
	s.Wake()
	return saved[0], true, nil
}

// carriedTurn counts the rests of the payment that were paid: one that comes after, by an
// override of the terms, is another one.
func (s *Service) carriedTurn(ctx context.Context, rest CarriedRest) (int, error) {
	turn := 1
	for page := 1; ; page++ {
		all, _, err := s.store.List(ctx, Query{OrderID: rest.OrderID, Page: page, PageSize: MaxPageSize})
		if err != nil {
			return 0, err
		}
		for _, r := range all {
			if id, ok := CarriedPayment(r.ClientReference); ok && id == rest.PaymentID {
				turn++
			}
		}
		if len(all) < MaxPageSize {
			return turn, nil
		}
	}
}
