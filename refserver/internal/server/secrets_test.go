package server_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/testlog"
)

// buffer is a log that many write to.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// TestNoSecretIsInTheLogOfABusyShop signs in rightly and wrongly, pays with
// good, declined and mistyped cards, and sends webhooks, signed and not, with
// secrets in headers and addresses too; then it looks for each of them.
func TestNoSecretIsInTheLogOfABusyShop(t *testing.T) {
	t.Parallel()
	const (
		password, typo  = "correct-horse-battery-77", "corect-horse-battery-77"
		webhookSecret   = "whsec_5up3rS3cretOfWebhooks"
		metricsToken    = "metrics-t0ken-9917"
		secretKey       = "a-s3cret-key-of-32-characters-ok"
		bearer, cookie  = "sk_test_51AbCdEfGhIjKlMnOp", "chocolate-chip-4451"
		good, bad, none = "4242424242424242", "4000000000000002", "4242 4242 4242 4241"
	)
	var log buffer
	r := openReplica(
		t,
		&log,
		"SUPER_ADMIN_PASSWORD="+password,
		"STRIPE_WEBHOOK_SECRET="+webhookSecret,
		"METRICS_TOKEN="+metricsToken,
		"SECRET_KEY="+secretKey,
	)
	secrets := map[string]string{
		"the password": password, "a mistyped password": typo, "the secret of webhooks": webhookSecret,
		"the token of metrics": metricsToken,
		"the secret key":       secretKey, "a bearer token": bearer, "a cookie of another": cookie, "a good card": good,
		"a declined card": bad, "a mistyped card": none,
	}
	home, err := url.Parse(r.srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.c.Jar.Cookies(home) {
		secrets["the cookie "+c.Name] = c.Value
	}
	if len(secrets) != 11 {
		t.Fatalf("%d secrets: the session has no cookie, or more than one", len(secrets))
	}
	for _, s := range secrets {
		testlog.Secret(t, s)
	}
	// any sends a request whose answer does not matter.
	any := func(method, path, contentType, body string, header ...string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, r.srv.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", contentType)
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		res, err := r.c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	const form, jsonType = "application/x-www-form-urlencoded", "application/json"
	any("POST", "/login", form, url.Values{"username": {"super_admin"}, "password": {typo}}.Encode())
	any(
		"POST",
		"/login",
		form,
		url.Values{"username": {password}, "password": {password}}.Encode(),
	) // into the wrong field
	any("GET", "/metrics", "", "", "Authorization", "Bearer "+metricsToken)
	any("GET", "/metrics", "", "", "Authorization", "Bearer "+bearer)
	any("GET", "/?card_number="+good+"&token="+bearer, "", "", "Referer", r.srv.URL+"/?password="+typo)
	any("GET", "/orders/"+good, "", "", "Cookie", "session="+cookie)
	r.buy(good)
	for _, card := range []string{bad, none} {
		any("POST", "/add_to_cart", form, "product_id=2")
		any(
			"POST",
			"/checkout",
			form,
			url.Values{
				"payment_method": {"Card"},
				"card_number":    {card},
				"card_exp_date":  {"12/2099"},
				"card_type":      {"Visa"},
			}.Encode(),
		)
	}
	any("POST", "/api/returns", jsonType, fmt.Sprintf(`{"sale_id":%q,"reason":"OTHER","details":%q}`, good, password))
	event := fmt.Sprintf(
		`{"id":"evt_1","object":"event","type":"refund.failed","data":{"object":{"id":"re_1","object":"refund",`+
			`"card":%q}}}`,
		good,
	)
	any("POST", "/webhooks/stripe", jsonType, event)
	any(
		"POST",
		"/webhooks/stripe",
		jsonType,
		event,
		"Stripe-Signature",
		fmt.Sprintf("t=%d,v1=%s", time.Now().Unix(), webhookSecret),
	)
	r.stop()

	text := log.String()
	if n := strings.Count(text, "\n"); n < 20 {
		t.Fatalf("the log has %d lines: nothing to look through", n)
	}
	for line := range strings.Lines(text) {
		for what, secret := range secrets {
			for _, form := range []string{secret, url.QueryEscape(secret), strings.ReplaceAll(secret, " ", "")} {
				if strings.Contains(line, form) {
					t.Errorf("%s is in the log: %s", what, line)
					break
				}
			}
		}
	}
}
