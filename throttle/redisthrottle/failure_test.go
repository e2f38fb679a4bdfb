package redisthrottle_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/returnkit/returnkit/internal/redistest"
	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/throttle"
	"github.com/returnkit/returnkit/throttle/redisthrottle"
	"github.com/returnkit/returnkit/throttle/throttlehttp"
)

const budget = 15 * time.Millisecond

// slack measures, until the returned function is called, how late a busy machine
// wakes goroutines; that tells how long a budget may take, and half a second more.
func slack(t *testing.T) func() time.Duration {
	t.Helper()
	stop, worst := make(chan struct{}), make(chan time.Duration)
	go func() {
		var late time.Duration
		for {
			start := time.Now()
			select {
			case <-stop:
				worst <- late
				return
			case <-time.After(budget):
				late = max(late, time.Since(start)-budget)
			}
		}
	}()
	return sync.OnceValue(func() time.Duration {
		close(stop)
		return 3*<-worst + time.Second/2
	})
}

// TestRedisKilledInTheMiddle has requests come through a shop's middleware while
// Redis dies and comes back. The fail mode alone says what they get.
func TestRedisKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		mode throttle.FailMode
		down throttle.Result
		code int
	}{
		{throttle.FailOpen, throttle.FailedOpen, http.StatusOK},
		{throttle.FailClosed, throttle.FailedClosed, http.StatusServiceUnavailable},
	} {
		t.Run(tt.mode.String(), func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			var results sync.Map // throttle.Result -> *atomic.Int64
			count := func(r throttle.Result) *atomic.Int64 {
				n, _ := results.LoadOrStore(r, new(atomic.Int64))
				return n.(*atomic.Int64)
			}
			guard, err := throttle.NewGuard(throttle.GuardConfig{
				Limiter:   newLimiter(t, dial(t, server.URL()), throttle.PerSecond(100, 1000)),
				OnFailure: tt.mode,
				Budget:    budget,
				Observe:   func(v throttle.Verdict) { count(v.Result).Add(1) },
			})
			if err != nil {
				t.Fatal(err)
			}
			limit, err := throttlehttp.New(throttlehttp.Config{Guard: guard, Key: throttlehttp.FixedKey("checkout")})
			if err != nil {
				t.Fatal(err)
			}
			h := limit.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))

			stop, late := make(chan struct{}), slack(t)
			var wg sync.WaitGroup
			var worst atomic.Int64
			for range 16 {
				wg.Go(func() {
					tick := time.NewTicker(time.Millisecond)
					defer tick.Stop()
					for {
						select {
						case <-stop:
							return
						case <-tick.C:
						}
						w := httptest.NewRecorder()
						start := time.Now()
						h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/checkout", nil))
						raise(&worst, int64(time.Since(start)))
						checkAnswer(t, w, tt.code)
					}
				})
			}
			await(t, "decisions", func() bool { return count(throttle.Admitted).Load() > 50 })
			server.Kill()
			await(t, "failures", func() bool { return count(tt.down).Load() > 50 })
			server.Restart(t)
			before := count(throttle.Admitted).Load()
			await(t, "decisions again", func() bool { return count(throttle.Admitted).Load() > before+50 })
			close(stop)
			wg.Wait()
			if d := time.Duration(worst.Load()); d > budget+late() {
				t.Errorf("a request took %v with a budget of %v", d, budget)
			}
			for _, r := range []throttle.Result{throttle.FailedOpen, throttle.FailedClosed, throttle.Canceled,
				throttle.RefusedCost} {
				if n := count(r).Load(); r != tt.down && n > 0 {
					t.Errorf("%d verdicts were %s", n, r)
				}
			}
		})
	}
}

// checkAnswer wants an answer that a limit gives, or the one without a Redis, and
// no word on why.
func checkAnswer(t *testing.T, w *httptest.ResponseRecorder, without int) {
	t.Helper()
	if w.Code != http.StatusOK && w.Code != http.StatusTooManyRequests && w.Code != without {
		t.Errorf("a request got %d", w.Code)
	}
	for _, word := range []string{"redis", "connect", "deadline"} {
		if strings.Contains(strings.ToLower(w.Body.String()), word) {
			t.Errorf("a request was answered %q", w.Body)
		}
	}
}

// TestARedisThatDoesNotAnswer holds the time budget, and the bound on those who
// wait.
func TestARedisThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	// A client that does not give the silent connection up for long.
	opt, err := rueidis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	opt.AlwaysPipelining, opt.DisableCache = true, true
	opt.ConnWriteTimeout, opt.Dialer.KeepAlive = 10*time.Minute, 10*time.Minute
	client, err := rueidis.NewClient(opt)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	l := newLimiter(t, client, throttle.PerSecond(1_000_000, 1_000_000))
	if err := client.Do(t.Context(), client.B().ClientPause().Timeout(600_000).All().Build()).Error(); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), budget)
	defer cancel()
	start, late := time.Now(), slack(t)
	_, err = l.Take(ctx, "a", 1)
	if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took > budget+late() {
		t.Errorf("a decision: %v after %v", err, took)
	}
	await(t, "nothing in flight", func() bool { return l.InFlight() == 0 })

	patient, leave := context.WithCancel(t.Context())
	defer leave()
	var wg sync.WaitGroup
	for range redisthrottle.MaxInFlight {
		wg.Go(func() {
			if _, err := l.Take(patient, "a", 1); !errors.Is(err, context.Canceled) {
				t.Errorf("one who left: %v", err)
			}
		})
	}
	await(t, "all places taken", func() bool { return l.InFlight() == redisthrottle.MaxInFlight })
	if _, err := l.Take(t.Context(), "a", 1); !errors.Is(err, redisthrottle.ErrBusy) {
		t.Errorf("one too many: %v", err)
	}
	leave()
	wg.Wait() // they leave though Redis is as silent as before
	server.Kill()
	await(t, "nothing in flight", func() bool { return l.InFlight() == 0 })
	server.Restart(t)
	await(t, "an answer", func() bool { d, err := l.Take(t.Context(), "a", 1); return err == nil && d.Allowed })
}

// TestAServerThatAcceptsAndSaysNothing is the worst there can be at the other
// end: the connection stands, the first word never comes.
func TestAServerThatAcceptsAndSaysNothing(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Skipf("a Unix socket in the test's folder: %v", err)
	}
	defer listener.Close()
	go func() {
		for {
			if _, err := listener.Accept(); err != nil {
				return
			}
		}
	}()
	l := newLimiter(t, dial(t, "unix://"+listener.Addr().String()), throttle.PerSecond(1, 1))
	late := slack(t)
	took := make([]time.Duration, 50)
	var wg sync.WaitGroup
	for i := range took {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), budget)
			defer cancel()
			start := time.Now()
			if _, err := l.Take(ctx, "a", 1); err == nil {
				t.Error("a decision of a server that says nothing")
			}
			took[i] = time.Since(start)
		})
	}
	wg.Wait()
	if d := slices.Max(took); d > budget+late() {
		t.Errorf("a decision took %v with a budget of %v", d, budget)
	}
}

// TestAShopMayStartBeforeItsRedis dials first and starts the server then.
func TestAShopMayStartBeforeItsRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	server.Kill()
	l := newLimiter(t, dial(t, server.URL()), throttle.PerSecond(1, 1))
	if _, err := l.Take(t.Context(), "a", 1); err == nil {
		t.Error("a decision without a Redis")
	}
	server.Restart(t)
	await(t, "an answer", func() bool { _, err := l.Take(t.Context(), "a", 1); return err == nil })
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	testreq.Until(t, what, done)
}

func raise(v *atomic.Int64, to int64) {
	for {
		have := v.Load()
		if have >= to || v.CompareAndSwap(have, to) {
			return
		}
	}
}
