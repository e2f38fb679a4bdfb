package orderstest

import (
	"context"
	"errors"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
)

// creditOf returns the customer's store credit for decide.
func (s *Store) creditOf(
	ctx context.Context, r orders.PlaceRequest, p orders.Placement,
) (map[money.Currency]int64, error) {
	if !r.Credit || s.ledger == nil {
		return nil, nil
	}
	found := map[money.Currency]int64{}
	for _, c := range p.Currencies() {
		have, err := s.ledger.LockCredit(ctx, r.CustomerID, c)
		if err != nil {
			return nil, err
		}
		found[c] = have
	}
	return found, nil
}

// moveCredit makes the entry of a change in the ledger. It is the last step that
// can fail.
func (s *Store) moveCredit(ctx context.Context, c orders.Change) error {
	m := c.Credit
	if m.Amount == 0 {
		return nil
	}
	if s.ledger == nil {
		return errors.New("orderstest: the order is paid by store credit, and the store has no ledger of it; " +
			"see WithCredit")
	}
	if have, err := s.ledger.LockCredit(ctx, m.CustomerID, m.Currency); err != nil {
		return err
	} else if have+m.Amount < 0 {
		return orders.CreditTooLow(-m.Amount, have, m.Currency)
	}
	did, err := s.ledger.MoveCredit(ctx, m, c.Stamp())
	if err == nil && !did && m.Amount < 0 {
		err = errors.New("orderstest: store credit was taken before for " + m.Ref)
	}
	return err
}
