package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/auth"
)

// fromPage sends a form as a browser does from a page.
func (u browser) fromPage(page, path string, fields url.Values) answer {
	u.t.Helper()
	return u.form(path, fields, "Accept", "text/html", "Referer", u.url+page)
}

// A refused form is shown on the page that it came from; what its Referer names is read for nothing
// but a page.
func TestARefusedFormReadsNoPageThatDoesSomething(t *testing.T) {
	t.Parallel()
	b := open(t)
	admin, who := b.signIn(), b.customer("ada")
	wrong := url.Values{"user_id": {who.ID}, "role": {"king"}}
	admin.fromPage("/admin/users", "/admin/users", wrong).
		want(t, http.StatusBadRequest, "<title>Error: Users", auth.RoleNames())
	for _, page := range []string{
		"/admin/reconciliation.csv?from=2026-01-01&to=2026-01-02", "/admin/operations/none/file",
		"/admin/dashboard/stream", "/notifications/stream", "/admin/metrics", "/orders/none/payment", "/api/products",
		"/logout/", "//other.example/", "/nowhere",
	} {
		t.Run(page, func(t *testing.T) {
			admin.fromPage(page, "/admin/users", wrong).want(t, http.StatusBadRequest, "Request failed")
		})
	}
	if list := b.entries("export.made"); len(list) != 0 {
		t.Errorf("a refused form exported: %+v", list)
	}
	// A page that the sender may not see is not shown in this way either.
	support := b.withRole("sup", auth.Support)
	a := support.fromPage("/admin/users", "/admin/returns/none/authorize", url.Values{"decision": {"perhaps"}})
	if a.status == http.StatusOK || strings.Contains(a.body, "ada@example.com") {
		t.Errorf("%d %s", a.status, shorten(a.body))
	}
}

// Card numbers, passwords and codes are in no page after they were refused.
func TestWhatIsSecretIsNotShownAgain(t *testing.T) {
	t.Parallel()
	b := open(t)
	who := b.customer("ada")
	ada := b.signInAs("ada", "correct horse")
	if _, err := b.Orders.SetCartQuantity(t.Context(), who.ID, keyboard, 1); err != nil {
		t.Fatal(err)
	}
	card := func(number, expires string) url.Values {
		return url.Values{"payment_method": {"Card"}, "card_number": {number}, "card_exp_date": {expires},
			"card_type": {"Mastercard"}}
	}
	for _, tc := range []struct {
		name, page, path string
		fields           url.Values
		secret           []string
	}{
		{"a declined card", "/", "/checkout", card("4000000000000002", "12/2098"),
			[]string{"4000000000000002", "12/2098"}},
		{"a mistyped card", "/cart", "/checkout", card("4242424242424241", "13/2098"),
			[]string{"4242424242424241", "13/2098"}},
		{"no card at all", "/cart", "/checkout", card("my-secret-word", "soon-enough"),
			[]string{"my-secret-word", "soon-enough"}},
		{"a password", "/account", "/account/password", url.Values{"old_password": {"battery-staple"},
			"new_password": {"staple-battery"}, "new_password_again": {"staple-batterx"}},
			[]string{"battery-staple", "staple-batter"}},
		{"a code", "/account/second-factor", "/account/second-factor/confirm", url.Values{"code": {"918273"}},
			[]string{"918273"}},
		{"a password at the sign-in", "/login", "/login", url.Values{"username": {"ada"}, "password": {"hunter-two"}},
			[]string{"hunter-two"}},
		{"a password at the registration", "/register", "/register", url.Values{"username": {"ada"}, "email": {"x"},
			"password": {"hunter-three"}}, []string{"hunter-three"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := ada.fromPage(tc.page, tc.path, tc.fields)
			if a.status == http.StatusFound {
				t.Fatalf("it was not refused: %s", a.header.Get("Location"))
			}
			for _, secret := range tc.secret {
				if strings.Contains(a.body, secret) {
					t.Errorf("the page shows %q again: %s", secret, shorten(a.body))
				}
			}
		})
	}
}
