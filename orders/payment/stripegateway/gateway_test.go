package stripegateway

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
)

// provider answers every request from one function and keeps what it got.
func provider(t *testing.T, answer http.HandlerFunc) *Gateway {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	g, err := New(Config{Key: "sk_test_123", URL: server.URL, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func says(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func stripeError(typ, code string) string {
	return fmt.Sprintf(`{"error":{"type":%q,"code":%q,"message":"no"}}`, typ, code)
}

var (
	charge = payment.ChargeRequest{Key: "k", OrderID: "o1", PaymentID: "p1", Amount: 1999, Currency: "USD",
		Token: "pm_card_visa"}
	refund = payment.RefundRequest{Key: "rk", PaymentProviderID: "pi_1", Amount: 500, Currency: "USD",
		RefundID: "r1", AttemptID: "a1", OrderID: "o1"}
)

func TestEveryAnswerToARefundHasOneOutcome(t *testing.T) {
	object := func(status string) string {
		return fmt.Sprintf(`{"id":"re_1","object":"refund","amount":500,"currency":"usd","status":%q}`, status)
	}
	cases := []struct {
		name   string
		answer http.HandlerFunc
		want   payment.Outcome
		code   string
	}{
		{"succeeded", says(200, object("succeeded")), payment.OutcomeDone, ""},
		{"pending", says(200, object("pending")), payment.OutcomePending, ""},
		{"requires action", says(200, object("requires_action")), payment.OutcomeRequiresAction, ""},
		{"failed", says(200, object("failed")), payment.OutcomeDeclined, ""},
		{"canceled", says(200, object("canceled")), payment.OutcomeDeclined, ""},
		{"a state we don't know", says(200, object("on_the_moon")), payment.OutcomeUnknown, ""},
		{"an object without a state", says(200, `{}`), payment.OutcomeUnknown, ""},
		{"not JSON though it says 200", says(200, `<html>`), payment.OutcomeUnknown, ""},
		{"invalid request", says(400, stripeError("invalid_request_error", "charge_already_refunded")),
			payment.OutcomeDeclined, "charge_already_refunded"},
		{"key used for other parameters", says(400, stripeError("idempotency_error", "")),
			payment.OutcomeUnknown, "idempotency_error"},
		{"an error type we don't know", says(400, stripeError("surprise_error", "")), payment.OutcomeUnknown,
			"surprise_error"},
		{"wrong API key", says(401, stripeError("invalid_request_error", "")), payment.OutcomeNoEffect, ""},
		{"forbidden", says(403, stripeError("invalid_request_error", "")), payment.OutcomeNoEffect, ""},
		{"card error", says(402, stripeError("card_error", "card_declined")), payment.OutcomeDeclined, "card_declined"},
		{"a 402 that is not about a card", says(402, stripeError("api_error", "")), payment.OutcomeUnknown, ""},
		{"no such payment", says(404, stripeError("invalid_request_error", "resource_missing")),
			payment.OutcomeDeclined, "resource_missing"},
		{"a proxy's 404", says(404, `<html>not here</html>`), payment.OutcomeUnknown, ""},
		{"request timeout", says(408, stripeError("api_error", "")), payment.OutcomeUnknown, ""},
		{"in flight", says(409, stripeError("idempotency_error", "idempotency_key_in_use")),
			payment.OutcomeNoEffect, ""},
		{"lock timeout with a 400", says(400, stripeError("invalid_request_error", "lock_timeout")),
			payment.OutcomeNoEffect, "lock_timeout"},
		{"rate limited", says(429, stripeError("invalid_request_error", "rate_limit")), payment.OutcomeNoEffect, ""},
		{"a proxy's 429", says(429, `slow down`), payment.OutcomeUnknown, ""},
		{"500", says(500, stripeError("api_error", "")), payment.OutcomeUnknown, ""},
		{"503 that claims an invalid request", says(503, stripeError("invalid_request_error", "")),
			payment.OutcomeUnknown, ""},
		{"redirect", says(302, `{}`), payment.OutcomeUnknown, ""},
		{"cut connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			payment.OutcomeUnknown, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := provider(t, c.answer).CreateRefund(context.Background(), refund)
			if a.Outcome != c.want {
				t.Errorf("outcome %q, want %q (%+v)", a.Outcome, c.want, a)
			}
			if c.code != "" && a.Code != c.code {
				t.Errorf("code %q, want %q", a.Code, c.code)
			}
		})
	}
}

func TestNothingListeningIsUnknownSoThatTheBreakerCounts(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	g, err := New(Config{Key: "sk_test_123", URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	if a := g.CreateRefund(context.Background(), refund); a.Outcome != payment.OutcomeUnknown {
		t.Errorf("outcome %q, want unknown", a.Outcome)
	}
}

type hang struct{}

func (hang) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestATimeoutIsUnknownAfterTheConfiguredTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := New(Config{Key: "sk_test_123", URL: "http://127.0.0.1:1", Timeout: 500 * time.Millisecond,
			Transport: hang{}})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		a := g.ConfirmPayment(context.Background(), charge, "pi_1")
		if a.Outcome != payment.OutcomeUnknown || a.ProviderID != "pi_1" {
			t.Errorf("answer %+v, want unknown with the reference", a)
		}
		if took := time.Since(start); took != 500*time.Millisecond {
			t.Errorf("took %v, want 500ms", took)
		}
	})
}

func TestAReplayedAnswerSaysSo(t *testing.T) {
	g := provider(t, says(500, stripeError("api_error", ""), "Idempotent-Replayed", "true"))
	a := g.CreateRefund(context.Background(), refund)
	if !a.Replayed || a.HTTP != 500 || a.Outcome != payment.OutcomeUnknown {
		t.Errorf("answer %+v, want a replayed unknown 500", a)
	}
}

func TestACallIsSentOnceWhateverTheAnswer(t *testing.T) {
	for _, status := range []int{409, 429, 500, 503} {
		calls := 0
		g := provider(t, func(w http.ResponseWriter, r *http.Request) {
			calls++
			w.Header().Set("Stripe-Should-Retry", "true")
			says(status, stripeError("api_error", ""))(w, r)
		})
		g.CreateRefund(context.Background(), refund)
		if calls != 1 {
			t.Errorf("status %d: %d calls, want 1", status, calls)
		}
	}
}

func TestACallIsSentOnceWhenAReusedConnectionBreaks(t *testing.T) {
	var posts atomic.Int32
	g := provider(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet { // leaves a connection to be reused
			says(200, `{"id":"pi_1"}`)(w, r)
			return
		}
		posts.Add(1)
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.Close() // without a single byte of an answer
	})
	g.FindPayment(context.Background(), "pi_1")
	if a := g.CreateRefund(context.Background(), refund); a.Outcome != payment.OutcomeUnknown {
		t.Errorf("outcome %q, want unknown", a.Outcome)
	}
	if n := posts.Load(); n != 1 {
		t.Errorf("sent %d times, want once", n)
	}
}

func TestRequestsCarryTheKeyAndOurIds(t *testing.T) {
	type got struct {
		path, key string
		form      url.Values
	}
	var last got
	g := provider(t, func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		last = got{r.URL.Path, r.Header.Get("Idempotency-Key"), r.Form}
		says(200, `{"id":"x_1"}`)(w, r)
	})
	ctx := context.Background()
	cases := []struct {
		call      func()
		path, key string
		form      map[string]string
	}{
		{func() { g.CreatePayment(ctx, charge) }, "/v1/payment_intents", "k:create", map[string]string{
			"amount": "1999", "currency": "usd", "payment_method": "pm_card_visa",
			"metadata[order_id]": "o1", "metadata[payment_id]": "p1", "confirm": ""}},
		{func() { g.ConfirmPayment(ctx, charge, "pi_1") }, "/v1/payment_intents/pi_1/confirm", "k:confirm",
			map[string]string{"payment_method": "pm_card_visa"}},
		{func() { g.CancelPayment(ctx, charge, "pi_1") }, "/v1/payment_intents/pi_1/cancel", "k:cancel", nil},
		{func() { g.CreateRefund(ctx, refund) }, "/v1/refunds", "rk", map[string]string{
			"payment_intent": "pi_1", "amount": "500",
			"metadata[refund_id]": "r1", "metadata[attempt_id]": "a1", "metadata[order_id]": "o1"}},
	}
	for _, c := range cases {
		c.call()
		if last.path != c.path || last.key != c.key {
			t.Errorf("sent %s under %q, want %s under %q", last.path, last.key, c.path, c.key)
		}
		for k, v := range c.form {
			if last.form.Get(k) != v {
				t.Errorf("%s: %s is %q, want %q", c.path, k, last.form.Get(k), v)
			}
		}
	}
}

func TestPaymentStates(t *testing.T) {
	intent := func(status string) string {
		return fmt.Sprintf(
			`{"id":"pi_1","object":"payment_intent","status":%q,"amount_received":1999,"currency":"usd"}`,
			status,
		)
	}
	unexpected := func(status string) string {
		return fmt.Sprintf(
			`{"error":{"type":"invalid_request_error","code":"payment_intent_unexpected_state","message":"no",`+
				`"payment_intent":%s}}`,
			intent(status),
		)
	}
	ctx := context.Background()
	type call = func(*Gateway) (payment.PaymentStatus, payment.Result)
	var confirm, find, cancel call
	confirm = func(g *Gateway) (payment.PaymentStatus, payment.Result) {
		return "", g.ConfirmPayment(ctx, charge, "pi_1")
	}
	find = func(g *Gateway) (payment.PaymentStatus, payment.Result) { return g.FindPayment(ctx, "pi_1") }
	cancel = func(g *Gateway) (payment.PaymentStatus, payment.Result) { return g.CancelPayment(ctx, charge, "pi_1") }
	cases := []struct {
		name   string
		call   call
		answer http.HandlerFunc
		want   payment.Outcome
		state  payment.PaymentStatus
	}{
		{"confirmed", confirm, says(200, intent("succeeded")), payment.OutcomeDone, ""},
		{
			"confirm declined",
			confirm,
			says(402, stripeError("card_error", "card_declined")),
			payment.OutcomeDeclined,
			"",
		},
		{
			"confirm wants the customer",
			confirm,
			says(200, intent("requires_action")),
			payment.OutcomeRequiresAction,
			"",
		},
		{"confirm of one captured already", confirm, says(400, unexpected("succeeded")), payment.OutcomeDone, ""},
		{"confirm of one cancelled already", confirm, says(400, unexpected("canceled")), payment.OutcomeDeclined, ""},
		{
			"confirm in an unexpected state not told",
			confirm,
			says(400, stripeError("invalid_request_error", "payment_intent_unexpected_state")),
			payment.OutcomeUnknown,
			"",
		},
		{"found captured", find, says(200, intent("succeeded")), payment.OutcomeDone, payment.Captured},
		{"found cancelled", find, says(200, intent("canceled")), payment.OutcomeDone, payment.Canceled},
		{"found unconfirmed", find, says(200, intent("requires_confirmation")), payment.OutcomeDone, payment.Open},
		{"found declined", find, says(200, intent("requires_payment_method")), payment.OutcomeDone, payment.Open},
		{"found processing", find, says(200, intent("processing")), payment.OutcomeDone, payment.Processing},
		{"found in a state we don't know", find, says(200, intent("requires_capture")), payment.OutcomeUnknown, ""},
		{
			"not found says nothing about the money",
			find,
			says(404, stripeError("invalid_request_error", "resource_missing")),
			payment.OutcomeUnknown,
			"",
		},
		{
			"rate limited look-up",
			find,
			says(429, stripeError("invalid_request_error", "rate_limit")),
			payment.OutcomeUnknown,
			"",
		},
		{"cancelled", cancel, says(200, intent("canceled")), payment.OutcomeDone, payment.Canceled},
		{"cancel of one captured", cancel, says(400, unexpected("succeeded")), payment.OutcomeDone, payment.Captured},
		{"cancel of one cancelled", cancel, says(400, unexpected("canceled")), payment.OutcomeDone, payment.Canceled},
		{
			"cancel while processing",
			cancel,
			says(400, unexpected("processing")),
			payment.OutcomeDone,
			payment.Processing,
		},
		{
			"cancel refused for another reason",
			cancel,
			says(400, stripeError("invalid_request_error", "parameter_invalid")),
			payment.OutcomeUnknown,
			"",
		},
		{"cancel timed out", cancel, says(504, ``), payment.OutcomeUnknown, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if state, a := c.call(provider(t, c.answer)); a.Outcome != c.want || state != c.state {
				t.Errorf("outcome %q, state %q; want %q, %q (%+v)", a.Outcome, state, c.want, c.state, a)
			}
		})
	}
}

func TestADeclineTellsTheBanksReason(t *testing.T) {
	g := provider(
		t,
		says(
			402,
			`{"error":{"type":"card_error","code":"card_declined","decline_code":"insufficient_funds",`+
				`"message":"Your card has insufficient funds."}}`,
		),
	)
	if a := g.ConfirmPayment(context.Background(), charge, "pi_1"); a.Code != "insufficient_funds" ||
		a.ProviderID != "pi_1" {
		t.Errorf("answer %+v, want insufficient_funds on pi_1", a)
	}
}

// listing serves refunds in pages of two, newest first, as Stripe does.
func listing(refunds ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		from := 0
		if after := r.FormValue("starting_after"); after != "" {
			for i, re := range refunds {
				if strings.Contains(re, `"`+after+`"`) {
					from = i + 1
				}
			}
		}
		to := min(from+2, len(refunds))
		fmt.Fprintf(w, `{"object":"list","has_more":%v,"data":[%s]}`, to < len(refunds),
			strings.Join(refunds[from:to], ","))
	}
}

func stored(id, attempt, status string) string {
	return fmt.Sprintf(`{"id":%q,"amount":500,"currency":"usd","status":%q,"metadata":{"attempt_id":%q}}`, id,
		status, attempt)
}

func TestFindRefundReadsAllPages(t *testing.T) {
	cases := []struct {
		name    string
		answer  http.HandlerFunc
		want    payment.Outcome
		wantRef string
	}{
		{"on the last page", listing(stored("re_5", "x", "succeeded"), stored("re_4", "y", "succeeded"),
			stored("re_3", "z", "succeeded"), stored("re_2", "w", "succeeded"), stored("re_1", "a1",
				"succeeded")), payment.OutcomeDone, "re_1"},
		{"pending", listing(stored("re_1", "a1", "pending")), payment.OutcomePending, "re_1"},
		{"failed", listing(stored("re_1", "a1", "failed")), payment.OutcomeDeclined, "re_1"},
		{"one that holds money before one that failed", listing(stored("re_2", "a1", "failed"), stored("re_1",
			"a1", "succeeded")), payment.OutcomeDone, "re_1"},
		{"absent", listing(stored("re_1", "other", "succeeded")), payment.OutcomeAbsent, ""},
		{"none at all", listing(), payment.OutcomeAbsent, ""},
		{"the listing fails", says(500, stripeError("api_error", "")), payment.OutcomeUnknown, ""},
		{"no such payment", says(404, stripeError("invalid_request_error", "resource_missing")),
			payment.OutcomeUnknown, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := provider(t, c.answer).FindRefund(context.Background(), refund)
			if a.Outcome != c.want || a.ProviderID != c.wantRef {
				t.Errorf("%q %q, want %q %q", a.Outcome, a.ProviderID, c.want, c.wantRef)
			}
		})
	}
}

func TestALaterPageThatFailsIsUnknownNotAbsent(t *testing.T) {
	pages := listing(stored("re_3", "x", "succeeded"), stored("re_2", "y", "succeeded"), stored("re_1", "a1",
		"succeeded"))
	g := provider(t, func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("starting_after") != "" {
			says(500, stripeError("api_error", ""))(w, r)
			return
		}
		pages(w, r)
	})
	if a := g.FindRefund(context.Background(), refund); a.Outcome != payment.OutcomeUnknown {
		t.Errorf("outcome %q, want unknown", a.Outcome)
	}
}

func TestConfigNamesTheFieldAtFault(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   string
	}{
		{Config{}, "Config.Key"},
		{Config{Key: "k", Timeout: -1}, "Config.Timeout"},
		{Config{Key: "k", URL: "ftp://x"}, "Config.URL"},
		{Config{Key: "k", URL: "127.0.0.1:12111"}, "Config.URL"},
	} {
		if _, err := New(c.config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New(%+v): %v, want an error naming %s", c.config, err, c.want)
		}
	}
}
