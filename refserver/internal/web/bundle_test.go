package web_test

import (
	"bytes"
	"image"
	"image/png"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/e2e/apptest"
	"github.com/returnkit/returnkit/refserver/internal/server"
	"github.com/returnkit/returnkit/refserver/internal/testlog"
)

const password = "correct horse battery"

// bundle is a shop on SQLite with its pages over HTTP.
type bundle struct {
	*app.App
	t    *testing.T
	base string
}

func newBundle(t *testing.T, settings ...string) *bundle {
	t.Helper()
	s := apptest.Open(t, slog.LevelError, append([]string{"PAYMENT_PROVIDER_TIMEOUT=4s"}, settings...))
	pages, err := server.New(s)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(pages)
	t.Cleanup(srv.Close)
	return &bundle{App: s, t: t, base: srv.URL}
}

// person is somebody with a browser.
type person struct {
	b  *bundle
	c  *http.Client
	id string
}

func (b *bundle) nobody() *person {
	b.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return &person{
		b: b,
		c: &http.Client{
			Jar:           jar,
			Timeout:       testreq.Patience(b.t),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func (b *bundle) customer(name string) *person {
	b.t.Helper()
	u, err := b.Auth.Register(
		b.t.Context(),
		auth.Registration{Username: name, Email: name + "@example.com", Password: password},
	)
	if err != nil {
		b.t.Fatal(err)
	}
	p := b.nobody()
	p.id = u.ID
	p.form("/login", "username", name, "password", password).want(http.StatusFound)
	p.secret(password)
	return p
}

func (b *bundle) staff() *person {
	b.t.Helper()
	p := b.nobody()
	p.form("/login", "username", b.Config.SuperAdminUsername, "password",
		string(b.Config.SuperAdminPassword)).want(http.StatusFound)
	p.secret(string(b.Config.SuperAdminPassword))
	return p
}

// secret is what must be in no log: how this person signed in.
func (p *person) secret(password string) {
	p.b.t.Helper()
	testlog.Secret(p.b.t, password)
	testlog.Cookies(p.b.t, p.c.Jar, p.b.base)
}

// bought is a completed order of these units of product 3.
func (b *bundle) bought(p *person, units int) orders.Order {
	b.t.Helper()
	cart, err := b.Orders.SetCartQuantity(b.t.Context(), p.id, 3, units)
	if err != nil {
		b.t.Fatal(err)
	}
	token, err := b.TokenFor("4242424242424242", "12/2099", "Visa")
	if err != nil {
		b.t.Fatal(err)
	}
	o, err := b.Orders.Checkout(b.t.Context(), orders.CheckoutRequest{
		Customer: event.Actor{
			Kind: event.ActorCustomer,
			ID:   p.id,
		}, CartID: cart.Cart.ID, Method: payment.Card, Token: token, Source: "test",
	})
	if err != nil || o.Status != orders.StatusCompleted {
		b.t.Fatalf("order %s, %v", o.Status, err)
	}
	return o
}

// reply is an answer, read.
type reply struct {
	t    *testing.T
	what string
	*http.Response
	body string
}

func (p *person) do(method, path, contentType string, body io.Reader, header ...string) reply {
	p.b.t.Helper()
	req, err := http.NewRequestWithContext(p.b.t.Context(), method, p.b.base+path, body)
	if err != nil {
		p.b.t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := p.c.Do(req)
	if err != nil {
		p.b.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		p.b.t.Fatal(err)
	}
	return reply{p.b.t, method + " " + path, res, string(data)}
}

func (p *person) get(path string, header ...string) reply {
	p.b.t.Helper()
	return p.do(http.MethodGet, path, "", nil, header...)
}

func (p *person) form(path string, fields ...string) reply {
	p.b.t.Helper()
	v := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		v.Add(fields[i], fields[i+1])
	}
	return p.do(http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(v.Encode()))
}

// photos posts a multipart form with these files in the field photos.
func (p *person) photos(path string, files [][]byte, fields ...string) reply {
	p.b.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for i := 0; i+1 < len(fields); i += 2 {
		if err := w.WriteField(fields[i], fields[i+1]); err != nil {
			p.b.t.Fatal(err)
		}
	}
	for _, f := range files {
		part, err := w.CreateFormFile("photos", "photo.png")
		if err == nil {
			_, err = part.Write(f)
		}
		if err != nil {
			p.b.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		p.b.t.Fatal(err)
	}
	return p.do(http.MethodPost, path, w.FormDataContentType(), &body)
}

func (r reply) want(status int, says ...string) reply {
	r.t.Helper()
	if r.StatusCode != status {
		r.t.Fatalf("%s: %d, want %d\n%s", r.what, r.StatusCode, status, r.body)
	}
	for _, s := range says {
		if !strings.Contains(r.body, s) {
			r.t.Errorf("%s does not say %q:\n%s", r.what, s, r.body)
		}
	}
	return r
}

func picture(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewRGBA(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
