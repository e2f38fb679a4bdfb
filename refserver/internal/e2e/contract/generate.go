package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Request is a request to an operation.
type Request struct {
	Operation
	Target string // path and query
	Kind   string // content type of the body; empty: none is named
	Body   string
}

func (r Request) String() string {
	return fmt.Sprintf("%s %.300q with %s %.300q", r.Method, r.Target, r.Kind, r.Body)
}

// Generator makes requests to the operations of a document: some as it wants them, most of them
// wrong in one or two places, and some hostile. The same source of random numbers makes the same
// requests. It is not safe for concurrent use.
type Generator struct {
	Rand *rand.Rand
	// IDs are ids that exist, by the name of the field or of the placeholder they stand in.
	IDs map[string][]string
}

var placeholder = regexp.MustCompile(`\{([a-z_]+)\}`)

// Request makes a request to an operation.
func (g *Generator) Request(op Operation) Request {
	r := Request{Operation: op}
	r.Target = placeholder.ReplaceAllStringFunc(op.Path, func(name string) string {
		return url.PathEscape(g.id(strings.Trim(name, "{}")))
	})
	if query := g.query(op); query != "" {
		r.Target += "?" + query
	}
	if op.RequestBody != nil {
		r.Kind, r.Body = g.body(op.RequestBody.Value.Content)
	}
	return r
}

// one is one of the list.
func one[T any](g *Generator, list []T) T { return list[g.Rand.IntN(len(list))] }

// in reports true once in n times.
func (g *Generator) in(n int) bool { return g.Rand.IntN(n) == 0 }

// id is mostly one that exists.
func (g *Generator) id(name string) string {
	known := g.IDs[name]
	if len(known) == 0 || g.in(6) {
		text := one(g, hostileTexts)
		if clean := strings.Trim(text, ". /"); clean == "" || len(text) > 2000 {
			return "none" // the server would lead to another address, or read none of it
		}
		return text
	}
	return one(g, known)
}

func (g *Generator) query(op Operation) string {
	var parts []string
	for _, p := range op.Parameters {
		if p.Value.In != openapi3.ParameterInQuery || !p.Value.Required && g.in(2) {
			continue
		}
		value := g.text(p.Value.Name, p.Value.Schema)
		if g.in(3) {
			value = one(g, hostileTexts)
		}
		parts = append(parts, url.QueryEscape(p.Value.Name)+"="+url.QueryEscape(value))
	}
	if g.in(10) {
		parts = append(parts, one(g, []string{"%zz", "a=%", "page=1&page=2", "=", "&&", "page=1;x=2", "%00=%00"}))
	}
	return strings.Join(parts, "&")
}

// text is a value of a form or a query for a schema.
func (g *Generator) text(name string, schema *openapi3.SchemaRef) string {
	v := g.value(name, schema, 0)
	if text, ok := v.(string); ok {
		return text
	}
	data, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(data)
}

// object is a JSON object whose fields have an order, and may be there twice.
type object []member

type member struct {
	name  string
	value any
}

// verbatim is JSON, or what is none, as it is sent.
type verbatim string

// value is a value that a schema allows.
func (g *Generator) value(name string, ref *openapi3.SchemaRef, depth int) any {
	if ref == nil || ref.Value == nil || depth > 8 {
		return "x"
	}
	schema := ref.Value
	switch {
	case schema.Const != nil:
		return schema.Const
	case len(schema.Enum) > 0:
		return one(g, schema.Enum)
	case len(schema.AnyOf) > 0:
		return g.value(name, one(g, schema.AnyOf), depth+1)
	case schema.Type == nil:
		return "x"
	}
	switch schema.Type.Slice()[0] {
	case "boolean":
		return g.in(2)
	case "integer":
		return g.Rand.IntN(6)
	case "number":
		return verbatim(strconv.Itoa(g.Rand.IntN(100)) + one(g, []string{"", ".5", ".99"}))
	case "array":
		list := make([]any, g.Rand.IntN(3))
		for i := range list {
			list[i] = g.value(name, schema.Items, depth+1)
		}
		return list
	case "object":
		return g.object(schema, depth)
	}
	return g.word(name, schema)
}

func (g *Generator) object(schema *openapi3.Schema, depth int) object {
	var out object
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		if slices.Contains(schema.Required, name) || !g.in(3) {
			out = append(out, member{name, g.value(name, schema.Properties[name], depth+1)})
		}
	}
	for _, pattern := range slices.Sorted(maps.Keys(schema.PatternProperties)) {
		name := strings.NewReplacer("^", "", "_.+$", "_"+g.id("sale_item_id")).Replace(pattern)
		out = append(out, member{name, g.value(name, schema.PatternProperties[pattern], depth+1)})
	}
	return out
}

// word is a text that a schema allows.
func (g *Generator) word(name string, schema *openapi3.Schema) string {
	if ids := g.IDs[name]; len(ids) > 0 {
		return one(g, ids)
	}
	switch schema.Format {
	case "date":
		return one(g, []string{"2026-01-31", "2026-12-01"})
	case "date-time":
		return "2099-01-31T10:00:00Z"
	}
	return one(g, []string{"x", "A short text.", "Ünïcode 日本", "USD", "all", "1"})
}

// body makes the body of a request, and its type.
func (g *Generator) body(content openapi3.Content) (kind, body string) {
	kind = one(g, slices.Sorted(maps.Keys(content)))
	media := content[kind]
	var tree any
	if media.Schema != nil {
		tree = g.value("", media.Schema, 0)
	}
	if text, ok := media.Example.(string); ok {
		tree = text
	}
	switch kind {
	case formKind:
		body = g.form(tree)
	case multipartKind:
		kind, body = g.multipart(tree)
	case jsonKind:
		body = g.json(tree)
	default:
		body = g.feed(fmt.Sprint(tree))
	}
	if g.in(12) {
		kind = one(g, []string{"", formKind, jsonKind, "text/plain", multipartKind, multipartKind + "; boundary=",
			"application/json; charset=utf-16", "application/xml", "text/csv", "\xff", "a/b/c", "*/*"})
	}
	return kind, body
}

const (
	formKind      = "application/x-www-form-urlencoded"
	multipartKind = "multipart/form-data"
	jsonKind      = "application/json"
)

// form writes a form, wrong in most cases.
func (g *Generator) form(tree any) string {
	fields, _ := tree.(object)
	var parts []string
	for _, f := range g.spoiled(fields) {
		parts = append(parts, url.QueryEscape(f.name)+"="+url.QueryEscape(textOf(f.value)))
	}
	if g.in(12) {
		parts = append(parts, one(g, []string{"%zz=1", "a=%", ";", "=&=", strings.Repeat("a=1&", 300), "\x00=\xff"}))
	}
	return strings.Join(parts, "&")
}

func (g *Generator) multipart(tree any) (kind, body string) {
	fields, _ := tree.(object)
	var out strings.Builder
	for _, f := range g.spoiled(fields) {
		file := ""
		if f.name == "photos" || g.in(20) {
			file = one(g, []string{`; filename="a.png"`, `; filename="../../x"`, `; filename=""`})
		}
		fmt.Fprintf(
			&out,
			"--x\r\nContent-Disposition: form-data; name=%q%s\r\n\r\n%s\r\n",
			f.name,
			file,
			textOf(f.value),
		)
	}
	end := "--x--\r\n"
	if g.in(8) {
		end = one(g, []string{"", "--x", "--x\r\n", "--x\r\nContent-Disposition: \r\n\r\n", "--y--\r\n"})
	}
	return multipartKind + "; boundary=x", out.String() + end
}

// feed spoils a feed.
func (g *Generator) feed(text string) string {
	at := g.Rand.IntN(len(text) + 1)
	switch g.Rand.IntN(4) {
	case 0:
		return text[:at] + one(g, hostileTexts) + text[at:]
	case 1:
		return text[:at]
	case 2:
		return text + one(g, hostileFeeds)
	}
	return text
}

// textOf is a value as a form holds it.
func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case verbatim:
		return strings.Trim(string(v), `"`)
	}
	var out strings.Builder
	write(&out, v)
	return out.String()
}

// Field is a field of a form on a page, with a value it takes.
type Field struct{ Name, Value string }

// Form writes a form with one or two fields wrong, or none, and returns the type of the body.
func (g *Generator) Form(fields []Field, multipart bool) (kind, body string) {
	tree := make(object, len(fields))
	for i, f := range fields {
		tree[i] = member{f.Name, f.Value}
	}
	if multipart {
		return g.multipart(tree)
	}
	return formKind, g.form(tree)
}
