//go:build mutants

package refundstest

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
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

// otherMutants are mistakes of kinds that strangers make.
func otherMutants() []storeMutant {
	return []storeMutant{
		{18, "it skips the first refund of a page", func(h *hooked) {
			h.list = func(ctx context.Context, q refunds.Query) ([]refunds.Refund, int, error) {
				all, n, err := h.Store.List(ctx, q)
				if q.Page > 1 && len(all) > 0 {
					all = all[1:]
				}
				return all, n, err
			}
		}},
		{23, "it knows ids in any case", func(h *hooked) {
			h.refund = func(ctx context.Context, id string) (refunds.Refund, error) {
				return h.Store.Refund(ctx, strings.ToLower(id))
			}
		}},
		{23, "it has an error of its own for what is not there", func(h *hooked) {
			h.refund = func(ctx context.Context, id string) (refunds.Refund, error) {
				r, err := h.Store.Refund(ctx, id)
				if errors.Is(err, refunds.ErrNotFound) {
					err = errors.New("sql: no rows in result set")
				}
				return r, err
			}
		}},
		{24, "it lists in a context that has ended", func(h *hooked) {
			h.list = func(ctx context.Context, q refunds.Query) ([]refunds.Refund, int, error) {
				return h.Store.List(context.WithoutCancel(ctx), q)
			}
		}},
		{24, "it changes a payment in a context that has ended", func(h *hooked) {
			h.updatePayment = func(
				ctx context.Context, r refunds.OpenRequest, change paymentChange,
			) ([]refunds.Refund, error) {
				return h.Store.UpdatePayment(context.WithoutCancel(ctx), r, change)
			}
		}},
		{26, "it lists the first page of what was carried again", func(h *hooked) {
			h.carried = func(ctx context.Context, _ string, limit int) ([]refunds.CarriedRest, error) {
				return h.Store.CarriedRests(ctx, "", limit)
			}
		}},
		{26, "it lists what was carried without a limit", func(h *hooked) {
			h.carried = func(ctx context.Context, after string, _ int) ([]refunds.CarriedRest, error) {
				return h.Store.CarriedRests(ctx, after, 1000)
			}
		}},
		{26, "it lists what was carried once for each payment", func(h *hooked) {
			h.carried = func(ctx context.Context, after string, limit int) ([]refunds.CarriedRest, error) {
				all, err := h.Store.CarriedRests(ctx, after, limit)
				for i := range all {
					all[i].Amount = min(all[i].Amount, 4)
				}
				return all, err
			}
		}},
		{26, "it lists what was paid since", func(h *hooked) {
			seen := map[string]refunds.CarriedRest{}
			h.carried = func(ctx context.Context, after string, limit int) ([]refunds.CarriedRest, error) {
				all, err := h.Store.CarriedRests(ctx, after, limit)
				for _, rest := range all {
					seen[rest.PaymentID] = rest
				}
				if limit < 10 {
					return all, err
				}
				return slices.SortedFunc(maps.Values(seen), func(a, b refunds.CarriedRest) int {
					return strings.Compare(a.PaymentID, b.PaymentID)
				}), err
			}
		}},
	}
}
