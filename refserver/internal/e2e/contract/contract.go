// Package contract compares what a shop answers with the OpenAPI document of package openapi, for
// the tests that treat the shop as a whole.
package contract

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/returnkit/returnkit/refserver/internal/openapi/parsed"
)

// Document is the OpenAPI document with its schemas. It is safe for concurrent use.
//
// Bodies are checked by the JSON Schema library that kin-openapi uses for OpenAPI 3.1, on the
// whole document: kin-openapi compiles a schema alone, cannot resolve its references then, and
// falls back without a word to its checks for OpenAPI 3.0.
type Document struct {
	*openapi3.T

	operations []Operation

	mu       sync.Mutex
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema // by its address in the document
}

// Operation is a method at a path.
type Operation struct {
	Method, Path string
	*openapi3.Operation
}

// Pattern is the operation as http.ServeMux writes it.
func (o Operation) Pattern() string {
	if o.Path == "/" {
		return o.Method + " /{$}"
	}
	return o.Method + " " + o.Path
}

// Open reports whether the operation needs neither a session nor a key.
func (o Operation) Open() bool { return o.Security != nil && len(*o.Security) == 0 }

// resource is the name of the document among the schemas.
const resource = "openapi.json"

// Load reads the document.
func Load() (*Document, error) {
	doc, err := parsed.Load()
	if err != nil {
		return nil, err
	}
	text, err := doc.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("contract: the document as JSON: %w", err)
	}
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("contract: the document as JSON: %w", err)
	}
	d := &Document{T: doc, compiler: jsonschema.NewCompiler(), compiled: map[string]*jsonschema.Schema{}}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource(resource, root); err != nil {
		return nil, fmt.Errorf("contract: the document: %w", err)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			d.operations = append(d.operations, Operation{method, path, op})
		}
	}
	slices.SortFunc(d.operations, func(a, b Operation) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	return d, nil
}

// Operations returns all operations, by path.
func (d *Document) Operations() []Operation { return slices.Clone(d.operations) }

// Operation returns the operation with the id.
func (d *Document) Operation(id string) (Operation, bool) {
	i := slices.IndexFunc(d.operations, func(o Operation) bool { return o.OperationID == id })
	if i < 0 {
		return Operation{}, false
	}
	return d.operations[i], true
}

// Response is what the shop answered.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Check returns what of an answer to the operation the document does not allow: its status, its
// content type, a header that is missing, or its body.
func (d *Document) Check(o Operation, a Response) error {
	response, at := d.response(o, a.Status)
	if response == nil {
		return fmt.Errorf("%s: the document has no answer %d", o.Pattern(), a.Status)
	}
	for name, header := range response.Headers {
		if header.Value.Required && a.Header.Get(name) == "" {
			return fmt.Errorf("%s: the answer %d has no header %s", o.Pattern(), a.Status, name)
		}
	}
	if len(response.Content) == 0 {
		return nil
	}
	kind, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("%s: content type of the answer %d: %w", o.Pattern(), a.Status, err)
	}
	content := response.Content[kind]
	if content == nil {
		return fmt.Errorf("%s: the document has no answer %d of type %s", o.Pattern(), a.Status, kind)
	}
	if content.Schema == nil {
		return nil
	}
	if err := d.checkJSON(at+"/content/"+escape(kind)+"/schema", a.Body); err != nil {
		return fmt.Errorf("%s: body of the answer %d: %w", o.Pattern(), a.Status, err)
	}
	return nil
}

// everywhere are the answers that every operation may give: what was sent can't be read, and the
// shop is busy.
var everywhere = map[int]string{
	http.StatusBadRequest:         "Invalid",
	http.StatusTooManyRequests:    "Busy",
	http.StatusServiceUnavailable: "Busy",
}

// response finds an answer of an operation and its address.
func (d *Document) response(o Operation, status int) (*openapi3.Response, string) {
	if ref := o.Responses.Status(status); ref != nil {
		if ref.Ref != "" {
			return ref.Value, ref.Ref
		}
		return ref.Value, "#/paths/" + escape(o.Path) + "/" + strings.ToLower(o.Method) + "/responses/" +
			strconv.Itoa(status)
	}
	name, ok := everywhere[status]
	if !ok {
		return nil, ""
	}
	if !answersJSON(o) {
		name = "Page" + name
	}
	return d.Components.Responses[name].Value, "#/components/responses/" + name
}

// answersJSON reports whether an operation is for programs, and not a page.
func answersJSON(o Operation) bool {
	ref := o.Responses.Status(http.StatusOK)
	return strings.HasPrefix(o.Path, "/api/") && (ref == nil || ref.Value.Content[jsonKind] != nil)
}

// escape writes a name for a JSON pointer in an address.
func escape(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(name)
}

// checkJSON checks a body against the schema at an address of the document.
func (d *Document) checkJSON(at string, body []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("it is not JSON: %w", err)
	}
	schema, err := d.schema(at)
	if err != nil {
		return err
	}
	if err := schema.Validate(value); err != nil {
		return errors.New(shorten(err.Error()))
	}
	return nil
}

func (d *Document) schema(at string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.compiled[at]; s != nil {
		return s, nil
	}
	s, err := d.compiler.Compile(resource + at)
	if err != nil {
		return nil, fmt.Errorf("schema %s: %w", at, err)
	}
	d.compiled[at] = s
	return s, nil
}

// shorten cuts what is too long for a message of a test.
func shorten(s string) string {
	if len(s) > 2000 {
		return s[:2000] + "…"
	}
	return s
}
