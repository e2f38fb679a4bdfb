package sqlstore_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/batch"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// clients are callers that each put a product into their cart and buy it, over
// and over, with work of their own in between.
type clients struct {
	service *orders.Service
	product int64
	work    time.Duration // before each call
	pause   time.Duration // after each order
}

func newClients(b *testing.B, db *sqlstore.DB) *clients {
	b.Helper()
	sqlstoretest.Migrated(b, db, ordersdb.Migrations())
	service, err := orders.New(orders.Config{Store: ordersdb.New(db), Gateway: &orderstest.Gateway{}, Currency: "USD"})
	if err != nil {
		b.Fatal(err)
	}
	p, err := service.SaveProduct(b.Context(), 0, event.Actor{}, func(p *orders.Product) error {
		p.Name, p.Price, p.Stock = "Mouse", 1999, orders.MaxStock
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return &clients{service: service, product: p.ID}
}

// rate returns the orders per second of n clients that place total altogether.
func (c *clients) rate(b *testing.B, n, total int) float64 {
	b.Helper()
	var placed atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for i := range n {
		customer := fmt.Sprintf("customer-%d", i)
		wg.Go(func() {
			for placed.Add(1) <= int64(total) {
				if err := c.buy(b.Context(), customer); err != nil {
					b.Error(err)
					return
				}
				time.Sleep(c.pause)
			}
		})
	}
	wg.Wait()
	return float64(total) / time.Since(start).Seconds()
}

func (c *clients) buy(ctx context.Context, customer string) error {
	c.spin()
	if _, err := c.service.AddToCart(ctx, customer, c.product, 1); err != nil {
		return err
	}
	c.spin()
	_, err := c.service.Checkout(ctx, orders.CheckoutRequest{
		Customer: event.Actor{Kind: event.ActorCustomer, ID: customer}, Method: payment.Cash,
	})
	return err
}

// spin uses the processor as answering a request would.
func (c *clients) spin() {
	for end := time.Now().Add(c.work); time.Now().Before(end); {
		runtime.Gosched()
	}
}

// BenchmarkReturningCallers shows what it is worth that the scheduler holds the
// next turn for callers who come back. With and without the hold take turns in
// one run, and an iteration is a round of both; shown are the orders per second
// of each, and the median and the quartiles of their ratio. Callers come back at
// once, after the work of answering a request, or after a pause that no hold
// outlasts.
//
//	go test ./orders/sqlstore -run '^$' -bench ReturningCallers -benchtime 9x
func BenchmarkReturningCallers(b *testing.B) {
	b.Setenv("SQLSTORETEST_FSYNC", "on")
	for _, database := range []string{"sqlite", "postgres"} {
		for _, between := range []struct {
			name        string
			work, pause time.Duration
		}{
			{name: "at once"},
			{name: "work 100us", work: 100 * time.Microsecond},
			{name: "pause 10ms", pause: 10 * time.Millisecond},
		} {
			for _, n := range []int{8, 32} {
				b.Run(fmt.Sprintf("%s/%s/%d clients", database, between.name, n), func(b *testing.B) {
					config := sqlstoretest.SQLiteConfig(b)
					config.FastUnsafe = false
					if database == "postgres" {
						config = sqlstoretest.PostgresConfig(b)
					}
					db := sqlstoretest.Open(b, config)
					c := newClients(b, db)
					c.work, c.pause = between.work, between.pause
					compareHold(b, c, sqlstore.Scheduler(db), n)
				})
			}
		}
	}
}

func compareHold(b *testing.B, c *clients, scheduler *batch.Scheduler, n int) {
	b.Helper()
	c.rate(b, n, 100)
	var with, without, ratios []float64
	for round := 0; b.Loop(); round++ {
		for i := range 2 {
			hold := (i+round)%2 == 0
			scheduler.SetHold(hold)
			if r := c.rate(b, n, 400); hold {
				with = append(with, r)
			} else {
				without = append(without, r)
			}
		}
		ratios = append(ratios, with[round]/without[round])
	}
	for _, of := range [][]float64{with, without, ratios} {
		slices.Sort(of)
	}
	b.ReportMetric(with[len(with)/2], "hold/s")
	b.ReportMetric(without[len(without)/2], "none/s")
	b.ReportMetric(ratios[len(ratios)/4], "x-q1")
	b.ReportMetric(ratios[len(ratios)/2], "x")
	b.ReportMetric(ratios[len(ratios)*3/4], "x-q3")
}
