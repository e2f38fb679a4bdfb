//go:build mutants

package orderstest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/purchase"
)

// ledger is store credit in memory, in USD.
type ledger struct {
	mu   sync.Mutex
	have map[string]int64
	refs map[string]bool

	lock func(who string) int64                              // nil: what there is
	move func(m purchase.CreditMove) (moved bool, err error) // nil: as it should be
}

func (l *ledger) balance(who string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.have[who]
}

func (l *ledger) LockCredit(_ context.Context, who string, _ money.Currency) (int64, error) {
	if l.lock != nil {
		return l.lock(who), nil
	}
	return l.balance(who), nil
}

func (l *ledger) MoveCredit(_ context.Context, m purchase.CreditMove, _ event.Stamp) (bool, error) {
	if l.move != nil {
		return l.move(m)
	}
	return l.moves(m), nil
}

func (l *ledger) moves(m purchase.CreditMove) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refs[m.Ref] {
		return false
	}
	l.refs[m.Ref] = true
	l.have[m.CustomerID] += m.Amount
	return true
}

type creditMutant suite.Mutant[func(l *ledger, h *hooked)]

func creditMutants() []creditMutant {
	return []creditMutant{
		{1, "it takes store credit with each change", func(l *ledger, h *hooked) {
			h.updated(func(_, o orders.Order) { l.take(o, 1) })
		}},
		{1, "it takes no store credit", func(l *ledger, _ *hooked) {
			l.move = func(purchase.CreditMove) (bool, error) { return true, nil }
		}},
		{1, "it reads an order without its store credit", func(_ *ledger, h *hooked) {
			h.reads(func(o *orders.Order) { o.Credit = orders.CreditPart{} })
		}},
		{2, "it takes more than there is", func(l *ledger, h *hooked) {
			l.lock = func(string) int64 { return 1 << 40 }
		}},
		{2, "it takes what there is where that is less", func(l *ledger, _ *hooked) {
			l.lock = func(string) int64 { return 1 << 40 }
			l.move = func(m purchase.CreditMove) (bool, error) {
				m.Amount = max(m.Amount, -l.balance(m.CustomerID))
				return l.moves(m), nil
			}
		}},
		{2, "it takes store credit for a placement that is refused", func(l *ledger, h *hooked) {
			h.refused(func(r orders.PlaceRequest) {
				if who := r.CustomerID; r.Credit {
					l.moves(purchase.CreditMove{CustomerID: who, Ref: newID(), Amount: -l.balance(who)})
				}
			})
		}},
		{3, "it gives no store credit back", func(l *ledger, _ *hooked) {
			l.move = func(m purchase.CreditMove) (bool, error) { return m.Amount > 0 || l.moves(m), nil }
		}},
		{3, "it gives store credit back twice", func(l *ledger, h *hooked) {
			h.canceled(func(_, o orders.Order) { l.take(o, -1) })
		}},
		{3, "it gives store credit back for a change that fails", func(l *ledger, h *hooked) {
			h.update = func(ctx context.Context, id string, change changing) (orders.Order, error) {
				o, err := h.Store.Update(ctx, id, change)
				if err != nil && orders.CodeOf(err) == "" {
					h.locked(func() { l.take(h.Store.orders[id], -1) })
				}
				return o, err
			}
		}},
		{4, "it reads a balance from a cache", func(l *ledger, _ *hooked) {
			cache := map[string]int64{}
			l.lock = func(who string) int64 {
				if have, ok := cache[who]; ok {
					return have
				}
				cache[who] = l.balance(who)
				return cache[who]
			}
		}},
		{4, "it decides before it locks", func(l *ledger, h *hooked) {
			h.place = func(ctx context.Context, r orders.PlaceRequest, decide deciding) (orders.Order, bool, error) {
				have := map[money.Currency]int64{"USD": l.balance(r.CustomerID)}
				suite.Pause()
				return h.Store.Place(ctx, r, func(p orders.Placement) (*orders.Order, error) {
					p.Credit = have
					return decide(p)
				})
			}
		}},
		{4, "it refuses who spends at once", func(_ *ledger, h *hooked) {
			var spending atomic.Int64
			h.place = func(ctx context.Context, r orders.PlaceRequest, decide deciding) (orders.Order, bool, error) {
				defer spending.Add(-1)
				busy := spending.Add(1) > 1
				if suite.Pause(); busy {
					return orders.Order{}, false, errors.New("database is locked")
				}
				return h.Store.Place(ctx, r, decide)
			}
		}},
	}
}

// take takes the store credit of an order once more, or gives it back.
func (l *ledger) take(o orders.Order, times int64) {
	if o.Credit.Amount > 0 {
		l.moves(purchase.CreditMove{CustomerID: o.CustomerID, Ref: newID(), Amount: -times * o.Credit.Amount})
	}
}

func TestCreditMutants(t *testing.T) {
	suite.Mutants(t, "TestCreditMutant", len(creditPromises), creditMutants())
}

// TestCreditMutant is the suite on the mutant of this process.
func TestCreditMutant(t *testing.T) {
	if make, ok := suite.UnderTest(creditMutants()); ok {
		TestCredit(t, func(*testing.T) CreditStore { return creditStore(make) })
	}
}

// TestTheLedgerOfTheMutantsIsRight shows that what is caught is the mutant.
func TestTheLedgerOfTheMutantsIsRight(t *testing.T) {
	TestCredit(t, func(*testing.T) CreditStore { return creditStore(func(*ledger, *hooked) {}) })
}

func creditStore(make func(l *ledger, h *hooked)) CreditStore {
	l := &ledger{have: map[string]int64{}, refs: map[string]bool{}}
	h := &hooked{Store: NewStore().WithCredit(l)}
	make(l, h)
	return CreditStore{
		Store: h,
		Grant: func(_ context.Context, who string, amount int64) error {
			l.moves(purchase.CreditMove{CustomerID: who, Ref: newID(), Amount: amount})
			return nil
		},
		Balance: func(_ context.Context, who string) (int64, error) { return l.balance(who), nil },
	}
}
