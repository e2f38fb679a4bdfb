package refunds

import (
	"context"

	"github.com/returnkit/returnkit/orders"
)

// AttemptUpdate is how a provider call ended.
type Result = orders.Result

// The outcomes of a provider call, as in package orders.
const (
	OutcomeDone           = orders.OutcomeDone
	OutcomeDeclined       = orders.OutcomeDeclined
	OutcomeNoEffect       = orders.OutcomeNoEffect
	OutcomePending        = orders.OutcomePending
	OutcomeRequiresAction = orders.OutcomeRequiresAction
	OutcomeUnknown        = orders.OutcomeUnknown
)

// RefundRequest asks for one refund. Its fields are frozen in the attempt
// before the first call.
type RefundRequest struct {
	Key               string
	PaymentProviderID string // the provider's id of the payment
	Amount            int64  // minor units, more than 0
	Currency          Currency
	RefundID          string // metadata
	AttemptID         string // metadata; FindRefund looks for it
	OrderID           string // metadata
}

// RefundGateway pays money back through the provider. Its methods do not return
// an error: every way a call can end is an Answer. Implementations are safe
// for concurrent use, honour ctx, and never retry on their own.
type RefundGateway interface {
	// CreateRefund asks for the refund under the key.
	CreateRefund(ctx context.Context, r RefundRequest) Result
	// FindRefund looks for the refund with the attempt's id in its metadata,
	// over all pages of the payment's refunds. When it is there the outcome is
	// that of its state. OutcomeNoEffect means that every page was read and it
	// is absent; OutcomeUnknown that the look-up itself failed.
	FindRefund(ctx context.Context, r RefundRequest) Result
}
