package web_test

import (
	"net/http"
	"strings"
	"testing"
)

// All that is wrong with a registration is shown at once, at its fields, and what was typed
// stays but for the password.
func TestARegistrationTellsAllItsMistakesAtOnce(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	p := b.nobody()
	r := p.form("/register", "username", "a b", "email", "nowhere", "password", "short").
		want(
			http.StatusBadRequest,
			"There are 3 problems",
			"<title>Error: Create an account",
			`value="a b"`,
			`value="nowhere"`,
		)
	for _, field := range []string{"username", "email", "password"} {
		if !strings.Contains(r.body, `href="#`+field+`"`) || !strings.Contains(r.body, `id="`+field+`-wrong"`) {
			t.Errorf("the mistake of %s is not at its field", field)
		}
	}
	if strings.Count(r.body, `aria-invalid="true"`) != 3 || strings.Contains(r.body, "short") {
		t.Error("not all fields are marked, or the password came back")
	}
	b.customer("ada")
	p.form("/register", "username", "ada", "email", "ada@example.com", "password", password).
		want(http.StatusConflict, "There is a problem", `href="#username"`)
	p.form("/register", "username", "bob", "email", "bob@example.com", "password", password).want(http.StatusFound)
}
