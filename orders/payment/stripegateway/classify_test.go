package stripegateway

import (
	"errors"
	"testing"

	"github.com/stripe/stripe-go/v85"

	"github.com/returnkit/returnkit/orders/payment"
)

// recognized says the same as rules in another way: what may be anything but
// unknown at all.
func recognized(f facts) bool {
	if f.transport != nil {
		return false
	}
	switch f.http {
	case 400:
		return f.kind == "invalid_request_error" && f.code != "payment_intent_unexpected_state"
	case 401, 403, 404:
		return f.kind == "invalid_request_error"
	case 402:
		return f.kind == "card_error"
	case 409:
		return f.kind == "invalid_request_error" || f.kind == "idempotency_error"
	case 429:
		return f.kind == "invalid_request_error" || f.kind == "rate_limit" || f.kind == "rate_limit_error" ||
			f.kind == "api_error"
	}
	return false
}

// effective is what must be true of every verdict.
func (f facts) holds(t *testing.T) {
	t.Helper()
	got := outcomeOf(f)
	if (got != payment.OutcomeUnknown) != recognized(f) {
		t.Fatalf("%+v is %q; recognized: %v", f, got, recognized(f))
	}
	switch got {
	case payment.OutcomeUnknown, payment.OutcomeNoEffect, payment.OutcomeDeclined:
	default:
		t.Fatalf("%+v is %q: an error never says that money moved", f, got)
	}
	other := f
	other.decline = "a reason nobody heard of"
	if outcomeOf(other) != got {
		t.Fatalf("%+v: the decline code changes the outcome", f)
	}
}

func TestWhatIsNotRecognisedIsUnknown(t *testing.T) {
	kinds := []stripe.ErrorType{"", "api_error", "card_error", "idempotency_error", "invalid_request_error",
		"rate_limit",
		"rate_limit_error", "temporary_session_expired", "authentication_error", "surprise_error", "Card_Error"}
	codes := []stripe.ErrorCode{"", "lock_timeout", "rate_limit", "charge_already_refunded", "resource_missing",
		"card_declined",
		"payment_intent_unexpected_state", "idempotency_key_in_use", "never_heard_of"}
	n := 0
	for _, transport := range []error{nil, errors.New("connection reset")} {
		for status := range 1000 {
			for _, kind := range kinds {
				for _, code := range codes {
					facts{transport: transport, http: status, kind: kind, code: code}.holds(t)
					n++
				}
			}
		}
	}
	t.Logf("%d combinations", n)
}

func TestTheRulesOneByOne(t *testing.T) {
	const (
		invalid = stripe.ErrorTypeInvalidRequest
		nothing = payment.OutcomeNoEffect
		refused = payment.OutcomeDeclined
		unknown = payment.OutcomeUnknown
	)
	for _, c := range []struct {
		name string
		f    facts
		want payment.Outcome
	}{
		{"timed out", facts{transport: errors.New("deadline")}, unknown},
		{"timed out after a status", facts{transport: errors.New("cut"), http: 400, kind: invalid}, unknown},
		{"refunded already", facts{http: 400, kind: invalid, code: stripe.ErrorCodeChargeAlreadyRefunded}, refused},
		{"disputed", facts{http: 400, kind: invalid, code: stripe.ErrorCodeChargeDisputed}, refused},
		{"a code we do not know", facts{http: 400, kind: invalid, code: "brand_new"}, refused},
		{"no such payment", facts{http: 404, kind: invalid, code: stripe.ErrorCodeResourceMissing}, refused},
		{"declined", facts{http: 402, kind: stripe.ErrorTypeCard, code: stripe.ErrorCodeCardDeclined,
			decline: "try_again_later"}, refused},
		{"lock timeout", facts{http: 400, kind: invalid, code: stripe.ErrorCodeLockTimeout}, nothing},
		{"lock timeout as 429", facts{http: 429, kind: invalid, code: stripe.ErrorCodeLockTimeout}, nothing},
		{"lock timeout in a server error", facts{http: 500, kind: stripe.ErrorTypeAPI,
			code: stripe.ErrorCodeLockTimeout}, unknown},
		{"in flight", facts{http: 409, kind: stripe.ErrorTypeIdempotency,
			code: stripe.ErrorCodeIdempotencyKeyInUse}, nothing},
		{"a conflict of an unknown type", facts{http: 409, kind: "conflict_error"}, unknown},
		{"rate limited", facts{http: 429, kind: invalid, code: stripe.ErrorCodeRateLimit}, nothing},
		{"key used for something else", facts{http: 400, kind: stripe.ErrorTypeIdempotency}, unknown},
		{"wrong API key", facts{http: 401, kind: invalid}, nothing},
		{"API key without the right", facts{http: 403, kind: invalid}, nothing},
		{"a state not told", facts{http: 400, kind: invalid,
			code: stripe.ErrorCodePaymentIntentUnexpectedState}, unknown},
		{"server error", facts{http: 500, kind: stripe.ErrorTypeAPI}, unknown},
		{"server error that claims to refuse", facts{http: 502, kind: invalid,
			code: stripe.ErrorCodeChargeAlreadyRefunded}, unknown},
		{"success that is an error", facts{http: 200, kind: invalid}, unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := outcomeOf(c.f); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			c.f.holds(t)
		})
	}
}

func FuzzOutcome(f *testing.F) {
	f.Add(true, 400, "invalid_request_error", "lock_timeout", "")
	f.Add(false, 402, "card_error", "card_declined", "insufficient_funds")
	f.Add(false, 500, "api_error", "", "")
	f.Fuzz(func(t *testing.T, cut bool, status int, kind, code, decline string) {
		x := facts{http: status, kind: stripe.ErrorType(kind), code: stripe.ErrorCode(code),
			decline: stripe.DeclineCode(decline)}
		if cut {
			x.transport = errors.New("cut")
		}
		x.holds(t)
	})
}
