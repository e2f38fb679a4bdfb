package input_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// Whatever is sent is read or refused with a 4xx in words; what is read is
// JSON that reads the same again.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{"sale_id":"1","lines":[{"units":1}]}`, `{"lines":null}`, `[`, `{"sale_id":1}`, "", `{"a":1}`,
		`{"quantity":99999999999999999999}`, `{"sale_id":"\u0000"}`, `{"lines":[{"result":"no"}]}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		var v order
		if err := input.JSON(r, &v); err != nil {
			if p := problem.Of(err); p.Status < 400 || p.Status >= 500 || p.Message == "" {
				t.Errorf("%q: %+v", body, p)
			}
			return
		}
		if _, err := json.Marshal(v); err != nil {
			t.Errorf("%q: %v", body, err)
		}
		if err := input.Check(v); err != nil && problem.Of(err).Status != http.StatusBadRequest {
			t.Errorf("%q: %v", body, err)
		}
	})
}
