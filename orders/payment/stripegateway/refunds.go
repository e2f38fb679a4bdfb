package stripegateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/stripe/stripe-go/v85"

	"github.com/returnkit/returnkit/orders/payment"
)

// CreateRefund asks for the refund under r.Key, with our ids in its metadata.
func (g *Gateway) CreateRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	amount, err := toUnit(r.Amount, r.Currency)
	if err != nil {
		return notSent(err)
	}
	ctx, s, cancel := g.call(ctx)
	defer cancel()
	params := &stripe.RefundCreateParams{
		PaymentIntent: stripe.String(r.PaymentProviderID),
		Amount:        stripe.Int64(amount),
		Metadata: map[string]string{
			MetaRefundID: r.RefundID, MetaAttemptID: r.AttemptID, MetaOrderID: r.OrderID,
		},
	}
	params.SetIdempotencyKey(r.Key)
	refund, err := g.client.V1Refunds.Create(ctx, params)
	var ok payment.Result
	if err == nil {
		ok = refundedAs(refund, r)
	}
	return explain(classify(err, s, ok, nil), RefundFailure)
}

// pageSize is how many refunds a page of the look-up holds; 100 is the most
// that Stripe gives.
const pageSize = 100

// FindRefund reads every page of the payment's refunds for the one with the
// attempt's id. Should there be several, one that holds money is returned
// before one that failed.
func (g *Gateway) FindRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	return explain(g.findRefund(ctx, r), RefundFailure)
}

func (g *Gateway) findRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	ctx, s, cancel := g.call(ctx)
	defer cancel()
	params := &stripe.RefundListParams{PaymentIntent: stripe.String(r.PaymentProviderID)}
	params.Limit = stripe.Int64(pageSize)
	found := payment.Result{Outcome: payment.OutcomeAbsent}
	read := map[string]bool{}
	for refund, err := range g.client.V1Refunds.List(ctx, params).All(ctx) {
		if err != nil {
			return lookupFailed(classify(err, s, payment.Result{}, nil))
		}
		if err := once(read, refund.ID); err != nil {
			return classify(nil, s, unbelieved(payment.Result{}, err.Error()), nil)
		}
		if refund.Metadata[MetaAttemptID] != r.AttemptID {
			continue
		}
		a := refundedAs(refund, r)
		if a.Code == codeUnexpected {
			return classify(nil, s, a, nil)
		}
		if found.ProviderID == "" || found.Outcome == payment.OutcomeDeclined {
			found = a
		}
	}
	return classify(nil, s, found, nil)
}

// maxListed is how many refunds a list is read to: far more than a payment or an
// hour has, and a list without end ends.
const maxListed = 100_000

// once notes the id of a refund in a list. A list that repeats itself, or has no
// end, is no list.
func once(read map[string]bool, id string) error {
	switch {
	case id == "":
		return errors.New("a refund in the list has no id")
	case read[id]:
		return fmt.Errorf("the list repeats refund %s", id)
	case len(read) == maxListed:
		return fmt.Errorf("the list has more than %d refunds", maxListed)
	}
	read[id] = true
	return nil
}
