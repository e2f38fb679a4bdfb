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
	searchesOfAccount = 16 // that wait
	exportsAtOnce     = 8
	exportsOfAccount  = 2 // at a time, and as many that wait
	streamsAtOnce     = 512
	streamsOfAccount  = 8    // browser tabs
	noticesAtOnce     = 4096 // streams that every page has
	admissionWait     = 10 * time.Second
	comeBack          = 2 * time.Second
)

// searchesAtOnce is how many lists and searches are read at a time: enough to
// keep the database busy.
func searchesAtOnce() int { return max(16, 4*runtime.GOMAXPROCS(0)) }

// admission gives each account its turn at what is dear: searches and lists,
// exports, and streams, where those of notices have places of their own.
// An account that asks alone may use all places but one;
// where several ask, those who were served least come first, so that one with
// many requests does not delay those with few. What can't be served soon is
// refused in words, with status 429 where the account itself asks for too much
// and 503 where all do.
type admission struct {
	searches, exports *budget.Budget
	streams, notices  counter
	wait              time.Duration
}

func newAdmission() (*admission, error) {
	searches, err := budget.New(budget.Config{
		Bytes: int64(searchesAtOnce()), Places: searchesAtOnce(), KeyBytes: int64(searchesAtOnce()),
		KeyQueue: searchesOfAccount,
	})
	if err != nil {
		return nil, fmt.Errorf("server: places of searches: %w", err)
	}
	exports, err := budget.New(budget.Config{
		Bytes: exportsAtOnce, Places: exportsAtOnce, KeyPlaces: exportsOfAccount, KeyQueue: exportsOfAccount,
	})
	if err != nil {
		return nil, fmt.Errorf("server: places of exports: %w", err)
	}
	return &admission{
		searches: searches, exports: exports, wait: admissionWait,
		streams: counter{all: streamsAtOnce, each: streamsOfAccount, byKey: map[string]int{}},
		notices: counter{all: noticesAtOnce, each: streamsOfAccount, byKey: map[string]int{}},
	}, nil
}

// handler is next behind the admission. It stands behind the session; who is not
// signed in asks for none of this.
func (a *admission) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, ok := auth.FromContext(r.Context())
		enter := a.of(r)
		if !ok || enter == nil {
			next.ServeHTTP(w, r)
			return
		}
		leave, err := enter(r.Context(), u.ID)
		if err != nil {
			refuse(w, r, err)
			return
		}
		defer leave()
		next.ServeHTTP(w, r)
	})
}

// of is how a request is admitted, nil for one that costs little.
func (a *admission) of(r *http.Request) func(context.Context, string) (func(), error) {
	switch web.StreamOf(r) {
	case web.Dashboard:
		return a.streams.enter
	case web.Notices:
		return a.notices.enter
	case web.Download:
		return a.places(a.exports)
	}
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead: // which runs what a GET runs
		return nil
	case isExport(r.URL.Path):
		return a.places(a.exports)
	case isSearch(r.URL.Path):
		return a.places(a.searches)
	}
	return nil
}

func isExport(path string) bool {
	return strings.HasSuffix(path, ".csv") || strings.Contains(path, "/export")
}

// isSearch reports whether the page or document at the path is read from many
// rows: all that staff see, and the lists of customers.
func isSearch(path string) bool {
	for _, prefix := range []string{"/admin/", "/api/admin/"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	switch path {
	case "/order-history", "/returns", "/api/orders", "/api/returns":
		return true
	}
	return false
}

// places admits to one of the places of b, after a wait that is bounded.
func (a *admission) places(b *budget.Budget) func(context.Context, string) (func(), error) {
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
	errStreams    = errors.New("the account has as many streams open as it may")
	errAllStreams = errors.New("as many streams are open as there may be")
)

// refuse answers what was not admitted.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := problem.Problem{
		Status: http.StatusServiceUnavailable, Code: "BUSY", RetryAfter: comeBack,
		Message: "Many people are searching right now. Wait a moment, then try again.",
	}
	switch {
	case errors.Is(err, budget.ErrBusy):
		p.Status = http.StatusTooManyRequests
		p.Message = "Your account is asking for much at once. Wait until that is answered, then try again."
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
