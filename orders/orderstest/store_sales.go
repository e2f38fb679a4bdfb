package orderstest

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
)

// sales are the flash sales of a Store, under its lock.
type sales struct {
	byID         map[string]orders.FlashSale
	closed       map[string]bool // sales that are over and hold no units
	bought       map[saleOf]int
	reservations map[string]orders.Reservation
}

type saleOf struct{ sale, customer string }

func newSales() sales {
	return sales{
		byID: map[string]orders.FlashSale{}, closed: map[string]bool{}, bought: map[saleOf]int{},
		reservations: map[string]orders.Reservation{},
	}
}

// state is the sale as it stands for the customer.
func (s *sales) state(f orders.FlashSale, customerID string) orders.SaleState {
	st := orders.SaleState{FlashSale: f, Bought: s.bought[saleOf{f.ID, customerID}]}
	for _, r := range s.reservations {
		if r.SaleID == f.ID && r.CustomerID == customerID && r.Status == orders.ReservationHeld {
			st.Reserved = r
		}
	}
	return st
}

// productFor is the product with its sales as they stand for the customer.
func (s *Store) productFor(p orders.Product, customerID string) orders.Product {
	p.Sales = nil
	for _, f := range s.sales.byID {
		if f.ProductID == p.ID && !s.closed[f.ID] {
			p.Sales = append(p.Sales, s.state(f, customerID))
		}
	}
	slices.SortFunc(p.Sales,
		func(a, b orders.SaleState) int { return cmp.Or(a.Starts.Compare(b.Starts), cmp.Compare(a.ID, b.ID)) })
	return p
}

// FlashSale implements orders.Store.
func (s *Store) FlashSale(ctx context.Context, id string) (orders.FlashSale, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return orders.FlashSale{}, err
	}
	f, ok := s.sales.byID[id]
	if !ok {
		return orders.FlashSale{}, notFound("flash_sale", id)
	}
	return f, nil
}

// FlashSales implements orders.Store.
func (s *Store) FlashSales(ctx context.Context, at time.Time) ([]orders.FlashSale, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found := []orders.FlashSale{}
	for _, f := range s.sales.byID {
		if at.IsZero() || f.On(at) {
			found = append(found, f)
		}
	}
	slices.SortFunc(found,
		func(a, b orders.FlashSale) int { return cmp.Or(b.Starts.Compare(a.Starts), cmp.Compare(b.ID, a.ID)) })
	return found[:min(len(found), 1000)], nil
}

// CreateFlashSale implements orders.Store.
func (s *Store) CreateFlashSale(ctx context.Context, f orders.FlashSale) (orders.FlashSale, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return orders.FlashSale{}, err
	}
	if _, ok := s.products[f.ProductID]; !ok {
		return orders.FlashSale{}, notFound("product", f.ProductID)
	}
	if _, taken := s.sales.byID[f.ID]; taken {
		return orders.FlashSale{}, fmt.Errorf("orderstest: flash sale id %s is taken", f.ID)
	}
	return s.saveSale(f)
}

// UpdateFlashSale implements orders.Store.
func (s *Store) UpdateFlashSale(ctx context.Context, id string, st event.Stamp,
	change func(*orders.FlashSale) error) (orders.FlashSale, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return orders.FlashSale{}, err
	}
	f, ok := s.sales.byID[id]
	if !ok {
		return orders.FlashSale{}, notFound("flash_sale", id)
	}
	if err := change(&f); err != nil {
		return orders.FlashSale{}, err
	}
	if len(f.PendingEvents()) == 0 {
		return f, nil
	}
	shorter, err := s.endings(math.MaxInt, func(r orders.Reservation) bool { return r.SaleID == id },
		func(r orders.Reservation) (orders.Reservation, []event.Event, error) { return r.Shorten(f.Ends, st) })
	if err != nil {
		return orders.FlashSale{}, err
	}
	if f, err = s.saveSale(f); err != nil {
		return orders.FlashSale{}, err
	}
	for _, e := range shorter {
		s.saveReservation(e)
	}
	return f, nil
}

// ending is a reservation as it will be, with the events that made it so.
type ending struct {
	orders.Reservation
	events []event.Event
}

// endings changes up to limit held reservations and keeps none of them, so that a change
// that is refused leaves all as they are.
func (s *Store) endings(limit int, which func(orders.Reservation) bool,
	change func(orders.Reservation) (orders.Reservation, []event.Event, error)) ([]ending, error) {
	var all []ending
	for _, r := range s.reservations {
		if r.Status != orders.ReservationHeld || !which(r) {
			continue
		}
		if len(all) >= limit {
			break
		}
		after, events, err := change(r)
		if err != nil {
			return nil, err
		}
		all = append(all, ending{after, events})
	}
	return all, nil
}

func (s *Store) saveSale(f orders.FlashSale) (orders.FlashSale, error) {
	others := make([]orders.FlashSale, 0, len(s.sales.byID))
	for _, g := range s.sales.byID {
		others = append(others, g)
	}
	if err := f.CheckOverlap(others); err != nil {
		return orders.FlashSale{}, err
	}
	s.events[f.ID] = append(s.events[f.ID], event.Clone(f.PendingEvents())...)
	s.sales.byID[f.ID] = f.Clone()
	return f.Clone(), nil
}

func (s *Store) saveReservation(e ending) {
	s.events[e.ID] = append(s.events[e.ID], event.Clone(e.events)...)
	s.reservations[e.ID] = e.Reservation
}

// hold moves n units of a product from the stock to the reservations of a sale.
func (s *Store) hold(saleID string, n int) error {
	f := s.sales.byID[saleID]
	p := s.products[f.ProductID]
	if p.Stock < n || f.Held+n < 0 || f.Cap > 0 && n > 0 && f.Sold+f.Held+n > f.Cap {
		return fmt.Errorf("orderstest: %d units can't be held in flash sale %s", n, saleID)
	}
	p.Stock, f.Held = p.Stock-n, f.Held+n
	s.products[p.ID], s.sales.byID[saleID] = p, f
	return nil
}

// sell counts n units of an order (negative: given back) in a sale.
func (s *Store) sell(saleID, customerID string, n int) {
	f := s.sales.byID[saleID]
	f.Sold += n
	s.sales.byID[saleID] = f
	s.bought[saleOf{saleID, customerID}] += n
}

// Reserve implements orders.Store.
func (s *Store) Reserve(ctx context.Context, saleID, customerID string, st event.Stamp,
	decide func(orders.Product) (orders.Reservation, []event.Event, error)) (orders.Reservation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return orders.Reservation{}, err
	}
	if err := storable("customer", customerID); err != nil {
		return orders.Reservation{}, err
	}
	f, ok := s.sales.byID[saleID]
	if !ok {
		return orders.Reservation{}, notFound("flash_sale", saleID)
	}
	ofProduct := func(r orders.Reservation) bool { return r.ProductID == f.ProductID }
	if _, err := s.expire(st, math.MaxInt, ofProduct); err != nil {
		return orders.Reservation{}, err
	}
	r, events, err := decide(s.productFor(s.products[f.ProductID], customerID))
	if err != nil {
		return orders.Reservation{}, err
	}
	if err := s.hold(saleID, r.Quantity-s.reservations[r.ID].Quantity); err != nil {
		return orders.Reservation{}, err
	}
	s.saveReservation(ending{r, events})
	return r, nil
}

// Reservation implements orders.Store.
func (s *Store) Reservation(ctx context.Context, id string) (orders.Reservation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return orders.Reservation{}, err
	}
	r, ok := s.reservations[id]
	if !ok {
		return orders.Reservation{}, notFound("reservation", id)
	}
	return r, nil
}

// ExpireReservations implements orders.Store.
func (s *Store) ExpireReservations(ctx context.Context, st event.Stamp, limit int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.expire(st, limit, func(orders.Reservation) bool { return true })
	for id, f := range s.sales.byID {
		if f.Held == 0 && !f.Ends.After(st.At) {
			s.closed[id] = true
		}
	}
	return n, err
}

// expire ends reservations. Their events name no customer: it was the time.
func (s *Store) expire(st event.Stamp, limit int, which func(orders.Reservation) bool) (n int, err error) {
	st.By = event.System("flash sales")
	due := func(r orders.Reservation) bool { return !r.ExpiresAt.After(st.At) && which(r) }
	over, err := s.endings(limit, due,
		func(r orders.Reservation) (orders.Reservation, []event.Event, error) { return r.Expire(st) })
	if err != nil {
		return 0, err
	}
	for i, e := range over {
		if err := s.hold(e.SaleID, -e.Quantity); err != nil {
			return i, err
		}
		s.saveReservation(e)
	}
	return len(over), nil
}

// checkSales refuses a new order beyond the caps of its sales. It returns how
// many units of each product are reserved for it.
func (s *Store) checkSales(c orders.Change) (map[int64]int, error) {
	reserved := map[int64]int{}
	for _, l := range c.After.Lines {
		if l.SaleID == "" {
			continue
		}
		f, ok := s.sales.byID[l.SaleID]
		st := s.state(f, c.After.CustomerID)
		if n := c.Sales[l.SaleID]; !ok || f.ProductID != l.ProductID || n > st.Left() {
			return nil, fmt.Errorf("orderstest: %d units can't be sold in flash sale %q", n, l.SaleID)
		}
		reserved[l.ProductID] = st.Reserved.Quantity
	}
	return reserved, nil
}

// countInSales counts a new order in its sales; their reservations for the
// customer end.
func (s *Store) countInSales(c orders.Change) error {
	for _, id := range c.Reservations {
		if r := s.state(s.sales.byID[id], c.After.CustomerID).Reserved; r.ID != "" {
			used, events, err := r.Use(c.After.ID, c.Stamp())
			if err != nil {
				return err
			}
			if err := s.hold(id, -r.Quantity); err != nil {
				return err
			}
			s.saveReservation(ending{used, events})
		}
	}
	for id, n := range c.Sales {
		s.sell(id, c.After.CustomerID, n)
	}
	return nil
}
