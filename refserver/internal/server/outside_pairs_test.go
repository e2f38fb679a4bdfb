package server_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// TestARefundHereAndThereAtOncePaysOnce: staff refund a case by card while somebody
// refunds its payment on the provider's own pages; PAIRS of them.
func TestARefundHereAndThereAtOncePaysOnce(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		hereAndThere(t, int(testreq.Number(t, "PAIRS", 3)), settings...)
	})
}

func hereAndThere(t *testing.T, pairs int, settings ...string) {
	b := open(t, append(settings, "THROTTLING_MAX_RPS=10000")...)
	b.run()
	who, staff := b.customer("ada"), b.signIn()
	won := map[string]int{}
	for pair := range pairs {
		o := b.buy(who, 1)
		c := b.approved(o)
		path := "/api/admin/returns/" + c.ID + "/refund"
		var both sync.WaitGroup
		var here answer
		var there error
		calls := b.Simulator.Ledger().Calls
		both.Go(func() { here = staff.json(path, `{"method":"card"}`) })
		both.Go(func() {
			if pair%2 > 0 { // while ours is at the provider, or before
				testreq.Until(t, "our call", func() bool { return b.Simulator.Ledger().Calls > calls })
			}
			_, there = b.Simulator.RefundOutside(paysim.RefundParams{PaymentIntent: o.Payment.ProviderID})
		})
		both.Wait()
		if (here.status == http.StatusOK) == (there == nil) {
			t.Fatalf("here %d %s, there %v", here.status, shorten(here.body), there)
		}
		if there == nil {
			won["there"]++
		} else {
			won["here"]++
		}
		b.eventually("all of it in the books, once", func() bool {
			l, err := b.Refunds.PaymentLedger(t.Context(), refunds.PaymentRef{
				OrderID: o.ID, PaymentID: o.Payment.ID, Captured: o.Payment.Amount, Currency: o.Currency,
			})
			return err == nil && l.Refunded+l.Outside == o.Payment.Amount
		})
		for _, method := range []string{"store_credit", "cash", "card"} {
			if a := staff.json(path, `{"method":"`+method+`"}`); a.status == http.StatusOK && there == nil {
				t.Fatalf("it was refunded there, and by %s here: %s", method, shorten(a.body))
			}
		}
		if there == nil {
			continue
		}
		if now := b.theCase(c.ID); now.Status != returns.StatusRefunded {
			t.Fatalf("refunded here, and the case is %s", now.Status)
		}
	}
	if credit := b.credit(who); credit != 0 {
		t.Errorf("%d of store credit was given", credit)
	}
	ledger, left := b.Simulator.Ledger(), map[string]int64{}
	for _, c := range ledger.Charges {
		left[c.ID] = c.AmountMinor
	}
	for _, r := range ledger.Refunds {
		if r.Status != "failed" {
			left[r.Charge] -= r.AmountMinor
		}
	}
	for id, n := range left {
		if n < 0 {
			t.Errorf("charge %s was given back with %d more", id, -n)
		}
	}
	t.Logf("of %d pairs: %v", pairs, won)
	if pairs >= 50 && len(won) < 2 {
		t.Errorf("the same side won each time: the test shows nothing")
	}
}
