package web

import (
	"crypto/rand"
	"net/http"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/idempotency"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// moneyRoutes are what watches over money: the provider's messages, the queue
// for a person, and the reconciliation.
func (s *server) moneyRoutes() {
	s.mux.Handle("POST /webhooks/stripe", s.Webhooks) // it limits the body by itself
	s.queueRoutes()
}

// once is staff for an action that moves money: under one Idempotency-Key, of
// the header or of the form, it is carried out once.
func (s *server) once(pattern string, h handler) {
	s.handle(pattern, maxForm, auth.RequireAdmin(s.deny)(s.keyed(s.adapt(h))))
}

// keyed carries out next once per Idempotency-Key of whoever is signed in.
func (s *server) keyed(next http.Handler) http.Handler {
	keys := s.Keys
	keys.Caller = func(r *http.Request) string { return user(r).ID }
	keys.Refuse = func(w http.ResponseWriter, r *http.Request, f idempotency.Refusal) {
		s.failWith(w, r, problem.Problem{Status: f.Status, Code: f.Code, Message: f.Message})
	}
	keys.Fail = s.fail
	return keys.Middleware(next)
}

// newKey is a key for a form, so that a double click is one request.
func newKey() string { return "form-" + rand.Text() }
