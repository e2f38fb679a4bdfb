package api

import (
	"fmt"
	"net/http"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/idempotency"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// staffOnce is staff for what moves money: under one Idempotency-Key it is carried
// out once, and answered the same again.
func (a *API) staffOnce(pattern string, h handler) {
	keys := a.keys()
	limited := http.MaxBytesHandler(keys.Middleware(a.adapt(h)), maxJSON)
	a.guarded(pattern, limited)
}

// keys are the keys of whoever is signed in, with our words.
func (a *API) keys() idempotency.Keys {
	keys := a.Keys
	keys.Caller = func(r *http.Request) string { return user(r).ID }
	keys.Refuse = func(w http.ResponseWriter, r *http.Request, f idempotency.Refusal) {
		a.write(w, r, f.Status, failure(problem.Problem{Status: f.Status, Code: f.Code, Message: f.Message}))
	}
	keys.Fail = a.fail
	return keys
}

// payBack refunds a case; where the caller says what they mean to pay back,
// that or nothing.
func (a *API) payBack(r *http.Request, m payment.Method, available *number) (returns.Return, refunds.Refund, error) {
	id, by := r.PathValue("id"), actor(r)
	if available == nil {
		return a.Returns.Refund(r.Context(), id, by, returns.RefundParams{Method: m})
	}
	amount, err := money.Parse(available.String(), a.Currency)
	if err != nil {
		return returns.Return{}, refunds.Refund{}, problem.Invalid("refund_amount_available", fmt.Sprintf(
			"refund_amount_available is %s; it must be a number of %s with at most %d decimals",
			clip(available.String()),
			a.Currency,
			a.Currency.Digits(),
		))
	}
	minor := amount.Minor()
	return a.Returns.Refund(r.Context(), id, by, returns.RefundParams{Method: m, Expect: &minor})
}
