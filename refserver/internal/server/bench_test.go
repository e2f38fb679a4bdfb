package server_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/e2e/apptest"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/refserver/internal/server"
	"github.com/returnkit/returnkit/refserver/internal/testlog"
	"github.com/returnkit/returnkit/returns"
)

const secret = "whsec_test"

// keyboard is the product that tests buy: 79.99 and its duty and shipping.
const keyboard = 3

var clerk = event.Actor{Kind: event.ActorStaff, ID: "clerk", Name: "clerk"}

// bench is a shop served on loopback.
type bench struct {
	*app.App
	t   *testing.T
	url string
}

// each runs the test on both databases.
func each(t *testing.T, test func(t *testing.T, settings ...string)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { test(t) })
	t.Run("postgres", func(t *testing.T) { test(t, "DATABASE_URL="+apptest.PostgresURL(t)) })
}

// open serves a shop whose workers stand still.
func open(t *testing.T, settings ...string) *bench {
	t.Helper()
	settings = append([]string{"STRIPE_WEBHOOK_SECRET=" + secret, "BREAKER_OPEN_SECONDS=1"}, settings...)
	return openWith(t, nil, settings...)
}

// openWith is open with options of the shop, and with no settings but these.
func openWith(t *testing.T, options []app.Option, settings ...string) *bench {
	t.Helper()
	s := apptest.Open(t, slog.LevelWarn, settings, options...)
	handler, err := server.New(s)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	s.Health.SetStarted()
	return &bench{App: s, t: t, url: srv.URL}
}

// run starts the workers and has the simulator send its messages.
func (b *bench) run() {
	b.t.Helper()
	if err := b.ReceiveWebhooks(b.url); err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.t.Context()))
	stopped := make(chan error, 1)
	go func() { stopped <- b.Run(ctx) }()
	b.t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil {
			b.t.Error(err)
		}
	})
}

// browser is somebody with cookies, who follows no redirect.
type browser struct {
	*bench
	client *http.Client
}

// signIn signs in as the super admin.
func (b *bench) signIn() browser {
	return b.signInAs("super_admin", "super_admin_92587")
}

func (b *bench) signInAs(name, password string) browser {
	b.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	u := browser{
		b,
		&http.Client{
			Jar:           jar,
			Timeout:       testreq.Patience(b.t),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	if a := u.form("/login", url.Values{"username": {name}, "password": {password}}); a.status != http.StatusFound {
		b.t.Fatalf("sign-in: %d %s", a.status, a.body)
	}
	testlog.Secret(b.t, password)
	testlog.Cookies(b.t, jar, b.url)
	return u
}

// answer is what came back.
type answer struct {
	status int
	body   string
	header http.Header
}

func (u browser) send(method, path, kind, body string, header ...string) answer {
	u.t.Helper()
	r, err := http.NewRequestWithContext(u.t.Context(), method, u.url+path, strings.NewReader(body))
	if err != nil {
		u.t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := u.client.Do(r)
	if err != nil {
		u.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		u.t.Fatal(err)
	}
	return answer{res.StatusCode, string(data), res.Header}
}

func (u browser) get(path string) answer { u.t.Helper(); return u.send("GET", path, "", "") }

func (u browser) form(path string, fields url.Values, header ...string) answer {
	u.t.Helper()
	return u.send("POST", path, "application/x-www-form-urlencoded", fields.Encode(), header...)
}

func (u browser) json(path, body string, header ...string) answer {
	u.t.Helper()
	return u.send("POST", path, "application/json", body, header...)
}

// customer registers somebody.
func (b *bench) customer(name string) event.Actor {
	b.t.Helper()
	u, err := b.Auth.Register(
		b.t.Context(),
		auth.Registration{Username: name, Email: name + "@example.com", Password: "correct horse"},
	)
	if err != nil {
		b.t.Fatal(err)
	}
	return event.Actor{Kind: event.ActorCustomer, ID: u.ID, Name: u.Username}
}

// buy orders keyboards by card.
func (b *bench) buy(who event.Actor, quantity int) orders.Order {
	b.t.Helper()
	return b.buyOf(who, keyboard, quantity)
}

// buyOf orders a product by card.
func (b *bench) buyOf(who event.Actor, product int64, quantity int) orders.Order {
	b.t.Helper()
	cart, err := b.Orders.SetCartQuantity(b.t.Context(), who.ID, product, quantity)
	if err != nil {
		b.t.Fatal(err)
	}
	token, err := b.TokenFor("4242424242424242", "12/2099", "Visa")
	if err != nil {
		b.t.Fatal(err)
	}
	o, err := b.Orders.Checkout(
		b.t.Context(),
		orders.CheckoutRequest{Customer: who, CartID: cart.Cart.ID, Method: payment.Card, Token: token, Source: "test"},
	)
	if err != nil {
		b.t.Fatal(err)
	}
	return o
}

// approved takes one keyboard of the order back, up to the approved inspection.
func (b *bench) approved(o orders.Order) returns.Return {
	b.t.Helper()
	ctx := b.t.Context()
	c, err := b.Returns.Create(
		ctx,
		event.Actor{Kind: event.ActorCustomer, ID: o.CustomerID, Name: "customer"},
		returns.CreateParams{
			OrderID: o.ID, CustomerID: o.CustomerID, Reason: returns.ReasonDamaged, Details: "broken",
			Items: []returns.RequestItem{{OrderLineID: o.Lines[0].ID, Quantity: 1}},
		},
	)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, step := range []func() error{
		func() error { _, err := b.Returns.Authorize(ctx, c.ID, clerk, "fine"); return err },
		func() error {
			_, err := b.Returns.Receive(ctx, c.ID, clerk, returns.ReceiveParams{Lines: nil, Notes: ""})
			return err
		},
		func() error {
			c, err = b.Returns.Inspect(ctx, c.ID, clerk, returns.InspectionInput{
				Result: returns.InspectionApproved, InspectedBy: "clerk",
			})
			return err
		},
	} {
		if err := step(); err != nil {
			b.t.Fatal(err)
		}
	}
	return c
}

func (b *bench) faults(f paysim.Faults) {
	b.t.Helper()
	if err := b.Simulator.SetFaults(f); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) stock() int {
	b.t.Helper()
	p, err := b.Orders.Product(b.t.Context(), keyboard)
	if err != nil {
		b.t.Fatal(err)
	}
	return p.Stock
}

// theCase reads a case as it is now.
func (b *bench) theCase(id string) *returns.Return {
	b.t.Helper()
	c, err := b.Returns.Return(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return &c
}

// eventually waits until the condition holds.
func (b *bench) eventually(what string, cond func() bool) {
	b.t.Helper()
	testreq.UntilEvery(b.t, 10*time.Millisecond, what, cond)
}

// want checks an answer's status and that its body holds each text.
func (a answer) want(t *testing.T, status int, texts ...string) answer {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d: %s", a.status, status, shorten(a.body))
	}
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			t.Errorf("no %q in %s", text, shorten(a.body))
		}
	}
	return a
}

func shorten(s string) string {
	if i := strings.Index(s, "<main"); i >= 0 {
		s = s[i:]
	}
	if len(s) > 3000 {
		s = s[:3000]
	}
	return string(bytes.TrimSpace([]byte(s)))
}
