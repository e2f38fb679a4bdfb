package scenarios

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refserver/internal/load"
	"github.com/returnkit/returnkit/refserver/internal/quality"
	"github.com/returnkit/returnkit/resilience"
)

func p1() Scenario {
	return Scenario{quality.Scenario{
		ID:       "P.1",
		Stimulus: "1,000 checkouts a second against a limit of 100",
		Measure:  "95th percentile of accepted orders; what the others are answered",
		Target:   "less than 500 ms; 429 with Retry-After, never 5xx",
	}, runP1}
}

func runP1(ctx context.Context, b *bench) (Result, error) {
	s, err := b.open("p1", "THROTTLING_MAX_RPS=100")
	if err != nil {
		return Result{}, err
	}
	address := s.url
	if b.broken {
		slow, err := b.slow(s.url, 600*time.Millisecond)
		if err != nil {
			return Result{}, err
		}
		address = slow
	}
	sum, err := load.Run(ctx, load.Options{
		URL: address, AdminUser: s.Config.SuperAdminUsername, AdminPassword: string(s.Config.SuperAdminPassword),
		Rate: b.of(300, 1000), Duration: time.Duration(b.of(3, 20)) * time.Second, CardPercent: 30, ProviderURL: b.pay,
	}, io.Discard)
	if err != nil {
		return Result{}, err
	}
	retry, err := s.retryAfter(ctx)
	if err != nil {
		return Result{}, err
	}
	return Result{
		Observed: fmt.Sprintf(
			"p95 %s of %d accepted at %.0f/s offered; %d answered 429 (Retry-After %q), %d failed", ms(sum.P95),
			sum.Accepted(), sum.Rate, sum.Throttled, retry, sum.Failed,
		),
		Fulfilled: sum.P95 < 500*time.Millisecond && sum.Accepted() > 0 && sum.Throttled > 0 && sum.Failed == 0 &&
			retry != "",
		sound:  sum.Accepted() > 0 && sum.Throttled > 0 && sum.Failed == 0 && retry != "",
		Charts: loadCharts(sum),
	}, nil
}

// retryAfter sends checkouts at once until one is over the limit, and returns its Retry-After.
func (s *shop) retryAfter(ctx context.Context) (string, error) {
	people, err := s.customers("p1", 40)
	if err != nil {
		return "", err
	}
	var mu sync.Mutex
	retry := ""
	err = parallel(len(people), len(people), func(i int) error {
		for range 3 {
			if err := people[i].AddToCart(ctx, 2, 1); err != nil {
				return err
			}
			answer, _ := people[i].Form(ctx, "/checkout", url.Values{"payment_method": {"Cash"}})
			if answer.Status == http.StatusTooManyRequests {
				mu.Lock()
				retry = answer.Header.Get("Retry-After")
				mu.Unlock()
			}
		}
		return nil
	})
	return retry, err
}

// slow passes requests on, and checkouts after a while.
func (b *bench) slow(address string, wait time.Duration) (string, error) {
	return b.proxy(address, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/checkout" {
				time.Sleep(wait)
			}
			next.ServeHTTP(w, r)
		})
	})
}

func p2() Scenario {
	return Scenario{quality.Scenario{
		ID:       "P.2",
		Stimulus: "200 buyers at once on the last 100 units of a product",
		Measure:  "units sold; 95th percentile of the wait for the lock",
		Target:   "100; less than 50 ms",
		StandIn: "the wait is how long the statement that locks the product took; on SQLite, which locks the " +
			"whole database, how long the transactions that touch products held it",
	}, runP2}
}

// lockTimes measures how long locks of products are waited for, or held: see p2.
type lockTimes struct {
	held    bool // SQLite: there is one writer, whose statements come in order
	counted atomic.Bool

	mu      sync.Mutex
	begun   time.Time
	touched bool
	took    []time.Duration
}

func (*lockTimes) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (l *lockTimes) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	if !l.counted.Load() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	products := strings.Contains(e.Query, "rk_products")
	switch {
	case !l.held:
		if products && strings.Contains(e.Query, "FOR ") && strings.Contains(e.Query, "UPDATE") {
			l.took = append(l.took, time.Since(e.StartTime))
		}
	case e.Query == "BEGIN":
		l.begun, l.touched = time.Now(), false
	case e.Query == "COMMIT" && l.touched:
		l.took = append(l.took, time.Since(l.begun))
	case products && strings.HasPrefix(e.Query, "UPDATE"):
		l.touched = true
	}
}

func (l *lockTimes) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.took)
}

// buy checks out, again as long as the shop is too busy to answer.
func buy(ctx context.Context, buyer *client.Client) error {
	for {
		_, err := buyer.Checkout(ctx, "", "")
		if client.StatusOf(err) != http.StatusTooManyRequests {
			return err
		}
		if err := resilience.Sleep(ctx, time.Second); err != nil { // as Retry-After says
			return err
		}
	}
}

func runP2(ctx context.Context, b *bench) (Result, error) {
	locks := &lockTimes{held: b.DatabaseURL == ""}
	s, err := b.openWith("p2", []app.Option{app.WithQueryHook(locks)})
	if err != nil {
		return Result{}, err
	}
	const units = 100
	buyers, err := s.customers("p2", 2*units)
	if err != nil {
		return Result{}, err
	}
	// Buyers that come together are served by one transaction: a sale has a handful of locks, of
	// which the 95th percentile would be the longest. So there are sales until it is one of many.
	var all sale
	sales := 0
	for enough := b.of(20, 100); locks.count() < enough; sales++ {
		if sales == enough {
			return Result{}, fmt.Errorf("%d locks of products were seen in %d sales", locks.count(), sales)
		}
		stock := units
		if b.broken {
			stock++
		}
		one, err := s.sellOut(ctx, buyers, stock, locks)
		if err != nil {
			return Result{}, err
		}
		all.sold, all.refused, all.left = all.sold+one.sold, all.refused+one.refused, all.left+one.left
		if one != (sale{sold: units, refused: units}) {
			all.wrong++
		}
	}
	wait := percentile(locks.took, 95)
	return Result{
		Observed: fmt.Sprintf(
			"%d sales: %d sold, %d told that it is sold out, %d left; wait %s of %d locks", sales, all.sold,
			all.refused, all.left, ms(wait), len(locks.took),
		),
		Fulfilled: all.wrong == 0 && wait < 50*time.Millisecond,
		sound:     all.wrong == 0,
	}, nil
}

// sale is how many units were sold, how many buyers were refused as sold out, and how many
// units were left; wrong is how many sales ended otherwise than they should.
type sale struct{ sold, refused, left, wrong int }

// sellOut has all buyers check out one unit each of a new product at once.
func (s *shop) sellOut(ctx context.Context, buyers []*client.Client, stock int, locks *lockTimes) (sale, error) {
	var found sale
	product, err := s.admin.NewProduct(ctx, "P.2", "10.00", stock)
	if err != nil {
		return found, err
	}
	err = parallel(len(buyers), 8, func(i int) error {
		// What sold out under a buyer is still in the cart.
		if _, err := buyers[i].Form(ctx, "/cancel_sale", url.Values{}); err != nil {
			return err
		}
		return buyers[i].AddToCart(ctx, product, 1)
	})
	if err != nil {
		return found, err
	}
	locks.counted.Store(true)
	defer locks.counted.Store(false)
	var mu sync.Mutex
	err = parallel(len(buyers), len(buyers), func(i int) error {
		err := buy(ctx, buyers[i])
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			found.sold++
		case client.StatusOf(err) == http.StatusConflict:
			found.refused++
		default:
			return err
		}
		return nil
	})
	if err != nil {
		return found, err
	}
	found.left, err = s.admin.Stock(ctx, product)
	return found, err
}
