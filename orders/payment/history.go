package payment

import (
	"context"
	"iter"
	"time"

	"github.com/returnkit/returnkit/orders/money"
)

// DisputeState is what a dispute of a payment means for its money.
type DisputeState string

// The states of a dispute. What is not recognized is DisputeOpen.
const (
	DisputeOpen DisputeState = "open" // the bank asks, or has taken the money and decides later
	DisputeWon  DisputeState = "won"  // it is over and the money is the shop's
	DisputeLost DisputeState = "lost" // it is over and the bank has paid the customer
)

// ProviderDispute is a dispute in the provider's own list.
type ProviderDispute struct {
	ProviderID        string // the provider's id of it
	PaymentProviderID string
	Amount            int64 // disputed, minor units
	Withdrawn         int64 // taken from the shop for it at this moment, minor units
	Currency          money.Currency
	State             DisputeState
	Status            string // the provider's word for it
	Reason            string // the bank's, in the provider's word
	CreatedAt         time.Time
}

// HistoryReader reads what happened to a payment at the provider, by us or by
// others. It is apart from RefundGateway because paying needs no history, and comes
// with a gateway that has one. An error ends a list, and then it is not complete.
type HistoryReader interface {
	// RefundsOf yields every refund of the payment, over all pages.
	RefundsOf(ctx context.Context, paymentProviderID string) iter.Seq2[ProviderRefund, error]
	// DisputesOf yields every dispute of the payment, over all pages.
	DisputesOf(ctx context.Context, paymentProviderID string) iter.Seq2[ProviderDispute, error]
	// ListDisputes yields every dispute opened in [from, to), whole seconds, over
	// all pages.
	ListDisputes(ctx context.Context, from, to time.Time) iter.Seq2[ProviderDispute, error]
}

// CodeAlreadyRefunded is the Code of a declined refund that says that the payment
// was refunded already. A gateway translates its provider's own word to it; it
// is Stripe's.
const CodeAlreadyRefunded = "charge_already_refunded"
