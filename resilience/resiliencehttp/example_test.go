package resiliencehttp_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/returnkit/returnkit/resilience"
	"github.com/returnkit/returnkit/resilience/resiliencehttp"
)

// short are waits for examples; in production leave Backoff out.
var short = resilience.Backoff{Initial: time.Millisecond, Jitter: resilience.Spread(0)}

// unsteady returns a server that answers 503 to the first requests.
func unsteady(failures int) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if failures--; failures >= 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "succeeded")
	}))
}

// fetch makes a GET request and prints the answer.
func fetch(client *http.Client, url string) {
	resp, err := client.Get(url)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(resp.StatusCode, string(body), err)
}

// One Transport for the payment provider, under an http.Client of its own. The
// two answers of 503 are retried, since a GET may be repeated.
func ExampleNew() {
	server := unsteady(2)
	defer server.Close()
	transport, err := resiliencehttp.New(resiliencehttp.Config{
		Name:    "payments",
		Timeout: 5 * time.Second,
		Retry:   resilience.RetryConfig{Attempts: 3, Backoff: short},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: transport}
	fetch(client, server.URL)
	// Output: 200 succeeded <nil>
}

// A POST is sent once, unless it has an idempotency key.
func ExampleTransport() {
	server := unsteady(2)
	defer server.Close()
	transport, err := resiliencehttp.New(resiliencehttp.Config{
		Name: "payments", Retry: resilience.RetryConfig{Backoff: short},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: transport}
	for _, key := range []string{"", "refund-17"} {
		req, err := http.NewRequest(http.MethodPost, server.URL, strings.NewReader("amount=500"))
		if err != nil {
			fmt.Println(err)
			return
		}
		if key != "" {
			req.Header.Set("Idempotency-Key", key)
		}
		resp, err := client.Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = resp.Body.Close()
		fmt.Printf("key %q: %d\n", key, resp.StatusCode)
	}
	// Output:
	// key "": 503
	// key "refund-17": 200
}

// What an error of a request can be.
func ExampleTransport_RoundTrip() {
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	}))
	defer hang.Close()
	transport, err := resiliencehttp.New(resiliencehttp.Config{
		Name:    "payments",
		Timeout: 10 * time.Millisecond,
		Retry:   resilience.RetryConfig{Attempts: 1},
		Breaker: resilience.Config{ConsecutiveFailures: 1},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: transport}
	for range 2 {
		_, err := client.Get(hang.URL)
		var late *resilience.TimeoutError
		switch {
		case errors.Is(err, resilience.ErrOpen):
			fmt.Println("not sent: the breaker is open")
		case errors.As(err, &late):
			fmt.Println("no answer within", late.After)
		}
	}
	// Output:
	// no answer within 10ms
	// not sent: the breaker is open
}

// A health page shows the breakers of the hosts that were called.
func ExampleTransport_Breakers() {
	transport, err := resiliencehttp.New(resiliencehttp.Config{
		Name: "webhooks",
		Base: fixed(http.StatusOK),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: transport}
	fetch(client, "https://one.example/hook")
	fetch(client, "https://two.example:8443/hook")
	for _, b := range transport.Breakers() {
		fmt.Println(b.Name(), b.State())
	}
	// Output:
	// 200  <nil>
	// 200  <nil>
	// webhooks two.example:8443 closed
	// webhooks one.example:443 closed
}

// fixed is a base transport for examples and tests.
type fixed int

func (f fixed) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: int(f), Body: http.NoBody, Header: http.Header{}}, nil
}

// Counters without a library for metrics: any will do.
func ExampleConfig() {
	server := unsteady(1)
	defer server.Close()
	attempts, retries := map[int]int{}, 0
	transport, err := resiliencehttp.New(resiliencehttp.Config{
		Name: "payments",
		Retry: resilience.RetryConfig{
			Backoff: short,
			OnRetry: func(context.Context, resilience.RetryEvent) { retries++ },
		},
		OnAttempt: func(_ context.Context, a resiliencehttp.Attempt) { attempts[a.Status]++ },
		OnBreaker: func(b *resilience.Breaker) {
			b.Subscribe(func(c resilience.Change) { fmt.Println(c.Name, "is", c.To) })
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fetch(&http.Client{Transport: transport}, server.URL)
	fmt.Println(attempts, "retries:", retries)
	// Output:
	// 200 succeeded <nil>
	// map[200:1 503:1] retries: 1
}

func ExampleConfig_Validate() {
	fmt.Println(resiliencehttp.Config{Name: "payments", MaxHosts: 1_000_000}.Validate())
	// Output: resiliencehttp: transport "payments": Config.MaxHosts is 1000000, allowed is 1 to 10000
}

// A line of a log for each attempt.
func ExampleAttempt() {
	transport, err := resiliencehttp.New(resiliencehttp.Config{
		Name:  "payments",
		Base:  fixed(http.StatusBadGateway),
		Retry: resilience.RetryConfig{Attempts: 2, Backoff: short},
		OnAttempt: func(_ context.Context, a resiliencehttp.Attempt) {
			fmt.Printf("%s %s %s: attempt %d, status %d\n", a.Name, a.Method, a.Host, a.Number, a.Status)
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fetch(&http.Client{Transport: transport}, "https://bank.example/refunds/17")
	// Output:
	// payments GET bank.example:443: attempt 1, status 502
	// payments GET bank.example:443: attempt 2, status 502
	// 502  <nil>
}

func ExampleEffectOf() {
	for _, method := range []string{"GET", "PUT", "POST"} {
		fmt.Println(method, resiliencehttp.EffectOf(&http.Request{Method: method}))
	}
	keyed := &http.Request{Method: "POST", Header: http.Header{"Idempotency-Key": {"refund-17"}}}
	fmt.Println("POST with a key", resiliencehttp.EffectOf(keyed))
	// Output:
	// GET idempotent
	// PUT idempotent
	// POST once
	// POST with a key idempotent
}

func ExampleClassifyStatus() {
	for _, status := range []int{200, 404, 429, 503} {
		class := resiliencehttp.ClassifyStatus(status)
		fmt.Println(status, class.Outcome, "retry:", class.Retry)
	}
	// Output:
	// 200 success retry: false
	// 404 success retry: false
	// 429 neutral retry: true
	// 503 failure retry: true
}

// A service that answers 404 for a short while after it has created something.
func ExampleClass() {
	transport, err := resiliencehttp.New(resiliencehttp.Config{
		Name:  "search",
		Base:  fixed(http.StatusNotFound),
		Retry: resilience.RetryConfig{Backoff: short},
		Classify: func(resp *http.Response) resiliencehttp.Class {
			class := resiliencehttp.ClassifyStatus(resp.StatusCode)
			class.Retry = class.Retry || resp.StatusCode == http.StatusNotFound
			return class
		},
		OnGiveUp: func(_ context.Context, e *resilience.GaveUpError) { fmt.Println(e) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fetch(&http.Client{Transport: transport}, "https://search.example/17")
	// Output:
	// search: gave up after attempt 3 (all attempts made): HTTP status 404 Not Found
	// 404  <nil>
}

func ExampleRetryableError() {
	fmt.Println(resiliencehttp.RetryableError(errors.New("connection reset by peer")))
	fmt.Println(resiliencehttp.RetryableError(&tls.CertificateVerificationError{}))
	// Output:
	// true
	// false
}

// OnRetry sees the status of a response that is dropped.
func ExampleStatusError() {
	transport, err := resiliencehttp.New(resiliencehttp.Config{
		Name: "payments",
		Base: fixed(http.StatusTooManyRequests),
		Retry: resilience.RetryConfig{Attempts: 2, Backoff: short,
			OnRetry: func(_ context.Context, e resilience.RetryEvent) {
				var status *resiliencehttp.StatusError
				if errors.As(e.Err, &status) {
					fmt.Println("status", status.Status, "next in", e.Wait)
				}
			}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fetch(&http.Client{Transport: transport}, "https://bank.example/")
	// Output:
	// status 429 next in 1ms
	// 429  <nil>
}
