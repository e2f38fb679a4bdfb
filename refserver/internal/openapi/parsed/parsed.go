// Package parsed reads the OpenAPI document of the shop, for the contract tests and for the
// program that makes the page of it.
package parsed

import (
	"fmt"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/returnkit/returnkit/refserver/internal/openapi"
)

// Load parses the document, with its references resolved. Each call returns a document of its
// own.
func Load() (*openapi3.T, error) {
	text, err := openapi.YAML()
	if err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("openapi: read the document: %w", err)
	}
	return doc, nil
}
