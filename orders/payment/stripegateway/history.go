package stripegateway

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/stripe/stripe-go/v85"

	"github.com/returnkit/returnkit/orders/payment"
)

var _ payment.HistoryReader = (*Gateway)(nil)

// RefundsOf implements payment.HistoryReader over all pages, newest first.
func (g *Gateway) RefundsOf(ctx context.Context, reference string) iter.Seq2[payment.ProviderRefund, error] {
	return pages("refunds of "+reference, listed, func(after string) ([]*stripe.Refund, error) {
		params := &stripe.RefundListParams{PaymentIntent: stripe.String(reference)}
		params.StartingAfter = cursor(after)
		return g.refundPage(ctx, params)
	})
}

// DisputesOf implements payment.HistoryReader over all pages, newest first.
func (g *Gateway) DisputesOf(ctx context.Context, reference string) iter.Seq2[payment.ProviderDispute, error] {
	return pages("disputes of "+reference, disputed, func(after string) ([]*stripe.Dispute, error) {
		params := &stripe.DisputeListParams{PaymentIntent: stripe.String(reference)}
		params.StartingAfter = cursor(after)
		return g.disputePage(ctx, params)
	})
}

// ListDisputes implements payment.HistoryReader over all pages, newest first.
func (g *Gateway) ListDisputes(ctx context.Context, from, to time.Time) iter.Seq2[payment.ProviderDispute, error] {
	what := fmt.Sprintf("disputes from %s to %s", from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339))
	return pages(what, disputed, func(after string) ([]*stripe.Dispute, error) {
		params := &stripe.DisputeListParams{CreatedRange: &stripe.RangeQueryParams{
			GreaterThanOrEqual: from.Unix(), LesserThan: to.Unix()}}
		params.StartingAfter = cursor(after)
		return g.disputePage(ctx, params)
	})
}

// cursor is the id after which a page begins, nil for the first page.
func cursor(after string) *string {
	if after == "" {
		return nil
	}
	return &after
}

// object is what the provider lists.
type object interface {
	*stripe.Refund | *stripe.Dispute
}

func idOf[T object](o T) string {
	switch o := any(o).(type) {
	case *stripe.Refund:
		return o.ID
	case *stripe.Dispute:
		return o.ID
	}
	return ""
}

// pages yields what a list holds, page by page. Each page is a call of its own,
// with a timeout of its own.
func pages[T object, R any](what string, read func(T) R, page func(after string) ([]T, error)) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		var none R
		seen := map[string]bool{}
		for last := ""; ; {
			found, err := page(last)
			if err != nil {
				yield(none, fmt.Errorf("stripegateway: list %s: %w", what, err))
				return
			}
			for _, o := range found {
				if err := once(seen, idOf(o)); err != nil {
					yield(none, fmt.Errorf("stripegateway: list %s: %w", what, err))
					return
				}
				if !yield(read(o), nil) {
					return
				}
				last = idOf(o)
			}
			if len(found) < pageSize {
				return
			}
		}
	}
}

// disputePage reads one page.
func (g *Gateway) disputePage(ctx context.Context, params *stripe.DisputeListParams) ([]*stripe.Dispute, error) {
	ctx, _, cancel := g.call(ctx)
	defer cancel()
	params.Limit = stripe.Int64(pageSize)
	page := make([]*stripe.Dispute, 0, pageSize)
	for d, err := range g.client.V1Disputes.List(ctx, params).All(ctx) {
		if err != nil {
			return nil, err
		}
		if page = append(page, d); len(page) == pageSize {
			break // All would go on to the next page within this call
		}
	}
	return page, nil
}

// disputed reads a dispute. What was withdrawn is the sum of its movements, which
// are in the currency of the account: where that is another one, it is the
// disputed amount.
func disputed(d *stripe.Dispute) payment.ProviderDispute {
	p := payment.ProviderDispute{
		ProviderID: d.ID, State: disputeState(d.Status), Status: string(d.Status), Reason: string(d.Reason),
		CreatedAt: time.Unix(d.Created, 0).UTC(),
	}
	p.Amount, p.Currency = amountTold(d.Amount, string(d.Currency))
	if d.PaymentIntent != nil {
		p.PaymentProviderID = d.PaymentIntent.ID
	}
	var sum int64
	foreign := false
	for _, m := range d.BalanceTransactions {
		sum -= m.Amount
		foreign = foreign || m.Currency != d.Currency
	}
	switch {
	case sum <= 0:
	case foreign:
		p.Withdrawn = p.Amount
	default:
		p.Withdrawn, _ = amountTold(sum, string(d.Currency))
	}
	return p
}

// disputeState is what a dispute's status means. One that was prevented, or only was
// an inquiry, leaves the money with the shop
// (https://docs.stripe.com/api/disputes/object#dispute_object-status).
func disputeState(s stripe.DisputeStatus) payment.DisputeState {
	switch s {
	case stripe.DisputeStatusWon, stripe.DisputeStatusPrevented, stripe.DisputeStatusWarningClosed:
		return payment.DisputeWon
	case stripe.DisputeStatusLost:
		return payment.DisputeLost
	}
	return payment.DisputeOpen
}
