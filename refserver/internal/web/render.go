package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/endpoint"
)

// The partials begin with _, which a plain directory would leave out.
//
//go:embed all:templates static
var files embed.FS

// note is a message above the content. Tone is good, warn, bad or info.
type note struct {
	Tone, Text string
	Code       string // stable, for programs; shown to nobody
}

// link is an entry of the navigation.
type link struct {
	Href, Name string
	Current    bool
	Count      int // how much waits there; 0: nothing, or it is not counted
}

// badge is a word that carries a state, with the tone it is shown in.
type badge struct{ Tone, Text string }

// templates are all pages, each parsed with the layout and the partials.
type templates struct {
	pages map[string]*template.Template
	style string // changes with the style sheet and the script, so that cached ones are not used

	buffers sync.Pool // of *bytes.Buffer, that pages are rendered into
	navs    sync.Map  // of template.HTML, by the link that leads to the page
}

// maxKeptPage is the largest page whose buffer is kept for others.
const maxKeptPage = 64 << 10

// loaded has the templates by the name of the zone: shops of one process share them.
var loaded sync.Map

// loadTemplates returns the pages that show times in the zone.
func loadTemplates(zone *time.Location) (*templates, error) {
	once, _ := loaded.LoadOrStore(zone.String(), sync.OnceValues(func() (*templates, error) {
		return parseTemplates(zone)
	}))
	return once.(func() (*templates, error))()
}

// parseTemplates parses every templates/*.html with the layout and partials
// (templates/_*.html). A page defines "content".
func parseTemplates(zone *time.Location) (*templates, error) {
	sum := sha256.New()
	for _, name := range []string{"static/app.css", "static/dashboard.js", "static/page.js", "static/notices.js"} {
		data, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		sum.Write(data)
	}
	t := &templates{pages: map[string]*template.Template{}, style: hex.EncodeToString(sum.Sum(nil)[:6])}
	t.buffers.New = func() any { return new(bytes.Buffer) }
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return nil, err
	}
	shared := []string{"templates/layout.html"}
	for _, name := range names {
		if strings.HasPrefix(path.Base(name), "_") {
			shared = append(shared, name)
		}
	}
	for _, name := range names {
		page := strings.TrimSuffix(path.Base(name), ".html")
		if page == "layout" || strings.HasPrefix(page, "_") {
			continue
		}
		parsed := template.New(page).Funcs(functions(zone))
		for _, name := range append(shared, name) {
			text, err := files.ReadFile(name)
			if err == nil {
				_, err = parsed.New(path.Base(name)).Parse(indentation.ReplaceAllString(string(text), "\n"))
			}
			if err != nil {
				return nil, fmt.Errorf("page %s: %w", page, err)
			}
		}
		t.pages[page] = parsed
	}
	return t, nil
}

// indentation is for who reads a template. It is a third of a page, and with it the page after a
// checkout does not fit in one write to the connection. No template has white space of its own
// where it would show, such as in a <pre>.
var indentation = regexp.MustCompile(`[ \t]*\n\s*`)

// render writes a page whole, or nothing at all: a template that fails half
// way must not leave half a page behind.
func (t *templates) render(w http.ResponseWriter, status int, page string, data any) error {
	out := t.buffers.Get().(*bytes.Buffer)
	defer func() {
		if out.Cap() <= maxKeptPage {
			out.Reset()
			t.buffers.Put(out)
		}
	}()
	if err := t.execute(out, page, data); err != nil {
		return err
	}
	return writePage(w, status, out.Bytes())
}

// bytes is a page, rendered.
func (t *templates) bytes(page string, data any) ([]byte, error) {
	var out bytes.Buffer
	err := t.execute(&out, page, data)
	return out.Bytes(), err
}

func (t *templates) execute(out *bytes.Buffer, page string, data any) error {
	parsed, ok := t.pages[page]
	if !ok {
		return fmt.Errorf("there is no page %q", page)
	}
	if err := parsed.ExecuteTemplate(out, "layout", data); err != nil {
		return fmt.Errorf("page %s: %w", page, err)
	}
	return nil
}

func writePage(w http.ResponseWriter, status int, text []byte) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, err := w.Write(text)
	return err
}

// functions are what templates call. Amounts are minor units and a currency.
func functions(zone *time.Location) template.FuncMap {
	known := &amounts{}
	return template.FuncMap{
		"money":   known.text,
		"date":    func(t time.Time) string { return written(t, zone, dayLayout) },
		"moment":  func(t time.Time) string { return written(t, zone, momentLayout) },
		"stamp":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"words":   func(code any) string { return words(fmt.Sprint(code)) },
		"percent": func(bp int) string { return percent(int64(bp)) },
		"plural":  plural,
		"unread":  unread,
		"counted": func(n int, one, many string) string {
			if n >= endpoint.MaxCounted {
				return grouped(endpoint.MaxCounted) + " " + many + " or more"
			}
			return plural(n, one, many)
		},
		"grouped": grouped,
		"list":    func(items ...any) []any { return items },
		"inc":     func(n int) int { return n + 1 },
		"lower":   strings.ToLower,
		"short": func(id string) string {
			if len(id) > 8 {
				return id[:8] + "…"
			}
			return id
		},
	}
}

// sortedKeys are the keys of m in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
