package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// kept is a form after what was sent was filled in.
func kept(t *testing.T, fields string, sent url.Values) string {
	t.Helper()
	root, err := html.Parse(strings.NewReader("<main><form>" + fields + "</form></main>"))
	if err != nil {
		t.Fatal(err)
	}
	form := find(root, func(n *html.Node) bool { return n.Data == "form" })
	keep(form, sent)
	var out strings.Builder
	if err := html.Render(&out, form); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(strings.TrimPrefix(out.String(), "<form>"), "</form>")
}

func TestARefusedFormKeepsWhatMayBeShown(t *testing.T) {
	t.Parallel()
	const two = `<option value="1" selected="">One</option><option value="2">Two</option>`
	for _, tc := range []struct{ name, fields, sent, want string }{
		{"a text", `<input name="a"/>`, "a=x%22", `<input name="a" value="x&#34;"/>`},
		{"an emptied text", `<input name="a" value="old"/>`, "a=", `<input name="a" value=""/>`},
		{"a text that was not sent", `<input name="a" value="old"/>`, "b=x", `<input name="a" value="old"/>`},
		{"texts of one name", `<input name="a"/><input name="a"/><input name="a"/>`, "a=1&a=2",
			`<input name="a" value="1"/><input name="a" value="2"/><input name="a"/>`},
		{"a text of lines", `<textarea name="a">old</textarea>`, "a=%3Cb%3E",
			`<textarea name="a">&lt;b&gt;</textarea>`},
		{"a choice", `<select name="a">` + two + `</select>`, "a=2",
			`<select name="a"><option value="1">One</option><option value="2" selected="">Two</option></select>`},
		{"a choice there is none of", `<select name="a">` + two + `</select>`, "a=3",
			`<select name="a">` + two + `</select>`},
		{"a choice by its text", `<select name="a"><option>Visa</option><option> Master  card </option></select>`,
			"a=Master+card",
			`<select name="a"><option>Visa</option><option selected=""> Master  card </option></select>`},
		{"boxes", `<input type="checkbox" name="a" checked/><input type="checkbox" name="b" value="x"/>`, "b=x",
			`<input type="checkbox" name="a"/><input type="checkbox" name="b" value="x" checked=""/>`},
		{"a box without a value", `<input type="checkbox" name="a"/>`, "a=on",
			`<input type="checkbox" name="a" checked=""/>`},
		{"a hidden field", `<input type="hidden" name="a" value="1"/>`, "a=2",
			`<input type="hidden" name="a" value="1"/>`},
		{"a password", `<input type="password" name="a"/>`, "a=x", `<input type="password" name="a"/>`},
		{"a password that is shown", `<input name="a" autocomplete="new-password"/>`, "a=x",
			`<input name="a" autocomplete="new-password"/>`},
		{"a code", `<input name="a" autocomplete="one-time-code"/>`, "a=x",
			`<input name="a" autocomplete="one-time-code"/>`},
		{"a card", `<input name="a" autocomplete="billing cc-number"/>`, "a=4242",
			`<input name="a" autocomplete="billing cc-number"/>`},
		{"a card that the page has put back", `<input name="a" autocomplete="cc-exp" value="12/2099"/>`, "a=12%2F2099",
			`<input name="a" autocomplete="cc-exp"/>`},
		{"the type of a card", `<select name="a" autocomplete="cc-type">` + two + `</select>`, "a=2",
			`<select name="a" autocomplete="cc-type">` + two + `</select>`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sent, err := url.ParseQuery(tc.sent)
			if err != nil {
				t.Fatal(err)
			}
			if got := kept(t, tc.fields, sent); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

// What the handler's own page says of the refusal is said in the summary; what a page that is read
// again says is of something else.
func TestOnlyWhatAPageSaysOfTheRefusalIsTakenAway(t *testing.T) {
	t.Parallel()
	const page = `<main><div id="own" class="note bad" role="alert">own words</div>` +
		`<p class="small note bad" role="alert" data-stays>the cart</p><p class="note bad">the last fetch</p>` +
		`<input aria-describedby="own hint"></main>`
	for _, tc := range []struct {
		name string
		own  int
		left string
	}{{"shown by its handler", 0, `aria-describedby="hint"`}, {"read again", 1, `aria-describedby="own hint"`}} {
		t.Run(tc.name, func(t *testing.T) {
			root, err := html.Parse(strings.NewReader(page))
			if err != nil {
				t.Fatal(err)
			}
			if tc.own == 0 {
				dropNotes(find(root, func(n *html.Node) bool { return n.Data == "main" }))
			}
			var out strings.Builder
			if err := html.Render(&out, root); err != nil {
				t.Fatal(err)
			}
			texts := map[string]int{"own words": tc.own, "the cart": 1, "the last fetch": 1, tc.left: 1}
			for text, want := range texts {
				if n := strings.Count(out.String(), text); n != want {
					t.Errorf("%q is there %d times, want %d: %s", text, n, want, out.String())
				}
			}
		})
	}
}

func TestOnlyAPageIsTakenIn(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, kind string
		status     int
		size       int
		want       bool
	}{
		{"a page", "text/html; charset=utf-8", 200, 10, true},
		{"the largest page", "text/html", 200, maxPage, true},
		{"a larger page", "text/html", 200, maxPage + 1, false},
		{"a file", "text/csv", 200, 10, false},
		{"a stream", "text/event-stream", 200, 10, false},
		{"a redirect", "text/html", 302, 10, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := &pageOnly{header: http.Header{"Content-Type": {tc.kind}}}
			p.WriteHeader(tc.status)
			_, err := p.Write(make([]byte, tc.size))
			if got := err == nil && !p.none; got != tc.want || p.body.Len() > maxPage {
				t.Errorf("taken in: %t, want %t", got, tc.want)
			}
		})
	}
}

func TestMistakesAreInTheOrderOfTheFields(t *testing.T) {
	t.Parallel()
	root, err := html.Parse(strings.NewReader(`<form><input name="a"><input name="b"><input name="c"></form>`))
	if err != nil {
		t.Fatal(err)
	}
	wrong := mistakes{{"c", "C."}, {"", "The whole."}, {"a", "A."}, {"b", "B."}}
	inOrder(find(root, func(n *html.Node) bool { return n.Data == "form" }), wrong)
	got := ""
	for _, m := range wrong {
		got += m.Message
	}
	if got != "The whole.A.B.C." {
		t.Errorf("they are shown as %s", got)
	}
}
