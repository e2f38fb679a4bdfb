package refunds

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
)

// Params is what a refund is made of.
type Params struct {
	ID              string // UUIDv7
	IntentID        string // empty: its own id
	Leg             int    // its place among the refunds of the reference, from 0
	ClientReference string
	OrderID         string
	PaymentID       string
	Customer        string
	Attempt         AttemptParams
}

// AttemptParams is what an attempt is made of. All of it is frozen.
type AttemptParams struct {
	ID                string         // UUIDv7
	Method            payment.Method // one of the provider, cash or store_credit
	PaymentProviderID string         // where the provider pays: its id of the payment
	PaidBy            event.Actor    // for a manual method: who hands it out
	Request           QuoteRequest
	Quote             Quote
}

func (d AttemptParams) check() error {
	bad := func(field, message string) error {
		return &Error{Code: CodeInvalid, Field: field, Message: message}
	}
	switch {
	case d.ID == "":
		return bad("attempt", "its id is empty")
	case !d.Method.Valid():
		return &Error{Code: CodeMethod, Field: "method", Message: fmt.Sprintf(
			"%s is not a method of an attempt; one of the provider such as card, cash or store_credit",
			quoted(d.Method),
		)}
	case !d.Method.Manual() && d.PaymentProviderID == "" && d.Quote.Amount > 0:
		return bad("payment_reference", fmt.Sprintf("a refund by %s needs the provider's id of the payment", d.Method))
	case d.Quote.Currency == "":
		return bad("currency", "it is empty; an ISO 4217 code such as USD is needed")
	case d.Quote.Amount < 0:
		return bad("amount", fmt.Sprintf("%d minor units can't be refunded; 0 or more", d.Quote.Amount))
	}
	return nil
}

func (d AttemptParams) created() attemptCreated {
	// As they come back from a store: their own, and nil where empty.
	d.Request.Lines, d.Request.Fees = slices.Clone(d.Request.Lines), append([]FeeRule(nil), d.Request.Fees...)
	d.Quote.Lines, d.Quote.Fees = slices.Clone(d.Quote.Lines), append([]Fee(nil), d.Quote.Fees...)
	c := attemptCreated{ID: d.ID, Method: d.Method, Request: d.Request, Quote: d.Quote}
	if d.Method.Manual() {
		c.PaidBy = d.PaidBy
	} else {
		c.Key, c.PaymentReference = "refund-"+d.ID, d.PaymentProviderID
	}
	return c
}

// NewRefund makes a created refund of the draft: decided, nothing sent. It is due
// at once; the process that will send it leases it first.
func NewRefund(d Params, s event.Stamp) (*Refund, error) {
	for _, f := range []struct{ name, value string }{
		{"id", d.ID}, {"reference", d.ClientReference}, {"order_id", d.OrderID}, {"payment_id",
			d.PaymentID}, {"customer", d.Customer},
	} {
		if f.value == "" {
			return nil, &Error{Code: CodeInvalid, Field: f.name, Message: "it is empty"}
		}
	}
	if d.Leg < 0 {
		return nil, badField("leg", "it is %d; 0 or more are allowed", d.Leg)
	}
	if err := d.Attempt.check(); err != nil {
		return nil, err
	}
	r := &Refund{ID: d.ID}
	if d.IntentID == d.ID {
		d.IntentID = ""
	}
	return r, r.record(s, EventCreated, &created{
		Intent: d.IntentID, Leg: d.Leg,
		Reference: d.ClientReference, OrderID: d.OrderID, PaymentID: d.PaymentID, Customer: d.Customer,
		Attempt: d.Attempt.created(),
	})
}

// Retry begins a new attempt after one that failed, by any method, with a
// quote and a key of its own. The refund is submitted from here: it is due at
// once, and nothing was sent yet.
func (r *Refund) Retry(d AttemptParams, s event.Stamp) error {
	if r.Status != StatusFailed {
		return r.refuse("tried again; only a failed one can")
	}
	if err := d.check(); err != nil {
		return err
	}
	c := d.created()
	return r.record(s, EventAttemptCreated, &c)
}

// Submit records that the attempt is about to be executed. For a card the
// age of the key counts from here, so it is committed before the call. A
// submitted attempt is submitted again when nothing happened before.
func (r *Refund) Submit(s event.Stamp) error {
	if r.Status != StatusCreated && r.Status != StatusSubmitted {
		return r.refuse("submitted")
	}
	if r.OnHold() {
		return r.refuse("submitted while it is on hold for " + r.HoldRef)
	}
	return r.record(s, EventSubmitted, &submitted{Sending: !r.Method.Manual() && r.Amount() > 0})
}

// AttemptUpdate is how a try to settle a card attempt ended.
type AttemptUpdate struct {
	Result payment.Result
	// Calls is how many calls were made under the key since the last Result.
	Calls int
	// Tries is how many tries are counted; they set the wait before the next.
	Tries int
	// Doubt: a call under the key may have had an effect and has no answer.
	Doubt bool
	// StoredError: the provider replays a server error under the key.
	StoredError bool
	// NeedsReview says why it needs review; empty when it does not.
	ReviewReason string
	// NextAt is when to try next, zero: only when somebody asks.
	NextAt time.Time
	// ProviderCalls are all that the provider said since the last Result, in order:
	// kept with the event.
	ProviderCalls []Call

	forHold bool          // ReviewReason is for the hold, and goes with it
	retryIn time.Duration // after which another try of the same run may begin
}

// RecordResult records how a try ended and releases the lease. Done succeeds and
// refused fails the attempt; pending and requires_action are followed; what
// did nothing is sent again later; all else is unknown. An answer that names
// another amount changes no state and goes to the review queue.
func (r *Refund) RecordResult(s event.Stamp, res AttemptUpdate) error {
	if !r.Status.Open() || r.Status == StatusCreated {
		return r.refuse("answered")
	}
	if a := res.Result; a.Amount != 0 && a.Amount != r.Amount() && a.Outcome != payment.OutcomeDeclined {
		res.Result.Outcome = payment.OutcomeUnknown
		res.ReviewReason = fmt.Sprintf(
			"the provider says %d minor units went back, we requested %d", a.Amount, r.Amount())
		res.Result.Message, res.NextAt = res.ReviewReason, time.Time{}
	}
	res.Result.Outcome = recognized(CallCreate, res.Result.Outcome)
	sent := r.Attempt().Sent + res.Calls
	switch res.Result.Outcome {
	case payment.OutcomeDone:
		return r.record(s, EventSucceeded, &succeeded{Reference: res.Result.ProviderID, Sent: sent,
			Calls: res.ProviderCalls})
	case payment.OutcomeDeclined:
		return r.record(s, EventFailed, &failed{Code: res.Result.Code, Reason: describe(res.Result),
			Reference: res.Result.ProviderID, Sent: sent, Calls: res.ProviderCalls})
	}

	t, typ := r.unsettled(res)
	if err := r.record(s, typ, t); err != nil {
		return err
	}
	if res.ReviewReason != "" {
		if err := r.record(s, EventReviewRequired, &reviewRequired{Reason: res.ReviewReason}); err != nil {
			return err
		}
	}
	r.Work.NextAt = instant(res.NextAt)
	if r.OnHold() {
		r.Work.NextAt = time.Time{} // onHold while it was on its way, and nothing came of it
	}
	r.Lease("", time.Time{})
	return nil
}

// unsettled is the event of a try that did not settle the refund, with its type.
func (r *Refund) unsettled(res AttemptUpdate) (*attempted, string) {
	t := &attempted{
		Outcome: res.Result.Outcome, Code: res.Result.Code, LastError: describe(res.Result),
		Reference: res.Result.ProviderID,
		Sent:      r.Attempt().Sent + res.Calls, Tries: r.Work.Attempts + res.Tries,
		StoredError: r.Attempt().StoredError || res.StoredError, Calls: res.ProviderCalls,
	}
	if t.Outcome == payment.OutcomeNoEffect {
		t.Reference = "" // there is no refund to name
	}
	typ := EventUnknown
	switch {
	case res.Result.Outcome == payment.OutcomePending:
		t.Status, t.Told, typ = StatusPending, true, EventPending
	case res.Result.Outcome == payment.OutcomeRequiresAction:
		t.Status, t.Told, typ = StatusRequiresAction, true, EventRequiresAction
	case r.Status == StatusPending:
		t.Status, typ = StatusPending, EventPending
	case r.Status == StatusRequiresAction:
		t.Status, typ = StatusRequiresAction, EventRequiresAction
	case res.Result.Outcome == payment.OutcomeNoEffect && !res.Doubt && r.Status == StatusSubmitted:
		t.Status, t.Unsent, typ = StatusSubmitted, true, EventDeferred
	default:
		t.Status, t.Told = StatusUnknown, t.StoredError || t.Reference != ""
	}
	switch {
	case t.Status == r.Status:
	case t.Status == StatusUnknown && r.Status == StatusSubmitted:
		t.Tries = res.Tries // those before did nothing: look-ups start near
	case t.Status != StatusUnknown && t.Status != StatusSubmitted:
		t.Tries = 1 // the provider has it now: look-ups start near again
	}
	return t, typ
}

// describe is an answer in one line, for staff.
func describe(a payment.Result) string {
	var parts []string
	for _, p := range []string{string(a.Outcome), a.Code} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	text := strings.Join(parts, " ")
	if a.Message != "" {
		text += ": " + a.Message
	}
	return text
}

// Succeed records a refund that took no provider: one by a manual method, with
// its reference such as MANUAL-CAS-00042, or one of nothing.
func (r *Refund) Succeed(s event.Stamp, reference string) error {
	switch {
	case r.Status != StatusSubmitted:
		return r.refuse("paid by a manual method")
	case r.OnHold():
		return r.refuse("paid while it is on hold for " + r.HoldRef)
	case r.Amount() > 0 && !r.Method.Manual():
		return &Error{Code: CodeMethod, Field: "method", Message: fmt.Sprintf(
			"a refund by %s succeeds by the provider's answer alone", r.Method)}
	case r.Amount() > 0 && reference == "":
		return &Error{Code: CodeInvalid, Field: "reference",
			Message: "a manual refund needs a reference such as MANUAL-CAS-00042"}
	}
	return r.record(s, EventSucceeded, &succeeded{Reference: reference})
}

// maxReason is the largest number of characters of a reason.
const maxReason = 2000

// Resolve ends a refund in the review queue as the review says. One that was
// never sent can't have been paid. While a process has the lease, and may hear
// from the provider, it is refused.
func (r *Refund) Resolve(s event.Stamp, p ResolveParams) error {
	if !r.Status.Open() || !r.Work.NeedsReview {
		return r.refuse("resolved; only one in the review queue can")
	}
	if r.Leased(s.At) {
		return r.refuse("resolved while the provider is being asked about it; try again in some seconds")
	}
	if err := p.check(); err != nil {
		return err
	}
	paid, reference, reason := p.Paid, p.ProviderID, strings.TrimSpace(p.Reason)
	if paid && r.Attempt().FirstSentAt.IsZero() {
		return r.refuse("resolved as paid; it was never sent")
	}
	if p.against != "" {
		reason += " (against the provider's answer: " + p.against + ")"
	}
	if err := r.record(s, EventResolved, &resolved{Paid: paid, Reason: reason, Reference: reference}); err != nil {
		return err
	}
	sent := r.Attempt().Sent
	switch {
	case paid:
		return r.record(s, EventSucceeded, &succeeded{Reference: reference, Sent: sent})
	case r.OnHold():
		return r.withdraw(s, FailureResolved, reason)
	}
	return r.record(s, EventFailed, &failed{Code: FailureResolved, Reason: reason, Reference: reference, Sent: sent})
}

// check refuses text that is missing or too long.
func (p ResolveParams) check() error {
	if err := checkText("reason", strings.TrimSpace(p.Reason), maxReason); err != nil {
		return err
	}
	if strings.TrimSpace(p.Reason) == "" {
		return &Error{Code: CodeInvalid, Field: "reason", Message: "it is empty; say how you know"}
	}
	return checkText("provider_reference", p.ProviderID, maxID)
}

// Codes of a failed attempt that are ours and not the provider's.
const (
	FailureAbsent    = "absent"             // looked up after the grace, and not there
	FailureResolved  = "resolved_by_person" // a review found that the provider did not pay
	FailureWithdrawn = "withdrawn"          // never sent; another attempt took its place
)

// Reverse records that the provider took a succeeded refund back. It frees the
// balance and the units; a new refund of the same reference may be opened.
// An empty ProviderID leaves what is there.
func (r *Refund) Reverse(s event.Stamp, p ReverseParams) error {
	if r.Status != StatusSucceeded {
		return r.refuse("reversed")
	}
	return r.record(s, EventReversed, &reversed{Reference: p.ProviderID, Code: p.Code, Reason: p.Reason})
}

// Lease gives the work to the holder of token until the instant, while there
// is work: a settled refund has none. It is no event: a lease is not history.
func (r *Refund) Lease(token string, until time.Time) {
	if !r.Status.Open() {
		token, until = "", time.Time{}
	}
	r.Work.LeaseToken, r.Work.LeaseUntil = token, instant(until)
}

// LeaseHorizon is longer than any lease. One that ends further ahead was given
// by a clock that has been set back since: it counts as ended, or the refund
// would wait as long.
const LeaseHorizon = 2 * time.Minute

// Leased reports whether the lease is held at the instant.
func (r *Refund) Leased(at time.Time) bool {
	return r.Work.LeaseToken != "" && instant(at).Before(r.Work.LeaseUntil) &&
		!r.Work.LeaseUntil.After(at.Add(LeaseHorizon))
}

// Due reports whether the work is due at the instant. A refund that was last
// changed later than that, by more than LeaseHorizon, was planned by a clock that
// has been set back since: it is due, or it would wait as long.
func (r *Refund) Due(at time.Time) bool {
	return !r.Work.NextAt.IsZero() && (!r.Work.NextAt.After(at) || r.UpdatedAt.After(at.Add(LeaseHorizon)))
}

// CheckLease reports as CodeLeaseLost that the work is not, or no longer, leased
// under the token.
func (r *Refund) CheckLease(token string) error {
	if token == "" || r.Work.LeaseToken != token {
		return &Error{Code: CodeLeaseLost, Field: "refund", Message: "another worker has taken over refund " + r.ID}
	}
	return nil
}

// expedite brings the next try to the instant, unless the refund needs
// review. While it is leased, it is the try after. It is no event.
func (r *Refund) expedite(at time.Time) {
	if at = instant(at); r.Status.Open() && !r.OnHold() && (r.Work.NextAt.IsZero() ||
		at.Before(r.Work.NextAt) || r.Leased(at)) {
		r.Work.NextAt = at
	}
}

// providerRequest is what is requested of the provider, the same on every call of
// the attempt.
func (r *Refund) providerRequest() payment.RefundRequest {
	a := r.Attempt()
	return payment.RefundRequest{
		Key: a.Key, PaymentProviderID: a.PaymentProviderID, Amount: a.Amount, Currency: r.Quote.Currency,
		RefundID: r.ID, AttemptID: a.ID, OrderID: r.OrderID,
	}
}

// lookUpRequest is ProviderRequest with the provider's id of the refund.
func (r *Refund) lookUpRequest() payment.RefundRequest {
	q := r.providerRequest()
	q.ProviderID = r.Attempt().ProviderID
	return q
}

func (r *Refund) refuse(to string) error {
	return &Error{Code: CodeTransition, Field: "status", Message: fmt.Sprintf(
		"refund %s is %s and can't be %s", r.ID, r.Status, to)}
}
