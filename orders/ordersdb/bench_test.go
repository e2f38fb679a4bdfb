package ordersdb_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/returnkit/returnkit/internal/statements"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// BenchmarkCheckout measures cash checkouts of one hot product by 1 and by 32
// customers at once; the carts are filled before the clock starts.
func BenchmarkCheckout(b *testing.B) {
	for _, kind := range []struct {
		name string
		open func(testing.TB, ...sqlstore.Migrations) *sqlstore.DB
	}{{"sqlite", sqlstoretest.SQLite}, {"postgres", sqlstoretest.Postgres}} {
		for _, submitters := range []int{1, 32} {
			b.Run(fmt.Sprintf("%s/submitters=%d", kind.name, submitters), func(b *testing.B) {
				benchmarkCheckout(b, kind.open(b, ordersdb.Migrations()), submitters)
			})
		}
	}
}

func benchmarkCheckout(b *testing.B, db *sqlstore.DB, submitters int) {
	s, err := orders.New(orders.Config{Store: ordersdb.New(db), Gateway: &orderstest.Gateway{}, Currency: "USD"})
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	p, err := s.SaveProduct(ctx, 0, event.Actor{}, func(p *orders.Product) error {
		p.Name, p.Price, p.Stock = "Mouse", 1999, orders.MaxStock
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for i := range b.N {
		if _, err := s.AddToCart(ctx, fmt.Sprint(i), p.ID, 1); err != nil {
			b.Fatal(err)
		}
	}
	c := statements.Watch(db)
	b.ResetTimer()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range submitters {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				if _, err := s.Checkout(ctx, orders.CheckoutRequest{Customer: event.Actor{ID: fmt.Sprint(i)},
					Method: payment.Cash}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
	sent, commits := c.Take()
	b.ReportMetric(float64(len(sent))/float64(b.N), "statements/order")
	b.ReportMetric(float64(commits)/float64(b.N), "commits/order")
}
