package throttlehttp_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/throttle"
	"github.com/returnkit/returnkit/throttle/throttlehttp"
)

// TestOneAttackerTakesNothingFromFortyClients sends requests through the whole
// middleware in simulated time: 40 clients that each ask once a second, and one
// that asks at 100 times the limit. What it is answered makes no difference.
func TestOneAttackerTakesNothingFromFortyClients(t *testing.T) {
	const (
		limit   = 100 // a second, of which the honest ask for 40
		honest  = 40
		seconds = 15
	)
	for _, attack := range []struct {
		name     string
		status   int // of what passes
		giveBack func(int) bool
	}{
		{"with requests that cost", http.StatusOK, nil},
		{"with requests for nothing", http.StatusBadRequest, throttlehttp.ClientErrors},
	} {
		t.Run(attack.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, err := throttlehttp.New(throttlehttp.Config{
					Limit: throttle.PerSecond(limit, 5), MaxKeys: 1000, GiveBack: attack.giveBack,
					Key: throttlehttp.UserKey(func(r *http.Request) string { return r.Header.Get("X-Verified-User") }),
				})
				if err != nil {
					t.Fatal(err)
				}
				h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Header.Get("X-Verified-User") == "attacker" {
						w.WriteHeader(attack.status)
					}
				}))
				var asked, passed, taken atomic.Int64
				send := func(user string) int {
					r := httptest.NewRequest(http.MethodPost, "/checkout", nil)
					r.Header.Set("X-Verified-User", user)
					w := httptest.NewRecorder()
					h.ServeHTTP(w, r)
					return w.Code
				}
				begun := time.Now()
				var all sync.WaitGroup
				for i := range honest {
					all.Go(func() {
						rng := rand.New(rand.NewPCG(uint64(i), 7))
						for {
							time.Sleep(time.Duration(rng.ExpFloat64() * float64(time.Second)))
							if time.Since(begun) > seconds*time.Second {
								return
							}
							asked.Add(1)
							if send(fmt.Sprint("client ", i)) == http.StatusOK {
								passed.Add(1)
							}
						}
					})
				}
				all.Go(func() {
					for time.Since(begun) <= seconds*time.Second {
						if send("attacker") == attack.status {
							taken.Add(1)
						}
						time.Sleep(time.Second / (100 * limit))
					}
				})
				all.Wait()
				t.Logf("%d of %d honest requests passed; %d of the attack", passed.Load(), asked.Load(), taken.Load())
				if passed.Load()*100 < asked.Load()*95 {
					t.Errorf("%d of %d honest requests passed, want 95 %%", passed.Load(), asked.Load())
				}
			})
		})
	}
}
