package auth_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/auth"
)

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
	s := newShop(t, newStore(t, sqlstoretest.SQLite(t)), false)
	u := s.register(t, "ada", "correct horse")
	b := s.browser(t)
	b.want("/log-user", 200, "")
	b.signIn("ada", "correct horse")
	b.want("/log-user", 200, u.ID)
}

func TestAWriteUnderWayDoesNotBringASignedOutSessionBack(t *testing.T) {
	s := newShop(t, newStore(t, sqlstoretest.SQLite(t)), false)
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

// TestAPageWhoseSessionCannotBeSavedIsOnePage: the handler's page came behind the words that its
// session was not saved, as one document.
func TestAPageWhoseSessionCannotBeSavedIsOnePage(t *testing.T) {
	db := sqlstoretest.SQLite(t)
	s := newShop(t, newStore(t, db), false)
	page := s.auth.Load(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.auth.Flash(r.Context(), "!")
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusCreated)
		if n, err := io.WriteString(w, "the page"); n != len("the page") || err != nil {
			t.Errorf("written: %d, %v", n, err)
		}
	}))
	res := httptest.NewRecorder()
	page.ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/", nil))
	if words := res.Body.String(); res.Code != http.StatusServiceUnavailable ||
		!strings.Contains(words, "database") || strings.Contains(words, "the page") {
		t.Errorf("%d: %q", res.Code, words)
	}
}

func TestSigningInChangesTheToken(t *testing.T) {
	s := newShop(t, newStore(t, sqlstoretest.SQLite(t)), false)
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
	store := newStore(t, sqlstoretest.SQLite(t))
	for _, secure := range []bool{false, true} {
		s := newShop(t, store, secure)
		if !secure {
			s.register(t, "ada", "correct horse")
		}
		_, _, h := s.browser(t).do("POST", "/login", url.Values{"username": {"ada"}, "password": {"correct horse"}})
		cookie := h.Get("Set-Cookie")
		for attr, want := range map[string]bool{
			"HttpOnly": true, "SameSite=Lax": true, "Path=/": true, "Secure": secure,
		} {
			if strings.Contains(cookie, attr) != want {
				t.Errorf("secure %v: cookie %q has %s: %v", secure, cookie, attr, !want)
			}
		}
		// A host cookie has the prefix, no domain and the path /.
		if strings.HasPrefix(cookie, "__Host-session=") != secure || strings.Contains(cookie, "Domain") {
			t.Errorf("secure %v: cookie %q", secure, cookie)
		}
	}
}

// A row of another version, or a damaged one, is nobody's: its owner is asked to
// sign in, everybody else is not concerned, and it is gone after.
func TestASessionThatCanNotBeReadIsNobodys(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		s := newShop(t, newStore(t, db), false)
		s.register(t, "ada", "correct horse")
		s.register(t, "bob", "battery staple")
		damages := map[string]string{
			"another encoding":      data(db, "gob of an older version"),
			"no data":               data(db, ""),
			"another shape":         data(db, `{"user":7}`),
			"null":                  data(db, "null"),
			"values of other types": data(db, `{"deadline":"2999-01-01T00:00:00Z","values":{"flash":7}}`),
		}
		if db.Dialect() == sqlstore.SQLite {
			damages["a time that is none"] = "expires_at = 'soon'"
			damages["a use that is none"] = "seen_at = X'00'"
			damages["a generation that is none"] = "generation = 'x'"
			damages["data of another type"] = "data = 7"
		}
		other := s.browser(t)
		other.signIn("bob", "battery staple")
		bobs := tokens(t, db)
		for name, damage := range damages {
			t.Run(name, func(t *testing.T) {
				b := s.browser(t)
				b.signIn("ada", "correct horse")
				for hash := range tokens(t, db) {
					if bobs[hash] {
						continue
					}
					update := "UPDATE ?(rk)auth_sessions SET " + damage + " WHERE token_hash = '" + hash + "'"
					if _, err := db.Writer().ExecContext(t.Context(), update); err != nil {
						t.Fatal(err)
					}
				}
				b.want("/me", 401, "")
				other.want("/me", 200, "bob")
				if got := b.signIn("ada", "correct horse"); got != 200 {
					t.Errorf("signing in again: %d", got)
				}
				b.want("/me", 200, "ada")
				b.do("POST", "/logout", nil)
				if left := tokens(t, db); !maps.Equal(left, bobs) {
					t.Error("the row is still there")
				}
			})
		}
	})
}

// data sets what a session holds.
func data(db *sqlstore.DB, text string) string {
	kind := "BYTEA"
	if db.Dialect() == sqlstore.SQLite {
		kind = "BLOB"
	}
	return "data = CAST('" + text + "' AS " + kind + ")"
}

// tokens are the hashes of all sessions.
func tokens(t *testing.T, db *sqlstore.DB) map[string]bool {
	t.Helper()
	var hashes []string
	err := db.Read().NewSelect().TableExpr("?(rk)auth_sessions").Column("token_hash").Scan(t.Context(), &hashes)
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]bool{}
	for _, h := range hashes {
		set[h] = true
	}
	return set
}

func TestATokenIsNotStoredAsItIs(t *testing.T) {
	db := sqlstoretest.SQLite(t)
	s := newShop(t, newStore(t, db), false)
	s.register(t, "ada", "correct horse")
	b := s.browser(t)
	b.signIn("ada", "correct horse")
	var rows []string
	err := db.Reader().NewSelect().TableExpr("?(rk)auth_sessions").
		ColumnExpr("token_hash || CAST(data AS TEXT)").Scan(t.Context(), &rows)
	if err != nil {
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
		if _, err := s.auth.SetRole(t.Context(), boss, boss.ID, auth.Customer); auth.CodeOf(
			err,
		) != auth.CodeSuperAdmin {
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

func TestWithUserIsSeenByFromContext(t *testing.T) {
	if _, ok := auth.FromContext(t.Context()); ok {
		t.Error("somebody is signed in by nothing")
	}
	u, ok := auth.FromContext(auth.WithUser(t.Context(), auth.User{ID: "1", Role: auth.Admin}))
	if !ok || !u.IsAdmin() {
		t.Errorf("%+v, %v", u, ok)
	}
}

func TestAllSessionsEndHoweverManyThereAre(t *testing.T) {
	eachStore(t, func(t *testing.T, s auth.Store) {
		ctx, u, other := t.Context(), addUser(t, s, "ada"), addUser(t, s, "bob")
		add := func(hash, user string) {
			one := auth.Session{TokenHash: hash, UserID: user, ExpiresAt: start.Add(time.Hour), SeenAt: start}
			if err := s.InsertSession(ctx, one); err != nil {
				t.Fatal(err)
			}
		}
		there := func(hash string) bool {
			_, _, found, err := s.Session(ctx, hash, start, start.Add(-time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
		add("kept", u.ID)
		add("of another", other.ID)
		add("0123456789abcdef and more", u.ID)
		if err := s.EndSession(ctx, u, "0123456789abcdef"); err != nil || there("0123456789abcdef and more") {
			t.Errorf("one session is still there, %v", err)
		}
		for i := range 230 {
			add(fmt.Sprint("session ", i), u.ID)
		}
		if err := s.EndSessions(ctx, u, "kept"); err != nil {
			t.Fatal(err)
		}
		for i := range 230 {
			if there(fmt.Sprint("session ", i)) {
				t.Fatalf("session %d is still there", i)
			}
		}
		if !there("kept") || !there("of another") {
			t.Error("a session has ended that should not")
		}
		if err := s.EndSessions(ctx, u, ""); err != nil || there("kept") {
			t.Errorf("the last session is still there, %v", err)
		}
	})
}
