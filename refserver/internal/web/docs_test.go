package web_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/openapi/parsed"
)

var (
	anchorLink = regexp.MustCompile(`href="#([^"]+)"`)
	anchorID   = regexp.MustCompile(`id="([^"]+)"`)
)

func TestTheHTTPInterfaceIsAPageToReadWithoutASignIn(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	page := b.nobody().get("/api/docs").want(http.StatusOK).body
	doc, err := parsed.Load()
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if !strings.Contains(page, `<details id="`+op.OperationID+`">`) ||
				!strings.Contains(page, "<code>"+method+" "+path+"</code>") {
				t.Errorf("%s %s is not on the page", method, path)
			}
		}
	}
	var ids []string
	for _, m := range anchorID.FindAllStringSubmatch(page, -1) {
		if slices.Contains(ids, m[1]) {
			t.Errorf("the id %s is there twice", m[1])
		}
		ids = append(ids, m[1])
	}
	for _, m := range anchorLink.FindAllStringSubmatch(page, -1) {
		if !slices.Contains(ids, m[1]) {
			t.Errorf("a link leads to #%s, which is not there", m[1])
		}
	}
	for _, text := range []string{
		"Accounts with the role finance or admin", "Every account", "Everybody, without signing in",
		"one of COMPLETED, QUEUED, CANCELLED", "<code>received_LINEID</code>", "list of", "&#34;decision_notes&#34;",
	} {
		if !strings.Contains(page, text) {
			t.Errorf("no %q on the page", text)
		}
	}
}
