package stripegateway

import (
	"context"

	"github.com/stripe/stripe-go/v85"

	"github.com/returnkit/returnkit/orders/payment"
)

// CreatePayment makes a PaymentIntent without confirming it, under the key
// "<Key>:create".
func (g *Gateway) CreatePayment(ctx context.Context, r payment.ChargeRequest) payment.Result {
	ctx, s, cancel := g.call(ctx)
	defer cancel()
	params := &stripe.PaymentIntentCreateParams{
		Amount:             stripe.Int64(r.Amount),
		Currency:           currencyOf(r.Currency),
		PaymentMethod:      stripe.String(r.Token),
		PaymentMethodTypes: []*string{stripe.String("card")},
		Metadata:           map[string]string{MetaOrderID: r.OrderID, MetaPaymentID: r.PaymentID},
	}
	params.SetIdempotencyKey(r.Key + ":create")
	pi, err := g.client.V1PaymentIntents.Create(ctx, params)
	var ok payment.Result
	if err == nil {
		ok = payment.Result{Outcome: payment.OutcomeDone, ProviderID: pi.ID, Status: string(pi.Status)}
		if pi.ID == "" {
			ok.Outcome = payment.OutcomeUnknown
		}
	}
	return classify(err, s, ok, nil)
}

// ConfirmPayment confirms the PaymentIntent, under the key "<Key>:confirm".
// One that turns out to be confirmed already is answered by its state.
func (g *Gateway) ConfirmPayment(ctx context.Context, r payment.ChargeRequest, reference string) payment.Result {
	ctx, s, cancel := g.call(ctx)
	defer cancel()
	params := &stripe.PaymentIntentConfirmParams{PaymentMethod: stripe.String(r.Token)}
	params.SetIdempotencyKey(r.Key + ":confirm")
	pi, err := g.client.V1PaymentIntents.Confirm(ctx, reference, params)
	var ok payment.Result
	if err == nil {
		ok = charged(pi)
	}
	a := classify(err, s, ok, charged)
	if a.ProviderID == "" {
		a.ProviderID = reference
	}
	return a
}

// FindPayment reads the PaymentIntent. It sends no key: reading has no effect.
// That it can't be read says nothing about the money, so a refusal is unknown.
func (g *Gateway) FindPayment(ctx context.Context, reference string) payment.Result {
	ctx, s, cancel := g.call(ctx)
	defer cancel()
	pi, err := g.client.V1PaymentIntents.Retrieve(ctx, reference, nil)
	if err != nil {
		return lookupFailed(classify(err, s, payment.Result{}, nil))
	}
	return classify(nil, s, charged(pi), nil)
}

// CancelPayment cancels the PaymentIntent, under the key "<Key>:cancel".
func (g *Gateway) CancelPayment(ctx context.Context, r payment.ChargeRequest, reference string) payment.Result {
	ctx, s, cancel := g.call(ctx)
	defer cancel()
	params := &stripe.PaymentIntentCancelParams{}
	params.SetIdempotencyKey(r.Key + ":cancel")
	pi, err := g.client.V1PaymentIntents.Cancel(ctx, reference, params)
	if err == nil {
		return classify(nil, s, cancelled(pi), nil)
	}
	a := classify(err, s, payment.Result{}, cancelled)
	if a.Outcome == payment.OutcomeDeclined && a.Status == "" {
		a.Outcome = payment.OutcomeUnknown // refused for a reason other than its state
	}
	return a
}

// lookupFailed is the answer of a look-up that did not read what it looked for.
func lookupFailed(a payment.Result) payment.Result {
	a.Outcome = payment.OutcomeUnknown
	return a
}
