package orders

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders/event"
)

// FlashSales returns the flash sales that are on now, or of all, when all is
// true, the newest 1000. The ones that start last come first.
func (s *Service) FlashSales(ctx context.Context, all bool) ([]FlashSale, error) {
	if all {
		return s.store.FlashSales(ctx, time.Time{})
	}
	return s.store.FlashSales(ctx, s.now())
}

// FlashSale returns the sale, or ErrNotFound.
func (s *Service) FlashSale(ctx context.Context, id string) (FlashSale, error) {
	return s.store.FlashSale(ctx, id)
}

// CreateFlashSale plans a flash sale. One that overlaps another sale of the
// product is CodeSaleOverlap; one that is over before it begins, or out of
// range, CodeInvalid; of no product, ErrNotFound; of one in a currency that is
// not sold in, CodeCurrencyMismatch. A start in the past makes it
// begin at once.
func (s *Service) CreateFlashSale(ctx context.Context, by event.Actor, d FlashSaleParams) (FlashSale, error) {
	st := s.stamp(ctx, by)
	if !d.Ends.After(st.At) && !d.Ends.IsZero() {
		return FlashSale{}, &Error{
			Code:    CodeInvalid,
			Field:   "ends",
			Message: fmt.Sprintf("the end on %s is past", d.Ends.Format(time.RFC3339)),
		}
	}
	f, err := newFlashSale(s.cfg.NewID(), d, st)
	if err != nil {
		return FlashSale{}, err
	}
	// A product keeps its currency, so that it need not be locked for this.
	p, err := s.store.Product(ctx, d.ProductID)
	if err != nil {
		return FlashSale{}, err
	}
	if !slices.Contains(s.cfg.Currencies, p.Currency) {
		return FlashSale{}, notSoldIn(p, s.cfg.Currencies)
	}
	return s.store.CreateFlashSale(ctx, *f)
}

// UpdateFlashSale changes a sale that is not over. change gets what was
// decided so far and may run more than once. See FlashSale.change for what is
// allowed.
func (s *Service) UpdateFlashSale(ctx context.Context, id string, by event.Actor,
	change func(*FlashSaleParams) error) (FlashSale, error) {
	st := s.stamp(ctx, by)
	return s.store.UpdateFlashSale(ctx, id, st, func(f *FlashSale) error {
		d := f.params()
		if err := change(&d); err != nil {
			return err
		}
		return f.change(st, d)
	})
}

// EndFlashSale ends a sale now, or drops one that has not begun. Its
// reservations end with it.
func (s *Service) EndFlashSale(ctx context.Context, id string, by event.Actor) (FlashSale, error) {
	st := s.stamp(ctx, by)
	return s.store.UpdateFlashSale(ctx, id, st, func(f *FlashSale) error { return f.end(st) })
}

// ReserveFlashSale holds units of a sale for the customer, for
// Config.ReservationTime or until the sale ends, whichever is first. Asking
// again changes the quantity and not the end. Checkout uses the reservation;
// units the order does not take go back.
//
// A sale that is not on is CodeSaleNotActive, units beyond its caps
// CodeSaleLimit, beyond the stock CodeOutOfStock, each with Available.
func (s *Service) ReserveFlashSale(ctx context.Context, saleID string, customer event.Actor,
	quantity int) (Reservation, error) {
	if customer.ID == "" {
		return Reservation{}, &Error{
			Code:    CodeInvalid,
			Field:   "customer",
			Message: "a reservation belongs to a customer; the id is empty",
		}
	}
	st := s.stamp(ctx, customer)
	return s.store.Reserve(ctx, saleID, customer.ID, st, func(p Product) (Reservation, []event.Event, error) {
		if !slices.Contains(s.cfg.Currencies, p.Currency) {
			return Reservation{}, nil, notSoldIn(p, s.cfg.Currencies)
		}
		return p.Reserve(saleID, customer.ID, s.cfg.NewID(), quantity, st.At.Add(s.cfg.ReservationTime), st)
	})
}

// Reservation returns a reservation, or ErrNotFound.
func (s *Service) Reservation(ctx context.Context, id string) (Reservation, error) {
	return s.store.Reservation(ctx, id)
}

// ExpireReservations gives back the units of up to limit reservations whose
// time is up, and closes sales that are over and hold no units. It returns
// how many reservations it ended. Run it in a worker; a checkout or a
// reservation of the same product does the same for that product first, so
// that nobody is refused units that nobody holds any more.
func (s *Service) ExpireReservations(ctx context.Context, limit int) (int, error) {
	return s.store.ExpireReservations(ctx, s.stamp(ctx, event.System("flash sales")), limit)
}
