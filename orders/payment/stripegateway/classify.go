package stripegateway

import (
	"errors"
	"fmt"

	"github.com/stripe/stripe-go/v85"

	"github.com/returnkit/returnkit/orders/payment"
)

// classify turns the end of a call into a Result. ok is the outcome of a
// call that returned an object; state reads the outcome of a PaymentIntent
// that an error carries, nil where none can.
func classify(err error, s *seen, ok payment.Result, state func(*stripe.PaymentIntent) payment.Result) payment.Result {
	a := ok
	if err != nil {
		a = classifyError(err, s.status, state)
	}
	a.HTTP, a.Replayed = s.status, s.replayed
	return a
}

func classifyError(err error, status int, state func(*stripe.PaymentIntent) payment.Result) payment.Result {
	var e *stripe.Error
	if !errors.As(err, &e) {
		// No answer of Stripe's: a timeout, a redirect, a body beyond all bounds.
		return payment.Result{Outcome: outcomeOf(facts{transport: err}), Message: err.Error()}
	}
	f := facts{http: status, kind: e.Type, code: e.Code, decline: e.DeclineCode}
	if state != nil && e.PaymentIntent != nil && status == 400 &&
		e.Code == stripe.ErrorCodePaymentIntentUnexpectedState {
		told := state(e.PaymentIntent)
		told.Code, told.Message = codeOf(e), e.Msg
		return told
	}
	return payment.Result{Outcome: outcomeOf(f), Code: codeOf(e), Message: e.Msg}
}

// facts are what is known of a call that returned no object.
type facts struct {
	transport error // no answer came that was Stripe's: a timeout, a cut connection, a proxy's page
	http      int
	kind      stripe.ErrorType
	code      stripe.ErrorCode
	decline   stripe.DeclineCode // why the bank said no; it never changes that it did
}

// rule says what an error answer means. An empty code stands for every code that has no
// rule of its own before it.
type rule struct {
	http    int
	kind    stripe.ErrorType
	code    stripe.ErrorCode
	outcome payment.Outcome
}

// rateLimitError is a type that Stripe's text names and its library does not.
const rateLimitError stripe.ErrorType = "rate_limit_error"

// rules are all that is recognized; the first that matches counts.
//
// HTTP statuses and types: https://docs.stripe.com/api/errors and
// https://docs.stripe.com/error-handling. Codes:
// https://docs.stripe.com/error-codes. 409 and idempotency_error:
// https://docs.stripe.com/api/idempotent_requests. 429 and lock_timeout:
// https://docs.stripe.com/rate-limits. 402 and decline codes:
// https://docs.stripe.com/declines/codes.
var rules = []rule{
	// Another request holds the object or the key: this one was not executed.
	{400, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodeLockTimeout, payment.OutcomeNoEffect},
	{409, stripe.ErrorTypeInvalidRequest, "", payment.OutcomeNoEffect},
	{409, stripe.ErrorTypeIdempotency, "", payment.OutcomeNoEffect},
	// Too many requests: turned away before execution.
	{429, stripe.ErrorTypeInvalidRequest, "", payment.OutcomeNoEffect},
	{429, stripe.ErrorTypeRateLimit, "", payment.OutcomeNoEffect},
	{429, rateLimitError, "", payment.OutcomeNoEffect},
	{429, stripe.ErrorTypeAPI, "", payment.OutcomeNoEffect},
	// The API key is wrong or may not do this: turned away before execution,
	// and the same request goes through when the key is put right.
	{401, stripe.ErrorTypeInvalidRequest, "", payment.OutcomeNoEffect},
	{403, stripe.ErrorTypeInvalidRequest, "", payment.OutcomeNoEffect},
	// It depends on a state that the answer did not report.
	{400, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodePaymentIntentUnexpectedState, payment.OutcomeUnknown},
	// A definite no.
	{400, stripe.ErrorTypeInvalidRequest, "", payment.OutcomeDeclined},
	{404, stripe.ErrorTypeInvalidRequest, "", payment.OutcomeDeclined},
	{402, stripe.ErrorTypeCard, "", payment.OutcomeDeclined},
}

// outcomeOf says what an error means for the money. What no rule recognizes is
// unknown: no answer, every 5xx, stored ones too, a type or a status that Stripe
// did not have when the rules were written.
func outcomeOf(f facts) payment.Outcome {
	if f.transport != nil {
		return payment.OutcomeUnknown
	}
	for _, r := range rules {
		if r.http == f.http && r.kind == f.kind && (r.code == "" || r.code == f.code) {
			return r.outcome
		}
	}
	return payment.OutcomeUnknown
}

// codeOf is the most specific code of an error: the reason a bank gave, else
// Stripe's code, else its type.
func codeOf(e *stripe.Error) string {
	switch {
	case e.DeclineCode != "":
		return string(e.DeclineCode)
	case e.Code != "":
		return string(e.Code)
	}
	return string(e.Type)
}

// charged reads a PaymentIntent as the answer to "is it paid?".
func charged(pi *stripe.PaymentIntent) payment.Result {
	a := payment.Result{ProviderID: pi.ID, Status: string(pi.Status), Outcome: payment.OutcomeUnknown}
	if pi.AmountReceived != 0 {
		var err error
		if a.Amount, a.Currency, err = fromUnit(pi.AmountReceived, string(pi.Currency)); err != nil {
			return unbelieved(a, err.Error())
		}
	}
	switch pi.Status {
	case stripe.PaymentIntentStatusSucceeded:
		a.Outcome = payment.OutcomeDone
	case stripe.PaymentIntentStatusCanceled:
		a.Outcome = payment.OutcomeDeclined
	case stripe.PaymentIntentStatusRequiresPaymentMethod, stripe.PaymentIntentStatusRequiresConfirmation:
		a.Outcome = payment.OutcomeNoEffect
	case stripe.PaymentIntentStatusProcessing:
		a.Outcome = payment.OutcomePending
	case stripe.PaymentIntentStatusRequiresAction:
		a.Outcome = payment.OutcomeRequiresAction
	}
	if pi.LastPaymentError != nil {
		a.Code, a.Message = codeOf(pi.LastPaymentError), pi.LastPaymentError.Msg
	}
	return a
}

// stateRead reads a PaymentIntent as the answer to "what is its state?".
func stateRead(pi *stripe.PaymentIntent) payment.Result {
	a := charged(pi)
	if a.Code != codeUnexpected {
		a.Outcome = payment.OutcomeDone
	}
	return a
}

// refunded reads a Refund as the answer to "did the money go back?".
func refunded(r *stripe.Refund) payment.Result {
	a := payment.Result{ProviderID: r.ID, Status: string(r.Status), Outcome: payment.OutcomeUnknown}
	var err error
	if a.Amount, a.Currency, err = fromUnit(r.Amount, string(r.Currency)); err != nil {
		return unbelieved(a, err.Error())
	}
	switch r.Status {
	case stripe.RefundStatusSucceeded:
		a.Outcome = payment.OutcomeDone
	case stripe.RefundStatusFailed, stripe.RefundStatusCanceled:
		a.Outcome = payment.OutcomeDeclined
		a.Code = string(r.FailureReason)
	case stripe.RefundStatusPending:
		a.Outcome = payment.OutcomePending
	case stripe.RefundStatusRequiresAction:
		a.Outcome = payment.OutcomeRequiresAction
	}
	return a
}

// codeUnexpected is the Code of an answer that is not believed.
const codeUnexpected = "unexpected_answer"

// unbelieved is an answer that speaks of something else than was asked about: unknown,
// whatever state it reports.
func unbelieved(a payment.Result, why string) payment.Result {
	a.Outcome, a.Code, a.Message, a.Amount, a.Currency = payment.OutcomeUnknown, codeUnexpected, why, 0, ""
	return a
}

// codeNotCarried is the Code of a call that was not made for its amount.
const codeNotCarried = "amount_not_carried"

// notSent is the result of a call that was not made, because the provider can't
// carry its amount.
func notSent(err error) payment.Result {
	return payment.Result{
		Outcome: payment.OutcomeDeclined, Code: codeNotCarried, Message: err.Error(), Failure: payment.AmountNotCarried,
	}
}

// refundedAs is refunded for the answer to a call about r: an answer about another
// refund says nothing about this one.
func refundedAs(refund *stripe.Refund, r payment.RefundRequest) payment.Result {
	a := refunded(refund)
	attempt, named := refund.Metadata[MetaAttemptID]
	switch {
	case refund.ID == "":
		return unbelieved(a, "the answer names no refund")
	case a.Currency != "" && a.Currency != r.Currency:
		return unbelieved(a, fmt.Sprintf("%s is in %s, and the request is in %s", refund.ID, a.Currency, r.Currency))
	case refund.PaymentIntent != nil && refund.PaymentIntent.ID != r.PaymentProviderID:
		return unbelieved(a, fmt.Sprintf(
			"%s is on payment %s, and not on %s", refund.ID, refund.PaymentIntent.ID, r.PaymentProviderID))
	case named && attempt != r.AttemptID:
		return unbelieved(a, fmt.Sprintf("%s is of attempt %q, and not of %s", refund.ID, attempt, r.AttemptID))
	}
	return a
}

// intent checks that an answer is about the payment that was asked about, in
// the mode of the key, before it is read.
func (g *Gateway) intent(
	reference string, read func(*stripe.PaymentIntent) payment.Result,
) func(*stripe.PaymentIntent) payment.Result {
	return func(pi *stripe.PaymentIntent) payment.Result {
		a := payment.Result{ProviderID: reference, Status: string(pi.Status)}
		switch {
		case pi.ID == "" || reference != "" && pi.ID != reference:
			return unbelieved(a, fmt.Sprintf("the answer is about payment %q, and not about %s", pi.ID, reference))
		case g.live != nil && pi.Livemode != *g.live:
			return unbelieved(a, fmt.Sprintf(
				"payment %s has livemode %t, and the key has %t", pi.ID, pi.Livemode, *g.live))
		}
		return read(pi)
	}
}
