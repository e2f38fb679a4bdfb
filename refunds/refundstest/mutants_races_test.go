//go:build mutants

package refundstest

import (
	"context"
	"sync"
	"testing"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/refunds"
)

// races are stores that check before they act, or read what they should not yet, or
// no longer.
var races = []struct {
	name string
	make func(h *hooked)
}{
	{"it opens what it decided before it locks", func(h *hooked) { h.open = h.openUnlocked }},
	{"it updates what it read before it locks", func(h *hooked) { h.update = h.updateUnlocked }},
	{"it spends what it read before it locks", func(h *hooked) { h.credits = h.creditUnlocked }},
	{"it reads a balance from a cache", func(h *hooked) {
		var mu sync.Mutex
		cache := map[string]refunds.PaymentState{}
		h.state = func(ctx context.Context, r refunds.OpenRequest) (refunds.PaymentState, error) {
			mu.Lock()
			defer mu.Unlock()
			if s, ok := cache[r.PaymentID]; ok {
				return s, nil
			}
			s, err := h.Store.PaymentState(ctx, r)
			if err == nil {
				cache[r.PaymentID] = s
			}
			return s, err
		}
	}},
	{"it grants before it remembers the ref", func(h *hooked) {
		h.credits = func(ctx context.Context, e refunds.CreditEntry) (bool, error) {
			h.mu.Lock()
			used := h.refs[e.Ref]
			h.mu.Unlock()
			if used {
				return false, nil
			}
			pause()
			ref := e.Ref
			e.Ref = newID()
			did, err := h.Store.Credit(ctx, e)
			h.mu.Lock()
			defer h.mu.Unlock()
			h.refs[ref] = h.refs[ref] || did
			return did, err
		}
	}},
	{"it saves a change after it returns", func(h *hooked) {
		h.credits = func(ctx context.Context, e refunds.CreditEntry) (bool, error) {
			h.mu.Lock()
			used, sum := h.refs[e.Ref], h.creditBalance(e.CustomerID, e.Currency)
			h.mu.Unlock()
			if used || sum+e.Amount < 0 {
				return h.Store.Credit(ctx, e)
			}
			go func() {
				pause()
				_, _ = h.Store.Credit(context.WithoutCancel(ctx), e) // the mistake
			}()
			return true, nil
		}
	}},
	{"it repeats what was cut off", func(h *hooked) {
		h.credits = func(ctx context.Context, e refunds.CreditEntry) (bool, error) {
			did, err := h.Store.Credit(ctx, e)
			if pause(); did && ctx.Err() != nil {
				e.Ref = newID()
				return h.Store.Credit(context.WithoutCancel(ctx), e)
			}
			return did, err
		}
	}},
	{"it reads half of a change", func(h *hooked) {
		h.state = func(ctx context.Context, r refunds.OpenRequest) (refunds.PaymentState, error) {
			first, err := h.Store.PaymentState(ctx, r)
			if err != nil {
				return first, err
			}
			pause()
			s, err := h.Store.PaymentState(ctx, r)
			s.Balance.Reserved = first.Balance.Reserved
			return s, err
		}
	}},
}

func TestLinearizableMutants(t *testing.T) {
	var names []string
	for _, r := range races {
		names = append(names, r.name)
	}
	suite.Races(t, "TestLinearizableMutant", names)
}

// TestLinearizableMutant is the suite on the store of this process.
func TestLinearizableMutant(t *testing.T) {
	for _, r := range races {
		if r.name == suite.UnderTest() {
			TestLinearizable(t, func(*testing.T) refunds.Store {
				h := &hooked{Store: NewStore()}
				r.make(h)
				return h
			}, 2000)
		}
	}
}
