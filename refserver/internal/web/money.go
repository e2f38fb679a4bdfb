package web

import (
	"crypto/rand"
	"net/http"

	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/idempotency"
)

// moneyRoutes are what watches over money: the provider's messages, the review
// queue, and the reconciliation.
func (s *server) moneyRoutes() {
	s.guarded("POST /webhooks/stripe", s.denied, s.Webhooks) // it limits the body by itself
	s.queueRoutes()
	s.reconciliationRoutes()
}

// once runs next once per Idempotency-Key of the signed-in user, from the header or
// the form, where the action says so.
func (s *server) once(a endpoint.Action, next http.Handler) http.Handler {
	if !a.Once {
		return next
	}
	keys := s.keys(a.Patient)
	return keys.Middleware(next)
}

// keys are the keys of the signed-in user, with our words. patient has a
// request wait for the one under its key that is in progress.
func (s *server) keys(patient bool) idempotency.Keys {
	keys := s.Keys
	keys.Patient = patient
	keys.Caller = func(r *http.Request) string { return user(r).ID }
	keys.Fail = s.fail
	return keys
}

// newKey is a key for a form, so that a double click is one request.
func newKey() string { return "form-" + rand.Text() }
