package upload

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// TestEmptyFieldsAreCounted: what has no text takes memory too.
func TestEmptyFieldsAreCounted(t *testing.T) {
	b, long := newBench(t, Config{}), strings.Repeat("a", 100)
	for name, fields := range map[string][]string{
		"of one name": slices.Repeat([]string{long, ""}, 1500), "with text": slices.Repeat([]string{long, "b"}, 1500),
	} {
		t.Run(name, func(t *testing.T) {
			kind, body := form(fields...)
			in := b.begin(kind, body, false)
			if p := problem.Of(in.ReadForm(nil)); p.Status != 413 || p.Code != "TOO_LARGE" {
				t.Errorf("%+v with %d values kept", p, len(in.Form[long]))
			}
		})
	}
}

// TestPartsAreCounted: 300,000 files without a name or a byte were read for 24 seconds.
func TestPartsAreCounted(t *testing.T) {
	b := newBench(t, Config{})
	for name, part := range map[string]string{"empty files": "photos/", "other files": "other/a.txt"} {
		t.Run(name, func(t *testing.T) {
			kind, body := form(slices.Repeat([]string{part, ""}, maxParts+1)...)
			p := problem.Of(b.begin(kind, body, false).ReadForm(nil))
			if p.Status != http.StatusBadRequest || !strings.Contains(p.Message, "more than 2000 parts") {
				t.Errorf("%+v", p)
			}
		})
	}
}
