package stripegateway

import (
	"context"

	"github.com/stripe/stripe-go/v85"

	"github.com/returnkit/returnkit/orders/payment"
)

// CreateRefund asks for the refund under r.Key, with our ids in its metadata.
func (g *Gateway) CreateRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	ctx, s, cancel := g.call(ctx)
	defer cancel()
	params := &stripe.RefundCreateParams{
		PaymentIntent: stripe.String(r.PaymentProviderID),
		Amount:        stripe.Int64(r.Amount),
		Metadata: map[string]string{
			MetaRefundID: r.RefundID, MetaAttemptID: r.AttemptID, MetaOrderID: r.OrderID,
		},
	}
	params.SetIdempotencyKey(r.Key)
	refund, err := g.client.V1Refunds.Create(ctx, params)
	var ok payment.Result
	if err == nil {
		ok = refunded(refund)
	}
	return classify(err, s, ok, nil)
}

// pageSize is how many refunds a page of the look-up holds; 100 is the most
// that Stripe gives.
const pageSize = 100

// FindRefund reads every page of the payment's refunds for the one with the
// attempt's id. Should there be several, one that holds money is told before
// one that failed.
func (g *Gateway) FindRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	ctx, s, cancel := g.call(ctx)
	defer cancel()
	params := &stripe.RefundListParams{PaymentIntent: stripe.String(r.PaymentProviderID)}
	params.Limit = stripe.Int64(pageSize)
	found := payment.Result{Outcome: payment.OutcomeAbsent}
	for refund, err := range g.client.V1Refunds.List(ctx, params).All(ctx) {
		if err != nil {
			return lookupFailed(classify(err, s, payment.Result{}, nil))
		}
		if refund.Metadata[MetaAttemptID] != r.AttemptID {
			continue
		}
		if a := refunded(refund); found.ProviderID == "" || found.Outcome == payment.OutcomeDeclined {
			found = a
		}
	}
	return classify(nil, s, found, nil)
}
