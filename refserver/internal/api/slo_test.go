package api_test

import (
	"net/http"
	"testing"
)

func TestStaffSeeHowThePromisesOfCheckoutAreKept(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.want(b.ada, "/api/admin/slo", "", http.StatusForbidden)
	for _, window := range []string{"soon", "1s", "9000h", "-1h"} {
		out := b.want(b.staff, "/api/admin/slo?window="+window, "", http.StatusBadRequest, "message")
		if out["field"] != "window" {
			t.Errorf("window %s: %v", window, out)
		}
	}
	cards := func(path string) (accepted, latency map[string]any) {
		t.Helper()
		out := b.want(b.staff, path, "", http.StatusOK, "queued_orders", "cards")
		list := out["cards"].([]any)
		return list[0].(map[string]any), list[1].(map[string]any)
	}
	accepted, latency := cards("/api/admin/slo")
	for _, c := range []map[string]any{accepted, latency} {
		if c["state"] != "no_data" || c["value"] != nil {
			t.Errorf("before anything is counted: %v", c)
		}
	}
	if err := b.CountNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	accepted, latency = cards("/api/admin/slo?window=1h")
	if accepted["id"] != "A.1" || accepted["state"] != "fulfilled" || accepted["value"] != 100.0 ||
		accepted["target"] != 99.0 ||
		accepted["window_seconds"] != 3600.0 {
		t.Errorf("A.1: %v", accepted)
	}
	if latency["id"] != "P.1" || latency["target"] != 95.0 || latency["p95_ms"] == nil ||
		latency["total"] != accepted["good"] {
		t.Errorf("P.1: %v", latency)
	}
}
