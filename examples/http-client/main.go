// Command http-client calls a bank that is not always well, through
// resiliencehttp.Transport: a look-up is retried, a refund only under its
// idempotency key, a long statement arrives whole, and an outage is noticed and
// ends.
//
// The bank is a server in the same program, so that it runs as it is:
//
//	go run ./examples/http-client
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/returnkit/returnkit/resilience"
	"github.com/returnkit/returnkit/resilience/resiliencehttp"
)

func main() {
	server := httptest.NewServer(&bank{})
	defer server.Close()
	transport, err := newTransport()
	if err != nil {
		log.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	if err := run(transport, server.URL); err != nil {
		log.Fatal(err)
	}
}

// newTransport returns the transport to the bank: one for the whole program.
func newTransport() (*resiliencehttp.Transport, error) {
	return resiliencehttp.New(resiliencehttp.Config{
		Name:    "bank",
		Timeout: 5 * time.Second, // of one attempt, the response's body included
		Retry: resilience.RetryConfig{
			Attempts: 3,
			Backoff:  resilience.Backoff{Initial: 10 * time.Millisecond},
		},
		Breaker: resilience.Config{ConsecutiveFailures: 6, OpenFor: time.Second},
		OnAttempt: func(_ context.Context, a resiliencehttp.Attempt) {
			switch {
			case errors.Is(a.Err, resilience.ErrOpen):
				fmt.Printf("  attempt %d: not sent, the breaker is open\n", a.Number)
			case a.Err != nil:
				fmt.Printf("  attempt %d: %v\n", a.Number, a.Err)
			default:
				fmt.Printf("  attempt %d: status %d\n", a.Number, a.Status)
			}
		},
		OnBreaker: func(b *resilience.Breaker) {
			b.Subscribe(func(c resilience.Change) { fmt.Println("  breaker is", c.To) })
		},
	})
}

func run(transport *resiliencehttp.Transport, url string) error {
	client := &http.Client{Transport: transport}
	fmt.Println("Look up a refund while the bank is busy:")
	if err := call(client, http.MethodGet, url+"/refunds/17", ""); err != nil {
		return err
	}
	fmt.Println("Refund without a key: sent once, the bank may have done it.")
	if err := call(client, http.MethodPost, url+"/refunds", ""); err != nil {
		return err
	}
	fmt.Println("Refund under a key: sent again, done once.")
	if err := call(client, http.MethodPost, url+"/refunds", "refund-17"); err != nil {
		return err
	}
	fmt.Println("A statement of 1 MiB:")
	if err := call(client, http.MethodGet, url+"/statement", ""); err != nil {
		return err
	}
	fmt.Println("The bank is down:")
	for range 3 {
		if err := call(client, http.MethodGet, url+"/down", ""); err != nil && !errors.Is(err, resilience.ErrOpen) {
			return err
		}
	}
	fmt.Println("The bank is back:")
	for transport.Breakers()[0].State() == resilience.Open {
		if err := resilience.Sleep(context.Background(), 10*time.Millisecond); err != nil {
			return err
		}
	}
	return call(client, http.MethodGet, url+"/refunds/17", "")
}

// call makes a request and prints the answer. Reading and closing the body is
// part of every call: until then it is in progress.
func call(client *http.Client, method, url, key string) error {
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader("amount=500")
	}
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		return err
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if len(answer) > 80 {
		answer = fmt.Appendf(nil, "%d bytes", len(answer))
	}
	fmt.Printf("  %d %s\n", resp.StatusCode, bytes.TrimSpace(answer))
	return nil
}
