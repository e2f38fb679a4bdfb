package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestAnEstimateIsShownAndBindsTheRequest(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	line := b.order.Lines[0].ID
	query := "/api/returns/estimate?sale_id=" + b.order.ID + "&reason=DAMAGED&quantity_" + line + "=1"
	shown := b.want(b.ada, query, "", http.StatusOK, "estimate")["estimate"].(map[string]any)
	for _, key := range []string{"amount", "currency", "lines", "deductions", "methods", "refund_due"} {
		if _, ok := shown[key]; !ok {
			t.Errorf("no %q in %v", key, shown)
		}
	}
	answer := b.want(b.ada, "/api/returns/estimate", b.body("1"), http.StatusOK, "estimate")
	posted := answer["estimate"].(map[string]any)
	if fmt.Sprint(posted) != fmt.Sprint(shown) || shown["currency"] != "USD" || shown["amount"].(float64) <= 0 {
		t.Errorf("posted %v, shown %v", posted, shown)
	}
	b.want(b.ada, "/api/returns/estimate", b.body("4"), http.StatusBadRequest, "code", "verdicts")
	b.want(b.ada, query+"&quantity_"+line+"=x", "", http.StatusOK) // the first counts
	b.want(
		b.ada, "/api/returns/estimate?sale_id="+b.order.ID+"&reason=DAMAGED&items=x", "", http.StatusBadRequest,
		"message",
	)

	amount := shown["amount"].(float64)
	with := func(estimate, currency string) string {
		return strings.Replace(b.body("1"), `"details":"x"`, `"estimate":`+estimate+`,"currency":"`+currency+`"`, 1)
	}
	more := fmt.Sprintf("%.2f", amount+0.01)
	for body, code := range map[string]string{
		with(more, "USD"): "PRICE_CHANGED", with("1", "EUR"): "PRICE_CHANGED", with("1.234", "USD"): "INVALID",
		with("1", "dollars"): "INVALID",
	} {
		status := http.StatusConflict
		if code == "INVALID" {
			status = http.StatusBadRequest
		}
		if out := b.want(b.ada, "/api/returns", body, status, "code"); out["code"] != code {
			t.Errorf("%s: %v, want %s", body, out, code)
		}
	}
	b.want(b.ada, "/api/returns", with(fmt.Sprintf("%.2f", amount), "USD"), http.StatusOK, "return")
}
