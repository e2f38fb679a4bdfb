package main

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
)

// Gateway is the provider as a payment.RefundGateway.
type Gateway struct{ Provider *Provider }

// Capabilities implements payment.Capable. A refund is found by its message alone,
// and a key is known for seven days: a call without an answer is sent again under it.
func (g Gateway) Capabilities() payment.Capabilities {
	return payment.Capabilities{Find: payment.FindByMessage, KeyLife: 7 * 24 * time.Hour}
}

// CreateRefund implements payment.RefundGateway. The best that it answers is pending.
func (g Gateway) CreateRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	if err := ctx.Err(); err != nil {
		return payment.Result{Outcome: payment.OutcomeNoEffect, Message: err.Error()} // it was not sent
	}
	reference, err := g.Provider.Refund(r.Key, Order{
		PaymentReference: r.PaymentProviderID, MerchantReference: r.RefundID + "/" + r.AttemptID,
		Amount: r.Amount, Currency: r.Currency,
	})
	if err != nil {
		// What is not recognized is unknown; the key makes it safe to send again.
		return payment.Result{Outcome: payment.OutcomeUnknown, Failure: payment.Unreachable, Message: err.Error()}
	}
	return payment.Result{Outcome: payment.OutcomePending, ProviderID: reference, Status: "received"}
}

// FindRefund implements payment.RefundGateway. It is not called: see Capabilities.
func (g Gateway) FindRefund(context.Context, payment.RefundRequest) payment.Result {
	return payment.Result{Outcome: payment.OutcomeUnknown, Message: "the provider has no look-ups"}
}

// errForged: answer the webhook with 401, and believe nothing in it.
var errForged = errors.New("the signature of the message is not the provider's")

// Event reads a message for refunds.Service.HandleWebhook. As it is believed without
// a look-up, its signature is checked first.
func Event(m Message, secret []byte) (payment.WebhookEvent, error) {
	if len(secret) == 0 || !hmac.Equal([]byte(signature(secret, m.Body)), []byte(m.Signature)) {
		return payment.WebhookEvent{}, errForged
	}
	var n Notification
	if err := json.Unmarshal(m.Body, &n); err != nil {
		return payment.WebhookEvent{}, fmt.Errorf("read the message: %w", err)
	}
	e := payment.WebhookEvent{
		ProviderID: n.PSPReference, Amount: n.Value, Currency: n.Currency, Outcome: payment.OutcomeUnknown,
	}
	e.RefundID, e.AttemptID = ids(n.MerchantReference)
	switch {
	case n.EventCode == "REFUND" && n.Success:
		e.Outcome = payment.OutcomeDone
	case n.EventCode == "REFUND", n.EventCode == "REFUND_FAILED":
		e.Outcome = payment.OutcomeDeclined
	}
	return e, nil
}
