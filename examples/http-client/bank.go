package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// bank is a payment provider that fails as real ones do: it is busy at times,
// and it loses answers after the work is done.
type bank struct {
	mu      sync.Mutex
	calls   map[string]int // by method, path and key
	refunds int
	done    map[string]string // answers by key
}

func (b *bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.calls == nil {
		b.calls, b.done = map[string]int{}, map[string]string{}
	}
	key := r.Header.Get("Idempotency-Key")
	id := r.Method + " " + r.URL.Path + " " + key
	b.calls[id]++
	switch {
	case r.URL.Path == "/down":
		http.Error(w, "down", http.StatusBadGateway)
	case r.URL.Path == "/statement":
		fmt.Fprint(w, strings.Repeat("2026-03-01 refund -5.00\n", 1<<20/24))
	case r.Method == http.MethodGet && b.calls[id] == 1:
		w.Header().Set("Retry-After", "0")
		http.Error(w, "busy", http.StatusServiceUnavailable)
	case r.Method == http.MethodGet:
		fmt.Fprint(w, "succeeded")
	default:
		b.refund(w, id, key)
	}
}

// refund does the work and loses the first answer.
func (b *bank) refund(w http.ResponseWriter, id, key string) {
	answer, known := b.done[key]
	if key == "" || !known {
		b.refunds++
		answer = fmt.Sprintf("refund %d made", b.refunds)
		b.done[key] = answer
	}
	if b.calls[id] == 1 {
		http.Error(w, "answer lost", http.StatusBadGateway)
		return
	}
	fmt.Fprint(w, answer)
}
