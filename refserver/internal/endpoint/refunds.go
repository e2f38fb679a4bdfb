package endpoint

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/approval"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// RefundParams says by which method a case is refunded.
type RefundParams struct {
	Method string `json:"method" validate:"omitempty,known=methods"` // empty: the original one
	// Available is the amount that the caller means to refund; any other is
	// refused.
	Available *input.Number `json:"refund_amount_available"`
	// LessOutside refunds what is left after what others gave back.
	LessOutside bool `json:"less_outside"`
	// Payment tries the part of one payment again, by its id; empty: all parts that
	// are not paid.
	Payment string `json:"payment" validate:"max=255"`
}

// Progress is how far a refund is.
type Progress int

// A refund is paid, or open (its outcome is unknown, or it waits), or it failed
// and nothing was paid.
const (
	RefundPaid Progress = iota
	RefundOpen
	RefundFailed
)

// RefundChange is a case after its refund, and what to say of it.
type RefundChange struct {
	Return   returns.Return
	Refund   refunds.Intent
	Progress Progress
	Message  string
}

// RefundReturn refunds a case, or says how far that is. Where the caller says
// what they mean to refund, that or nothing.
func (e *Endpoints) RefundReturn(ctx context.Context, by auth.User, id string, p RefundParams) (RefundChange, error) {
	if err := RefundReturn.Permit(by); err != nil {
		return RefundChange{}, err
	}
	if err := input.Check(p); err != nil {
		return RefundChange{}, err
	}
	q := returns.RefundParams{Method: payment.Method(strings.ToLower(p.Method)), LessOutside: p.LessOutside,
		PaymentID: p.Payment}
	if err := e.needMethod(ctx, id, q.Method); err != nil {
		return RefundChange{}, err
	}
	if p.Available != nil {
		amount, err := e.inCurrencyOf(ctx, id, *p.Available)
		if err != nil {
			return RefundChange{}, err
		}
		minor := amount.Minor()
		q.Expect = &minor
	}
	c, paid, err := e.d.Returns.Refund(ctx, id, actor(by), q)
	if waits, ok := approval.Waits(err); ok {
		asked := refunds.Refund{
			ID: waits.ID, Method: waits.Method, Status: refunds.StatusCreated, CreatedAt: waits.AskedAt,
			Quote: refunds.Quote{Amount: waits.Amount.Minor(), Currency: waits.Amount.Currency()},
		}
		paid = refunds.Intent{Refund: asked, Legs: []refunds.Refund{asked}}
		return RefundChange{Return: c, Refund: paid, Progress: RefundOpen, Message: err.Error()}, nil
	}
	if err != nil {
		return RefundChange{}, err
	}
	for _, leg := range paid.Legs {
		if unavailable(leg, e.d.Now()) {
			e.d.RefundUnavailable(ctx, leg)
		}
	}
	out := RefundChange{Return: c, Refund: paid}
	out.Progress, out.Message = progressOf(paid)
	return out, nil
}

// inCurrencyOf reads an amount of a case, which is in the currency of its order.
func (e *Endpoints) inCurrencyOf(ctx context.Context, returnID string, n input.Number) (money.Money, error) {
	c, err := e.d.Returns.Return(ctx, returnID)
	if err != nil {
		return money.Money{}, err
	}
	o, err := e.d.Orders.Order(ctx, c.OrderID)
	if err != nil {
		return money.Money{}, err
	}
	amount, err := money.Parse(n.String(), o.Currency)
	if err != nil {
		err = problem.Mistaken(amountMistake("refund_amount_available", "", n.String(), o.Currency))
	}
	return amount, err
}

// unavailable reports whether a refund ended without an outcome because the
// provider gave no usable answer, or was not asked while it is down. One that
// another request is sending at this moment may still have one.
func unavailable(r refunds.Refund, now time.Time) bool {
	if r.Method.Manual() || r.OnHold() {
		return false
	}
	return r.Status == refunds.StatusUnknown || r.Status == refunds.StatusSubmitted && !r.Leased(now)
}

// progressOf says to staff how far a refund is, of each payment that gives a part back.
func progressOf(in refunds.Intent) (Progress, string) {
	if len(in.Legs) < 2 {
		return partProgress(in.Refund)
	}
	worst, failed := RefundPaid, 0
	var words []string
	for _, leg := range in.Legs {
		p, text := partProgress(leg)
		switch p {
		case RefundOpen:
			worst = RefundOpen
		case RefundFailed:
			failed++
		}
		words = append(words, text)
	}
	switch {
	case failed == len(in.Legs):
		worst = RefundFailed
	case failed > 0:
		worst = RefundOpen
		words = append(words, "The other parts are not affected; retry the part that failed.")
	}
	return worst, strings.Join(words, " ")
}

// partProgress says how far the refund on one payment is.
func partProgress(r refunds.Refund) (Progress, string) {
	of := fmt.Sprintf("Refund of %s by %s: ", money.New(r.Amount(), r.Quote.Currency).Format(language),
		strings.ReplaceAll(string(r.Method), "_", " "))
	switch {
	case r.Status == refunds.StatusSucceeded:
		return RefundPaid, of + "paid."
	case r.Status == refunds.StatusUnknown:
		return RefundOpen, of + "outcome unknown. The provider gave no usable answer; we keep " +
			"checking, and it is never paid twice."
	case r.OnHold():
		return RefundOpen, r.HoldMessage()
	case r.Status.Open() && r.Method.Manual():
		return RefundOpen, of + "another request is recording it at this moment; try again."
	case r.Status.Open():
		return RefundOpen, of + "on its way; it waits for the provider."
	}
	return RefundFailed, of + "failed, because " + FailureOf(r, true) +
		". Nothing was paid; try again or choose another method."
}

// FailureOf returns why a refund failed, in words that end a sentence without
// its full stop. Which reason it was is for staff.
func FailureOf(r refunds.Refund, staff bool) string {
	if !staff {
		return "The payment did not go through. Our staff will try again or pay by another method."
	}
	attempt := r.Attempt()
	if attempt == nil {
		return "nothing was sent"
	}
	words := problem.RefundFailed(attempt.FailureCode, attempt.FailureReason)
	if r.Status == refunds.StatusReversed {
		return "the provider reversed the refund: " + words
	}
	return words
}

// QuoteRefund returns what a case would be refunded now, and the balance of its
// payment: all of it, or what is left after what others gave back.
func (e *Endpoints) QuoteRefund(
	ctx context.Context, by auth.User, id string, lessOutside bool,
) (refunds.Quote, refunds.Balance, error) {
	if err := QuoteRefund.Permit(by); err != nil {
		return refunds.Quote{}, refunds.Balance{}, err
	}
	return e.d.Returns.Quote(ctx, id, returns.RefundParams{LessOutside: lessOutside})
}
