package payment

import (
	"context"
	"iter"
	"time"

	"github.com/returnkit/returnkit/orders/money"
)

// RefundRequest asks for one refund. Its fields are frozen in the attempt
// before the first call.
type RefundRequest struct {
	Key               string
	PaymentProviderID string // the provider's id of the payment
	Amount            int64  // minor units, more than 0
	Currency          money.Currency
	RefundID          string // metadata
	AttemptID         string // metadata; FindRefund looks for it
	OrderID           string // metadata
	// ProviderID is the provider's id of the refund where it is known, for
	// FindRefund alone; empty in CreateRefund.
	ProviderID string
}

// RefundGateway pays money back through the provider. Its methods do not return
// an error: every way a call can end is a Result. Implementations are safe
// for concurrent use, honor ctx, and never retry on their own. This is what each one
// promises, and refundstest.TestGateway holds it to, by number:
//
//  1. A refund is done, or decided later, and the result has the provider's id of it.
//  2. A key pays once, however often and by however many it is sent, and another key pays
//     again.
//  3. Other parameters under a key are not paid.
//  4. FindRefund finds a refund by its attempt, and not by its refund, over all pages.
//  5. OutcomeAbsent means that all was read and it is not there, not that the look-up
//     failed.
//  6. What the provider refuses is not paid, and is declined.
//  7. Each amount is paid to the minor unit, in each currency that the provider takes.
//  8. What the provider decides later is not done before it is decided.
//  9. A call without an answer, or with a server error, is unknown, with its effect or
//     without.
//  10. A call ends with its context, and then it is no answer.
//  11. OutcomeNoEffect means that certainly nothing was paid, and the key may be sent again.
type RefundGateway interface {
	// CreateRefund asks for the refund under the key.
	CreateRefund(ctx context.Context, r RefundRequest) Result
	// FindRefund looks for the refund with the attempt's id in its metadata,
	// over all pages of the payment's refunds. When it is there its state
	// is the outcome. OutcomeAbsent means that every page was read and it is
	// not there; OutcomeUnknown that the look-up itself failed.
	FindRefund(ctx context.Context, r RefundRequest) Result
}

// WebhookEvent is what a message of the provider says about a refund.
type WebhookEvent struct {
	RefundID   string // ours, from the metadata; may be empty
	AttemptID  string // ours, from the metadata; may be empty
	ProviderID string // the provider's id of the refund
	// PaymentProviderID is the provider's id of the payment; may be empty. It is
	// where a refund that is not ours is looked up.
	PaymentProviderID string
	Amount            int64 // minor units; 0 when it does not say
	Currency          money.Currency
	Outcome           Outcome // of the state it reports
}

// ProviderRefund is a refund in the provider's own list.
type ProviderRefund struct {
	ProviderID        string // the provider's id of it
	PaymentProviderID string
	AttemptID         string // ours, from the metadata; empty when it is not ours
	RefundID          string // ours, from the metadata
	Amount            int64  // minor units
	Currency          money.Currency
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
