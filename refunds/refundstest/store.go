package refundstest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
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

// storable refuses what no database keeps as text.
func storable(field, text string) error {
	if problem := purchase.CheckText(text, math.MaxInt); problem != "" {
		return &refunds.Error{Code: refunds.CodeInvalid, Field: field, Message: problem}
	}
	return nil
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
	ctx context.Context, r []refunds.OpenRequest, decide func(refunds.OpenState) ([]refunds.Change, error),
) ([]refunds.Refund, error) {
	for _, one := range r {
		if err := one.Check(); err != nil {
			return nil, err
		}
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	state := refunds.OpenState{Refunds: s.standing(r[0].ClientReference)}
	for _, one := range r {
		state.Payments = append(state.Payments, s.book(one))
	}
	changes, err := decide(state)
	if err != nil {
		return nil, err
	}
	restore := func() {}
	if len(changes) > 1 {
		restore = s.keep()
	}
	saved := make([]refunds.Refund, 0, len(changes))
	for _, c := range changes {
		one, err := s.save(c)
		if err != nil {
			restore()
			return nil, err
		}
		saved = append(saved, one)
	}
	return saved, nil
}

// keep returns what brings the store back to what it is now.
func (s *Store) keep() (restore func()) {
	byRef, byOrder, events := maps.Clone(s.byRef), maps.Clone(s.byOrder), maps.Clone(s.events)
	all, balances, orders := maps.Clone(s.refunds), maps.Clone(s.balances), maps.Clone(s.orders)
	keys, refs, credit := maps.Clone(s.keys), maps.Clone(s.refs), s.credit
	return func() {
		s.byRef, s.byOrder, s.events, s.refunds, s.balances, s.orders = byRef, byOrder, events, all, balances, orders
		s.keys, s.refs, s.credit = keys, refs, credit
	}
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
	if err := r.Check(); err != nil {
		return nil, err
	}
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

// save executes the change or nothing of it.
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
	balance := c.Effects.Balance
	balance.Holds = slices.Clone(balance.Holds)
	s.balances[saved.PaymentID], s.orders[saved.PaymentID] = balance, saved.OrderID
	s.refunds[saved.ID] = saved
	s.events[saved.ID] = append(s.events[saved.ID], event.Clone(c.Events)...)
	return saved.Clone(), nil
}

// balance is the payment's balance, or what it is seeded with.
func (s *Store) balance(r refunds.OpenRequest) refunds.Balance {
	if b, ok := s.balances[r.PaymentID]; ok {
		b.Holds = slices.Clone(b.Holds)
		return b
	}
	return refunds.Balance{PaymentID: r.PaymentID, Currency: r.Currency, Captured: r.Captured}
}

// book is what a decision about the reference stands on, of one payment.
func (s *Store) book(r refunds.OpenRequest) refunds.PaymentState {
	return refunds.StateOf(r, s.balance(r), s.ofOrder(r.OrderID))
}

// ofOrder are the order's refunds as they are kept, oldest first.
func (s *Store) ofOrder(id string) []refunds.Refund {
	var all []refunds.Refund
	for _, id := range s.byOrder[id] {
		all = append(all, s.refunds[id])
	}
	return all
}

// standing are the refunds of the reference that are not reversed.
func (s *Store) standing(reference string) []refunds.Refund {
	return slices.DeleteFunc(s.current(reference), func(r refunds.Refund) bool {
		return r.Status == refunds.StatusReversed
	})
}

// current are the refunds of the reference: of each payment the one that is not
// reversed, else the latest reversed one.
func (s *Store) current(reference string) []refunds.Refund {
	latest := map[string]refunds.Refund{}
	for _, id := range s.byRef[reference] {
		latest[s.refunds[id].PaymentID] = s.refunds[id].Clone()
	}
	return slices.SortedFunc(maps.Values(latest), func(a, b refunds.Refund) int {
		return cmp.Or(cmp.Compare(a.Leg, b.Leg), cmp.Compare(a.ID, b.ID))
	})
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
		if r.Status.Open() && r.Due(now) && !r.Leased(now) {
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
	if r.Check() != nil {
		return refunds.PaymentState{}, notFound("payment", r.PaymentID)
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return refunds.PaymentState{}, err
	}
	defer unlock()
	return s.book(r), nil
}
