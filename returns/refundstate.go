package returns

import (
	"fmt"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/refunds"
)

// reached says how far along a case is, for Policy.RefundFrom.
var reached = map[Status]int{
	StatusAuthorized: 1, StatusInTransit: 1, StatusReceived: 2, StatusUnderInspection: 2, StatusApproved: 3,
	StatusRefunded: 3,
}

// refundRequest returns what a case asks to be paid back now: the accepted units,
// or, before the inspection and where the policy or an override allows it, the
// units requested. It is a function of the case, its order and its terms.
func (r *Return) refundRequest(
	o purchase.Purchase, p Policy, m payment.Method, by event.Actor,
) (refunds.Request, error) {
	if err := r.mayRefund(p, m); err != nil {
		return refunds.Request{}, err
	}
	paid, err := paidBy(o)
	if err != nil {
		return refunds.Request{}, err
	}
	request := refunds.Request{
		ClientReference: r.ID, OrderID: o.OrderID, Currency: o.Currency, Customer: r.CustomerID, Method: m, By: by,
		Split: p.Split,
	}
	for _, one := range paid {
		request.Payments = append(request.Payments, refunds.Payment{
			ID: one.ID, Method: one.Method, ProviderID: one.ProviderID, Captured: one.Captured,
		})
	}
	if !r.Overridden(RuleRefundMethod) {
		request.Allowed = p.Methods
	}
	if request.Quote, err = r.quoteRequest(o, p); err != nil {
		return refunds.Request{}, err
	}
	return request, nil
}

// mayRefund refuses a refund that the status or the policy does not allow yet, and
// a method that is none.
func (r *Return) mayRefund(p Policy, m payment.Method) error {
	from := p.RefundFrom
	if from == "" {
		from = StatusApproved
	}
	if r.Overridden(RuleRefundEarly) {
		from = StatusAuthorized
	}
	if reached[r.Status] == 0 || reached[r.Status] < reached[from] {
		return &Error{Code: CodeNotRefundable, Field: "status", Message: fmt.Sprintf(
			"The return is %s; a refund can be paid once it is %s.", words(r.Status), words(from))}
	}
	if m != "" && !slices.Contains(methods, m) {
		return &Error{Code: CodeMethod, Field: "method", Message: fmt.Sprintf(
			"%q is not a method; one of %s.", clip(string(m)), join(methods))}
	}
	return nil
}

// quoteRequest returns the units of the case to be quoted, with the fees of its
// terms.
func (r *Return) quoteRequest(o purchase.Purchase, p Policy) (refunds.QuoteRequest, error) {
	q := refunds.QuoteRequest{Currency: o.Currency}
	decided := r.Status == StatusApproved || r.Status == StatusRefunded
	for _, l := range r.Lines {
		units := l.Quantity
		if decided {
			units = l.Accepted
		}
		if units == 0 {
			continue
		}
		bought, ok := o.Line(l.OrderLineID)
		if !ok {
			return q, &Error{
				Code: CodeInvalid, Field: "lines", Message: fmt.Sprintf("The order has no line %q.", l.OrderLineID),
			}
		}
		q.Lines = append(q.Lines, refunds.QuoteRequestLine{
			OrderLineID: l.OrderLineID, Bought: bought.Quantity, Paid: bought.Paid.Components, Units: units,
			Overridden: r.byOverride(l.OrderLineID),
			Free:       bought.Paid.Components == (money.Components{}),
		})
		if fee, ok := p.firstFee(p.RestockingFees, r.Reason, l.Condition, o.Currency); ok {
			q.Fees = append(q.Fees, refunds.FeeRule{
				Kind: refunds.RestockingFee, OrderLineID: l.OrderLineID, PercentBP: fee.PercentBP, Fixed: fee.Fixed,
				Waived: r.Overridden(RuleRestockingFee),
			})
		}
	}
	if fee, ok := p.firstFee(p.ReturnShippingFees, r.Reason, "", o.Currency); ok {
		q.Fees = append(q.Fees, refunds.FeeRule{
			Kind: refunds.ReturnShippingFee, PercentBP: fee.PercentBP, Fixed: fee.Fixed,
			Waived: r.Overridden(RuleReturnShippingFee),
		})
	}
	return q, nil
}

// paidBy returns the payments that a refund stands against, in the order in which they
// were paid: those that captured something, or the first where none has yet.
func paidBy(o purchase.Purchase) ([]purchase.Payment, error) {
	var paid []purchase.Payment
	for _, p := range o.Payments {
		if p.Captured > 0 {
			paid = append(paid, p)
		}
	}
	switch {
	case len(paid) > 0:
		return paid, nil
	case len(o.Payments) > 0:
		return o.Payments[:1], nil
	}
	return nil, &Error{
		Code: CodePurchase, Field: "Payments", Message: "The order has no payment; it needs one to pay back.",
	}
}

// firstFee is the first of some rules that matches, for a refund in a currency. A rule for a
// condition does not match where none was recorded.
func (p Policy) firstFee(rules []FeeRule, reason Reason, condition Condition, c money.Currency) (FeeRule, bool) {
	for _, f := range rules {
		if (f.Reason == "" || f.Reason == reason) && (f.Condition == "" || f.Condition == condition) {
			if c != p.Currency {
				f.Fixed = 0
			}
			return f, true
		}
	}
	return FeeRule{}, false
}

// byOverride reports whether the line comes back only because rules were set
// aside: the verdict of the request says so.
func (r *Return) byOverride(orderLineID string) bool {
	if len(r.Verdict.Findings) > 0 {
		return true
	}
	for _, l := range r.Verdict.Lines {
		if l.OrderLineID == orderLineID && len(l.Findings) > 0 {
			return true
		}
	}
	return false
}

// StartEarlyRefund notes that a refund is asked for before approval, so that
// the case is not canceled under it.
func (r *Return) StartEarlyRefund(s event.Stamp) error {
	if r.EarlyRefund || r.Status == StatusApproved || r.Status == StatusRefunded {
		return nil
	}
	if reached[r.Status] == 0 {
		return &Error{
			Code: CodeTransition, Field: "status", Message: fmt.Sprintf(
				"The case is %s; nothing can be refunded.", words(r.Status),
			),
		}
	}
	return r.record(s, EventEarlyRefundStarted, &earlyRefund{})
}

// refundFailed notes that a refund asked for before approval certainly is not
// on its way. The status stays, and the refund can be tried again.
func (r *Return) refundFailed(s event.Stamp) error {
	if !r.EarlyRefund || r.paid() {
		return nil
	}
	return r.record(s, EventEarlyRefundFailed, &earlyRefundFailed{})
}

// RefundPart is what one payment of the order has paid of a refund.
type RefundPart struct {
	ID        string `json:"id"`         // of the refund on the payment
	PaymentID string `json:"payment_id"` // of the payment
}

// RefundSucceeded notes that the money is back: an approved case becomes
// refunded, any other keeps its status. The second time changes nothing, nor
// does the late word of a refund that is known to be reversed. parts are named where
// several payments paid the order; none of them is on its way any more.
func (r *Return) RefundSucceeded(s event.Stamp, refundID string, parts ...RefundPart) error {
	if refundID == "" {
		return &Error{Code: CodeInvalid, Field: "refund", Message: "The refund has no id."}
	}
	late := func(p RefundPart) bool { return r.reversed(p.ID) }
	switch {
	case len(parts) == 0 && r.reversed(refundID), slices.ContainsFunc(parts, late):
		return nil
	case r.Status == StatusRefunded:
		if r.RefundID != refundID || !r.paid() {
			// A new refund after the provider took the first one, or a part of it, back.
			return r.record(s, EventRefundPaid, &refundPaid{RefundID: refundID, Parts: parts})
		}
		return nil
	case r.Status == StatusApproved:
		if err := r.checkEarly(s); err != nil {
			return err
		}
		return r.record(s, EventRefunded, &refunded{RefundID: refundID, Parts: parts})
	case r.RefundID == refundID:
		return nil
	}
	if err := r.record(s, EventRefundPaid, &refundPaid{RefundID: refundID, Parts: parts}); err != nil {
		return err
	}
	if r.Status == StatusRejected || r.Status == StatusCanceled {
		return r.OpenTask(s, TaskRefundedButRejected, "The refund of this case succeeded after it was closed.")
	}
	return nil
}

// checkEarly opens a task where a refund that was asked for before the
// inspection paid for more units than it accepted.
func (r *Return) checkEarly(s event.Stamp) error {
	accepted, requested := 0, 0
	for _, l := range r.Lines {
		accepted += l.Accepted
		requested += l.Quantity
	}
	if !r.EarlyRefund || accepted == requested {
		return nil
	}
	return r.OpenTask(
		s, TaskRefundedTooMuch, fmt.Sprintf(
			"The refund was requested before the inspection, for %d units, of which it accepted %d.",
			requested, accepted,
		),
	)
}

// RefundReversed notes that the provider reversed a refund: the status and the
// stock stay, and the case gets a task, once for each refund. The second time
// changes nothing, also when the task is closed.
func (r *Return) RefundReversed(s event.Stamp, refundID string) error {
	if refundID == "" {
		return &Error{Code: CodeInvalid, Field: "refund", Message: "The refund has no id."}
	}
	if r.reversed(refundID) {
		return nil
	}
	return r.record(s, EventTaskOpened, &taskOpened{
		ID: len(r.Tasks) + 1, Kind: TaskRefundReversed, Ref: refundID,
		Note: "The provider reversed the refund. Pay it again, by another method if need be; " +
			"store credit always works.",
	})
}

// paid reports whether the money of the case is back with the customer: a refund
// has succeeded, and the provider did not take it, or a part of it, back.
func (r Return) paid() bool {
	back := func(p PaidRefund) bool { return p.Current && !p.ReversedAt.IsZero() }
	return r.RefundID != "" && !slices.ContainsFunc(r.Refunds, back)
}

// Reversed reports whether the provider took the last refund of the case back,
// and no other has succeeded since. The status stays refunded: say "Reversed by
// the provider" instead, and offer another refund.
func (r Return) Reversed() bool { return len(r.Refunds) > 0 && !r.paid() }

// reversed reports whether the refund is known to have been taken back.
func (r Return) reversed(refundID string) bool {
	return slices.ContainsFunc(r.Refunds, func(p PaidRefund) bool {
		return p.ID == refundID && !p.ReversedAt.IsZero()
	})
}

// noteRefund keeps what is known of a refund.
func (r *Return) noteRefund(id string, note func(*PaidRefund)) {
	r.Refunds = slices.Clone(r.Refunds)
	for i := range r.Refunds {
		if r.Refunds[i].ID == id {
			note(&r.Refunds[i])
			return
		}
	}
	p := PaidRefund{ID: id}
	note(&p)
	r.Refunds = append(r.Refunds, p)
}

// notePaid keeps when a refund succeeded, or its parts, as it was said first, and that
// it is they by which the case is paid now.
func (r *Return) notePaid(id string, parts []RefundPart, at time.Time) {
	if len(parts) == 0 {
		parts = []RefundPart{{ID: id}}
	}
	r.Refunds = slices.Clone(r.Refunds)
	for i := range r.Refunds {
		r.Refunds[i].Current = false
	}
	for _, part := range parts {
		r.noteRefund(part.ID, func(p *PaidRefund) {
			p.Current = true
			if p.PaidAt.IsZero() {
				p.PaidAt = at
			}
			if part.PaymentID != "" {
				p.PaymentID = part.PaymentID
			}
		})
	}
}

// restockDue are the units that go back on the shelf now, by line; nothing
// when that was done, or when it is not time yet.
func (r *Return) restockDue(p Policy) []purchase.Restock {
	due := r.Status == StatusRefunded || r.Status == StatusApproved && p.RestockAt == RestockAtInspection
	if !due || r.Restocked {
		return nil
	}
	var out []purchase.Restock
	for _, l := range r.Lines {
		if l.Accepted > 0 && l.Disposition == Restock {
			out = append(out, purchase.Restock{Ref: l.ID, ProductID: l.ProductID, Quantity: l.Accepted})
		}
	}
	return out
}

// MarkRestocked notes that the units are back on the shelf.
func (r *Return) MarkRestocked(s event.Stamp) error {
	if r.Restocked {
		return nil
	}
	if r.Status != StatusRefunded && r.Status != StatusApproved {
		return &Error{
			Code: CodeTransition, Field: "status", Message: fmt.Sprintf(
				"The case is %s; nothing goes back on the shelf.", words(r.Status),
			),
		}
	}
	return r.record(s, EventRestocked, &restocked{})
}
