package crashtest

import (
	"context"
	"errors"
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
// makes some of the charges all the same; refunds are as in losing.
const refusing = `{"charge":{"drop_after":0.15,"timeout_after":0.1,"timeout_before":0.1,` +
	`"error_5xx":0.1,"error_4xx":0.3},"refund":{"drop_after":0.2,"timeout_after":0.1,"timeout_before":0.1}}`

// creditBuyers are how many customers buy at once.
const creditBuyers = 4

// TestTheServerIsKilledInTheMiddleOfSplitRefundsAndCheckoutsWithStoreCredit: each part of
// every refund is paid once, where its part of the order was paid from. The store credit of
// every order that is paid was taken once, that of every order that is not is back, and so
// are the units.
func TestTheServerIsKilledInTheMiddleOfSplitRefundsAndCheckoutsWithStoreCredit(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/e2e/crashtest/", "CRASHES")
	eachDatabase(t, func(t *testing.T, url string) {
		w, random := newWorld(t, url), source(t)
		var buyers []*client.Client
		var hit struct{ refunds, halves, checkouts int }
		started, kills := time.Now(), crashes(t, 3)
		for kill := range kills {
			server := w.shop()
			admin := w.staff(server)
			if buyers == nil {
				buyers = w.creditBuyers(admin)
			}
			w.approvedWith(admin, 2, []string{"5.00", "0.01", "10.00"}[kill%3])
			w.faults(refusing)
			ctx, cancel := context.WithCancel(t.Context())
			var busy sync.WaitGroup
			for i, buyer := range buyers {
				seed := rand.NewPCG(random.Uint64(), uint64(i))
				busy.Go(func() { spend(ctx, buyer.Beside(admin), w.product, rand.New(seed)) })
			}
			<-time.NewTimer(time.Duration(random.IntN(600)) * time.Millisecond).C
			busy.Go(func() { refundAll(ctx, w.cases[max(0, len(w.cases)-6):], admin) })
			if kill%3 > 0 {
				w.underWay()
			}
			<-time.NewTimer(time.Duration(random.IntN(300)) * time.Millisecond).C
			server.Kill()
			cancel()
			busy.Wait()
			w.faults(`{}`)
			hit.refunds += min(1, w.count(openRefunds))
			hit.halves += min(1, w.count("COUNT(*) FROM ?(rk)refunds r JOIN ?(rk)refunds s ON r.order_id = s.order_id "+
				"WHERE r.status = 'succeeded' AND s.status <> 'succeeded'"))
			hit.checkouts += min(1, w.count("COUNT(*) FROM ?(rk)orders WHERE status = 'submitted'"))
		}
		server := w.shop()
		w.finish(server)
		w.until("settled", "SELECT id FROM ?(rk)orders WHERE status IN ('submitted', 'queued')")
		server.Stop()
		t.Logf("%d kills in %s: %d with a refund under way, %d with one half of it paid, %d with an order submitted",
			kills, time.Since(started).Round(time.Second), hit.refunds, hit.halves, hit.checkouts)
		if kills >= 10 && min(hit.refunds, hit.halves, hit.checkouts) == 0 {
			t.Error("no kill was in the middle of each: the test shows nothing")
		}
		w.legsVerdict()
		w.creditVerdict(kills >= 10)
		w.verdict()
	})
}

const openRefunds = "COUNT(*) FROM ?(rk)refunds WHERE status NOT IN ('succeeded', 'failed')"

// underWay waits until a refund is, or a moment where all of them ended at once.
func (w *world) underWay() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
	defer cancel()
	_ = client.Until(ctx, 5*time.Millisecond, func(context.Context) error {
		if w.count(openRefunds) == 0 {
			return errors.New("no refund is under way")
		}
		return nil
	})
}

// legsVerdict checks that the refund of each case has two parts, each as large as what
// its payment paid of the order: one unit was bought, and it came back.
func (w *world) legsVerdict() {
	w.t.Helper()
	for _, wrong := range w.rows(`SELECT 'case ' || id || ': store credit paid ' || credit_minor || ' and got '
		|| credit || ' in ' || credits || ' parts, the card paid ' || amount_minor || ' and got ' || card || ' in '
		|| cards
		FROM (SELECT c.id, o.credit_minor, p.amount_minor,
			(SELECT COALESCE(SUM(r.amount_minor), 0) FROM ?(rk)refunds r WHERE r.reference = c.id
			AND r.payment_id = o.credit_payment_id AND r.status = 'succeeded' AND r.method = 'store_credit') AS credit,
			(SELECT COUNT(*) FROM ?(rk)refunds r WHERE r.reference = c.id
			AND r.payment_id = o.credit_payment_id) AS credits,
			(SELECT COALESCE(SUM(r.amount_minor), 0) FROM ?(rk)refunds r WHERE r.reference = c.id
			AND r.payment_id = p.id AND r.status = 'succeeded' AND r.method = 'card') AS card,
			(SELECT COUNT(*) FROM ?(rk)refunds r WHERE r.reference = c.id AND r.payment_id = p.id) AS cards
			FROM ?(rk)returns c JOIN ?(rk)orders o ON o.id = c.order_id
			JOIN ?(rk)payments p ON p.order_id = o.id WHERE c.status = 'refunded') AS x
		WHERE credit_minor = 0 OR credit <> credit_minor OR credits <> 1 OR card <> amount_minor OR cards <> 1`) {
		w.t.Error(wrong)
	}
}

// creditBuyers makes customers and gives each, and the buyer of the cases, store credit of
// 10000.00.
func (w *world) creditBuyers(admin *client.Client) []*client.Client {
	w.t.Helper()
	ctx := w.t.Context()
	var all []*client.Client
	if err := w.buyer.Beside(admin).AddToCart(ctx, w.product, 1); err != nil {
		w.t.Fatal(err)
	}
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
			ID: "gift-" + id, Ref: "gift-" + id, CustomerID: id, Currency: "USD", Amount: 1_000_000, At: time.Now(),
		}); err != nil {
			w.t.Fatal(err)
		}
	}
	if _, err := w.buyer.Beside(admin).Form(ctx, "/cancel_sale", nil); err != nil {
		w.t.Fatal(err)
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

// count is the number that a query finds; what is all after SELECT.
func (w *world) count(what string) (n int) {
	w.t.Helper()
	if err := w.open().Reader().NewRaw("SELECT "+what).Scan(w.t.Context(), &n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// creditVerdict checks that what was given is what was spent, less what came back, and what
// is left, and with many kills that some orders ended in each way.
func (w *world) creditVerdict(many bool) {
	w.t.Helper()
	given := w.count("COALESCE(SUM(amount_minor), 0) FROM ?(rk)store_credit_entries WHERE ref LIKE 'gift-%'")
	left := w.count("COALESCE(SUM(balance_minor), 0) FROM ?(rk)store_credit_balances")
	spent := w.count("COALESCE(SUM(credit_minor), 0) FROM ?(rk)orders WHERE status = 'completed'")
	back := w.count("COALESCE(SUM(o.credit_minor), 0) FROM ?(rk)orders o JOIN ?(rk)returns c ON c.order_id = o.id " +
		"WHERE c.status = 'refunded'")
	if given == 0 || given != left+spent-back {
		w.t.Errorf("%d of store credit was given, %d spent, %d refunded, %d is left", given, spent, back, left)
	}
	var made string
	for _, status := range []string{"completed", "cancelled"} {
		n := w.count("COUNT(*) FROM ?(rk)orders WHERE credit_minor > 0 AND status = '" + status + "'")
		if many && n == 0 {
			w.t.Errorf("no order with store credit is %s: the test shows nothing", status)
		}
		made += fmt.Sprintf("%d %s, ", n, status)
	}
	w.t.Logf("orders with store credit: %sspent %d of %d, refunded %d", made, spent, given, back)
}
