//go:build mutants

package orderstest

import (
	"context"
	"errors"
	"time"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
)

func saleMutants() []storeMutant {
	return []storeMutant{
		{17, "it loses the cap of a customer", func(h *hooked) {
			h.sale = func(ctx context.Context, id string) (orders.FlashSale, error) {
				f, err := h.Store.FlashSale(ctx, id)
				f.CapPerCustomer = 0
				return f, err
			}
		}},
		{17, "it saves a sale's change that fails", func(h *hooked) {
			h.alter = func(ctx context.Context, id string, s event.Stamp, change selling) (orders.FlashSale, error) {
				f, err := h.Store.UpdateFlashSale(ctx, id, s, change)
				if err != nil {
					h.locked(func() {
						if kept, ok := h.sales.byID[id]; ok {
							kept.Version++
							h.sales.byID[id] = kept
						}
					})
				}
				return f, err
			}
		}},
		{17, "it lists a sale that has ended", func(h *hooked) {
			h.on = func(ctx context.Context, at time.Time) ([]orders.FlashSale, error) {
				return h.Store.FlashSales(ctx, time.Time{})
			}
		}},
		{17, "it changes a sale without its events", func(h *hooked) {
			h.alter = func(ctx context.Context, id string, s event.Stamp, change selling) (orders.FlashSale, error) {
				f, err := h.Store.UpdateFlashSale(ctx, id, s, change)
				h.locked(func() {
					if all := h.Store.events[id]; err == nil && len(all) > 1 {
						h.Store.events[id] = all[:1]
					}
				})
				return f, err
			}
		}},
		{18, "it keeps sales that overlap", func(h *hooked) { h.create = h.createUnchecked }},
		{18, "it looks for an overlap before it locks", func(h *hooked) {
			h.create = func(ctx context.Context, f orders.FlashSale) (orders.FlashSale, error) {
				all, err := h.Store.FlashSales(ctx, time.Time{})
				if err != nil {
					return orders.FlashSale{}, err
				}
				if err := f.CheckOverlap(all); err != nil {
					return orders.FlashSale{}, err
				}
				suite.Pause()
				return h.createUnchecked(ctx, f)
			}
		}},
		{18, "it looks for an overlap at first alone", func(h *hooked) {
			h.alter = func(ctx context.Context, id string, s event.Stamp, change selling) (orders.FlashSale, error) {
				f, err := h.Store.FlashSale(ctx, id)
				if err != nil {
					return f, err
				}
				if err := change(&f); err != nil {
					return orders.FlashSale{}, err
				}
				return h.createUnchecked(ctx, f)
			}
		}},
		{18, "it has one sale of all products", func(h *hooked) {
			h.create = func(ctx context.Context, f orders.FlashSale) (orders.FlashSale, error) {
				all, err := h.Store.FlashSales(ctx, time.Time{})
				if err != nil {
					return orders.FlashSale{}, err
				}
				for i := range all {
					all[i].ProductID = f.ProductID
				}
				if err := f.CheckOverlap(all); err != nil {
					return orders.FlashSale{}, err
				}
				return h.Store.CreateFlashSale(ctx, f)
			}
		}},
		{19, "it counts no units as sold", func(h *hooked) {
			h.placed(func(o orders.Order) {
				for _, l := range o.Lines {
					if l.SaleID != "" {
						h.counted(l.SaleID, -l.Quantity, 0)
					}
				}
			})
		}},
		{19, "it gives no units back to a sale", func(h *hooked) {
			h.canceled(func(_, o orders.Order) {
				for _, l := range o.Lines {
					if l.SaleID != "" {
						h.counted(l.SaleID, l.Quantity, 0)
					}
				}
			})
		}},
		{19, "it forgets what a customer bought", func(h *hooked) {
			h.placed(func(orders.Order) { clear(h.bought) })
		}},
		{19, "it counts every line in the sale", func(h *hooked) {
			h.placed(func(o orders.Order) {
				for _, l := range o.Lines {
					if len(o.Lines) > 1 && l.SaleID == "" {
						h.counted(o.Lines[0].SaleID, l.Quantity, 0)
					}
				}
			})
		}},
	}
}

// createUnchecked saves a flash sale whatever there is.
func (h *hooked) createUnchecked(_ context.Context, f orders.FlashSale) (orders.FlashSale, error) {
	err := error(nil)
	h.locked(func() {
		if _, ok := h.Store.products[f.ProductID]; !ok {
			err = notFound("product", f.ProductID)
			return
		}
		h.Store.events[f.ID] = append(h.Store.events[f.ID], event.Clone(f.PendingEvents())...)
		h.sales.byID[f.ID] = f.Clone()
	})
	return f.Clone(), err
}

func reservationMutants() []storeMutant {
	return []storeMutant{
		{20, "it holds no units", func(h *hooked) {
			h.reserve = func(
				ctx context.Context, sale, who string, s event.Stamp, decide reserving,
			) (orders.Reservation, error) {
				r, err := h.Store.Reserve(ctx, sale, who, s, decide)
				if err == nil {
					h.locked(func() { h.stocked(r.ProductID, r.Quantity) })
				}
				return r, err
			}
		}},
		{20, "it gives expired units back twice", func(h *hooked) {
			h.expire = func(ctx context.Context, s event.Stamp, limit int) (int, error) {
				n, err := h.Store.ExpireReservations(ctx, s, limit)
				h.locked(func() {
					for id := range h.Store.products {
						h.stocked(id, n)
					}
				})
				return n, err
			}
		}},
		{20, "it leaves expired reservations to the worker", func(h *hooked) {
			h.place = func(ctx context.Context, r orders.PlaceRequest, decide deciding) (orders.Order, bool, error) {
				r.At = time.Time{}
				return h.Store.Place(ctx, r, decide)
			}
		}},
		{20, "it holds what an order has used", func(h *hooked) {
			h.placed(func(o orders.Order) {
				for id, r := range h.reservations {
					if r.CustomerID == o.CustomerID && r.Status == orders.ReservationUsed {
						r.Status = orders.ReservationHeld
						h.reservations[id] = r
					}
				}
			})
		}},
		{20, "it holds units after the sale", func(h *hooked) {
			h.alter = func(ctx context.Context, id string, s event.Stamp, change selling) (orders.FlashSale, error) {
				kept := map[string]orders.Reservation{}
				h.locked(func() {
					for id, r := range h.reservations {
						kept[id] = r
					}
				})
				f, err := h.Store.UpdateFlashSale(ctx, id, s, change)
				h.locked(func() {
					for id, r := range kept {
						h.reservations[id] = r
					}
				})
				return f, err
			}
		}},
		{21, "it adjusts a stock that it read before it locks", func(h *hooked) { h.save = h.saveUnlocked }},
		{21, "it loses the units of a restock", func(h *hooked) {
			h.restock = func(ctx context.Context, r orders.Restock, s event.Stamp) (bool, error) {
				did, err := h.Store.Restock(ctx, r, s)
				if did && r.Quantity > 1 {
					h.locked(func() { h.stocked(r.ProductID, -1) })
				}
				return did, err
			}
		}},
		{21, "it loses what an order did not take of a reservation", func(h *hooked) {
			h.place = func(ctx context.Context, r orders.PlaceRequest, decide deciding) (orders.Order, bool, error) {
				reserved := 0
				o, placed, err := h.Store.Place(ctx, r, func(p orders.Placement) (*orders.Order, error) {
					reserved = 0
					for _, p := range p.Products {
						for _, s := range p.Sales {
							reserved += s.Reserved.Quantity
						}
					}
					return decide(p)
				})
				if placed && reserved > 0 {
					h.locked(func() { h.stocked(o.Lines[0].ProductID, -max(0, reserved-o.Lines[0].Quantity)) })
				}
				return o, placed, err
			}
		}},
		{21, "it refuses a reservation after it holds the units", func(h *hooked) {
			h.reserve = func(
				ctx context.Context, sale, who string, s event.Stamp, decide reserving,
			) (orders.Reservation, error) {
				r, err := h.Store.Reserve(ctx, sale, who, s, decide)
				if orders.CodeOf(err) != "" && !errors.Is(err, orders.ErrNotFound) {
					h.locked(func() { h.stocked(h.sales.byID[sale].ProductID, -1) })
				}
				return r, err
			}
		}},
	}
}
