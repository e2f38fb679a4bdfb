package sqldb_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/internal/sqldb"
)

func TestErrorTextIsTextThatEveryDatabaseTakes(t *testing.T) {
	for text, want := range map[string]string{
		"no answer":              "no answer",
		"a\x00b \xff":            "a\uFFFDb \uFFFD",
		strings.Repeat("é", 500): strings.Repeat("é", 500),
		strings.Repeat("é", 501): strings.Repeat("é", 500) + "...",
	} {
		if got := sqldb.ErrorText(errors.New(text)); got != want {
			t.Errorf("%q is stored as %q, want %q", text, got, want)
		}
	}
}
