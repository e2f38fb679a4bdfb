package returnstest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

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
	units    map[string]map[string]unit // by order id and line id
	rmas     map[string]bool
	counters map[string]int // UTC day -> last RMA number
	terms    []returns.Terms
}

// unit is the guard of one order line.
type unit struct{ bought, claimed int }

var _ returns.Store = (*Store)(nil)

// NewStore returns an empty Store.
func NewStore() *Store {
	return &Store{
		returns: map[string]returns.Return{}, events: map[string][]event.Event{}, units: map[string]map[string]unit{},
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
	ctx context.Context,
	o purchase.Purchase,
	decide func(returns.Claims) (*returns.Return, error),
) (returns.Return, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return returns.Return{}, err
	}
	defer unlock()
	units := map[string]unit{}
	for _, l := range o.Lines {
		units[l.ID] = unit{bought: l.Quantity}
	}
	maps.Copy(units, s.units[o.OrderID])
	r, err := decide(claimsOf(units))
	if err != nil {
		return returns.Return{}, err
	}
	if _, there := s.returns[r.ID]; there || r.OrderID != o.OrderID || len(r.PendingEvents()) != r.Version ||
		r.Version == 0 {
		return returns.Return{}, fmt.Errorf("returnstest: return %s is not a new one of order %s", r.ID, o.OrderID)
	}
	return s.save(nil, r, units)
}

// Update implements returns.Store.
func (s *Store) Update(ctx context.Context, id string, change func(*returns.Return) error) (returns.Return, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return returns.Return{}, err
	}
	defer unlock()
	before, ok := s.returns[id]
	if !ok {
		return returns.Return{}, notFound("return", id)
	}
	after := before.Clone()
	if err := change(&after); err != nil {
		return returns.Return{}, err
	}
	if len(after.PendingEvents()) == 0 {
		return before.Clone(), nil
	}
	return s.save(&before, &after, maps.Clone(s.units[before.OrderID]))
}

func claimsOf(units map[string]unit) returns.Claims {
	claims := returns.Claims{}
	for id, u := range units {
		if u.claimed > 0 {
			claims[id] = u.claimed
		}
	}
	return claims
}

// unnumbered are the statuses in which a case may be without an RMA number.
var unnumbered = []returns.Status{
	returns.StatusPendingCustomerInfo, returns.StatusPendingAuthorization, returns.StatusRejected,
	returns.StatusCancelled,
}

// save carries out the change from before (nil for a new return) to after, or
// nothing of it.
func (s *Store) save(before, after *returns.Return, units map[string]unit) (returns.Return, error) {
	version, was := 0, map[string]int{}
	if before != nil {
		version, was = before.Version, before.ClaimedUnits()
	}
	if after.Version != version+len(after.PendingEvents()) {
		return returns.Return{}, fmt.Errorf(
			"returnstest: stale save of return %s: version %d with %d events on version %d",
			after.ID,
			after.Version,
			len(after.PendingEvents()),
			version,
		)
	}
	held := after.ClaimedUnits()
	for line := range held {
		if _, ok := units[line]; !ok {
			return returns.Return{}, fmt.Errorf(
				"returnstest: return %s claims line %s, which is not of its order", after.ID, line,
			)
		}
	}
	for line, u := range units {
		u.claimed += held[line] - was[line]
		if u.claimed < 0 || u.claimed > u.bought {
			return returns.Return{}, &returns.Error{
				Code: returns.Code(returns.AlreadyReturned), Field: "quantity",
				Message: "That many units are not left to return.",
			}
		}
		units[line] = u
	}
	if after.NeedsRMA() {
		last := after.PendingEvents()[len(after.PendingEvents())-1]
		day := last.At.UTC().Format("20060102")
		if err := after.AssignRMA(event.Stamp{At: last.At, By: last.Actor, Source: last.Source}, returns.RMANumber(day, s.counters[day]+1)); err != nil {
			return returns.Return{}, err
		}
		if s.rmas[after.RMA] {
			return returns.Return{}, fmt.Errorf("returnstest: the RMA number %s is taken", after.RMA)
		}
		s.counters[day]++
	} else if after.RMA != "" && (before == nil || before.RMA == "") && s.rmas[after.RMA] {
		return returns.Return{}, fmt.Errorf("returnstest: the RMA number %s is taken", after.RMA)
	}
	if after.RMA == "" && !slices.Contains(unnumbered, after.Status) {
		return returns.Return{}, fmt.Errorf(
			"returnstest: return %s is %s without an RMA number", after.ID, after.Status,
		)
	}
	if after.RMA != "" {
		s.rmas[after.RMA] = true
	}
	s.units[after.OrderID] = units
	s.returns[after.ID] = after.Clone()
	s.events[after.ID] = append(s.events[after.ID], after.PendingEvents()...)
	return after.Clone(), nil
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
	n := len(found)
	if q.CountUpTo > 0 {
		n = min(n, q.CountUpTo)
	}
	if q.Page-1 > len(found)/q.PageSize {
		return nil, n, nil
	}
	from := min((q.Page-1)*q.PageSize, len(found))
	return found[from:min(from+q.PageSize, len(found))], n, nil
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
		if c := claimsOf(s.units[id]); len(c) > 0 {
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
	return slices.Clone(s.events[id]), nil
}
