package web_test

import (
	"net/http"
	"strings"
	"testing"
)

// browserForm sends a form as a browser does from a page.
func (p *person) browserForm(page, path string, fields ...string) reply {
	p.b.t.Helper()
	return p.do(http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(encoded(fields)),
		"Accept", "text/html", "Referer", p.b.base+page)
}

// encoded writes the fields of a form.
func encoded(fields []string) string {
	var parts []string
	for i := 0; i+1 < len(fields); i += 2 {
		parts = append(parts, fields[i]+"="+fields[i+1])
	}
	return strings.Join(parts, "&")
}

// summary begins what a page says of a form that was refused.
const summary = `<div class="note bad" role="alert" id="mistakes" tabindex="-1" autofocus`

func TestAFormThatIsRefusedSaysAllThatIsWrongAtItsFields(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	staff, ada := b.staff(), b.customer("ada")
	for _, tc := range []struct {
		name       string
		page, path string
		fields     []string
		texts      []string
	}{
		{
			"a page that its handler shows again", "/admin/products/3", "/admin/products/3",
			[]string{"name", "", "price", "cheap", "stock", "7", "category", "Tools"},
			[]string{
				"<title>Error: ", "There are 2 problems", `<a href="#name">`, `<a href="#price">`,
				`name="name" value=""`, `value="cheap"`, `value="Tools"`, `value="7"`, `aria-describedby="wrong-1`,
				`<p class="wrong" id="wrong-1">`, `<p class="wrong" id="wrong-2">`,
			},
		},
		{
			"a number that is none beside a price that is none", "/admin/products/3", "/admin/products/3",
			[]string{"name", "x", "price", "cheap", "stock", "few"},
			[]string{"There are 2 problems", `<a href="#price">`, `<a href="#stock">`},
		},
		{
			"a partner", "/admin/partners", "/admin/partners",
			[]string{"name", "x", "currency", "XXX", "feed_url", "somewhere", "schedule", "often"},
			[]string{
				"There are 3 problems", `<a href="#currency">`, `<a href="#feed_url">`, `<a href="#schedule">`,
				"The shop does not sell in XXX.", "Enter an address such as", "The schedule is &#34;often&#34;",
			},
		},
		{
			"a webhook", "/admin/webhooks", "/admin/webhooks", []string{"url", "somewhere", "since", "never"},
			[]string{
				"There are 3 problems", "Choose at least one event.", `<a href="#url">`, `<a href="#since">`,
				"The day is &#34;never&#34;",
			},
		},
		{
			"a switch", "/admin/features", "/admin/features/returns",
			[]string{"mode", "rollout", "percentage", "many", "users", "nobody"},
			[]string{"There are 2 problems", "There is no account &#34;nobody&#34;"},
		},
		{
			"a page that is read again", "/admin/users", "/admin/users", []string{"user_id", ada.id, "role", "king"},
			[]string{"<title>Error: Users", "There is a problem", `aria-invalid="true"`, `id="wrong-1"`},
		},
		{
			"the only field of a form", "/admin/users/" + ada.id, "/admin/users/" + ada.id + "/delete",
			[]string{"username", "bob"}, []string{`value="bob"`, `aria-invalid="true"`, "Type the name of the account"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			page := staff.browserForm(tc.page, tc.path, tc.fields...)
			page.t = t
			page.want(http.StatusBadRequest, append(tc.texts, summary)...)
		})
	}
	// Without the page that it came from, as from a program, the answer is the error page.
	staff.form("/admin/users", "user_id", ada.id, "role", "king").want(http.StatusBadRequest, "Request failed")
	// The page of another site is not read.
	other := staff.do(http.MethodPost, "/admin/users", "application/x-www-form-urlencoded",
		strings.NewReader("role=king"), "Accept", "text/html", "Referer", "http://evil.example/admin/users")
	other.want(http.StatusBadRequest, "Request failed")
	// A password is not given back.
	page := ada.browserForm("/account", "/account/password", "old_password", "not+mine", "new_password", "another+one",
		"new_password_again", "another+one")
	page.want(http.StatusBadRequest, summary, `<a href="#old_password">`)
	if strings.Contains(page.body, "not mine") || strings.Contains(page.body, "another one") {
		t.Errorf("the page holds a password: %s", page.body)
	}
}
