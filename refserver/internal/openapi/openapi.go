// Package openapi holds the description of the shop's HTTP interface as an OpenAPI 3.1
// document, see https://spec.openapis.org/oas/v3.1.0. It is written here and checked against
// the shop: the contract test of package server calls every operation and compares the answers,
// and a test fails for a route that the document lacks.
//
// The document is kept in parts, one file a matter, below document: info.yaml, the paths, the
// schemas, and what else they share in components.yaml. Package parsed reads it; what the shop
// shows of it is made when it is built, see package apidocs, so that the shop links no parser.
package openapi

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"sync"
)

//go:embed document
var parts embed.FS

// assembled is the document in one piece, or why the parts can't be read.
var assembled = sync.OnceValues(func() ([]byte, error) {
	var out bytes.Buffer
	for _, section := range []struct {
		heading, pattern string
		indent           int
	}{
		{"", "document/info.yaml", 0},
		{"paths:\n", "document/paths/*.yaml", 2},
		{"components:\n", "document/components.yaml", 2},
		{"  schemas:\n", "document/schemas/*.yaml", 4},
	} {
		out.WriteString(section.heading)
		names, err := fs.Glob(parts, section.pattern)
		if err != nil {
			return nil, fmt.Errorf("openapi: parts of the document: %w", err)
		}
		for _, name := range names {
			text, err := parts.ReadFile(name)
			if err != nil {
				return nil, fmt.Errorf("openapi: part of the document: %w", err)
			}
			indent(&out, text, section.indent)
		}
	}
	return out.Bytes(), nil
})

// indent writes the lines of text with spaces before each that is not empty.
func indent(out *bytes.Buffer, text []byte, spaces int) {
	for line := range bytes.Lines(text) {
		if len(bytes.TrimSpace(line)) > 0 {
			out.Write(bytes.Repeat([]byte{' '}, spaces))
		}
		out.Write(line)
	}
}

// YAML returns the document. The caller must not change it.
func YAML() ([]byte, error) { return assembled() }
