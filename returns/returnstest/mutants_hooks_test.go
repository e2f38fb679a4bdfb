//go:build mutants

package returnstest

import (
	"context"
	"errors"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/returns"
)

type (
	creating = func(returns.Units) (returns.Change, error)
	changing = func(returns.Units, returns.Return) (returns.Change, error)
)

// hooked is a store in memory with some of its methods made wrong. A hook that is nil
// leaves its method right.
type hooked struct {
	*Store
	units  func(u returns.Units)   // before a callback gets them
	saving func(c *returns.Change) // before it is saved

	create  func(ctx context.Context, o purchase.Purchase, decide creating) (returns.Return, error)
	update  func(ctx context.Context, id string, change changing) (returns.Return, error)
	get     func(ctx context.Context, id string) (returns.Return, error)
	list    func(ctx context.Context, q returns.Query) ([]returns.Return, int, error)
	claims  func(ctx context.Context, orderIDs ...string) (map[string]returns.Claims, error)
	counts  func(ctx context.Context) (map[returns.Status]int, error)
	history func(ctx context.Context, id string) ([]event.Event, error)
	publish func(ctx context.Context, t returns.Terms) (returns.Terms, error)
	find    func(ctx context.Context, id string) (returns.Terms, error)
	all     func(ctx context.Context) ([]returns.Terms, error)
}

func (h *hooked) saved(c returns.Change, err error) (returns.Change, error) {
	if err == nil && h.saving != nil {
		h.saving(&c)
	}
	return c, err
}

func (h *hooked) shown(u returns.Units) returns.Units {
	if h.units != nil {
		h.units(u)
	}
	return u
}

func (h *hooked) Create(ctx context.Context, o purchase.Purchase, decide creating) (returns.Return, error) {
	if h.create != nil {
		return h.create(ctx, o, decide)
	}
	return h.Store.Create(ctx, o, func(u returns.Units) (returns.Change, error) {
		return h.saved(decide(h.shown(u)))
	})
}

func (h *hooked) Update(ctx context.Context, id string, change changing) (returns.Return, error) {
	if h.update != nil {
		return h.update(ctx, id, change)
	}
	return h.Store.Update(ctx, id, func(u returns.Units, r returns.Return) (returns.Change, error) {
		return h.saved(change(h.shown(u), r))
	})
}

func (h *hooked) Return(ctx context.Context, id string) (returns.Return, error) {
	if h.get != nil {
		return h.get(ctx, id)
	}
	return h.Store.Return(ctx, id)
}

func (h *hooked) List(ctx context.Context, q returns.Query) ([]returns.Return, int, error) {
	if h.list != nil {
		return h.list(ctx, q)
	}
	return h.Store.List(ctx, q)
}

func (h *hooked) Claims(ctx context.Context, orderIDs ...string) (map[string]returns.Claims, error) {
	if h.claims != nil {
		return h.claims(ctx, orderIDs...)
	}
	return h.Store.Claims(ctx, orderIDs...)
}

func (h *hooked) Counts(ctx context.Context) (map[returns.Status]int, error) {
	if h.counts != nil {
		return h.counts(ctx)
	}
	return h.Store.Counts(ctx)
}

func (h *hooked) Events(ctx context.Context, id string) ([]event.Event, error) {
	if h.history != nil {
		return h.history(ctx, id)
	}
	return h.Store.Events(ctx, id)
}

func (h *hooked) Publish(ctx context.Context, t returns.Terms) (returns.Terms, error) {
	if h.publish != nil {
		return h.publish(ctx, t)
	}
	return h.Store.Publish(ctx, t)
}

func (h *hooked) Terms(ctx context.Context, id string) (returns.Terms, error) {
	if h.find != nil {
		return h.find(ctx, id)
	}
	return h.Store.Terms(ctx, id)
}

func (h *hooked) AllTerms(ctx context.Context) ([]returns.Terms, error) {
	if h.all != nil {
		return h.all(ctx)
	}
	return h.Store.AllTerms(ctx)
}

// reads spoils what Return reads.
func (h *hooked) reads(spoil func(r *returns.Return)) {
	h.get = suite.Spoiled(h.Store.Return, spoil)
}

// found spoils the terms that are found.
func (h *hooked) found(spoil func(t *returns.Terms)) {
	h.find = suite.Spoiled(h.Store.Terms, spoil)
}

// throughFloat is what a float64 makes of n.
func throughFloat(n int64) int64 { return int64(float64(n)) }

func (h *hooked) listed(spoil func([]returns.Return, int) ([]returns.Return, int)) {
	h.list = func(ctx context.Context, q returns.Query) ([]returns.Return, int, error) {
		all, n, err := h.Store.List(ctx, q)
		all, n = spoil(all, n)
		return all, n, err
	}
}

func (h *hooked) counted(spoil func(map[returns.Status]int)) {
	h.counts = func(ctx context.Context) (map[returns.Status]int, error) {
		n, err := h.Store.Counts(ctx)
		spoil(n)
		return n, err
	}
}

func (h *hooked) eventsOf(spoil func([]event.Event) []event.Event) {
	h.history = func(ctx context.Context, id string) ([]event.Event, error) {
		all, err := h.Store.Events(ctx, id)
		if err == nil {
			all = spoil(all)
		}
		return all, err
	}
}

// hides returns no error where there is one.
func (h *hooked) hides() {
	h.update = func(ctx context.Context, id string, change changing) (returns.Return, error) {
		r, err := h.Store.Update(ctx, id, change)
		if errors.Is(err, returns.ErrNotFound) || ctx.Err() != nil {
			return r, err
		}
		return r, nil
	}
}

// createUnlocked decides on units that it read before the lock.
func (h *hooked) createUnlocked(ctx context.Context, o purchase.Purchase, decide creating) (returns.Return, error) {
	units := returns.Units{}
	all, err := h.Store.Claims(ctx, o.OrderID)
	if err != nil {
		return returns.Return{}, err
	}
	for _, l := range o.Lines {
		units[l.ID] = returns.Unit{Bought: l.Quantity, Claimed: all[o.OrderID][l.ID]}
	}
	c, err := decide(units)
	if err != nil {
		return returns.Return{}, err
	}
	suite.Pause()
	return h.Store.Create(ctx, o, func(returns.Units) (returns.Change, error) { return c, nil })
}

// updateUnlocked changes what it read before the lock.
func (h *hooked) updateUnlocked(ctx context.Context, id string, change changing) (returns.Return, error) {
	before, err := h.Store.Return(ctx, id)
	if err != nil {
		return before, err
	}
	h.mu.Lock()
	units := suite.Copy(h.Store.units[before.OrderID])
	h.mu.Unlock()
	c, err := change(units, before)
	if err != nil {
		return before, err
	}
	suite.Pause()
	return h.Store.Update(ctx, id, func(returns.Units, returns.Return) (returns.Change, error) { return c, nil })
}
