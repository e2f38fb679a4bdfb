package paysim

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85"
)

// sessionFor is what a shop asks for: one lamp at the amount.
func sessionFor(key string, amount int64) *stripe.CheckoutSessionCreateParams {
	p := &stripe.CheckoutSessionCreateParams{
		Mode:              stripe.String("payment"),
		ClientReferenceID: stripe.String("order-" + key),
		SuccessURL:        stripe.String("http://127.0.0.1:9/paid?session={CHECKOUT_SESSION_ID}&x=1"),
		CancelURL:         stripe.String("http://127.0.0.1:9/cart"),
		Metadata:          map[string]string{"order_id": "order-" + key},
		LineItems: []*stripe.CheckoutSessionCreateLineItemParams{{
			Quantity: stripe.Int64(1),
			PriceData: &stripe.CheckoutSessionCreateLineItemPriceDataParams{
				Currency: stripe.String("usd"), UnitAmount: stripe.Int64(amount),
				ProductData: &stripe.CheckoutSessionCreateLineItemPriceDataProductDataParams{
					Name: stripe.String("Lamp <b>& shade</b>"),
				},
			},
		}},
		PaymentIntentData: &stripe.CheckoutSessionCreatePaymentIntentDataParams{
			Description: stripe.String("Order " + key),
			Metadata:    map[string]string{"order_id": "order-" + key, "payment_id": "payment-" + key},
		},
	}
	p.SetIdempotencyKey("session-" + key)
	return p
}

func (b *bundle) session(key string, amount int64) *stripe.CheckoutSession {
	b.Helper()
	c, err := b.client.V1CheckoutSessions.Create(ctx, sessionFor(key, amount))
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// browser follows no redirect.
var browser = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// pay fills in the hosted page and returns its status, its text and where it
// sends the browser.
func (b *bundle) pay(page, number string) (status int, text, to string) {
	b.Helper()
	res, err := browser.PostForm(page, url.Values{"card_number": {number}})
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	return res.StatusCode, string(body), res.Header.Get("Location")
}

// payByPage pays a session, which must succeed, and returns it as it then is.
func (b *bundle) payByPage(c *stripe.CheckoutSession, number string) *stripe.CheckoutSession {
	b.Helper()
	if status, text, _ := b.pay(c.URL, number); status != http.StatusSeeOther {
		b.Fatalf("paying: %d %s", status, text)
	}
	c, err := b.client.V1CheckoutSessions.Retrieve(ctx, c.ID, nil)
	if err != nil || c.Status != stripe.CheckoutSessionStatusComplete {
		b.Fatalf("%+v, %v", c, err)
	}
	return c
}

func TestASessionIsPaidOnItsHostedPage(t *testing.T) {
	r := receive(t, 0)
	cfg := Config{Ledger: filepath.Join(t.TempDir(), "ledger"), WebhookURL: r.URL, WebhookSecret: secret}
	b := start(t, cfg)
	c := b.session("1", 123_450)
	if c.Status != stripe.CheckoutSessionStatusOpen || c.PaymentStatus != stripe.CheckoutSessionPaymentStatusUnpaid ||
		c.AmountTotal != 123_450 || c.PaymentIntent != nil || !strings.HasPrefix(c.URL, b.url+"/") ||
		c.ClientReferenceID != "order-1" || c.ExpiresAt-c.Created != 24*3600 || c.Metadata["order_id"] != "order-1" {
		t.Fatalf("created: %+v", c)
	}
	again := b.session("1", 123_450)
	if again.ID != c.ID || !replayed(again.LastResponse.Header) {
		t.Errorf("the same key made %s and %s", c.ID, again.ID)
	}
	res, err := browser.Get(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 || !contains(res.Header.Get("Content-Type"), "text/html") {
		t.Fatalf("%d, %v", res.StatusCode, err)
	}
	for _, part := range []string{
		"1,234.50 USD", "Lamp &lt;b&gt;&amp; shade", `name="card_number"`, ">Pay 1,234.50 USD<",
		`<a href="http://127.0.0.1:9/cart">Cancel</a>`, `lang="en"`,
	} {
		if !contains(string(page), part) {
			t.Errorf("the page has no %s:\n%s", part, page)
		}
	}
	b.wantMoney(0, 0)

	status, _, to := b.pay(c.URL, "4242 4242-4242 4242")
	if status != 303 || to != "http://127.0.0.1:9/paid?session="+c.ID+"&x=1" {
		t.Fatalf("paid: %d to %s", status, to)
	}
	want := []string{"checkout.session.completed", "payment_intent.succeeded"}
	b.eventually("both events have come", func() bool { return slices.Equal(r.kinds(), want) })
	b = b.reopen(Config{Ledger: cfg.Ledger})
	p := &stripe.CheckoutSessionRetrieveParams{}
	p.AddExpand("payment_intent")
	p.AddExpand("line_items")
	if c, err = b.client.V1CheckoutSessions.Retrieve(ctx, c.ID, p); err != nil {
		t.Fatal(err)
	}
	i := c.PaymentIntent
	if c.Status != "complete" || c.PaymentStatus != "paid" || c.URL != "" || i == nil || i.Status != "succeeded" ||
		i.AmountReceived != 123_450 || i.Metadata["payment_id"] != "payment-1" || i.Description != "Order 1" ||
		len(c.LineItems.Data) != 1 || c.LineItems.Data[0].AmountTotal != 123_450 {
		t.Errorf("afterwards: %+v, %+v", c, i)
	}
	if l := b.wantMoney(1, 0); l.Charges[0].Order != "order-1" || l.Charges[0].AmountMinor != 123_450 {
		t.Errorf("ledger %+v", l)
	}
	for _, e := range r.events {
		if e.Type != "checkout.session.completed" {
			continue
		}
		var got stripe.CheckoutSession
		if err := json.Unmarshal(e.Data.Raw, &got); err != nil || got.ID != c.ID || got.PaymentStatus != "paid" ||
			got.PaymentIntent.ID != i.ID || got.Metadata["order_id"] != "order-1" {
			t.Errorf("%v %s", err, e.Data.Raw)
		}
	}
}

func TestTwentyClicksOnPayChargeOnce(t *testing.T) {
	b := start(t, Config{Ledger: filepath.Join(t.TempDir(), "ledger")})
	for round := range 5 {
		c := b.session(fmt.Sprint(round), 1000)
		var clicks sync.WaitGroup
		for range 20 {
			clicks.Go(func() {
				if status, text, to := b.pay(c.URL, "5555555555554444"); status != 303 || !contains(to, c.ID) {
					t.Errorf("%d to %q: %s", status, to, text)
				}
			})
		}
		clicks.Wait()
		b.wantMoney(round+1, 0)
	}
}

func TestADeclinedCardLeavesThePageOpen(t *testing.T) {
	b := start(t, Config{Seed: 1})
	c := b.session("1", 1000)
	for _, tc := range []struct{ number, says string }{
		{"4000000000000002", "Your card was declined."},
		{"4000000000009995", "Your card has insufficient funds."},
		{"4000002500003155", "This transaction requires authentication."},
		{"", "Enter your card number."},
		{"4111", "That is not one of Stripe's test cards."},
		{"<script>", "That is not one of Stripe's test cards."},
	} {
		status, text, _ := b.pay(c.URL, tc.number)
		if status != 402 || !contains(html.UnescapeString(text), tc.says) || contains(text, "<script>") {
			t.Errorf("%q: %d %s", tc.number, status, text)
		}
	}
	b.wantMoney(0, 0)
	got, err := b.client.V1CheckoutSessions.Retrieve(ctx, c.ID, nil)
	if err != nil || got.Status != "open" || got.PaymentIntent == nil || got.URL != c.URL {
		t.Fatalf("%+v, %v", got, err)
	}
	i, err := b.client.V1PaymentIntents.Retrieve(ctx, got.PaymentIntent.ID, nil)
	if err != nil || i.Status != "requires_payment_method" || i.LastPaymentError == nil {
		t.Errorf("%+v, %v", i, err)
	}
	_, err = b.confirm(ctx, "c", i.ID, "pm_card_visa")
	b.wantError(err, 400, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodePaymentIntentUnexpectedState)
	_, err = b.client.V1PaymentIntents.Cancel(ctx, i.ID, nil)
	b.wantError(err, 400, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodePaymentIntentUnexpectedState)
	if paid := b.payByPage(c, "4242424242424242"); paid.PaymentIntent.ID != i.ID {
		t.Errorf("a second PaymentIntent: %s, then %s", i.ID, paid.PaymentIntent.ID)
	}
	b.wantMoney(1, 0)
}

func TestAnExpiredSessionIsNeverCharged(t *testing.T) {
	r := receive(t, 0)
	b := start(t, Config{Seed: 1, WebhookURL: r.URL, WebhookSecret: secret})
	c := b.session("1", 1000)
	b.pay(c.URL, "4000000000000002")
	c, err := b.client.V1CheckoutSessions.Expire(ctx, c.ID, nil)
	if err != nil || c.Status != "expired" || c.URL != "" {
		t.Fatalf("%+v, %v", c, err)
	}
	status, text, _ := b.pay(b.url+pagePath+c.ID, "4242424242424242")
	if status != 410 || !contains(text, "This payment page has expired") || !contains(text, "Back to the shop") {
		t.Errorf("paying: %d %s", status, text)
	}
	i, err := b.client.V1PaymentIntents.Retrieve(ctx, c.PaymentIntent.ID, nil)
	if err != nil || i.Status != "canceled" {
		t.Errorf("%+v, %v", i, err)
	}
	_, err = b.client.V1CheckoutSessions.Expire(ctx, c.ID, nil)
	if e := b.wantError(err, 400, stripe.ErrorTypeInvalidRequest, ""); !contains(e.Msg, `["open"]`) {
		t.Error(e.Msg)
	}
	want := []string{"checkout.session.expired"}
	b.eventually("the event has come", func() bool { return slices.Equal(r.kinds(), want) })
	paid := b.payByPage(b.session("2", 1000), "4242424242424242")
	_, err = b.client.V1CheckoutSessions.Expire(ctx, paid.ID, nil)
	b.wantError(err, 400, stripe.ErrorTypeInvalidRequest, "")
	_, err = b.client.V1CheckoutSessions.Expire(ctx, "cs_none", nil)
	b.wantError(err, 404, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodeResourceMissing)
	b.wantMoney(1, 0)
}

func TestPayAndExpireAtOnceEndInOneWay(t *testing.T) {
	b := start(t, Config{Seed: 1})
	charges := 0
	for round := range 50 {
		c := b.session(fmt.Sprint(round), 1000)
		var both sync.WaitGroup
		var status int
		var expired error
		both.Go(func() { status, _, _ = b.pay(c.URL, "4242424242424242") })
		both.Go(func() { _, expired = b.client.V1CheckoutSessions.Expire(ctx, c.ID, nil) })
		both.Wait()
		if (status == 303) == (expired == nil) {
			t.Fatalf("round %d: page %d, expiry %v", round, status, expired)
		}
		if status == 303 {
			charges++
		}
		b.wantMoney(charges, 0)
	}
}

func TestASessionExpiresByItself(t *testing.T) {
	r := receive(t, 0)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	cfg := Config{
		Ledger: filepath.Join(t.TempDir(), "ledger"), WebhookURL: r.URL, WebhookSecret: secret,
		Now: func() time.Time { return now },
	}
	b := start(t, cfg)
	p := sessionFor("1", 1000)
	p.ExpiresAt = stripe.Int64(now.Add(time.Hour).Unix())
	c, err := b.client.V1CheckoutSessions.Create(ctx, p)
	if err != nil || c.ExpiresAt != *p.ExpiresAt {
		t.Fatalf("%+v, %v", c, err)
	}
	if err := b.sim.Close(); err != nil {
		t.Fatal(err)
	}
	later := now.Add(time.Hour)
	cfg.Now = func() time.Time { return later }
	b = start(t, cfg)
	if status, _, _ := b.pay(b.url+pagePath+c.ID, "4242424242424242"); status != 410 {
		t.Errorf("paying at its end: %d", status)
	}
	want := []string{"checkout.session.expired"}
	b.eventually("the event has come", func() bool { return slices.Equal(r.kinds(), want) })
	b.wantMoney(0, 0)
}

func TestSessionsThatCannotBeAreRefused(t *testing.T) {
	b := start(t, Config{Seed: 1})
	form := map[string]string{"Authorization": "Bearer sk_test_1", "Content-Type": "application/x-www-form-urlencoded"}
	good := url.Values{
		"mode": {"payment"}, "success_url": {"https://shop.example/ok"}, "line_items[0][quantity]": {"2"},
		"line_items[0][price_data][currency]": {"usd"}, "line_items[0][price_data][unit_amount]": {"500"},
		"line_items[0][price_data][product_data][name]": {"Lamp"},
	}
	status, body, _ := b.send("POST", "/v1/checkout/sessions", good.Encode(), form)
	if status != 200 || !contains(body, `"amount_total":1000`) {
		t.Fatalf("%d %s", status, body)
	}
	in := func(d time.Duration) string { return fmt.Sprint(time.Now().Add(d).Unix()) }
	for _, tc := range []struct{ name, value, want string }{
		{"mode", "", `"param":"mode"`},
		{"mode", "subscription", `"param":"mode"`},
		{"ui_mode", "embedded_page", `"param":"ui_mode"`},
		{"success_url", "", `"param":"success_url"`},
		{"success_url", "javascript:alert(1)", `"url_invalid"`},
		{"success_url", "/ok", `"url_invalid"`},
		{"cancel_url", "javascript:alert(1)", `"url_invalid"`},
		{"line_items[0][price_data][product_data][name]", "", `"parameter_missing"`},
		{"line_items[0][price_data][currency]", "xyz", "Invalid currency"},
		{"line_items[0][price_data][currency]", "ugx", "must convert to at least 50 cents"},
		{"line_items[0][price_data][unit_amount]", "-1", `"parameter_invalid_integer"`},
		{"line_items[0][price_data][unit_amount]", "20", "The Checkout Session's total amount must be at least $0.50"},
		{"line_items[0][price_data][unit_amount]", "60000000", `"amount_too_large"`},
		{"line_items[0][price_data][unit_amount]", "100000000", `"amount_too_large"`},
		{"line_items[0][quantity]", "0", `"parameter_invalid_integer"`},
		{"line_items[0][quantity]", "9223372036854775807", `"amount_too_large"`},
		{"line_items[0][price]", "price_1", `"parameter_unknown"`},
		{"line_items[2][quantity]", "1", `line_items[1]`},
		{"line_items[100][quantity]", "1", "up to 100 line items"},
		{"line_items[00][quantity]", "1", "Invalid array"},
		{"line_items[x][quantity]", "1", "Invalid array"},
		{"expires_at", in(20 * time.Minute), "at least 30 minutes"},
		{"expires_at", in(25 * time.Hour), "less than 24 hours"},
		{"expires_at", "soon", `"parameter_invalid_integer"`},
		{"payment_intent_data[capture_method]", "manual", "capture_method"},
		{"payment_intent_data[amount]", "1", `"parameter_unknown"`},
		{"payment_intent_data[metadata][" + strings.Repeat("k", 41) + "]", "1", "40 characters"},
		{"customer", "cus_1", `"parameter_unknown"`},
		{"expand[]", "customer", `"param":"expand"`},
	} {
		t.Run(tc.name+"="+tc.value, func(t *testing.T) {
			v := url.Values{}
			for name, value := range good {
				v[name] = value
			}
			v.Set(tc.name, tc.value)
			if tc.value == "" {
				v.Del(tc.name)
			}
			status, body, _ := b.send("POST", "/v1/checkout/sessions", v.Encode(), form)
			if status != 400 || !contains(body, tc.want) || !contains(body, `"invalid_request_error"`) {
				t.Errorf("%d %s, want %s", status, body, tc.want)
			}
		})
	}
	if n := len(b.sim.state.sessions); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

func TestPagesThatAreNotThere(t *testing.T) {
	b := start(t, Config{Seed: 1})
	for _, id := range []string{"cs_none", "%3Cscript%3E"} {
		for _, method := range []string{"GET", "POST"} {
			status, body, _ := b.send(method, pagePath+id, "", nil)
			if status != 404 || !contains(body, "no such payment page") {
				t.Errorf("%s %s: %d %s", method, id, status, body)
			}
		}
	}
	c := b.session("1", 1000)
	b.faults(Faults{Down: true})
	if _, err := browser.Get(c.URL); err == nil {
		t.Error("the page of a provider that is down was answered")
	}
}

func TestThePageIsWhereBrowsersReachIt(t *testing.T) {
	b := start(t, Config{Seed: 1, PublicURL: "https://pay.example:8443/"})
	if c := b.session("1", 1000); c.URL != "https://pay.example:8443"+pagePath+c.ID {
		t.Errorf("the page is at %s", c.URL)
	}
}

func TestSessionsAreInEveryCurrency(t *testing.T) {
	b := start(t, Config{Seed: 1})
	for currency, shown := range map[string]string{
		"usd": "Pay 15,000.00 USD", "jpy": "Pay 1,500,000 JPY", "kwd": "Pay 1,500.000 KWD", "ugx": "Pay 15,000.00 UGX",
	} {
		p := sessionFor(currency, 1_500_000)
		p.LineItems[0].PriceData.Currency = stripe.String(currency)
		c, err := b.client.V1CheckoutSessions.Create(ctx, p)
		if err != nil {
			t.Fatal(err)
		}
		res, err := browser.Get(c.URL)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || !contains(string(body), shown) {
			t.Errorf("%s: %v, no %s", currency, err, shown)
		}
		b.payByPage(c, "4242424242424242")
	}
	b.wantMoney(4, 0)
}
