package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

// rows is how many rows a table has; rk is its name without the prefix.
func (b *bench) rows(rk string) (n int) {
	b.t.Helper()
	if err := b.DB.Reader().NewRaw("SELECT COUNT(*) FROM ?(rk)"+rk).Scan(b.t.Context(), &n); err != nil {
		b.t.Fatal(err)
	}
	return n
}

func TestACodeWithoutAPasswordLeavesNoSession(t *testing.T) {
	t.Parallel()
	b := open(t)
	before := b.rows("auth_sessions")
	for range 5 {
		a := b.visitor().form("/login/code", url.Values{"code": {"123456"}}).want(t, http.StatusFound)
		if to, cookie := a.header.Get("Location"), a.header.Get("Set-Cookie"); to != "/login" || cookie != "" {
			t.Errorf("it leads to %q with the cookie %q", to, cookie)
		}
		b.visitor().form("/logout", nil).want(t, http.StatusFound)
	}
	if got := b.rows("auth_sessions"); got != before {
		t.Errorf("%d sessions, %d before", got, before)
	}
}

func TestOneAddressFillsNoTableWithRequestsForResets(t *testing.T) {
	t.Parallel()
	b := open(t, "TRUSTED_PROXIES=127.0.0.1")
	ask := func(i int, address string) {
		b.visitor().form("/account/forgot", url.Values{"email": {fmt.Sprintf("nobody%d@example.com", i)}},
			"X-Forwarded-For", address).want(t, 200, "If an account has")
	}
	for i := range 40 {
		ask(i, fmt.Sprintf("2001:db8::%x", i+1)) // of one /64
	}
	if got := b.rows("auth_reset_requests"); got != 30 {
		t.Errorf("40 requests from one address are %d rows, want 30", got)
	}
	ask(40, "198.51.100.1")
	if got := b.rows("auth_reset_requests"); got != 31 {
		t.Errorf("another address pays for the first: %d rows", got)
	}
}

func TestAnAddressThatMakesManyAccountsIsAskedToWait(t *testing.T) {
	t.Parallel()
	b := open(t, "REGISTRATIONS_PER_HOUR=16", "TRUSTED_PROXIES=127.0.0.1")
	register := func(name, address string) answer {
		return b.visitor().form("/register", url.Values{
			"username": {name}, "email": {name + "@example.com"}, "password": {"correct horse"},
		}, "X-Forwarded-For", address)
	}
	register("x", "198.51.100.1").want(t, http.StatusBadRequest) // counts for nothing
	for i := range 16 {
		register(fmt.Sprint("ada", i), "198.51.100.1").want(t, http.StatusFound)
	}
	a := register("bob", "198.51.100.1").want(t, http.StatusTooManyRequests, "Too many accounts")
	if a.header.Get("Retry-After") == "" {
		t.Error("it is not told when to come again")
	}
	register("bob", "198.51.100.2").want(t, http.StatusFound)
}
