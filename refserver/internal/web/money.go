package web

import (
	"crypto/rand"
	"fmt"
	"net/http"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/idempotency"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// moneyRoutes are what watches over money: the provider's messages, the review
// queue, and the reconciliation.
func (s *server) moneyRoutes() {
	s.mux.Handle("POST /webhooks/stripe", s.Webhooks) // it limits the body by itself
	s.queueRoutes()
	s.reconciliationRoutes()
}

// staffOnce is staff for an action that moves money or creates something: under one Idempotency-Key, of
// the header or of the form, it is carried out once.
func (s *server) staffOnce(pattern string, h handler) {
	s.handle(pattern, maxForm, auth.RequireAdmin(s.deny)(s.keyed(false, s.adapt(h))))
}

// keyed carries out next once per Idempotency-Key of whoever is signed in.
// patient has a request wait for the one under its key that is under way.
func (s *server) keyed(patient bool, next http.Handler) http.Handler {
	keys := s.keys(patient)
	return keys.Middleware(next)
}

// keys are the keys of whoever is signed in, with our words.
func (s *server) keys(patient bool) idempotency.Keys {
	keys := s.Keys
	keys.Patient = patient
	keys.Caller = func(r *http.Request) string { return user(r).ID }
	keys.Refuse = func(w http.ResponseWriter, r *http.Request, f idempotency.Refusal) {
		s.failWith(w, r, problem.Problem{Status: f.Status, Code: f.Code, Message: f.Message})
	}
	keys.Fail = s.fail
	return keys
}

// payBack refunds a case; where available says what is meant to be paid back,
// that or nothing.
func (s *server) payBack(r *http.Request, id string, m payment.Method, available string) (refunds.Refund, error) {
	if available == "" {
		_, paid, err := s.Returns.Refund(r.Context(), id, actor(r), returns.RefundParams{Method: m})
		return paid, err
	}
	amount, err := money.Parse(available, s.Currency)
	if err != nil {
		return refunds.Refund{}, problem.Invalid("refund_amount_available", fmt.Sprintf(
			"refund_amount_available is %q; it must be a number of %s with at most %d decimals.",
			clip(available),
			s.Currency,
			s.Currency.Digits(),
		))
	}
	minor := amount.Minor()
	_, paid, err := s.Returns.Refund(r.Context(), id, actor(r), returns.RefundParams{Method: m, Expect: &minor})
	return paid, err
}

// newKey is a key for a form, so that a double click is one request.
func newKey() string { return "form-" + rand.Text() }
