package web_test

import (
	"net/http"
	"strings"
	"testing"
)

// Who asks for a page before signing in comes back to it, and to nowhere else.
func TestSigningInLeadsToThePageThatWasAskedFor(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ asked, accept, want string }{
		"a page":                 {"/returns?page=1", "text/html", "/returns?page=1"},
		"the storefront":         {"/", "text/html", "/"},
		"a program":              {"/returns", "application/json", "/"},
		"a page of another site": {"//evil.example/returns", "text/html", "/"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBundle(t)
			b.customer("ada")
			p := b.nobody()
			to := p.get(tt.asked, "Accept", tt.accept).Header.Get("Location")
			if !strings.HasPrefix(tt.asked, "//") && to != "/login" {
				t.Errorf("asked to sign in at %s", to)
			}
			first := p.form("/login", "username", "ada", "password", password).want(http.StatusFound)
			if got := first.Header.Get("Location"); got != tt.want {
				t.Errorf("leads to %s, want %s", got, tt.want)
			}
			again := p.form("/login", "username", "ada", "password", password).want(http.StatusFound)
			if got := again.Header.Get("Location"); got != "/" {
				t.Errorf("the next sign-in leads to %s", got)
			}
		})
	}
}

// A customer whose return is rejected reads why.
func TestARejectionNeedsItsReason(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada, staff := b.customer("ada"), b.staff()
	o := b.bought(ada, 1)
	ask(ada, o.ID, o.Lines[0].ID, "1", nil).want(http.StatusFound)
	at := "/admin/returns/" + b.caseOf(o.ID).ID
	staff.form(at+"/authorize", "decision", "reject", "decision_notes", " \n ").
		want(http.StatusBadRequest, "Enter the reason for the rejection", `<details class="card" open`)
	staff.form(at+"/authorize", "decision", "reject", "decision_notes", "opened").want(http.StatusFound)
	ada.get("/returns").want(http.StatusOK, "Reason for the rejection:", "opened")
}
