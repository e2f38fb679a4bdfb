package orders

import (
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// Params is what an order is made of.
type Params struct {
	ID             string // UUIDv7
	CustomerID     string
	CartID         string
	IdempotencyKey string
	TermsID        string
	Source         string
	Currency       money.Currency
	Lines          []Line // priced, with ids
	PaymentID      string // UUIDv7
	Method         payment.Method
	// ProviderMethods are the methods charged at the provider. Default: card.
	ProviderMethods []payment.Method
	Token           string // for a card: the payment method at the provider
	Priority        int    // see Payment.Priority
	// PageExpiresAt is until when the customer can pay on a page of the provider's,
	// whole seconds; zero for an order that is not paid on one.
	PageExpiresAt time.Time
	// Credit is what store credit pays of it, minor units; 0: nothing. Where that
	// is all of it, Method is payment.StoreCredit.
	Credit          int64
	CreditPaymentID string // UUIDv7; set with Credit
}

// NewOrder returns a submitted order. A payment at the provider of more than
// nothing is due at once; a caller that charges it itself leases it.
//
// It returns CodeInvalid, with the field, for a method that is neither
// payment.Cash nor one of d.ProviderMethods, a currency that is none, store
// credit above what the lines cost, and a stamp without an instant.
func NewOrder(d Params, s event.Stamp) (*Order, error) {
	if err := d.check(s); err != nil {
		return nil, err
	}
	amount, err := checkLines(d.Lines)
	if err != nil {
		return nil, err
	}
	if err := checkParts(d.Credit, d.CreditPaymentID, amount-d.Credit, d.Method); err != nil {
		return nil, err
	}
	lines := make([]placedLine, len(d.Lines))
	for i, l := range d.Lines {
		lines[i] = placedLine(l)
	}
	o := &Order{ID: d.ID}
	return o, o.record(s, EventPlaced, &placed{
		Number:         orderNumber(d.ID, s.At),
		CustomerID:     d.CustomerID,
		CartID:         d.CartID,
		IdempotencyKey: d.IdempotencyKey,
		TermsID:        d.TermsID,
		Source:         d.Source,
		Currency:       d.Currency,
		Lines:          lines,
		PaymentID:      d.PaymentID,
		Method:         d.Method,
		Token:          d.Token,
		PageExpiresAt:  d.PageExpiresAt,
		Priority:       d.Priority,
		Key:            "charge-" + d.PaymentID,
		Amount:         amount - d.Credit,
		CreditID:       d.CreditPaymentID,
		Credit:         d.Credit,
	})
}

// check reports the first field that is wrong.
func (d Params) check(s event.Stamp) error {
	for _, f := range []struct{ name, value string }{
		{"ID", d.ID}, {"CustomerID", d.CustomerID}, {"PaymentID", d.PaymentID},
	} {
		if f.value == "" {
			return &Error{Code: CodeInvalid, Field: f.name, Message: "it is empty"}
		}
	}
	if err := checkCurrency("Currency", d.Currency); err != nil {
		return err
	}
	if s.At.IsZero() {
		return &Error{
			Code:    CodeInvalid,
			Field:   "placed_at",
			Message: "the stamp has no instant; an order is placed at one",
		}
	}
	if len(d.ProviderMethods) == 0 {
		d.ProviderMethods = []payment.Method{payment.Card}
	}
	if err := checkProviderMethods(d.ProviderMethods); err != nil {
		return err
	}
	if d.Method != payment.StoreCredit || d.Credit == 0 {
		if err := checkMethod(d.Method, d.ProviderMethods); err != nil {
			return err
		}
	}
	if d.Priority < 0 || d.Priority > maxPriority {
		return &Error{
			Code:    CodeInvalid,
			Field:   "priority",
			Message: fmt.Sprintf("%d is out of range; 0 to %d", d.Priority, maxPriority),
		}
	}
	return nil
}

// needsCharge reports whether the provider has to be asked for the money: a
// payment of more than nothing that is not settled, by any method but cash. What
// store credit pays is never the provider's.
func (o *Order) needsCharge() bool {
	return o.Payment.Method != payment.Cash && o.Payment.Amount > 0 && o.open()
}

func (o *Order) open() bool { return o.Status == StatusSubmitted || o.Status == StatusQueued }

// Complete records that the money is here. reference is the provider's id of
// the payment, empty for cash.
func (o *Order) Complete(s event.Stamp, reference string) error {
	if !o.open() {
		return o.refuse("completed")
	}
	if reference == "" {
		reference = o.Payment.ProviderID
	}
	if o.needsCharge() && reference == "" {
		return &Error{
			Code:  CodeInvalid,
			Field: "reference",
			Message: "order " + o.Number + " is paid by " + string(
				o.Payment.Method) + " and can't be completed without the provider's reference",
		}
	}
	return o.record(s, EventCompleted, &completed{Reference: reference})
}

// Queue accepts the order although its payment is not settled: it is charged
// later under the same key, its stock held. reason is for staff.
func (o *Order) Queue(s event.Stamp, reason string) error {
	if o.Status != StatusSubmitted {
		return o.refuse("queued")
	}
	return o.record(s, EventQueued, &queued{Reason: reason})
}

// Decline records the provider's definite no: the order is canceled and its
// stock goes back.
func (o *Order) Decline(s event.Stamp, r payment.Result) error {
	if !o.open() {
		return o.refuse("declined")
	}
	why := r.Failure
	if !why.Valid() {
		why = payment.Unrecognized
	}
	return o.record(s, EventCanceled, &canceled{
		Reason: r.Message, DeclineCode: r.Code, Failure: why, Limit: r.Limit, Payment: PaymentDeclined,
	})
}

// Withdraw records the provider's word that the payment never will be
// captured. It is what makes an order that may be paid certainly unpaid.
func (o *Order) Withdraw(s event.Stamp) error {
	if !o.open() {
		return o.refuse("withdrawn")
	}
	return o.record(s, EventChargeWithdrawn, &chargeWithdrawn{})
}

// certainlyUnpaid reports whether nobody can have been charged and nobody
// will be: no payment object was ever confirmed, or the provider has said so.
func (o *Order) certainlyUnpaid() bool {
	switch o.Payment.Status {
	case PaymentDeclined, PaymentCanceled:
		return true
	case PaymentPending:
		return !o.Payment.atProvider()
	}
	return false
}

// Cancel ends the order unpaid; its stock goes back. It is refused with
// CodePaymentUncertain while the order is not certainlyUnpaid.
func (o *Order) Cancel(s event.Stamp, reason string) error {
	if !o.open() {
		return o.refuse("cancelled")
	}
	if !o.certainlyUnpaid() {
		return &Error{Code: CodePaymentUncertain, Field: "payment",
			Message: "order " + o.Number +
				" may be paid; it can be cancelled only after the provider has withdrawn the payment"}
	}
	return o.record(s, EventCanceled, &canceled{Reason: reason, Payment: PaymentCanceled})
}

// retry gives a payment in the review queue back to the worker.
func (o *Order) retry(s event.Stamp, reason string) error {
	if err := o.checkInReview(reason); err != nil {
		return err
	}
	return o.record(s, EventChargeRetried, &chargeRetried{Reason: reason})
}

// checkInReview refuses what only staff may do, and for a reason, when the order
// is not in the review queue.
func (o *Order) checkInReview(reason string) error {
	if !o.open() || !o.Payment.Work.NeedsReview {
		return &Error{
			Code:    CodeTransition,
			Field:   "status",
			Message: fmt.Sprintf("order %s is %s and is not in the review queue", o.Number, o.Status),
		}
	}
	if reason == "" {
		return &Error{Code: CodeInvalid, Field: "reason", Message: "it is empty; say what the provider shows"}
	}
	return nil
}

// resolve settles an order in the review queue by what staff have seen at the
// provider, and the reason. It returns CodeTransition for any other order: those
// settle themselves.
func (o *Order) resolve(s event.Stamp, captured bool, reason string) error {
	if err := o.checkInReview(reason); err != nil {
		return err
	}
	if captured {
		return o.record(s, EventCompleted, &completed{Reference: o.Payment.ProviderID, Note: reason})
	}
	if err := o.Withdraw(s); err != nil {
		return err
	}
	return o.Cancel(s, reason)
}

// RecordDelivery records when the goods arrived: not before the day of the
// purchase and not after the stamp. A later call corrects an earlier one.
func (o *Order) RecordDelivery(s event.Stamp, at time.Time) error {
	if o.Status != StatusCompleted {
		return o.refuse("delivered")
	}
	at = instant(at)
	if at.Before(o.PlacedAt.Truncate(24*time.Hour)) || at.After(instant(s.At)) {
		return &Error{Code: CodeInvalid, Field: "delivered_at",
			Message: fmt.Sprintf("%s is not between the purchase on %s and now", at.Format(time.DateOnly),
				o.PlacedAt.Format(time.DateOnly))}
	}
	if at.Equal(o.DeliveredAt) {
		return nil
	}
	return o.record(s, EventDelivered, &delivered{At: at})
}

// Confirming records, before a confirm is sent, which payment object it is
// sent for. From here until an answer the payment may be captured, and a crash
// leaves it PaymentUnknown, to be looked up.
func (o *Order) Confirming(s event.Stamp, reference string) error {
	if !o.needsCharge() {
		return o.refuse("charged")
	}
	if reference == "" || o.Payment.ProviderID != "" && o.Payment.ProviderID != reference {
		return &Error{Code: CodeInvalid, Field: "reference",
			Message: fmt.Sprintf("order %s has the payment %s; it can't be charged on %s", o.Number,
				quoted(o.Payment.ProviderID), quoted(reference))}
	}
	return o.record(s, EventCharging, &charging{Reference: reference})
}

// ChargeResult is how an attempt to charge ended without settling the order.
type ChargeResult struct {
	Outcome payment.Outcome
	Code    string // the provider's
	Failure payment.Failure
	Message string // for staff
	// MayBeCaptured: a confirm was sent and its effect is unknown. When
	// false, no confirm of this order is without an answer.
	MayBeCaptured bool
	NewKey        bool      // the provider replays a stored error: use the next key
	NextAt        time.Time // when to try next
	NeedsReview   bool      // staff have to look at it
}

// ChargeAttempted records an attempt that did not settle the order, and
// releases its lease.
func (o *Order) ChargeAttempted(s event.Stamp, r ChargeResult) error {
	if !o.needsCharge() {
		return o.refuse("charged")
	}
	status := PaymentPending
	if r.MayBeCaptured {
		if o.Payment.ProviderID == "" && o.Payment.Page.ProviderID == "" {
			return &Error{Code: CodeInvalid, Field: "may_be_captured",
				Message: fmt.Sprintf("order %s has no payment at the provider that a confirm can be sent for; "+
					"record that with Confirming first", o.Number)}
		}
		status = PaymentUnknown
	}
	round := o.Payment.KeyRound
	if r.NewKey {
		round++
	}
	lastError := string(r.Outcome)
	if r.Code != "" {
		lastError += " " + r.Code
	}
	if r.Message != "" {
		lastError += ": " + r.Message
	}
	return o.record(s, EventChargeAttempted, &chargeAttempted{
		Outcome: r.Outcome, Code: r.Code, Failure: r.Failure, LastError: lastError, Payment: status,
		KeyRound: round, Attempts: o.Payment.Work.Attempts + 1, NextAt: instant(r.NextAt), NeedsReview: r.NeedsReview,
	})
}

// checkLease reports as CodeLeaseLost that the work is not, or no longer, leased
// under the token.
func (o *Order) checkLease(token string) error {
	if !o.Payment.Work.LeasedBy(token) {
		return &Error{
			Code:    CodeLeaseLost,
			Field:   "payment",
			Message: "another worker has taken over the payment of order " + o.Number,
		}
	}
	return nil
}

// chargeRequest is what the provider is asked for, the same on every attempt.
func (o *Order) chargeRequest() payment.ChargeRequest {
	key := o.Payment.Key
	if o.Payment.KeyRound > 0 {
		key = fmt.Sprintf("%s-%d", key, o.Payment.KeyRound)
	}
	return payment.ChargeRequest{
		Key: key, OrderID: o.ID, PaymentID: o.Payment.ID, Amount: o.Payment.Amount, Currency: o.Currency,
		Method: o.Payment.Method, Token: o.Payment.Token}
}

func (o *Order) refuse(to string) error {
	return &Error{
		Code:    CodeTransition,
		Field:   "status",
		Message: fmt.Sprintf("order %s is %s and can't be %s", o.Number, o.Status, to),
	}
}

// instant is t as it is stored: UTC, microseconds; zero stays zero.
func instant(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}
