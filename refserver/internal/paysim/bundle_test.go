package paysim

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85"

	"github.com/returnkit/returnkit/internal/testreq"
)

// bundle is a running simulator with the client that a shop would use.
type bundle struct {
	*testing.T
	sim    *Simulator
	url    string
	client *stripe.Client
}

func start(t *testing.T, cfg Config) *bundle {
	t.Helper()
	if cfg.SettleAfter == 0 {
		cfg.SettleAfter = time.Millisecond
	}
	sim, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	url, err := sim.Start(context.Background(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return &bundle{T: t, sim: sim, url: url, client: newClient(url)}
}

func newClient(url string) *stripe.Client {
	return stripe.NewClient("sk_test_123", stripe.WithBackends(stripe.NewBackendsWithConfig(&stripe.BackendConfig{
		URL:               stripe.String(url),
		MaxNetworkRetries: stripe.Int64(0),
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull},
		EnableTelemetry:   stripe.Bool(false),
		HTTPClient:        &http.Client{Transport: &http.Transport{}},
	})))
}

func within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	context.AfterFunc(ctx, cancel)
	return ctx
}

func (b *bundle) create(
	ctx context.Context, key string, amount int64, method string, confirm bool,
) (*stripe.PaymentIntent, error) {
	p := &stripe.PaymentIntentCreateParams{
		Amount: stripe.Int64(amount), Currency: stripe.String("usd"),
		Metadata: map[string]string{"order_id": "order-" + key},
	}
	if method != "" {
		p.PaymentMethod = stripe.String(method)
	}
	if confirm {
		p.Confirm = stripe.Bool(true)
	}
	p.SetIdempotencyKey(key)
	return b.client.V1PaymentIntents.Create(ctx, p)
}

func (b *bundle) confirm(ctx context.Context, key, id, method string) (*stripe.PaymentIntent, error) {
	p := &stripe.PaymentIntentConfirmParams{}
	if method != "" {
		p.PaymentMethod = stripe.String(method)
	}
	p.SetIdempotencyKey(key)
	return b.client.V1PaymentIntents.Confirm(ctx, id, p)
}

// paid makes a charge that succeeded.
func (b *bundle) paid(key string, amount int64, method string) *stripe.PaymentIntent {
	b.Helper()
	i, err := b.create(context.Background(), key, amount, method, true)
	if err != nil || i.Status != stripe.PaymentIntentStatusSucceeded {
		b.Fatalf("charge %s: %v, %v", key, i, err)
	}
	return i
}

// refund asks for amount, or for all where it is 0.
func (b *bundle) refund(ctx context.Context, key, intent string, amount int64) (*stripe.Refund, error) {
	p := &stripe.RefundCreateParams{
		PaymentIntent: stripe.String(intent), Metadata: map[string]string{"attempt_id": key},
	}
	if amount != 0 {
		p.Amount = stripe.Int64(amount)
	}
	p.SetIdempotencyKey(key)
	return b.client.V1Refunds.Create(ctx, p)
}

func (b *bundle) faults(f Faults) {
	b.Helper()
	if err := b.sim.SetFaults(f); err != nil {
		b.Fatal(err)
	}
}

func replayed(h http.Header) bool { return h.Get("Idempotent-Replayed") == "true" }

// wantError checks that err is Stripe's error with these properties.
func (b *bundle) wantError(err error, status int, kind stripe.ErrorType, code stripe.ErrorCode) *stripe.Error {
	b.Helper()
	var e *stripe.Error
	if !errors.As(err, &e) {
		b.Fatalf("got %v, want an error of type %s", err, kind)
	}
	if e.HTTPStatusCode != status || e.Type != kind || e.Code != code {
		b.Fatalf("got %d %s %q (%s), want %d %s %q", e.HTTPStatusCode, e.Type, e.Code, e.Msg, status, kind, code)
	}
	if e.RequestID == "" {
		b.Errorf("no Request-Id with %s", e.Msg)
	}
	return e
}

// wantNoAnswer checks that the call ended without any answer.
func (b *bundle) wantNoAnswer(err error) {
	b.Helper()
	var e *stripe.Error
	if err == nil || errors.As(err, &e) {
		b.Fatalf("got %v, want no answer at all", err)
	}
}

// wantMoney checks how many charges and refunds exist.
func (b *bundle) wantMoney(charges, refunds int) Ledger {
	b.Helper()
	l := b.sim.Ledger()
	if len(l.Charges) != charges || len(l.Refunds) != refunds {
		b.Fatalf("ledger has %d charges and %d refunds, want %d and %d: %+v",
			len(l.Charges), len(l.Refunds), charges, refunds, l)
	}
	return l
}

// send makes a request without stripe-go.
func (b *bundle) send(method, path, body string, header map[string]string) (int, string, http.Header) {
	b.Helper()
	req, err := http.NewRequest(method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	return resp.StatusCode, string(got), resp.Header
}

// eventually polls until cond holds.
func (b *bundle) eventually(what string, cond func() bool) {
	b.Helper()
	testreq.Until(b.T, what, cond)
}
