package contract_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/e2e/contract"
)

func TestAnAnswerThatTheDocumentDoesNotAllowIsFound(t *testing.T) {
	doc, err := contract.Load()
	if err != nil {
		t.Fatal(err)
	}
	op, ok := doc.Operation("listOrders")
	if !ok {
		t.Fatal("there is no operation listOrders")
	}
	const order = `{"id":"o","number":"1","status":"COMPLETED","total":1.50,"currency":"USD",` +
		`"placed_at":"2026-01-31T10:00:00Z","payments":[{"method":"CARD","amount":1.50}],` +
		`"items":[{"sale_item_id":"l","product_id":1,"product_name":"Mouse",` +
		`"quantity":1,"returnable_quantity":1,"unit_price":1.50}]}`
	list := func(order string) string { return `{"orders":[` + order + `],"total":1}` }
	for _, tc := range []struct {
		name, kind, body string
		status           int
		wrong            string // empty: nothing
	}{
		{"a good answer", "application/json; charset=utf-8", list(order), 200, ""},
		{"a status that it lacks", "application/json", "{}", 204, "no answer 204"},
		{"another type", "text/html", "", 200, "of type text/html"},
		{"no JSON", "application/json", "<p>", 200, "not JSON"},
		{"a field too many", "application/json", list(`{"secret":1,` + order[1:]), 200, "secret"},
		{"a field too few", "application/json", `{"orders":[]}`, 200, "total"},
		{"an amount as text", "application/json", list(strings.Replace(order, "1.50", `"1.50"`, 1)), 200, "total"},
		{"a word", "application/json", list(strings.Replace(order, "COMPLETED", "DONE", 1)), 200, "status"},
		{"a time", "application/json", list(strings.Replace(order, "2026-01-31T", "31.1.2026 ", 1)), 200, "placed_at"},
		{"a code in small letters", "application/json", `{"success":false,"message":"x","code":"no"}`, 401, "code"},
		{"busy without a time", "application/json", `{}`, 503, "Retry-After"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := doc.Check(op, contract.Response{
				Status: tc.status, Header: http.Header{"Content-Type": {tc.kind}}, Body: []byte(tc.body),
			})
			if tc.wrong == "" && err != nil ||
				tc.wrong != "" && (err == nil || !strings.Contains(err.Error(), tc.wrong)) {
				t.Errorf("%v, want %q", err, tc.wrong)
			}
		})
	}
}
