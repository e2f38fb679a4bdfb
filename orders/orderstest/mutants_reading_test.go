//go:build mutants

package orderstest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
)

func updatingMutants() []storeMutant {
	return []storeMutant{
		{10, "it updates what is refused", func(h *hooked) {
			h.update = func(ctx context.Context, id string, change changing) (orders.Order, error) {
				var failed error
				o, err := h.Store.Update(ctx, id, func(o *orders.Order) error {
					failed = change(o)
					return nil
				})
				return o, errors.Join(failed, err)
			}
		}},
		{10, "it hides the error of a change", func(h *hooked) {
			h.update = func(ctx context.Context, id string, change changing) (orders.Order, error) {
				o, err := h.Store.Update(ctx, id, change)
				if errors.Is(err, orders.ErrNotFound) || ctx.Err() != nil {
					return o, err
				}
				return o, nil
			}
		}},
		{10, "it saves an order without its events", func(h *hooked) {
			h.updated(func(before, after orders.Order) {
				h.Store.events[after.ID] = h.Store.events[after.ID][:before.Version]
			})
		}},
		{10, "it saves the last of two changes at once", func(h *hooked) { h.update = h.overwrites }},
		{10, "it saves a stale order", func(h *hooked) {
			h.update = func(ctx context.Context, id string, change changing) (orders.Order, error) {
				return h.Store.Update(ctx, id, func(o *orders.Order) error {
					version := o.Version
					err := change(o)
					o.Version = max(o.Version, version)
					return err
				})
			}
		}},
		{10, "it never returns from the second change", func(h *hooked) {
			var calls atomic.Int64
			h.update = func(ctx context.Context, id string, change changing) (orders.Order, error) {
				if calls.Add(1) > 1 {
					select {}
				}
				return h.Store.Update(ctx, id, change)
			}
		}},
		{11, "it gives no units back", func(h *hooked) {
			h.canceled(func(_, o orders.Order) {
				for _, l := range o.Lines {
					h.stocked(l.ProductID, -l.Quantity)
				}
			})
		}},
		{11, "it gives no cart back", func(h *hooked) {
			h.canceled(func(_, o orders.Order) { delete(h.open, o.CustomerID) })
		}},
		{11, "it gives units back with each change of a canceled order", func(h *hooked) {
			h.updated(func(before, o orders.Order) {
				if before.Status == orders.StatusCanceled {
					h.stocked(o.Lines[0].ProductID, o.Lines[0].Quantity)
				}
			})
		}},
		{11, "it gives a cart back in place of another", func(h *hooked) {
			h.canceled(func(_, o orders.Order) {
				c := h.carts[o.CartID]
				c.OrderID = ""
				h.carts[c.ID], h.open[o.CustomerID] = c, c.ID
			})
		}},
	}
}

func claimMutants() []storeMutant {
	return []storeMutant{
		{12, "it claims what is not due", func(h *hooked) {
			h.claim = func(
				ctx context.Context, now time.Time, d time.Duration, token string, limit int,
			) ([]orders.Order, error) {
				all, err := h.Store.Claim(ctx, now.Add(time.Second), d, token, limit)
				for i := range all {
					all[i].Payment.Work.LeaseUntil = now.Add(d)
				}
				return all, err
			}
		}},
		{12, "it claims the newest first", func(h *hooked) {
			h.claims(func(all []orders.Order) []orders.Order { slices.Reverse(all); return all })
		}},
		{12, "it claims without a limit", func(h *hooked) {
			h.claim = func(
				ctx context.Context, now time.Time, d time.Duration, token string, _ int,
			) ([]orders.Order, error) {
				return h.Store.Claim(ctx, now, d, token, 1000)
			}
		}},
		{12, "it claims without priority", func(h *hooked) {
			h.claims(func(all []orders.Order) []orders.Order {
				slices.SortFunc(all, func(a, b orders.Order) int { return strings.Compare(a.ID, b.ID) })
				return all
			})
		}},
		{12, "it waits for a clock that was set back", func(h *hooked) {
			h.claim = func(
				ctx context.Context, now time.Time, d time.Duration, token string, limit int,
			) ([]orders.Order, error) {
				early := false
				h.locked(func() {
					for _, o := range h.Store.orders {
						early = early || o.Payment.Work.NextAt.After(now.Add(orders.Horizon))
					}
				})
				if early {
					return nil, nil
				}
				return h.Store.Claim(ctx, now, d, token, limit)
			}
		}},
		{13, "it leases what it found before it locks", func(h *hooked) { h.claim = h.claimUnlocked }},
		{13, "it changes what it read before it locks", func(h *hooked) { h.update = h.updateUnlocked }},
		{13, "it keeps no lease", func(h *hooked) {
			h.claims(func(all []orders.Order) []orders.Order {
				h.locked(func() {
					for _, o := range all {
						o = o.Clone()
						o.Payment.Work.Lease("", time.Time{})
						h.Store.orders[o.ID] = o
					}
				})
				return all
			})
		}},
		{14, "it keeps the token of the first claim", func(h *hooked) {
			first := map[string]string{}
			h.claims(func(all []orders.Order) []orders.Order {
				h.locked(func() {
					for _, o := range all {
						if first[o.ID] == "" {
							first[o.ID] = o.Payment.Work.LeaseToken
						}
						o = o.Clone()
						o.Payment.Work.LeaseToken = first[o.ID]
						h.Store.orders[o.ID] = o
					}
				})
				return all
			})
		}},
		{14, "it shows a change no lease", func(h *hooked) {
			h.update = func(ctx context.Context, id string, change changing) (orders.Order, error) {
				return h.Store.Update(ctx, id, func(o *orders.Order) error {
					o.Payment.Work.Lease("", time.Time{})
					return change(o)
				})
			}
		}},
		{14, "it hides that a lease is lost", func(h *hooked) {
			h.update = func(ctx context.Context, id string, change changing) (orders.Order, error) {
				o, err := h.Store.Update(ctx, id, change)
				if orders.CodeOf(err) == orders.CodeLeaseLost {
					err = nil
				}
				return o, err
			}
		}},
	}
}

// claimUnlocked leases what it found before the lock.
func (h *hooked) claimUnlocked(
	ctx context.Context, now time.Time, d time.Duration, token string, limit int,
) ([]orders.Order, error) {
	other := NewStore()
	h.locked(func() {
		for id, o := range h.Store.orders {
			other.orders[id] = o.Clone()
		}
	})
	found, err := other.Claim(ctx, now, d, token, limit)
	suite.Pause()
	h.locked(func() {
		for _, o := range found {
			h.Store.orders[o.ID] = o.Clone()
		}
	})
	return found, err
}

func readingMutants() []storeMutant {
	return []storeMutant{
		{15, "it lists the oldest first", func(h *hooked) {
			h.listed(func(all []orders.Order, n int) ([]orders.Order, int) { slices.Reverse(all); return all, n })
		}},
		{15, "it counts the page", func(h *hooked) {
			h.listed(func(all []orders.Order, _ int) ([]orders.Order, int) { return all, len(all) })
		}},
		{15, "it lists any status", func(h *hooked) {
			h.queried(func(q *orders.Query) { q.Status = nil })
		}},
		{15, "it lists until the end of To", func(h *hooked) {
			h.queried(func(q *orders.Query) {
				if !q.To.IsZero() {
					q.To = q.To.Add(time.Microsecond)
				}
			})
		}},
		{15, "it skips the first order of a page", func(h *hooked) {
			h.list = func(ctx context.Context, q orders.Query) ([]orders.Order, int, error) {
				all, n, err := h.Store.List(ctx, q)
				if q.Page > 1 && len(all) > 0 {
					all = all[1:]
				}
				return all, n, err
			}
		}},
		{15, "it finds a name in its own case alone", func(h *hooked) {
			h.list = func(ctx context.Context, q orders.Query) ([]orders.Order, int, error) {
				all, _, err := h.Store.List(ctx, q)
				all = slices.DeleteFunc(all, func(o orders.Order) bool {
					return !strings.Contains(o.Number, q.Text) && !slices.ContainsFunc(o.Lines,
						func(l orders.Line) bool { return strings.Contains(l.Name, q.Text) })
				})
				return all, len(all), err
			}
		}},
		{15, "it knows customers in any case", func(h *hooked) {
			h.queried(func(q *orders.Query) { q.CustomerID = h.orderedBy(q.CustomerID) })
		}},
		{25, "it counts the page of products", func(h *hooked) {
			h.products = func(ctx context.Context, q orders.ProductQuery) ([]orders.Product, int, error) {
				all, _, err := h.Store.FindProducts(ctx, q)
				return all, len(all), err
			}
		}},
		{25, "it finds products of any stock", func(h *hooked) {
			h.products = func(ctx context.Context, q orders.ProductQuery) ([]orders.Product, int, error) {
				q.StockBelow = 0
				return h.Store.FindProducts(ctx, q)
			}
		}},
		{25, "it finds all products by no id", func(h *hooked) {
			h.products = func(ctx context.Context, q orders.ProductQuery) ([]orders.Product, int, error) {
				if len(q.IDs) == 0 {
					q.IDs = nil
				}
				return h.Store.FindProducts(ctx, q)
			}
		}},
		{25, "it finds a product in its own case alone", func(h *hooked) {
			h.products = func(ctx context.Context, q orders.ProductQuery) ([]orders.Product, int, error) {
				all, _, err := h.Store.FindProducts(ctx, q)
				all = slices.DeleteFunc(all, func(p orders.Product) bool {
					return !strings.Contains(p.Name+"\n"+p.Category, q.Text)
				})
				return all, len(all), err
			}
		}},
		{16, "it loses the last event", func(h *hooked) {
			h.eventsOf(func(all []event.Event) []event.Event { return all[:len(all)-1] })
		}},
		{16, "it reads events backwards", func(h *hooked) {
			h.eventsOf(func(all []event.Event) []event.Event { slices.Reverse(all); return all })
		}},
		{16, "it reads an event twice", func(h *hooked) {
			h.eventsOf(func(all []event.Event) []event.Event { return append(all, all[len(all)-1]) })
		}},
		{16, "it loses the source of an event", func(h *hooked) {
			h.eventsOf(func(all []event.Event) []event.Event { all[0].Source = event.Source{}; return all })
		}},
	}
}

// queried spoils what List selects by.
func (h *hooked) queried(spoil func(q *orders.Query)) {
	h.list = func(ctx context.Context, q orders.Query) ([]orders.Order, int, error) {
		spoil(&q)
		return h.Store.List(ctx, q)
	}
}

// orderedBy is the customer of an order whose id is the same but for its case.
func (h *hooked) orderedBy(who string) string {
	h.locked(func() {
		for _, o := range h.Store.orders {
			if strings.EqualFold(o.CustomerID, who) {
				who = o.CustomerID
				return
			}
		}
	})
	return who
}

func missingMutants() []storeMutant {
	return []storeMutant{
		{22, "it finds an empty order", func(h *hooked) {
			h.order = suite.Forgiving(h.Store.Order, orders.ErrNotFound)
		}},
		{22, "it finds no events of nothing", func(h *hooked) {
			h.history = suite.Forgiving(h.Store.Events, orders.ErrNotFound)
		}},
		{22, "it panics for an empty id", func(h *hooked) {
			h.order = func(ctx context.Context, id string) (orders.Order, error) {
				if id == "" {
					panic("no id")
				}
				return h.Store.Order(ctx, id)
			}
		}},
		{22, "it has an error of its own for a product that is not there", func(h *hooked) {
			h.product = func(ctx context.Context, id int64) (orders.Product, error) {
				p, err := h.Store.Product(ctx, id)
				if errors.Is(err, orders.ErrNotFound) {
					err = errors.New("sql: no rows in result set")
				}
				return p, err
			}
		}},
		{22, "it finds an empty reservation", func(h *hooked) {
			h.reservation = suite.Forgiving(h.Store.Reservation, orders.ErrNotFound)
		}},
		{22, "it has an error of its own for a flash sale that is not there", func(h *hooked) {
			h.sale = func(ctx context.Context, id string) (orders.FlashSale, error) {
				f, err := h.Store.FlashSale(ctx, id)
				if errors.Is(err, orders.ErrNotFound) {
					err = errors.New("sql: no rows in result set")
				}
				return f, err
			}
		}},
	}
}

func edgeMutants() []storeMutant {
	return []storeMutant{
		{23, "it places in a context that has ended", func(h *hooked) {
			h.place = func(ctx context.Context, r orders.PlaceRequest, decide deciding) (orders.Order, bool, error) {
				return h.Store.Place(context.WithoutCancel(ctx), r, decide)
			}
		}},
		{23, "it reads in a context that has ended", func(h *hooked) {
			h.order = suite.Detached(h.Store.Order)
		}},
		{23, "it updates in a context that has ended", func(h *hooked) {
			h.update = func(ctx context.Context, id string, change changing) (orders.Order, error) {
				return h.Store.Update(context.WithoutCancel(ctx), id, change)
			}
		}},
		{23, "it claims in a context that has ended", func(h *hooked) {
			h.claim = func(
				ctx context.Context, now time.Time, d time.Duration, token string, limit int,
			) ([]orders.Order, error) {
				return h.Store.Claim(context.WithoutCancel(ctx), now, d, token, limit)
			}
		}},
		{23, "it reserves in a context that has ended", func(h *hooked) {
			h.reserve = func(
				ctx context.Context, sale, who string, s event.Stamp, decide reserving,
			) (orders.Reservation, error) {
				return h.Store.Reserve(context.WithoutCancel(ctx), sale, who, s, decide)
			}
		}},
		{24, "it returns the order that it keeps", func(h *hooked) {
			h.order = func(ctx context.Context, id string) (o orders.Order, err error) {
				h.locked(func() { o = h.Store.orders[id] })
				return o, nil
			}
		}},
		{24, "it returns the events that it keeps", func(h *hooked) {
			h.history = func(_ context.Context, id string) (all []event.Event, err error) {
				h.locked(func() { all = h.Store.events[id] })
				return all, nil
			}
		}},
		{24, "it keeps the items that it got", func(h *hooked) {
			h.fill = func(ctx context.Context, who, id string, products []int64, change filling) (orders.Cart, error) {
				var items []orders.CartItem
				c, err := h.Store.UpdateCart(ctx, who, id, products,
					func(c *orders.Cart, all map[int64]orders.Product) error {
						err := change(c, all)
						items = c.Items
						return err
					})
				if err == nil {
					h.locked(func() {
						kept := h.carts[c.ID]
						kept.Items = items
						h.carts[c.ID] = kept
					})
				}
				return c, err
			}
		}},
		{24, "it gives a change the order that it keeps", func(h *hooked) {
			h.update = func(ctx context.Context, id string, change changing) (orders.Order, error) {
				return h.Store.Update(ctx, id, func(o *orders.Order) error {
					if kept := h.Store.orders[id]; len(kept.Lines) > 0 {
						o.Lines = kept.Lines
					}
					return change(o)
				})
			}
		}},
	}
}
