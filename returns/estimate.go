package returns

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/refunds"
)

// Estimate is what a return would pay back if the inspection accepts all of it
// and records no condition that a fee of the terms is for.
type Estimate struct {
	Currency   money.Currency
	Amount     int64 // minor units, after the deductions
	Lines      []refunds.QuoteLine
	Deductions []Deduction
	Methods    []payment.Method // by which it may be paid, without an override
	// RefundDue is when the promise of Policy.RefundWithinDays ends, for a
	// request made now: the first instant that is late. Zero without a promise.
	RefundDue time.Time
}

// RuleCarried names what the provider can't carry of a refund, which joins the next
// one (refunds.Quote.Carried). It is no rule of the terms, and can't be overridden.
const RuleCarried = "CARRIED_OVER"

// Deduction is what a rule of the terms takes off.
type Deduction struct {
	Rule        string // RuleRestockingFee, RuleReturnShippingFee or RuleCarried
	OrderLineID string // empty for the whole case
	Amount      int64  // minor units; negative for what RuleCarried adds
}

// Estimate says what a request would pay back, and records nothing. Photos are
// left out: it may be asked before there are any. A request that the policy
// refuses for another reason is refused as Create does.
func (s *Service) Estimate(ctx context.Context, by event.Actor, q CreateParams) (Estimate, error) {
	if err := s.outside(); err != nil {
		return Estimate{}, err
	}
	o, terms, err := s.orderAndTerms(ctx, q)
	if err != nil {
		return Estimate{}, err
	}
	claims, err := s.store.Claims(ctx, o.OrderID)
	if err != nil {
		return Estimate{}, fmt.Errorf("returns: estimate for order %s: %w", o.OrderID, err)
	}
	now := s.stamp(ctx, by)
	ask := Request{CustomerID: q.CustomerID, Reason: q.Reason, Items: q.Items}
	ask.Photos = slices.Repeat([]string{firstOf(terms.Policy.PhotoTypes)}, terms.Policy.PhotosRequired)
	override, err := allow(Evaluate(terms, o, claims[o.OrderID], ask, now.At), q.Override)
	if err != nil {
		return Estimate{}, err
	}
	return s.estimate(ctx, o, terms, q, override, now)
}

// estimate quotes the refund of the request as if all of it had been accepted.
func (s *Service) estimate(
	ctx context.Context, o purchase.Purchase, terms Terms, q CreateParams, override *Override, now event.Stamp,
) (Estimate, error) {
	params := Params{
		ID: s.cfg.NewID(), OrderID: o.OrderID, CustomerID: o.CustomerID, TermsID: terms.ID, Reason: q.Reason,
		Override: override,
	}
	for i, item := range q.Items {
		params.Lines = append(
			params.Lines, Line{ID: fmt.Sprint(i), OrderLineID: item.OrderLineID, Quantity: item.Quantity},
		)
	}
	r, err := NewReturn(now, params)
	if err != nil {
		return Estimate{}, err
	}
	r.Status = StatusApproved
	for i := range r.Lines {
		r.Lines[i].Accepted = r.Lines[i].Quantity
	}
	request, err := r.refundRequest(o, terms.Policy, "", now.By)
	if err != nil {
		return Estimate{}, err
	}
	quote, _, err := s.cfg.Refunder.Preview(ctx, request)
	if err != nil {
		return Estimate{}, fmt.Errorf("returns: estimate for order %s: %w", o.OrderID, err)
	}
	e := Estimate{Currency: quote.Currency, Amount: quote.Amount, Lines: quote.Lines, Methods: payable(request)}
	for _, f := range quote.Fees {
		rule := RuleRestockingFee
		if f.Kind == refunds.ReturnShippingFee {
			rule = RuleReturnShippingFee
		}
		e.Deductions = append(e.Deductions, Deduction{Rule: rule, OrderLineID: f.OrderLineID, Amount: f.Amount})
	}
	if quote.Carried != 0 {
		e.Deductions = append(e.Deductions, Deduction{Rule: RuleCarried, Amount: quote.Carried})
	}
	if days := terms.Policy.RefundWithinDays; days > 0 {
		e.RefundDue = terms.Policy.deadline(now.At, days)
	}
	return e, nil
}

// payable are the methods that a refund may be paid by: those that the terms
// allow, where what was not paid by card does not go back to one. Of an order that was
// paid by several methods each part may go back by its own: the original method.
func payable(r refunds.Request) []payment.Method {
	var paid []payment.Method
	for _, p := range r.Payments {
		paid = append(paid, p.Method)
	}
	each := func(ok func(payment.Method) bool) bool {
		return !slices.ContainsFunc(paid, func(m payment.Method) bool { return !ok(m) })
	}
	original := slices.Contains(r.Allowed, payment.OriginalMethod)
	var out []payment.Method
	for _, m := range []payment.Method{payment.Card, payment.Cash, payment.StoreCredit} {
		allowed := len(r.Allowed) == 0 || slices.Contains(r.Allowed, m) ||
			original && each(func(p payment.Method) bool { return p == m })
		if allowed && (m != payment.Card || each(func(p payment.Method) bool { return p == payment.Card })) {
			out = append(out, m)
		}
	}
	mixed := !each(func(p payment.Method) bool { return p == paid[0] })
	if mixed && (len(r.Allowed) == 0 || original ||
		each(func(p payment.Method) bool { return slices.Contains(r.Allowed, p) })) {
		out = append([]payment.Method{payment.OriginalMethod}, out...)
	}
	return out
}

// consented refuses a request whose customer was shown more than it would pay
// back now, or another currency.
func (s *Service) consented(
	ctx context.Context, o purchase.Purchase, terms Terms, q CreateParams, override *Override, now event.Stamp,
) error {
	if q.Estimate == nil {
		return nil
	}
	e, err := s.estimate(ctx, o, terms, q, override, now)
	if err != nil {
		return err
	}
	if e.Amount >= *q.Estimate && (q.Currency == "" || q.Currency == e.Currency) {
		return nil
	}
	shown := q.Currency
	if shown == "" {
		shown = e.Currency
	}
	return &Error{Code: CodePriceChanged, Field: "estimate", Message: fmt.Sprintf(
		"The refund would now be %s; you were shown %s. Check it and send the request again.",
		money.New(e.Amount, e.Currency), money.New(*q.Estimate, shown))}
}

// orderAndTerms returns the order of a request, read where the request does not
// carry it, and the terms that its returns are judged by.
func (s *Service) orderAndTerms(ctx context.Context, q CreateParams) (purchase.Purchase, Terms, error) {
	var o purchase.Purchase
	var err error
	if q.Purchase != nil {
		o, err = s.checkPurchase(*q.Purchase, cmp.Or(q.OrderID, q.Purchase.OrderID))
	} else {
		o, err = s.purchase(ctx, q.OrderID)
	}
	if err != nil {
		return o, Terms{}, fmt.Errorf("returns: request for order %s: %w", clip(q.OrderID), err)
	}
	if _, err := paidBy(o); err != nil {
		return o, Terms{}, err
	}
	terms, err := s.termsOf(ctx, o)
	return o, terms, err
}
