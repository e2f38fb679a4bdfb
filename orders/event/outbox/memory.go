package outbox

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/returnkit/returnkit/orders/event"
)

// Memory is a [Log] in memory, for tests, examples and stores in memory. It
// keeps every event and delivery until it is dropped itself, and what it keeps
// is lost with the process.
type Memory struct {
	stream string

	// fan is held during a fan-out, so that events are watched once. A Watcher
	// runs under it, without mu.
	fan sync.Mutex

	mu         sync.Mutex
	events     []*entry            // in the order of before
	waiting    []*entry            // those that are not fanned out, in the same order
	aggregates map[string][]*entry // in order of Seq
	queues     map[string]*queue   // by subscriber
}

// entry is an event in a Memory.
type entry struct {
	event     event.Event
	fannedOut bool
}

// before orders entries by time, then by aggregate and Seq.
func before(a, b *entry) int {
	return cmp.Or(a.event.At.Compare(b.event.At), cmp.Compare(a.event.AggregateID, b.event.AggregateID), bySeq(a, b))
}

func bySeq(a, b *entry) int { return cmp.Compare(a.event.Seq, b.event.Seq) }

// queue holds the deliveries of one subscriber.
type queue struct {
	all     map[string]*row   // by event id, delivered ones included
	pending map[string][]*row // by aggregate, in order of Seq
}

// row is a delivery in a Memory.
type row struct {
	entry      *entry
	nextAt     time.Time
	leaseUntil time.Time // zero: not leased
	token      string
	attempts   int
	lastError  string
}

func (r *row) leased(now time.Time) bool { return r.leaseUntil.After(now) }

// waits reports whether the row is due later than now, by a clock that agrees with now.
func (r *row) waits(now time.Time) bool {
	longest := clockSlack
	if r.attempts > 0 {
		longest += MaxWait
	}
	return r.nextAt.After(now) && !r.nextAt.After(now.Add(longest))
}

var _ Log = (*Memory)(nil)

// NewMemory returns an empty log of the stream.
func NewMemory(stream string) *Memory {
	return &Memory{stream: stream, aggregates: map[string][]*entry{}, queues: map[string]*queue{}}
}

// Stream returns the name of the stream.
func (m *Memory) Stream() string { return m.stream }

// Append adds events, all or none. It returns an error if [CheckEvent] does for
// one of them, or the log has an event of the same id.
func (m *Memory) Append(events ...event.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	added := map[string]bool{}
	for _, e := range events {
		if err := CheckEvent(e); err != nil {
			return fmt.Errorf("outbox: append to %s: %w", m.stream, err)
		}
		_, exists := slices.BinarySearchFunc(m.aggregates[e.AggregateID], &entry{event: e}, bySeq)
		if exists || added[e.ID] {
			return fmt.Errorf("outbox: append to %s: event %q exists already", m.stream, e.ID)
		}
		added[e.ID] = true
	}
	for _, e := range events {
		m.add(e)
	}
	return nil
}

// add adds an event that was checked. m.mu is locked.
func (m *Memory) add(e event.Event) {
	e = own(e)
	e.At = e.At.UTC().Truncate(time.Microsecond)
	n := &entry{event: e}
	m.events = insert(m.events, n, before)
	m.waiting = insert(m.waiting, n, before)
	m.aggregates[e.AggregateID] = insert(m.aggregates[e.AggregateID], n, bySeq)
}

// own returns an event that shares no memory with e.
func own(e event.Event) event.Event {
	e.Data = slices.Clone(e.Data)
	return e
}

// insert puts x into a sorted list. The end is the usual place.
func insert[T any](list []T, x T, order func(a, b T) int) []T {
	if n := len(list); n == 0 || order(list[n-1], x) < 0 {
		return append(list, x)
	}
	at, _ := slices.BinarySearchFunc(list, x, order)
	return slices.Insert(list, at, x)
}

func eventsOf(entries []*entry) []event.Event {
	events := make([]event.Event, len(entries))
	for i, e := range entries {
		events[i] = own(e.event)
	}
	return events
}

// Events returns the events of an aggregate in order of Seq.
func (m *Memory) Events(_ context.Context, aggregateID string) ([]event.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return eventsOf(m.aggregates[aggregateID]), nil
}

// FanOut makes the deliveries of events that have none yet.
func (m *Memory) FanOut(ctx context.Context, f FanOut) (int, error) {
	m.fan.Lock()
	defer m.fan.Unlock()
	found := m.toFanOut(f)
	if len(found) > 0 && f.Watch != nil {
		if err := f.Watch(ctx, nil, eventsOf(found)); err != nil {
			return 0, fmt.Errorf("outbox: fan out %s: %w", m.stream, err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range found {
		e.fannedOut = true
		for _, s := range f.Subscribers {
			m.deliverTo(s, e, f.Now)
		}
	}
	m.waiting = slices.DeleteFunc(m.waiting, func(e *entry) bool { return e.fannedOut })
	return len(found), nil
}

func (m *Memory) toFanOut(f FanOut) []*entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []*entry
	for _, e := range m.waiting {
		if len(found) == f.Limit {
			break
		}
		if f.AggregateID == "" || e.event.AggregateID == f.AggregateID {
			found = append(found, e)
		}
	}
	return found
}

// deliverTo makes the delivery of e to s, unless there is one or s does not
// want it, and reports whether it did.
func (m *Memory) deliverTo(s Subscriber, e *entry, now time.Time) bool {
	if !s.Wants(e.event.Type) {
		return false
	}
	q := m.queues[s.Name]
	if q == nil {
		q = &queue{all: map[string]*row{}, pending: map[string][]*row{}}
		m.queues[s.Name] = q
	}
	if q.all[e.event.ID] != nil {
		return false
	}
	r := &row{entry: e, nextAt: now}
	q.all[e.event.ID] = r
	id := e.event.AggregateID
	q.pending[id] = insert(q.pending[id], r, func(a, b *row) int { return bySeq(a.entry, b.entry) })
	return true
}

// Backfill makes the deliveries that s misses.
func (m *Memory) Backfill(_ context.Context, s Subscriber, since, now time.Time, limit int) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, e := range m.events {
		if n == limit {
			break
		}
		if e.fannedOut && !e.event.At.Before(since) && m.deliverTo(s, e, now) {
			n++
		}
	}
	return n, nil
}

// Due reports whether the subscriber has work.
func (m *Memory) Due(_ context.Context, subscriber, aggregateID string, now time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	q := m.queues[subscriber]
	if q == nil {
		return false, nil
	}
	if aggregateID != "" {
		return len(q.pending[aggregateID]) > 0, nil
	}
	for _, rows := range q.pending {
		if head := rows[0]; !head.leased(now) && !head.waits(now) {
			return true, nil
		}
	}
	return false, nil
}

// Claim leases deliveries.
func (m *Memory) Claim(_ context.Context, c Claim) ([]Delivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	q := m.queues[c.Subscriber]
	if q == nil {
		return nil, nil
	}
	var found []*row
	if c.AggregateID != "" {
		found = m.claimable(found, q.pending[c.AggregateID], c)
	} else {
		for _, rows := range q.pending {
			found = m.claimable(found, rows, c)
		}
	}
	slices.SortFunc(found, func(a, b *row) int { return before(a.entry, b.entry) })
	token := rand.Text()
	var claimed []Delivery
	for _, r := range found {
		r.leaseUntil, r.token = c.Until, token
		r.attempts++
		claimed = append(claimed, Delivery{
			Event: own(r.entry.event), Subscriber: c.Subscriber, Attempts: r.attempts, Token: token,
		})
	}
	return claimed, nil
}

// claimable adds the head of an aggregate's pending deliveries to found, if c
// may take it, and keeps the deliveries that are due first.
func (m *Memory) claimable(found, pending []*row, c Claim) []*row {
	if len(pending) == 0 {
		return found
	}
	head := pending[0]
	if head.leased(c.Now) || c.AggregateID == "" && head.waits(c.Now) {
		return found
	}
	for _, e := range m.aggregates[head.entry.event.AggregateID] {
		if bySeq(e, head.entry) >= 0 {
			break
		}
		if !e.fannedOut {
			return found
		}
	}
	found = insert(found, head, func(a, b *row) int {
		return cmp.Or(a.nextAt.Compare(b.nextAt), before(a.entry, b.entry))
	})
	return found[:min(len(found), c.Limit)]
}

// held returns the row of d if the lease is still d's. m.mu is locked.
func (m *Memory) held(d Delivery) (*queue, *row) {
	q := m.queues[d.Subscriber]
	if q == nil {
		return nil, nil
	}
	if r := q.all[d.Event.ID]; r != nil && r.token == d.Token && r.token != "" {
		return q, r
	}
	return nil, nil
}

// Renew extends the lease of d.
func (m *Memory) Renew(_ context.Context, d Delivery, until time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, r := m.held(d)
	if r == nil {
		return false, nil
	}
	r.leaseUntil = until
	return true, nil
}

// Complete marks d as delivered.
func (m *Memory) Complete(_ context.Context, d Delivery, _ time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	q, r := m.held(d)
	if r == nil {
		return false, nil
	}
	r.leaseUntil, r.token, r.lastError = time.Time{}, "", ""
	id := d.Event.AggregateID
	q.pending[id] = slices.DeleteFunc(q.pending[id], func(p *row) bool { return p == r })
	if len(q.pending[id]) == 0 {
		delete(q.pending, id)
	}
	return true, nil
}

// Release ends the lease of d without a delivery.
func (m *Memory) Release(_ context.Context, d Delivery, retry Retry) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, r := m.held(d)
	if r == nil {
		return false, nil
	}
	r.leaseUntil, r.token = time.Time{}, ""
	r.nextAt, r.attempts, r.lastError = retry.At, retry.Attempts, retry.LastError
	return true, nil
}

// Pending counts what is to be delivered.
func (m *Memory) Pending(_ context.Context, subscribers []string) (n int, oldest time.Time, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	count := func(e *entry) {
		n++
		if oldest.IsZero() || e.event.At.Before(oldest) {
			oldest = e.event.At
		}
	}
	for _, e := range m.waiting {
		count(e)
	}
	m.eachPending(subscribers, func(_ string, r *row) { count(r.entry) })
	return n, oldest, nil
}

// Stuck returns what was attempted often and is pending still.
func (m *Memory) Stuck(_ context.Context, subscribers []string, attempts, limit int) ([]Failure, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Failure
	m.eachPending(subscribers, func(subscriber string, r *row) {
		if r.attempts < attempts {
			return
		}
		e := r.entry.event
		all = append(all, Failure{
			Stream: m.stream, Subscriber: subscriber, EventID: e.ID, AggregateID: e.AggregateID,
			Seq: e.Seq, Type: e.Type, EventAt: e.At, NextAt: r.nextAt, Attempts: r.attempts, LastError: r.lastError,
		})
	})
	slices.SortFunc(all, func(a, b Failure) int {
		return cmp.Or(
			a.EventAt.Compare(b.EventAt), cmp.Compare(a.EventID, b.EventID), cmp.Compare(a.Subscriber, b.Subscriber),
		)
	})
	return all[:min(len(all), limit)], nil
}

// eachPending calls fn with each pending delivery of the subscribers.
func (m *Memory) eachPending(subscribers []string, fn func(subscriber string, r *row)) {
	for _, name := range subscribers {
		q := m.queues[name]
		if q == nil {
			continue
		}
		for _, rows := range q.pending {
			for _, r := range rows {
				fn(name, r)
			}
		}
	}
}
