package idempotency_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/idempotency"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// bench is a handler behind the middleware, with a clock of its own.
type bench struct {
	t     *testing.T
	keys  *idempotency.Keys
	now   atomic.Int64
	runs  atomic.Int64
	inner func(http.ResponseWriter, *http.Request)
}

func newBench(t *testing.T, db *sqlstore.DB) *bench {
	t.Helper()
	sqlstoretest.Migrated(t, db, idempotency.Migrations())
	b := &bench{t: t}
	b.now.Store(time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC).UnixNano())
	b.keys = &idempotency.Keys{
		DB: db, Secret: []byte("secret"), Now: func() time.Time { return time.Unix(0, b.now.Load()) },
		Caller: func(r *http.Request) string { return r.Header.Get("X-User") },
		Fail: func(w http.ResponseWriter, _ *http.Request, err error) {
			p := problem.Of(err)
			http.Error(w, p.Code, p.Status)
		},
	}
	b.inner = func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/x")
		w.Header().Set("Set-Cookie", "secret=1")
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write(append([]byte("answer to "), body...))
	}
	return b
}

func (b *bench) send(user, key, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("X-User", user)
	if key != "" {
		r.Header.Set(idempotency.Header, key)
	}
	w := httptest.NewRecorder()
	b.keys.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.runs.Add(1)
		b.inner(w, r)
	})).ServeHTTP(w, r)
	return w
}

func (b *bench) want(w *httptest.ResponseRecorder, status int, body string, runs int64) {
	b.t.Helper()
	if w.Code != status || !strings.Contains(w.Body.String(), body) || b.runs.Load() != runs {
		b.t.Errorf("%d %q after %d runs; want %d %q after %d", w.Code, w.Body, b.runs.Load(), status, body, runs)
	}
}

func TestARequestIsCarriedOutOncePerKeyAndAnsweredAgain(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		b.want(b.send("ada", "k", "/refund", "10"), 202, "answer to 10", 1)
		again := b.send("ada", "k", "/refund", "10")
		b.want(again, 202, "answer to 10", 1)
		if again.Header().Get(idempotency.ReplayedHeader) != "true" || again.Header().Get("Content-Type") != "text/x" ||
			again.Header().Get("Set-Cookie") != "" {
			t.Errorf("the answer given again has the fields %v", again.Header())
		}
		b.want(b.send("ada", "k", "/refund", "11"), 409, "IDEMPOTENCY_MISMATCH", 1)
		b.want(b.send("ada", "k", "/other", "10"), 409, "IDEMPOTENCY_MISMATCH", 1)
		b.want(b.send("bob", "k", "/refund", "10"), 202, "answer to 10", 2)
		b.want(b.send("ada", "", "/refund", "10"), 202, "answer to 10", 3)
		b.want(b.send("", "k", "/refund", "10"), 202, "answer to 10", 4)
		b.want(b.send("ada", strings.Repeat("k", 201), "/refund", "10"), 400, "INVALID", 4)
		b.want(b.send("ada", "k\x01", "/refund", "10"), 400, "INVALID", 4)
	})
}

func TestAClockThatIsSetBackHoldsNoKey(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		answer := b.inner
		b.inner = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no outcome", 500) }
		b.want(b.send("ada", "k", "/refund", "10"), 500, "no outcome", 1)
		b.now.Add(-int64(time.Hour)) // what that try wrote is an hour ahead now
		b.inner = answer
		b.want(b.send("ada", "k", "/refund", "10"), 202, "answer to 10", 2)
	})
}

func TestARequestUnderWayIsRefusedAndManyAtOnceRunOnce(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		begun, release := make(chan struct{}), make(chan struct{})
		b.inner = func(w http.ResponseWriter, _ *http.Request) {
			close(begun)
			<-release
			_, _ = io.WriteString(w, "done")
		}
		var first *httptest.ResponseRecorder
		var group sync.WaitGroup
		group.Go(func() { first = b.send("ada", "k", "/refund", "10") })
		<-begun
		var others sync.WaitGroup
		for range 8 {
			others.Go(func() { b.want(b.send("ada", "k", "/refund", "10"), 409, "IN_FLIGHT", 1) })
		}
		others.Wait()
		close(release)
		group.Wait()
		b.want(first, 200, "done", 1)
		b.want(b.send("ada", "k", "/refund", "10"), 200, "done", 1)
	})
}

// form sends a form that holds the key in a field.
func (b *bench) form(user, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/refund", strings.NewReader(body))
	r.Header.Set("X-User", user)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	b.keys.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.runs.Add(1)
		b.inner(w, r)
	})).ServeHTTP(w, r)
	return w
}

func TestADoubleClickOnAFormIsOneRequestWithOneAnswer(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		begun, release := make(chan struct{}), make(chan struct{})
		b.inner = func(w http.ResponseWriter, r *http.Request) {
			close(begun)
			<-release
			http.Redirect(w, r, "/done?"+r.FormValue("method"), http.StatusFound)
		}
		const body = "method=card&Idempotency-Key=f1"
		var clicks sync.WaitGroup
		answers := make([]*httptest.ResponseRecorder, 4)
		clicks.Go(func() { answers[0] = b.form("ada", body) })
		<-begun
		for i := range answers[1:] {
			clicks.Go(func() { answers[i+1] = b.form("ada", body) })
		}
		b.want(b.form("ada", "method=cash&Idempotency-Key=f1"), 409, "IDEMPOTENCY_MISMATCH", 1)
		close(release)
		clicks.Wait()
		for _, a := range answers {
			b.want(a, 302, "", 1)
			if a.Header().Get("Location") != "/done?card" {
				t.Errorf("it leads to %q", a.Header().Get("Location"))
			}
		}
		b.inner = func(http.ResponseWriter, *http.Request) {}
		b.want(b.form("ada", "method=card"), 200, "", 2)
		b.want(b.form("ada", "%zz&Idempotency-Key="), 200, "", 3)
	})
}

func TestAnAnswerThatSaysNothingOfTheOutcomeIsNotKept(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		good := b.inner
		for i, status := range []int{500, 503, 429} {
			b.inner = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
			b.want(b.send("ada", "k", "/refund", "10"), status, "", int64(i+1))
		}
		b.inner = func(http.ResponseWriter, *http.Request) { panic("boom") }
		func() {
			defer func() { _ = recover() }()
			b.send("ada", "k", "/refund", "10")
		}()
		b.inner = good
		b.want(b.send("ada", "k", "/refund", "11"), 409, "IDEMPOTENCY_MISMATCH", 4)
		b.want(b.send("ada", "k", "/refund", "10"), 202, "answer to 10", 5)
		b.want(b.send("ada", "k", "/refund", "10"), 202, "answer to 10", 5)
	})
}

func TestACrashedTryIsTakenOverWhenItsLeaseHasRunOut(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		held := make(chan struct{})
		release := make(chan struct{})
		good := b.inner
		b.inner = func(http.ResponseWriter, *http.Request) { close(held); <-release }
		var frozen sync.WaitGroup
		frozen.Go(func() { b.send("ada", "k", "/refund", "10") })
		<-held
		b.inner = good
		b.now.Add(int64(3 * time.Minute))
		b.want(b.send("ada", "k", "/refund", "10"), 202, "answer to 10", 2)
		close(release)
		frozen.Wait() // it comes back late, and its answer is not kept
		b.want(b.send("ada", "k", "/refund", "10"), 202, "answer to 10", 2)

		b.now.Add(int64(49 * time.Hour))
		if n, err := b.keys.CleanUp(t.Context()); err != nil || n != 1 {
			t.Errorf("cleaned up %d, %v", n, err)
		}
		b.want(b.send("ada", "k", "/refund", "12"), 202, "answer to 12", 3)
	})
}
