package throttlehttp_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/returnkit/returnkit/throttle"
	"github.com/returnkit/returnkit/throttle/throttlehttp"
)

var hello = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })

// get sends a request to a handler and prints the answer.
func get(h http.Handler) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	fmt.Println(w.Code, strings.TrimSpace(w.Body.String()))
	return w
}

// The common case: one limit, shared fairly among addresses.
func Example() {
	limit, err := throttlehttp.New(throttlehttp.Config{Limit: throttle.Limit{Count: 2, Per: time.Minute, Burst: 2}})
	if err != nil {
		log.Fatal(err)
	}
	h := limit.Handler(hello)
	get(h)
	get(h)
	fmt.Println("retry after", get(h).Header().Get("Retry-After"), "s")
	// Output:
	// 200 hello
	// 200 hello
	// 429 Too many requests. Try again later.
	// retry after 30 s
}

func ExampleNew() {
	_, err := throttlehttp.New(throttlehttp.Config{Limit: throttle.PerSecond(100, 20), Name: "a b"})
	fmt.Println(err)
	// Output: throttlehttp: Config.Name is "a b", allowed are 1 to 64 of letters, digits, dots, dashes, underscores
}

// Each user has a limit, told in the X-RateLimit fields.
func ExampleMiddleware() {
	limiter, err := throttle.NewKeyed(throttle.Limit{Count: 60, Per: time.Hour, Burst: 60}, 10_000)
	if err != nil {
		log.Fatal(err)
	}
	guard, err := throttle.NewGuard(throttle.GuardConfig{Limiter: limiter, OnFailure: throttle.FailClosed})
	if err != nil {
		log.Fatal(err)
	}
	limit, err := throttlehttp.New(throttlehttp.Config{Guard: guard, Headers: throttlehttp.HeadersX})
	if err != nil {
		log.Fatal(err)
	}
	h := get(limit.Handler(hello)).Header()
	fmt.Println(h.Get("X-RateLimit-Limit"), h.Get("X-RateLimit-Remaining"), h.Get("X-RateLimit-Reset"))
	// Output:
	// 200 hello
	// 60 59 60
}

func ExampleMiddleware_Handler() {
	var zero throttlehttp.Middleware
	get(zero.Handler(hello))
	// Output: 503 This throttlehttp.Middleware is a zero value: make one with New.
}

func ExampleMiddleware_SetLimit() {
	limit, err := throttlehttp.New(throttlehttp.Config{Limit: throttle.PerSecond(10, 5)})
	if err != nil {
		log.Fatal(err)
	}
	if err := limit.SetLimit(throttle.PerSecond(50, 10)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(get(limit.Handler(hello)).Header().Get("RateLimit-Policy"))
	// Output:
	// 200 hello
	// "default";q=50;w=1
}

// A handler that finds nothing to do gives the unit back itself.
func ExampleFromContext() {
	limit, err := throttlehttp.New(throttlehttp.Config{Limit: throttle.Limit{Count: 1, Per: time.Hour, Burst: 2}})
	if err != nil {
		log.Fatal(err)
	}
	h := limit.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if v, ok := throttlehttp.FromContext(r.Context()); ok {
			fmt.Fprint(w, v.Result, ", ", v.Decision.Remaining, " remain")
			_ = v.GiveBack(r.Context())
		}
	}))
	get(h)
	get(h)
	// Output:
	// 200 admitted, 1 remain
	// 200 admitted, 1 remain
}

func ExampleClientErrors() {
	fmt.Println(throttlehttp.ClientErrors(http.StatusBadRequest), throttlehttp.ClientErrors(http.StatusOK))
	// Output: true false
}

// One report at a time, nobody waits: the second is refused at once.
func ExampleQueue() {
	queue, err := throttle.NewQueue(throttle.QueueConfig{Name: "reports", Concurrency: 1})
	if err != nil {
		log.Fatal(err)
	}
	var h http.Handler
	h = throttlehttp.Queue(queue, nil, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		get(h) // while the first runs
	}))
	get(h)
	// Output:
	// 429 Too many requests. Try again later.
	// 200
}

func ExampleNewBody() {
	_, err := throttlehttp.NewBody(throttlehttp.BodyConfig{})
	fmt.Println(err)
	// Output: throttlehttp: BodyConfig.MaxBytes is 0, allowed is 1 or more
}

// The handler gets bodies that are whole, small, and came in time.
func ExampleBody_Handler() {
	body, err := throttlehttp.NewBody(throttlehttp.BodyConfig{MaxBytes: 5})
	if err != nil {
		log.Fatal(err)
	}
	h := body.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	for _, text := range []string{"small", "too large"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(text)))
		fmt.Println(w.Code, strings.TrimSpace(w.Body.String()))
	}
	fmt.Println("being read:", body.Reading())
	// Output:
	// 200 small
	// 413 The request is too large.
	// being read: 0
}

// A client that keeps to the limit of the server it calls.
func ExampleTransport() {
	server := httptest.NewServer(hello)
	defer server.Close()
	limiter, err := throttle.NewKeyed(throttle.Limit{Count: 1, Per: time.Hour, Burst: 1}, 100)
	if err != nil {
		log.Fatal(err)
	}
	transport, err := throttlehttp.NewTransport(throttlehttp.TransportConfig{
		Limiter: limiter, MaxWait: time.Second, Key: func(*http.Request) string { return "provider" },
	})
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		r, err := http.NewRequest(http.MethodGet, server.URL, nil)
		if err != nil {
			log.Fatal(err)
		}
		resp, err := transport.RoundTrip(r)
		if err != nil {
			fmt.Println(strings.Split(err.Error(), " in ")[0])
			continue
		}
		fmt.Println(resp.Status)
		_ = resp.Body.Close()
	}
	// Output:
	// 200 OK
	// throttlehttp: request to "provider" not sent: its turn comes
}

func ExampleNewTransport() {
	_, err := throttlehttp.NewTransport(throttlehttp.TransportConfig{})
	fmt.Println(err)
	// Output: throttlehttp: TransportConfig.Limiter is nil: set the limiter that decides
}

func ExampleWaitError() {
	fmt.Println(&throttlehttp.WaitError{Key: "provider", Wait: time.Minute})
	// Output: throttlehttp: request to "provider" not sent: its turn comes in 1m0s, after its time
}

// The user's own key, or that of the address for those not signed in. What a
// client writes into X-Forwarded-For counts only behind our own proxy.
func ExampleFirstKey() {
	proxies, err := throttlehttp.ParseProxies("10.0.0.0/8")
	if err != nil {
		log.Fatal(err)
	}
	key := throttlehttp.FirstKey(
		throttlehttp.UserKey(func(r *http.Request) string { return r.PathValue("session-user") }),
		throttlehttp.AddressKey(proxies),
	)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("X-Forwarded-For", "1.2.3.4, 203.0.113.9")
	for _, remote := range []string{"10.1.1.1:5000", "198.51.100.7:5000", "[2001:db8::1]:5000"} {
		r.RemoteAddr = remote
		fmt.Println(key(r))
	}
	r.SetPathValue("session-user", "ann")
	fmt.Println(key(r))
	// Output:
	// addr:203.0.113.9 true
	// addr:198.51.100.7 true
	// addr:2001:db8::/64 true
	// user:ann true
}

func ExampleFixedKey() {
	fmt.Println(throttlehttp.FixedKey("checkout")(httptest.NewRequest(http.MethodGet, "/", nil)))
	// Output: checkout true
}

func ExampleUserKey() {
	key := throttlehttp.UserKey(func(*http.Request) string { return "" }) // nobody is signed in
	_, ok := key(httptest.NewRequest(http.MethodGet, "/", nil))
	fmt.Println(ok)
	// Output: false
}

func ExampleAddressKey() {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "[2001:db8:1:2:3:4:5:6]:443"
	fmt.Println(throttlehttp.AddressKey(throttlehttp.Proxies{})(r))
	// Output: addr:2001:db8:1:2::/64 true
}

func ExampleParseProxies() {
	_, err := throttlehttp.ParseProxies("10.0.0.0/8, proxy.local")
	fmt.Println(err)
	// Output: throttlehttp: trusted proxy "proxy.local", allowed is an IP address or a network such as 10.0.0.0/8
}

func ExampleProxies_Client() {
	proxies, err := throttlehttp.ParseProxies("10.0.0.0/8")
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "10.1.1.1:5000"
	r.Header.Set("X-Forwarded-For", "6.6.6.6, 203.0.113.9") // the first is the client's own invention
	fmt.Println(proxies.Client(r))
	// Output: 203.0.113.9 true
}
