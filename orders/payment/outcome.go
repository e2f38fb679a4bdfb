package payment

import "github.com/returnkit/returnkit/orders/money"

// Outcome is what is known of a provider call once it has ended. There are
// no others: whatever is not recognized is OutcomeUnknown.
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
	// OutcomeAbsent: a look-up read everything, and the object is not there. No
	// other call ends so.
	OutcomeAbsent Outcome = "absent"
	// OutcomePending: the provider has it and decides later.
	OutcomePending Outcome = "pending"
	// OutcomeRequiresAction: the provider waits for an action.
	OutcomeRequiresAction Outcome = "requires_action"
	// OutcomeUnknown: the call may or may not have had its effect. A timeout, a
	// cut connection, a 5xx, a crash, and anything unrecognized.
	OutcomeUnknown Outcome = "unknown"
)

// Effective reports whether the provider has the object and has paid it, or
// may still pay it: done, pending, or waiting for an action.
func (o Outcome) Effective() bool {
	return o == OutcomeDone || o == OutcomePending || o == OutcomeRequiresAction
}

// Result is how a provider call ended.
type Result struct {
	Outcome    Outcome
	ProviderID string         // the provider's id of the object, where it is known
	Code       string         // the provider's code (decline code, error code), where it is known
	Message    string         // for logs and staff, never for a page of a customer
	Failure    Failure        // why there is no effect, in the words of all providers; see Why
	Limit      int64          // the limit in minor units, with AmountTooSmall or AmountTooLarge; 0: not known
	Amount     int64          // minor units the provider says moved, 0 when it did not say
	Currency   money.Currency // of Amount, empty when it did not say
	Status     string         // the provider's own word for the object's state, where it is known
	Replayed   bool           // the answer was stored under the key and given again
	HTTP       int            // HTTP status, 0 when there was no answer
}
