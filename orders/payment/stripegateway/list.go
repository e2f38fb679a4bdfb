package stripegateway

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"time"

	"github.com/stripe/stripe-go/v85"

	"github.com/returnkit/returnkit/orders/payment"
)

var _ payment.RefundLister = (*Gateway)(nil)

// ListRefunds implements payment.RefundLister over all pages, newest first. Each page
// is a call of its own, with a timeout of its own.
func (g *Gateway) ListRefunds(ctx context.Context, from, to time.Time) iter.Seq2[payment.ProviderRefund, error] {
	what := fmt.Sprintf("refunds from %s to %s", from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339))
	return pages(what, listed, func(after string) ([]*stripe.Refund, error) {
		params := &stripe.RefundListParams{CreatedRange: &stripe.RangeQueryParams{
			GreaterThanOrEqual: from.Unix(), LesserThan: to.Unix()}}
		params.StartingAfter = cursor(after)
		return g.refundPage(ctx, params)
	})
}

// refundPage reads one page.
func (g *Gateway) refundPage(ctx context.Context, params *stripe.RefundListParams) ([]*stripe.Refund, error) {
	ctx, _, cancel := g.call(ctx)
	defer cancel()
	params.Limit = stripe.Int64(pageSize)
	page := make([]*stripe.Refund, 0, pageSize)
	for r, err := range g.client.V1Refunds.List(ctx, params).All(ctx) {
		if err != nil {
			return nil, err
		}
		if page = append(page, r); len(page) == pageSize {
			break // All would go on to the next page within this call
		}
	}
	return page, nil
}

func listed(r *stripe.Refund) payment.ProviderRefund {
	l := payment.ProviderRefund{
		ProviderID: r.ID, AttemptID: r.Metadata[MetaAttemptID], RefundID: r.Metadata[MetaRefundID],
		Currency: currencyFrom(string(r.Currency)), Status: string(r.Status), CreatedAt: time.Unix(r.Created, 0).UTC(),
	}
	// An amount that is none of ours stays 0: the row differs, and says so.
	a := refunded(r)
	l.Amount, l.Outcome = a.Amount, a.Outcome
	if r.PaymentIntent != nil {
		l.PaymentProviderID = r.PaymentIntent.ID
	}
	return l
}

// PaymentOwner returns the ids of the order and the payment that a PaymentIntent
// was made for, from its metadata; empty where it was not made by this package,
// or does not exist.
func (g *Gateway) PaymentOwner(ctx context.Context, reference string) (orderID, paymentID string, err error) {
	ctx, _, cancel := g.call(ctx)
	defer cancel()
	pi, err := g.client.V1PaymentIntents.Retrieve(ctx, reference, nil)
	var refusal *stripe.Error
	if errors.As(err, &refusal) && refusal.HTTPStatusCode == http.StatusNotFound {
		return "", "", nil
	}
	if err != nil {
		return "", "", fmt.Errorf("stripegateway: whose payment is %s: %w", reference, err)
	}
	return pi.Metadata[MetaOrderID], pi.Metadata[MetaPaymentID], nil
}
