package stripegateway

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
)

var pageRequest = payment.PageRequest{
	ChargeRequest: payment.ChargeRequest{Key: "k", OrderID: "o1", PaymentID: "p1", Amount: 1999, Currency: "USD"},
	Description:   "Order ORD-1", ExpiresAt: time.Unix(1_800_000_000, 0),
	PaidURL: "https://shop.example/paid", UnpaidURL: "https://shop.example/unpaid",
}

// session is the JSON of a Checkout Session of the request, with other fields of
// its own after it.
func session(status, intent, more string) string {
	return fmt.Sprintf(`{"id":"cs_1","object":"checkout.session","amount_total":1999,"currency":"usd","livemode":false,
		"metadata":{"order_id":"o1","payment_id":"p1"},"status":%q,"payment_intent":%s,
		"url":"https://checkout.stripe.com/c/pay/cs_1"%s}`, status, intent, more)
}

func intentJSON(status string, received int64) string {
	return fmt.Sprintf(`{"id":"pi_1","object":"payment_intent","amount":1999,"amount_received":%d,"currency":"usd",
		"livemode":false,"status":%q,"last_payment_error":{"code":"card_declined","message":"no"}}`, received, status)
}

func TestOpenPageAsksForTheWholeOrderOnce(t *testing.T) {
	var sent url.Values
	var key string
	g := provider(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent, _ = url.ParseQuery(string(body))
		key = r.Header.Get("Idempotency-Key")
		says(200, session("open", "null", ""))(w, r)
	})
	page, a := g.OpenPage(context.Background(), pageRequest)
	if want := (payment.Page{ProviderID: "cs_1", URL: "https://checkout.stripe.com/c/pay/cs_1"}); page != want ||
		a.Outcome != payment.OutcomeDone || a.ProviderID != "cs_1" {
		t.Errorf("%+v %+v", page, a)
	}
	for field, want := range map[string]string{
		"mode": "payment", "line_items[0][price_data][unit_amount]": "1999", "line_items[0][quantity]": "1",
		"line_items[0][price_data][currency]": "usd", "line_items[0][price_data][product_data][name]": "Order ORD-1",
		"success_url": "https://shop.example/paid", "cancel_url": "https://shop.example/unpaid",
		"expires_at": "1800000000", "client_reference_id": "o1", "metadata[order_id]": "o1",
		"payment_intent_data[metadata][payment_id]": "p1", "adaptive_pricing[enabled]": "false",
	} {
		if sent.Get(field) != want {
			t.Errorf("%s is %q, want %q", field, sent.Get(field), want)
		}
	}
	if key != "k:page" {
		t.Errorf("the key is %q", key)
	}
	odd := pageRequest
	odd.Currency, odd.Amount = "KWD", 1234
	if _, a := g.OpenPage(context.Background(), odd); a.Outcome != payment.OutcomeDeclined ||
		a.Failure != payment.AmountNotCarried {
		t.Errorf("an amount that Stripe can't carry: %+v", a)
	}
}

// TestAPageThatIsNoPageIsUnknown: nobody is sent to an address that may not be the
// order's own page.
func TestAPageThatIsNoPageIsUnknown(t *testing.T) {
	for name, body := range map[string]string{
		"no id":             `{}`,
		"another order":     strings.Replace(session("open", "null", ""), `"o1"`, `"o2"`, 1),
		"another payment":   strings.Replace(session("open", "null", ""), `"p1"`, `"p2"`, 1),
		"another amount":    strings.Replace(session("open", "null", ""), "1999", "2000", 1),
		"another currency":  strings.Replace(session("open", "null", ""), "usd", "eur", 1),
		"another mode":      strings.Replace(session("open", "null", ""), `"livemode":false`, `"livemode":true`, 1),
		"no address":        session("open", "null", `,"url":""`),
		"a script":          session("open", "null", `,"url":"javascript:alert(1)"`),
		"a path":            session("open", "null", `,"url":"/c/pay"`),
		"a very long one":   session("open", "null", `,"url":"https://x.example/`+strings.Repeat("x", 5000)+`"`),
		"over since":        session("expired", "null", ""),
		"a state not known": session("on_the_moon", "null", ""),
	} {
		t.Run(name, func(t *testing.T) {
			page, a := provider(t, says(200, body)).OpenPage(context.Background(), pageRequest)
			if a.Outcome != payment.OutcomeUnknown || page != (payment.Page{}) {
				t.Errorf("%+v %+v", page, a)
			}
		})
	}
}

func TestTheStateOfAPage(t *testing.T) {
	for _, c := range []struct {
		name    string
		answer  http.HandlerFunc
		want    payment.PaymentStatus
		outcome payment.Outcome
	}{
		{"nobody was there", says(200, session("open", "null", "")), payment.Open, payment.OutcomeDone},
		{"declined on the page", says(200, session("open", intentJSON("requires_payment_method", 0), "")),
			payment.Open, payment.OutcomeDone},
		{"being paid", says(200, session("open", intentJSON("processing", 0), "")), payment.Open,
			payment.OutcomeDone},
		{"paid", says(200, session("complete", intentJSON("succeeded", 1999), "")), payment.Captured,
			payment.OutcomeDone},
		{"paid a moment ago", says(200, session("open", intentJSON("succeeded", 1999), "")), payment.Captured,
			payment.OutcomeDone},
		{"decided later", says(200, session("complete", intentJSON("processing", 0), "")), payment.Processing,
			payment.OutcomeDone},
		{"complete, then canceled", says(200, session("complete", intentJSON("canceled", 0), "")), payment.Canceled,
			payment.OutcomeDone},
		{"expired", says(200, session("expired", "null", "")), payment.Canceled, payment.OutcomeDone},
		{"expired after a decline", says(200, session("expired", intentJSON("requires_payment_method", 0), "")),
			payment.Canceled, payment.OutcomeDone},
		{"expired, and paid all the same", says(200, session("expired", intentJSON("succeeded", 1999), "")),
			payment.Captured, payment.OutcomeDone},
		{"expired while it is decided", says(200, session("expired", intentJSON("processing", 0), "")),
			payment.Processing, payment.OutcomeDone},
		{"complete without a payment", says(200, session("complete", "null", "")), "", payment.OutcomeUnknown},
		{"a payment that was not expanded", says(200, session("complete", `"pi_1"`, "")), "",
			payment.OutcomeUnknown},
		{"a state of a payment that is not known", says(200, session("complete", intentJSON("moon", 0), "")), "",
			payment.OutcomeUnknown},
		{"of another order", says(200, strings.Replace(session("expired", "null", ""), `"o1"`, `"o2"`, 1)), "",
			payment.OutcomeUnknown},
		{"another session", says(200, strings.Replace(session("expired", "null", ""), "cs_1", "cs_2", 1)), "",
			payment.OutcomeUnknown},
		{"not there", says(404, stripeError("invalid_request_error", "resource_missing")), "",
			payment.OutcomeUnknown},
		{"a server error", says(500, stripeError("api_error", "")), "", payment.OutcomeUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			state, a := provider(t, c.answer).FindPage(context.Background(), pageRequest.ChargeRequest, "cs_1")
			if state != c.want || a.Outcome != c.outcome {
				t.Errorf("%q %+v, want %q %s", state, a, c.want, c.outcome)
			}
			if state == payment.Captured && (a.ProviderID != "pi_1" || a.Amount != 1999) {
				t.Errorf("paid by %+v", a)
			}
		})
	}
}

func TestClosingAPage(t *testing.T) {
	close := func(answer http.HandlerFunc) (payment.PaymentStatus, payment.Result) {
		return provider(t, answer).ClosePage(context.Background(), pageRequest.ChargeRequest, "cs_1")
	}
	if state, a := close(says(200, session("expired", "null", ""))); state != payment.Canceled ||
		a.Outcome != payment.OutcomeDone {
		t.Errorf("closed: %q %+v", state, a)
	}
	if state, a := close(says(400, stripeError("invalid_request_error", ""))); state != "" ||
		a.Outcome != payment.OutcomeDeclined {
		t.Errorf("not open any more: %q %+v", state, a)
	}
	server := httptest.NewServer(nil)
	server.Close()
	g, err := New(Config{Key: "sk_test_123", URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	if state, a := g.ClosePage(context.Background(), pageRequest.ChargeRequest, "cs_1"); state != "" ||
		a.Outcome != payment.OutcomeUnknown {
		t.Errorf("nobody there: %q %+v", state, a)
	}
}
