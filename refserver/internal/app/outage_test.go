package app_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/resilience"
	"github.com/returnkit/returnkit/returns"
)

func TestFailureProbabilitiesCountAfterTheDemoOrder(t *testing.T) {
	t.Parallel()
	s := open(t, false, "PAYMENT_CHARGE_FAILURE_PROBABILITY=1", "PAYMENT_REFUND_FAILURE_PROBABILITY=0.5")
	if n := len(s.Simulator.Ledger().Charges); n != 1 {
		t.Errorf("%d charges, want that of the demo order", n)
	}
	if o := buy(t, s, customer(t, s, "ada"), 2, 1, payment.Card); o.Status != orders.StatusQueued {
		t.Errorf("a charge during the outage: %s", o.Status)
	}
	want := paysim.Faults{
		Charge: paysim.CallFaults{Error5xx: 1, Lookup5xx: 1}, Refund: paysim.CallFaults{Error5xx: 0.5, Lookup5xx: 0.5},
	}
	if f := s.Simulator.Faults(); f != want {
		t.Errorf("plan %+v, want %+v", f, want)
	}
}

// The refund of the demo return during an outage: never refused, the breaker
// opens, and after the repair it is paid once.
func TestAnOutageOfRefundsOpensTheBreakerAndIsOver(t *testing.T) {
	t.Parallel()
	s := open(t, true, "PAYMENT_REFUND_FAILURE_PROBABILITY=1", "PAYMENT_PROVIDER_TIMEOUT=100ms")
	list, n, err := s.Returns.Returns(t.Context(), returns.Query{Text: app.DemoRMA})
	if err != nil || n != 1 {
		t.Fatalf("%d found, %v", n, err)
	}
	c := inspect(t, s, list[0])
	_, r, err := s.Returns.Refund(t.Context(), c.ID, clerk, returns.RefundParams{Method: payment.Card})
	if err != nil || !r.Status.Open() {
		t.Fatalf("refund during the outage: %s, %v", r.Status, err)
	}
	eventually(t, "the breaker to open", func() bool { return s.Breaker.State() == resilience.Open })
	if n := len(s.Simulator.Ledger().Refunds); n != 0 {
		t.Errorf("%d refunds at the provider", n)
	}
	if err := s.Simulator.SetFaults(paysim.Faults{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the refund after the repair", func() bool {
		got, err := s.Returns.Return(t.Context(), c.ID)
		return err == nil && got.Status == returns.StatusRefunded && s.Breaker.State() == resilience.Closed
	})
	if n := len(s.Simulator.Ledger().Refunds); n != 1 {
		t.Errorf("%d refunds at the provider", n)
	}
}

func TestFailureProbabilitiesAreMergedIntoTheSimulatorOutside(t *testing.T) {
	t.Parallel()
	had := paysim.Faults{KeyAgeS: 60, Charge: paysim.CallFaults{Conflict409: 0.001}}
	merged := had
	merged.Refund.Error5xx, merged.Refund.Lookup5xx = 0.25, 0.25
	for name, tc := range map[string]struct {
		setting string
		want    paysim.Faults
	}{
		"above 0": {"PAYMENT_REFUND_FAILURE_PROBABILITY=0.25", merged},
		"0":       {"PAYMENT_REFUND_FAILURE_PROBABILITY=0", had},
		"unset":   {"PAYMENT_REFUND_FAILURE_PROBABILITY=", had},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, err := paysim.New(paysim.Config{Faults: had})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = sim.Close() })
			url, err := sim.Start(t.Context(), "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			open(t, false, "PAYMENT_PROVIDER_URL="+url, tc.setting)
			if f := sim.Faults(); f != tc.want {
				t.Errorf("plan %+v, want %+v", f, tc.want)
			}
		})
	}
}

// Whatever stands at the provider's address, the shop starts; only a simulator
// is asked to fail, and nothing is sent on to where it redirects.
func TestFailureProbabilitiesNeedASimulator(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	for name, handler := range map[string]http.HandlerFunc{
		"another provider": http.NotFound,
		"one that redirects": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusPermanentRedirect)
		},
		"one that is down":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"one that is refused": func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			var patches atomic.Int64
			provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPatch {
					patches.Add(1)
					if r.Header.Get("Authorization") != "" {
						t.Error("the key was sent")
					}
				}
				handler(w, r)
			}))
			defer provider.Close()
			s := open(t, false, "PAYMENT_PROVIDER_URL="+provider.URL, "PAYMENT_REFUND_FAILURE_PROBABILITY=1",
				"APP_ENV=production", "SUPER_ADMIN_PASSWORD=of-my-own-1", "SECRET_KEY=0123456789abcdef0123456789abcdef")
			if s.Simulator != nil || patches.Load() != 1 {
				t.Errorf("%d times asked to fail", patches.Load())
			}
		})
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("%d requests were sent on", n)
	}
}

// A simulator that starts after the shop is configured as soon as it is there.
func TestFailureProbabilitiesReachASimulatorThatStartsLater(t *testing.T) {
	t.Parallel()
	sim, err := paysim.New(paysim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	var up atomic.Bool
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		sim.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(provider.Close)
	open(t, true, "PAYMENT_PROVIDER_URL="+provider.URL, "PAYMENT_CHARGE_FAILURE_PROBABILITY=0.5")
	if f := sim.Faults(); f != (paysim.Faults{}) {
		t.Fatalf("plan %+v", f)
	}
	up.Store(true)
	eventually(t, "the plan", func() bool { return sim.Faults().Charge.Error5xx == 0.5 })
}
