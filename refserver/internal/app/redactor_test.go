package app_test

import (
	"strings"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/app"
)

// TestAPartnersKeyIsNotLogged, wherever somebody pastes it.
func TestAPartnersKeyIsNotLogged(t *testing.T) {
	const key = "rkp_abcdefgh_ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for _, text := range []string{"no user " + key, "GET /search?q=" + key, `{"name":"` + key + `"}`} {
		if got := app.Redactor().String(text); strings.Contains(got, "ABCDEFGH") {
			t.Errorf("%s is logged as %s", text, got)
		}
	}
}
