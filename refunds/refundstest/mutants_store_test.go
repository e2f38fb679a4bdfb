//go:build mutants

package refundstest

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// storeMutant is a store that breaks one promise.
type storeMutant suite.Mutant[func(h *hooked)]

func TestStoreMutants(t *testing.T) {
	suite.Mutants(t, "TestStoreMutant", len(storePromises), storeMutants())
}

// TestStoreMutant is the suite on the mutant of this process.
func TestStoreMutant(t *testing.T) {
	if make, ok := suite.UnderTest(storeMutants()); ok {
		TestStore(t, func(*testing.T) refunds.Store { return mutant(make) })
	}
}

func mutant(make func(h *hooked)) refunds.Store {
	h := &hooked{Store: NewStore()}
	make(h)
	return h
}

func storeMutants() []storeMutant {
	return slices.Concat(savingMutants(), openingMutants(), balanceMutants(), moneyMutants(), readingMutants(),
		otherMutants(), claimMutants(), ledgerMutants(), edgeMutants())
}

func savingMutants() []storeMutant {
	return []storeMutant{
		{1, "it keeps milliseconds", func(h *hooked) {
			h.reads = func(r *refunds.Refund) { r.CreatedAt = r.CreatedAt.Truncate(time.Millisecond) }
		}},
		{1, "it keeps amounts as floats", func(h *hooked) {
			h.reads = func(r *refunds.Refund) { r.Quote.Amount = int64(float64(r.Quote.Amount)) }
		}},
		{1, "it loses the fees of a quote", func(h *hooked) {
			h.reads = func(r *refunds.Refund) { r.Quote.Fees = nil }
		}},
		{1, "it reads instants in a zone", func(h *hooked) {
			h.reads = func(r *refunds.Refund) { r.UpdatedAt = r.UpdatedAt.In(time.FixedZone("IST", 3600)) }
		}},
		{1, "it keeps the balance as a float", func(h *hooked) {
			h.saving = func(c *refunds.Change) {
				c.Effects.Balance.Reserved = int64(float32(c.Effects.Balance.Reserved))
			}
		}},
		{2, "it updates without the balance", func(h *hooked) {
			h.saving = func(c *refunds.Change) {
				if c.Before != nil {
					c.Effects.Balance.Reserved -= c.Effects.Reserved
					c.Effects.Balance.Refunded -= c.Effects.Refunded
				}
			}
		}},
		{2, "it updates without the events", func(h *hooked) {
			h.saving = func(c *refunds.Change) {
				if c.Before != nil {
					c.Events = nil
				}
			}
		}},
		{2, "it updates what is refused", func(h *hooked) {
			h.update = func(ctx context.Context, id string, change changing) (refunds.Refund, error) {
				r, err := h.Store.Update(ctx, id, change)
				if err != nil && ctx.Err() == nil {
					h.mu.Lock()
					defer h.mu.Unlock()
					kept := h.Store.refunds[id]
					kept.Version++
					h.Store.refunds[id] = kept
				}
				return r, err
			}
		}},
		{5, "it gives a change the refund as it was opened", func(h *hooked) {
			first := map[string]refunds.Refund{}
			h.update = func(ctx context.Context, id string, change changing) (refunds.Refund, error) {
				return h.Store.Update(ctx, id, func(b refunds.Balance, r refunds.Refund) (refunds.Change, error) {
					if _, ok := first[id]; !ok {
						first[id] = r.Clone()
					}
					return change(b, first[id].Clone())
				})
			}
		}},
		{5, "it hides the error of a change", func(h *hooked) {
			h.update = func(ctx context.Context, id string, change changing) (refunds.Refund, error) {
				r, err := h.Store.Update(ctx, id, change)
				if refunds.CodeOf(err) != "" || err != nil && !errors.Is(err, refunds.ErrNotFound) {
					err = nil
				}
				return r, err
			}
		}},
		{5, "it hides the error of a decision", func(h *hooked) {
			h.open = func(ctx context.Context, r refunds.OpenRequest, decide opening) (refunds.Refund, error) {
				saved, _ := h.opens(ctx, r, decide)
				return saved, nil
			}
		}},
	}
}

func openingMutants() []storeMutant {
	return []storeMutant{
		{3, "it finds no refund of the reference", func(h *hooked) {
			h.open = func(ctx context.Context, r refunds.OpenRequest, decide opening) (refunds.Refund, error) {
				return h.opens(ctx, r, func(s refunds.PaymentState, _ *refunds.Refund) (refunds.Change, error) {
					return decide(s, nil)
				})
			}
		}},
		{3, "it looks for the reference on the payment alone", func(h *hooked) {
			h.open = func(ctx context.Context, r refunds.OpenRequest, decide opening) (refunds.Refund, error) {
				return h.opens(ctx, r, func(s refunds.PaymentState, c *refunds.Refund) (refunds.Change, error) {
					if c != nil && c.PaymentID != r.PaymentID {
						c = nil
					}
					return decide(s, c)
				})
			}
		}},
		{3, "it decides before it locks", func(h *hooked) { h.open = h.openUnlocked }},
		{3, "it opens a reversed refund again", func(h *hooked) {
			h.open = func(ctx context.Context, r refunds.OpenRequest, decide opening) (refunds.Refund, error) {
				return h.opens(ctx, r, func(s refunds.PaymentState, c *refunds.Refund) (refunds.Change, error) {
					if found := h.current(r.ClientReference); len(found) > 0 && c == nil {
						c = &found[0]
					}
					return decide(s, c)
				})
			}
		}},
		{4, "it reads the balance before it locks", func(h *hooked) { h.open = h.openUnlocked }},
		{4, "it seeds the balance anew", func(h *hooked) {
			h.open = func(ctx context.Context, r refunds.OpenRequest, decide opening) (refunds.Refund, error) {
				return h.opens(ctx, r, func(s refunds.PaymentState, c *refunds.Refund) (refunds.Change, error) {
					s.Balance.Reserved, s.Balance.Refunded = 0, 0
					return decide(s, c)
				})
			}
		}},
		{4, "it refuses what comes at once", func(h *hooked) {
			h.open = func(ctx context.Context, r refunds.OpenRequest, decide opening) (refunds.Refund, error) {
				if !h.mu.TryLock() {
					return refunds.Refund{}, errors.New("the store is locked")
				}
				suite.Pause()
				h.mu.Unlock()
				return h.opens(ctx, r, decide)
			}
		}},
		{4, "it never returns from the second call", func(h *hooked) {
			calls := make(chan struct{}, 1)
			h.open = func(ctx context.Context, r refunds.OpenRequest, decide opening) (refunds.Refund, error) {
				calls <- struct{}{}
				return h.opens(ctx, r, decide)
			}
		}},
		{7, "it forgets the attempts before", func(h *hooked) {
			h.reads = func(r *refunds.Refund) { r.Attempts = r.Attempts[max(0, len(r.Attempts)-1):] }
		}},
		{7, "it keeps the first quote", func(h *hooked) {
			h.saving = func(c *refunds.Change) {
				if c.Before != nil && len(c.After.Attempts) > len(c.Before.Attempts) {
					c.After.Quote = c.Before.Quote
				}
			}
		}},
		{7, "it does not find a failed refund", func(h *hooked) {
			h.open = func(ctx context.Context, r refunds.OpenRequest, decide opening) (refunds.Refund, error) {
				return h.opens(ctx, r, func(s refunds.PaymentState, c *refunds.Refund) (refunds.Change, error) {
					if c != nil && c.Status == refunds.StatusFailed {
						c = nil
					}
					return decide(s, c)
				})
			}
		}},
	}
}

func claimMutants() []storeMutant {
	return []storeMutant{
		{15, "it claims what is not due", func(h *hooked) {
			h.claim = func(
				ctx context.Context, now time.Time, d time.Duration, token string, limit int,
			) ([]refunds.Refund, error) {
				return h.Store.Claim(ctx, now.Add(time.Hour), d, token, limit)
			}
		}},
		{15, "it waits for a clock that was set back", func(h *hooked) {
			h.claim = func(
				ctx context.Context, now time.Time, d time.Duration, token string, limit int,
			) ([]refunds.Refund, error) {
				early := false
				h.mu.Lock()
				for _, r := range h.Store.refunds {
					early = early || r.Work.NextAt.After(now) && r.Due(now)
				}
				h.mu.Unlock()
				if early {
					return nil, nil
				}
				return h.Store.Claim(ctx, now, d, token, limit)
			}
		}},
		{15, "it claims the latest first", func(h *hooked) {
			h.claims(func(all []refunds.Refund) []refunds.Refund { slices.Reverse(all); return all })
		}},
		{15, "it claims without a limit", func(h *hooked) {
			h.claim = func(
				ctx context.Context, now time.Time, d time.Duration, token string, _ int,
			) ([]refunds.Refund, error) {
				return h.Store.Claim(ctx, now, d, token, math.MaxInt)
			}
		}},
		{16, "it leases what it found before it locks", func(h *hooked) { h.claim = h.claimUnlocked }},
		{16, "it updates what it read before it locks", func(h *hooked) { h.update = h.updateUnlocked }},
		{16, "it keeps no lease", func(h *hooked) {
			h.claims(func(all []refunds.Refund) []refunds.Refund {
				h.mu.Lock()
				defer h.mu.Unlock()
				for _, r := range all {
					r = r.Clone()
					r.Lease("", time.Time{})
					h.Store.refunds[r.ID] = r
				}
				return all
			})
		}},
		{17, "it keeps the token of the first claim", func(h *hooked) {
			first := map[string]string{}
			h.claims(func(all []refunds.Refund) []refunds.Refund {
				h.mu.Lock()
				defer h.mu.Unlock()
				for _, r := range all {
					first[r.ID] = cmp.Or(first[r.ID], r.Work.LeaseToken)
					kept := r.Clone()
					kept.Work.LeaseToken = first[r.ID]
					h.Store.refunds[r.ID] = kept
				}
				return all
			})
		}},
		{17, "it shows a change no lease", func(h *hooked) {
			h.update = func(ctx context.Context, id string, change changing) (refunds.Refund, error) {
				return h.Store.Update(ctx, id, func(b refunds.Balance, r refunds.Refund) (refunds.Change, error) {
					r.Work.LeaseToken = ""
					return change(b, r)
				})
			}
		}},
		{17, "it shows a change the lease it wants", func(h *hooked) {
			h.update = func(ctx context.Context, id string, change changing) (refunds.Refund, error) {
				r, err := h.Store.Update(ctx, id, change)
				for _, token := range []string{"slow", "fast"} {
					if refunds.CodeOf(err) == refunds.CodeLeaseLost {
						r, err = h.Store.Update(ctx, id,
							func(b refunds.Balance, r refunds.Refund) (refunds.Change, error) {
								r.Work.LeaseToken = token
								return change(b, r)
							})
					}
				}
				return r, err
			}
		}},
	}
}

func (h *hooked) claims(spoil func([]refunds.Refund) []refunds.Refund) {
	h.claim = func(
		ctx context.Context, now time.Time, d time.Duration, token string, limit int,
	) ([]refunds.Refund, error) {
		all, err := h.Store.Claim(ctx, now, d, token, limit)
		return spoil(all), err
	}
}

func ledgerMutants() []storeMutant {
	return []storeMutant{
		{21, "it counts all methods together", func(h *hooked) {
			n := int64(0)
			h.manual = func(_ context.Context, m payment.Method) (string, error) {
				h.mu.Lock()
				defer h.mu.Unlock()
				n++
				return refunds.ManualReference(m, n)
			}
		}},
		{21, "it gives a reference twice", func(h *hooked) {
			h.manual = func(_ context.Context, m payment.Method) (string, error) {
				h.mu.Lock()
				h.counters[m]++
				n := h.counters[m]
				h.mu.Unlock()
				return refunds.ManualReference(m, (n+1)/2)
			}
		}},
		{21, "it counts what a provider pays", func(h *hooked) {
			h.manual = func(ctx context.Context, m payment.Method) (string, error) {
				if m == payment.Card {
					return "MANUAL-CAR-00001", nil
				}
				return h.Store.NextManualReference(ctx, m)
			}
		}},
		{22, "it appends an entry twice", func(h *hooked) {
			h.credits = func(ctx context.Context, e refunds.CreditEntry) (bool, error) {
				e.Ref += newID()
				return h.Store.Credit(ctx, e)
			}
		}},
		{22, "it lets a balance fall below zero", func(h *hooked) {
			h.credits = func(_ context.Context, e refunds.CreditEntry) (bool, error) {
				if err := e.Validate(); err != nil {
					return false, err
				}
				return h.creditUnchecked(e), nil
			}
		}},
		{22, "it checks a balance before it locks", func(h *hooked) { h.credits = h.creditUnlocked }},
		{22, "it adds up currencies", func(h *hooked) {
			h.creditSum = func(ctx context.Context, customer string, _ money.Currency) (int64, error) {
				return h.Store.CreditBalance(ctx, customer, "USD")
			}
		}},
	}
}

func edgeMutants() []storeMutant {
	return []storeMutant{
		{23, "it finds an empty refund", func(h *hooked) {
			h.refund = suite.Forgiving(h.Store.Refund, refunds.ErrNotFound)
		}},
		{23, "it finds no events of nothing", func(h *hooked) {
			h.history = suite.Forgiving(h.Store.Events, refunds.ErrNotFound)
		}},
		{23, "it panics for an odd id", func(h *hooked) {
			h.byProviderID = func(ctx context.Context, id string) (refunds.Refund, error) {
				if id == "" {
					panic("no id")
				}
				return h.Store.ByProviderID(ctx, id)
			}
		}},
		{24, "it opens in a context that has ended", func(h *hooked) {
			h.open = func(ctx context.Context, r refunds.OpenRequest, decide opening) (refunds.Refund, error) {
				return h.opens(context.WithoutCancel(ctx), r, decide)
			}
		}},
		{24, "it reads in a context that has ended", func(h *hooked) {
			h.refund = suite.Detached(h.Store.Refund)
		}},
		{24, "it claims in a context that has ended", func(h *hooked) {
			h.claim = func(
				ctx context.Context, now time.Time, d time.Duration, token string, limit int,
			) ([]refunds.Refund, error) {
				return h.Store.Claim(context.WithoutCancel(ctx), now, d, token, limit)
			}
		}},
		{25, "it returns the refund that it keeps", func(h *hooked) {
			h.refund = func(ctx context.Context, id string) (refunds.Refund, error) {
				h.mu.Lock()
				defer h.mu.Unlock()
				if r, ok := h.Store.refunds[id]; ok {
					return r, nil
				}
				return refunds.Refund{}, refunds.ErrNotFound
			}
		}},
		{25, "it returns the holds that it keeps", func(h *hooked) {
			h.state = func(ctx context.Context, r refunds.OpenRequest) (refunds.PaymentState, error) {
				s, err := h.Store.PaymentState(ctx, r)
				h.mu.Lock()
				defer h.mu.Unlock()
				s.Balance.Holds = h.balances[r.PaymentID].Holds
				return s, err
			}
		}},
		{25, "it keeps the memory of the change", func(h *hooked) {
			h.update = func(ctx context.Context, id string, change changing) (refunds.Refund, error) {
				var c refunds.Change
				r, err := h.Store.Update(ctx, id, func(b refunds.Balance, r refunds.Refund) (refunds.Change, error) {
					var err error
					c, err = change(b, r)
					return c, err
				})
				if err == nil {
					h.mu.Lock()
					defer h.mu.Unlock()
					h.Store.refunds[id] = c.After
				}
				return r, err
			}
		}},
	}
}
