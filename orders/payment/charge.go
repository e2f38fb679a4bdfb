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
	Method    Method
	Token     string // payment method at the provider
}

// ChargeLimiter is a ChargeGateway that knows which amounts its provider charges.
// It is asked before an order divides its total between two payments.
type ChargeLimiter interface {
	// Chargeable returns the amounts in minor units that can be charged and are
	// nearest to the one given, at or below it and at or above it. Both are that
	// amount where it can be charged, and 0 where there is none on that side. ok is
	// false where the provider does not take the currency.
	Chargeable(amount int64, c money.Currency) (below, above int64, ok bool)
}

// Chargeable is what the gateway says as a ChargeLimiter; one that is none charges
// every amount.
func Chargeable(g ChargeGateway, amount int64, c money.Currency) (below, above int64, ok bool) {
	if l, limits := g.(ChargeLimiter); limits {
		return l.Chargeable(amount, c)
	}
	return amount, amount, true
}

// PaymentStatus is the state of a payment object at the provider. It is empty where a
// call did not return one.
type PaymentStatus string

// The states of a payment object. Captured and Canceled are final.
const (
	Captured   PaymentStatus = "captured"   // the money has moved
	Open       PaymentStatus = "open"       // not captured; a confirm can still capture it
	Processing PaymentStatus = "processing" // the provider decides later, or waits for the customer
	Canceled   PaymentStatus = "canceled"   // not captured, and never will be
)

// ChargeGateway moves a customer's money in. Its methods do not return an error:
// every way a call can end is a Result. Implementations are safe for
// concurrent use, honor ctx, and never retry on their own.
//
// The two steps exist so that a confirm whose answer is lost can be looked
// up by the id that create gave.
type ChargeGateway interface {
	// CreatePayment makes the payment object, without moving money.
	// OutcomeDone means it exists; ProviderID names it.
	CreatePayment(ctx context.Context, r ChargeRequest) Result
	// ConfirmPayment moves the money. OutcomeDone means captured.
	ConfirmPayment(ctx context.Context, r ChargeRequest, providerID string) Result
	// FindPayment reads the payment object and returns its state, with
	// OutcomeDone. With any other outcome the state was not read and is empty.
	// An object that does not exist is not read: OutcomeUnknown, with the failure
	// UnknownAtProvider where the provider says so.
	FindPayment(ctx context.Context, providerID string) (PaymentStatus, Result)
	// CancelPayment asks that the payment never be captured, and returns its
	// state after that, with OutcomeDone: Canceled where it worked, Captured
	// where the money has moved already. With any other outcome the state is not
	// known and is empty.
	CancelPayment(ctx context.Context, r ChargeRequest, providerID string) (PaymentStatus, Result)
}
