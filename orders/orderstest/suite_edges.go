package orderstest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
)

// testUpdateRace has many count the attempts of one payment: none is lost.
func testUpdateRace(b *bench) {
	p := b.product("Mouse", 10)
	o := b.bought("ann", p.ID, 1)
	const n = 20
	b.AtOnce(n, func(int) {
		_, err := b.store.Update(b.ctx, o.ID, func(o *orders.Order) error {
			return o.ChargeAttempted(b.stamp(), orders.ChargeResult{Outcome: payment.OutcomeNoEffect, NextAt: b.now})
		})
		if err != nil {
			b.Error(err)
		}
	})
	stored, err := b.store.Order(b.ctx, o.ID)
	b.ok(err)
	b.equal("attempts, version", []int{stored.Payment.Work.Attempts, stored.Version}, []int{n, o.Version + n})
	b.folded(o.ID)
}

// missing fails the case unless err says that the thing was not found.
func (b *bench) missing(what string, err error) {
	b.Helper()
	if !errors.Is(err, orders.ErrNotFound) {
		b.Errorf("%s: error %v, want one that is orders.ErrNotFound", what, err)
	}
}

func testNotFound(b *bench) {
	p, o, r := b.history()
	called := func(what string) error {
		b.Errorf("%s of nothing ran its callback", what)
		return errors.New("called")
	}
	strange := []string{"no-such-id", "", "nul\x00", "bad\xff", "' OR 1=1 --", o.ID + " ", strings.ToUpper(o.ID),
		strings.ToUpper(r.ID), strings.ToUpper(r.SaleID), strings.Repeat("x", 300)}
	for _, id := range strange {
		_, err := b.store.Order(b.ctx, id)
		b.missing(fmt.Sprintf("order %.40q", id), err)
		_, err = b.store.Events(b.ctx, id)
		b.missing(fmt.Sprintf("events of %.40q", id), err)
		_, err = b.store.Update(b.ctx, id, func(*orders.Order) error { return called("Update") })
		b.missing(fmt.Sprintf("update of %.40q", id), err)
		_, err = b.store.FlashSale(b.ctx, id)
		b.missing(fmt.Sprintf("flash sale %.40q", id), err)
		_, err = b.store.UpdateFlashSale(b.ctx, id, b.stamp(),
			func(*orders.FlashSale) error { return called("UpdateFlashSale") })
		b.missing(fmt.Sprintf("update of flash sale %.40q", id), err)
		_, err = b.store.Reserve(b.ctx, id, "ann", b.stamp(),
			func(orders.Product) (orders.Reservation, []event.Event, error) {
				return orders.Reservation{}, nil, called("Reserve")
			})
		b.missing(fmt.Sprintf("reservation in flash sale %.40q", id), err)
		_, err = b.store.Reservation(b.ctx, id)
		b.missing(fmt.Sprintf("reservation %.40q", id), err)
	}
	// Ids of one kind are of no other.
	_, err := b.store.Order(b.ctx, r.ID)
	b.missing("order by the id of a reservation", err)
	_, err = b.store.FlashSale(b.ctx, o.ID)
	b.missing("flash sale by the id of an order", err)
	_, err = b.store.Reservation(b.ctx, r.SaleID)
	b.missing("reservation by the id of a flash sale", err)

	for _, id := range []int64{p.ID + 1, -1, 1 << 62} {
		_, err := b.store.Product(b.ctx, id)
		b.missing(fmt.Sprintf("product %d", id), err)
		_, err = b.store.SaveProduct(b.ctx, id, b.stamp(), func(*orders.Product) error { return called("SaveProduct") })
		b.missing(fmt.Sprintf("change of product %d", id), err)
		_, err = b.store.Restock(b.ctx, orders.Restock{Ref: newID(), ProductID: id, Quantity: 1}, b.stamp())
		b.missing(fmt.Sprintf("restock of product %d", id), err)
	}
	_, err = b.store.Product(b.ctx, 0)
	b.missing("product 0", err)
}

func testContext(b *bench) {
	p, o, r := b.history()
	before := b.snapshot(p, o, r)
	id := b.cart("eve", orders.CartItem{ProductID: p.ID, Quantity: 1})
	no := func(what string) error {
		b.Errorf("%s ran its callback in a context that has ended", what)
		return errors.New("called")
	}
	b.Ended(reflect.TypeFor[orders.Store](), map[string]func(ctx context.Context) error{
		"Product":  func(ctx context.Context) error { _, err := b.store.Product(ctx, p.ID); return err },
		"Products": func(ctx context.Context) error { _, err := b.store.Products(ctx); return err },
		"FindProducts": func(ctx context.Context) error {
			_, _, err := b.store.FindProducts(ctx, orders.ProductQuery{})
			return err
		},
		"SaveProduct": func(ctx context.Context) error {
			_, err := b.store.SaveProduct(ctx, p.ID, b.stamp(),
				func(*orders.Product) error { return no("SaveProduct") })
			return err
		},
		"Restock": func(ctx context.Context) error {
			_, err := b.store.Restock(ctx, orders.Restock{Ref: newID(), ProductID: p.ID, Quantity: 1}, b.stamp())
			return err
		},
		"Cart": func(ctx context.Context) error { _, _, err := b.store.Cart(ctx, "eve"); return err },
		"UpdateCart": func(ctx context.Context) error {
			_, err := b.store.UpdateCart(ctx, "eve", newID(), nil,
				func(*orders.Cart, map[int64]orders.Product) error { return no("UpdateCart") })
			return err
		},
		"Place": func(ctx context.Context) error {
			_, placed, err := b.store.Place(ctx, orders.PlaceRequest{CustomerID: "eve", CartID: id, At: b.now},
				func(orders.Placement) (*orders.Order, error) { return nil, no("Place") })
			b.equal("placed", placed, false)
			return err
		},
		"Order": func(ctx context.Context) error { _, err := b.store.Order(ctx, o.ID); return err },
		"Update": func(ctx context.Context) error {
			_, err := b.store.Update(ctx, o.ID, func(*orders.Order) error { return no("Update") })
			return err
		},
		"List": func(ctx context.Context) error { _, _, err := b.store.List(ctx, orders.Query{}); return err },
		"Claim": func(ctx context.Context) error {
			_, err := b.store.Claim(ctx, b.now, time.Minute, "t", 10)
			return err
		},
		"Events":     func(ctx context.Context) error { _, err := b.store.Events(ctx, o.ID); return err },
		"FlashSale":  func(ctx context.Context) error { _, err := b.store.FlashSale(ctx, r.SaleID); return err },
		"FlashSales": func(ctx context.Context) error { _, err := b.store.FlashSales(ctx, b.now); return err },
		"CreateFlashSale": func(ctx context.Context) error {
			f, err := b.store.FlashSale(b.ctx, r.SaleID)
			b.ok(err)
			f.ID, f.Starts, f.Ends = newID(), f.Ends, f.Ends.Add(time.Hour)
			_, err = b.store.CreateFlashSale(ctx, f)
			return err
		},
		"UpdateFlashSale": func(ctx context.Context) error {
			_, err := b.store.UpdateFlashSale(ctx, r.SaleID, b.stamp(),
				func(*orders.FlashSale) error { return no("UpdateFlashSale") })
			return err
		},
		"Reserve": func(ctx context.Context) error {
			_, err := b.store.Reserve(ctx, r.SaleID, "eve", b.stamp(),
				func(orders.Product) (orders.Reservation, []event.Event, error) {
					return orders.Reservation{}, nil, no("Reserve")
				})
			return err
		},
		"Reservation": func(ctx context.Context) error { _, err := b.store.Reservation(ctx, r.ID); return err },
		"ExpireReservations": func(ctx context.Context) error {
			s := b.stamp()
			s.At = s.At.Add(time.Hour)
			_, err := b.store.ExpireReservations(ctx, s, 10)
			return err
		},
	})
	b.equal("what is stored", b.snapshot(p, o, r), before)
}
