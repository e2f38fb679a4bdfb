package throttlehttp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/throttle"
)

// limiterFunc is a limiter for tests.
type limiterFunc func(ctx context.Context, key string, cost int64) (throttle.Decision, error)

func (f limiterFunc) Take(ctx context.Context, key string, cost int64) (throttle.Decision, error) {
	return f(ctx, key, cost)
}
func (limiterFunc) Limit() throttle.Limit { return throttle.PerSecond(10, 5) }

var errLost = errors.New("connection to the store lost")

func must[T any](tb testing.TB) func(T, error) T {
	return func(v T, err error) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

func single(tb testing.TB, l throttle.Limit) *throttle.Single {
	return must[*throttle.Single](tb)(throttle.NewSingle(l))
}

func guard(tb testing.TB, cfg throttle.GuardConfig) *throttle.Guard {
	return must[*throttle.Guard](tb)(throttle.NewGuard(cfg))
}

func handler(tb testing.TB, cfg Config, next http.Handler) http.Handler {
	tb.Helper()
	return must[*Middleware](tb)(New(cfg)).Handler(next)
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
	g := guard(t, throttle.GuardConfig{
		Limiter: single(t, throttle.Limit{Count: 1, Per: time.Hour, Burst: 2}), OnFailure: throttle.FailClosed,
	})
	h := handler(t, Config{
		Guard: g, Name: "checkout", Key: FixedKey("checkout"),
		Refused: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, "System is busy")
		}),
	}, okHandler)
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
	layer := func(policy string, burst int64, next http.Handler) http.Handler {
		g := guard(t, throttle.GuardConfig{Limiter: single(t, throttle.PerSecond(1, burst)),
			OnFailure: throttle.FailOpen})
		return handler(t, Config{Guard: g, Name: policy, Key: FixedKey("")}, next)
	}
	w := serve(layer("all", 9, layer("user", 3, okHandler)), nil)
	if got := strings.Join(w.Header().Values("RateLimit"), ", "); got != `"all";r=8;t=1, "user";r=2;t=1` {
		t.Errorf("RateLimit is %q", got)
	}
}

func TestMiddlewareAnswersWithoutALimiter(t *testing.T) {
	lost := limiterFunc(func(context.Context, string, int64) (throttle.Decision, error) {
		return throttle.Decision{}, errLost
	})
	for _, tt := range []struct {
		mode   throttle.FailMode
		status int
		retry  string
	}{{throttle.FailOpen, 200, ""}, {throttle.FailClosed, 503, "1"}} {
		h := handler(t, Config{
			Guard: guard(t, throttle.GuardConfig{Limiter: lost, OnFailure: tt.mode}), Name: "p", Key: FixedKey(""),
		}, okHandler)
		w := serve(h, nil)
		if w.Code != tt.status || w.Header().Get("Retry-After") != tt.retry || w.Header().Get("RateLimit") != "" {
			t.Errorf("%v: %d, %v", tt.mode, w.Code, w.Header())
		}
	}
}

func TestMiddlewareVariants(t *testing.T) {
	tight := func(recordOnly bool) *throttle.Guard {
		l := must[*throttle.Keyed](t)(throttle.NewKeyed(throttle.PerSecond(1, 1), 100))
		return guard(t, throttle.GuardConfig{Limiter: l, OnFailure: throttle.FailOpen, RecordOnly: recordOnly})
	}
	t.Run("record-only refuses nobody and says nothing", func(t *testing.T) {
		h := handler(t, Config{Guard: tight(true), Name: "p", Key: FixedKey("")}, okHandler)
		for range 3 {
			if w := serve(h, nil); w.Code != 200 || len(w.Header().Values("RateLimit")) != 0 {
				t.Errorf("%d, %v", w.Code, w.Header())
			}
		}
	})
	t.Run("hidden fields are not sent, Retry-After is", func(t *testing.T) {
		h := handler(t, Config{Guard: tight(false), Name: "p", Key: FixedKey(""), Headers: HeadersNone}, okHandler)
		serve(h, nil)
		w := serve(h, nil)
		if w.Code != 429 || w.Header().Get("Retry-After") != "1" ||
			w.Header().Get("RateLimit")+w.Header().Get("RateLimit-Policy") != "" {
			t.Errorf("%d, %v", w.Code, w.Header())
		}
	})
	t.Run("a cost that can never pass has no Retry-After", func(t *testing.T) {
		h := handler(t, Config{Guard: tight(false), Name: "p", Key: FixedKey(""),
			Cost: func(*http.Request) int64 { return 2 }}, okHandler)
		if w := serve(h, nil); w.Code != 429 || w.Header().Get("Retry-After") != "" {
			t.Errorf("%d, %v", w.Code, w.Header())
		}
	})
	t.Run("keys are counted apart, requests without one together", func(t *testing.T) {
		user := UserKey(func(r *http.Request) string { return r.Header.Get("User") })
		h := handler(t, Config{Guard: tight(false), Name: "p", Key: user}, okHandler)
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

func TestConfigIsChecked(t *testing.T) {
	g := guard(t, throttle.GuardConfig{Limiter: single(t, throttle.PerSecond(1, 1)), OnFailure: throttle.FailOpen})
	limit := throttle.PerSecond(10, 5)
	for _, tt := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, "either Limit or Guard"},
		{Config{Guard: g, Limit: limit}, "either Limit or Guard"},
		{Config{Guard: new(throttle.Guard)}, "zero value"},
		{Config{Limit: throttle.PerSecond(0, 1)}, "Count is 0"},
		{Config{Limit: limit, MaxKeys: -1}, "MaxKeys is -1"},
		{Config{Guard: g, Name: `a"b`}, "Config.Name"},
		{Config{Guard: g, Name: "a\nb"}, "Config.Name"},
		{Config{Guard: g, Headers: 3}, "Config.Headers is 3"},
	} {
		if _, err := New(tt.cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want it to say %q", err, tt.want)
		}
	}
}

func TestZeroValuesRefuseAndNameTheirConstructor(t *testing.T) {
	for name, h := range map[string]http.Handler{
		"New": new(Middleware).Handler(okHandler), "NewBody": new(Body).Handler(okHandler),
	} {
		if w := serve(h, nil); w.Code != 503 || !strings.Contains(w.Body.String(), "make one with "+name+".") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if w := serve(Queue(new(throttle.Queue), nil, okHandler), nil); w.Code != 503 {
		t.Errorf("a zero queue: %d", w.Code)
	}
	if err := new(Middleware).SetLimit(throttle.PerSecond(1, 1)); err == nil {
		t.Error("a zero middleware takes a limit")
	}
	r := httptest.NewRequest("GET", "http://example.com/", nil)
	if _, err := new(Transport).RoundTrip(r); err == nil ||
		!strings.Contains(err.Error(), "make one with NewTransport") {
		t.Errorf("a zero transport: %v", err)
	}
	if _, ok := FromContext(t.Context()); ok {
		t.Error("a context without a request has a reservation")
	}
}

// TestTheCommonCase: addresses share one limit, and one of them cannot take it.
func TestTheCommonCase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := must[*Middleware](t)(New(Config{Limit: throttle.PerSecond(10, 4)}))
		h := m.Handler(okHandler)
		from := func(addr string) int {
			return serve(h, func(r *http.Request) { r.RemoteAddr = addr + ":1" }).Code
		}
		from("192.0.2.2")
		refused := 0
		for range 100 {
			if from("192.0.2.1") == 429 {
				refused++
			}
		}
		if refused < 80 {
			t.Errorf("%d of 100 greedy requests were refused", refused)
		}
		if got := from("192.0.2.2"); got != 200 {
			t.Errorf("beside a greedy one: %d", got)
		}
		if err := m.SetLimit(throttle.PerSecond(1000, 500)); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if got := from("192.0.2.2"); got != 200 {
				t.Errorf("after the limit was raised: %d", got)
			}
		}
		w := serve(h, nil)
		if got := w.Header().Get("RateLimit-Policy"); got != `"default";q=1000;w=1` {
			t.Errorf("the policy after the change is %q", got)
		}
	})
}

func TestARequestThatDidNothingGivesItsUnitBack(t *testing.T) {
	l := single(t, throttle.Limit{Count: 1, Per: time.Hour, Burst: 1})
	status := 0
	h := handler(t, Config{
		Guard:    guard(t, throttle.GuardConfig{Limiter: l, OnFailure: throttle.FailClosed}),
		GiveBack: ClientErrors,
	}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if v, ok := FromContext(r.Context()); !ok || v.Result != throttle.Admitted {
			t.Errorf("the handler finds %+v, %v", v, ok)
		}
		switch status {
		case 0:
			_, _ = io.WriteString(w, "written without a status")
		case -1:
			panic(http.ErrAbortHandler)
		case 1:
			_ = http.NewResponseController(w).Flush()
			w.WriteHeader(400) // too late
		default:
			w.WriteHeader(status)
		}
	}))
	for _, tt := range []struct {
		status int
		back   bool
	}{{400, true}, {429, true}, {200, false}, {303, false}, {500, false}, {0, false}, {-1, false}, {1, false}} {
		status = tt.status
		func() {
			defer func() { _ = recover() }()
			serve(h, nil)
		}()
		d, err := l.Take(t.Context(), "", 0)
		if back := d.Remaining == 1; back != tt.back || err != nil {
			t.Errorf("an answer of %d: %+v, %v", tt.status, d, err)
		}
		_ = l.Restore(t.Context(), "", 1)
	}
}

func TestXRateLimitFieldsByChoice(t *testing.T) {
	h := handler(t, Config{
		Guard: guard(t, throttle.GuardConfig{
			Limiter: single(t, throttle.Limit{Count: 1, Per: time.Hour, Burst: 2}), OnFailure: throttle.FailClosed,
		}),
		Headers: HeadersX,
	}, okHandler)
	w := serve(h, nil)
	for field, want := range map[string]string{
		"X-RateLimit-Limit": "2", "X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "3600", "RateLimit": "",
	} {
		if got := w.Header().Get(field); got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
}

func TestAShedRequestTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := single(t, throttle.Limit{Count: 1, Per: time.Hour, Burst: 10})
		q := must[*throttle.Queue](t)(throttle.NewQueue(throttle.QueueConfig{
			Name: "q", Concurrency: 1, MaxWait: time.Second,
		}))
		words := func(text string) http.Handler { return plain(429, text) }
		h := handler(t, Config{
			Guard: guard(t, throttle.GuardConfig{Limiter: l, OnFailure: throttle.FailClosed}), Queue: q,
			Refused: words("refused"), Shed: words("shed"),
		}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("panic") {
				panic(http.ErrAbortHandler)
			}
			time.Sleep(1500 * time.Millisecond)
		}))
		serve(h, nil) // it knows now how long one takes
		go serve(h, nil)
		synctest.Wait()
		if w := serve(h, nil); w.Code != 429 || w.Body.String() != "shed" || w.Header().Get("Retry-After") != "2" {
			t.Errorf("beside another: %d %s, %v", w.Code, w.Body, w.Header())
		}
		if d, _ := l.Take(t.Context(), "", 0); d.Remaining != 8 {
			t.Errorf("%d remain, want 8: the shed one took nothing", d.Remaining)
		}
		time.Sleep(2 * time.Second)
		func() {
			defer func() { _ = recover() }()
			serve(h, func(r *http.Request) { r.URL.RawQuery = "panic" })
		}()
		if w := serve(h, nil); w.Code != 200 {
			t.Errorf("after a panic: %d", w.Code)
		}
		if s := q.Stats(); s.Running != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestPolicyFieldStatesTheRateInWholeSeconds(t *testing.T) {
	for _, tt := range []struct {
		limit throttle.Limit
		want  string
	}{
		{throttle.PerSecond(100, 5), `"p";q=100;w=1`},
		{throttle.PerSecond(7, 7), `"p";q=7;w=1`},
		{throttle.PerSecond(1, 10), `"p";q=10;w=10`},
		{throttle.Limit{Count: 10, Per: 100 * time.Millisecond, Burst: 1}, `"p";q=100;w=1`},
		{throttle.Limit{Count: 10, Per: 100 * time.Millisecond, Burst: 1000}, `"p";q=1000;w=10`},
		{throttle.Limit{Count: 1, Per: time.Minute, Burst: 3}, `"p";q=3;w=180`},
		{throttle.Limit{Count: 1_000_000_000, Per: time.Second, Burst: 1 << 50}, `"p";q=1125899906842624;w=1125900`},
	} {
		if got := policyField("p", tt.limit); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.limit, got, tt.want)
		}
	}
}
