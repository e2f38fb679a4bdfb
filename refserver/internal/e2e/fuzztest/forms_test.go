package fuzztest

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/html"

	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/e2e/contract"
)

// form is a form of a page, with the values that its fields have there.
type form struct {
	page, method, action string
	multipart            bool
	fields               []contract.Field
	typed                []string // fields that people type into
	required             []string // those that may not be empty
	unchecked            bool     // by the browser, which would say one mistake at a time
}

// shape names forms that differ in ids alone.
func (f form) shape() string {
	names := make([]string, len(f.fields))
	for i, field := range f.fields {
		names[i] = hexID.ReplaceAllString(field.Name, "ID")
	}
	slices.Sort(names)
	return f.method + " " + hexID.ReplaceAllString(f.action, "ID") + " " + strings.Join(slices.Compact(names), ",")
}

var hexID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|[0-9]+`)

// crawl follows the links of the shop as somebody, and returns the pages' forms by their shape. It
// reads at most limit pages, and of pages that differ in an id alone the first few.
func (s *shop) crawl(p *person, limit int) map[string]form {
	s.tb.Helper()
	found, seen := map[string]form{}, map[string]int{}
	next := []string{"/", "/login", "/register", "/account", "/account/forgot", "/logout", "/admin/dashboard"}
	for len(next) > 0 && limit > 0 {
		path := next[0]
		next = next[1:]
		address, _, _ := strings.Cut(path, "#")
		place, _, _ := strings.Cut(address, "?")
		kind := hexID.ReplaceAllString(place, "ID")
		if seen[path]++; seen[path] > 1 {
			continue
		}
		if seen[kind]++; seen[kind] > 3 || !strings.HasPrefix(address, "/") || strings.HasSuffix(place, "/stream") {
			continue
		}
		limit--
		w := s.do(p, http.MethodGet, address, "", "", "Accept", "text/html")
		if w == nil {
			continue
		}
		if to := w.Header().Get("Location"); to != "" {
			next = append(next, to)
		}
		root, err := html.Parse(strings.NewReader(w.Body.String()))
		if err != nil {
			s.tb.Fatal(err)
		}
		for node := range root.Descendants() {
			switch {
			case node.Type == html.ElementNode && node.Data == "a":
				next = append(next, attr(node, "href"))
			case node.Type == html.ElementNode && node.Data == "form":
				f := formOf(node, place)
				if _, ok := found[f.shape()]; !ok {
					found[f.shape()] = f
				}
			}
		}
	}
	return found
}

// formsOf are the forms of one page, by their shape.
func (s *shop) formsOf(p *person, page string) map[string]form {
	s.tb.Helper()
	root, err := html.Parse(s.do(p, http.MethodGet, page, "", "", "Accept", "text/html").Body)
	if err != nil {
		s.tb.Fatal(err)
	}
	found := map[string]form{}
	for node := range root.Descendants() {
		if node.Type == html.ElementNode && node.Data == "form" {
			f := formOf(node, page)
			found[f.shape()] = f
		}
	}
	return found
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func hasAttr(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// untyped are the inputs that nobody types into.
var untyped = []string{"hidden", "radio", "checkbox", "file", "submit"}

// formOf reads a form with what a browser would send.
func formOf(node *html.Node, page string) form {
	f := form{
		page: page, method: strings.ToUpper(attr(node, "method")), action: attr(node, "action"),
		multipart: attr(node, "enctype") == "multipart/form-data", unchecked: hasAttr(node, "novalidate"),
	}
	if f.method == "" {
		f.method = http.MethodGet
	}
	if f.action == "" {
		f.action = page
	}
	for n := range node.Descendants() {
		name := attr(n, "name")
		if n.Type != html.ElementNode || name == "" {
			continue
		}
		if hasAttr(n, "required") {
			f.required = append(f.required, name)
		}
		switch n.Data {
		case "input", "button":
			kind := attr(n, "type")
			if (kind == "radio" || kind == "checkbox") && !hasAttr(n, "checked") && kind != "radio" {
				continue
			}
			f.fields = append(f.fields, contract.Field{Name: name, Value: attr(n, "value")})
			if n.Data == "input" && !slices.Contains(untyped, kind) {
				f.typed = append(f.typed, name)
			}
		case "textarea":
			f.typed = append(f.typed, name)
			f.fields = append(f.fields, contract.Field{Name: name, Value: "A comment."})
		case "select":
			f.fields = append(f.fields, contract.Field{Name: name, Value: choice(n)})
		}
	}
	return f
}

// choice is a value of a select: the last, which is seldom the empty one.
func choice(node *html.Node) (value string) {
	for n := range node.Descendants() {
		if n.Type == html.ElementNode && n.Data == "option" {
			value = attr(n, "value")
		}
	}
	return value
}

// forms sends the forms of all pages, spoiled, as everybody who sees one and as others.
func (f *fuzzer) forms(requests uint64) {
	f.tb.Helper()
	type seen struct {
		form
		by *person
	}
	var all []seen
	shapes := map[string]bool{}
	pages := 20
	if requests > 1000 {
		pages = 200
	}
	for _, p := range f.people {
		for _, one := range f.crawl(p, pages) {
			all = append(all, seen{one, p})
			shapes[one.shape()] = true
		}
	}
	slices.SortFunc(all, func(a, b seen) int { return strings.Compare(a.by.name+a.shape(), b.by.name+b.shape()) })
	if least := pages / 4; len(shapes) < least {
		f.fail("only %d forms were found", len(shapes))
	}
	f.tb.Logf("%d forms", len(shapes))
	for i := range requests {
		one := all[f.gen.Rand.IntN(len(all))]
		by := one.by
		if f.gen.Rand.IntN(5) == 0 {
			by = f.people[f.gen.Rand.IntN(len(f.people))]
		}
		f.submit(by, one.form)
		f.keep(i)
		if f.failures > 20 {
			f.tb.Fatal("stopped after 20 failures")
		}
	}
}

// submit sends a form, spoiled, and judges the answer.
func (f *fuzzer) submit(p *person, one form) {
	f.tb.Helper()
	kind, body := f.gen.Form(one.fields, one.multipart)
	target := one.action
	if one.method == http.MethodGet {
		target, kind = target+"?"+strings.NewReplacer(" ", "+", "\x00", "%00").Replace(body), ""
		if u, err := url.ParseRequestURI(target); err != nil || u.Path != one.action {
			return
		}
		body = ""
	}
	w := f.do(p, one.method, target, kind, body, "Accept", "text/html")
	if w == nil {
		return
	}
	place, _, _ := strings.Cut(one.action, "?")
	what := fmt.Sprintf("form %s %q on %s with %.300q as %s", one.method, target, one.page, body, p.name)
	f.judge(p, what, w)
	if pattern := patternOf(one.method, place); pattern != "" {
		f.permitted(p, pattern, what, w)
	}
}

// routes are those of the table, to find the one that a path leads to.
var routes = sync.OnceValue(func() *http.ServeMux {
	mux := http.NewServeMux()
	for _, row := range access.Routes() {
		mux.Handle(row.Pattern, http.NotFoundHandler())
	}
	return mux
})

// patternOf is the route that a path leads to; empty for none of the table.
func patternOf(method, path string) string {
	u, err := url.ParseRequestURI(path)
	if err != nil {
		return ""
	}
	_, pattern := routes().Handler(&http.Request{Method: method, URL: u})
	return pattern
}
