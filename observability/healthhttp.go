package observability

import (
	"encoding/json"
	"net/http"
)

// readyReport is a Report that also says why a process that is well takes no
// requests.
type readyReport struct {
	Report
	Reason string `json:"reason,omitempty"` // "starting" or "draining"
}

// Handler answers with the report: 200, or 503 when a critical component is
// down. It is for /health.
func (c *Checker) Handler() http.Handler {
	return getOnly(func(r *http.Request) (int, any) {
		report := c.Report(r.Context())
		if !report.Usable {
			return http.StatusServiceUnavailable, report
		}
		return http.StatusOK, report
	})
}

// LiveHandler answers 200 as long as the process can answer at all. It checks
// nothing: a restart does not bring a database back.
func (c *Checker) LiveHandler() http.Handler {
	return getOnly(func(*http.Request) (int, any) {
		return http.StatusOK, map[string]Status{"status": StatusUp}
	})
}

// ReadyHandler answers 200 when the process should get requests: it has
// started, is not draining, and no critical component is down; else 503.
func (c *Checker) ReadyHandler() http.Handler {
	return getOnly(func(r *http.Request) (int, any) {
		out := readyReport{Report: c.Report(r.Context())}
		switch {
		case c.draining.Load():
			out.Reason = "draining"
		case !c.started.Load():
			out.Reason = "starting"
		case out.Usable:
			return http.StatusOK, out
		}
		out.Status = StatusDegraded
		return http.StatusServiceUnavailable, out
	})
}

// StartupHandler answers 503 until [Checker.SetStarted], then 200.
func (c *Checker) StartupHandler() http.Handler {
	return getOnly(func(*http.Request) (int, any) {
		if !c.started.Load() {
			return http.StatusServiceUnavailable, map[string]Status{"status": "STARTING"}
		}
		return http.StatusOK, map[string]Status{"status": StatusUp}
	})
}

// getOnly answers GET and HEAD with JSON that nobody may cache.
func getOnly(answer func(*http.Request) (int, any)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD are allowed here", http.StatusMethodNotAllowed)
			return
		}
		status, body := answer(r)
		raw, err := json.Marshal(body)
		if err != nil { // plain structs and maps; can't happen
			status, raw = http.StatusInternalServerError, []byte(`{"status":"DEGRADED"}`)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_, _ = w.Write(append(raw, '\n')) // the reader may be gone
	})
}
