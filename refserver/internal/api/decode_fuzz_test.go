package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// Whatever is sent is read or refused with a 4xx in words; what is read is
// JSON that reads the same again.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"sale_id":"1","items":[{"quantity":1}]}`, `{"items":null}`, `[`, `{"sale_id":1}`, "", `{"a":1}`, `{"photos":["AA=="]}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, "/api/returns", strings.NewReader(body))
		var q returnRequest
		if err := decode(r, 1<<16, &q); err != nil {
			if p := problem.Of(err); p.Status < 400 || p.Status >= 500 || p.Message == "" {
				t.Errorf("%q: %+v", body, p)
			}
			return
		}
		if _, err := json.Marshal(q); err != nil {
			t.Errorf("%q: %v", body, err)
		}
		if _, err := q.request(r); err != nil && problem.Of(err).Status != http.StatusBadRequest {
			t.Errorf("%q: %v", body, err)
		}
	})
}
