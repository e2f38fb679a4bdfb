package refundstest

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/returnkit/returnkit/refunds"
)

// CarriedRests implements refunds.Store.
func (s *Store) CarriedRests(ctx context.Context, after string, limit int) ([]refunds.CarriedRest, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if storable("after", after) != nil {
		return nil, nil
	}
	rests := map[string]refunds.CarriedRest{}
	for _, r := range s.refunds {
		if r.Status.CountsAgainstCaptured() && r.PaymentID > after {
			rests[r.PaymentID] = refunds.CarriedRest{
				OrderID: r.OrderID, PaymentID: r.PaymentID, CustomerID: r.Customer, Currency: r.Quote.Currency,
				Amount: rests[r.PaymentID].Amount + r.Quote.Rest(),
			}
		}
	}
	maps.DeleteFunc(rests, func(_ string, r refunds.CarriedRest) bool { return r.Amount <= 0 })
	all := slices.SortedFunc(maps.Values(rests), func(a, b refunds.CarriedRest) int {
		return cmp.Compare(a.PaymentID, b.PaymentID)
	})
	if len(all) == 0 || limit < 1 {
		return nil, nil
	}
	return all[:min(len(all), limit)], nil
}
