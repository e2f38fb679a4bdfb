package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/e2e/apptest"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/returns"
)

// open opens a shop with these settings, and runs its workers where asked to.
func open(t *testing.T, run bool, settings ...string) *app.App {
	t.Helper()
	s := apptest.Open(t, slog.LevelInfo, append([]string{"BREAKER_OPEN_SECONDS=1"}, settings...))
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	stopped := make(chan error, 1)
	if run {
		go func() { stopped <- s.Run(ctx) }()
	} else {
		stopped <- nil
	}
	t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	return s
}

// each runs the test on both databases.
func each(t *testing.T, fn func(t *testing.T, settings ...string)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { fn(t) })
	t.Run("postgres", func(t *testing.T) { fn(t, "DATABASE_URL="+apptest.PostgresURL(t)) })
}

func customer(t *testing.T, s *app.App, name string) event.Actor {
	t.Helper()
	u, err := s.Auth.Register(
		t.Context(),
		auth.Registration{Username: name, Email: name + "@example.com", Password: "correct horse"},
	)
	if err != nil {
		t.Fatal(err)
	}
	return event.Actor{Kind: event.ActorCustomer, ID: u.ID, Name: u.Username}
}

func buy(t *testing.T, s *app.App, who event.Actor, product int64, quantity int, method payment.Method) orders.Order {
	t.Helper()
	cart, err := s.Orders.SetCartQuantity(t.Context(), who.ID, product, quantity)
	if err != nil {
		t.Fatal(err)
	}
	req := orders.CheckoutRequest{Customer: who, CartID: cart.Cart.ID, Method: method, Source: "test"}
	if method == payment.Card {
		if req.Token, err = s.TokenFor("4242424242424242", "12/2099", "Visa"); err != nil {
			t.Fatal(err)
		}
	}
	o, err := s.Orders.Checkout(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// bought is an order whose payment has arrived: on a busy machine the provider may answer
// after its time, and the order is queued first.
func bought(t *testing.T, s *app.App, who event.Actor, product int64, quantity int) orders.Order {
	t.Helper()
	o := buy(t, s, who, product, quantity, payment.Card)
	eventually(t, "the payment", func() bool {
		var err error
		if o, err = s.Orders.Order(t.Context(), o.ID); err != nil {
			t.Fatal(err)
		}
		return o.Status == orders.StatusCompleted
	})
	return o
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	testreq.UntilEvery(t, 10*time.Millisecond, what, cond)
}

func counter(s *app.App, name string) float64 {
	sum := 0.0
	for _, sample := range s.Metrics.Snapshot().Counters[name] {
		sum += sample.Value
	}
	return sum
}

func TestAnOutageQueuesOrdersAndTheyAreChargedAfter(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		s := open(t, true, settings...)
		who := customer(t, s, "ada")
		if o := buy(t, s, who, 2, 1, payment.Card); o.Status != orders.StatusCompleted {
			t.Fatalf("before the outage: %s", o.Status)
		}
		before := len(s.Simulator.Ledger().Charges)
		if err := s.Simulator.SetFaults(paysim.Faults{Down: true}); err != nil {
			t.Fatal(err)
		}
		var queued []string
		for range 8 {
			o := buy(t, s, who, 2, 1, payment.Card)
			if o.Status != orders.StatusQueued {
				t.Fatalf("during the outage: %s", o.Status)
			}
			queued = append(queued, o.ID)
		}
		if o := buy(t, s, who, 2, 1, payment.Cash); o.Status != orders.StatusCompleted {
			t.Errorf("cash during the outage: %s", o.Status)
		}
		report := s.Health.Report(t.Context())
		if report.Status != observability.StatusDegraded || !report.Usable ||
			report.Components["payment_provider"].Status != observability.StatusDown {
			t.Errorf("health: %+v", report)
		}
		if err := s.Simulator.SetFaults(paysim.Faults{}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the queued orders to be completed", func() bool {
			for _, id := range queued {
				if o, err := s.Orders.Order(t.Context(), id); err != nil || o.Status != orders.StatusCompleted {
					return false
				}
			}
			return true
		})
		if n := len(s.Simulator.Ledger().Charges) - before; n != len(queued) {
			t.Errorf("%d charges for %d orders", n, len(queued))
		}
		opened := counter(s, "payment_circuit_open_events_total")
		recovered := counter(s, "payment_circuit_recoveries_total")
		if opened < 1 || recovered != opened {
			t.Errorf("%v openings, %v recoveries", opened, recovered)
		}
		var names []string
		for _, e := range s.Metrics.Snapshot().Events {
			names = append(names, e.Name)
		}
		for _, want := range []string{
			"order_completed", "order_queued_for_retry", "payment_circuit_opened", "payment_service_recovered",
			"payment_circuit_state_change",
		} {
			if !strings.Contains(fmt.Sprint(names), want) {
				t.Errorf("no event %s in %v", want, names)
			}
		}
		submitted, accepted := counter(s, "orders_submitted_total"), counter(s, "orders_accepted_total")
		if submitted != accepted || accepted != 11 {
			t.Errorf("%v submitted, %v accepted; the demo order, one before, nine during", submitted, accepted)
		}
	})
}

func TestADeclineIsAnAnswerAndNoFailure(t *testing.T) {
	t.Parallel()
	s := open(t, false)
	who := customer(t, s, "ada")
	for range 8 {
		cart, err := s.Orders.SetCartQuantity(t.Context(), who.ID, 2, 1)
		if err != nil {
			t.Fatal(err)
		}
		token, err := s.TokenFor("4000000000000002", "12/2099", "")
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Orders.Checkout(
			t.Context(),
			orders.CheckoutRequest{
				Customer: who,
				CartID:   cart.Cart.ID,
				Method:   payment.Card,
				Token:    token,
				Source:   "test",
			},
		)
		if orders.CodeOf(err) != orders.CodePaymentDeclined {
			t.Fatalf("checkout: %v", err)
		}
	}
	if report := s.Health.Report(t.Context()); report.Status != observability.StatusUp {
		t.Errorf("declines opened the breaker: %+v", report)
	}
	if submitted := counter(s, "orders_submitted_total"); submitted != 1 {
		t.Errorf("%v submitted: a decline is neither accepted nor failed, the demo order is one", submitted)
	}
}

func TestProductionHasNoDemoData(t *testing.T) {
	t.Parallel()
	s := open(t, false, "APP_ENV=production", "SUPER_ADMIN_PASSWORD=of-my-own-1",
		"SECRET_KEY=0123456789abcdef0123456789abcdef", "STRIPE_SECRET_KEY=sk_test_own")
	products, err := s.Orders.Products(t.Context())
	if err != nil || len(products) != 0 {
		t.Errorf("%d products, %v", len(products), err)
	}
	if u, err := s.Auth.UserByName(t.Context(), "super_admin"); err != nil || !u.Super {
		t.Errorf("super admin: %+v, %v", u, err)
	}
}

// The policy of the settings may take no return like that of the demo.
func TestTheDemoDataIsThereWhateverThePolicy(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		settings  []string
		overrides int
	}{
		"the default":                  {nil, 0},
		"photos required":              {[]string{"RETURNS_REQUIRE_PHOTOS=true"}, 1},
		"a window to the end of today": {[]string{"RETURN_WINDOW_DAYS=0"}, 0},
		"both":                         {[]string{"RETURN_WINDOW_DAYS=0", "RETURNS_REQUIRE_PHOTOS=true"}, 1},
		"no photos, one kind, small":   {[]string{"RETURNS_MAX_PHOTOS=0", "MAX_RETURN_ITEM_QUANTITY=1"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, false, tc.settings...)
			list, _, err := s.Returns.Returns(t.Context(), returns.Query{})
			if err != nil || len(list) != 1 {
				t.Fatalf("%d returns, %v", len(list), err)
			}
			if list[0].RMA != app.DemoRMA || list[0].Status != returns.StatusAuthorized {
				t.Errorf("%s is %s", list[0].RMA, list[0].Status)
			}
			if got := len(list[0].Overrides); got != tc.overrides {
				t.Errorf("%d overrides in its trail, want %d", got, tc.overrides)
			}
		})
	}
}

// TestTheDemoDataIsThereInEveryCurrency: in some the laptop cost less than the provider charges.
func TestTheDemoDataIsThereInEveryCurrency(t *testing.T) {
	t.Parallel()
	for currency, laptop := range map[string]int64{
		"KWD": 1_050_000, "HUF": 105_000, "UGX": 10_500, "VND": 105_000, "IDR": 10_500_000, "COP": 1_050_000,
		"LBP": 10_500_000, "ISK": 1_050, "MGA": 1_050_000, "XCG": 105_000,
	} {
		t.Run(currency, func(t *testing.T) {
			s := open(t, false, "CURRENCY="+currency)
			list, _, err := s.Returns.Returns(t.Context(), returns.Query{Text: app.DemoRMA})
			if err != nil || len(list) != 1 {
				t.Errorf("%d returns, %v", len(list), err)
			}
			if products, err := s.Orders.Products(t.Context()); err != nil || products[0].Price != laptop {
				t.Errorf("the laptop costs %d, want %d, %v", products[0].Price, laptop, err)
			}
		})
	}
}

func TestACurrencyWithoutDecimalsHasDemoDataToo(t *testing.T) {
	t.Parallel()
	s := open(t, false, "CURRENCY=JPY")
	products, err := s.Orders.Products(t.Context())
	if err != nil || len(products) == 0 || products[0].Price != 1050 {
		t.Fatalf("products %v, %v", products, err)
	}
	super, err := s.Auth.UserByName(t.Context(), "super_admin")
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := s.Orders.Orders(t.Context(), orders.Query{CustomerID: super.ID})
	if err != nil || len(list) != 1 || list[0].Total() != 1050+53+8 {
		t.Errorf("orders %v, %v", list, err)
	}
}

func TestTheCheckoutLimitAdmitsItsRateAndSaysSystemIsBusy(t *testing.T) {
	t.Parallel()
	s := open(t, false, "THROTTLING_MAX_RPS=1", "THROTTLING_WINDOW_SECONDS=60")
	guard, err := s.CheckoutGuard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "System is busy", http.StatusTooManyRequests)
	}), nil)
	if err != nil {
		t.Fatal(err)
	}
	h := guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	passed := 0
	for range 20 {
		w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/checkout", nil)
		r.AddCookie(&http.Cookie{Name: s.Auth.CookieName(), Value: "made up"}) // counted under its address
		h.ServeHTTP(w, r)
		switch {
		case w.Code == http.StatusOK:
			passed++
		case w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "":
			t.Errorf("refused with %d and %v", w.Code, w.Header())
		}
	}
	if passed < 3 || passed > 5 { // a burst of 3, and one more for each second this takes
		t.Errorf("%d passed", passed)
	}
}

func TestTheAddressOfWhoAsksPassesTrustedProxiesOnly(t *testing.T) {
	t.Parallel()
	s := open(t, false, "TRUSTED_PROXIES=10.0.0.0/8")
	for remote, want := range map[string]string{"10.1.2.3:80": "198.51.100.7", "203.0.113.5:80": "203.0.113.5"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = remote
		r.Header.Set("X-Forwarded-For", "192.0.2.1, 198.51.100.7")
		if got := s.ClientAddress(r); got != want {
			t.Errorf("through %s: %s, want %s", remote, got, want)
		}
	}
}
