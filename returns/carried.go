package returns

import (
	"context"
	"fmt"
)

// Over reports whether no unit of an order can be returned any more, without an override,
// and no case of it is under way: nothing more is refunded then, and what its refunds could
// not carry is due. One that ended and is still owed, because its refund was reversed, is
// under way. It is what refunds.Service.PayCarried asks.
func (s *Service) Over(ctx context.Context, orderID string) (bool, error) {
	if err := s.outside(); err != nil {
		return false, err
	}
	o, err := s.purchase(ctx, orderID)
	if err != nil {
		return false, fmt.Errorf("returns: order %s: %w", orderID, err)
	}
	lines, err := s.Returnable(ctx, o)
	if err != nil {
		return false, err
	}
	for _, l := range lines[orderID] {
		if l.Returnable > 0 {
			return false, nil
		}
	}
	for page := 1; ; page++ {
		cases, total, err := s.store.List(ctx, Query{OrderID: orderID, Page: page, PageSize: MaxPageSize})
		if err != nil {
			return false, fmt.Errorf("returns: cases of order %s: %w", orderID, err)
		}
		for _, r := range cases {
			if !r.Status.Final() || r.Status == StatusRefunded && r.Reversed() {
				return false, nil
			}
		}
		if len(cases) == 0 || page*MaxPageSize >= total {
			return true, nil
		}
	}
}
