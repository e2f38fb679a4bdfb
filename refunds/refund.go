package refunds

import (
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
)

// Status is the state of a refund, and of each of its attempts.
type Status string

// The states of a refund and where they lead:
//
//	created -> submitted -> succeeded | failed | pending | requires_action | unknown
//	pending, requires_action, unknown -> succeeded | failed
//	failed -> (a new attempt) submitted
//	succeeded -> reversed
//
// While it is open a refund follows the provider's word: unknown may become
// pending or requires_action, and these two one another. Reversed is final;
// failed ends with the next attempt, if there is one.
const (
	StatusCreated        Status = "created"         // decided and committed, nothing sent
	StatusSubmitted      Status = "submitted"       // about to be sent, or sent and not answered yet
	StatusPending        Status = "pending"         // the provider has it and decides later
	StatusRequiresAction Status = "requires_action" // the provider waits for an action
	StatusUnknown        Status = "unknown"         // the outcome is unknown; it is looked up, never paid again
	StatusSucceeded      Status = "succeeded"       // the money went back
	StatusFailed         Status = "failed"          // certainly did not; may be tried again
	StatusReversed       Status = "reversed"        // succeeded once, the provider took it back
)

// Open reports whether the refund is still under way.
func (s Status) Open() bool {
	switch s {
	case StatusCreated, StatusSubmitted, StatusPending, StatusRequiresAction, StatusUnknown:
		return true
	}
	return false
}

// valid reports whether it is one of the states.
func (s Status) valid() bool {
	return s.Open() || s == StatusSucceeded || s == StatusFailed || s == StatusReversed
}

// CountsAgainstCaptured reports whether a refund in this state counts against what was
// captured: every state but failed and reversed, a state nobody knows included.
func (s Status) CountsAgainstCaptured() bool { return s != StatusFailed && s != StatusReversed }

// Refund is what one payment gives back of an Intent, with its RefundAttempts, each
// under a key of its own. It is a value; functions of this package change it and
// record Events.
type Refund struct {
	ID string // UUIDv7
	// IntentID is the id of the decision that it is of: its own, unless several
	// payments give parts back. Then it is the id of the first.
	IntentID string
	// Leg is its place among the refunds of the reference: 0 for the first.
	Leg int
	// ClientReference is what it is for, such as the id of a return. A reference has
	// at most one refund that is not reversed for each payment, all of one order.
	ClientReference string
	OrderID         string
	PaymentID       string
	Customer        string         // id of the customer the money goes to
	Method          payment.Method // of the current attempt: one of the provider such as card, cash or store_credit
	Request         QuoteRequest   // what Quote was made from, kept for the next attempt
	Quote           Quote          // of the current attempt
	Status          Status
	Attempts        []Attempt // in order; the last one is the current one
	CreatedAt       time.Time
	UpdatedAt       time.Time
	Version         int // number of events so far
	// HoldRef is what keeps the refund from being sent: the Ref of a Hold of its
	// payment, or AwaitingMethod. Empty: nothing does.
	HoldRef string
	Work    payment.Work

	changes []event.Event
}

// Attempt is one try of a refund. What it sends is frozen before the first call.
type Attempt struct {
	ID                string // UUIDv7; in the metadata at the provider, to look it up
	Number            int    // 1 for the first
	Method            payment.Method
	Status            Status
	Amount            int64  // minor units
	Key               string // idempotency key; empty for manual methods
	PaymentProviderID string // the provider's PaymentIntent; empty for manual methods
	ProviderID        string // the provider's id of the refund, or MANUAL-CAS-00042
	FailureCode       string
	FailureReason     string // for staff
	Sent              int    // sends made under the key, less those that a crash cut
	CreatedAt         time.Time
	// FirstSentAt is committed before the first call that may have an effect;
	// the age of the key counts from here. Zero: certainly no call had one,
	// because none was made or the provider said of each that nothing happened.
	FirstSentAt time.Time
	AnsweredAt  time.Time // first answer that said anything, a replayed 5xx included
	// StoredError: the provider keeps a server error under the key and will replay it
	// forever; the refund can only be looked up.
	StoredError bool
	SettledAt   time.Time   // when it succeeded, failed or was reversed
	PaidBy      event.Actor // manual methods: who handed it out; set when it is decided
}

// unanswered reports whether nothing was ever answered under the key.
func (a *Attempt) unanswered() bool { return a.AnsweredAt.IsZero() && !a.StoredError }

// PendingEvents returns the events recorded since the refund was loaded or made.
func (r *Refund) PendingEvents() []event.Event { return r.changes }

// Clone is the refund as a store keeps it: without the events recorded since
// it was loaded, sharing nothing with r that changes.
func (r Refund) Clone() Refund {
	r.changes = nil
	r.Attempts = slices.Clone(r.Attempts)
	r.Request.Lines, r.Request.Fees = slices.Clone(r.Request.Lines), slices.Clone(r.Request.Fees)
	r.Quote.Lines, r.Quote.Fees = slices.Clone(r.Quote.Lines), slices.Clone(r.Quote.Fees)
	return r
}

// Amount is what the refund pays, in minor units.
func (r Refund) Amount() int64 { return r.Quote.Amount }

// Attempt returns the current attempt, nil before the first.
func (r *Refund) Attempt() *Attempt {
	if len(r.Attempts) == 0 {
		return nil
	}
	return &r.Attempts[len(r.Attempts)-1]
}
