package web

import "testing"

func TestTheFormForThePasswordLeadsNowhereElse(t *testing.T) {
	for _, tc := range []struct{ address, want string }{
		{"/admin/users?q=a", "/admin/users?q=a"},
		{"", "/"},
		{"https://evil.example", "/"},
		{"//evil.example", "/"},
		{`/\evil.example`, "/"},
		{"javascript:alert(1)", "/"},
		{"/\tevil", "/"},
		{"admin", "/"},
	} {
		t.Run(tc.address, func(t *testing.T) {
			if got := local(tc.address); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}
