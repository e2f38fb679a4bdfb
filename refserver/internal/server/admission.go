package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/web"
	"github.com/returnkit/returnkit/returns/budget"
)

// How much of what is dear runs at a time.
const (
	pagesOfAccount   = 16 // that wait
	actionsAtOnce    = 64
	actionsOfAccount = 256 // that wait: a program may send hundreds at once
	exportsAtOnce    = 8
	exportsOfAccount = 2 // at a time, and as many that wait
	streamsAtOnce    = 512
	streamsOfAccount = 8    // browser tabs
	noticesAtOnce    = 4096 // streams that every page has
	admissionWait    = 10 * time.Second
	comeBack         = 2 * time.Second
)

// pagesAtOnce is how many pages, lists and searches are read at a time: enough to
// keep the database busy.
func pagesAtOnce() int { return max(16, 4*runtime.GOMAXPROCS(0)) }

// admission gives each account its turn at what takes time: pages and documents, what forms
// and programs do, exports, and streams; streams of notices have places of their own.
// An account that asks alone may use all places but one;
// where several ask, those who were served least come first, so that one with
// many requests does not delay those with few. What can't be served soon is
// refused in words, with status 429 where the account itself asks for too much
// and 503 where all do.
type admission struct {
	pages, actions, exports *budget.Budget
	streams, notices        counter
	wait                    time.Duration
}

func newAdmission() (*admission, error) {
	pages, err := places(pagesAtOnce(), pagesOfAccount)
	if err != nil {
		return nil, fmt.Errorf("server: places of pages: %w", err)
	}
	actions, err := places(actionsAtOnce, actionsOfAccount)
	if err != nil {
		return nil, fmt.Errorf("server: places of actions: %w", err)
	}
	exports, err := budget.New(budget.Config{
		Bytes: exportsAtOnce, Places: exportsAtOnce, KeyPlaces: exportsOfAccount, KeyQueue: exportsOfAccount,
	})
	if err != nil {
		return nil, fmt.Errorf("server: places of exports: %w", err)
	}
	return &admission{
		pages: pages, actions: actions, exports: exports, wait: admissionWait,
		streams: counter{all: streamsAtOnce, each: streamsOfAccount, byKey: map[string]int{}},
		notices: counter{all: noticesAtOnce, each: streamsOfAccount, byKey: map[string]int{}},
	}, nil
}

// places is a budget of n places (an account may use all but one), and as many more as may
// wait.
func places(n, waiting int) (*budget.Budget, error) {
	return budget.New(budget.Config{Bytes: int64(n), Places: n, KeyBytes: int64(n), KeyQueue: waiting})
}

// enter asks for a turn of an account, and returns how to end it.
type enter func(ctx context.Context, account string) (leave func(), err error)

// handler is next behind the admission. It stands behind the session; who is not
// signed in asks for none of this.
func (a *admission) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		enter, whole := a.of(r)
		admit(w, r, next, enter, whole)
	})
}

// page is next in the turn of a page, whatever the method: for the pages that answer a refused
// form.
func (a *admission) page(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		admit(w, r, next, a.turn(a.pages), false)
	})
}

// action is next in the turn of an action. The body must be there: one that is sent slowly
// would keep the place. A checkout has had its turn, see app.CheckoutGuard.
func (a *admission) action(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		enter := a.turn(a.actions)
		if reads(r) || r.URL.Path == "/checkout" {
			enter = nil
		}
		admit(w, r, next, enter, false)
	})
}

// admit serves r by next in the turn of its account, where there is one to wait for. The turn
// ends with the first byte of the answer, since a reader may take its time, but for a whole one,
// which is made while it is read.
func admit(w http.ResponseWriter, r *http.Request, next http.Handler, enter enter, whole bool) {
	caller := auth.CallerOf(r.Context())
	if caller == "" || enter == nil {
		next.ServeHTTP(w, r)
		return
	}
	leave, err := enter(r.Context(), caller)
	if err != nil {
		refuse(w, r, err)
		return
	}
	defer leave()
	if !whole {
		w = &untilAnswered{w, leave}
	}
	next.ServeHTTP(w, r)
}

// untilAnswered ends a turn with the first byte of the answer.
type untilAnswered struct {
	http.ResponseWriter
	leave func()
}

// Unwrap returns the writer beneath, for http.ResponseController.
func (w *untilAnswered) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *untilAnswered) WriteHeader(status int) {
	w.leave()
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *untilAnswered) Write(b []byte) (int, error) {
	w.leave()
	return w.ResponseWriter.Write(b)
}

// reads reports whether a request is one that shows something. HEAD runs what a GET runs.
func reads(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// of is how a request is admitted, nil for one that is not admitted here; whole is whether its
// turn lasts until all of the answer is written.
func (a *admission) of(r *http.Request) (enter enter, whole bool) {
	switch web.StreamOf(r) {
	case web.Dashboard:
		return a.streams.enter, true
	case web.Notices:
		return a.notices.enter, true
	case web.Download:
		return a.turn(a.exports), true
	}
	switch {
	case !reads(r):
		return nil, false
	case isExport(r.URL.Path):
		return a.turn(a.exports), true
	case looksUp(r.URL.Path):
		return a.turn(a.actions), false
	}
	return a.turn(a.pages), false
}

func isExport(path string) bool {
	return strings.HasSuffix(path, ".csv") || strings.Contains(path, "/export")
}

// looksUp reports whether the page at the path waits for the payment provider, which may take
// its time.
func looksUp(path string) bool {
	return strings.HasPrefix(path, "/orders/") && strings.HasSuffix(path, "/payment") ||
		strings.Contains(path, "/reconciliation")
}

// turn admits to one of the places of b, after a wait that is bounded.
func (a *admission) turn(b *budget.Budget) enter {
	return func(ctx context.Context, account string) (func(), error) {
		ctx, cancel := context.WithTimeout(ctx, a.wait)
		defer cancel()
		return b.Acquire(ctx, account, 1)
	}
}

// counter bounds what is open at a time, in all and of each key.
type counter struct {
	all, each int

	mu    sync.Mutex
	open  int
	byKey map[string]int
}

func (c *counter) enter(_ context.Context, key string) (leave func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey[key] >= c.each {
		return nil, errStreams
	}
	if c.open >= c.all {
		return nil, errAllStreams
	}
	c.open++
	c.byKey[key]++
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.open--
		if c.byKey[key]--; c.byKey[key] == 0 {
			delete(c.byKey, key)
		}
	}), nil
}

var (
	errStreams    = errors.New("the account has the most streams open that it may have")
	errAllStreams = errors.New("the most streams are open that there may be")
)

// refuse answers what was not admitted.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := problem.Problem{
		Status: http.StatusServiceUnavailable, Code: "BUSY", RetryAfter: comeBack,
		Message: "Many people are in the shop right now. Wait a moment, then try again.",
	}
	switch {
	case errors.Is(err, budget.ErrBusy):
		p.Status = http.StatusTooManyRequests
		p.Message = "Your account is sending many requests at once. Wait until they are answered, then try again."
	case errors.Is(err, errStreams):
		p.Status = http.StatusTooManyRequests
		p.Message = "The shop is open in too many windows of your account. Close some, then try again."
	case errors.Is(err, errAllStreams):
		p.Message = "The shop is open in too many windows. Reload the page to see what is new."
	case errors.Is(err, context.Canceled):
		return // nobody waits for an answer
	}
	p.Refuse(w, r)
}
