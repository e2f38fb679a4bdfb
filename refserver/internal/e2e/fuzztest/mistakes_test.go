package fuzztest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
)

// wrongText is what no field wants that is not any text.
const wrongText = "??"

// TestEveryFormSaysAllThatIsWrongAtItsFields sends every form of the shop, as everybody who sees it,
// empty and with what is wrong in every field. What is refused shows the form again: a summary with
// the focus, the fields marked and described, and what was typed.
func TestEveryFormSaysAllThatIsWrongAtItsFields(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/e2e/fuzztest")
	t.Parallel()
	s := open(t, 1)
	s.fill()
	refused := map[string]bool{}
	seen := map[string]bool{}
	for _, p := range s.people {
		for _, f := range s.crawl(p, 200) {
			row := rowOf(patternOf(f.method, f.action))
			if f.method != http.MethodPost || len(f.typed) == 0 || seen[f.shape()] || row == nil ||
				row.Needs != access.Open && !access.Has(p.role, row.Needs) {
				continue
			}
			seen[f.shape()] = true
			if !f.unchecked {
				t.Errorf("a browser checks the form %s of %s, and says one mistake at a time", f.shape(), f.page)
			}
			for _, with := range []string{"", wrongText} {
				t.Run(f.shape()+" "+with, func(t *testing.T) {
					if s.refusal(t, p, f, with) {
						refused[f.shape()] = true
					}
				})
			}
		}
	}
	t.Logf("%d forms, %d of them refuse", len(seen), len(refused))
	if len(seen) < 25 || len(refused) < 20 {
		t.Errorf("only %d forms were found, and %d refuse something", len(seen), len(refused))
	}
}

// refusal sends a form with one text in all fields and checks the page of its refusal. It reports
// false where nothing is refused.
func (s *shop) refusal(t *testing.T, p *person, f form, with string) bool {
	t.Helper()
	if _, ok := s.formsOf(p, f.page)[f.shape()]; !ok {
		return false // what was sent before has changed the page
	}
	fields := url.Values{}
	for _, field := range f.fields {
		fields.Set(field.Name, field.Value)
	}
	for _, name := range f.typed {
		fields.Set(name, with)
	}
	kind, body := formType, fields.Encode()
	if f.multipart {
		kind, body = s.parts(fields)
	}
	w := s.do(p, f.method, f.action, kind, body, "Accept", "text/html", "Referer", "http://"+site.Host+f.page)
	// Programs know a sign-in that is refused by its words, with 200.
	signIn := f.action == "/login" && w.Code == http.StatusOK
	if w.Code < http.StatusBadRequest && !signIn {
		if with == "" && len(f.required) > 0 {
			t.Errorf("%d, as %s from %s, without %q", w.Code, p.name, f.page, f.required)
		}
		return false
	}
	if w.Code == http.StatusTooManyRequests {
		return false
	}
	root, err := html.Parse(strings.NewReader(w.Body.String()))
	if err != nil {
		t.Fatal(err)
	}
	page := pageOf(root)
	summary := page.byID["mistakes"]
	if summary == nil || attr(summary, "tabindex") != "-1" || !hasAttr(summary, "autofocus") {
		t.Errorf("%d, as %s from %s: no summary that takes the focus: %s", w.Code, p.name, f.page,
			shorten(w.Body.String()))
		return true
	}
	// What is refused for the state of things is about no field.
	state := strings.Contains(words(summary), "has been received already")
	if len(page.wrong) == 0 && w.Code == http.StatusBadRequest && !state {
		t.Errorf("no field is marked: %s", words(summary))
	}
	for _, n := range page.wrong {
		described := strings.Fields(attr(n, "aria-describedby"))
		if len(described) == 0 {
			t.Errorf("the field %s is wrong, and nothing says why", attr(n, "name"))
		}
		for _, id := range described {
			if said := page.byID[id]; said == nil || words(said) == "" {
				t.Errorf("the field %s is described by %s, which says nothing", attr(n, "name"), id)
			}
		}
	}
	for n := range summary.Descendants() {
		if to := strings.TrimPrefix(attr(n, "href"), "#"); n.Data == "a" && page.byID[to] == nil {
			t.Errorf("the summary leads to #%s, which is not there", to)
		}
	}
	said := 0
	for n := range root.Descendants() {
		if n.Data == "p" && attr(n, "class") == "wrong" {
			said++
		}
	}
	if said > len(page.wrong) {
		t.Errorf("%d fields are wrong, and that is said %d times", len(page.wrong), said)
	}
	if with == "" && (w.Code == http.StatusBadRequest || signIn) && !state {
		for _, name := range f.required {
			if !slices.ContainsFunc(page.wrong, func(n *html.Node) bool { return attr(n, "name") == name }) &&
				slices.Contains(f.typed, name) {
				t.Errorf("%s is empty, and only this is said: %s", name, words(summary))
			}
		}
	}
	if with != "" {
		s.kept(t, page, f, with)
		s.atOnce(t, p, f, fields, page.wrong)
	}
	return true
}

// atOnce sends the form again with the fields right that were found wrong, and checks that no other
// is found wrong that could have been named with them.
func (s *shop) atOnce(t *testing.T, p *person, f form, sent url.Values, wrong []*html.Node) {
	t.Helper()
	told, right := map[string]bool{}, url.Values{}
	for name, values := range sent {
		right[name] = values
	}
	for _, n := range wrong {
		told[attr(n, "name")] = true
	}
	for _, field := range f.fields {
		if told[field.Name] {
			right.Set(field.Name, field.Value)
		}
	}
	kind, body := formType, right.Encode()
	if f.multipart {
		kind, body = s.parts(right)
	}
	w := s.do(p, f.method, f.action, kind, body, "Accept", "text/html", "Referer", "http://"+site.Host+f.page)
	if w.Code != http.StatusBadRequest {
		return
	}
	root, err := html.Parse(strings.NewReader(w.Body.String()))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range pageOf(root).wrong {
		name := attr(n, "name")
		if before, again := strings.CutSuffix(name, "_again"); again && told[before] {
			continue // it differs from the one that is right now
		}
		if !told[name] {
			t.Errorf("the field %s is named after the others only", name)
		}
	}
}

// kept checks that the form holds what was typed.
func (s *shop) kept(t *testing.T, page pageView, f form, with string) {
	t.Helper()
	for _, name := range f.typed {
		inputs := page.inputs[name]
		if len(inputs) == 0 || attr(inputs[0], "type") == "password" {
			continue
		}
		if !slices.ContainsFunc(inputs, func(n *html.Node) bool {
			return attr(n, "value") == with || n.Data == "textarea" && strings.TrimSpace(words(n)) == with
		}) {
			t.Errorf("what was typed into %s is gone", name)
		}
	}
}

// pageView is what a page says of its fields.
type pageView struct {
	byID   map[string]*html.Node
	inputs map[string][]*html.Node // by name
	wrong  []*html.Node
}

func pageOf(root *html.Node) pageView {
	v := pageView{byID: map[string]*html.Node{}, inputs: map[string][]*html.Node{}}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if id := attr(n, "id"); id != "" {
			v.byID[id] = n
		}
		if name := attr(n, "name"); name != "" {
			v.inputs[name] = append(v.inputs[name], n)
		}
		if attr(n, "aria-invalid") == "true" {
			v.wrong = append(v.wrong, n)
		}
	}
	return v
}

// words is the text of a node.
func words(n *html.Node) string {
	var out strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			out.WriteString(d.Data)
		}
	}
	return strings.TrimSpace(out.String())
}

const formType = "application/x-www-form-urlencoded"

// parts writes fields as a form with files.
func (s *shop) parts(fields url.Values) (kind, body string) {
	var out strings.Builder
	for name, values := range fields {
		for _, v := range values {
			out.WriteString("--x\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + v + "\r\n")
		}
	}
	return "multipart/form-data; boundary=x", out.String() + "--x--\r\n"
}
