package refundstest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// Store is a refunds.Store in memory: the same promises as refundsdb, one lock
// around everything. Make one with NewStore.
type Store struct {
	mu       sync.Mutex
	refunds  map[string]refunds.Refund  // by id
	balances map[string]refunds.Balance // by payment
	byRef    map[string][]string        // reference -> ids, oldest first
	byOrder  map[string][]string        // order -> ids
	keys     map[string]string          // idempotency key -> attempt
	events   map[string][]event.Event   // by refund
	credit   []refunds.CreditEntry      // in order of arrival
	refs     map[string]bool            // of credit
	counters map[payment.Method]int64
	orders   map[string]string // payment -> order
	outside  map[string]refunds.Outside
	sweep    refunds.Sweep
}

var _ refunds.Store = (*Store)(nil)

// NewStore returns an empty Store.
func NewStore() *Store {
	return &Store{
		refunds: map[string]refunds.Refund{}, balances: map[string]refunds.Balance{},
		byRef: map[string][]string{}, byOrder: map[string][]string{}, keys: map[string]string{},
		events: map[string][]event.Event{}, refs: map[string]bool{}, counters: map[payment.Method]int64{},
		orders:  map[string]string{},
		outside: map[string]refunds.Outside{},
	}
}

func notFound(what, id string) error {
	return fmt.Errorf("refundstest: there is no %s %q: %w", what, id, refunds.ErrNotFound)
}

// lock takes the store's lock, unless ctx has ended.
func (s *Store) lock(ctx context.Context) (unlock func(), err error) {
	s.mu.Lock()
	if err := ctx.Err(); err != nil {
		s.mu.Unlock()
		return nil, err
	}
	return s.mu.Unlock, nil
}

// Open implements refunds.Store.
func (s *Store) Open(
	ctx context.Context, r refunds.OpenRequest, decide func(refunds.PaymentState,
		*refunds.Refund) (refunds.Change, error),
) (refunds.Refund, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return refunds.Refund{}, err
	}
	defer unlock()
	var current *refunds.Refund
	if found, ok := s.current(r.ClientReference); ok && found.Status != refunds.StatusReversed {
		found = found.Clone()
		current = &found
	}
	change, err := decide(s.book(r, current), current)
	if err != nil {
		return refunds.Refund{}, err
	}
	return s.save(change)
}

// Update implements refunds.Store.
func (s *Store) Update(
	ctx context.Context, id string, change func(refunds.Balance, refunds.Refund) (refunds.Change, error),
) (refunds.Refund, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return refunds.Refund{}, err
	}
	defer unlock()
	before, ok := s.refunds[id]
	if !ok {
		return refunds.Refund{}, notFound("refund", id)
	}
	c, err := change(s.balance(refunds.OpenRequest{PaymentID: before.PaymentID}), before.Clone())
	if err != nil {
		return refunds.Refund{}, err
	}
	return s.save(c)
}

// UpdatePayment implements refunds.Store.
func (s *Store) UpdatePayment(
	ctx context.Context, r refunds.OpenRequest, change func(refunds.Balance,
		[]refunds.Refund) (refunds.PaymentChange, error),
) ([]refunds.Refund, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if owner, ok := s.orders[r.PaymentID]; ok && owner != r.OrderID {
		return nil, &refunds.Error{Code: refunds.CodeInvalid, Field: "payment_id", Message: fmt.Sprintf(
			"payment %s is not of order %s", r.PaymentID, r.OrderID)}
	}
	balance := s.balance(r)
	var open []refunds.Refund
	for _, id := range s.byOrder[r.OrderID] {
		if found := s.refunds[id]; found.PaymentID == r.PaymentID && found.Status.Open() {
			open = append(open, found.Clone())
		}
	}
	slices.SortFunc(open, func(a, b refunds.Refund) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	p, err := change(balance, open)
	if err != nil {
		return nil, err
	}
	balance.Holds = slices.Clone(p.Holds)
	s.balances[r.PaymentID], s.orders[r.PaymentID] = balance, r.OrderID
	saved := make([]refunds.Refund, 0, len(p.Refunds))
	for _, c := range p.Refunds {
		c.Effects.Balance.Holds = balance.Holds
		one, err := s.save(c)
		if err != nil {
			return nil, err
		}
		saved = append(saved, one)
	}
	return saved, nil
}

// save carries out the change or nothing of it.
func (s *Store) save(c refunds.Change) (refunds.Refund, error) {
	for _, a := range c.After.Attempts {
		if owner, used := s.keys[a.Key]; used && owner != a.ID {
			return refunds.Refund{}, fmt.Errorf("refundstest: the key %s is that of attempt %s", a.Key, owner)
		}
	}
	if c.Effects.Credit != nil {
		if _, err := s.addCredit(*c.Effects.Credit); err != nil {
			return refunds.Refund{}, err
		}
	}
	saved := c.After.Clone()
	if c.Before == nil {
		s.byRef[saved.ClientReference] = append(s.byRef[saved.ClientReference], saved.ID)
		s.byOrder[saved.OrderID] = append(s.byOrder[saved.OrderID], saved.ID)
	}
	for _, a := range saved.Attempts {
		if a.Key != "" {
			s.keys[a.Key] = a.ID
		}
	}
	s.balances[saved.PaymentID], s.orders[saved.PaymentID] = c.Effects.Balance, saved.OrderID
	s.refunds[saved.ID] = saved
	s.events[saved.ID] = append(s.events[saved.ID], c.Events...)
	return saved.Clone(), nil
}

// balance is that of the payment, or what it is seeded with.
func (s *Store) balance(r refunds.OpenRequest) refunds.Balance {
	if b, ok := s.balances[r.PaymentID]; ok {
		b.Holds = slices.Clone(b.Holds)
		return b
	}
	return refunds.Balance{PaymentID: r.PaymentID, Currency: r.Currency, Captured: r.Captured}
}

// book is what a decision about the refund (nil for none) stands on.
func (s *Store) book(r refunds.OpenRequest, current *refunds.Refund) refunds.PaymentState {
	given, carried := map[string]refunds.Refunded{}, int64(0)
	for _, id := range s.byOrder[r.OrderID] {
		other := s.refunds[id]
		if !other.Status.CountsAgainstCaptured() || current != nil && id == current.ID {
			continue
		}
		if other.PaymentID == r.PaymentID {
			carried += other.Quote.Carried
		}
		for _, l := range other.Quote.Lines {
			g := given[l.OrderLineID]
			g.Units += l.Units
			g.Components = g.Components.Add(l.Refunded)
			given[l.OrderLineID] = g
		}
	}
	return refunds.PaymentState{Balance: s.balance(r), Refunded: given, Carried: carried}
}

// current is the refund of the reference that is not reversed, else the
// latest reversed one.
func (s *Store) current(reference string) (refunds.Refund, bool) {
	ids := s.byRef[reference]
	if len(ids) == 0 {
		return refunds.Refund{}, false
	}
	return s.refunds[ids[len(ids)-1]], true
}

// Refund implements refunds.Store.
func (s *Store) Refund(ctx context.Context, id string) (refunds.Refund, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return refunds.Refund{}, err
	}
	defer unlock()
	r, ok := s.refunds[id]
	if !ok {
		return refunds.Refund{}, notFound("refund", id)
	}
	return r.Clone(), nil
}

// ByClientReference implements refunds.Store.
func (s *Store) ByClientReference(ctx context.Context, reference string) (refunds.Refund, error) {
	found, err := s.ByClientReferences(ctx, []string{reference})
	if err != nil {
		return refunds.Refund{}, err
	}
	r, ok := found[reference]
	if !ok {
		return refunds.Refund{}, notFound("refund of", reference)
	}
	return r, nil
}

// ByClientReferences implements refunds.Store.
func (s *Store) ByClientReferences(ctx context.Context, references []string) (map[string]refunds.Refund, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	found := make(map[string]refunds.Refund, len(references))
	for _, ref := range references {
		if r, ok := s.current(ref); ok {
			found[ref] = r.Clone()
		}
	}
	return found, nil
}

// ByProviderID implements refunds.Store.
func (s *Store) ByProviderID(ctx context.Context, reference string) (refunds.Refund, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return refunds.Refund{}, err
	}
	defer unlock()
	for _, r := range s.refunds {
		for _, a := range r.Attempts {
			if reference != "" && a.ProviderID == reference {
				return r.Clone(), nil
			}
		}
	}
	return refunds.Refund{}, notFound("refund with the provider's reference", reference)
}

// List implements refunds.Store.
func (s *Store) List(ctx context.Context, q refunds.Query) ([]refunds.Refund, int, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer unlock()
	q = q.Normalize()
	var all []refunds.Refund
	for _, r := range s.refunds {
		switch {
		case q.OrderID != "" && r.OrderID != q.OrderID,
			len(q.Status) > 0 && !slices.Contains(q.Status, r.Status),
			q.NeedsReview && !r.Work.NeedsReview,
			!q.From.IsZero() && r.CreatedAt.Before(q.From),
			!q.To.IsZero() && !r.CreatedAt.Before(q.To):
			continue
		}
		all = append(all, r.Clone())
	}
	slices.SortFunc(all, func(a, b refunds.Refund) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	first := min(len(all), (q.Page-1)*q.PageSize)
	return all[first:min(len(all), first+q.PageSize)], len(all), nil
}

// Claim implements refunds.Store.
func (s *Store) Claim(
	ctx context.Context, now time.Time, lease time.Duration, token string, limit int,
) ([]refunds.Refund, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var due []refunds.Refund
	for _, r := range s.refunds {
		if r.Status.Open() && !r.Work.NextAt.IsZero() && !r.Work.NextAt.After(now) && !r.Leased(now) {
			due = append(due, r.Clone())
		}
	}
	slices.SortFunc(due, func(a, b refunds.Refund) int {
		return cmp.Or(a.Work.NextAt.Compare(b.Work.NextAt), cmp.Compare(a.ID, b.ID))
	})
	due = due[:min(len(due), max(limit, 0))]
	for i := range due {
		due[i].Lease(token, now.Add(lease))
		s.refunds[due[i].ID] = due[i].Clone()
	}
	return due, nil
}

// Legs implements refunds.Store.
func (s *Store) Legs(ctx context.Context, q refunds.LegQuery) ([]refunds.Leg, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var legs []refunds.Leg
	for _, r := range s.refunds {
		for _, a := range r.Attempts {
			after := cmp.Or(a.CreatedAt.Compare(q.AfterAt), cmp.Compare(a.ID, q.AfterID)) > 0
			inside := !a.CreatedAt.Before(q.From) && a.CreatedAt.Before(q.To) && after
			if len(q.IDs) > 0 {
				inside = slices.Contains(q.IDs, a.ID)
			}
			if inside && !a.Method.Manual() && a.Amount > 0 {
				legs = append(legs, refunds.Leg{Refund: r.Clone(), Attempt: a})
			}
		}
	}
	slices.SortFunc(legs, func(a, b refunds.Leg) int {
		return cmp.Or(a.Attempt.CreatedAt.Compare(b.Attempt.CreatedAt), cmp.Compare(a.Attempt.ID, b.Attempt.ID))
	})
	if len(q.IDs) > 0 {
		return legs, nil
	}
	return legs[:min(len(legs), max(q.Limit, 0))], nil
}

// Events implements refunds.Store.
func (s *Store) Events(ctx context.Context, id string) ([]event.Event, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if len(s.events[id]) == 0 {
		return nil, notFound("refund", id)
	}
	return slices.Clone(s.events[id]), nil
}

// NextManualReference implements refunds.Store.
func (s *Store) NextManualReference(ctx context.Context, m payment.Method) (string, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	ref, err := refunds.ManualReference(m, s.counters[m]+1)
	if err == nil {
		s.counters[m]++
	}
	return ref, err
}

// PaymentState implements refunds.Store.
func (s *Store) PaymentState(ctx context.Context, r refunds.OpenRequest) (refunds.PaymentState, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return refunds.PaymentState{}, err
	}
	defer unlock()
	var current *refunds.Refund
	if found, ok := s.current(r.ClientReference); ok && found.Status != refunds.StatusReversed {
		current = &found
	}
	return s.book(r, current), nil
}
