package auth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/sqldb/sqldbtest"
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
	s := &shop{store: store, hold: make(chan struct{}), slow: make(chan struct{})}
	s.setNow(time.Now())
	var err error
	s.auth, err = auth.New(auth.Config{Store: store, Secret: secret, SecureCookies: secure, Now: func() time.Time { return *s.now.Load() }})
	if err != nil {
		t.Fatal(err)
	}
	deny := func(w http.ResponseWriter, r *http.Request, status int) { http.Error(w, "no", status) }
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
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		if err := s.auth.SignOut(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := auth.FromContext(r.Context())
		fmt.Fprint(w, u.Username, s.auth.TakeFlash(r.Context()))
	})
	mux.Handle("GET /me", auth.RequireUser(deny)(who))
	mux.Handle("GET /admin", auth.RequireAdmin(deny)(who))
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
		if c.Name == auth.CookieName {
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
	b.http.Jar.SetCookies(u, []*http.Cookie{{Name: auth.CookieName, Value: v}})
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
	u, err := s.auth.Register(t.Context(), auth.Registration{Username: name, Email: name + "@example.com", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestSignInAndOut(t *testing.T) {
	eachStore(t, func(t *testing.T, store auth.Store) {
		s := newShop(t, store, false)
		s.register(t, "Ada", "correct horse")
		b := s.browser(t)
		b.want("/me", 401, "")
		if got := b.signIn("Ada", "wrong horse!"); got != 401 {
			t.Errorf("wrong password: %d", got)
		}
		b.want("/me", 401, "")
		if got := b.signIn("ADA", "correct horse"); got != 200 {
			t.Errorf("right password, name in another case: %d", got)
		}
		b.want("/me", 200, "Ada")

		stolen := s.browser(t)
		stolen.setToken(b.token())
		stolen.want("/me", 200, "Ada")
		b.do("POST", "/logout", nil)
		b.want("/me", 401, "")
		stolen.want("/me", 401, "")
		forged := s.browser(t)
		forged.setToken("forged")
		forged.want("/me", 401, "")
	})
}

func TestTheLogOfARequestNamesItsUser(t *testing.T) {
	s := newShop(t, newStore(t, sqldbtest.SQLite(t)), false)
	u := s.register(t, "ada", "correct horse")
	b := s.browser(t)
	b.want("/log-user", 200, "")
	b.signIn("ada", "correct horse")
	b.want("/log-user", 200, u.ID)
}

func TestAWriteUnderWayDoesNotBringASignedOutSessionBack(t *testing.T) {
	s := newShop(t, newStore(t, sqldbtest.SQLite(t)), false)
	s.register(t, "ada", "correct horse")
	b := s.browser(t)
	b.signIn("ada", "correct horse")
	stolen := s.browser(t)
	stolen.setToken(b.token())
	done := make(chan struct{})
	go func() {
		defer close(done)
		stolen.do("GET", "/slow", nil) // has loaded the session and will save a message
	}()
	<-s.slow
	b.do("POST", "/logout", nil)
	close(s.hold)
	<-done
	stolen.want("/me", 401, "")
}

func TestSigningInChangesTheToken(t *testing.T) {
	s := newShop(t, newStore(t, sqldbtest.SQLite(t)), false)
	s.register(t, "ada", "correct horse")
	s.register(t, "bob", "battery staple")
	b := s.browser(t)
	b.signIn("ada", "correct horse")
	planted := b.token()
	b.signIn("bob", "battery staple")
	if b.token() == planted {
		t.Fatal("the token stayed the same")
	}
	b.want("/me", 200, "bob")
	old := s.browser(t)
	old.setToken(planted)
	old.want("/me", 401, "")
}

func TestCookieAttributes(t *testing.T) {
	store := newStore(t, sqldbtest.SQLite(t))
	for _, secure := range []bool{false, true} {
		s := newShop(t, store, secure)
		if !secure {
			s.register(t, "ada", "correct horse")
		}
		_, _, h := s.browser(t).do("POST", "/login", url.Values{"username": {"ada"}, "password": {"correct horse"}})
		cookie := h.Get("Set-Cookie")
		for attr, want := range map[string]bool{"HttpOnly": true, "SameSite=Lax": true, "Path=/": true, "Secure": secure} {
			if strings.Contains(cookie, attr) != want {
				t.Errorf("secure %v: cookie %q has %s: %v", secure, cookie, attr, !want)
			}
		}
	}
}

func TestATokenIsNotStoredAsItIs(t *testing.T) {
	db := sqldbtest.SQLite(t)
	s := newShop(t, newStore(t, db), false)
	s.register(t, "ada", "correct horse")
	b := s.browser(t)
	b.signIn("ada", "correct horse")
	var rows []string
	if err := db.Read.NewSelect().TableExpr("auth_sessions").ColumnExpr("token_hash || CAST(data AS TEXT)").Scan(t.Context(), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1 || strings.Contains(rows[0], b.token()) {
		t.Errorf("%d rows; the token must not be in them", len(rows))
	}
}

func TestSessionsEnd(t *testing.T) {
	eachStore(t, func(t *testing.T, store auth.Store) {
		s := newShop(t, store, false)
		s.register(t, "ada", "correct horse")
		begin := time.Now()
		idle, used := s.browser(t), s.browser(t)
		idle.signIn("ada", "correct horse")
		used.signIn("ada", "correct horse")
		for at := time.Hour; at < 12*time.Hour; at += time.Hour {
			s.setNow(begin.Add(at))
			used.want("/me", 200, "ada")
		}
		idle.want("/me", 401, "")
		s.setNow(begin.Add(12*time.Hour + time.Minute))
		used.want("/me", 401, "")
		if n, err := s.auth.CleanUp(t.Context()); n != 2 || err != nil {
			t.Errorf("CleanUp = %d, %v; want 2", n, err)
		}
	})
}

func TestARoleActsFromTheNextRequest(t *testing.T) {
	eachStore(t, func(t *testing.T, store auth.Store) {
		s := newShop(t, store, false)
		boss, err := s.auth.EnsureSuperAdmin(t.Context(), "boss", "boss password", "boss@example.com")
		if err != nil {
			t.Fatal(err)
		}
		u := s.register(t, "ada", "correct horse")
		b := s.browser(t)
		b.want("/admin", 401, "")
		b.signIn("ada", "correct horse")
		b.want("/admin", 403, "")
		for role, want := range map[auth.Role]int{auth.Admin: 200, auth.Customer: 403} {
			if _, err := s.auth.SetRole(t.Context(), boss, u.ID, role); err != nil {
				t.Fatal(err)
			}
			b.want("/admin", want, "ada")
		}
		if _, err := s.auth.SetRole(t.Context(), boss, boss.ID, auth.Customer); auth.CodeOf(err) != auth.CodeSuperAdmin {
			t.Errorf("demoting the super admin: %v", err)
		}
		if _, err := s.auth.SetRole(t.Context(), boss, u.ID, "owner"); auth.CodeOf(err) != auth.CodeInvalid {
			t.Errorf("an unknown role: %v", err)
		}
		if _, err := s.auth.SetRole(t.Context(), boss, "x\x00", auth.Admin); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("nobody's role: %v", err)
		}
	})
}

func TestEnsureSuperAdminFollowsTheSettings(t *testing.T) {
	eachStore(t, func(t *testing.T, store auth.Store) {
		s := newShop(t, store, false)
		ctx := t.Context()
		first, err := s.auth.EnsureSuperAdmin(ctx, "boss", "first password", "b@example.com")
		if err != nil || !first.Super || !first.IsAdmin() {
			t.Fatalf("EnsureSuperAdmin = %+v, %v", first, err)
		}
		again, err := s.auth.EnsureSuperAdmin(ctx, "Boss", "first password", "b@example.com")
		if err != nil || again.ID != first.ID {
			t.Errorf("again: %+v, %v", again, err)
		}
		b := s.browser(t)
		b.signIn("boss", "first password")
		if _, err := s.auth.EnsureSuperAdmin(ctx, "boss", "second password", "b@example.com"); err != nil {
			t.Fatal(err)
		}
		b.want("/me", 401, "")
		if old, now := b.signIn("boss", "first password"), b.signIn("boss", "second password"); old != 401 || now != 200 {
			t.Errorf("old password %d, new one %d", old, now)
		}
		u := s.register(t, "ada", "correct horse")
		if got, err := s.auth.EnsureSuperAdmin(ctx, "ada", "correct horse", "b@example.com"); err != nil || got.ID != u.ID || !got.Super {
			t.Errorf("another name: %+v, %v", got, err)
		}
		if was, _ := s.auth.UserByName(ctx, "boss"); was.Super || !was.IsAdmin() {
			t.Errorf("the one before is %+v", was)
		}
		if _, err := s.auth.EnsureSuperAdmin(ctx, "x", "correct horse", "b@example.com"); auth.CodeOf(err) != auth.CodeInvalid {
			t.Errorf("a bad name: %v", err)
		}
	})
}

func TestReplicasThatStartAtOnceMakeOneSuperAdmin(t *testing.T) {
	eachStore(t, func(t *testing.T, store auth.Store) {
		s := newShop(t, store, false)
		var wg sync.WaitGroup
		ids := make([]string, 4)
		for i := range ids {
			wg.Go(func() {
				u, err := s.auth.EnsureSuperAdmin(context.WithoutCancel(t.Context()), "boss", "boss password", "b@example.com")
				if err != nil || !u.Super {
					t.Errorf("%+v, %v", u, err)
				}
				ids[i] = u.ID
			})
		}
		wg.Wait()
		if ids[0] != ids[1] || ids[1] != ids[2] || ids[2] != ids[3] {
			t.Errorf("ids %v", ids)
		}
	})
}

func TestRegistrationsAreRefusedWithTheField(t *testing.T) {
	s := newShop(t, newStore(t, sqldbtest.SQLite(t)), false)
	s.register(t, "taken", "correct horse")
	good := auth.Registration{Username: "ada", Email: "ada@example.com", Password: "correct horse"}
	for _, tc := range []struct {
		name  string
		edit  func(*auth.Registration)
		field string
		code  auth.Code
	}{
		{"short name", func(r *auth.Registration) { r.Username = "ab" }, "username", auth.CodeInvalid},
		{"long name", func(r *auth.Registration) { r.Username = strings.Repeat("a", 65) }, "username", auth.CodeInvalid},
		{"name with a space", func(r *auth.Registration) { r.Username = "a b" }, "username", auth.CodeInvalid},
		{"name with markup", func(r *auth.Registration) { r.Username = "<b>ada" }, "username", auth.CodeInvalid},
		{"name with a newline", func(r *auth.Registration) { r.Username = "ada\n" }, "username", auth.CodeInvalid},
		{"name in other letters", func(r *auth.Registration) { r.Username = "аda" }, "username", auth.CodeInvalid},
		{"no e-mail", func(r *auth.Registration) { r.Email = "" }, "email", auth.CodeInvalid},
		{"e-mail with a name", func(r *auth.Registration) { r.Email = "Ada <ada@example.com>" }, "email", auth.CodeInvalid},
		{"long e-mail", func(r *auth.Registration) { r.Email = strings.Repeat("a", 250) + "@b.de" }, "email", auth.CodeInvalid},
		{"short password", func(r *auth.Registration) { r.Password = "1234567" }, "password", auth.CodeInvalid},
		{"long password", func(r *auth.Registration) { r.Password = strings.Repeat("x", 1025) }, "password", auth.CodeInvalid},
		{"password that is no text", func(r *auth.Registration) { r.Password = "12345678\xff" }, "password", auth.CodeInvalid},
		{"taken name", func(r *auth.Registration) { r.Username = "TAKEN" }, "username", auth.CodeUsernameTaken},
	} {
		r := good
		tc.edit(&r)
		_, err := s.auth.Register(t.Context(), r)
		e, ok := errors.AsType[*auth.Error](err)
		if !ok || e.Field != tc.field || e.Code != tc.code || e.Message == "" || strings.Contains(err.Error(), r.Password) {
			t.Errorf("%s: %v, want %s on %s", tc.name, err, tc.code, tc.field)
		}
	}
	u, err := s.auth.Register(t.Context(), good)
	if err != nil || u.Role != auth.Customer || u.Super {
		t.Errorf("a good one: %+v, %v", u, err)
	}
	long := good
	long.Username, long.Password = "long", strings.Repeat("ü", 1024)
	if _, err := s.auth.Register(t.Context(), long); err != nil {
		t.Errorf("1024 characters: %v", err)
	}
}

func TestFailedSignInsAreLimitedAndGoodOnesAreNot(t *testing.T) {
	s := newShop(t, newStore(t, sqldbtest.SQLite(t)), false)
	s.register(t, "ada", "correct horse")
	s.register(t, "bob", "correct horse")
	begin := time.Now()
	s.setNow(begin)
	b := s.browser(t)
	for range 12 {
		if got := b.signIn("bob", "correct horse"); got != 200 {
			t.Fatalf("a good one: %d", got)
		}
	}
	var wg sync.WaitGroup
	var wrong, limited atomic.Int32
	for range 20 {
		wg.Go(func() {
			switch got := s.browser(t).signIn("Ada", "wrong horse!"); got {
			case 401:
				wrong.Add(1)
			case 429:
				limited.Add(1)
			default:
				t.Errorf("status %d", got)
			}
		})
	}
	wg.Wait()
	if wrong.Load() != 10 || limited.Load() != 10 {
		t.Errorf("of 20 at once %d were tried and %d limited, want 10 and 10", wrong.Load(), limited.Load())
	}
	if got := b.signIn("ada", "correct horse"); got != 429 {
		t.Errorf("the right password while limited: %d; it must not tell a guess from the right one", got)
	}
	if got := b.signIn("bob", "correct horse"); got != 200 {
		t.Errorf("another account: %d", got)
	}
	if _, err := s.auth.Verify(t.Context(), "ada", "correct horse", "192.0.2.2"); err != nil {
		t.Errorf("another address: %v", err)
	}
	_, err := s.auth.Verify(t.Context(), "ADA", "x", "192.0.2.1")
	if e, ok := errors.AsType[*auth.Error](err); !ok || e.RetryAfter <= 0 || e.RetryAfter > time.Minute {
		t.Errorf("retry after: %v", err)
	}
	s.setNow(begin.Add(time.Minute + time.Second))
	if got := b.signIn("ada", "correct horse"); got != 200 {
		t.Errorf("a minute later: %d", got)
	}
}

func TestAnIPv6NeighbourhoodIsOneAddress(t *testing.T) {
	s := newShop(t, newStore(t, sqldbtest.SQLite(t)), false)
	for i := range 10 {
		if _, err := s.auth.Verify(t.Context(), "ghost", "x", fmt.Sprintf("2001:db8::%x", i)); auth.CodeOf(err) != auth.CodeCredentials {
			t.Fatal(err)
		}
	}
	if _, err := s.auth.Verify(t.Context(), "ghost", "x", "2001:db8::ffff"); auth.CodeOf(err) != auth.CodeTooManyAttempts {
		t.Errorf("the same /64: %v", err)
	}
	if _, err := s.auth.Verify(t.Context(), "ghost", "x", "2001:db8:0:1::1"); auth.CodeOf(err) != auth.CodeCredentials {
		t.Errorf("another /64: %v", err)
	}
}

func TestUnknownNamesCostTheTimeOfKnownOnes(t *testing.T) {
	s := newShop(t, newStore(t, sqldbtest.SQLite(t)), false)
	s.register(t, "ada", "correct horse")
	took := func(name string, i int) time.Duration {
		begin := time.Now()
		_, err := s.auth.Verify(t.Context(), name, "wrong horse!", fmt.Sprintf("192.0.2.%d", i))
		if auth.CodeOf(err) != auth.CodeCredentials {
			t.Fatal(err)
		}
		return time.Since(begin)
	}
	// The best of some: a busy machine only makes things slower.
	known, unknown := time.Hour, time.Hour
	for i := range 5 {
		known, unknown = min(known, took("ada", i)), min(unknown, took("nobody", i))
	}
	if unknown < known/2 || known < unknown/2 {
		t.Errorf("known %v, unknown %v", known, unknown)
	}
}

func TestManySignInsAtOnceNeitherFailNorEatTheMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second of processor time per core")
	}
	s := newShop(t, newStore(t, sqldbtest.SQLite(t)), false)
	s.register(t, "ada", "correct horse")
	var peak atomic.Uint64
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		var m runtime.MemStats
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
				runtime.ReadMemStats(&m)
				peak.Store(max(peak.Load(), m.HeapAlloc))
			}
		}
	})
	const n = 40
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if got := s.browser(t).signIn("ada", "correct horse"); got != 200 {
				t.Errorf("status %d", got)
			}
		})
	}
	wg.Wait()
	close(stop)
	watch.Wait()
	// All at once would be n x 19 MiB; the collector may leave some behind.
	if limit := uint64(n) << 20 * 19 / 2; peak.Load() > limit && runtime.GOMAXPROCS(0) <= 8 {
		t.Errorf("peak %d MiB", peak.Load()>>20)
	}
}

func TestNewRefusesWhatCanNotWork(t *testing.T) {
	if _, err := auth.New(auth.Config{Secret: secret}); err == nil {
		t.Error("no store is accepted")
	}
	if _, err := auth.New(auth.Config{Store: auth.NewDB(nil), Secret: []byte("short")}); err == nil {
		t.Error("a short secret is accepted")
	}
}

func TestWithUserIsSeenByFromContext(t *testing.T) {
	if _, ok := auth.FromContext(t.Context()); ok {
		t.Error("somebody is signed in by nothing")
	}
	u, ok := auth.FromContext(auth.WithUser(t.Context(), auth.User{ID: "1", Role: auth.Admin}))
	if !ok || !u.IsAdmin() {
		t.Errorf("%+v, %v", u, ok)
	}
}
