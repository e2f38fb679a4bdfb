package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/web"
)

// shop is a handler behind the admission, of which every answer takes a second
// and a stream lasts until the test ends.
type shop struct {
	t *testing.T
	h http.Handler
}

func newShop(t *testing.T) shop {
	t.Helper()
	a, err := newAdmission()
	if err != nil {
		t.Fatal(err)
	}
	return shop{t, a.handler(a.action(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/stream") {
			<-r.Context().Done()
			return
		}
		time.Sleep(time.Second)
	})))}
}

func (s shop) get(ctx context.Context, account, path string) *httptest.ResponseRecorder {
	return s.send(ctx, account, http.MethodGet, path)
}

func (s shop) send(ctx context.Context, account, method, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil).WithContext(auth.WithUser(ctx, auth.User{ID: account}))
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	return w
}

// TestRequestsOfOneAccountDoNotDelayOthers: one account asks 100 times more than
// there are places, and 40 others ask now and then.
func TestRequestsOfOneAccountDoNotDelayOthers(t *testing.T) {
	for _, what := range []string{
		"GET /", "GET /cart", "GET /returns/7", "GET /orders/7/payment", "GET /admin/orders",
		"GET /api/admin/returns", "GET /order-history", "GET /admin/reconciliation.csv", "POST /add_to_cart",
		"POST /account/password", "POST /admin/products", "POST /api/returns/estimate",
	} {
		method, path, _ := strings.Cut(what, " ")
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t)
				var over atomic.Bool
				var served, refused atomic.Int64
				var attack, honest sync.WaitGroup
				for range 100 * pagesAtOnce() {
					attack.Go(func() {
						for !over.Load() {
							switch w := s.send(t.Context(), "mallory", method, path); w.Code {
							case http.StatusOK:
								served.Add(1)
							case http.StatusTooManyRequests:
								refused.Add(1)
								time.Sleep(time.Second)
							default:
								t.Errorf("the attack is answered %d", w.Code)
							}
						}
					})
				}
				synctest.Wait()
				for i := range 40 {
					honest.Go(func() {
						time.Sleep(time.Duration(i) * 500 * time.Millisecond)
						begun := time.Now()
						w := s.send(t.Context(), fmt.Sprint("honest", i), method, path)
						if w.Code != http.StatusOK {
							t.Errorf("an honest request is answered %d: %s", w.Code, w.Body)
						}
						if took := time.Since(begun); took > 3*time.Second {
							t.Errorf("an honest request took %v", took)
						}
					})
				}
				honest.Wait()
				over.Store(true)
				attack.Wait()
				if served.Load() == 0 || refused.Load() == 0 {
					t.Errorf("of the attack %d were served and %d refused", served.Load(), refused.Load())
				}
			})
		})
	}
}

// TestWhoReadsSlowlyHoldsNoPlace: a turn is over with the first byte of the answer, of a page and
// of what an action is answered.
func TestWhoReadsSlowlyHoldsNoPlace(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		t.Run(method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, err := newAdmission()
				if err != nil {
					t.Fatal(err)
				}
				read := make(chan struct{})
				s := shop{t, a.handler(a.action(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(http.StatusBadRequest)
					<-read // as Write waits for a reader
				})))}
				var all sync.WaitGroup
				for _, account := range []string{"mallory", "bob"} {
					for range 2 * (actionsAtOnce + actionsOfAccount) {
						all.Go(func() {
							w := s.send(t.Context(), account, method, "/account/password")
							if w.Code != http.StatusBadRequest {
								t.Errorf("answered %d", w.Code)
							}
						})
						synctest.Wait()
					}
				}
				close(read)
				all.Wait()
			})
		})
	}
}

// TestAPageThatAnswersAFormIsAdmittedAsAPage: taking photos in is bounded elsewhere, what shows the
// form again is a page.
func TestAPageThatAnswersAFormIsAdmittedAsAPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, err := newAdmission()
		if err != nil {
			t.Fatal(err)
		}
		s := shop{t, a.page(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Second) }))}
		var refused atomic.Int64
		var all sync.WaitGroup
		for range 10 * pagesAtOnce() {
			all.Go(func() {
				w := s.send(t.Context(), "mallory", http.MethodPost, "/returns/request")
				if w.Code == http.StatusTooManyRequests {
					refused.Add(1)
				}
			})
		}
		synctest.Wait()
		begun := time.Now()
		if w := s.send(t.Context(), "ada", http.MethodPost, "/returns/request"); w.Code != http.StatusOK ||
			time.Since(begun) > 3*time.Second {
			t.Errorf("another account is answered %d after %v", w.Code, time.Since(begun))
		}
		all.Wait()
		if refused.Load() == 0 {
			t.Error("none was refused")
		}
	})
}

// TestAnAccountAloneUsesThePlaces: a share binds only while others ask.
func TestAnAccountAloneUsesThePlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		begun := time.Now()
		var all sync.WaitGroup
		for range pagesAtOnce() - 1 {
			all.Go(func() { s.get(t.Context(), "ada", "/admin/orders") })
		}
		all.Wait()
		if took := time.Since(begun); took != time.Second {
			t.Errorf("%d at once took %v, want as long as one", pagesAtOnce()-1, took)
		}
	})
}

// TestRefusalsSayWhatToDo: in JSON for programs, as a page for people.
func TestRefusalsSayWhatToDo(t *testing.T) {
	for path, want := range map[string][]string{
		"/api/orders":       {"application/json; charset=utf-8", `"code":"BUSY"`, "sending many requests at once"},
		"/admin/orders?q=x": {"text/html; charset=utf-8", "<h1>System is busy</h1>", "sending many requests at once"},
	} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t)
				var all sync.WaitGroup
				for range pagesAtOnce() - 1 + pagesOfAccount {
					all.Go(func() { s.get(t.Context(), "mallory", path) })
				}
				synctest.Wait()
				w := s.get(t.Context(), "mallory", path)
				if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "2" ||
					w.Header().Get("Content-Type") != want[0] {
					t.Errorf("answered %d, %v", w.Code, w.Header())
				}
				for _, words := range want[1:] {
					if !strings.Contains(w.Body.String(), words) {
						t.Errorf("%s has no %s", w.Body, words)
					}
				}
				all.Wait()
			})
		})
	}
}

// TestWhenAllAskTheWaitIsBounded: what can't be served soon is refused.
func TestWhenAllAskTheWaitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		var mu sync.Mutex
		var statuses []int
		var all sync.WaitGroup
		for i := range 30 * pagesAtOnce() {
			all.Go(func() {
				w := s.get(t.Context(), fmt.Sprint(i), "/returns")
				mu.Lock()
				defer mu.Unlock()
				statuses = append(statuses, w.Code)
			})
		}
		begun := time.Now()
		all.Wait()
		if took := time.Since(begun); took > admissionWait+2*time.Second {
			t.Errorf("the last was answered after %v", took)
		}
		slices.Sort(statuses)
		if got := slices.Compact(statuses); !slices.Equal(got, []int{200, 503}) {
			t.Errorf("answered %v, want 200 and 503", got)
		}
	})
}

// TestStreamsAreBounded is half of fault S20: 500 streams of one account.
func TestStreamsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		ctx, leave := context.WithCancel(t.Context())
		const path = "/admin/dashboard/stream"
		var refused atomic.Int64
		var all sync.WaitGroup
		open := func(account string, n int) {
			for range n {
				all.Go(func() {
					if w := s.get(ctx, account, path); w.Code != http.StatusOK {
						refused.Add(1)
					}
				})
			}
			synctest.Wait()
		}
		open("mallory", 500)
		if got := refused.Load(); got != 500-streamsOfAccount {
			t.Errorf("%d of 500 streams are refused, want %d", got, 500-streamsOfAccount)
		}
		open("ada", 2)
		if got := refused.Load(); got != 500-streamsOfAccount {
			t.Errorf("another account's streams are refused")
		}
		for i := range streamsAtOnce / streamsOfAccount {
			open(fmt.Sprint("staff", i), streamsOfAccount)
		}
		if w := s.get(ctx, "bob", path); w.Code != http.StatusServiceUnavailable {
			t.Errorf("one more than there may be is answered %d", w.Code)
		}
		leave()
		all.Wait()
		ctx, leave = context.WithCancel(t.Context())
		open("mallory", 1)
		leave()
		all.Wait()
		if w := s.get(t.Context(), "mallory", "/"); w.Code != http.StatusOK {
			t.Errorf("a page is answered %d", w.Code)
		}
	})
}

// BenchmarkAdmission shows what a turn costs where nobody waits.
func BenchmarkAdmission(b *testing.B) {
	a, err := newAdmission()
	if err != nil {
		b.Fatal(err)
	}
	h := a.handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for name, path := range map[string]string{"page": "/admin/orders", "stream": "/notifications/stream"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				r := httptest.NewRequest(http.MethodGet, path, nil)
				r = r.WithContext(auth.WithUser(r.Context(), auth.User{ID: fmt.Sprint(&r)}))
				w := httptest.NewRecorder()
				for pb.Next() {
					h.ServeHTTP(w, r)
				}
			})
		})
	}
}

// TestAHeadRequestIsAdmittedAsAGet: it runs the same handler.
func TestAHeadRequestIsAdmittedAsAGet(t *testing.T) {
	a, err := newAdmission()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"/admin/orders", "/admin/reconciliation.csv", "/admin/dashboard/stream", "/api/orders",
		"/notifications/stream", "/admin/operations/7/file",
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if enter, _ := a.of(httptest.NewRequest(method, path, nil)); enter == nil {
				t.Errorf("%s %s passes unseen", method, path)
			}
		}
	}
}

// TestWhatLastsLongTakesNoPlaceOfSearches: streams and downloads have places of their own, and
// each kind its own, so that open pages keep no dashboard from its stream.
func TestWhatLastsLongTakesNoPlaceOfSearches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, err := newAdmission()
		if err != nil {
			t.Fatal(err)
		}
		inside, leave := context.WithCancel(t.Context())
		h := a.handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if web.IsStream(r) {
				<-inside.Done()
			}
		}))
		get := func(account, path string) int {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r.WithContext(auth.WithUser(t.Context(), auth.User{ID: account})))
			return w.Code
		}
		var open sync.WaitGroup
		for path, n := range map[string]int{
			"/notifications/stream": streamsOfAccount, "/admin/dashboard/stream": streamsOfAccount,
			"/admin/operations/7/file": exportsOfAccount,
		} {
			for range n {
				open.Go(func() {
					if code := get("ada", path); code != http.StatusOK {
						t.Errorf("%s is answered %d", path, code)
					}
				})
			}
		}
		synctest.Wait()
		for range pagesAtOnce() {
			if code := get("ada", "/admin/orders"); code != http.StatusOK {
				t.Errorf("a search while all streams are open is answered %d", code)
			}
		}
		for _, path := range []string{"/notifications/stream", "/admin/dashboard/stream"} {
			if code := get("ada", path); code != http.StatusTooManyRequests {
				t.Errorf("one more of %s is answered %d", path, code)
			}
		}
		leave()
		open.Wait()
	})
}
