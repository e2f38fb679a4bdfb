package paysim

import (
	"fmt"
	"slices"
)

// RefundParams says what is refunded on the provider's own pages.
type RefundParams struct {
	PaymentIntent string `json:"payment_intent"`
	// AmountMinor is in the provider's unit; 0 means all that is left.
	AmountMinor int64 `json:"amount_minor"`
	// Reason is one of duplicate, fraudulent and requested_by_customer, or "".
	Reason string `json:"reason"`
}

// RefundOutside makes a refund as somebody does on the provider's own pages:
// without an idempotency key and without the shop's metadata. It obeys the rules
// of any other refund, and its events are sent.
func (s *Simulator) RefundOutside(p RefundParams) (Refund, error) {
	if p.AmountMinor < 0 {
		return Refund{}, fmt.Errorf("paysim: %d cannot be refunded; it must be 1 or more, or 0 for all that is left",
			p.AmountMinor)
	}
	if p.Reason != "" && !slices.Contains(refundReasons, p.Reason) {
		return Refund{}, fmt.Errorf("paysim: %q is no reason for a refund; it must be one of %v, or empty",
			p.Reason, refundReasons)
	}
	if p.PaymentIntent == "" {
		return Refund{}, fmt.Errorf("paysim: payment_intent is empty; it must name the payment to refund")
	}
	var made *refund
	err := s.control(func(t *tx) error {
		r, refused := t.newRefund(refundRequest{
			intent: p.PaymentIntent, amount: p.AmountMinor, reason: p.Reason, outside: true,
		})
		if refused != nil {
			return refused
		}
		made = r
		return nil
	})
	if err != nil {
		return Refund{}, err
	}
	return made.export(), nil
}

// SettleRefund moves a refund to succeeded, or to failed for the reason, "" for
// an expired card: it is how a refund is taken back later. Its events are sent.
// A refund that has failed stays so.
func (s *Simulator) SettleRefund(id, status, reason string) (Refund, error) {
	if status != statusSucceeded && status != statusFailed {
		return Refund{}, fmt.Errorf("paysim: a refund cannot be made %q; it must be succeeded or failed", status)
	}
	if reason == "" {
		reason = defaultFailure
	}
	if !slices.Contains(failureReasons, reason) {
		return Refund{}, fmt.Errorf("paysim: %q is no reason for a refund to fail; it must be one of %v",
			reason, failureReasons)
	}
	var settled *refund
	err := s.control(func(t *tx) error {
		r := t.refundByID[id]
		switch {
		case r == nil:
			return fmt.Errorf("paysim: there is no refund %q", id)
		case r.Status == statusFailed:
			return fmt.Errorf("paysim: refund %s has failed", id)
		case r.Status == status:
			return fmt.Errorf("paysim: refund %s is %s already", id, status)
		}
		settled = t.settleRefund(r, status, reason)
		return nil
	})
	if err != nil {
		return Refund{}, err
	}
	return settled.export(), nil
}
