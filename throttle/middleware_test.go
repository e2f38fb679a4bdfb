package throttle

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func mustMiddleware(tb testing.TB, cfg MiddlewareConfig) func(http.Handler) http.Handler {
	tb.Helper()
	mw, err := Middleware(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return mw
}

var okHandler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "done") })

func serve(h http.Handler, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/checkout", nil)
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestMiddlewareTellsClientsWhereTheyStand(t *testing.T) {
	g := mustGuard(t, GuardConfig{Limiter: mustSingle(t, Limit{Count: 1, Per: time.Hour, Burst: 2}), OnFailure: FailClosed})
	h := mustMiddleware(t, MiddlewareConfig{
		Guard: g, Policy: "checkout", Key: FixedKey("checkout"),
		Refused: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, "System is busy")
		}),
	})(okHandler)
	wants := []struct {
		status                  int
		body, rateLimit, policy string
		retryAfter              string
	}{
		{200, "done", `"checkout";r=1;t=3600`, `"checkout";q=2;w=7200`, ""},
		{200, "done", `"checkout";r=0;t=7200`, `"checkout";q=2;w=7200`, ""},
		{429, "System is busy", `"checkout";r=0;t=7200`, `"checkout";q=2;w=7200`, "3600"},
	}
	for i, want := range wants {
		w := serve(h, nil)
		if w.Code != want.status || w.Body.String() != want.body {
			t.Errorf("request %d: %d %q, want %d %q", i, w.Code, w.Body, want.status, want.body)
		}
		for field, value := range map[string]string{
			"RateLimit": want.rateLimit, "RateLimit-Policy": want.policy, "Retry-After": want.retryAfter,
		} {
			if got := w.Header().Get(field); got != value {
				t.Errorf("request %d: %s is %q, want %q", i, field, got, value)
			}
		}
	}
}

func TestMiddlewaresInARowEachAddTheirMember(t *testing.T) {
	layer := func(policy string, burst int64) func(http.Handler) http.Handler {
		g := mustGuard(t, GuardConfig{Limiter: mustSingle(t, PerSecond(1, burst)), OnFailure: FailOpen})
		return mustMiddleware(t, MiddlewareConfig{Guard: g, Policy: policy, Key: FixedKey("")})
	}
	w := serve(layer("all", 9)(layer("user", 3)(okHandler)), nil)
	if got := strings.Join(w.Header().Values("RateLimit"), ", "); got != `"all";r=8;t=1, "user";r=2;t=1` {
		t.Errorf("RateLimit is %q", got)
	}
}

func TestMiddlewareAnswersWithoutALimiter(t *testing.T) {
	lost := limiterFunc(func(context.Context, string, int64) (Decision, error) { return Decision{}, errLost })
	for _, tt := range []struct {
		mode   FailMode
		status int
		retry  string
	}{{FailOpen, 200, ""}, {FailClosed, 503, "1"}} {
		h := mustMiddleware(t, MiddlewareConfig{
			Guard: mustGuard(t, GuardConfig{Limiter: lost, OnFailure: tt.mode}), Policy: "p", Key: FixedKey(""),
		})(okHandler)
		w := serve(h, nil)
		if w.Code != tt.status || w.Header().Get("Retry-After") != tt.retry || w.Header().Get("RateLimit") != "" {
			t.Errorf("%v: %d, %v", tt.mode, w.Code, w.Header())
		}
	}
}

func TestMiddlewareVariants(t *testing.T) {
	tight := func(recordOnly bool) *Guard {
		return mustGuard(t, GuardConfig{Limiter: mustKeyed(t, PerSecond(1, 1), 100), OnFailure: FailOpen, RecordOnly: recordOnly})
	}
	t.Run("record-only refuses nobody and says nothing", func(t *testing.T) {
		h := mustMiddleware(t, MiddlewareConfig{Guard: tight(true), Policy: "p", Key: FixedKey("")})(okHandler)
		for range 3 {
			if w := serve(h, nil); w.Code != 200 || len(w.Header().Values("RateLimit")) != 0 {
				t.Errorf("%d, %v", w.Code, w.Header())
			}
		}
	})
	t.Run("hidden fields are not sent, Retry-After is", func(t *testing.T) {
		h := mustMiddleware(t, MiddlewareConfig{Guard: tight(false), Policy: "p", Key: FixedKey(""), HideFields: true})(okHandler)
		serve(h, nil)
		w := serve(h, nil)
		if w.Code != 429 || w.Header().Get("Retry-After") != "1" || w.Header().Get("RateLimit")+w.Header().Get("RateLimit-Policy") != "" {
			t.Errorf("%d, %v", w.Code, w.Header())
		}
	})
	t.Run("a cost that can never pass has no Retry-After", func(t *testing.T) {
		h := mustMiddleware(t, MiddlewareConfig{Guard: tight(false), Policy: "p", Key: FixedKey(""),
			Cost: func(*http.Request) int64 { return 2 }})(okHandler)
		if w := serve(h, nil); w.Code != 429 || w.Header().Get("Retry-After") != "" {
			t.Errorf("%d, %v", w.Code, w.Header())
		}
	})
	t.Run("keys are counted apart, requests without one together", func(t *testing.T) {
		user := UserKey(func(r *http.Request) string { return r.Header.Get("User") })
		h := mustMiddleware(t, MiddlewareConfig{Guard: tight(false), Policy: "p", Key: user})(okHandler)
		for _, tt := range []struct {
			user string
			want int
		}{{"ann", 200}, {"bob", 200}, {"ann", 429}, {"", 200}, {"", 429}} {
			if w := serve(h, func(r *http.Request) { r.Header.Set("User", tt.user) }); w.Code != tt.want {
				t.Errorf("user %q: %d, want %d", tt.user, w.Code, tt.want)
			}
		}
	})
}

func TestMiddlewareSettingsAreChecked(t *testing.T) {
	g := mustGuard(t, GuardConfig{Limiter: mustSingle(t, PerSecond(1, 1)), OnFailure: FailOpen})
	for _, cfg := range []MiddlewareConfig{
		{Policy: "p", Key: FixedKey("")},
		{Guard: g, Policy: "p"},
		{Guard: g, Key: FixedKey("")},
		{Guard: g, Key: FixedKey(""), Policy: `a"b`},
		{Guard: g, Key: FixedKey(""), Policy: "a\nb"},
	} {
		if _, err := Middleware(cfg); err == nil {
			t.Errorf("policy %q, guard %v: no error", cfg.Policy, cfg.Guard)
		}
	}
}

func TestPolicyFieldStatesTheRateInWholeSeconds(t *testing.T) {
	for _, tt := range []struct {
		limit Limit
		want  string
	}{
		{PerSecond(100, 5), `"p";q=100;w=1`},
		{PerSecond(7, 7), `"p";q=7;w=1`},
		{PerSecond(1, 10), `"p";q=10;w=10`},
		{Limit{10, 100 * time.Millisecond, 1}, `"p";q=100;w=1`},
		{Limit{10, 100 * time.Millisecond, 1000}, `"p";q=1000;w=10`},
		{Limit{1, time.Minute, 3}, `"p";q=3;w=180`},
		{Limit{1_000_000_000, time.Second, 1 << 50}, `"p";q=1125899906842624;w=1125900`},
	} {
		if got := PolicyField("p", tt.limit); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.limit, got, tt.want)
		}
	}
}
