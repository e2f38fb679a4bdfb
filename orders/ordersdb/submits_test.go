package ordersdb_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// TestDoubleSubmitsAreOneOrderEach has 200 customers press the button twice
// at the same instant, half of them paying by card, on two shop processes.
func TestDoubleSubmitsAreOneOrderEach(t *testing.T) {
	const users = 200
	sqlstoretest.EachConfig(t, func(t *testing.T, c sqlstore.Config) {
		ctx := t.Context()
		gateway := &orderstest.Gateway{}
		var shops [2]*orders.Service
		var db *sqlstore.DB
		for i := range shops {
			db = sqlstoretest.Migrated(t, sqlstoretest.Open(t, c), ordersdb.Migrations())
			var err error
			if shops[i], err = orders.New(orders.Config{Store: ordersdb.New(db), Gateway: gateway,
				Currency: "USD"}); err != nil {
				t.Fatal(err)
			}
		}
		p, err := shops[0].SaveProduct(ctx, 0, event.Actor{}, func(p *orders.Product) error {
			p.Name, p.Price, p.Stock = "Mouse", 1999, 10*users
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		carts := make([]string, users)
		for i := range users {
			v, err := shops[0].AddToCart(ctx, fmt.Sprint(i), p.ID, 1)
			if err != nil {
				t.Fatal(err)
			}
			carts[i] = v.Cart.ID
		}
		var answers [users][2]orders.Order
		var wg sync.WaitGroup
		start := make(chan struct{})
		for i := range users {
			for k := range 2 {
				wg.Go(func() {
					<-start
					r := orders.CheckoutRequest{
						Customer: event.Actor{ID: fmt.Sprint(i)},
						CartID:   carts[i],
						Method:   payment.Cash,
					}
					if i%2 == 0 {
						r.Method, r.Token = payment.Card, orderstest.TokenPays
					}
					var err error
					if answers[i][k], err = shops[k].Checkout(ctx, r); err != nil {
						t.Error(err)
					}
				})
			}
		}
		close(start)
		wg.Wait()
		for i, a := range answers {
			if a[0].ID != a[1].ID || a[0].ID == "" {
				t.Errorf("customer %d has the orders %q and %q", i, a[0].ID, a[1].ID)
			}
		}
		for _, s := range shops {
			if err := s.Close(ctx); err != nil {
				t.Error(err)
			}
		}
		_, n, err := shops[0].Orders(ctx, orders.Query{})
		if err != nil {
			t.Fatal(err)
		}
		if charges := len(gateway.Charges()); n != users || charges != users/2 {
			t.Errorf("%d orders and %d charges, want %d and %d", n, charges, users, users/2)
		}
		if p, err = shops[0].Product(ctx, p.ID); err != nil || p.Stock != 9*users {
			t.Errorf("stock %d, want %d (%v)", p.Stock, 9*users, err)
		}
		stockAddsUp(t, db)
	})
}
