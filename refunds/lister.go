package refunds

import (
	"context"
	"iter"
	"time"
)

// ProviderRefund is a refund in the provider's own list.
type ProviderRefund struct {
	ProviderID        string // the provider's id of it
	PaymentProviderID string
	AttemptID         string // ours, from the metadata; empty when it is not ours
	RefundID          string // ours, from the metadata
	Amount            int64  // minor units
	Currency          Currency
	Outcome           Outcome // of its state
	Status            string  // the provider's word for it
	CreatedAt         time.Time
}

// RefundLister reads the provider's list of refunds. It is apart from Gateway because
// paying needs no list, and comes with a Gateway that has one.
type RefundLister interface {
	// ListRefunds yields every refund created in [from, to), whole seconds, over
	// all pages. An error ends the list, and then it is not complete.
	ListRefunds(ctx context.Context, from, to time.Time) iter.Seq2[ProviderRefund, error]
}
