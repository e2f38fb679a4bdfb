package server_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/returns"
)

func TestARefundOverTheInterfaceIsMadeOncePerKey(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, append(settings, "PAYMENT_PROVIDER_TIMEOUT=5s")...)
		staff := b.signIn()
		who := b.customer("ada")
		c, other := b.approved(b.buy(who, 1)), b.approved(b.buy(who, 1))
		path := "/api/admin/returns/" + c.ID + "/refund"

		// While the first is under way, the same key is refused.
		b.faults(paysim.Faults{LatencyMS: 1500})
		var first answer
		var group sync.WaitGroup
		group.Go(func() { first = staff.json(path, `{"method":"CARD"}`, "Idempotency-Key", "k1") })
		b.eventually("the refund to be under way", func() bool {
			r, err := b.Refunds.ByClientReference(t.Context(), c.ID)
			return err == nil && !r.Attempts[0].FirstSentAt.IsZero()
		})
		refused := staff.json(path, `{"method":"CARD"}`, "Idempotency-Key", "k1").want(t, 409, `"code":"IN_FLIGHT"`)
		if refused.header.Get("Retry-After") == "" {
			t.Error("it does not say when to ask again")
		}
		group.Wait()
		b.faults(paysim.Faults{})
		first.want(t, 200, `"success":true`)

		again := staff.json(path, `{"method":"CARD"}`, "Idempotency-Key", "k1").want(t, 200)
		if again.body != first.body || again.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("the answer given again is another one: %s, %v", again.body, again.header)
		}
		staff.json(path, `{"method":"CASH"}`, "Idempotency-Key", "k1").want(t, 409, `"code":"IDEMPOTENCY_MISMATCH"`)
		staff.json("/api/admin/returns/"+other.ID+"/refund", `{"method":"CARD"}`,
			"Idempotency-Key", "k1").
			want(t, 409, `"code":"IDEMPOTENCY_MISMATCH"`)
		staff.json(path, `{}`, "Idempotency-Key", strings.Repeat("k", 300)).want(t, 400)
		if n := len(b.Simulator.Ledger().Refunds); n != 1 {
			t.Errorf("%d refunds at the provider", n)
		}
	})
}

func TestARefundOfAnotherAmountThanIsMeantIsNotMade(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		staff := b.signIn()
		c := b.approved(b.buy(b.customer("ada"), 1))
		q, _, err := b.Returns.Quote(t.Context(), c.ID, returns.RefundParams{Method: payment.Card})
		if err != nil {
			t.Fatal(err)
		}
		amount := fmt.Sprintf("%d.%02d", q.Amount/100, q.Amount%100)
		path := "/api/admin/returns/" + c.ID + "/refund"
		staff.json(path, `{"method":"CARD","refund_amount_available":1}`).want(t, 412, `"code":"AMOUNT_CHANGED"`)
		staff.json(path, `{"method":"CARD","refund_amount_available":1.234}`).want(t, 400, "refund_amount_available")
		staff.json(path, `{"method":"CARD","refund_amount_available":"x"}`).want(t, 400)
		staff.form("/admin/returns/"+c.ID+"/refund",
			url.Values{"refund_amount_available": {"0.01"}}).want(t, 412, "look at it again")
		if n := len(b.Simulator.Ledger().Refunds); n != 0 {
			t.Errorf("%d refunds at the provider", n)
		}
		staff.json(path, `{"method":"CARD","refund_amount_available":`+amount+`}`).want(t, 200)
		if r := b.Simulator.Ledger().Refunds; len(r) != 1 || r[0].AmountMinor != q.Amount {
			t.Errorf("refunds at the provider: %+v", r)
		}
	})
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

func TestADoubleClickOnTheRefundIsOneRefund(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		staff := b.signIn()
		c := b.approved(b.buy(b.customer("ada"), 1))
		page := staff.get("/admin/returns/"+c.ID).want(t, 200)
		_, form, _ := strings.Cut(page.body, `action="/admin/returns/`+c.ID+`/refund"`)
		form, _, _ = strings.Cut(form, "</form>")
		fields := url.Values{"method": {"STORE_CREDIT"}}
		for _, m := range hidden.FindAllStringSubmatch(form, -1) {
			fields.Set(m[1], m[2])
		}
		if fields.Get("Idempotency-Key") == "" || fields.Get("refund_amount_available") == "" {
			t.Fatalf("the form holds %v", fields)
		}
		var clicks sync.WaitGroup
		var again atomic.Int64
		for range 4 {
			clicks.Go(func() {
				a := staff.form("/admin/returns/"+c.ID+"/refund", fields)
				if a.status != 302 || a.header.Get("Location") != "/admin/returns/"+c.ID {
					t.Errorf("a click: %d %s", a.status, shorten(a.body))
				}
				if a.header.Get("Idempotent-Replayed") == "true" {
					again.Add(1)
				}
			})
		}
		clicks.Wait()
		if again.Load() != 3 {
			t.Errorf("%d of 4 clicks got the answer of another, want all but the first", again.Load())
		}
		entries, err := b.Refunds.CreditEntries(t.Context(), c.CustomerID)
		if err != nil || len(entries) != 1 {
			t.Errorf("%+v, %v", entries, err)
		}
	})
}

func TestACheckoutIsOneOrderPerKey(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		who := b.customer("ada")
		ada := b.signInAs("ada", "correct horse")
		fill := func() {
			if _, err := b.Orders.SetCartQuantity(t.Context(), who.ID, keyboard, 1); err != nil {
				t.Fatal(err)
			}
		}
		fill()
		card := url.Values{
			"payment_method": {"Card"},
			"card_number":    {"4242424242424242"},
			"card_exp_date":  {"12/2099"},
			"card_type":      {"Visa"},
		}
		answers := make([]answer, 5)
		var group sync.WaitGroup
		for i := range answers {
			group.Go(func() { answers[i] = ada.form("/checkout", card, "Idempotency-Key", "c1") })
		}
		group.Wait()
		for _, a := range answers {
			a.want(t, 200)
		}
		fill()
		ada.form("/checkout", card, "Idempotency-Key", "c1").want(t, 200) // the first order again, not this cart
		card.Set("card_exp_date", "11/2099")
		ada.form("/checkout", card, "Idempotency-Key", "c1").want(t, 409)
		var list struct {
			Orders []json.RawMessage `json:"orders"`
		}
		if err := json.Unmarshal([]byte(ada.get("/api/orders").want(t, 200).body), &list); err != nil ||
			len(list.Orders) != 1 {
			t.Errorf("%d orders, %v", len(list.Orders), err)
		}
		ada.form("/checkout", card, "Idempotency-Key", "c2").want(t, 200)
		if n := len(b.Simulator.Ledger().Charges); n != 3 {
			t.Errorf("%d charges, of the demo order and these two", n)
		}
	})
}
