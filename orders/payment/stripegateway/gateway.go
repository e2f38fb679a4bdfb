package stripegateway

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v85"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// The metadata under which our ids stand at the provider.
const (
	MetaOrderID   = "order_id"
	MetaPaymentID = "payment_id"
	MetaRefundID  = "refund_id"
	MetaAttemptID = "attempt_id"
)

// Config says how to reach the provider.
type Config struct {
	// Key is the secret API key. Required.
	Key string
	// URL is the base of the API, such as http://127.0.0.1:12111; empty means
	// Stripe itself.
	URL string
	// Timeout bounds a call whose context has no nearer deadline; 0 means 30 s.
	Timeout time.Duration
	// Transport carries the requests; nil means http.DefaultTransport's settings
	// with more idle connections per host.
	Transport http.RoundTripper
}

// Validate returns an error that names the field at fault.
func (c Config) Validate() error {
	if c.Key == "" {
		return fmt.Errorf("stripegateway: Config.Key is empty; it must be a secret API key, such as sk_test_123")
	}
	if c.Timeout < 0 {
		return fmt.Errorf("stripegateway: Config.Timeout is %v; it must be 0 or more", c.Timeout)
	}
	if c.URL != "" {
		u, err := url.Parse(c.URL)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return fmt.Errorf("stripegateway: Config.URL is %q; it must be an http or https address", c.URL)
		}
	}
	return nil
}

// Gateway implements payment.ChargeGateway and payment.RefundGateway. It is safe for
// concurrent use.
type Gateway struct {
	client  *stripe.Client
	timeout time.Duration
	live    *bool // the key's mode; nil where the key does not say
}

var (
	_ payment.ChargeGateway = (*Gateway)(nil)
	_ payment.RefundGateway = (*Gateway)(nil)
)

// New returns a gateway. It makes no call.
func New(c Config) (*Gateway, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 256
		t.MaxResponseHeaderBytes = 64 << 10
		c.Transport = t
	}
	config := &stripe.BackendConfig{
		// A redirect is no answer: followed, it would carry the key elsewhere.
		HTTPClient: &http.Client{
			Transport:     recorder{next: c.Transport},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull},
		MaxNetworkRetries: stripe.Int64(0),
		EnableTelemetry:   stripe.Bool(false),
	}
	if c.URL != "" {
		config.URL = stripe.String(strings.TrimRight(c.URL, "/"))
	}
	backends := stripe.NewBackendsWithConfig(config)
	return &Gateway{client: stripe.NewClient(c.Key, stripe.WithBackends(backends)), timeout: c.Timeout,
		live: modeOf(c.Key)}, nil
}

// modeOf reports whether a key is of live mode, by its prefix:
// https://docs.stripe.com/keys.
func modeOf(key string) *bool {
	_, kind, _ := strings.Cut(key, "_") // sk_live_..., rk_test_...
	live := strings.HasPrefix(kind, "live_")
	if !live && !strings.HasPrefix(kind, "test_") {
		return nil
	}
	return &live
}

// call bounds the call in time and gives it a place to note the answer's
// status and headers, which the library drops when the body is not its own.
func (g *Gateway) call(ctx context.Context) (context.Context, *seen, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	s := &seen{}
	return context.WithValue(ctx, seenKey{}, s), s, cancel
}

// seen is what the transport saw of an answer.
type seen struct {
	status   int
	replayed bool
}

type seenKey struct{}

// recorder notes status and replay of each answer in the request's context.
//
// It also takes away the means to send a body a second time: http.Transport
// resends a POST that has an Idempotency-Key by itself when a reused
// connection breaks before the first byte of the answer, and that call would
// stand in no row.
type recorder struct{ next http.RoundTripper }

func (r recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet {
		req = req.Clone(req.Context())
		req.GetBody = nil
		if req.Body == nil || req.Body == http.NoBody {
			req.Body = io.NopCloser(strings.NewReader("")) // a request without a body is resent too
		}
	}
	res, err := r.next.RoundTrip(req)
	if err == nil {
		res.Body = &bounded{ReadCloser: res.Body, left: maxBody}
	}
	if s, ok := req.Context().Value(seenKey{}).(*seen); ok && err == nil {
		s.status = res.StatusCode
		s.replayed = res.Header.Get("Idempotent-Replayed") == "true"
	}
	return res, err
}

// maxBody bounds an answer, many times a page of 100 refunds.
const maxBody = 8 << 20

// bounded is a body that ends with an error after the bytes that are left.
type bounded struct {
	io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("stripegateway: the answer is longer than %d bytes", maxBody)
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

func currencyOf(c money.Currency) *string { return stripe.String(strings.ToLower(string(c))) }

func currencyFrom(code string) money.Currency { return money.Currency(strings.ToUpper(code)) }
