package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/returns"
)

// ReturnStore is a returns.Store of the shop's own.
type ReturnStore struct{ v *vault[*returnRows] }

// returnRows are the tables.
type returnRows struct {
	returns map[string]returns.Return
	units   map[string]returns.Units // by order
	events  map[string][]event.Event
	numbers map[string]int  // the last RMA number of each day
	terms   []returns.Terms // the oldest first
}

// NewReturnStore returns an empty store.
func NewReturnStore() *ReturnStore {
	empty := &returnRows{map[string]returns.Return{}, map[string]returns.Units{}, map[string][]event.Event{},
		map[string]int{}, nil}
	return &ReturnStore{newVault(empty, func(d *returnRows) *returnRows {
		next := &returnRows{maps.Clone(d.returns), maps.Clone(d.units), maps.Clone(d.events), maps.Clone(d.numbers),
			slices.Clip(d.terms)}
		for id, events := range next.events {
			next.events[id] = slices.Clip(events)
		}
		for id, units := range next.units {
			next.units[id] = maps.Clone(units)
		}
		return next
	})}
}

// save keeps a change, all of it.
func (d *returnRows) save(c returns.Change) (returns.Return, error) {
	if day := c.Effects.RMADay; day != "" {
		d.numbers[day]++
		var err error
		if c, err = c.WithRMA(d.numbers[day]); err != nil {
			return returns.Return{}, err
		}
	}
	after := fresh(c.After)
	if _, taken := d.returns[after.ID]; taken && c.Before == nil {
		return returns.Return{}, fmt.Errorf("there is a return %s", after.ID)
	}
	for _, other := range d.returns {
		if after.RMA != "" && other.RMA == after.RMA && other.ID != after.ID {
			return returns.Return{}, fmt.Errorf("RMA number %s is taken", after.RMA)
		}
	}
	d.returns[after.ID] = after
	d.events[after.ID] = append(d.events[after.ID], event.Clone(c.Events)...)
	for line, n := range c.Effects.Claims {
		u := d.units[after.OrderID][line]
		u.Claimed += n
		d.units[after.OrderID][line] = u
	}
	return fresh(after), nil
}

// Create implements returns.Store.
func (s *ReturnStore) Create(
	ctx context.Context, o purchase.Purchase, decide func(returns.Units) (returns.Change, error),
) (created returns.Return, err error) {
	err = s.v.update(ctx, func(d *returnRows) error {
		units := d.units[o.OrderID]
		if units == nil {
			units = returns.Units{}
			d.units[o.OrderID] = units
		}
		for _, l := range o.Lines {
			if _, known := units[l.ID]; !known {
				units[l.ID] = returns.Unit{Bought: l.Quantity}
			}
		}
		c, err := decide(maps.Clone(units))
		if err != nil {
			return err
		}
		created, err = d.save(c)
		return err
	})
	if err != nil {
		return returns.Return{}, err
	}
	return created, nil
}

// Update implements returns.Store.
func (s *ReturnStore) Update(
	ctx context.Context, id string, change func(returns.Units, returns.Return) (returns.Change, error),
) (saved returns.Return, err error) {
	err = s.v.update(ctx, func(d *returnRows) error {
		r, ok := d.returns[id]
		if !ok {
			return notFound("return", id)
		}
		c, err := change(maps.Clone(d.units[r.OrderID]), fresh(r))
		if err != nil {
			return err
		}
		if saved = fresh(r); !c.Empty() {
			saved, err = d.save(c)
		}
		return err
	})
	if err != nil {
		return returns.Return{}, err
	}
	return saved, nil
}

// Return implements returns.Store.
func (s *ReturnStore) Return(ctx context.Context, id string) (found returns.Return, err error) {
	err = s.v.view(ctx, func(d *returnRows) error {
		r, ok := d.returns[id]
		if !ok {
			return notFound("return", id)
		}
		found = fresh(r)
		return nil
	})
	return found, err
}

// matches reports whether the query selects the return.
func matches(q returns.Query, r returns.Return) bool {
	return r.CustomerID == cmp.Or(q.CustomerID, r.CustomerID) && r.OrderID == cmp.Or(q.OrderID, r.OrderID) &&
		(len(q.Status) == 0 || slices.Contains(q.Status, r.Status)) &&
		(!q.OpenTasks || len(r.OpenTasks()) > 0) &&
		(q.From.IsZero() || !r.CreatedAt.Before(q.From)) && (q.To.IsZero() || r.CreatedAt.Before(q.To)) &&
		(q.Text == "" || mentions(r, strings.ToLower(q.Text)))
}

func mentions(r returns.Return, text string) bool {
	words := []string{r.RMA}
	if r.Shipment != nil {
		words = append(words, r.Shipment.TrackingNumber)
	}
	for _, l := range r.Lines {
		words = append(words, l.Name)
	}
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(strings.ToLower(w), text) })
}

// List implements returns.Store.
func (s *ReturnStore) List(ctx context.Context, q returns.Query) (page []returns.Return, n int, err error) {
	q = q.Normalize()
	err = s.v.view(ctx, func(d *returnRows) error {
		var all []returns.Return
		for _, r := range d.returns {
			if matches(q, r) {
				all = append(all, fresh(r))
			}
		}
		slices.SortFunc(all, func(a, b returns.Return) int {
			return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), strings.Compare(b.ID, a.ID))
		})
		from := min(len(all), (q.Page-1)*q.PageSize)
		page = all[from:min(len(all), from+q.PageSize)]
		n = min(len(all), cmp.Or(q.CountUpTo, len(all)))
		return nil
	})
	return page, n, err
}

// Claims implements returns.Store.
func (s *ReturnStore) Claims(ctx context.Context, orderIDs ...string) (map[string]returns.Claims, error) {
	claims := map[string]returns.Claims{}
	err := s.v.view(ctx, func(d *returnRows) error {
		for _, id := range orderIDs {
			if c := d.units[id].Claims(); len(c) > 0 {
				claims[id] = c
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claims, nil
}

// Counts implements returns.Store.
func (s *ReturnStore) Counts(ctx context.Context) (map[returns.Status]int, error) {
	counts := map[returns.Status]int{}
	err := s.v.view(ctx, func(d *returnRows) error {
		for _, r := range d.returns {
			if !r.Status.Final() {
				counts[r.Status]++
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return counts, nil
}

// Events implements returns.Store.
func (s *ReturnStore) Events(ctx context.Context, id string) (events []event.Event, err error) {
	err = s.v.view(ctx, func(d *returnRows) error {
		if len(d.events[id]) == 0 {
			return notFound("history of", id)
		}
		events = event.Clone(d.events[id])
		return nil
	})
	return events, err
}

// Publish implements returns.Store.
func (s *ReturnStore) Publish(ctx context.Context, t returns.Terms) (published returns.Terms, err error) {
	err = s.v.update(ctx, func(d *returnRows) error {
		if slices.ContainsFunc(d.terms, func(there returns.Terms) bool { return there.ID == t.ID }) {
			return fmt.Errorf("there are terms %s", t.ID)
		}
		if err := t.Check(); err != nil {
			return err
		}
		published = fresh(t)
		published.Version = len(d.terms) + 1
		d.terms = append(d.terms, fresh(published))
		return nil
	})
	if err != nil {
		return returns.Terms{}, err
	}
	return published, nil
}

// Terms implements returns.Store.
func (s *ReturnStore) Terms(ctx context.Context, id string) (found returns.Terms, err error) {
	err = s.v.view(ctx, func(d *returnRows) error {
		for _, t := range slices.Backward(d.terms) {
			if t.ID == cmp.Or(id, t.ID) {
				found = fresh(t)
				return nil
			}
		}
		return notFound("terms", id)
	})
	return found, err
}

// AllTerms implements returns.Store.
func (s *ReturnStore) AllTerms(ctx context.Context) (all []returns.Terms, err error) {
	err = s.v.view(ctx, func(d *returnRows) error {
		for _, t := range slices.Backward(d.terms) {
			all = append(all, fresh(t))
		}
		return nil
	})
	return all, err
}
