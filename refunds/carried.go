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

// carriedPage is how many rests are read at a time.
const carriedPage = 100

// PayCarried pays as store credit what refunds carried over (Quote.Carried), on the orders of
// which over reports that no more can be refunded: returns.Service.Over knows that of an order
// whose units may come back. Each rest is a refund of its own on the payment, by which it
// stands against the balance, is in the ledger of store credit, and is carried no more. The
// worker executes it.
//
// It returns how many rests it opened a refund for. Call it now and then; it may run in any
// number of processes at once, and each rest is paid once. One waits while a refund of the
// payment is open or the payment is on hold, and nothing is due where others gave back all
// that was left. An order that can't be judged, or a rest that can't be paid, keeps none of
// the others from it.
func (s *Service) PayCarried(
	ctx context.Context, by event.Actor, over func(ctx context.Context, orderID string) (bool, error),
) (n int, err error) {
	if err := s.noTx("pay what was carried"); err != nil {
		return 0, err
	}
	var errs []error
	for after := ""; ; {
		rests, err := s.store.CarriedRests(ctx, after, carriedPage)
		if err != nil {
			return n, errors.Join(append(errs, fmt.Errorf("refunds: what was carried: %w", err))...)
		}
		for _, rest := range rests {
			after = rest.PaymentID
			is, err := over(ctx, rest.OrderID)
			paid := false
			if err == nil && is {
				paid, err = s.payRest(ctx, rest, by)
			}
			if paid {
				n++
			}
			errs = append(errs, err)
		}
		if len(rests) < carriedPage || ctx.Err() != nil {
			return n, errors.Join(errs...)
		}
	}
}

// payRest opens the refund of a rest, and reports whether it did: the rest may have been
// paid or have joined a refund meanwhile.
func (s *Service) payRest(ctx context.Context, rest CarriedRest, by event.Actor) (bool, error) {
	fail := func(err error) (bool, error) {
		return false, fmt.Errorf("refunds: pay what payment %s carried: %w", rest.PaymentID, err)
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
	_, err = s.open(ctx, open, func(o OpenState, current []*Refund) ([]*Refund, error) {
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
		return false, nil
	case err != nil:
		return fail(err)
	}
	s.Wake()
	return true, nil
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
