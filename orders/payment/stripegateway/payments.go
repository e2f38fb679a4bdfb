package stripegateway

import (
	"context"
	"fmt"
	"net/http"

	"github.com/stripe/stripe-go/v85"

	"github.com/returnkit/returnkit/orders/payment"
)

// CreatePayment makes a PaymentIntent without confirming it, under the key
// "<Key>:create".
func (g *Gateway) CreatePayment(ctx context.Context, r payment.ChargeRequest) payment.Result {
	amount, err := toUnit(r.Amount, r.Currency)
	if err != nil {
		return notSent(err)
	}
	ctx, s, cancel := g.call(ctx)
	defer cancel()
	params := &stripe.PaymentIntentCreateParams{
		Amount:             stripe.Int64(amount),
		Currency:           currencyOf(r.Currency),
		PaymentMethod:      stripe.String(r.Token),
		PaymentMethodTypes: []*string{stripe.String("card")},
		Metadata:           map[string]string{MetaOrderID: r.OrderID, MetaPaymentID: r.PaymentID},
	}
	params.SetIdempotencyKey(r.Key + ":create")
	pi, err := g.client.V1PaymentIntents.Create(ctx, params)
	var ok payment.Result
	if err == nil {
		ok = g.intent("", func(pi *stripe.PaymentIntent) payment.Result {
			a := payment.Result{Outcome: payment.OutcomeDone, ProviderID: pi.ID, Status: string(pi.Status)}
			if order, named := pi.Metadata[MetaOrderID]; named && order != r.OrderID {
				return unbelieved(payment.Result{}, fmt.Sprintf(
					"payment %s is of order %q, and not of %s", pi.ID, order, r.OrderID))
			}
			if pi.Currency != "" && currencyFrom(string(pi.Currency)) != r.Currency || pi.Amount != 0 &&
				pi.Amount != amount {
				return unbelieved(a, fmt.Sprintf(
					"payment %s is of %d %s, and the request is of %d %s",
					pi.ID,
					pi.Amount,
					pi.Currency,
					amount,
					r.Currency,
				))
			}
			return a
		})(pi)
	}
	return explainCharge(classify(err, s, ok, nil), r)
}

// ConfirmPayment confirms the PaymentIntent, under the key "<Key>:confirm".
// One that turns out to be confirmed already is answered by its state.
func (g *Gateway) ConfirmPayment(ctx context.Context, r payment.ChargeRequest, reference string) payment.Result {
	ctx, s, cancel := g.call(ctx)
	defer cancel()
	read := g.intent(reference, charged)
	params := &stripe.PaymentIntentConfirmParams{PaymentMethod: stripe.String(r.Token)}
	params.SetIdempotencyKey(r.Key + ":confirm")
	pi, err := g.client.V1PaymentIntents.Confirm(ctx, reference, params)
	var ok payment.Result
	if err == nil {
		ok = read(pi)
	}
	a := classify(err, s, ok, read)
	if a.ProviderID == "" {
		a.ProviderID = reference
	}
	return explainCharge(a, r)
}

// FindPayment reads the PaymentIntent. It sends no key: reading has no effect.
// That it can't be read says nothing about the money, so a refusal is unknown.
func (g *Gateway) FindPayment(ctx context.Context, providerID string) (payment.PaymentStatus, payment.Result) {
	ctx, s, cancel := g.call(ctx)
	defer cancel()
	pi, err := g.client.V1PaymentIntents.Retrieve(ctx, providerID, nil)
	if err != nil {
		return "", notFound(classify(err, s, payment.Result{}, nil))
	}
	return stateOf(pi.Status, classify(nil, s, g.intent(providerID, stateRead)(pi), nil))
}

// CancelPayment cancels the PaymentIntent, under the key "<Key>:cancel". One that
// can't be canceled is answered by the state that Stripe reports with the refusal; a
// refusal without a state is unknown.
func (g *Gateway) CancelPayment(
	ctx context.Context, r payment.ChargeRequest, providerID string,
) (payment.PaymentStatus, payment.Result) {
	ctx, s, cancel := g.call(ctx)
	defer cancel()
	read := g.intent(providerID, stateRead)
	params := &stripe.PaymentIntentCancelParams{}
	params.SetIdempotencyKey(r.Key + ":cancel")
	pi, err := g.client.V1PaymentIntents.Cancel(ctx, providerID, params)
	if err == nil {
		return stateOf(pi.Status, classify(nil, s, read(pi), nil))
	}
	a := classify(err, s, payment.Result{}, read)
	if a.Outcome == payment.OutcomeDeclined {
		a.Outcome = payment.OutcomeUnknown // refused for a reason other than its state
	}
	return stateOf(stripe.PaymentIntentStatus(a.Status), a)
}

// stateOf is what a call that reads a PaymentIntent returns: a state that is not
// recognized, or was not read, is unknown.
func stateOf(status stripe.PaymentIntentStatus, a payment.Result) (payment.PaymentStatus, payment.Result) {
	state, ok := paymentStates[status]
	if a.Outcome == payment.OutcomeDone && !ok {
		a.Outcome = payment.OutcomeUnknown
	}
	if a.Outcome != payment.OutcomeDone {
		return "", explain(a, chargeFailure)
	}
	return state, a
}

// paymentStates are the states of a PaymentIntent:
// https://docs.stripe.com/payments/paymentintents/lifecycle.
var paymentStates = map[stripe.PaymentIntentStatus]payment.PaymentStatus{
	stripe.PaymentIntentStatusSucceeded:             payment.Captured,
	stripe.PaymentIntentStatusCanceled:              payment.Canceled,
	stripe.PaymentIntentStatusRequiresPaymentMethod: payment.Open,
	stripe.PaymentIntentStatusRequiresConfirmation:  payment.Open,
	stripe.PaymentIntentStatusProcessing:            payment.Processing,
	stripe.PaymentIntentStatusRequiresAction:        payment.Processing,
}

// notFound explains a look-up that did not read a payment, or a page, and tells one that Stripe does not know from one
// that could not be read.
func notFound(a payment.Result) payment.Result {
	a = explain(lookupFailed(a), chargeFailure)
	if f := chargeFailure(a.Code); f == payment.UnknownAtProvider && a.HTTP == http.StatusNotFound {
		a.Failure = f
	}
	return a
}

// lookupFailed is the answer of a look-up that did not read what it looked for.
func lookupFailed(a payment.Result) payment.Result {
	a.Outcome = payment.OutcomeUnknown
	return a
}
