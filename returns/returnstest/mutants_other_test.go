//go:build mutants

package returnstest

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/returns"
)

// otherMutants are mistakes of kinds that strangers make.
func otherMutants() []storeMutant {
	return []storeMutant{
		{1, "it reads instants in a zone", func(h *hooked) {
			h.reads(func(r *returns.Return) { r.CreatedAt = r.CreatedAt.In(time.FixedZone("CET", 3600)) })
		}},
		{4, "it saves the last of two changes at once", func(h *hooked) {
			h.update = func(ctx context.Context, id string, change changing) (returns.Return, error) {
				before, err := h.Store.Return(ctx, id)
				if err != nil {
					return before, err
				}
				h.mu.Lock()
				units := h.Store.units[before.OrderID]
				h.mu.Unlock()
				c, err := change(units, before)
				if err != nil || c.Empty() {
					return before, err
				}
				suite.Pause()
				h.mu.Lock()
				defer h.mu.Unlock()
				h.Store.returns[id] = c.After
				h.Store.events[id] = append(h.Store.events[id], event.Clone(c.Events)...)
				return c.After.Clone(), nil
			}
		}},
		{4, "it never returns from the second change", func(h *hooked) {
			var calls atomic.Int64
			h.update = func(ctx context.Context, id string, change changing) (returns.Return, error) {
				if calls.Add(1) > 1 {
					select {}
				}
				return h.Store.Update(ctx, id, change)
			}
		}},
		{8, "it skips the first return of a page", func(h *hooked) {
			h.list = func(ctx context.Context, q returns.Query) ([]returns.Return, int, error) {
				all, n, err := h.Store.List(ctx, q)
				if q.Page > 1 && len(all) > 0 {
					all = all[1:]
				}
				return all, n, err
			}
		}},
		{12, "it knows ids in any case", func(h *hooked) {
			h.get = func(ctx context.Context, id string) (returns.Return, error) {
				return h.Store.Return(ctx, strings.ToLower(id))
			}
		}},
		{12, "it has an error of its own for what is not there", func(h *hooked) {
			h.get = func(ctx context.Context, id string) (returns.Return, error) {
				r, err := h.Store.Return(ctx, id)
				if errors.Is(err, returns.ErrNotFound) {
					err = errors.New("sql: no rows in result set")
				}
				return r, err
			}
		}},
		{13, "it counts in a context that has ended", func(h *hooked) {
			h.counts = func(ctx context.Context) (map[returns.Status]int, error) {
				return h.Store.Counts(context.WithoutCancel(ctx))
			}
		}},
	}
}
