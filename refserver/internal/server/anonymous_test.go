package server_test

import (
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
