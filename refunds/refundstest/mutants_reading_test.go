//go:build mutants

package refundstest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/refunds"
)

func readingMutants() []storeMutant {
	return []storeMutant{
		{14, "it reads attempts by the time of the refund", func(h *hooked) {
			h.attempts = func(ctx context.Context, q refunds.AttemptQuery) ([]refunds.ProviderAttempt, error) {
				all, err := h.Store.ProviderAttempts(ctx, q)
				slices.SortStableFunc(all, func(a, b refunds.ProviderAttempt) int {
					return cmp.Or(a.Refund.CreatedAt.Compare(b.Refund.CreatedAt),
						cmp.Compare(b.Attempt.ID, a.Attempt.ID))
				})
				return all, err
			}
		}},
		{14, "it never ends a page of attempts", func(h *hooked) {
			h.attempts = func(ctx context.Context, q refunds.AttemptQuery) ([]refunds.ProviderAttempt, error) {
				q.AfterAt, q.AfterID = time.Time{}, ""
				return h.Store.ProviderAttempts(ctx, q)
			}
		}},
		{14, "it reads every attempt for an id", func(h *hooked) {
			h.attempts = func(ctx context.Context, q refunds.AttemptQuery) ([]refunds.ProviderAttempt, error) {
				if len(q.IDs) > 0 {
					q = refunds.AttemptQuery{To: time.Now().AddDate(99, 0, 0), Limit: 1000}
				}
				return h.Store.ProviderAttempts(ctx, q)
			}
		}},
		{18, "it lists the oldest first", func(h *hooked) {
			h.lists(func(all []refunds.Refund, n int) ([]refunds.Refund, int) {
				slices.Reverse(all)
				return all, n
			})
		}},
		{18, "it counts the page", func(h *hooked) {
			h.lists(func(all []refunds.Refund, _ int) ([]refunds.Refund, int) { return all, len(all) })
		}},
		{18, "it lists any status", func(h *hooked) {
			h.list = func(ctx context.Context, q refunds.Query) ([]refunds.Refund, int, error) {
				q.Status = nil
				return h.Store.List(ctx, q)
			}
		}},
		{18, "it lists until the end of To", func(h *hooked) {
			h.list = func(ctx context.Context, q refunds.Query) ([]refunds.Refund, int, error) {
				if !q.To.IsZero() {
					q.To = q.To.Add(time.Microsecond)
				}
				return h.Store.List(ctx, q)
			}
		}},
		{19, "it finds the id of the last attempt alone", func(h *hooked) {
			h.byProviderID = func(ctx context.Context, id string) (refunds.Refund, error) {
				r, err := h.Store.ByProviderID(ctx, id)
				if err == nil && r.Attempt().ProviderID != id {
					return refunds.Refund{}, refunds.ErrNotFound
				}
				return r, err
			}
		}},
		{19, "it finds an empty refund of an unknown reference", func(h *hooked) {
			h.byReferences = func(ctx context.Context, all []string) (map[string][]refunds.Refund, error) {
				found, err := h.Store.ByClientReferences(ctx, all)
				for _, ref := range all {
					if len(found[ref]) == 0 {
						found[ref] = []refunds.Refund{{}}
					}
				}
				return found, err
			}
		}},
		{19, "it finds one of many references", func(h *hooked) {
			h.byReferences = func(ctx context.Context, all []string) (map[string][]refunds.Refund, error) {
				return h.Store.ByClientReferences(ctx, all[:min(1, len(all))])
			}
		}},
		{20, "it loses the last event", func(h *hooked) {
			h.eventsOf(func(all []event.Event) []event.Event { return all[:max(0, len(all)-1)] })
		}},
		{20, "it reads events backwards", func(h *hooked) {
			h.eventsOf(func(all []event.Event) []event.Event { slices.Reverse(all); return all })
		}},
		{20, "it reads an event twice", func(h *hooked) {
			h.eventsOf(func(all []event.Event) []event.Event { return append(all, all[len(all)-1]) })
		}},
	}
}

func (h *hooked) lists(spoil func([]refunds.Refund, int) ([]refunds.Refund, int)) {
	h.list = func(ctx context.Context, q refunds.Query) ([]refunds.Refund, int, error) {
		all, n, err := h.Store.List(ctx, q)
		all, n = spoil(all, n)
		return all, n, err
	}
}

func (h *hooked) eventsOf(spoil func([]event.Event) []event.Event) {
	h.history = func(ctx context.Context, id string) ([]event.Event, error) {
		all, err := h.Store.Events(ctx, id)
		if err == nil {
			all = spoil(all)
		}
		return all, err
	}
}
