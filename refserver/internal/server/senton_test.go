package server_test

import (
	"net/http"
	"net/url"
	"testing"
)

// TestABrowserIsSentOnBy303 after a form, so that loading the next page again sends nothing twice.
// Programs get the 302 of the contract.
func TestABrowserIsSentOnBy303(t *testing.T) {
	b := open(t)
	admin := b.signIn()
	nobody := browser{b, &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	for _, tt := range []struct {
		path   string
		fields url.Values
		by     browser
		to     string
	}{
		{"/cancel_sale", nil, nobody, "/login"},
		{"/cancel_sale", nil, admin, "/"},
		{"/notifications/read", nil, admin, "/notifications"},
		{"/admin/products/1", url.Values{"name": {"Laptop"}, "price": {"9"}, "stock": {"5"}}, admin, "/admin/products"},
		{"/login", url.Values{"username": {"super_admin"}, "password": {"super_admin_92587"}}, admin, "/"},
		{"/logout", nil, admin, "/login"},
	} {
		t.Run(tt.path, func(t *testing.T) {
			want := map[string]int{"navigate": http.StatusSeeOther, "cors": http.StatusFound, "": http.StatusFound}
			for _, mode := range []string{"cors", "", "navigate"} {
				var header []string
				if mode != "" {
					header = []string{"Sec-Fetch-Mode", mode, "Sec-Fetch-Site", "same-origin"}
				}
				if tt.path == "/logout" && mode != "navigate" {
					continue // one can sign out once
				}
				a := tt.by.form(tt.path, tt.fields, header...).want(t, want[mode])
				if to := a.header.Get("Location"); to != tt.to {
					t.Errorf("it leads to %q, want %q", to, tt.to)
				}
			}
		})
	}
}
