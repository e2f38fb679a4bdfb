// Package apidocs has the description of the shop's HTTP interface as its page shows it: the
// OpenAPI document, and who may call each operation. It is made when the shop is built; go
// generate writes it anew.
package apidocs

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:generate go run ./write page.json

//go:embed page.json
var page []byte

// Read returns the page.
func Read() (Page, error) {
	var p Page
	if err := json.Unmarshal(page, &p); err != nil {
		return Page{}, fmt.Errorf("apidocs: page.json: %w", err)
	}
	return p, nil
}

// Page is the description of the HTTP interface as the page shows it.
type Page struct {
	Title, Summary string   `json:",omitzero"`
	About          []Prose  `json:",omitzero"`
	Groups         []Group  `json:",omitzero"`
	Schemas        []Schema `json:",omitzero"`
}

// Group is the operations of one matter.
type Group struct {
	Name, Anchor string      `json:",omitzero"`
	About        []Prose     `json:",omitzero"`
	Operations   []Operation `json:",omitzero"`
}

// Operation is a method of a path.
type Operation struct {
	ID, Method, Path, Summary string     `json:",omitzero"`
	About                     []Prose    `json:",omitzero"`
	Who                       string     `json:",omitzero"` // may call it
	Parameters                []Field    `json:",omitzero"`
	Bodies                    []Body     `json:",omitzero"`
	Responses                 []Response `json:",omitzero"`
}

// Body is a body that an operation takes.
type Body struct {
	Media, Schema string  `json:",omitzero"` // Schema is a name to link to; may be empty
	Fields        []Field `json:",omitzero"`
	Example       string  `json:",omitzero"`
}

// Response is what an operation may answer.
type Response struct {
	Status, Media string  `json:",omitzero"`
	Words         []Prose `json:",omitzero"`
	Type          Type    `json:",omitzero"`
}

// Schema is a type that has a name.
type Schema struct {
	Name   string  `json:",omitzero"`
	About  []Prose `json:",omitzero"`
	Type   Type    `json:",omitzero"` // of one without fields
	Fields []Field `json:",omitzero"`
}

// Field is a field of an object, or a parameter.
type Field struct {
	Name, In string  `json:",omitzero"` // In is where a parameter stands
	Type     Type    `json:",omitzero"`
	Required bool    `json:",omitzero"`
	About    []Prose `json:",omitzero"`
}

// Type is a type in words, with the name of the schema it ends with, to link to.
type Type struct {
	Words, Schema string `json:",omitzero"`
}

// Prose is a paragraph in pieces.
type Prose []Span

// Span is text in one shape: plain, or Code or Strong.
type Span struct {
	Text         string `json:",omitzero"`
	Code, Strong bool   `json:",omitzero"`
}
