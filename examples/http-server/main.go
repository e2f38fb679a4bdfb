// Command http-server is a small shop that one greedy client cannot close: the
// body is read before anything is taken, each client has an equal share of one
// limit, a request that did nothing gives its unit back, and a queue sheds what
// would be answered too late.
package main

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

func main() {
	handler, err := newHandler()
	if err != nil {
		log.Fatal(err)
	}
	// A server of your own: http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}.
	server := httptest.NewServer(handler)
	defer server.Close()

	fmt.Println("ann buys:        ", buy(server, "ann", "lamp"))
	refused := 0
	for range 500 {
		if strings.HasPrefix(buy(server, "greedy", "lamp"), "429") {
			refused++
		}
	}
	fmt.Println("greedy refused:  ", refused > 100)
	fmt.Println("bob buys:        ", buy(server, "bob", "lamp"))
	fmt.Println("ann buys again:  ", buy(server, "ann", "lamp"))
	fmt.Println("an empty cart:   ", buy(server, "carl", ""))
	fmt.Println("a large request: ", buy(server, "carl", strings.Repeat("lamp ", 1000)))
}

// newHandler puts the checkout behind body, limit and queue.
func newHandler() (http.Handler, error) {
	body, err := throttlehttp.NewBody(throttlehttp.BodyConfig{MaxBytes: 1 << 10, Timeout: 5 * time.Second})
	if err != nil {
		return nil, err
	}
	queue, err := throttle.NewQueue(throttle.QueueConfig{
		Name: "checkout", Concurrency: 16, MaxWaiting: 64, MaxWait: 400 * time.Millisecond,
	})
	if err != nil {
		return nil, err
	}
	limit, err := throttlehttp.New(throttlehttp.Config{
		Limit: throttle.PerSecond(20, 10),
		Name:  "checkout",
		// The account of a session that was looked up, or else the address.
		Key: throttlehttp.FirstKey(
			throttlehttp.UserKey(func(r *http.Request) string { return r.Header.Get("X-Session-User") }),
			throttlehttp.AddressKey(throttlehttp.Proxies{}),
		),
		Body:     body,
		Queue:    queue,
		GiveBack: throttlehttp.ClientErrors,
		Refused:  http.HandlerFunc(busy),
	})
	if err != nil {
		return nil, err
	}
	return limit.Handler(http.HandlerFunc(checkout)), nil
}

// checkout is the work that the limit protects.
func checkout(w http.ResponseWriter, r *http.Request) {
	item, err := io.ReadAll(r.Body)
	if err != nil || len(item) == 0 {
		http.Error(w, "the cart is empty", http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "receipt for a %s", item)
}

// busy chooses its words by the verdict.
func busy(w http.ResponseWriter, r *http.Request) {
	words := "System is busy."
	if v, ok := throttlehttp.FromContext(r.Context()); ok && v.Decision.OverShare {
		words = "You are sending too many requests. Wait a moment."
	}
	http.Error(w, words, http.StatusTooManyRequests)
}

// buy sends a checkout and returns the status and the first line of the answer.
func buy(server *httptest.Server, user, item string) string {
	r, err := http.NewRequest(http.MethodPost, server.URL, strings.NewReader(item))
	if err != nil {
		return err.Error()
	}
	r.Header.Set("X-Session-User", user) // stands for a session cookie
	resp, err := server.Client().Do(r)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, strings.TrimSpace(string(text)))
}
