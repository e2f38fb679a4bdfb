package payment

import (
	"context"

	"github.com/returnkit/returnkit/orders/money"
)

// ChargeRequest asks for one payment. All its fields are frozen when the
// order is placed, so that a retry is the same request; only a key under which
// the provider replays an answer that settles nothing is followed by the next
// one (Payment.KeyRound).
type ChargeRequest struct {
	Key       string // idempotency key of the whole charge; calls derive theirs from it
	OrderID   string
	PaymentID string
	Amount    int64 // minor units, more than 0
	Currency  money.Currency
	Token     string // payment method at the provider
}

// ChargeGateway moves a customer's money in. Its methods do not return an error:
// every way a call can end is a Result. Implementations are safe for
// concurrent use, honor ctx, and never retry on their own.
//
// The two steps exist so that a confirm whose answer is lost can be looked
// up by the reference that create gave.
type ChargeGateway interface {
	// CreatePayment makes the payment object, without moving money.
	// OutcomeDone means it exists; ProviderID names it.
	CreatePayment(ctx context.Context, r ChargeRequest) Result
	// ConfirmPayment moves the money. OutcomeDone means captured.
	ConfirmPayment(ctx context.Context, r ChargeRequest, reference string) Result
	// FindPayment tells the state of a payment object: OutcomeDone captured,
	// OutcomeDeclined certainly not captured and never will be (canceled),
	// OutcomeNoEffect not captured, could still be; OutcomePending in between.
	FindPayment(ctx context.Context, reference string) Result
	// CancelPayment makes sure that the payment will never be captured:
	// OutcomeDone it never will be, OutcomeDeclined it is captured already.
	CancelPayment(ctx context.Context, r ChargeRequest, reference string) Result
}
