// Command write makes the page of the HTTP interface that package apidocs shows.
//
//	go run ./write page.json
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/openapi/apidocs"
	"github.com/returnkit/returnkit/refserver/internal/openapi/parsed"
)

// proseOf reads the little of Markdown that the document uses.
func proseOf(text string) []apidocs.Prose {
	var out []apidocs.Prose
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		var p apidocs.Prose
		for i, part := range strings.Split(strings.Join(strings.Fields(paragraph), " "), "`") {
			if i%2 == 1 {
				p = append(p, apidocs.Span{Text: part, Code: true})
				continue
			}
			for j, words := range strings.Split(part, "**") {
				if words != "" {
					p = append(p, apidocs.Span{Text: words, Strong: j%2 == 1})
				}
			}
		}
		if len(p) > 0 {
			out = append(out, p)
		}
	}
	return out
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "write:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("it takes the file to write, and got %q", args)
	}
	page, err := pageOf()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(page, "", "")
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], append(text, '\n'), 0o644)
}

// pageOf makes the page of the document.
func pageOf() (apidocs.Page, error) {
	doc, err := parsed.Load()
	if err != nil {
		return apidocs.Page{}, err
	}
	v := apidocs.Page{Title: doc.Info.Title, Summary: doc.Info.Summary, About: proseOf(doc.Info.Description)}
	byTag := map[string][]apidocs.Operation{}
	for _, path := range doc.Paths.InMatchingOrder() {
		for method, op := range doc.Paths.Value(path).Operations() {
			shown, err := operationOf(method, path, op)
			if err != nil {
				return apidocs.Page{}, err
			}
			byTag[op.Tags[0]] = append(byTag[op.Tags[0]], shown)
		}
	}
	for _, tag := range doc.Tags {
		list := byTag[tag.Name]
		slices.SortFunc(list, func(a, b apidocs.Operation) int {
			return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
		})
		anchor := strings.ReplaceAll(strings.ToLower(tag.Name), " ", "-")
		v.Groups = append(v.Groups, apidocs.Group{
			Name: tag.Name, Anchor: anchor, About: proseOf(tag.Description), Operations: list,
		})
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Components.Schemas)) {
		schema := doc.Components.Schemas[name].Value
		shown := apidocs.Schema{Name: name, About: proseOf(schema.Description), Fields: fieldsOf(schema)}
		if len(shown.Fields) == 0 {
			shown.Type = typeOf(&openapi3.SchemaRef{Value: schema})
		}
		v.Schemas = append(v.Schemas, shown)
	}
	return v, nil
}

func operationOf(method, path string, op *openapi3.Operation) (apidocs.Operation, error) {
	v := apidocs.Operation{
		ID: op.OperationID, Method: method, Path: path, Summary: op.Summary, About: proseOf(op.Description),
		Who: callers(method, path),
	}
	for _, p := range op.Parameters {
		v.Parameters = append(v.Parameters, apidocs.Field{
			Name: p.Value.Name, In: p.Value.In, Type: typeOf(p.Value.Schema), Required: p.Value.Required,
			About: proseOf(p.Value.Description),
		})
	}
	if op.RequestBody != nil {
		content := op.RequestBody.Value.Content
		for _, media := range slices.Sorted(maps.Keys(content)) {
			body, err := bodyOf(media, content[media])
			if err != nil {
				return v, fmt.Errorf("example of %s: %w", op.OperationID, err)
			}
			v.Bodies = append(v.Bodies, body)
		}
	}
	for status, answer := range op.Responses.Map() {
		v.Responses = append(v.Responses, answersOf(status, answer.Value)...)
	}
	slices.SortFunc(v.Responses, func(a, b apidocs.Response) int {
		return cmp.Or(cmp.Compare(a.Status, b.Status), cmp.Compare(a.Media, b.Media))
	})
	return v, nil
}

func answersOf(status string, answer *openapi3.Response) []apidocs.Response {
	about := ""
	if answer.Description != nil {
		about = *answer.Description
	}
	if len(answer.Content) == 0 {
		return []apidocs.Response{{Status: status, Words: proseOf(about)}}
	}
	var out []apidocs.Response
	for media, content := range answer.Content {
		one := apidocs.Response{Status: status, Media: media, Words: proseOf(about)}
		if content.Schema != nil {
			one.Type = typeOf(content.Schema)
		}
		out = append(out, one)
	}
	return out
}

func bodyOf(media string, content *openapi3.MediaType) (apidocs.Body, error) {
	body := apidocs.Body{Media: media}
	if content.Schema != nil {
		body.Schema = schemaName(content.Schema)
		if body.Schema == "" {
			body.Fields = fieldsOf(content.Schema.Value)
		}
	}
	switch example := content.Example.(type) {
	case nil:
	case string:
		body.Example = example
	default:
		text, err := json.MarshalIndent(example, "", "  ")
		if err != nil {
			return body, err
		}
		body.Example = string(text)
	}
	return body, nil
}

// callers names who may call an operation, by the table of permissions.
func callers(method, path string) string {
	if path == "/" {
		path = "/{$}"
	}
	for _, row := range access.Routes() {
		if row.Pattern != method+" "+path {
			continue
		}
		switch roles := access.Roles(row.Needs); {
		case row.Needs == access.Open && row.Note != "":
			return "Open: " + row.Note
		case row.Needs == access.Open:
			return "Everybody, without signing in"
		case len(roles) == len(access.Roles(access.ShopRead)):
			return "Every account"
		default:
			var names []string
			for _, role := range roles {
				names = append(names, strings.ToLower(strings.ReplaceAll(string(role), "_", " ")))
			}
			return "Accounts with the role " + strings.Join(names, " or ")
		}
	}
	return ""
}

// fieldsOf are the fields of an object, those that are required first.
func fieldsOf(schema *openapi3.Schema) []apidocs.Field {
	names := slices.Clone(schema.Required)
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	var out []apidocs.Field
	for _, name := range names {
		ref := schema.Properties[name]
		if ref == nil {
			continue
		}
		out = append(out, apidocs.Field{
			Name: name, Type: typeOf(ref), Required: slices.Contains(schema.Required, name),
			About: proseOf(ref.Value.Description),
		})
	}
	for _, pattern := range slices.Sorted(maps.Keys(schema.PatternProperties)) {
		name := strings.NewReplacer("^", "", "_.+$", "_LINEID").Replace(pattern)
		out = append(out, apidocs.Field{Name: name, Type: typeOf(schema.PatternProperties[pattern])})
	}
	return out
}

// simple are the schemas that are a type of their own in words.
var simple = map[string]string{
	"Amount": "amount", "Currency": "currency code", "Time": "time", "TimeOrNull": "time or null", "Text": "text",
	"TextOrNull": "text or null",
}

func schemaName(ref *openapi3.SchemaRef) string {
	return strings.TrimPrefix(ref.Ref, "#/components/schemas/")
}

// typeOf is a type in words.
func typeOf(ref *openapi3.SchemaRef) apidocs.Type {
	if name := schemaName(ref); name != "" {
		if words, ok := simple[name]; ok {
			return apidocs.Type{Words: words}
		}
		return apidocs.Type{Schema: name}
	}
	schema := ref.Value
	switch {
	case schema.Const != nil:
		return apidocs.Type{Words: fmt.Sprint(schema.Const)}
	case len(schema.Enum) > 0:
		return apidocs.Type{Words: "one of " + enumWords(schema.Enum)}
	case schema.Items != nil:
		of := typeOf(schema.Items)
		return apidocs.Type{Words: strings.TrimSpace("list of " + of.Words), Schema: of.Schema}
	case len(schema.AnyOf) > 0:
		return eitherOf(schema.AnyOf)
	case schema.AdditionalProperties.Schema != nil:
		of := typeOf(schema.AdditionalProperties.Schema)
		return apidocs.Type{Words: strings.TrimSpace("object of " + of.Words), Schema: of.Schema}
	case schema.Type == nil:
		return apidocs.Type{Words: "anything"}
	}
	return apidocs.Type{Words: strings.ReplaceAll(strings.Join(schema.Type.Slice(), " or "), "string", "text")}
}

func enumWords(values []any) string {
	var words []string
	for _, v := range values {
		word := fmt.Sprint(v)
		if word == "" {
			word = "nothing"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// eitherOf is a choice of types; the last schema of them is linked to.
func eitherOf(refs openapi3.SchemaRefs) apidocs.Type {
	var out apidocs.Type
	var words []string
	for _, ref := range refs {
		one := typeOf(ref)
		if one.Schema != "" && out.Schema != "" {
			words = append(words, out.Schema)
		}
		out.Schema = cmp.Or(one.Schema, out.Schema)
		if one.Words != "" {
			words = append(words, one.Words)
		}
	}
	out.Words = strings.Join(words, " or ")
	if out.Schema != "" && out.Words != "" {
		out.Words += " or"
	}
	return out
}
