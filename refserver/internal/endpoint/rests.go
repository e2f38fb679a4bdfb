package endpoint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/approval"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refunds"
)

// RestParams is what staff mean to pay of what refunds of an order left.
type RestParams struct {
	Amount input.Number `json:"amount" validate:"required"`
	Key    string       `json:"-"` // of the request: one that is sent again pays no other rest
}

// RestChange is what was paid, or why it waits.
type RestChange struct {
	Order   orders.Order
	Paid    bool // false: it waits for the approval of a second person
	Message string
}

// RestDue is what refunds of an order left and may yet pay.
type RestDue struct {
	Amount money.Money
	Wait   string // why it can't be paid now, a sentence; empty: it can
}

// RestOf returns what refunds of an order left; ok is false for nothing.
func (e *Endpoints) RestOf(ctx context.Context, by auth.User, o orders.Order) (due RestDue, ok bool, err error) {
	if err := PayRest.Permit(by); err != nil || o.Payment.ID == "" {
		return RestDue{}, false, err
	}
	l, err := e.d.Refunds.PaymentLedger(ctx, refunds.PaymentRef{OrderID: o.ID, PaymentID: o.Payment.ID,
		Captured: o.Payment.Amount, Currency: o.Currency})
	rest := min(l.Rest, l.Captured-l.Refunded-l.Outside)
	if err != nil || rest <= 0 {
		return RestDue{}, false, err
	}
	due.Amount = money.New(rest, o.Currency)
	hold, held := l.Hold()
	switch {
	case held:
		due.Wait = fmt.Sprintf("The payment is disputed (%s); it can be paid when that is over.", hold.Ref)
	case l.Reserved > 0:
		due.Wait = "A refund of this payment is open; it can be paid when that has ended."
	case !e.d.Features.On(feature.StoreCredit, o.CustomerID):
		due.Wait = "Store credit is off at the moment; it is paid with the next refund of the order."
	}
	return due, true, nil
}

// PayRest pays what refunds of an order left as store credit: that amount, or nothing.
func (e *Endpoints) PayRest(ctx context.Context, by auth.User, id string, p RestParams) (RestChange, error) {
	if err := PayRest.Permit(by); err != nil {
		return RestChange{}, err
	}
	if err := input.Check(p); err != nil {
		return RestChange{}, err
	}
	o, err := e.d.Orders.Order(ctx, id)
	if err != nil {
		return RestChange{}, err
	}
	amount, err := money.Parse(p.Amount.String(), o.Currency)
	if err != nil {
		return RestChange{}, problem.Mistaken(amountMistake("amount", "", p.Amount.String(), o.Currency))
	}
	if !e.d.Features.On(feature.StoreCredit, o.CustomerID) {
		return RestChange{}, FeatureOff(feature.StoreCredit)
	}
	rest := refunds.RestParams{OrderID: o.ID, PaymentID: o.Payment.ID, Key: requestKey(by, p.Key), By: actor(by)}
	paid, err := e.d.Review.Approvals.PayRest(ctx, rest, amount)
	if _, ok := approval.Waits(err); ok {
		return RestChange{Order: o, Message: err.Error()}, nil
	}
	if err != nil {
		return RestChange{}, err
	}
	if paid.Status != refunds.StatusSucceeded {
		progress, words := partProgress(paid)
		if progress == RefundFailed {
			return RestChange{}, problem.New(http.StatusConflict, "REFUND_FAILED", words)
		}
		return RestChange{Order: o, Message: words}, nil
	}
	return RestChange{Order: o, Paid: true, Message: fmt.Sprintf(
		"%s of the refunds of order %s was added to store credit.", amount.Format(language), o.Number)}, nil
}

// requestKey is the key of a request of somebody's as refunds takes one; empty for none.
func requestKey(by auth.User, key string) string {
	if key == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(by.ID + "\x00" + key))
	return hex.EncodeToString(sum[:])
}
