package returnstest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/returnkit/returnkit/internal/paging"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/returns"
)

// Store is a returns.Store in memory: the same promises as returnsdb, one lock
// around everything. Make one with NewStore.
type Store struct {
	mu       sync.Mutex
	returns  map[string]returns.Return // by id
	events   map[string][]event.Event
	units    map[string]returns.Units // by order id
	rmas     map[string]bool
	counters map[string]int // UTC day -> last RMA number
	terms    []returns.Terms
	record   []func(events ...event.Event) error
}

var _ returns.Store = (*Store)(nil)

// NewStore returns an empty Store. It gives the events of each change to each
// record, such as the Append of an outbox.Memory for the stream "returns".
func NewStore(record ...func(events ...event.Event) error) *Store {
	return &Store{
		record:  record,
		returns: map[string]returns.Return{}, events: map[string][]event.Event{}, units: map[string]returns.Units{},
		rmas: map[string]bool{}, counters: map[string]int{},
	}
}

func notFound(what, id string) error {
	return fmt.Errorf("returnstest: there is no %s %q: %w", what, id, returns.ErrNotFound)
}

// lock locks the store, unless the context has ended.
func (s *Store) lock(ctx context.Context) (unlock func(), err error) {
	s.mu.Lock()
	if err := ctx.Err(); err != nil {
		s.mu.Unlock()
		return nil, fmt.Errorf("returnstest: %w", err)
	}
	return s.mu.Unlock, nil
}

// Create implements returns.Store.
func (s *Store) Create(
	ctx context.Context, o purchase.Purchase, decide func(returns.Units) (returns.Change, error),
) (returns.Return, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return returns.Return{}, err
	}
	defer unlock()
	if !utf8.ValidString(o.OrderID) || strings.ContainsRune(o.OrderID, 0) {
		return returns.Return{}, &returns.Error{
			Code: returns.CodeInvalid, Field: "order_id", Message: "It is not text; UTF-8 without NUL is allowed.",
		}
	}
	units := returns.Units{}
	for _, l := range o.Lines {
		units[l.ID] = returns.Unit{Bought: l.Quantity}
	}
	maps.Copy(units, s.units[o.OrderID])
	c, err := decide(maps.Clone(units))
	if err != nil {
		return returns.Return{}, err
	}
	if !slices.ContainsFunc(s.terms, func(t returns.Terms) bool { return t.ID == c.After.TermsID }) {
		return returns.Return{}, fmt.Errorf("returnstest: return %s is of the terms %q, which are not published; "+
			"see Publish", c.After.ID, c.After.TermsID)
	}
	if _, there := s.returns[c.After.ID]; there {
		return returns.Return{}, fmt.Errorf("returnstest: there is a return %s already", c.After.ID)
	}
	return s.save(c, units)
}

// Update implements returns.Store.
func (s *Store) Update(
	ctx context.Context, id string, change func(returns.Units, returns.Return) (returns.Change, error),
) (returns.Return, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return returns.Return{}, err
	}
	defer unlock()
	before, ok := s.returns[id]
	if !ok {
		return returns.Return{}, notFound("return", id)
	}
	units := maps.Clone(s.units[before.OrderID])
	c, err := change(maps.Clone(units), before.Clone())
	if err != nil || c.Empty() {
		return before.Clone(), err
	}
	return s.save(c, units)
}

// save saves a change, or nothing of it.
func (s *Store) save(c returns.Change, units returns.Units) (returns.Return, error) {
	day := c.Effects.RMADay
	if day != "" {
		var err error
		if c, err = c.WithRMA(s.counters[day] + 1); err != nil {
			return returns.Return{}, err
		}
	}
	if rma := c.After.RMA; rma != "" && (c.Before == nil || c.Before.RMA != rma) && s.rmas[rma] {
		return returns.Return{}, fmt.Errorf("returnstest: the RMA number %s is taken", rma)
	}
	for _, record := range s.record {
		if err := record(c.Events...); err != nil {
			return returns.Return{}, fmt.Errorf("returnstest: record the events of %s: %w", c.After.ID, err)
		}
	}
	if c.After.RMA != "" {
		s.rmas[c.After.RMA] = true
	}
	if day != "" {
		s.counters[day]++
	}
	for line, n := range c.Effects.Claims {
		u := units[line]
		u.Claimed += n
		units[line] = u
	}
	s.units[c.After.OrderID] = units
	s.returns[c.After.ID] = c.After.Clone()
	s.events[c.After.ID] = append(s.events[c.After.ID], event.Clone(c.Events)...)
	return c.After.Clone(), nil
}

// Return implements returns.Store.
func (s *Store) Return(ctx context.Context, id string) (returns.Return, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return returns.Return{}, err
	}
	defer unlock()
	r, ok := s.returns[id]
	if !ok {
		return returns.Return{}, notFound("return", id)
	}
	return r.Clone(), nil
}

// List implements returns.Store.
func (s *Store) List(ctx context.Context, q returns.Query) ([]returns.Return, int, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer unlock()
	q = q.Normalize()
	var found []returns.Return
	for _, r := range s.returns {
		if matches(r, q) {
			found = append(found, r.Clone())
		}
	}
	slices.SortFunc(found, func(a, b returns.Return) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	page, total := paging.CutCounted(found, q.Page, q.PageSize, q.CountUpTo)
	return page, total, nil
}

func matches(r returns.Return, q returns.Query) bool {
	switch {
	case q.CustomerID != "" && r.CustomerID != q.CustomerID,
		q.OrderID != "" && r.OrderID != q.OrderID,
		len(q.Status) > 0 && !slices.Contains(q.Status, r.Status),
		q.OpenTasks && len(r.OpenTasks()) == 0,
		!q.From.IsZero() && r.CreatedAt.Before(q.From),
		!q.To.IsZero() && !r.CreatedAt.Before(q.To):
		return false
	}
	text := strings.ToLower(q.Text)
	return text == "" || strings.Contains(strings.ToLower(r.RMA), text) ||
		r.Shipment != nil && strings.Contains(strings.ToLower(r.Shipment.TrackingNumber), text) ||
		slices.ContainsFunc(
			r.Lines, func(l returns.Line) bool { return strings.Contains(strings.ToLower(l.Name), text) },
		)
}

// Claims implements returns.Store.
func (s *Store) Claims(ctx context.Context, orderIDs ...string) (map[string]returns.Claims, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	claims := map[string]returns.Claims{}
	for _, id := range orderIDs {
		if c := s.units[id].Claims(); len(c) > 0 {
			claims[id] = c
		}
	}
	return claims, nil
}

// Counts implements returns.Store.
func (s *Store) Counts(ctx context.Context) (map[returns.Status]int, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	counts := map[returns.Status]int{}
	for _, r := range s.returns {
		if !r.Status.Final() {
			counts[r.Status]++
		}
	}
	return counts, nil
}

// Events implements returns.Store.
func (s *Store) Events(ctx context.Context, id string) ([]event.Event, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if len(s.events[id]) == 0 {
		return nil, notFound("return", id)
	}
	return event.Clone(s.events[id]), nil
}
