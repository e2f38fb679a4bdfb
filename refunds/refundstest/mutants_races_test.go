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
var races = []storeMutant{
	{0, "it opens what it decided before it locks", func(h *hooked) { h.open = h.openUnlocked }},
	{0, "it updates what it read before it locks", func(h *hooked) { h.update = h.updateUnlocked }},
	{0, "it spends what it read before it locks", func(h *hooked) { h.credits = h.creditUnlocked }},
	{0, "it reads a balance from a cache", func(h *hooked) {
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
	{0, "it grants before it remembers the ref", func(h *hooked) {
		h.credits = func(ctx context.Context, e refunds.CreditEntry) (bool, error) {
			h.mu.Lock()
			used := h.refs[e.Ref]
			h.mu.Unlock()
			if used {
				return false, nil
			}
			suite.Pause()
			ref := e.Ref
			e.Ref = newID()
			did, err := h.Store.Credit(ctx, e)
			h.mu.Lock()
			defer h.mu.Unlock()
			h.refs[ref] = h.refs[ref] || did
			return did, err
		}
	}},
	{0, "it saves a change after it returns", func(h *hooked) {
		h.credits = func(ctx context.Context, e refunds.CreditEntry) (bool, error) {
			h.mu.Lock()
			used, sum := h.refs[e.Ref], h.creditBalance(e.CustomerID, e.Currency)
			h.mu.Unlock()
			if used || sum+e.Amount < 0 {
				return h.Store.Credit(ctx, e)
			}
			go func() {
				suite.Pause()
				_, _ = h.Store.Credit(context.WithoutCancel(ctx), e) // the mistake
			}()
			return true, nil
		}
	}},
	{0, "it repeats what was cut off", func(h *hooked) {
		h.credits = func(ctx context.Context, e refunds.CreditEntry) (bool, error) {
			did, err := h.Store.Credit(ctx, e)
			if suite.Pause(); did && ctx.Err() != nil {
				e.Ref = newID()
				return h.Store.Credit(context.WithoutCancel(ctx), e)
			}
			return did, err
		}
	}},
	{0, "it reads half of a change", func(h *hooked) {
		h.state = func(ctx context.Context, r refunds.OpenRequest) (refunds.PaymentState, error) {
			first, err := h.Store.PaymentState(ctx, r)
			if err != nil {
				return first, err
			}
			suite.Pause()
			s, err := h.Store.PaymentState(ctx, r)
			s.Balance.Reserved = first.Balance.Reserved
			return s, err
		}
	}},
}

func TestLinearizableMutants(t *testing.T) {
	suite.Races(t, "TestLinearizableMutant", races)
}

// TestLinearizableMutant is the suite on the store of this process.
func TestLinearizableMutant(t *testing.T) {
	if make, ok := suite.UnderTest(races); ok {
		TestLinearizable(t, func(*testing.T) refunds.Store { return mutant(make) }, 2000)
	}
}
