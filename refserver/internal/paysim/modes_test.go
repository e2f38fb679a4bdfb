package paysim

import (
	"net/http"
	"testing"

	"github.com/stripe/stripe-go/v85"
)

// keyed is the client of a shop with that key.
func (b *bundle) keyed(key string) *bundle {
	client := stripe.NewClient(key, stripe.WithBackends(stripe.NewBackendsWithConfig(&stripe.BackendConfig{
		URL: stripe.String(b.url), MaxNetworkRetries: stripe.Int64(0),
		HTTPClient:    &http.Client{Transport: &http.Transport{}},
		LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull}, EnableTelemetry: stripe.Bool(false),
	})))
	return &bundle{T: b.T, sim: b.sim, url: b.url, client: client}
}

func TestLiveAndTestObjectsAreApart(t *testing.T) {
	b := start(t, Config{Seed: 1})
	live := b.keyed("rk_live_1")
	tested := b.paid("k", 1000, "pm_card_visa")
	_, err := live.create(ctx, "l1", 1000, "pm_card_visa", true)
	e := b.wantError(err, 400, stripe.ErrorTypeInvalidRequest, "resource_missing")
	if !contains(e.Msg, "exists in test mode") {
		t.Errorf("a test card with a live key: %s", e.Msg)
	}
	paid := live.payByPage(live.session("live", 1000), "4242424242424242")
	i := paid.PaymentIntent
	if !paid.Livemode || i == nil {
		t.Fatalf("%+v", paid)
	}
	got, err := live.client.V1PaymentIntents.Retrieve(ctx, i.ID, nil)
	if err != nil || !got.Livemode || got.Status != stripe.PaymentIntentStatusSucceeded {
		t.Errorf("%+v, %v", got, err)
	}
	r, err := live.refund(ctx, "r", i.ID, 100)
	if err != nil {
		t.Fatal(err)
	}
	d, err := b.sim.OpenDispute(i.ID, "", true)
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"a live payment with a test key": second(b.client.V1PaymentIntents.Retrieve(ctx, i.ID, nil)),
		"a test payment with a live key": second(live.client.V1PaymentIntents.Retrieve(ctx, tested.ID, nil)),
		"a live refund with a test key":  second(b.client.V1Refunds.Retrieve(ctx, r.ID, nil)),
		"a live dispute with a test key": second(b.client.V1Disputes.Retrieve(ctx, d.ID, nil)),
		"a live session with a test key": second(b.client.V1CheckoutSessions.Retrieve(ctx, paid.ID, nil)),
		"a refund across":                second(b.refund(ctx, "x", i.ID, 100)),
		"a refund across, by the charge": second(b.client.V1Refunds.Create(ctx,
			&stripe.RefundCreateParams{Charge: stripe.String(got.LatestCharge.ID)})),
	} {
		e := b.wantError(err, 404, stripe.ErrorTypeInvalidRequest, "resource_missing")
		if !contains(e.Msg, "a similar object exists in") {
			t.Errorf("%s: %s", name, e.Msg)
		}
	}
	for r, err := range b.client.V1Refunds.List(ctx, &stripe.RefundListParams{}).All(ctx) {
		t.Errorf("a test key lists %v, %v", r, err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestOneAccountOwnsEverything(t *testing.T) {
	b := start(t, Config{Seed: 1})
	a, err := b.client.V1Accounts.Retrieve(ctx, nil)
	if err != nil || a.ID != accountID || a.Object != "account" || a.DefaultCurrency != "usd" {
		t.Fatalf("%+v, %v", a, err)
	}
	for account, want := range map[string]int{"": 200, accountID: 200, "acct_other": 403} {
		header := map[string]string{"Authorization": "Bearer sk_test_1", "Stripe-Account": account}
		status, body, h := b.send("GET", "/v1/refunds", "", header)
		if status != want || want == 403 && !contains(body, `"account_invalid"`) || h.Get("Stripe-Version") == "" {
			t.Errorf("account %q: %d %s", account, status, body)
		}
	}
}

// What a client checks before it believes an answer.
func TestEveryObjectSaysWhatItIs(t *testing.T) {
	b := start(t, Config{Seed: 1})
	i := b.paid("k", 1000, "pm_card_visa")
	r, err := b.refund(ctx, "r", i.ID, 100)
	if err != nil {
		t.Fatal(err)
	}
	d, err := b.sim.OpenDispute(i.ID, "", true)
	if err != nil {
		t.Fatal(err)
	}
	c := b.session("s", 1000)
	auth := map[string]string{"Authorization": "Bearer sk_test_1"}
	for path, want := range map[string][]string{
		"payment_intents/" + i.ID:   {i.ID, `"object":"payment_intent"`, `"livemode":false`, `"currency":"usd"`},
		"refunds/" + r.ID:           {r.ID, `"object":"refund"`, `"currency":"usd"`, `"amount":100`, i.ID},
		"disputes/" + d.ID:          {d.ID, `"object":"dispute"`, `"livemode":false`, `"currency":"usd"`, i.ID},
		"checkout/sessions/" + c.ID: {c.ID, `"object":"checkout.session"`, `"livemode":false`, `"currency":"usd"`},
		"refunds":                   {`"object":"list"`, `"has_more":false`, `"url":"/v1/refunds"`},
		"account":                   {accountID, `"object":"account"`},
	} {
		status, body, _ := b.send("GET", "/v1/"+path, "", auth)
		for _, part := range want {
			if status != 200 || !contains(body, part) {
				t.Errorf("%s: %d, no %s in %s", path, status, part, body)
			}
		}
	}
}
