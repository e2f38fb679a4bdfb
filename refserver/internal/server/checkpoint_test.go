package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
)

// script is a program that drives the shop over the contract, as that of the system we replace does:
// forms, a cookie, and no header of a browser.
type script struct {
	t              *testing.T
	base           string
	http           *http.Client
	name, password string
}

func newScript(t *testing.T, base string) *script {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &script{t: t, base: base, http: &http.Client{Jar: jar, Timeout: testreq.Patience(t)}}
}

// post sends a form, goes where it is sent on to, and returns the status, the text and what it is
// to wait.
func (s *script) post(path string, fields url.Values) (status int, text, retryAfter string) {
	return s.answer(s.http.PostForm(s.base+path, fields))
}

// answer reads an answer.
func (s *script) answer(res *http.Response, err error) (status int, text, retryAfter string) {
	if err != nil {
		s.t.Error(err)
		return 0, "", ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Error(err)
	}
	return res.StatusCode, string(body), res.Header.Get("Retry-After")
}

// patiently asks again while the shop sends it away, which a busy machine makes it do.
func (s *script) patiently(ask func() (int, string, string)) (status int, text string) {
	testreq.UntilEvery(s.t, 50*time.Millisecond, "a shop that is not busy", func() bool {
		status, text, _ = ask()
		return status != http.StatusTooManyRequests
	})
	return status, text
}

func (s *script) register(name, password string) {
	status, text := s.patiently(func() (int, string, string) {
		return s.post("/register", url.Values{
			"username": {name}, "email": {name + "@example.com"}, "password": {password},
		})
	})
	if status != http.StatusOK {
		s.t.Errorf("registering %s is answered %d %.200s", name, status, text)
	}
}

// signIn signs in unless the shop knows the session, which it says by the answer to its first page.
func (s *script) signIn() {
	once := *s.http
	once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	status, text := s.patiently(func() (int, string, string) { return s.answer(once.Get(s.base + "/")) })
	switch status {
	case http.StatusOK:
		return
	case http.StatusFound:
	default:
		s.t.Errorf("the first page is answered %d %.200s", status, text)
	}
	status, text = s.patiently(func() (int, string, string) {
		return s.post("/login", url.Values{"username": {s.name}, "password": {s.password}})
	})
	if status >= http.StatusBadRequest || strings.Contains(text, "Invalid username or password") {
		s.t.Errorf("signing in as %s is answered %d %.200s", s.name, status, text)
	}
}

// meaning is what the script takes the answer to a checkout for.
func meaning(status int, text, retryAfter string) string {
	wait, err := strconv.Atoi(retryAfter)
	switch {
	case status == http.StatusOK && strings.Contains(text, "queued for retry"):
		return "queued"
	case status == http.StatusOK:
		return "completed"
	case status == http.StatusTooManyRequests && strings.Contains(text, "System is busy") && err == nil && wait > 0:
		return "throttled"
	}
	return fmt.Sprintf("%d %.200s", status, text)
}

// runs fills the cart with one unit and checks out in cash, runs times in all, by as many sessions
// at once, each run after a delay, and counts what the answers mean. Where again is true, who is
// throttled sends the checkout again: a slow machine has no place for all of them at once.
func runs(t *testing.T, sessions []*script, runs int, delay time.Duration, product int, again bool) map[string]int {
	t.Helper()
	deadline := time.Now().Add(testreq.Patience(t))
	numbers, found := make(chan int, runs), map[string]int{}
	for i := range runs {
		numbers <- i
	}
	close(numbers)
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, s := range sessions {
		all.Go(func() {
			for range numbers {
				s.signIn()
				status, text, _ := s.post("/add_to_cart", url.Values{
					"product_id": {strconv.Itoa(product)}, "quantity": {"1"},
				})
				var cart struct {
					Message string
					Cart    struct{ Items []struct{ Quantity int } }
				}
				if status != http.StatusOK || json.Unmarshal([]byte(text), &cart) != nil || len(cart.Cart.Items) != 1 {
					t.Errorf("adding to the cart is answered %d %.200s", status, text)
				}
				for what := "throttled"; what == "throttled"; {
					what = meaning(s.post("/checkout", url.Values{"payment_method": {"Cash"}}))
					mu.Lock()
					found[what]++
					mu.Unlock()
					if !again || time.Now().After(deadline) {
						break
					}
				}
				if delay > 0 {
					<-time.NewTimer(delay).C
				}
			}
		})
	}
	all.Wait()
	return found
}

// TestTheCommandsOfTheSystemWeReplace sends what the two commands of its demo send: 1,000 runs by
// 250 sessions at once as fast as they go, of accounts of their own and of one account, and 30 runs
// by one session with 20 ms between them. A run begins with the page that says whether the session
// is known, and follows where the shop sends it on to. Every answer is one that their script
// understands, and the snapshot counts and times them under the names that it reads.
func TestTheCommandsOfTheSystemWeReplace(t *testing.T) {
	for name, tt := range map[string]struct {
		runs, sessions int
		delay          time.Duration
		own            bool // an account for each session
		limit          int
		may            []string
	}{
		"availability, a customer each": {1000, 250, 0, true, 100_000, []string{"completed", "queued"}},
		"availability, one account":     {1000, 250, 0, false, 100_000, []string{"completed", "queued"}},
		"performance":                   {30, 1, 20 * time.Millisecond, false, 1, []string{"completed", "throttled"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, fmt.Sprint("THROTTLING_MAX_RPS=", tt.limit))
			sessions := make([]*script, tt.sessions)
			var all sync.WaitGroup
			for i := range sessions {
				sessions[i] = newScript(t, b.url)
				s := sessions[i]
				s.name, s.password = "super_admin", "super_admin_92587"
				if tt.own {
					s.name, s.password = fmt.Sprint("buyer-", i), "correct horse"
					s.register(s.name, s.password)
				}
				all.Go(s.signIn)
			}
			all.Wait()
			if t.Failed() {
				return
			}
			found := runs(t, sessions, tt.runs, tt.delay, 2, tt.limit > 1)
			t.Log(found)
			known := 0
			for _, what := range tt.may {
				known += found[what]
			}
			if known != tt.runs || found["completed"] == 0 || tt.own && found["completed"] != tt.runs ||
				tt.limit == 1 && found["throttled"] == 0 {
				t.Errorf("answered %v, want %d of %q", found, tt.runs, tt.may)
			}
			hasCheckouts(t, b, "200", found["completed"]+found["queued"])
			hasCheckouts(t, b, "429", found["throttled"])
		})
	}
}

// hasCheckouts requires that the snapshot counts as many checkouts with the status.
func hasCheckouts(t *testing.T, b *bench, status string, want int) {
	t.Helper()
	var m struct {
		Counters map[string][]struct {
			Labels map[string]string
			Value  float64
		}
		Histograms map[string][]struct {
			Labels map[string]string
			Stats  struct{ Count, Avg, Max, P95 *float64 }
		}
	}
	a := b.signIn().get("/admin/metrics").want(t, http.StatusOK)
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatal(err)
	}
	got := 0
	for _, c := range m.Counters["http_requests_total"] {
		if c.Labels["endpoint"] == "/checkout" && c.Labels["method"] == "POST" && c.Labels["status"] == status {
			got += int(c.Value)
		}
	}
	timed := 0
	for _, h := range m.Histograms["http_request_latency_ms"] {
		if h.Labels["endpoint"] != "/checkout" || h.Labels["method"] != "POST" || h.Labels["status"] != status {
			continue
		}
		if h.Stats.Count == nil || h.Stats.Avg == nil || h.Stats.Max == nil || h.Stats.P95 == nil {
			t.Fatalf("the time of checkouts has no count, avg, max or p95: %s", a.body)
		}
		timed += int(*h.Stats.Count)
	}
	if got != want || timed != want {
		t.Errorf("%d checkouts are counted and %d timed with status %s, want %d", got, timed, status, want)
	}
	for _, h := range m.Histograms["order_processing_latency_ms"] {
		if h.Stats.Count == nil || h.Stats.P95 == nil {
			t.Errorf("the time of orders has no count or p95: %s", a.body)
		}
	}
	if len(m.Histograms["order_processing_latency_ms"]) == 0 {
		t.Error("no order is timed")
	}
}
