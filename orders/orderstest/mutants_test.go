//go:build mutants

package orderstest

import (
	"context"
	"slices"
	"testing"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
)

type storeMutant suite.Mutant[func(h *hooked)]

func TestStoreMutants(t *testing.T) {
	suite.Mutants(t, "TestStoreMutant", len(storePromises), storeMutants())
}

// TestStoreMutant is the suite on the mutant of this process.
func TestStoreMutant(t *testing.T) {
	if make, ok := suite.UnderTest(storeMutants()); ok {
		TestStore(t, func(*testing.T) orders.Store { return mutant(make) })
	}
}

func mutant(make func(h *hooked)) orders.Store {
	h := &hooked{Store: NewStore()}
	make(h)
	return h
}

func storeMutants() []storeMutant {
	return slices.Concat(productMutants(), cartMutants(), placingMutants(), keyMutants(), updatingMutants(),
		claimMutants(), readingMutants(), saleMutants(), reservationMutants(), missingMutants(),
		edgeMutants())
}

// races are stores that check before they act, or read what they should not yet, or
// no longer.
var races = []storeMutant{
	{0, "it places what it decided before it locks", func(h *hooked) { h.place = h.placeUnlocked }},
	{0, "it updates what it read before it locks", func(h *hooked) { h.update = h.overwrites }},
	{0, "it adjusts a stock that it read before it locks", func(h *hooked) { h.save = h.saveUnlocked }},
	{0, "it restocks before it remembers the ref", func(h *hooked) { h.restock = h.restockUnlocked }},
	{0, "it reads a stock from a cache", func(h *hooked) {
		cache := map[int64]orders.Product{}
		h.product = func(ctx context.Context, id int64) (p orders.Product, err error) {
			ok := false
			if h.locked(func() { p, ok = cache[id] }); ok {
				return p, nil
			}
			p, err = h.Store.Product(ctx, id)
			h.locked(func() { cache[id] = p })
			return p, err
		}
	}},
	{0, "it restocks after it returns", func(h *hooked) {
		h.restock = func(ctx context.Context, r orders.Restock, s event.Stamp) (bool, error) {
			done := false
			if h.locked(func() { done, h.refs[r.Ref] = h.refs[r.Ref], true }); done || ctx.Err() != nil {
				return false, ctx.Err()
			}
			go func() {
				suite.Pause()
				h.locked(func() { h.stocked(r.ProductID, r.Quantity) })
			}()
			return true, nil
		}
	}},
	{0, "it gives back the units of a cancellation that is cut off twice", func(h *hooked) {
		h.update = func(ctx context.Context, id string, change changing) (orders.Order, error) {
			o, err := h.Store.Update(ctx, id, change)
			if suite.Pause(); err == nil && ctx.Err() != nil {
				h.locked(func() { h.stocked(o.Lines[0].ProductID, o.Lines[0].Quantity) })
			}
			return o, err
		}
	}},
	{0, "it takes the units after the order", func(h *hooked) {
		h.place = func(ctx context.Context, r orders.PlaceRequest, decide deciding) (orders.Order, bool, error) {
			o, placed, err := h.Store.Place(ctx, r, func(p orders.Placement) (*orders.Order, error) {
				o, err := decide(p)
				if err == nil {
					h.stocked(o.Lines[0].ProductID, o.Lines[0].Quantity)
				}
				return o, err
			})
			if suite.Pause(); placed {
				h.locked(func() { h.stocked(o.Lines[0].ProductID, -o.Lines[0].Quantity) })
			}
			return o, placed, err
		}
	}},
}

func TestLinearizableMutants(t *testing.T) {
	suite.Races(t, "TestLinearizableMutant", races)
}

// TestLinearizableMutant is the suite on the store of this process.
func TestLinearizableMutant(t *testing.T) {
	if make, ok := suite.UnderTest(races); ok {
		TestLinearizable(t, func(*testing.T) orders.Store { return mutant(make) }, 2000)
	}
}

// saveUnlocked changes a product that it read before the lock.
func (h *hooked) saveUnlocked(ctx context.Context, id int64, s event.Stamp, change saving) (orders.Product, error) {
	if id == 0 {
		return h.Store.SaveProduct(ctx, id, s, change)
	}
	p, err := h.Store.Product(ctx, id)
	if err != nil {
		return p, err
	}
	p.Sales = nil
	if err := change(&p); err != nil {
		return orders.Product{}, err
	}
	suite.Pause()
	return h.Store.SaveProduct(ctx, id, s, func(now *orders.Product) error {
		*now = p
		return nil
	})
}

// restockUnlocked looks for the ref before the lock.
func (h *hooked) restockUnlocked(ctx context.Context, r orders.Restock, s event.Stamp) (bool, error) {
	used := false
	if h.locked(func() { used = h.refs[r.Ref] }); used {
		return false, nil
	}
	suite.Pause()
	ref := r.Ref
	r.Ref = newID()
	did, err := h.Store.Restock(ctx, r, s)
	h.locked(func() { h.refs[ref] = h.refs[ref] || did })
	return did, err
}
