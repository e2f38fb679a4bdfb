package paysim

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// The states of a PaymentIntent and of a Refund, in Stripe's words.
const (
	statusNeedsMethod  = "requires_payment_method"
	statusNeedsConfirm = "requires_confirmation"
	statusNeedsAction  = "requires_action"
	statusSucceeded    = "succeeded"
	statusCanceled     = "canceled"
	statusPending      = "pending"
	statusFailed       = "failed"
)

// intent is a PaymentIntent.
type intent struct {
	ID           string            `json:"id"`
	Amount       int64             `json:"amount"`
	Currency     string            `json:"currency"` // lower case
	Status       string            `json:"status"`
	Method       string            `json:"method,omitempty"`
	Charge       string            `json:"charge,omitempty"` // the latest, failed or not
	LastError    *apiError         `json:"last_error,omitempty"`
	Metadata     map[string]string `json:"metadata,omitempty"`
	Description  string            `json:"description,omitempty"`
	CreatedAt    time.Time         `json:"created_at"`
	CanceledAt   *time.Time        `json:"canceled_at,omitempty"`
	CancelReason string            `json:"cancel_reason,omitempty"`

	index   int      // position in state.intents
	refunds []string // ids, oldest first
}

// charge is one try to take the money of an intent.
type charge struct {
	ID        string    `json:"id"`
	Intent    string    `json:"intent"`
	Amount    int64     `json:"amount"`
	Currency  string    `json:"currency"`
	Method    string    `json:"method"`
	Captured  bool      `json:"captured"` // money moved; false: declined
	Declined  string    `json:"declined,omitempty"`
	CreatedAt time.Time `json:"created_at"`
}

// refund is money on its way back.
type refund struct {
	ID        string            `json:"id"`
	Intent    string            `json:"intent"`
	Charge    string            `json:"charge"`
	Key       string            `json:"key,omitempty"` // idempotency key that made it
	Amount    int64             `json:"amount"`
	Currency  string            `json:"currency"`
	Status    string            `json:"status"`
	Reason    string            `json:"reason,omitempty"`
	Metadata  map[string]string `json:"metadata,omitempty"`
	CreatedAt time.Time         `json:"created_at"`
	// A refund that is not final says what it will become, and when.
	SettlesTo     string     `json:"settles_to,omitempty"`
	SettlesAt     *time.Time `json:"settles_at,omitempty"`
	FailureReason string     `json:"failure_reason,omitempty"`

	index int // position in state.refunds
}

// holds reports whether the refund counts against what was captured.
func (r *refund) holds() bool { return r.Status != statusFailed && r.Status != statusCanceled }

// storedAnswer is what was answered under an idempotency key.
type storedAnswer struct {
	Key         string          `json:"key"`
	Fingerprint string          `json:"fingerprint"` // of endpoint and parameters
	At          time.Time       `json:"at"`
	Request     string          `json:"request"` // Request-Id of the first call
	Status      int             `json:"status"`
	Body        json.RawMessage `json:"body"`
}

// event is a webhook to be delivered.
type event struct {
	ID   string          `json:"id"`
	At   time.Time       `json:"at"`
	Body json.RawMessage `json:"body"`
}

// entry is one line of the ledger: all that one call changed. Its objects are
// whole new states, not differences.
type entry struct {
	Start     string        `json:"start,omitempty"` // first line: the tag in all ids of this ledger
	At        time.Time     `json:"at"`
	Calls     int64         `json:"calls,omitempty"`   // calls received so far
	Numbers   int64         `json:"numbers,omitempty"` // ids given so far
	Intent    *intent       `json:"intent,omitempty"`
	Charge    *charge       `json:"charge,omitempty"`
	Refund    *refund       `json:"refund,omitempty"`
	Dispute   *Dispute      `json:"dispute,omitempty"`
	Answer    *storedAnswer `json:"answer,omitempty"`
	Events    []event       `json:"events,omitempty"`
	Delivered string        `json:"delivered,omitempty"` // event id
}

// state is what the ledger amounts to. Objects in it are never changed in
// place; apply puts new ones, so that live operation and reading the file
// cannot differ.
type state struct {
	tag     string
	numbers int64 // ids given so far
	calls   int64 // as of the last line

	intentByID map[string]*intent
	intents    []*intent // oldest first
	chargeByID map[string]*charge
	charges    []*charge
	refundByID map[string]*refund
	refunds    []*refund

	disputes map[string]*Dispute
	stopped  map[string]bool // intents that take no refund for a dispute

	answers map[string]*storedAnswer
	byAge   []*storedAnswer // for pruning; oldest first
	events  map[string]event
}

func newState() *state {
	return &state{
		intentByID: map[string]*intent{},
		chargeByID: map[string]*charge{},
		refundByID: map[string]*refund{},
		disputes:   map[string]*Dispute{},
		stopped:    map[string]bool{},
		answers:    map[string]*storedAnswer{},
		events:     map[string]event{},
	}
}

// check tells whether an entry that was read can follow what came before.
func (st *state) check(e *entry) error {
	known := func(id string) bool {
		return st.intentByID[id] != nil || e.Intent != nil && e.Intent.ID == id
	}
	switch {
	case (e.Start != "") != (st.tag == ""):
		return errors.New("the first line, and no other, must say what ledger it starts")
	case e.Charge != nil && !known(e.Charge.Intent):
		return fmt.Errorf("charge %s names an unknown PaymentIntent %q", e.Charge.ID, e.Charge.Intent)
	case e.Dispute != nil && !known(e.Dispute.PaymentIntent):
		return fmt.Errorf("dispute %s names an unknown PaymentIntent %q", e.Dispute.ID, e.Dispute.PaymentIntent)
	case e.Refund != nil && (!known(e.Refund.Intent) || st.chargeByID[e.Refund.Charge] == nil):
		return fmt.Errorf("refund %s names an unknown PaymentIntent %q or charge %q", e.Refund.ID, e.Refund.Intent, e.Refund.Charge)
	}
	return nil
}

func (st *state) apply(e *entry) {
	if e.Start != "" {
		st.tag = e.Start
	}
	st.calls = max(st.calls, e.Calls)
	st.numbers = max(st.numbers, e.Numbers)
	if i := e.Intent; i != nil {
		if old := st.intentByID[i.ID]; old != nil {
			i.index, i.refunds = old.index, old.refunds
			st.intents[i.index] = i
		} else {
			i.index = len(st.intents)
			st.intents = append(st.intents, i)
		}
		st.intentByID[i.ID] = i
	}
	if c := e.Charge; c != nil {
		st.charges = append(st.charges, c)
		st.chargeByID[c.ID] = c
	}
	if r := e.Refund; r != nil {
		if old := st.refundByID[r.ID]; old != nil {
			r.index = old.index
			st.refunds[r.index] = r
		} else {
			r.index = len(st.refunds)
			st.refunds = append(st.refunds, r)
			if i := st.intentByID[r.Intent]; i != nil {
				i.refunds = append(i.refunds, r.ID)
			}
		}
		st.refundByID[r.ID] = r
	}
	if d := e.Dispute; d != nil {
		st.disputes[d.ID] = d
		delete(st.stopped, d.PaymentIntent)
		for _, other := range st.disputes {
			if other.PaymentIntent == d.PaymentIntent && other.stops() {
				st.stopped[d.PaymentIntent] = true
			}
		}
	}
	if a := e.Answer; a != nil {
		st.answers[a.Key] = a
		st.byAge = append(st.byAge, a)
	}
	for _, ev := range e.Events {
		st.events[ev.ID] = ev
	}
	delete(st.events, e.Delivered)
}

// prune forgets the answers stored before the instant.
func (st *state) prune(before time.Time) {
	n := 0
	for n < len(st.byAge) && st.byAge[n].At.Before(before) {
		a := st.byAge[n]
		if st.answers[a.Key] == a {
			delete(st.answers, a.Key)
		}
		st.byAge[n] = nil
		n++
	}
	st.byAge = st.byAge[n:]
}

// refunded is how much of the intent has been given back or is on its way.
func (st *state) refunded(i *intent) int64 {
	var sum int64
	for _, id := range i.refunds {
		if r := st.refundByID[id]; r.holds() {
			sum += r.Amount
		}
	}
	return sum
}
