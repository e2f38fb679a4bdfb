//go:build mutants

package returnstest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/returns"
)

type storeMutant suite.Mutant[func(h *hooked)]

func TestStoreMutants(t *testing.T) {
	suite.Mutants(t, "TestStoreMutant", len(storePromises), storeMutants())
}

// TestStoreMutant is the suite on the mutant of this process.
func TestStoreMutant(t *testing.T) {
	if make, ok := suite.UnderTest(storeMutants()); ok {
		TestStore(t, func(*testing.T) returns.Store { return mutant(make) })
	}
}

func mutant(make func(h *hooked)) returns.Store {
	h := &hooked{Store: NewStore()}
	make(h)
	return h
}

var races = []storeMutant{
	{0, "it files what it decided before it locks", func(h *hooked) { h.create = h.createUnlocked }},
	{0, "it changes what it read before it locks", func(h *hooked) { h.update = h.updateUnlocked }},
}

func TestLinearizableMutants(t *testing.T) {
	suite.Races(t, "TestLinearizableMutant", races)
}

// TestLinearizableMutant is the suite on the store of this process.
func TestLinearizableMutant(t *testing.T) {
	if make, ok := suite.UnderTest(races); ok {
		TestLinearizable(t, func(*testing.T) returns.Store { return mutant(make) }, 2000)
	}
}

func storeMutants() []storeMutant {
	return slices.Concat(unitMutants(), caseMutants(), readingMutants(), edgeMutants(),
		otherMutants())
}

func unitMutants() []storeMutant {
	return []storeMutant{
		{1, "it keeps milliseconds", func(h *hooked) {
			h.reads(func(r *returns.Return) { r.CreatedAt = r.CreatedAt.Truncate(time.Millisecond) })
		}},
		{1, "it reads sizes through a float", func(h *hooked) {
			h.reads(func(r *returns.Return) {
				for i := range r.Evidence {
					r.Evidence[i].Bytes = throughFloat(r.Evidence[i].Bytes)
				}
			})
		}},
		{1, "it loses the evidence", func(h *hooked) { h.reads(func(r *returns.Return) { r.Evidence = nil }) }},
		{1, "it claims the units of a filing that is refused", func(h *hooked) {
			h.create = func(ctx context.Context, o purchase.Purchase, decide creating) (returns.Return, error) {
				r, err := h.Store.Create(ctx, o, decide)
				if err == nil {
					return r, nil
				}
				h.mu.Lock()
				defer h.mu.Unlock()
				units := h.Store.units[o.OrderID]
				if units == nil {
					units = returns.Units{}
					h.Store.units[o.OrderID] = units
				}
				units[o.Lines[0].ID] = returns.Unit{
					Bought:  o.Lines[0].Quantity,
					Claimed: units[o.Lines[0].ID].Claimed + 1,
				}
				return r, err
			}
		}},
		{2, "it shows no claims", func(h *hooked) {
			h.units = func(u returns.Units) {
				for line, n := range u {
					u[line] = returns.Unit{Bought: n.Bought}
				}
			}
		}},
		{2, "it counts what was bought anew", func(h *hooked) {
			h.create = func(ctx context.Context, o purchase.Purchase, decide creating) (returns.Return, error) {
				return h.Store.Create(ctx, o, func(u returns.Units) (returns.Change, error) {
					for _, l := range o.Lines {
						u[l.ID] = returns.Unit{Bought: l.Quantity, Claimed: u[l.ID].Claimed}
					}
					return decide(u)
				})
			}
		}},
		{2, "it shows a unit too many", func(h *hooked) {
			h.units = func(u returns.Units) {
				for line, n := range u {
					u[line] = returns.Unit{Bought: n.Bought, Claimed: n.Claimed + 1}
				}
			}
		}},
		{3, "it decides before it locks", func(h *hooked) { h.create = h.createUnlocked }},
		{3, "it claims for the last return alone", func(h *hooked) {
			h.create = func(ctx context.Context, o purchase.Purchase, decide creating) (returns.Return, error) {
				h.mu.Lock()
				delete(h.Store.units, o.OrderID)
				h.mu.Unlock()
				return h.Store.Create(ctx, o, decide)
			}
		}},
		{3, "it releases no unit", func(h *hooked) {
			h.saving = func(c *returns.Change) {
				for line, n := range c.Effects.Claims {
					c.Effects.Claims[line] = max(0, n)
				}
			}
		}},
		{5, "it keeps the claims of what was not accepted", func(h *hooked) {
			h.saving = func(c *returns.Change) {
				if c.Before != nil {
					c.Effects.Claims = nil
				}
			}
		}},
		{5, "it returns the claims of every order", func(h *hooked) {
			h.claims = func(ctx context.Context, orderIDs ...string) (map[string]returns.Claims, error) {
				h.mu.Lock()
				for id := range h.Store.units {
					orderIDs = append(orderIDs, id)
				}
				h.mu.Unlock()
				return h.Store.Claims(ctx, orderIDs...)
			}
		}},
		{5, "it takes a line of one order as that of another", func(h *hooked) {
			h.claims = func(ctx context.Context, orderIDs ...string) (map[string]returns.Claims, error) {
				h.mu.Lock()
				sum := returns.Claims{}
				for _, units := range h.Store.units {
					for line, n := range units.Claims() {
						sum[line] += n
					}
				}
				h.mu.Unlock()
				all, err := h.Store.Claims(ctx, orderIDs...)
				for _, claims := range all {
					for line := range claims {
						claims[line] = sum[line]
					}
				}
				return all, err
			}
		}},
	}
}

func caseMutants() []storeMutant {
	return []storeMutant{
		{4, "it takes what is no text out of terms", func(h *hooked) {
			h.publish = func(ctx context.Context, t returns.Terms) (returns.Terms, error) {
				if t.Check() != nil {
					t.Note, t.PublishedBy.ID = "", ""
				}
				return h.Store.Publish(ctx, t)
			}
		}},
		{4, "it hides the error of a change", func(h *hooked) { h.hides() }},
		{4, "it updates what it read before it locks", func(h *hooked) { h.update = h.updateUnlocked }},
		{4, "it updates what is refused", func(h *hooked) {
			h.update = func(ctx context.Context, id string, change changing) (returns.Return, error) {
				r, err := h.Store.Update(ctx, id, change)
				if err != nil && ctx.Err() == nil {
					h.mu.Lock()
					defer h.mu.Unlock()
					kept := h.Store.returns[id]
					kept.Version++
					h.Store.returns[id] = kept
				}
				return r, err
			}
		}},
		{6, "it counts all days together", func(h *hooked) {
			h.saving = func(c *returns.Change) {
				if c.Effects.RMADay != "" {
					c.Effects.RMADay = "20260101"
				}
			}
		}},
		{6, "it leaves a gap", func(h *hooked) {
			h.saving = func(c *returns.Change) {
				if day := c.Effects.RMADay; day != "" {
					h.counters[day]++
				}
			}
		}},
		{6, "it gives a number twice", func(h *hooked) {
			h.saving = func(c *returns.Change) {
				if day := c.Effects.RMADay; day != "" && h.counters[day] == 3 {
					h.counters[day] = 0
					clear(h.rmas)
				}
			}
		}},
		{7, "it keeps two returns with one number", func(h *hooked) {
			h.saving = func(*returns.Change) { clear(h.rmas) }
		}},
		{7, "it hides that a number is taken", func(h *hooked) { h.hides() }},
		{7, "it gives no number", func(h *hooked) {
			h.saving = func(c *returns.Change) { c.Effects.RMADay = "" }
		}},
	}
}

func readingMutants() []storeMutant {
	return []storeMutant{
		{8, "it lists the oldest first", func(h *hooked) {
			h.listed(func(all []returns.Return, n int) ([]returns.Return, int) { slices.Reverse(all); return all, n })
		}},
		{8, "it counts the page", func(h *hooked) {
			h.listed(func(all []returns.Return, _ int) ([]returns.Return, int) { return all, len(all) })
		}},
		{8, "it lists any status", func(h *hooked) {
			h.list = func(ctx context.Context, q returns.Query) ([]returns.Return, int, error) {
				q.Status = nil
				return h.Store.List(ctx, q)
			}
		}},
		{9, "it counts each status once", func(h *hooked) {
			h.counted(func(n map[returns.Status]int) {
				for s := range n {
					n[s] = 1
				}
			})
		}},
		{9, "it counts nothing", func(h *hooked) { h.counted(func(n map[returns.Status]int) { clear(n) }) }},
		{9, "it counts what is final", func(h *hooked) {
			h.counted(func(n map[returns.Status]int) { n[returns.StatusCanceled]++ })
		}},
		{10, "it loses the last event", func(h *hooked) {
			h.eventsOf(func(all []event.Event) []event.Event { return all[:len(all)-1] })
		}},
		{10, "it reads events backwards", func(h *hooked) {
			h.eventsOf(func(all []event.Event) []event.Event { slices.Reverse(all); return all })
		}},
		{10, "it reads an event twice", func(h *hooked) {
			h.eventsOf(func(all []event.Event) []event.Event { return append(all, all[len(all)-1]) })
		}},
		{11, "it reads fees through a float", func(h *hooked) {
			h.found(func(t *returns.Terms) {
				for i := range t.Policy.RestockingFees {
					t.Policy.RestockingFees[i].Fixed = throughFloat(t.Policy.RestockingFees[i].Fixed)
				}
			})
		}},
		{11, "it has fees in USD alone", func(h *hooked) {
			h.found(func(t *returns.Terms) { t.Policy.Currency = "USD" })
		}},
		{11, "it finds the first terms as the latest", func(h *hooked) {
			h.find = func(ctx context.Context, id string) (returns.Terms, error) {
				if all, err := h.Store.AllTerms(ctx); err == nil && id == "" && len(all) > 0 {
					return all[len(all)-1], nil
				}
				return h.Store.Terms(ctx, id)
			}
		}},
		{11, "it lists the first terms first", func(h *hooked) {
			h.all = func(ctx context.Context) ([]returns.Terms, error) {
				all, err := h.Store.AllTerms(ctx)
				slices.Reverse(all)
				return all, err
			}
		}},
		{11, "it counts versions before it locks", func(h *hooked) {
			h.publish = func(ctx context.Context, t returns.Terms) (returns.Terms, error) {
				all, err := h.Store.AllTerms(ctx)
				if err != nil {
					return t, err
				}
				suite.Pause()
				published, err := h.Store.Publish(ctx, t)
				published.Version = len(all) + 1
				return published, err
			}
		}},
	}
}

func edgeMutants() []storeMutant {
	return []storeMutant{
		{12, "it finds an empty return", func(h *hooked) {
			h.get = suite.Forgiving(h.Store.Return, returns.ErrNotFound)
		}},
		{12, "it finds no events of nothing", func(h *hooked) {
			h.history = suite.Forgiving(h.Store.Events, returns.ErrNotFound)
		}},
		{12, "it panics for an empty id", func(h *hooked) {
			h.get = func(ctx context.Context, id string) (returns.Return, error) {
				if id == "" {
					panic("no id")
				}
				return h.Store.Return(ctx, id)
			}
		}},
		{13, "it files in a context that has ended", func(h *hooked) {
			h.create = func(ctx context.Context, o purchase.Purchase, decide creating) (returns.Return, error) {
				return h.Store.Create(context.WithoutCancel(ctx), o, decide)
			}
		}},
		{13, "it reads in a context that has ended", func(h *hooked) {
			h.get = suite.Detached(h.Store.Return)
		}},
		{13, "it updates in a context that has ended", func(h *hooked) {
			h.update = func(ctx context.Context, id string, change changing) (returns.Return, error) {
				return h.Store.Update(context.WithoutCancel(ctx), id, change)
			}
		}},
		{14, "it returns the return that it keeps", func(h *hooked) {
			h.get = func(ctx context.Context, id string) (returns.Return, error) {
				h.mu.Lock()
				defer h.mu.Unlock()
				if r, ok := h.Store.returns[id]; ok {
					return r, nil
				}
				return returns.Return{}, returns.ErrNotFound
			}
		}},
		{14, "it returns the events that it keeps", func(h *hooked) {
			h.history = func(_ context.Context, id string) ([]event.Event, error) {
				h.mu.Lock()
				defer h.mu.Unlock()
				return h.Store.events[id], nil
			}
		}},
		{14, "it keeps the terms that it got", func(h *hooked) {
			h.publish = func(ctx context.Context, t returns.Terms) (returns.Terms, error) {
				published, err := h.Store.Publish(ctx, t)
				h.mu.Lock()
				defer h.mu.Unlock()
				h.Store.terms[len(h.Store.terms)-1].Policy = t.Policy
				return published, err
			}
		}},
	}
}
