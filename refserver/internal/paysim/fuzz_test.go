package paysim

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
)

// Whatever form is sent: an answer that is JSON, no 500, and money only by a
// request that names its amount.
func FuzzForm(f *testing.F) {
	for _, s := range []string{
		"amount=100&currency=usd&confirm=true&payment_method=pm_card_visa&metadata[order_id]=1",
		"amount=100&currency=usd&expand[]=latest_charge&expand[0]=x", "metadata[][a]=1&metadata[",
		"[]=1&[=&]=", "%", "a=1;b=2",
		"mode=payment&success_url=http://a/&line_items[0][quantity]=1&line_items[0][price_data][currency]=kwd" +
			"&line_items[0][price_data][unit_amount]=1000&line_items[0][price_data][product_data][name]=a",
		"payment_intent=pi_1&amount=-1", "created[gte]=9223372036854775807&limit=100", "amount=%30%31&currency=%00",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, form string) {
		p, refused := parseForm(form)
		if refused == nil {
			again, err := parseForm(form)
			if err != nil || p.fingerprint("/x") != again.fingerprint("/x") {
				t.Fatalf("%q has two fingerprints", form)
			}
			if _, err := p.metadata("metadata"); err != nil && err.Status != 400 {
				t.Fatalf("status %d", err.Status)
			}
		}
		sim, err := New(Config{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer sim.Close()
		for _, path := range []string{
			"/v1/payment_intents", "/v1/payment_intents/pi_1/confirm", "/v1/payment_intents/pi_1/cancel", "/v1/refunds",
			"/v1/checkout/sessions", "/v1/checkout/sessions/cs_1/expire", pagePath + "cs_1",
			"/_sim/refunds", "/_sim/disputes",
		} {
			req := httptest.NewRequest("POST", path, strings.NewReader(form))
			req.Header.Set("Authorization", "Bearer sk_test")
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			rec := httptest.NewRecorder()
			sim.Handler().ServeHTTP(rec, req)
			if rec.Code >= 500 || !json.Valid(rec.Body.Bytes()) && !strings.HasPrefix(path, pagePath) {
				t.Fatalf("%s %q: %d %s", path, form, rec.Code, rec.Body)
			}
		}
		for _, c := range sim.Ledger().Charges {
			r, known := ruleFor(strings.ToLower(c.Currency))
			if !known || c.AmountMinor < r.minimum || c.AmountMinor > r.maximum() || c.AmountMinor%r.kind.step() != 0 {
				t.Fatalf("%q charged %d %s", form, c.AmountMinor, c.Currency)
			}
		}
	})
}

// Whatever plan is sent: refused naming a field, or one that is valid and
// reads back as itself.
func FuzzFaults(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"down":true,"charge":{"drop_after":0.5},"refund":{"error_4xx":1,"lookup_5xx":1},"key_age_s":1}`,
		`{"latency_ms":2.5,"refund_fails_later":0.1}`, `{"charge":{"drop_after":2}}`, `[1]`, `{"charge":{"charge":{}}}`,
		`{"down":null}`, `{"key_age_s":1e308}`, `{"a":1,"a":2}`, "\x00",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, plan string) {
		got, err := ParseFaults([]byte(plan))
		if err != nil {
			var bad *FaultsError
			if !errors.As(err, &bad) || bad.Field == "" && !strings.Contains(plan, `""`) || got != (Faults{}) {
				t.Fatalf("%q: %v, %+v", plan, err, got)
			}
			return
		}
		if err := got.Validate(); err != nil {
			t.Fatalf("%q was taken: %v", plan, err)
		}
		again, err := ParseFaults(marshal(got))
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("%q: %+v reads back as %+v, %v", plan, got, again, err)
		}
	})
}
