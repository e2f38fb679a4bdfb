package ordersdb_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/statements"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// TestStatementsPerCheckout holds the cost of each step: a regression shows
// here before it shows under load.
func TestStatementsPerCheckout(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		sqlstoretest.Migrated(t, db, ordersdb.Migrations())
		gateway := &orderstest.Gateway{}
		s, err := orders.New(orders.Config{Store: ordersdb.New(db), Gateway: gateway, Currency: "USD"})
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		var ids []int64
		for _, name := range []string{"Laptop", "Mouse", "Keyboard"} {
			p, err := s.SaveProduct(ctx, 0, event.Actor{}, func(p *orders.Product) error {
				p.Name, p.Price, p.Stock = name, 1000, 1000
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, p.ID)
		}
		c := statements.Watch(db)
		fill := func(customer string) {
			t.Helper()
			for _, id := range ids {
				if _, err := s.AddToCart(ctx, customer, id, 1); err != nil {
					t.Fatal(err)
				}
			}
		}
		fill("ann")
		c.Take()
		if _, err := s.AddToCart(ctx, "ann", ids[0], 1); err != nil {
			t.Fatal(err)
		}
		c.Want(t, "add to cart", 4, 1)

		ann := event.Actor{Kind: event.ActorCustomer, ID: "ann"}
		if _, err := s.Checkout(ctx, orders.CheckoutRequest{Customer: ann, Method: payment.Cash}); err != nil {
			t.Fatal(err)
		}
		c.Want(t, "checkout of three products, cash", 8, 1)

		fill("ann")
		c.Take()
		if _, err := s.Checkout(ctx, orders.CheckoutRequest{Customer: ann, Method: payment.Card,
			Token: orderstest.TokenPays, IdempotencyKey: "k"}); err != nil {
			t.Fatal(err)
		}
		// 9 to place (the key is looked up), 6 to store the reference before the
		// confirm, 6 to complete.
		c.Want(t, "checkout of three products, card", 21, 3)

		for i := range 5 {
			who := fmt.Sprintf("customer-%d", i)
			fill(who)
			if _, err := s.Checkout(ctx, orders.CheckoutRequest{Customer: event.Actor{ID: who},
				Method: payment.Cash}); err != nil {
				t.Fatal(err)
			}
		}
		c.Take()
		if _, _, err := s.Orders(ctx, orders.Query{}); err != nil {
			t.Fatal(err)
		}
		c.Want(t, "page of orders", 3, 0)
		if n, err := s.ChargeDue(ctx, 10); n != 0 || err != nil {
			t.Fatal(n, err)
		}
		c.Want(t, "nothing due", 1, 0)

		sale, err := s.CreateFlashSale(ctx, event.System("test"), orders.FlashSaleParams{
			ProductID: ids[1], Starts: time.Now(), Ends: time.Now().Add(time.Hour), PercentBP: 1000, Cap: 100,
			CapPerCustomer: 10,
		})
		if err != nil {
			t.Fatal(err)
		}
		fill("ann")
		c.Take()
		if _, err := s.Checkout(ctx, orders.CheckoutRequest{Customer: ann, Method: payment.Cash}); err != nil {
			t.Fatal(err)
		}
		// 8 as ever; 3 to read the sale, its buyers and reservations, 2 to count.
		c.Want(t, "checkout of three products, one in a flash sale, cash", 13, 1)
		if _, err := s.ReserveFlashSale(ctx, sale.ID, ann, 2); err != nil {
			t.Fatal(err)
		}
		c.Want(t, "reserve", 9, 1)
		fill("ann")
		c.Take()
		if _, err := s.Checkout(ctx, orders.CheckoutRequest{Customer: ann, Method: payment.Cash}); err != nil {
			t.Fatal(err)
		}
		c.Want(t, "checkout that uses a reservation", 15, 1)
		if n, err := s.ExpireReservations(ctx, 10); n != 0 || err != nil {
			t.Fatal(n, err)
		}
		c.Want(t, "nothing expired", 2, 0)
	})
}
