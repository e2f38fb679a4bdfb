package server_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// refundThere makes a refund at the provider that no call of the shop's asked
// for; under the metadata of ours, where it is not nil.
func (b *bench) refundThere(payment, amount string, ours *refunds.Refund) {
	b.t.Helper()
	form := url.Values{"payment_intent": {payment}, "amount": {amount}}
	if ours != nil {
		form.Set("metadata[refund_id]", ours.ID)
		form.Set("metadata[attempt_id]", ours.Attempts[0].ID)
	}
	r := httptest.NewRequest("POST", "/v1/refunds", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "Bearer sk_test_elsewhere")
	w := httptest.NewRecorder()
	b.Simulator.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		b.t.Fatalf("%d %s", w.Code, w.Body)
	}
}

// reconciliationAnswer is the last night's report, or that of a range of days.
type reconciliationAnswer struct {
	Reconciliation struct {
		From, To, Night string
		Findings        []struct {
			Finding string
			Count   int
		}
		Differences []struct {
			Finding     string
			RefundID    string `json:"refund_id"`
			Ours, There *struct {
				Amount   json.Number
				Currency string
			}
		}
	}
	Nights []struct{ Night string }
}

func (b *bench) reconciliation(staff browser, query string) (got reconciliationAnswer) {
	b.t.Helper()
	page := staff.get("/api/admin/reconciliation"+query).want(b.t, 200)
	if err := json.Unmarshal([]byte(page.body), &got); err != nil {
		b.t.Fatal(err)
	}
	return got
}

// found returns the counts by finding, and the amounts of each difference by finding and refund.
func (a reconciliationAnswer) found() (count map[string]int, rows map[string]string) {
	count, rows = map[string]int{}, map[string]string{}
	for _, f := range a.Reconciliation.Findings {
		count[f.Finding] = f.Count
	}
	for _, d := range a.Reconciliation.Differences {
		ours, there := "nothing", "nothing"
		if d.Ours != nil {
			ours = d.Ours.Amount.String()
		}
		if d.There != nil {
			there = d.There.Amount.String()
		}
		rows[d.Finding+" "+d.RefundID] = ours + " against " + there
	}
	return count, rows
}

func TestTheNightFindsWhatDiffers(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		ctx := t.Context()
		staff := b.signIn()
		staff.get("/admin/reconciliation").want(t, 200, "No reconciliation has run yet")
		staff.get("/api/admin/reconciliation").want(t, 200, `"reconciliation":null`, `"nights":[]`)
		who := b.customer("ada")
		pay := func(c returns.Return) refunds.Refund {
			t.Helper()
			_, r, err := b.Returns.Refund(ctx, c.ID, clerk, returns.RefundParams{Method: payment.Card})
			if err != nil || r.Status != refunds.StatusSucceeded {
				t.Fatalf("%s, %v", r.Status, err)
			}
			return r.Refund
		}

		pay(b.approved(b.buy(who, 1)))
		b.refundThere(b.buy(who, 1).Payment.ProviderID, "777", nil)
		said := func() refunds.Refund {
			t.Helper()
			c := b.approved(b.buy(who, 1))
			r := b.unknown(&c)
			if _, err := b.Refunds.Resolve(ctx, r.ID, clerk, refunds.ResolveParams{
				Paid: true, Reason: "I thought I saw it", Confirmed: money.New(r.Amount(), r.Quote.Currency),
			}); err != nil {
				t.Fatal(err)
			}
			return r
		}
		lied, short := said(), said()
		b.refundThere(short.Attempts[0].PaymentProviderID, "1234", &short)
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
		for f, want := range map[refunds.MatchStatus]int{
			refunds.Matched: 1, refunds.MissingLocally: 1, refunds.MissingAtProvider: 1, refunds.StateDiffers: 1,
			refunds.AmountDiffers: 1, refunds.InProgress: 0,
		} {
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
		staff.get("/admin/reconciliation").
			want(t, 200, "Night before "+run.Night, "Missing here", "7.77", lied.ID, "12.34",
				short.ID)
		staff.get("/admin/reconciliation?from="+today+"&to="+today).
			want(t, 200, "Compared now", "7.77", lied.ID, "12.34", short.ID)
		file := staff.get("/admin/reconciliation.csv?from="+today+"&to="+today).want(t, 200)
		rows, err := csv.NewReader(strings.NewReader(file.body)).ReadAll()
		if err != nil || len(rows) != 6 || !strings.HasPrefix(file.header.Get("Content-Disposition"), "attachment") {
			t.Errorf("%d rows, %v, %v: %s", len(rows), err, file.header, file.body)
		}
		for _, at := range []string{"", "?from=" + today + "&to=" + today} {
			got := b.reconciliation(staff, at)
			count, rows := got.found()
			price := money.New(short.Amount(), "USD").Decimal()
			// The night found what others made before it was booked; a comparison now finds it so, or booked.
			if count["missing_there"] != 1 || count["missing_here"]+count["outside"] != 1 ||
				count["amount_differs"] != 1 ||
				count["missing_here"] == 1 && rows["missing_here "] != "nothing against 7.77" ||
				rows["missing_there "+lied.ID] != price+" against nothing" ||
				rows["amount_differs "+short.ID] != price+" against 12.34" ||
				len(got.Nights) != 1 {
				t.Errorf("%q: %v, %v, %d nights", at, count, rows, len(got.Nights))
			}
			if asked := at != ""; asked != (got.Reconciliation.Night == "") || asked && got.Reconciliation.To != today {
				t.Errorf("%q: of night %q, up to %s", at, got.Reconciliation.Night, got.Reconciliation.To)
			}
		}
		for _, wrong := range []string{
			"?from=" + today, "?to=" + today, "?from=x&to=" + today, "?from=" + today + "&to=2020-01-01",
			"?from=2020-01-01&to=" + today,
		} {
			staff.get("/admin/reconciliation"+wrong).want(t, 400)
			staff.get("/admin/reconciliation.csv"+wrong).want(t, 400)
			staff.get("/api/admin/reconciliation"+wrong).want(t, 400, `"field"`)
		}
	})
}

// Staff said of the first attempt that it was not paid, it was paid by store
// credit instead, and then the provider has paid the first after all. Of another
// they said that it was paid, not under which id, and the provider took it back.
func TestTheNightSeesWhereAPersonWasWrong(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		ctx := t.Context()
		who := b.customer("ada")
		settled := func(paid bool) (returns.Return, refunds.Refund) {
			t.Helper()
			c := b.approved(b.buy(who, 1))
			r := b.unknown(&c)
			r, err := b.Refunds.Resolve(ctx, r.ID, clerk, refunds.ResolveParams{
				Paid: paid, Reason: "it looked like that", Confirmed: money.New(r.Amount(), r.Quote.Currency),
			})
			if err != nil {
				t.Fatal(err)
			}
			return c, r
		}
		twice, first := settled(false)
		if _, r, err := b.Returns.Refund(
			ctx, twice.ID, clerk, returns.RefundParams{Method: payment.StoreCredit},
		); err != nil ||
			r.Status != refunds.StatusSucceeded ||
			len(r.Attempts) != 2 {
			t.Fatalf("%+v, %v", r, err)
		}
		b.refundThere(first.Attempts[0].PaymentProviderID, fmt.Sprint(first.Amount()), &first)
		_, taken := settled(true)
		b.faults(paysim.Faults{RefundFailsLater: 1})
		b.refundThere(taken.Attempts[0].PaymentProviderID, fmt.Sprint(taken.Amount()), &taken)
		b.eventually("the provider to take it back", func() bool {
			return slices.ContainsFunc(
				b.Simulator.Ledger().Refunds, func(r paysim.Refund) bool { return r.Status == "failed" },
			)
		})
		b.Nightly.Now = func() time.Time { return time.Now().AddDate(0, 0, 1).Add(2 * time.Hour) }
		b.Nightly.NotBefore = time.Time{}
		if _, ran, err := b.Nightly.Due(ctx); err != nil || !ran {
			t.Fatalf("%v, %v", ran, err)
		}
		if list, n, err := b.Discrepancies.Open(ctx, 10); err != nil || n != 1 || list[0].RefundID != first.ID ||
			!strings.Contains(list[0].Message, "attempt 1") {
			t.Errorf("%d alarms, %+v, %v", n, list, err)
		}
		if r, err := b.Refunds.ByID(ctx, taken.ID); err != nil || r.Status != refunds.StatusReversed ||
			!strings.HasPrefix(r.Attempts[0].ProviderID, "re_") {
			t.Errorf("what was reversed is %s, %+v, %v", r.Status, r.Attempts, err)
		}
	})
}

func TestAComparisonThatBreaksOffSaysNothing(t *testing.T) {
	t.Parallel()
	b := open(t)
	staff := b.signIn()
	b.faults(paysim.Faults{Down: true})
	today := time.Now().UTC().Format(time.DateOnly)
	for _, path := range []string{"/admin/reconciliation", "/admin/reconciliation.csv", "/api/admin/reconciliation"} {
		staff.get(path+"?from="+today+"&to="+today).want(t, 502, "could not be read")
	}
}
