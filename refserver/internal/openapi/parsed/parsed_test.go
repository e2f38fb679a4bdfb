package parsed_test

import (
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/openapi/parsed"
)

func TestTheDocumentIsValidOpenAPI(t *testing.T) {
	doc, err := parsed.Load()
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
}
