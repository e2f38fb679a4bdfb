package refunds

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
)

// The types of a refund's events.
const (
	EventCreated        = "refund.created"           // decided, with its first attempt
	EventAttemptCreated = "refund.attempt_created"   // a new attempt after one that failed
	EventSubmitted      = "refund.submitted"         // about to be sent to the provider, or paid by a manual method
	EventDeferred       = "refund.deferred"          // nothing happened; the same key is sent later
	EventUnknown        = "refund.unknown"           // the outcome is unknown
	EventPending        = "refund.pending"           // the provider decides later
	EventRequiresAction = "refund.requires_action"   // the provider waits for an action
	EventSucceeded      = "refund.succeeded"         // the money went back
	EventFailed         = "refund.failed"            // it certainly did not
	EventReversed       = "refund.reversed"          // the provider took it back later
	EventReviewRequired = "refund.queued_for_person" // it needs review
	EventResolved       = "refund.resolved"          // reviewed; succeeded or failed follows
	EventHeld           = "refund.held"              // not to be sent until it is released
	EventReleased       = "refund.released"          // may be sent again
)

// payload is the data of an event. The same apply serves the change itself
// and Fold, so that the two can't differ.
type payload interface {
	apply(r *Refund, at time.Time)
}

// record applies the data to the refund and notes the event.
func (r *Refund) record(s event.Stamp, typ string, data payload) error {
	e, err := event.NewEvent(r.ID, r.Version+1, typ, s, data)
	if err != nil {
		return err
	}
	data.apply(r, e.At)
	r.Version, r.UpdatedAt = e.Seq, e.At
	r.changes = append(r.changes, e)
	return nil
}

// Fold replays the events of one refund, in order of Seq from 1, and returns
// the refund they make. Of Work it gives Attempts, LastError and NeedsReview: when
// to try next and who holds the lease is not history, and is left zero.
func Fold(events []event.Event) (Refund, error) {
	var r Refund
	known := func(typ string) (payload, bool) {
		data := payloadOf(typ)
		return data, data != nil && (typ == EventCreated) == (r.Version == 0)
	}
	err := event.Fold(events, known, func(e event.Event, data payload) {
		at := instant(e.At)
		r.ID = e.AggregateID
		data.apply(&r, at)
		r.Version, r.UpdatedAt = e.Seq, at
	})
	if errors.Is(err, event.ErrNoHistory) {
		return Refund{}, notFound("event to fold", "")
	}
	if _, ok := errors.AsType[*event.HistoryError](err); ok {
		return Refund{}, &Error{
			Code: CodeInvalid, Field: "events", Message: "They are not one history: " + err.Error() + ".", Err: err,
		}
	}
	if err != nil {
		return Refund{}, fmt.Errorf("refunds: fold %w", err)
	}
	r.Work.NextAt = time.Time{}
	return r, nil
}

func payloadOf(typ string) payload {
	switch typ {
	case EventCreated:
		return &created{}
	case EventAttemptCreated:
		return &attemptCreated{}
	case EventSubmitted:
		return &submitted{}
	case EventDeferred, EventUnknown, EventPending, EventRequiresAction:
		return &attempted{}
	case EventSucceeded:
		return &succeeded{}
	case EventFailed:
		return &failed{}
	case EventReversed:
		return &reversed{}
	case EventReviewRequired:
		return &reviewRequired{}
	case EventResolved:
		return &resolved{}
	case EventHeld:
		return &onHold{}
	case EventReleased:
		return &released{}
	}
	return nil
}

type created struct {
	Intent    string         `json:"intent,omitempty"` // empty: the refund's own id
	Leg       int            `json:"leg,omitempty"`
	Reference string         `json:"reference"`
	OrderID   string         `json:"order_id"`
	PaymentID string         `json:"payment_id"`
	Customer  string         `json:"customer"`
	Attempt   attemptCreated `json:"attempt"`
}

func (c *created) apply(r *Refund, at time.Time) {
	r.ClientReference, r.OrderID, r.PaymentID, r.Customer = c.Reference, c.OrderID, c.PaymentID, c.Customer
	r.IntentID, r.Leg, r.CreatedAt = cmp.Or(c.Intent, r.ID), c.Leg, at
	c.Attempt.apply(r, at)
	r.setStatus(StatusCreated)
}

type attemptCreated struct {
	ID               string         `json:"id"`
	Method           payment.Method `json:"method"`
	Key              string         `json:"key,omitempty"`
	PaymentReference string         `json:"payment_reference,omitempty"`
	PaidBy           event.Actor    `json:"paid_by,omitzero"`
	Request          QuoteRequest   `json:"request"`
	Quote            Quote          `json:"quote"`
}

func (c *attemptCreated) apply(r *Refund, at time.Time) {
	r.Method, r.Request, r.Quote = c.Method, c.Request, c.Quote
	r.Attempts = append(r.Attempts, Attempt{
		ID: c.ID, Number: len(r.Attempts) + 1, Method: c.Method, Amount: c.Quote.Amount,
		Key: c.Key, PaymentProviderID: c.PaymentReference, PaidBy: c.PaidBy, CreatedAt: at,
	})
	r.setStatus(StatusSubmitted)
	r.Work = payment.Work{NextAt: at}
}

type submitted struct {
	// Sending: the provider is about to be called.
	Sending bool `json:"sending,omitempty"`
}

func (d *submitted) apply(r *Refund, at time.Time) {
	r.setStatus(StatusSubmitted)
	if a := r.Attempt(); d.Sending && a.FirstSentAt.IsZero() {
		a.FirstSentAt = at
		r.Work.NeedsReview = false // it was in the queue because nothing had been sent
	}
}

// attempted is an attempt to settle the refund that did not.
type attempted struct {
	Status      Status          `json:"status"` // of the refund from now on
	Outcome     payment.Outcome `json:"outcome"`
	Code        string          `json:"code,omitempty"`
	LastError   string          `json:"last_error,omitempty"`
	Reference   string          `json:"reference,omitempty"`
	Sent        int             `json:"sent"`  // sends under the key so far
	Tries       int             `json:"tries"` // without success so far
	Told        bool            `json:"answered,omitempty"`
	StoredError bool            `json:"stored_error,omitempty"`
	Unsent      bool            `json:"unsent,omitempty"` // certainly no call had an effect
	Calls       []Call          `json:"answers,omitempty"`
}

func (t *attempted) apply(r *Refund, at time.Time) {
	r.setStatus(t.Status)
	a := r.Attempt()
	a.Sent, a.StoredError = t.Sent, t.StoredError
	if t.Reference != "" {
		a.ProviderID = t.Reference
	}
	if t.Told && a.AnsweredAt.IsZero() {
		a.AnsweredAt = at
	}
	if t.Unsent {
		a.FirstSentAt = time.Time{}
	}
	r.Work.Attempts, r.Work.LastError, r.Work.NeedsReview = t.Tries, t.LastError, r.OnHold()
}

type succeeded struct {
	Reference string `json:"reference,omitempty"`
	Sent      int    `json:"sent,omitempty"`
	Calls     []Call `json:"answers,omitempty"`
}

func (d *succeeded) apply(r *Refund, at time.Time) {
	if d.Reference != "" {
		r.Attempt().ProviderID = d.Reference
	}
	r.settle(StatusSucceeded, d.Sent, at)
}

type failed struct {
	Code      string `json:"code,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Reference string `json:"reference,omitempty"`
	Sent      int    `json:"sent,omitempty"`
	Calls     []Call `json:"answers,omitempty"`
}

func (d *failed) apply(r *Refund, at time.Time) {
	a := r.Attempt()
	a.FailureCode, a.FailureReason = d.Code, d.Reason
	if d.Reference != "" {
		a.ProviderID = d.Reference
	}
	r.settle(StatusFailed, d.Sent, at)
}

type reversed struct {
	Reference string `json:"reference,omitempty"`
	Code      string `json:"code,omitempty"`
	Reason    string `json:"reason,omitempty"`
}

func (d *reversed) apply(r *Refund, at time.Time) {
	a := r.Attempt()
	if d.Reference != "" {
		a.ProviderID = d.Reference
	}
	a.FailureCode, a.FailureReason = d.Code, d.Reason
	r.settle(StatusReversed, a.Sent, at)
}

type reviewRequired struct {
	Reason string `json:"reason"`
}

func (d *reviewRequired) apply(r *Refund, _ time.Time) {
	r.Work.NeedsReview, r.Work.LastError = true, d.Reason
}

type resolved struct {
	Paid      bool   `json:"paid"`
	Reason    string `json:"reason"`
	Reference string `json:"reference,omitempty"`
}

func (*resolved) apply(r *Refund, _ time.Time) { r.Work.NeedsReview = false }

func (r *Refund) setStatus(s Status) { r.Status, r.Attempt().Status = s, s }

// settle ends the current attempt. Whoever held its lease has lost it.
func (r *Refund) settle(s Status, sent int, at time.Time) {
	r.setStatus(s)
	a := r.Attempt()
	a.Sent, a.SettledAt = sent, at
	if a.Key != "" && a.AnsweredAt.IsZero() {
		a.AnsweredAt = at
	}
	r.Work, r.HoldRef = payment.Work{Attempts: r.Work.Attempts}, ""
}

// instant is t as it is stored: UTC, microseconds; zero stays zero.
func instant(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}
