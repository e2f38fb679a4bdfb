package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
)

// TestWhoAsksIsJudgedBeforeWhatTheySend: a compressed body was answered 415 before anybody asked who
// sent it. Nothing that is wrong with a body is said to who may not send one.
func TestWhoAsksIsJudgedBeforeWhatTheySend(t *testing.T) {
	t.Parallel()
	b := open(t)
	customer := b.withRole("ada", auth.Customer)
	nobody := browser{b, &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}}
	for _, row := range access.Routes() {
		path, posted := strings.CutPrefix(row.Pattern, "POST ")
		key := strings.Contains(row.Note, "key")
		if !posted || row.Needs == access.Open && !key {
			continue
		}
		path = placeholder.ReplaceAllString(path, "999999")
		large := strings.Repeat(" ", 1<<20)
		if key { // a feed may be larger
			large = strings.Repeat(" ", 11<<20)
		}
		for name, send := range map[string]func(u browser) answer{
			"compressed":      func(u browser) answer { return u.json(path, "{}", "Content-Encoding", "gzip") },
			"of another kind": func(u browser) answer { return u.send("POST", path, "image/png", "x") },
			"of no kind":      func(u browser) answer { return u.send("POST", path, "", "x") },
			"too large":       func(u browser) answer { return u.json(path, large) },
			"no JSON":         func(u browser) answer { return u.json(path, "{") },
		} {
			t.Run(row.Pattern+" "+name, func(t *testing.T) {
				a := send(nobody)
				if key {
					a.want(t, http.StatusUnauthorized, "API_KEY")
				} else {
					wantRefused(t, row, a.status, a.header.Get("Location"))
				}
				a = send(customer)
				if !key && !access.Has(auth.Customer, row.Needs) && a.status != http.StatusForbidden {
					t.Errorf("a customer: %d", a.status)
				}
			})
		}
	}
}
