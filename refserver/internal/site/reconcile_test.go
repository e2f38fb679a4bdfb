package site_test

import (
	"encoding/csv"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// refundThere makes a refund on the provider's own pages.
func (b *bench) refundThere(o orders.Order, amount string) {
	b.t.Helper()
	r := httptest.NewRequest("POST", "/v1/refunds", strings.NewReader(url.Values{"payment_intent": {o.Payment.Reference}, "amount": {amount}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "Bearer sk_test_elsewhere")
	w := httptest.NewRecorder()
	b.Simulator.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		b.t.Fatalf("%d %s", w.Code, w.Body)
	}
}

func TestTheNightFindsWhatDiffers(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		ctx := t.Context()
		staff := b.signIn()
		staff.get("/admin/reconciliation").want(t, 200, "Nothing has been compared yet")
		who := b.customer("ada")
		pay := func(c returns.Return) refunds.Refund {
			t.Helper()
			_, r, err := b.Returns.Refund(ctx, c.ID, refunds.Card, clerk)
			if err != nil || r.Status != refunds.StatusSucceeded {
				t.Fatalf("%s, %v", r.Status, err)
			}
			return r
		}

		pay(b.approved(b.buy(who, 1)))
		b.refundThere(b.buy(who, 1), "777")
		c := b.approved(b.buy(who, 1))
		lied := b.unknown(&c)
		if _, err := b.Refunds.Resolve(ctx, lied.ID, true, "I thought I saw it", clerk, ""); err != nil {
			t.Fatal(err)
		}
		b.faults(paysim.Faults{RefundFailsLater: 1})
		taken := b.approved(b.buy(who, 1))
		reversed := pay(taken) // its message is lost: nobody receives any
		b.faults(paysim.Faults{})
		b.eventually("the provider to take it back", func() bool {
			for _, r := range b.Simulator.Ledger().Refunds {
				if r.Status == "failed" {
					return true
				}
			}
			return false
		})

		b.Nightly.Now = func() time.Time { return time.Now().AddDate(0, 0, 1).Add(2 * time.Hour) }
		b.Nightly.NotBefore = time.Time{}
		run, ran, err := b.Nightly.Due(ctx)
		if err != nil || !ran {
			t.Fatalf("%v, %v", ran, err)
		}
		for f, want := range map[refunds.Finding]int{refunds.Matched: 1, refunds.MissingHere: 1, refunds.MissingThere: 1, refunds.StateDiffers: 1, refunds.AmountDiffers: 0, refunds.InProgress: 0} {
			if got := run.Report.Totals.Count[f]; got != want {
				t.Errorf("%d %s, want %d", got, f, want)
			}
		}
		if r, err := b.Refunds.ByID(ctx, reversed.ID); err != nil || r.Status != refunds.StatusReversed {
			t.Errorf("what the provider took back is %s, %v", r.Status, err)
		}
		b.run()
		b.eventually("the task", func() bool { return len(b.theCase(taken.ID).OpenTasks()) == 1 })

		today := time.Now().UTC().Format(time.DateOnly)
		staff.get("/admin/reconciliation").want(t, 200, "The night before "+run.Night, "Missing here", "7.77", lied.ID)
		staff.get("/admin/reconciliation?from="+today+"&to="+today).want(t, 200, "Compared just now", "7.77", lied.ID)
		file := staff.get("/admin/reconciliation.csv?from="+today+"&to="+today).want(t, 200)
		rows, err := csv.NewReader(strings.NewReader(file.body)).ReadAll()
		if err != nil || len(rows) != 5 || !strings.HasPrefix(file.header.Get("Content-Disposition"), "attachment") {
			t.Errorf("%d rows, %v, %v: %s", len(rows), err, file.header, file.body)
		}
		for _, wrong := range []string{"?from=" + today, "?to=" + today, "?from=x&to=" + today, "?from=" + today + "&to=2020-01-01", "?from=2020-01-01&to=" + today} {
			staff.get("/admin/reconciliation"+wrong).want(t, 400)
			staff.get("/admin/reconciliation.csv"+wrong).want(t, 400)
		}
	})
}

func TestAComparisonThatBreaksOffSaysNothing(t *testing.T) {
	t.Parallel()
	b := open(t)
	staff := b.signIn()
	b.faults(paysim.Faults{Down: true})
	today := time.Now().UTC().Format(time.DateOnly)
	for _, path := range []string{"/admin/reconciliation", "/admin/reconciliation.csv"} {
		staff.get(path+"?from="+today+"&to="+today).want(t, 502, "could not be read")
	}
}
