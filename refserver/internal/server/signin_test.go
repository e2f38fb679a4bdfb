package server_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/testlog"
)

// TestAFloodOfSignInsFromOneAddressTakesNothingFromOthers is fault S6: sign-ins
// that fail, and registrations, hundreds at once from one address, had good ones
// wait for half a minute. All of what others send passes, in whichever order a
// slow machine comes to it; how long they stand in line is for package auth to
// prove. The flood is asked to come again.
func TestAFloodOfSignInsFromOneAddressTakesNothingFromOthers(t *testing.T) {
	for _, flood := range []struct {
		name, path string
		form       func(i int) url.Values
		want       map[int]bool
	}{
		{"sign-ins", "/login", func(i int) url.Values {
			return url.Values{"username": {fmt.Sprint("guess", i)}, "password": {"wrong horse!"}}
		}, map[int]bool{http.StatusOK: true, http.StatusTooManyRequests: true}},
		{"good sign-ins", "/login", func(int) url.Values { // each of which is in the audit
			return url.Values{"username": {"mallory"}, "password": {"correct horse"}}
		}, map[int]bool{http.StatusFound: true, http.StatusTooManyRequests: true, http.StatusServiceUnavailable: true}},
		{"registrations", "/register", func(i int) url.Values {
			name := fmt.Sprint("robot", i)
			return url.Values{"username": {name}, "email": {name + "@example.com"}, "password": {"correct horse"}}
		}, map[int]bool{http.StatusFound: true, http.StatusTooManyRequests: true}},
	} {
		t.Run(flood.name, func(t *testing.T) {
			each(t, func(t *testing.T, settings ...string) {
				t.Parallel()
				floodSignIns(t, flood.name, flood.path, flood.form, flood.want, settings)
			})
		})
	}
}

// floodSignIns has a hundred clients of one address send forms beside honest sign-ins.
func floodSignIns(
	t *testing.T, name, path string, form func(i int) url.Values, want map[int]bool, settings []string,
) {
	b := open(t, append(settings, "TRUSTED_PROXIES=127.0.0.1")...)
	const honest, attackers = 20, 100
	b.customer("mallory")
	for i := range honest {
		b.customer(fmt.Sprint("honest", i))
	}
	var over atomic.Bool
	var sent, limited atomic.Int64
	var attack, good sync.WaitGroup
	for i := range attackers {
		attack.Go(func() {
			mallory := b.visitor()
			for n := 0; !over.Load(); n++ {
				a := mallory.form(path, form(n*attackers+i), "X-Forwarded-For", "203.0.113.66")
				sent.Add(1)
				if a.status == http.StatusTooManyRequests {
					limited.Add(1)
					if a.header.Get("Retry-After") == "" {
						t.Error("the flood is not told when to come again")
					}
				}
				if !want[a.status] {
					t.Errorf("the flood is answered %d: %s", a.status, shorten(a.body))
				}
			}
		})
	}
	testreq.Until(t, "the flood", func() bool { return sent.Load() > attackers })
	for i := range honest {
		good.Go(func() {
			who := b.visitor()
			mine := url.Values{"username": {fmt.Sprint("honest", i)}, "password": {"correct horse"}}
			a := who.form("/login", mine, "X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i))
			if a.status != http.StatusFound {
				t.Errorf("an honest sign-in is answered %d: %s", a.status, shorten(a.body))
			}
		})
	}
	good.Wait()
	over.Store(true)
	attack.Wait()
	t.Logf("%d of %d of the flood were shed", limited.Load(), sent.Load())
	if name == "sign-ins" && limited.Load() == 0 {
		t.Error("no guess was stopped")
	}
}

// visitor is somebody who is not signed in.
func (b *bench) visitor() browser {
	b.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return browser{b, &http.Client{Jar: jar, Timeout: testreq.Patience(b.t),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// TestAStreamEndsWithItsSession is half of fault S20: a stream lasted for who
// had signed out, was locked out, or was no admin any more.
func TestAStreamEndsWithItsSession(t *testing.T) {
	role := func(name string) func(browser, browser, string) {
		return func(_, boss browser, id string) {
			boss.form("/admin/users", url.Values{"user_id": {id}, "role": {name}}).want(boss.t, http.StatusFound)
		}
	}
	out := func(ada, _ browser, _ string) { ada.form("/logout", nil).want(ada.t, http.StatusFound) }
	lock := func(_, boss browser, id string) {
		boss.form("/admin/users/"+id+"/lock", nil).want(boss.t, http.StatusFound)
	}
	for _, tc := range []struct {
		name, path string
		end        func(ada, boss browser, id string)
	}{
		{"the dashboard, signed out", "/admin/dashboard/stream", out},
		{"the dashboard, role taken", "/admin/dashboard/stream", role("customer")},
		{"the dashboard, locked", "/admin/dashboard/stream", lock},
		{"notices, signed out", "/notifications/stream", out},
		{"notices, locked", "/notifications/stream", lock},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.path == "/notifications/stream" {
				testreq.Slow(t, "./refserver/internal/server/") // it looks every 15 seconds
			}
			t.Parallel()
			b := open(t)
			b.customer("ada")
			boss := b.signIn()
			user, err := b.Auth.UserByName(t.Context(), "ada")
			if err != nil {
				t.Fatal(err)
			}
			role("admin")(boss, boss, user.ID)
			ada := b.signInAs("ada", "correct horse")
			ada.client.Timeout = testreq.Patience(t)
			testlog.Cookies(t, ada.client.Jar, b.url)
			res, err := ada.client.Get(b.url + tc.path)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if _, err := res.Body.Read(make([]byte, 1)); err != nil || res.StatusCode != http.StatusOK {
				t.Fatalf("%s, %v", res.Status, err)
			}
			tc.end(ada, boss, user.ID)
			if _, err := io.Copy(io.Discard, res.Body); err != nil {
				t.Errorf("the stream does not end: %v", err)
			}
		})
	}
}
