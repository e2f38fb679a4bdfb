package returns

import (
	"context"
	"errors"
	"fmt"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/refunds"
)

// CarriedPayer pays what a provider could not carry of refunds. *refunds.Service is one.
type CarriedPayer interface {
	CarriedRests(ctx context.Context, after string, limit int) ([]refunds.CarriedRest, error)
	PayCarried(ctx context.Context, rest refunds.CarriedRest, by event.Actor) (refunds.Refund, bool, error)
}

// carriedPage is how many rests are read at a time.
const carriedPage = 100

// PayCarried pays as store credit what refunds carried over (refunds.Quote.Carried) on
// orders that are over: no unit can be returned any more, and no
// case is under way. It returns how many rests are paid. Call it now and then; it may run
// in any number of processes at once, and each rest is paid once. An order that can't be
// judged, or a rest that can't be paid, keeps none of the others from it.
func (s *Service) PayCarried(ctx context.Context, payer CarriedPayer) (n int, err error) {
	if err := s.outside(); err != nil {
		return 0, err
	}
	var errs []error
	for after := ""; ; {
		rests, err := payer.CarriedRests(ctx, after, carriedPage)
		if err != nil {
			return n, errors.Join(append(errs, fmt.Errorf("returns: what refunds carried over: %w", err))...)
		}
		for _, rest := range rests {
			after = rest.PaymentID
			over, err := s.over(ctx, rest.OrderID)
			paid := false
			if err == nil && over {
				_, paid, err = payer.PayCarried(ctx, rest, event.System("returns"))
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

// over reports whether no unit of an order can be returned any more, without an override. A
// case that ended and is still owed, because its refund was reversed, is not over.
func (s *Service) over(ctx context.Context, orderID string) (bool, error) {
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
