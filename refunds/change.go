package refunds

import (
	"context"
	"fmt"
	"reflect"

	"github.com/returnkit/returnkit/orders/event"
)

// Change is a change of one refund that was checked, and all that follows from
// it. A Store saves it as it is, whole or not at all, and judges nothing.
type Change struct {
	Before  *Refund       // nil: a new refund
	After   Refund        // as it is to be kept
	Events  []event.Event // to be added to the refund's
	Effects Effects
}

// Effects are what a change does outside of its refund.
type Effects struct {
	Reserved int64        // added to Balance.Reserved, minor units
	Refunded int64        // added to Balance.Refunded, minor units
	Balance  Balance      // of the payment, with both added
	Credit   *CreditEntry // to be added to the ledger of store credit; nil: none
}

// Empty reports whether there is nothing to save.
func (c Change) Empty() bool { return c.Before != nil && reflect.DeepEqual(*c.Before, c.After) }

// PaymentChange is a checked change of a payment's holds and of its open refunds.
type PaymentChange struct {
	Holds   []HoldRecord // all of the payment; they replace what it had
	Refunds []Change     // in the order they were given
}

// NewChange checks the change from before (nil for a new refund) to after, on a
// payment with the balance. More than was captured is CodeBalance, and a text that no
// database keeps is CodeInvalid, with its field.
func NewChange(b Balance, before, after *Refund) (Change, error) {
	if err := checkSave(before, after); err != nil {
		return Change{}, err
	}
	e := effectsOf(before, *after)
	if err := b.apply(e); err != nil {
		return Change{}, err
	}
	e.Balance = b
	return Change{Before: before, After: after.Clone(), Events: after.PendingEvents(), Effects: e}, nil
}

// Changing is a function for Store.Update that changes the refund by f.
func Changing(f func(*Refund) error) func(Balance, Refund) (Change, error) {
	return func(b Balance, before Refund) (Change, error) {
		after := before.Clone()
		if err := f(&after); err != nil {
			return Change{}, err
		}
		return NewChange(b, &before, &after)
	}
}

// Opening is a function for Store.Open of requests for one reference, that decides
// by f. f gets the refund of each payment, nil where there is none, and returns for
// each the refund it is given, changed or not, or a new one; nil leaves a payment
// out. A reference that has refunds of another order is CodeInvalid: two things
// must not share one.
func Opening(
	r []OpenRequest, f func(OpenState, []*Refund) ([]*Refund, error),
) func(OpenState) ([]Change, error) {
	return func(s OpenState) ([]Change, error) {
		current, before := make([]*Refund, len(r)), make([]*Refund, len(r))
		for i := range s.Refunds {
			if have := s.Refunds[i]; have.OrderID != r[0].OrderID {
				return nil, badField("reference", "%s is refunded on order %s already; it can't be on order %s",
					have.ClientReference, have.OrderID, r[0].OrderID)
			}
		}
		for i := range r {
			if before[i] = s.refund(r[i].PaymentID); before[i] != nil {
				copied := before[i].Clone()
				current[i] = &copied
			}
		}
		after, err := f(s, current)
		if err != nil {
			return nil, err
		}
		var changes []Change
		for i := range after {
			if after[i] == nil {
				continue
			}
			c, err := NewChange(s.Payments[i].Balance, before[i], after[i])
			if err != nil {
				return nil, err
			}
			changes = append(changes, c)
		}
		return changes, nil
	}
}

// OpeningOne is Opening for one payment. A reference that is refunded on another
// one is CodeInvalid.
func OpeningOne(
	r OpenRequest, f func(PaymentState, *Refund) (*Refund, error),
) func(OpenState) ([]Change, error) {
	return Opening([]OpenRequest{r}, func(s OpenState, current []*Refund) ([]*Refund, error) {
		if err := r.alone(s); err != nil {
			return nil, err
		}
		after, err := f(s.Payments[0], current[0])
		return []*Refund{after}, err
	})
}

// alone refuses a reference that is refunded on payments which are not named.
func (r OpenRequest) alone(s OpenState) error {
	for _, have := range s.Refunds {
		if have.PaymentID != r.PaymentID {
			return badField("reference", "%s is refunded on payment %s already; it can't be on payment %s alone",
				r.ClientReference, have.PaymentID, r.PaymentID)
		}
	}
	return nil
}

// ChangingPayment is a function for Store.UpdatePayment that changes the holds
// and the refunds by f, which ends none of them.
func ChangingPayment(f func(*Balance, []*Refund) error) func(Balance, []Refund) (PaymentChange, error) {
	return func(b Balance, before []Refund) (PaymentChange, error) {
		after, seen := make([]*Refund, len(before)), b
		for i := range before {
			copied := before[i].Clone()
			after[i] = &copied
		}
		if err := f(&seen, after); err != nil {
			return PaymentChange{}, err
		}
		for _, h := range seen.Holds {
			if err := checkText("ref", h.Ref, maxID); err != nil {
				return PaymentChange{}, err
			}
			if err := checkTexts(&h); err != nil {
				return PaymentChange{}, err
			}
		}
		p := PaymentChange{Holds: seen.Holds, Refunds: make([]Change, len(before))}
		for i := range before {
			var err error
			if p.Refunds[i], err = NewChange(b, &before[i], after[i]); err != nil {
				return PaymentChange{}, err
			}
			if e := p.Refunds[i].Effects; e.Reserved != 0 || e.Refunded != 0 || e.Credit != nil {
				return PaymentChange{}, fmt.Errorf(
					"refunds: refund %s was ended while its payment was changed", before[i].ID)
			}
		}
		return p, nil
	}
}

// open opens the refunds of the requests, as decide says.
func (s *Service) open(
	ctx context.Context, r []OpenRequest, decide func(OpenState, []*Refund) ([]*Refund, error),
) ([]Refund, error) {
	return s.store.Open(ctx, r, Opening(r, decide))
}

// update changes the refund.
func (s *Service) update(ctx context.Context, id string, change func(*Refund) error) (Refund, error) {
	return s.store.Update(ctx, id, Changing(change))
}

// updatePayment changes the holds of a payment, and its open refunds.
func (s *Service) updatePayment(
	ctx context.Context, r OpenRequest, change func(*Balance, []*Refund) error,
) ([]Refund, error) {
	return s.store.UpdatePayment(ctx, r, ChangingPayment(change))
}
