package crashtest

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"sync"
)

// mailbox takes the provider's messages at an address that outlives the shop's processes,
// and keeps them until the test hands them on.
type mailbox struct {
	mu    sync.Mutex
	taken []message
}

type message struct {
	body      []byte
	signature string
}

func (m *mailbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.taken = append(m.taken, message{body, r.Header.Get("Stripe-Signature")})
}

// about are the messages taken until now that hold a text.
func (m *mailbox) about(text string) []message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.taken), func(one message) bool {
		return !bytes.Contains(one.body, []byte(text))
	})
}
