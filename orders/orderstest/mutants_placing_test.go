//go:build mutants

package orderstest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
)

// throughFloat is the amount as a column of single precision keeps it.
func throughFloat(n int64) int64 { return int64(float32(n)) }

func productMutants() []storeMutant {
	return []storeMutant{
		{1, "it keeps prices as floats", func(h *hooked) {
			h.readsProduct(func(p *orders.Product) { p.Price = throughFloat(p.Price) })
		}},
		{1, "it keeps milliseconds of a product", func(h *hooked) {
			h.readsProduct(func(p *orders.Product) { p.CreatedAt = p.CreatedAt.Truncate(time.Millisecond) })
		}},
		{1, "it loses a product's category", func(h *hooked) {
			h.readsProduct(func(p *orders.Product) { p.Category = "" })
		}},
		{1, "it saves a product's change that fails", func(h *hooked) {
			h.save = func(ctx context.Context, id int64, s event.Stamp, change saving) (orders.Product, error) {
				var failed error
				p, err := h.Store.SaveProduct(ctx, id, s, func(p *orders.Product) error {
					failed = change(p)
					return nil
				})
				return p, errors.Join(failed, err)
			}
		}},
		{2, "it restocks each time", func(h *hooked) {
			h.restock = func(ctx context.Context, r orders.Restock, s event.Stamp) (bool, error) {
				if r.Ref != "" {
					r.Ref = newID()
				}
				return h.Store.Restock(ctx, r, s)
			}
		}},
		{2, "it looks for the ref before it locks", func(h *hooked) { h.restock = h.restockUnlocked }},
		{2, "it remembers the ref of a restock that it refuses", func(h *hooked) {
			h.restock = func(ctx context.Context, r orders.Restock, s event.Stamp) (bool, error) {
				did, err := h.Store.Restock(ctx, r, s)
				h.locked(func() { h.refs[r.Ref] = true })
				return did, err
			}
		}},
		{2, "it restocks up to the limit", func(h *hooked) {
			h.restock = func(ctx context.Context, r orders.Restock, s event.Stamp) (bool, error) {
				if p, err := h.Store.Product(ctx, r.ProductID); err == nil {
					r.Quantity = min(r.Quantity, orders.MaxStock-p.Stock)
				}
				return h.Store.Restock(ctx, r, s)
			}
		}},
	}
}

func cartMutants() []storeMutant {
	return []storeMutant{
		{3, "it makes a cart each time", func(h *hooked) {
			h.fill = func(ctx context.Context, who, id string, products []int64, change filling) (orders.Cart, error) {
				h.locked(func() { delete(h.open, who) })
				return h.Store.UpdateCart(ctx, who, id, products, change)
			}
		}},
		{3, "it sorts a cart by product", func(h *hooked) {
			h.cart = func(ctx context.Context, who string) (orders.Cart, map[int64]orders.Product, error) {
				c, products, err := h.Store.Cart(ctx, who)
				slices.SortFunc(c.Items, func(a, b orders.CartItem) int { return int(a.ProductID - b.ProductID) })
				return c, products, err
			}
		}},
		{3, "it saves a cart's change that fails", func(h *hooked) {
			h.fill = func(ctx context.Context, who, id string, products []int64, change filling) (orders.Cart, error) {
				var failed error
				c, err := h.Store.UpdateCart(ctx, who, id, products,
					func(c *orders.Cart, all map[int64]orders.Product) error {
						failed = change(c, all)
						return nil
					})
				return c, errors.Join(failed, err)
			}
		}},
		{3, "it fills a cart that it read before it locks", func(h *hooked) {
			h.fill = func(ctx context.Context, who, id string, products []int64, change filling) (orders.Cart, error) {
				c := orders.Cart{ID: id, CustomerID: who}
				var all map[int64]orders.Product
				h.locked(func() {
					if open, ok := h.open[who]; ok {
						c = copyCart(h.carts[open])
					}
					all = h.productsOf(c, products)
				})
				if err := change(&c, all); err != nil {
					return orders.Cart{}, err
				}
				suite.Pause()
				return h.Store.UpdateCart(ctx, who, id, nil, func(now *orders.Cart, _ map[int64]orders.Product) error {
					now.Items, now.UpdatedAt = c.Items, c.UpdatedAt
					return nil
				})
			}
		}},
		{3, "it knows a customer in any case", func(h *hooked) {
			h.cart = func(ctx context.Context, who string) (orders.Cart, map[int64]orders.Product, error) {
				c, products, err := h.Store.Cart(ctx, h.anyCase(who))
				c.CustomerID = who
				return c, products, err
			}
		}},
		{7, "it orders a cart again", func(h *hooked) {
			h.place = func(ctx context.Context, r orders.PlaceRequest, decide deciding) (orders.Order, bool, error) {
				h.locked(func() {
					if c, ok := h.carts[r.CartID]; ok && c.CustomerID == r.CustomerID {
						c.OrderID = ""
						h.carts[c.ID] = c
					}
				})
				return h.Store.Place(ctx, r, decide)
			}
		}},
		{7, "it orders the cart of another", func(h *hooked) {
			h.place = func(ctx context.Context, r orders.PlaceRequest, decide deciding) (orders.Order, bool, error) {
				h.locked(func() {
					if c, ok := h.carts[r.CartID]; ok {
						r.CustomerID = c.CustomerID
					}
				})
				return h.Store.Place(ctx, r, decide)
			}
		}},
		{7, "it empties the cart after the order", func(h *hooked) {
			h.place = func(ctx context.Context, r orders.PlaceRequest, decide deciding) (orders.Order, bool, error) {
				o, placed, err := h.Store.Place(ctx, r, decide)
				if suite.Pause(); placed {
					h.locked(func() { delete(h.open, r.CustomerID) })
				}
				return o, placed, err
			}
		}},
	}
}

// anyCase is the customer with a cart whose id is the same but for its case.
func (h *hooked) anyCase(who string) string {
	found := who
	h.locked(func() {
		if _, ok := h.open[who]; ok {
			return
		}
		for other := range h.open {
			if strings.EqualFold(other, who) {
				found = other
			}
		}
	})
	return found
}

func placingMutants() []storeMutant {
	return []storeMutant{
		{4, "it keeps milliseconds of an order", func(h *hooked) {
			h.reads(func(o *orders.Order) { o.PlacedAt = o.PlacedAt.Truncate(time.Millisecond) })
		}},
		{4, "it reads instants in a zone", func(h *hooked) {
			h.reads(func(o *orders.Order) { o.PlacedAt = o.PlacedAt.In(time.FixedZone("CET", 3600)) })
		}},
		{4, "it keeps amounts as floats", func(h *hooked) {
			h.reads(func(o *orders.Order) { o.Payment.Amount = int64(float64(o.Payment.Amount)) })
		}},
		{4, "it loses the page of a payment", func(h *hooked) {
			h.reads(func(o *orders.Order) { o.Payment.Page = orders.PaymentPage{} })
		}},
		{4, "it reads every amount with two decimals", func(h *hooked) {
			h.reads(func(o *orders.Order) {
				if o.Currency == "JPY" {
					o.Payment.Amount *= 100
				}
			})
		}},
		{5, "it closes the cart of a placement that is refused", func(h *hooked) {
			h.refused(func(r orders.PlaceRequest) { delete(h.open, r.CustomerID) })
		}},
		{5, "it keeps the key of a placement that is refused", func(h *hooked) {
			h.refused(func(r orders.PlaceRequest) { h.keys[[2]string{r.CustomerID, r.IdempotencyKey}] = "" })
		}},
		{5, "it takes the units of a placement that is refused", func(h *hooked) {
			h.refused(func(orders.PlaceRequest) {
				for id := range h.Store.products {
					h.stocked(id, -1)
				}
			})
		}},
		{5, "it takes no payment method as a card", func(h *hooked) {
			h.place = func(ctx context.Context, r orders.PlaceRequest, decide deciding) (orders.Order, bool, error) {
				return h.Store.Place(ctx, r, func(p orders.Placement) (*orders.Order, error) {
					o, err := decide(p)
					if err == nil && o.Payment.Method == "" {
						o.Payment.Method = payment.Card
					}
					return o, err
				})
			}
		}},
		{6, "it takes no units", func(h *hooked) {
			h.placed(func(o orders.Order) {
				for _, l := range o.Lines {
					h.stocked(l.ProductID, l.Quantity)
				}
			})
		}},
		{6, "it takes the units of the first line alone", func(h *hooked) {
			h.placed(func(o orders.Order) {
				for _, l := range o.Lines[1:] {
					h.stocked(l.ProductID, l.Quantity)
				}
			})
		}},
		{6, "it decides before it locks", func(h *hooked) { h.place = h.placeUnlocked }},
		{6, "it sells units that are not there", func(h *hooked) {
			h.place = func(ctx context.Context, r orders.PlaceRequest, decide deciding) (orders.Order, bool, error) {
				return h.Store.Place(ctx, r, func(p orders.Placement) (*orders.Order, error) {
					o, err := decide(p)
					if err == nil {
						for _, l := range o.Lines {
							h.stocked(l.ProductID, max(0, l.Quantity-h.Store.products[l.ProductID].Stock))
						}
					}
					return o, err
				})
			}
		}},
	}
}

func keyMutants() []storeMutant {
	return []storeMutant{
		{8, "it keeps keys of all customers together", func(h *hooked) {
			h.place = func(ctx context.Context, r orders.PlaceRequest, decide deciding) (orders.Order, bool, error) {
				h.locked(func() {
					for k := range h.keys {
						if k[1] == r.IdempotencyKey {
							r.CustomerID = k[0]
						}
					}
				})
				return h.Store.Place(ctx, r, decide)
			}
		}},
		{8, "it does not look for a key", func(h *hooked) {
			h.place = func(ctx context.Context, r orders.PlaceRequest, decide deciding) (orders.Order, bool, error) {
				r.IdempotencyKey = ""
				return h.Store.Place(ctx, r, decide)
			}
		}},
		{8, "it keeps the key of an order that is declined", func(h *hooked) {
			h.canceled(func(before, _ orders.Order) {
				h.keys[[2]string{before.CustomerID, before.IdempotencyKey}] = before.ID
			})
		}},
		{8, "it frees the key of each canceled order", func(h *hooked) {
			h.canceled(func(before, _ orders.Order) {
				delete(h.keys, [2]string{before.CustomerID, before.IdempotencyKey})
			})
		}},
		{9, "it keeps two orders with one number", func(h *hooked) {
			h.place = func(ctx context.Context, r orders.PlaceRequest, decide deciding) (orders.Order, bool, error) {
				h.locked(func() { clear(h.numbers) })
				return h.Store.Place(ctx, r, decide)
			}
		}},
		{9, "it gives up at a number that is taken", func(h *hooked) {
			h.place = func(ctx context.Context, r orders.PlaceRequest, decide deciding) (orders.Order, bool, error) {
				tries := 0
				return h.Store.Place(ctx, r, func(p orders.Placement) (*orders.Order, error) {
					if tries++; tries > 1 {
						return nil, errors.New("UNIQUE constraint failed: orders.number")
					}
					return decide(p)
				})
			}
		}},
		{9, "it tries a number that is taken again and again", func(h *hooked) {
			h.place = func(ctx context.Context, r orders.PlaceRequest, decide deciding) (orders.Order, bool, error) {
				var first *orders.Order
				return h.Store.Place(ctx, r, func(p orders.Placement) (*orders.Order, error) {
					if first != nil {
						return first, nil
					}
					o, err := decide(p)
					first = o
					return o, err
				})
			}
		}},
	}
}
