package refunds

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
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

// RestsOf returns the refunds that pay rests of a payment.
func RestsOf(all []Refund, paymentID string) []Refund {
	var out []Refund
	for _, r := range all {
		if id, ok := CarriedPayment(r.ClientReference); ok && id == paymentID {
			out = append(out, r)
		}
	}
	return out
}

// carriedPage is how many rests are read at a time.
const carriedPage = 100

// PayCarried pays as store credit what refunds carried over (Quote.Carried), on orders that
// can have no more refunds. over reports whether an order can have none: returns.Service.Over does, where
// units may come back. Each rest is a refund of its own on the payment, by which it
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
	seen, err := s.restOf(ctx, rest.OrderID, rest.PaymentID)
	if err != nil {
		return fail(err)
	}
	met := errors.New("another process has opened it")
	_, err = s.openRest(ctx, seen, by, nil, func(r *Refund, opened bool) error {
		if !opened {
			return met
		}
		return nil
	})
	nothing := []Code{CodeNothingToRefund, CodeTransition, CodeBalance} // at this moment
	switch {
	case errors.Is(err, met), slices.Contains(nothing, CodeOf(err)):
		return false, nil
	case err != nil:
		return fail(err)
	}
	s.Wake()
	return true, nil
}

// RestParams name the rest that PayRest pays.
type RestParams struct {
	OrderID   string
	PaymentID string
	Expect    *int64 // minor units that the caller means to pay; nil: all that is owed
	// Key makes repeats of a call return the refund that the first one opened, whatever is owed
	// since: 1 to 100 characters of letters, digits, "-" and "_". Empty: each call is one of its own.
	Key string
	By  event.Actor
}

// Reference returns the ClientReference of the refund that pays a rest under Key.
func (p RestParams) Reference() string { return restReference("key-"+p.Key, p.PaymentID) }

func restReference(key, paymentID string) string { return carriedPrefix + key + ":" + paymentID }

func (p RestParams) validate() error {
	for _, id := range []struct{ field, value string }{{"order_id", p.OrderID}, {"payment_id", p.PaymentID}} {
		if err := checkID(id.field, id.value); err != nil {
			return err
		}
	}
	if p.Key != "" && !restKey.MatchString(p.Key) {
		return badField("key", "%.40q is no key; 1 to 100 letters, digits, - and _ are", p.Key)
	}
	return nil
}

var restKey = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)

// PayRest pays what refunds of a payment left (PaymentLedger.Rest), as store credit and at
// once: what PayCarried does by itself when nothing more of the order can be refunded. Each
// rest is paid once, no matter who asks, how often, or how many at once. Asked again under the
// same Key, it returns the refund that it opened, even if the process ended before it answered.
//
// CodeNothingToRefund: nothing is owed, or it has been paid since. CodeTransition: a refund of the
// payment is open, which the rest may yet join, or the payment is on hold. CodeBalance: others gave
// back all that was left. CodeAmountChanged: another amount than Expect is owed. Nothing is
// changed by any of them.
func (s *Service) PayRest(ctx context.Context, p RestParams) (Refund, error) {
	fail := func(err error) (Refund, error) {
		return Refund{}, fmt.Errorf("refunds: pay the rest of payment %s: %w", p.PaymentID, err)
	}
	if err := s.noTx("pay a rest"); err != nil {
		return Refund{}, err
	}
	if err := p.validate(); err != nil {
		return Refund{}, err
	}
	seen, err := s.restOf(ctx, p.OrderID, p.PaymentID)
	if err != nil {
		return fail(err)
	}
	if p.Key != "" {
		seen.reference = p.Reference()
	}
	token, execute := s.cfg.NewID(), false
	r, err := s.openRest(ctx, seen, p.By, p.Expect, func(r *Refund, opened bool) error {
		if execute = opened || r.Status.Open() && !r.Leased(s.now()); !execute {
			return nil
		}
		if r.Status == StatusCreated {
			if err := r.Submit(s.stamp(ctx, p.By)); err != nil {
				return err
			}
		}
		s.lease(r, token)
		return nil
	})
	if err != nil {
		return fail(err)
	}
	if execute {
		t := &execution{s: s, r: r, token: token, inRequest: true}
		return t.execute(ctx, s.cfg.Wait)
	}
	return r, nil
}

// seenRest is a rest, and what names it among the rests of its payment.
type seenRest struct {
	CarriedRest
	reference string // of its refund, by RestParams.Key or by how many were paid before
}

// restOf returns the rest of a payment, with its order and customer.
func (s *Service) restOf(ctx context.Context, orderID, paymentID string) (seenRest, error) {
	rest := seenRest{CarriedRest: CarriedRest{OrderID: orderID, PaymentID: paymentID}}
	all, err := s.ByOrder(ctx, orderID)
	if err != nil {
		return rest, err
	}
	for _, r := range all {
		if r.PaymentID == paymentID {
			rest.CustomerID, rest.Currency = r.Customer, r.Quote.Currency
		}
	}
	paid := len(RestsOf(all, paymentID))
	rest.reference = restReference(strconv.Itoa(paid+1), paymentID)
	return rest, nil
}

// openRest opens the refund of a rest, or returns the one that another process has opened
// meanwhile; begin prepares it within the same step.
func (s *Service) openRest(
	ctx context.Context, rest seenRest, by event.Actor, expect *int64, begin func(r *Refund, opened bool) error,
) (Refund, error) {
	nothing := &Error{Code: CodeNothingToRefund, Field: "amount",
		Message: "nothing is owed for earlier refunds"}
	if rest.CustomerID == "" {
		return Refund{}, nothing
	}
	open := []OpenRequest{{
		ClientReference: rest.reference, OrderID: rest.OrderID, PaymentID: rest.PaymentID, Currency: rest.Currency,
	}}
	saved, err := s.open(ctx, open, func(o OpenState, current []*Refund) ([]*Refund, error) {
		changed := func(amount int64) error {
			if expect == nil || *expect == amount {
				return nil
			}
			return &Error{Code: CodeAmountChanged, Field: "amount", Message: fmt.Sprintf(
				"%s is owed now and not %s; look at it again", money.New(amount, rest.Currency),
				money.New(*expect, rest.Currency))}
		}
		if current[0] != nil {
			if err := changed(current[0].Amount()); err != nil {
				return nil, err
			}
			return current, begin(current[0], false)
		}
		amount, err := o.Payments[0].payableRest()
		switch {
		case err != nil:
			return nil, err
		case amount == 0:
			return nil, nothing
		}
		if err := changed(amount); err != nil {
			return nil, err
		}
		next, err := NewRefund(Params{
			ID: s.cfg.NewID(), ClientReference: rest.reference, OrderID: rest.OrderID,
			PaymentID: rest.PaymentID, Customer: rest.CustomerID,
			Attempt: AttemptParams{
				ID: s.cfg.NewID(), Method: payment.StoreCredit, PaidBy: by,
				Request: QuoteRequest{Currency: rest.Currency},
				Quote:   Quote{Currency: rest.Currency, Amount: amount, Carried: -amount, ByTerms: amount},
			},
		}, s.stamp(ctx, by))
		if err != nil {
			return nil, err
		}
		return []*Refund{next}, begin(next, true)
	})
	if err != nil {
		return Refund{}, err
	}
	return saved[0], nil
}

// payableRest is what of its rest a payment can pay now, 0 for nothing, or why it can't.
func (s PaymentState) payableRest() (int64, error) {
	b := s.Balance
	hold, held := b.Hold()
	switch {
	case s.Carried <= 0:
		return 0, nil
	case held:
		return 0, &Error{Code: CodeTransition, Field: "payment_id",
			Message: "the payment is on hold (" + hold.Ref + "); what is owed is paid when that is over"}
	case b.Reserved > 0:
		return 0, &Error{Code: CodeTransition, Field: "payment_id",
			Message: "a refund of the payment is open; what is owed is paid when that has ended"}
	case b.Available() == 0:
		return 0, tooMuch(b, s.Carried, 0)
	}
	return min(s.Carried, b.Available()), nil
}
