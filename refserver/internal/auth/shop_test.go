package auth_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/refserver/internal/auth"
)

var secret = []byte("0123456789abcdef")

// shop is a small site with sign-in, sign-out, a page for users and one for

// admins.

type shop struct {
	auth  *auth.Service
	store auth.Store
	url   string
	now   atomic.Pointer[time.Time]
	hold  chan struct{} // what GET /slow waits for
	slow  chan struct{} // gets a value when GET /slow is inside
}

func newShop(t *testing.T, store auth.Store, secure bool) *shop {
	t.Helper()
	return newShopWith(t, store, secure, true)
}

// newShopWith is newShop, with hashes as weak as it says.
func newShopWith(t *testing.T, store auth.Store, secure, weakHashes bool) *shop {
	t.Helper()
	s := &shop{store: store, hold: make(chan struct{}), slow: make(chan struct{})}
	s.setNow(time.Now())
	var err error
	s.auth, err = auth.New(
		auth.Config{
			Store:         store,
			Secret:        secret,
			SecureCookies: secure,
			WeakHashes:    weakHashes,
			Now:           func() time.Time { return *s.now.Load() },
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	need := func(may func(auth.User) bool, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch u, ok := auth.FromContext(r.Context()); {
			case !ok:
				http.Error(w, "no", http.StatusUnauthorized)
			case !may(u):
				http.Error(w, "no", http.StatusForbidden)
			default:
				next.ServeHTTP(w, r)
			}
		})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		_, err := s.auth.SignIn(r.Context(), r.FormValue("username"), r.FormValue("password"), "192.0.2.1")
		switch auth.CodeOf(err) {
		case auth.CodeCredentials:
			http.Error(w, err.Error(), http.StatusUnauthorized)
		case auth.CodeTooManyAttempts:
			http.Error(w, err.Error(), http.StatusTooManyRequests)
		default:
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		}
	})
	mux.HandleFunc("POST /password", func(w http.ResponseWriter, r *http.Request) {
		if err := s.auth.ChangePassword(r.Context(), r.FormValue("old"), r.FormValue("new"), "192.0.2.1"); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		if err := s.auth.SignOut(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := auth.FromContext(r.Context())
		fmt.Fprint(w, u.Username, s.auth.TakeFlash(r.Context()))
	})
	mux.Handle("GET /me", need(func(auth.User) bool { return true }, who))
	mux.Handle("GET /admin", need(auth.User.IsAdmin, who))
	mux.HandleFunc("GET /slow", func(w http.ResponseWriter, r *http.Request) {
		s.auth.Flash(r.Context(), "!")
		s.slow <- struct{}{}
		<-s.hold
	})
	mux.HandleFunc("GET /log-user", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, observability.UserID(r.Context()))
	})
	srv := httptest.NewServer(observability.RequestID(s.auth.Load(mux)))
	t.Cleanup(srv.Close)
	s.url = srv.URL
	return s
}

func (s *shop) setNow(t time.Time) { s.now.Store(&t) }

type browser struct {
	t    *testing.T
	shop *shop
	http http.Client
}

func (s *shop) browser(t *testing.T) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, shop: s, http: http.Client{Jar: jar}}
}

func (b *browser) token() string {
	u, err := url.Parse(b.shop.url)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.http.Jar.Cookies(u) {
		if c.Name == b.shop.auth.CookieName() {
			return c.Value
		}
	}
	return ""
}

func (b *browser) setToken(v string) {
	u, err := url.Parse(b.shop.url)
	if err != nil {
		b.t.Fatal(err)
	}
	b.http.Jar.SetCookies(u, []*http.Cookie{{Name: b.shop.auth.CookieName(), Value: v}})
}

func (b *browser) do(method, path string, form url.Values) (status int, body string, h http.Header) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.shop.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := b.http.Do(req)
	if err != nil {
		b.t.Error(err)
		return 0, "", nil
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Error(err)
	}
	return res.StatusCode, string(raw), res.Header
}

func (b *browser) signIn(name, password string) int {
	b.t.Helper()
	status, _, _ := b.do("POST", "/login", url.Values{"username": {name}, "password": {password}})
	return status
}

func (b *browser) want(path string, status int, body string) {
	b.t.Helper()
	got, text, _ := b.do("GET", path, nil)
	if got != status || (status == 200 && text != body) {
		b.t.Errorf("GET %s = %d %q, want %d %q", path, got, text, status, body)
	}
}

func (s *shop) register(t *testing.T, name, password string) auth.User {
	t.Helper()
	u, err := s.auth.Register(
		t.Context(),
		auth.Registration{Username: name, Email: name + "@example.com", Password: password},
	)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
