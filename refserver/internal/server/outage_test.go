package server_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/load"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
)

// TestAnOutageInAFlashSaleLosesNoOrder is the short form of
// `refserver load availability-failure`.
func TestAnOutageInAFlashSaleLosesNoOrder(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/server/")
	t.Parallel()
	sim, err := paysim.New(paysim.Config{Ledger: filepath.Join(t.TempDir(), "ledger.jsonl")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	provider, err := sim.Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, "PAYMENT_PROVIDER_URL="+provider, "THROTTLING_MAX_RPS=5000", "CHECKOUT_PAYMENT_WAIT=25ms")
	b.run()
	o := load.Options{
		URL: b.url, AdminUser: b.Config.SuperAdminUsername, AdminPassword: string(b.Config.SuperAdminPassword),
		ProviderURL: provider,
		Rate:        100, Duration: 5 * time.Second, Users: 30, CardPercent: 30, Outage: 2 * time.Second,
		Settle: 3 * time.Minute,
	}
	var said strings.Builder
	s, err := load.Run(t.Context(), o, &said)
	t.Log("\n" + said.String())
	if err != nil {
		t.Fatal(err)
	}
	// On a machine that is too slow for the rate fewer are offered in the time.
	if s.Failed+s.Refused > 0 || s.AcceptedShare() != 100 || s.Accepted() == 0 {
		t.Errorf("accepted %d, throttled %d, refused %d, failed %d", s.Accepted(), s.Throttled, s.Refused, s.Failed)
	}
	if s.Queued == 0 || s.Unsettled > 0 {
		t.Errorf("%d orders were queued, %d still are", s.Queued, s.Unsettled)
	}
	_, completed, err := b.Orders.Orders(
		t.Context(),
		orders.Query{Status: []orders.Status{orders.StatusCompleted}, PageSize: 1},
	)
	if err != nil {
		t.Fatal(err)
	}
	if want := s.Accepted() + 1; completed != want { // and the one of the demo data
		t.Errorf("%d orders are completed, want %d", completed, want)
	}
	if s.Charges != s.CardOrders || s.DoubleCharges > 0 {
		t.Errorf(
			"the provider's ledger has %d charges for %d orders by card, %d of them a second one",
			s.Charges,
			s.CardOrders,
			s.DoubleCharges,
		)
	}
}
