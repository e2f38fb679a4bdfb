package stripegateway

import (
	"errors"

	"github.com/stripe/stripe-go/v85"

	"github.com/returnkit/returnkit/orders"
)

// classify turns the end of a call into an Answer. ok is the outcome of a
// call that returned an object; state reads the outcome of a PaymentIntent
// that an error carries, nil where none can.
func classify(err error, s *seen, ok orders.Answer, state func(*stripe.PaymentIntent) orders.Answer) orders.Answer {
	a := ok
	if err != nil {
		a = classifyError(err, s.status, state)
	}
	a.HTTP, a.Replayed = s.status, s.replayed
	return a
}

func classifyError(err error, status int, state func(*stripe.PaymentIntent) orders.Answer) orders.Answer {
	unknown := orders.Answer{Outcome: orders.OutcomeUnknown, Message: err.Error()}
	var e *stripe.Error
	if !errors.As(err, &e) || status == 0 {
		return unknown // no answer, or one that is not the provider's
	}
	a := orders.Answer{Outcome: orders.OutcomeUnknown, Code: codeOf(e), Message: e.Msg}
	switch {
	case e.Code == stripe.ErrorCodeLockTimeout, status == 409, status == 429, status == 401, status == 403:
		a.Outcome = orders.OutcomeNothing
	case e.Code == stripe.ErrorCodePaymentIntentUnexpectedState:
		if state == nil || e.PaymentIntent == nil {
			return a
		}
		told := state(e.PaymentIntent)
		told.Code, told.Message = a.Code, a.Message
		return told
	case status == 402 && e.Type == stripe.ErrorTypeCard,
		(status == 400 || status == 404) && e.Type == stripe.ErrorTypeInvalidRequest:
		a.Outcome = orders.OutcomeRefused
	}
	return a
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
func charged(pi *stripe.PaymentIntent) orders.Answer {
	a := orders.Answer{Reference: pi.ID, Amount: pi.AmountReceived, Status: string(pi.Status), Outcome: orders.OutcomeUnknown}
	switch pi.Status {
	case stripe.PaymentIntentStatusSucceeded:
		a.Outcome = orders.OutcomeDone
	case stripe.PaymentIntentStatusCanceled:
		a.Outcome = orders.OutcomeRefused
	case stripe.PaymentIntentStatusRequiresPaymentMethod, stripe.PaymentIntentStatusRequiresConfirmation:
		a.Outcome = orders.OutcomeNothing
	case stripe.PaymentIntentStatusProcessing:
		a.Outcome = orders.OutcomePending
	case stripe.PaymentIntentStatusRequiresAction:
		a.Outcome = orders.OutcomeRequiresAction
	}
	if pi.LastPaymentError != nil {
		a.Code, a.Message = codeOf(pi.LastPaymentError), pi.LastPaymentError.Msg
	}
	return a
}

// cancelled reads a PaymentIntent as the answer to "will it never be paid?".
func cancelled(pi *stripe.PaymentIntent) orders.Answer {
	a := charged(pi)
	switch a.Outcome {
	case orders.OutcomeRefused:
		a.Outcome = orders.OutcomeDone
	case orders.OutcomeDone:
		a.Outcome = orders.OutcomeRefused
	default:
		a.Outcome = orders.OutcomeUnknown // asked to cancel, and neither here nor there
	}
	return a
}

// refunded reads a Refund as the answer to "did the money go back?".
func refunded(r *stripe.Refund) orders.Answer {
	a := orders.Answer{Reference: r.ID, Amount: r.Amount, Status: string(r.Status), Outcome: orders.OutcomeUnknown}
	switch r.Status {
	case stripe.RefundStatusSucceeded:
		a.Outcome = orders.OutcomeDone
	case stripe.RefundStatusFailed, stripe.RefundStatusCanceled:
		a.Outcome = orders.OutcomeRefused
		a.Code = string(r.FailureReason)
	case stripe.RefundStatusPending:
		a.Outcome = orders.OutcomePending
	case stripe.RefundStatusRequiresAction:
		a.Outcome = orders.OutcomeRequiresAction
	}
	return a
}
