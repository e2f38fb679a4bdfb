package crashtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundsdb"
)

// refusing is a provider that declines some charges, loses some answers, and
// makes some of the charges all the same.
const refusing = `{"charge":{"drop_after":0.15,"timeout_after":0.1,"timeout_before":0.1,` +
	`"error_5xx":0.1,"error_4xx":0.3}}`

// creditBuyers are how many customers buy at once.
const creditBuyers = 4

// TestTheServerIsKilledInTheMiddleOfCheckoutsWithStoreCredit: the store credit of
// every order that is paid was taken once, that of every order that is not is
// back, and so are the units.
func TestTheServerIsKilledInTheMiddleOfCheckoutsWithStoreCredit(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/e2e/crashtest/")
	eachDatabase(t, func(t *testing.T, url string) {
		w, random := newWorld(t, url), source(t)
		var buyers []*client.Client
		started, kills := time.Now(), crashes(t, 4)
		for range kills {
			server := w.shop()
			admin := w.staff(server)
			if buyers == nil {
				buyers = w.creditBuyers(admin)
			}
			w.faults(refusing)
			ctx, cancel := context.WithCancel(t.Context())
			var buying sync.WaitGroup
			for i, buyer := range buyers {
				seed := rand.NewPCG(random.Uint64(), uint64(i))
				buying.Go(func() { spend(ctx, buyer.Beside(admin), w.product, rand.New(seed)) })
			}
			timer := time.NewTimer(time.Duration(200+random.IntN(1200)) * time.Millisecond)
			<-timer.C
			server.kill()
			cancel()
			buying.Wait()
			w.faults(`{}`)
		}
		server := w.shop()
		w.until("settled", "SELECT id FROM ?(rk)orders WHERE status IN ('submitted', 'queued')")
		server.stop()
		t.Logf("%d kills in %s", kills, time.Since(started).Round(time.Second))
		w.creditVerdict(kills >= 10)
		w.verdict()
	})
}

// creditBuyers makes customers and gives each store credit of 1000.00.
func (w *world) creditBuyers(admin *client.Client) []*client.Client {
	w.t.Helper()
	ctx := w.t.Context()
	var all []*client.Client
	for range creditBuyers {
		buyer, err := admin.Customer(ctx)
		if err == nil {
			err = buyer.AddToCart(ctx, w.product, 1)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, buyer)
	}
	ledger := refundsdb.New(w.open())
	for _, id := range w.rows("SELECT DISTINCT customer_id FROM ?(rk)carts WHERE order_id IS NULL") {
		if _, err := ledger.Credit(ctx, refunds.CreditEntry{
			ID: "gift-" + id, Ref: "gift-" + id, CustomerID: id, Currency: "USD", Amount: 100_000, At: time.Now(),
		}); err != nil {
			w.t.Fatal(err)
		}
	}
	return all
}

// spend buys by store credit and card until the server is gone: a part of each
// order, or all of it; every other queued order is canceled at once.
func spend(ctx context.Context, buyer *client.Client, product int64, random *rand.Rand) {
	for ctx.Err() == nil {
		if err := buyer.AddToCart(ctx, product, 1); err != nil && client.StatusOf(err) == 0 {
			return // the server is gone
		}
		credit := []string{"5.00", "0.01", "10.00", "all"}[random.IntN(4)]
		outcome, err := buyer.CheckoutWith(ctx, credit, client.GoodCard, uuid.NewString())
		if err != nil && client.StatusOf(err) == 0 {
			return
		}
		if outcome != client.Queued || random.IntN(2) == 0 {
			continue
		}
		orders, err := buyer.Orders(ctx)
		if err != nil || len(orders) == 0 {
			continue
		}
		_, _ = buyer.Form(ctx, "/orders/"+orders[0].ID+"/cancel", nil) // it may be charged at this moment
	}
}

// creditVerdict checks that what was given is what was spent and what is left, and
// with many kills that some orders ended in each way.
func (w *world) creditVerdict(many bool) {
	w.t.Helper()
	count := func(what string) (n int64) {
		w.t.Helper()
		if err := w.open().Reader().NewRaw("SELECT "+what).Scan(w.t.Context(), &n); err != nil {
			w.t.Fatal(err)
		}
		return n
	}
	given := count("COALESCE(SUM(amount_minor), 0) FROM ?(rk)store_credit_entries WHERE ref LIKE 'gift-%'")
	left := count("COALESCE(SUM(balance_minor), 0) FROM ?(rk)store_credit_balances")
	spent := count("COALESCE(SUM(credit_minor), 0) FROM ?(rk)orders WHERE status = 'completed'")
	if given == 0 || given != left+spent {
		w.t.Errorf("%d of store credit was given, %d spent, %d is left", given, spent, left)
	}
	var made string
	for _, status := range []string{"completed", "cancelled"} {
		n := count("COUNT(*) FROM ?(rk)orders WHERE credit_minor > 0 AND status = '" + status + "'")
		if many && n == 0 {
			w.t.Errorf("no order with store credit is %s: the test shows nothing", status)
		}
		made += fmt.Sprintf("%d %s, ", n, status)
	}
	w.t.Logf("orders with store credit: %sspent %d of %d", made, spent, given)
}
