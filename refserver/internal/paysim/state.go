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
	Live         bool              `json:"live,omitempty"`
	Amount       int64             `json:"amount"`
	Currency     string            `json:"currency"` // lower case
	Status       string            `json:"status"`
	Method       string            `json:"method,omitempty"`
	Charge       string            `json:"charge,omitempty"`  // the latest, failed or not
	Session      string            `json:"session,omitempty"` // the Checkout Session that made it
	LastError    *apiError         `json:"last_error,omitempty"`
	Metadata     map[string]string `json:"metadata,omitempty"`
	Description  string            `json:"description,omitempty"`
	CreatedAt    time.Time         `json:"created_at"`
	CanceledAt   *time.Time        `json:"canceled_at,omitempty"`
	CancelReason string            `json:"cancel_reason,omitempty"`

	index    int      // position in state.intents
	refunds  []string // ids, oldest first
	disputes []string // ids, oldest first
}

// charge is one attempt to take the money of an intent.
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
	Key       string            `json:"key,omitempty"`     // idempotency key that made it
	Outside   bool              `json:"outside,omitempty"` // made on the provider's own pages
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

// counts reports whether the refund counts against what was captured.
func (r *refund) counts() bool { return r.Status != statusFailed && r.Status != statusCanceled }

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

// ledgerFormat is the format of the lines that this package writes. Format 1
// had no Checkout Sessions, live mode, outside refunds or withdrawals; its files
// are read, and continued in this format.
const ledgerFormat = 2

// entry is one line of the ledger: all that one call changed. Its objects are
// whole new states, not differences.
type entry struct {
	Start     string        `json:"start,omitempty"`  // first line: the tag in all ids of this ledger
	Format    int           `json:"format,omitempty"` // of this line and those that follow; none means 1
	At        time.Time     `json:"at"`
	Calls     int64         `json:"calls,omitempty"`   // calls received so far
	Numbers   int64         `json:"numbers,omitempty"` // ids given so far
	Intent    *intent       `json:"intent,omitempty"`
	Charge    *charge       `json:"charge,omitempty"`
	Session   *session      `json:"session,omitempty"`
	Refund    *refund       `json:"refund,omitempty"`
	Dispute   *dispute      `json:"dispute,omitempty"`
	Stored    *storedAnswer `json:"answer,omitempty"`
	Events    []event       `json:"events,omitempty"`
	Delivered string        `json:"delivered,omitempty"` // event id
}

// empty reports whether nothing changed.
func (e *entry) empty() bool {
	return e.Intent == nil && e.Session == nil && e.Refund == nil && e.Dispute == nil && e.Stored == nil
}

// state is what the ledger amounts to. Objects in it are never changed in
// place; apply puts new ones, so that live operation and reading the file
// cannot differ.
type state struct {
	tag     string
	format  int
	numbers int64 // ids given so far
	calls   int64 // as of the last line

	intentByID  map[string]*intent
	intents     []*intent // oldest first
	chargeByID  map[string]*charge
	charges     []*charge
	sessionByID map[string]*session
	sessions    []*session
	refundByID  map[string]*refund
	refunds     []*refund
	disputeByID map[string]*dispute
	disputes    []*dispute

	answers map[string]*storedAnswer
	byAge   []*storedAnswer // for pruning; oldest first
	events  map[string]event
}

func newState() *state {
	return &state{
		intentByID:  map[string]*intent{},
		chargeByID:  map[string]*charge{},
		sessionByID: map[string]*session{},
		refundByID:  map[string]*refund{},
		disputeByID: map[string]*dispute{},
		answers:     map[string]*storedAnswer{},
		events:      map[string]event{},
	}
}

// check reports whether an entry that was read can follow what came before.
func (st *state) check(e *entry) error {
	switch {
	case e.Format > ledgerFormat:
		return fmt.Errorf("it was written by a newer version, in format %d; this version reads up to format %d",
			e.Format, ledgerFormat)
	case (e.Start != "") != (st.tag == ""):
		return errors.New("the first line, and no other, must say what ledger it starts")
	}
	var errs []error
	need := func(what, id, intent, charge string) {
		if st.intentByID[intent] == nil && (e.Intent == nil || e.Intent.ID != intent) {
			errs = append(errs, fmt.Errorf("%s %s names an unknown PaymentIntent %q", what, id, intent))
		}
		if st.chargeByID[charge] == nil && (e.Charge == nil || e.Charge.ID != charge) {
			errs = append(errs, fmt.Errorf("%s %s names an unknown charge %q", what, id, charge))
		}
	}
	if c := e.Charge; c != nil {
		need("charge", c.ID, c.Intent, c.ID)
	}
	if c := e.Session; c != nil && c.Intent != "" {
		if i := e.Intent; i == nil || i.ID != c.Intent {
			errs = append(errs, fmt.Errorf("session %s changes without its PaymentIntent %q", c.ID, c.Intent))
		}
	}
	if d := e.Dispute; d != nil {
		need("dispute", d.ID, d.Intent, d.Charge)
	}
	if r := e.Refund; r != nil {
		need("refund", r.ID, r.Intent, r.Charge)
	}
	return errors.Join(errs...)
}

func (st *state) apply(e *entry) {
	if e.Start != "" {
		st.tag, st.format = e.Start, 1
	}
	st.format = max(st.format, e.Format)
	st.calls = max(st.calls, e.Calls)
	st.numbers = max(st.numbers, e.Numbers)
	if e.Intent != nil {
		st.putIntent(e.Intent)
	}
	if c := e.Charge; c != nil {
		st.charges = append(st.charges, c)
		st.chargeByID[c.ID] = c
	}
	if e.Session != nil {
		st.putSession(e.Session)
	}
	if e.Refund != nil {
		st.putRefund(e.Refund)
	}
	if e.Dispute != nil {
		st.putDispute(e.Dispute)
	}
	if a := e.Stored; a != nil {
		st.answers[a.Key] = a
		st.byAge = append(st.byAge, a)
	}
	for _, ev := range e.Events {
		st.events[ev.ID] = ev
	}
	delete(st.events, e.Delivered)
}

func (st *state) putIntent(i *intent) {
	if old := st.intentByID[i.ID]; old != nil {
		i.index, i.refunds, i.disputes = old.index, old.refunds, old.disputes
		st.intents[i.index] = i
	} else {
		i.index = len(st.intents)
		st.intents = append(st.intents, i)
	}
	st.intentByID[i.ID] = i
}

func (st *state) putSession(c *session) {
	if old := st.sessionByID[c.ID]; old != nil {
		c.index = old.index
		st.sessions[c.index] = c
	} else {
		c.index = len(st.sessions)
		st.sessions = append(st.sessions, c)
	}
	st.sessionByID[c.ID] = c
}

func (st *state) putRefund(r *refund) {
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

func (st *state) putDispute(d *dispute) {
	if old := st.disputeByID[d.ID]; old != nil {
		d.index = old.index
		st.disputes[d.index] = d
	} else {
		d.index = len(st.disputes)
		st.disputes = append(st.disputes, d)
		if i := st.intentByID[d.Intent]; i != nil {
			i.disputes = append(i.disputes, d.ID)
		}
	}
	st.disputeByID[d.ID] = d
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

// refunded returns how much of the intent has been given back or is on its way.
func (st *state) refunded(i *intent) int64 {
	var sum int64
	for _, id := range i.refunds {
		if r := st.refundByID[id]; r.counts() {
			sum += r.Amount
		}
	}
	return sum
}

// blocked reports whether a dispute keeps the intent from being refunded.
func (st *state) blocked(i *intent) bool {
	for _, id := range i.disputes {
		if st.disputeByID[id].blocks() {
			return true
		}
	}
	return false
}

// sees reports whether the caller may see an object of that mode. Objects made
// with a live key and those made with a test key are apart.
func (t *tx) sees(live bool) bool { return t.call == nil || t.call.live == live }

// noSuch is the refusal when an object is not there, or, as other says, is one
// of the other mode.
func (t *tx) noSuch(param, kind, id string, other bool) *apiError {
	e := missing(param, kind, id)
	if other {
		there, key := "live", "test"
		if t.call.live {
			there, key = key, there
		}
		e.Message += "; a similar object exists in " + there + " mode, but a " + key +
			" mode key was used to make this request."
	}
	return e
}

// findIntent returns the PaymentIntent that the caller names.
func (t *tx) findIntent(param, id string) (*intent, *apiError) {
	i := t.intentByID[id]
	if i == nil || !t.sees(i.Live) {
		return nil, t.noSuch(param, "payment_intent", id, i != nil)
	}
	return i, nil
}

// live reports whether the PaymentIntent was made with a live key.
func (st *state) live(intentID string) bool {
	i := st.intentByID[intentID]
	return i != nil && i.Live
}
