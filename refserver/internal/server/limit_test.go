package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/redistest"
	"github.com/returnkit/returnkit/internal/statements"
	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
)

var cash = url.Values{"payment_method": {"Cash"}}

// offer has each person send n checkouts of a mouse, one after the other, and
// counts those that passed. An error page fails the test.
func offer(t *testing.T, people []browser, n int) (passed int64) {
	t.Helper()
	var count atomic.Int64
	var all sync.WaitGroup
	for _, p := range people {
		all.Go(func() {
			filled := false
			for range n {
				if !filled {
					p.form("/add_to_cart", url.Values{"product_id": {"2"}}).want(t, http.StatusOK)
					filled = true
				}
				switch a := p.form("/checkout", cash); {
				case a.status == http.StatusOK:
					count.Add(1)
					filled = false
				case a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "":
					t.Errorf("a checkout is answered %d, Retry-After %q", a.status, a.header.Get("Retry-After"))
				}
			}
		})
	}
	all.Wait()
	return count.Load()
}

// TestShopsOnOneRedisShareTheLimitAndKeepItWithoutIt is faults O5 and S11: the
// limit was off while Redis was away.
//
// It runs beside no other test of this package: a decision has 15 ms, and one
// that is late is made by the shop itself.
func TestShopsOnOneRedisShareTheLimitAndKeepItWithoutIt(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/server/")
	redis := redistest.Start(t)
	people := make([]browser, 8)
	for i := range people {
		people[i] = open(t, "REDIS_URL="+redis.URL(), "THROTTLING_MAX_RPS=2", "THROTTLING_REPLICAS=8").signIn()
	}
	health := func() observability.Report { return people[0].Health.Report(t.Context()) }
	if r := health(); r.Components["redis"].Status != observability.StatusUp {
		t.Errorf("health with Redis: %+v", r)
	}
	// The burst is 1 and the rate 2 a second, of all together; each shop alone has
	// a burst of 1 and an eighth of the rate. Decisions that Redis makes too late on
	// a busy machine are made by the shops.
	limit := func(begin time.Time) int64 { return 1 + 8 + int64(2*2*time.Since(begin)/time.Second) + 1 }
	begin := time.Now()
	passed := offer(t, people, 25)
	t.Logf("%d of 200 checkouts passed in %s", passed, time.Since(begin))
	if passed > limit(begin) {
		t.Errorf("%d of 200 checkouts passed in %s; at most %d may", passed, time.Since(begin), limit(begin))
	}

	redis.Kill()
	begin = time.Now()
	passed = offer(t, people, 25)
	t.Logf("without Redis %d of 200 checkouts passed in %s", passed, time.Since(begin))
	if passed > limit(begin) {
		t.Errorf("without Redis %d of 200 checkouts passed in %s; at most %d may", passed, time.Since(begin),
			limit(begin))
	}
	// The shops may have spent their own burst on decisions that Redis made too late.
	people[0].eventually("a checkout to pass without Redis", func() bool { return offer(t, people[:1], 1) == 1 })
	people[0].eventually("health to say that Redis is gone", func() bool {
		r := health()
		return r.Usable && r.Status == observability.StatusDegraded &&
			r.Components["redis"].Status == observability.StatusDown
	})
	redis.Restart(t)
	people[0].eventually("health to say that Redis is back", func() bool {
		return health().Components["redis"].Status == observability.StatusUp
	})
}

func TestACheckoutOverTheLimitCostsNoQuery(t *testing.T) {
	t.Parallel()
	b := open(t, "THROTTLING_MAX_RPS=1")
	somebody := b.signIn()
	c := statements.Watch(b.DB)
	somebody.form("/add_to_cart", url.Values{"product_id": {"2"}}).want(t, http.StatusOK)
	c.Take()
	for range 5 { // the first takes the burst, and its session is remembered
		c.Want(t, "before", 0, 0)
		if a := somebody.form("/checkout", cash); a.status == http.StatusTooManyRequests {
			a.want(t, http.StatusTooManyRequests, "System is busy")
			c.Want(t, "a checkout over the limit", 0, 0)
			return
		}
		c.Take()
	}
	t.Error("no checkout was over the limit of one a second")
}

func TestWhoBringsNoSessionTakesNothingFromTheLimit(t *testing.T) {
	t.Parallel()
	b := open(t, "THROTTLING_MAX_RPS=1")
	nobody := browser{b, http.DefaultClient}
	for range 5 {
		nobody.form("/checkout", cash).want(t, http.StatusUnauthorized)
	}
	b.signIn().form("/checkout", cash).want(t, http.StatusBadRequest)
}

func TestACheckoutThatCantBeAnsweredInTimeIsToldSoAtOnce(t *testing.T) {
	t.Parallel()
	b := open(t, "THROTTLING_MAX_RPS=100000", "CHECKOUT_PAYMENT_WAIT=4s", "PAYMENT_PROVIDER_TIMEOUT=5s")
	somebody := b.signIn()
	somebody.form("/add_to_cart", url.Values{"product_id": {"3"}}).want(t, http.StatusOK)
	b.faults(paysim.Faults{LatencyMS: 1000}) // of each of a charge's two calls
	// One cart, many times: one is charged, and the others wait for it.
	form := url.Values{"payment_method": {"Card"}, "card_number": {"4242424242424242"}, "card_exp_date": {"12/2099"},
		"card_type": {"Visa"}}
	cart, err := b.Orders.Cart(t.Context(), b.super())
	if err != nil {
		t.Fatal(err)
	}
	form.Set("cart_id", cart.Cart.ID)
	var receipts, busy atomic.Int64
	var all sync.WaitGroup
	for range 300 {
		all.Go(func() {
			switch a := somebody.form("/checkout", form); {
			case a.status == http.StatusOK:
				receipts.Add(1)
			case a.status == http.StatusTooManyRequests && a.header.Get("Retry-After") != "" &&
				strings.Contains(a.body, "System is busy"):
				busy.Add(1)
			default:
				t.Errorf("a checkout is answered %d: %s", a.status, shorten(a.body))
			}
		})
	}
	all.Wait()
	if receipts.Load() < 128 || busy.Load() < 1 {
		t.Errorf("%d receipts and %d told to come back, of 300 where 128 run at once", receipts.Load(), busy.Load())
	}
	if n := len(b.Simulator.Ledger().Charges); n != 2 { // and that of the demo data
		t.Errorf("the provider's ledger has %d charges, want 2", n)
	}
}

// super is the id of the super admin.
func (b *bench) super() string {
	b.t.Helper()
	u, err := b.Auth.UserByName(b.t.Context(), b.Config.SuperAdminUsername)
	if err != nil {
		b.t.Fatal(err)
	}
	return u.ID
}
