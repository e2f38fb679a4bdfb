package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/paysim"
)

// failedRefunds is what /admin/metrics says of refunds_failed_total.
func (u browser) failedRefunds() map[string]float64 {
	u.t.Helper()
	var said struct {
		Counters map[string][]struct {
			Labels map[string]string `json:"labels"`
			Value  float64           `json:"value"`
		} `json:"counters"`
	}
	a := u.get("/admin/metrics").want(u.t, http.StatusOK)
	if err := json.Unmarshal([]byte(a.body), &said); err != nil {
		u.t.Fatal(err)
	}
	out := map[string]float64{}
	for _, c := range said.Counters["refunds_failed_total"] {
		out[c.Labels["reason"]] = c.Value
	}
	return out
}

func TestARefundWithoutAnAnswerCountsAsUnavailable(t *testing.T) {
	b := open(t)
	admin, o := b.signIn(), b.buy(b.customer("ada"), 1)
	c := b.approved(o)
	b.faults(paysim.Faults{Down: true})
	refund := func(status int) {
		t.Helper()
		admin.json("/api/admin/returns/"+c.ID+"/refund", `{"method":"card"}`, "Idempotency-Key", "k1").
			want(t, status, `"pending":true`)
	}
	refund(http.StatusAccepted)
	refund(http.StatusAccepted) // is answered again, and not executed
	if got := admin.failedRefunds(); got["unavailable"] != 1 || got["declined"] != 0 {
		t.Errorf("refunds_failed_total is %v", got)
	}
	events := 0
	for _, e := range b.Metrics.Snapshot().Events {
		if e.Name == "refund_failed" {
			events++
		}
	}
	if events != 1 {
		t.Errorf("%d events refund_failed, want 1", events)
	}
}

// The two lines say who asked for what, in which request.
func TestARefundWithoutAnAnswerIsLogged(t *testing.T) {
	t.Parallel()
	var log buffer
	r := openReplica(t, &log)
	b := &bench{App: r.s, t: t, url: r.srv.URL}
	u, err := b.Auth.UserByName(t.Context(), "super_admin")
	if err != nil {
		t.Fatal(err)
	}
	c := b.approved(b.buy(b.customer("ada"), 1))
	b.faults(paysim.Faults{Down: true})
	path := "/api/admin/returns/" + c.ID + "/refund"
	b.signIn().json(path, `{"method":"card"}`).want(t, http.StatusAccepted)
	for _, message := range []string{
		"Refund attempt failed via circuit breaker", "Refund failed for return " + c.ID,
	} {
		_, line, ok := strings.Cut(log.String(), `"message":"`+message+`"`)
		if !ok {
			t.Errorf("no line %q", message)
			continue
		}
		line, _, _ = strings.Cut(line, "\n")
		var said map[string]any
		if err := json.Unmarshal([]byte(`{"message":""`+line), &said); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if said["request_id"] == nil || said["path"] != path || said["method"] != http.MethodPost ||
			said["user_id"] != u.ID || said["reason"] == "" {
			t.Errorf("%s: %v", message, said)
		}
	}
}

// TestProbesLeaveNoLine: an orchestrator asks every few seconds. Other requests have one.
func TestProbesLeaveNoLine(t *testing.T) {
	t.Parallel()
	var log buffer
	r := openReplica(t, &log)
	b := &bench{App: r.s, t: t, url: r.srv.URL}
	staff := b.signIn()
	for _, probe := range []string{
		"/health", "/health/live", "/health/ready", "/health/startup", "/api/system/health",
	} {
		staff.get(probe) // one may say that the shop starts
		staff.send("HEAD", probe, "", "")
		if strings.Contains(log.String(), `"path":"`+probe+`"`) {
			t.Errorf("%s has a line in the log", probe)
		}
	}
	staff.get("/admin/returns").want(t, http.StatusOK)
	said := log.String()
	if !strings.Contains(said, `"message":"request"`) || !strings.Contains(said, `"path":"/admin/returns"`) {
		t.Error("a page has no line in the log")
	}
}
