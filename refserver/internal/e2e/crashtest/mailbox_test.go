package crashtest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
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

// newWorldWithMail is newWorld whose provider sends its messages to a mailbox; the shop knows their
// secret.
func newWorldWithMail(t testing.TB, url string) (*world, *mailbox) {
	t.Helper()
	mail := &mailbox{}
	hooks := httptest.NewServer(mail)
	t.Cleanup(hooks.Close)
	w := newWorldWith(t, url, "--ledger", filepath.Join(t.TempDir(), "ledger.jsonl"),
		"--webhook-url", hooks.URL, "--webhook-secret", "whsec_test")
	w.settings = append(w.settings, "STRIPE_WEBHOOK_SECRET=whsec_test")
	return w, mail
}
