package observability

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func ok(context.Context) error { return nil }

func bad(context.Context) error { return errors.New("dial tcp 10.0.0.7:5432: refused") }

func newTestChecker(t *testing.T, c CheckerConfig, components ...Component) *Checker {
	t.Helper()
	checker, err := NewChecker(c, components...)
	if err != nil {
		t.Fatal(err)
	}
	return checker
}

// ask returns the status code and body of a health handler.
func ask(h http.Handler) (int, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/health", nil))
	return w.Code, w.Body.String()
}

func TestHealthByComponent(t *testing.T) {
	tests := []struct {
		name          string
		database, psp func(context.Context) error
		code          int
		status        Status
		words         map[string]Status
	}{
		{"all up", ok, ok, 200, StatusUp, map[string]Status{"database": StatusUp, "payments": StatusUp}},
		{
			"the breaker is open",
			ok,
			bad,
			200,
			StatusDegraded,
			map[string]Status{"database": StatusUp, "payments": StatusDown},
		},
		{
			"the database is dead",
			bad,
			ok,
			503,
			StatusDegraded,
			map[string]Status{"database": StatusDown, "payments": StatusUp},
		},
		{
			"a check panics",
			func(context.Context) error { panic("x") },
			ok,
			503,
			StatusDegraded,
			map[string]Status{"database": StatusDown},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newTestChecker(t, CheckerConfig{}, Component{Name: "database", Check: tt.database, Critical: true},
				Component{Name: "payments", Check: tt.psp})
			code, body := ask(c.Handler())
			var got Report
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatal(err)
			}
			if code != tt.code || got.Status != tt.status {
				t.Errorf("%d %s, want %d %s", code, body, tt.code, tt.status)
			}
			for name, want := range tt.words {
				if got.Components[name].Status != want {
					t.Errorf("%s is %s, want %s", name, got.Components[name].Status, want)
				}
			}
			if strings.Contains(body, "10.0.0.7") {
				t.Errorf("the cause shows: %s", body)
			}
		})
	}
}

// A database that stops answering, and whose check ignores its context, turns
// readiness off in under two seconds; no check waits long, none pile up.
func TestAHangingDatabaseTurnsReadinessOffInTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dead atomic.Bool
		var calls atomic.Int32
		revive := make(chan struct{})
		type change struct {
			name string
			up   bool
		}
		var changes []change
		c := newTestChecker(
			t,
			CheckerConfig{
				OnChange: func(name string, err error) { changes = append(changes, change{name, err == nil}) },
			},
			Component{Name: "database", Critical: true, Check: func(context.Context) error {
				calls.Add(1)
				if dead.Load() {
					<-revive
				}
				return nil
			}},
		)
		c.SetStarted()
		if code, body := ask(c.ReadyHandler()); code != 200 {
			t.Fatalf("at first: %d %s", code, body)
		}
		dead.Store(true)
		died := time.Now()
		for {
			asked := time.Now()
			code, _ := ask(c.ReadyHandler())
			if d := time.Since(asked); d > 1400*time.Millisecond {
				t.Fatalf("the answer took %v", d)
			}
			if code == 503 {
				break
			}
			if time.Since(died) > 10*time.Second {
				t.Fatal("still ready after ten seconds")
			}
			time.Sleep(50 * time.Millisecond) // in the bubble
		}
		if d := time.Since(died); d >= 2*time.Second {
			t.Errorf("off after %v, want under 2s", d)
		}
		before := calls.Load()
		for range 100 {
			asked := time.Now()
			if code, _ := ask(c.ReadyHandler()); code != 503 {
				t.Fatal("ready while the check hangs")
			}
			if d := time.Since(asked); d > 0 {
				t.Fatalf("a check that hangs was waited for again, %v", d)
			}
		}
		if calls.Load() != before {
			t.Errorf("%d more checks were started while one hangs", calls.Load()-before)
		}
		time.Sleep(time.Minute)
		if r := c.Report(t.Context()).Components["database"]; r.LastSuccessAge == nil || *r.LastSuccessAge < 60 ||
			r.Reason != "timeout" {
			t.Errorf("report = %+v", r)
		}
		dead.Store(false)
		close(revive)
		synctest.Wait()
		if code, body := ask(c.ReadyHandler()); code != 200 {
			t.Errorf("after it came back: %d %s", code, body)
		}
		if want := []change{{"database", true}, {"database", false}, {"database", true}}; len(changes) != 3 ||
			changes[1] != want[1] ||
			changes[2] != want[2] {
			t.Errorf("changes = %v, want %v", changes, want)
		}
	})
}

func TestChecksRunTogetherAndAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		slow := func(context.Context) error {
			calls.Add(1)
			time.Sleep(300 * time.Millisecond)
			return nil
		}
		c := newTestChecker(t, CheckerConfig{}, Component{Name: "a", Check: slow}, Component{Name: "b", Check: slow})
		start := time.Now()
		done := make(chan Report)
		for range 20 {
			go func() { done <- c.Report(t.Context()) }()
		}
		for range 20 {
			r := <-done
			if a := r.Components["a"]; a.Status != StatusUp || a.LatencyMS != 300 || *a.LastSuccessAge != 0 {
				t.Errorf("a = %+v", a)
			}
		}
		if d := time.Since(start); d != 300*time.Millisecond {
			t.Errorf("two checks of 300ms, run for twenty callers, took %v", d)
		}
		c.Report(t.Context())
		if n := calls.Load(); n != 2 {
			t.Errorf("%d checks, want 1 of each", n)
		}
		time.Sleep(500 * time.Millisecond)
		if r := c.Report(t.Context()); calls.Load() != 4 || r.Status != StatusUp {
			t.Errorf("after MaxAge: %d checks, %+v", calls.Load(), r)
		}
	})
}

func TestACheckOutlivesTheOneWhoAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestChecker(t, CheckerConfig{}, Component{Name: "a", Check: func(ctx context.Context) error {
			select {
			case <-time.After(200 * time.Millisecond):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if a := c.Report(ctx).Components["a"]; a.Status != StatusDown || a.Reason != "timeout" {
			t.Errorf("no time to find out: %+v", a)
		}
		if a := c.Report(t.Context()).Components["a"]; a.Status != StatusUp || a.LatencyMS != 200 {
			t.Errorf("a = %+v", a)
		}
	})
}

func TestLivenessReadinessAndStartUpAreApart(t *testing.T) {
	c := newTestChecker(t, CheckerConfig{}, Component{Name: "database", Check: ok, Critical: true})
	steps := []struct {
		name                 string
		do                   func()
		live, startup, ready int
		reason               string
	}{
		{"starting", func() {}, 200, 503, 503, `"reason":"starting"`},
		{"started", c.SetStarted, 200, 200, 200, `"status":"UP"`},
		{"draining", c.SetDraining, 200, 200, 503, `"reason":"draining"`},
	}
	for _, s := range steps {
		s.do()
		live, _ := ask(c.LiveHandler())
		startup, _ := ask(c.StartupHandler())
		ready, body := ask(c.ReadyHandler())
		if live != s.live || startup != s.startup || ready != s.ready || !strings.Contains(body, s.reason) {
			t.Errorf("%s: live %d, startup %d, ready %d %s", s.name, live, startup, ready, body)
		}
	}
}

func TestHealthTakesNoPost(t *testing.T) {
	c := newTestChecker(t, CheckerConfig{})
	w := httptest.NewRecorder()
	c.Handler().ServeHTTP(w, httptest.NewRequest("POST", "/health", nil))
	if w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("%d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestCheckerConfigErrorsNameTheComponent(t *testing.T) {
	for name, components := range map[string][]Component{
		"no name":     {{Check: ok}},
		"no check":    {{Name: "a"}},
		"taken":       {{Name: "a", Check: ok}, {Name: "a", Check: ok}},
		"too slow":    {{Name: "a", Check: ok, Timeout: 1500 * time.Millisecond}},
		"in the past": {{Name: "a", Check: ok, Timeout: -1}},
	} {
		if _, err := NewChecker(CheckerConfig{}, components...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := NewChecker(CheckerConfig{MaxAge: time.Second}); err == nil {
		t.Error("MaxAge of 1s: no error")
	}
}

func TestACheckMaySayWhyAndThatItWorksSomehow(t *testing.T) {
	cause := errors.New("write /var/lib/db: no space left on device")
	for name, tt := range map[string]struct {
		err    error
		status Status
		reason string
		code   int
	}{
		"down, with a reason": {&HealthError{Reason: "disk full", Err: cause}, StatusDown, "disk full", 503},
		"slow":                {&HealthError{Reason: "slow", Degraded: true}, StatusDegraded, "slow", 200},
		"wrapped": {
			errors.Join(errors.New("x"), &HealthError{Reason: "slow", Degraded: true}), StatusDegraded, "slow", 200,
		},
		"down, nothing said": {cause, StatusDown, "failed", 503},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTestChecker(t, CheckerConfig{}, Component{
				Name: "database", Critical: true, Check: func(context.Context) error { return tt.err },
			})
			c.SetStarted()
			for _, h := range []http.Handler{c.Handler(), c.ReadyHandler()} {
				code, body := ask(h)
				shown := strings.Contains(body, "/var/lib")
				if code != tt.code || !strings.Contains(body, `"status":"DEGRADED"`) || shown {
					t.Errorf("%d %s, want %d", code, body, tt.code)
				}
			}
			got := c.Report(t.Context()).Components["database"]
			if got.Status != tt.status || got.Reason != tt.reason {
				t.Errorf("%s (%s), want %s (%s)", got.Status, got.Reason, tt.status, tt.reason)
			}
		})
	}
}

func TestEachChangeOfAStatusIsReportedOnce(t *testing.T) {
	var now error
	var seen []string
	at := time.Now()
	c := newTestChecker(t, CheckerConfig{
		Now: func() time.Time { return at },
		OnChange: func(_ string, err error) {
			status, reason := statusOf(err)
			seen = append(seen, string(status)+" "+reason)
		},
	}, Component{Name: "database", Check: func(context.Context) error { return now }})
	for _, err := range []error{
		nil, nil, &HealthError{Reason: "slow", Degraded: true}, &HealthError{Reason: "slow", Degraded: true},
		&HealthError{Reason: "disk full"}, errors.New("x"), nil,
	} {
		now, at = err, at.Add(time.Second)
		c.Report(t.Context())
	}
	if got := strings.Join(seen, ", "); got != "UP , DEGRADED slow, DOWN disk full, UP " {
		t.Errorf("reported %s", got)
	}
}
