package refundstest

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/refunds"
)

// Book implements refunds.Store.
func (s *Store) Book(
	ctx context.Context, r refunds.OpenRequest, providerID string,
	change func(refunds.Balance, *refunds.Outside, []refunds.Refund) (refunds.OutsideChange, error),
) (refunds.OutsideChange, error) {
	if err := cmp.Or(r.Check(), storable("provider_id", providerID)); err != nil {
		return refunds.OutsideChange{}, err
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return refunds.OutsideChange{}, err
	}
	defer unlock()
	if owner, ok := s.orders[r.PaymentID]; ok && owner != r.OrderID {
		return refunds.OutsideChange{}, &refunds.Error{Code: refunds.CodeInvalid, Field: "payment_id",
			Message: fmt.Sprintf("payment %s is not of order %s", r.PaymentID, r.OrderID)}
	}
	var before *refunds.Outside
	if found, ok := s.outside[providerID]; ok {
		before = &found
	}
	c, err := change(s.balance(r), before, s.ofPayment(r))
	if err != nil || c.Empty() {
		return c, err
	}
	balance := c.Balance
	balance.Holds = slices.Clone(balance.Holds)
	s.balances[r.PaymentID], s.orders[r.PaymentID] = balance, r.OrderID
	s.outside[providerID] = c.After
	id := refunds.OutsideID(providerID)
	s.events[id] = append(s.events[id], event.Clone(c.Events)...)
	for _, one := range c.Refunds {
		if _, err := s.save(one); err != nil {
			return refunds.OutsideChange{}, err
		}
	}
	return c, nil
}

// ofPayment are the refunds of the payment, oldest first.
func (s *Store) ofPayment(r refunds.OpenRequest) []refunds.Refund {
	var all []refunds.Refund
	for _, id := range s.byOrder[r.OrderID] {
		if found := s.refunds[id]; found.PaymentID == r.PaymentID {
			all = append(all, found.Clone())
		}
	}
	slices.SortFunc(all, func(a, b refunds.Refund) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// Outside implements refunds.Store.
func (s *Store) Outside(ctx context.Context, q refunds.OutsideQuery) ([]refunds.Outside, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var all []refunds.Outside
	for _, o := range s.outside {
		switch {
		case q.OrderID != "" && o.OrderID != q.OrderID,
			q.PaymentID != "" && o.PaymentID != q.PaymentID,
			q.IDs != nil && !slices.Contains(q.IDs, o.ProviderID),
			q.State != "" && o.State != q.State,
			q.AfterID != "" && cmp.Or(o.CreatedAt.Compare(q.AfterAt), cmp.Compare(o.ProviderID, q.AfterID)) <= 0:
			continue
		}
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b refunds.Outside) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ProviderID, b.ProviderID))
	})
	return all[:min(len(all), q.Normalize().Limit)], nil
}

// UpdateSweep implements refunds.Store.
func (s *Store) UpdateSweep(
	ctx context.Context, change func(refunds.Sweep) (refunds.Sweep, error),
) (refunds.Sweep, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return refunds.Sweep{}, err
	}
	defer unlock()
	after, err := change(s.sweep)
	if err == nil {
		err = after.Check()
	}
	if err != nil {
		return refunds.Sweep{}, err
	}
	s.sweep = after
	return after, nil
}
