package orders

import "context"

// Outcome is what is known of a provider call once it has ended. There are
// no others: whatever is not recognised is OutcomeUnknown.
type Outcome string

// The outcomes of a provider call.
const (
	// OutcomeDone: the effect is there.
	OutcomeDone Outcome = "done"
	// OutcomeDeclined: a definite no; the effect is not there and this call
	// will never bring it about.
	OutcomeDeclined Outcome = "refused"
	// OutcomeNoEffect: nothing happened (rate limited, lock timeout, not even
	// sent because the breaker is open): try later with the same key.
	OutcomeNoEffect Outcome = "nothing_happened"
	// OutcomePending: the provider has it and decides later.
	OutcomePending Outcome = "pending"
	// OutcomeRequiresAction: the provider waits for a person.
	OutcomeRequiresAction Outcome = "requires_action"
	// OutcomeUnknown: nobody can tell. A timeout, a cut connection, a 5xx, a
	// crash, and anything unrecognised.
	OutcomeUnknown Outcome = "unknown"
)

// Result is how a provider call ended.
type Result struct {
	Outcome    Outcome
	ProviderID string // the provider's id of the object, when told
	Code       string // the provider's code (decline code, error code), when told
	Message    string // for logs and staff, never for a page of a customer
	Amount     int64  // minor units the provider says moved, 0 when it did not say
	Status     string // the provider's own word for the object's state, when told
	Replayed   bool   // the answer was stored under the key and given again
	HTTP       int    // HTTP status, 0 when there was no answer
}

// ChargeRequest asks for one payment. All its fields are frozen when the
// order is placed, so that a retry is the same request; only a key under which
// the provider replays an answer that settles nothing is followed by the next
// one (Payment.KeyRound).
type ChargeRequest struct {
	Key       string // idempotency key of the whole charge; calls derive theirs from it
	OrderID   string
	PaymentID string
	Amount    int64 // minor units, more than 0
	Currency  Currency
	Token     string // payment method at the provider
}

// ChargeGateway moves a customer's money in. Its methods do not return an error:
// every way a call can end is an Answer. Implementations are safe for
// concurrent use, honour ctx, and never retry on their own.
//
// The two steps exist so that a confirm whose answer is lost can be looked
// up by the reference that create gave.
type ChargeGateway interface {
	// CreatePayment makes the payment object, without moving money.
	// OutcomeDone means it exists; Reference names it.
	CreatePayment(ctx context.Context, r ChargeRequest) Result
	// ConfirmPayment moves the money. OutcomeDone means captured.
	ConfirmPayment(ctx context.Context, r ChargeRequest, reference string) Result
	// FindPayment tells the state of a payment object: OutcomeDone captured,
	// OutcomeDeclined certainly not captured and never will be (cancelled),
	// OutcomeNoEffect not captured, could still be; OutcomePending in between.
	FindPayment(ctx context.Context, reference string) Result
	// CancelPayment makes sure that the payment will never be captured:
	// OutcomeDone it never will be, OutcomeDeclined it is captured already.
	CancelPayment(ctx context.Context, r ChargeRequest, reference string) Result
}
