package paysim

import (
	"slices"
	"time"
)

// The JSON of Stripe's objects: of the fields that stripe-go knows, those that
// mean something here, and those that clients take for granted.

type intentView struct {
	ID                 string            `json:"id"`
	Object             string            `json:"object"`
	Amount             int64             `json:"amount"`
	AmountCapturable   int64             `json:"amount_capturable"`
	AmountReceived     int64             `json:"amount_received"`
	CanceledAt         *int64            `json:"canceled_at"`
	CancellationReason *string           `json:"cancellation_reason"`
	CaptureMethod      string            `json:"capture_method"`
	ClientSecret       string            `json:"client_secret"`
	ConfirmationMethod string            `json:"confirmation_method"`
	Created            int64             `json:"created"`
	Currency           string            `json:"currency"`
	Description        *string           `json:"description"`
	LastPaymentError   *apiError         `json:"last_payment_error"`
	LatestCharge       any               `json:"latest_charge"`
	Livemode           bool              `json:"livemode"`
	Metadata           map[string]string `json:"metadata"`
	NextAction         *nextAction       `json:"next_action"`
	PaymentMethod      *string           `json:"payment_method"`
	PaymentMethodTypes []string          `json:"payment_method_types"`
	Status             string            `json:"status"`
}

type nextAction struct {
	Type         string         `json:"type"`
	UseStripeSDK map[string]any `json:"use_stripe_sdk"`
}

type chargeView struct {
	ID             string            `json:"id"`
	Object         string            `json:"object"`
	Amount         int64             `json:"amount"`
	AmountCaptured int64             `json:"amount_captured"`
	AmountRefunded int64             `json:"amount_refunded"`
	Captured       bool              `json:"captured"`
	Created        int64             `json:"created"`
	Currency       string            `json:"currency"`
	Disputed       bool              `json:"disputed"`
	FailureCode    *string           `json:"failure_code"`
	Livemode       bool              `json:"livemode"`
	Metadata       map[string]string `json:"metadata"`
	Paid           bool              `json:"paid"`
	PaymentIntent  string            `json:"payment_intent"`
	PaymentMethod  string            `json:"payment_method"`
	Details        methodDetails     `json:"payment_method_details"`
	Refunded       bool              `json:"refunded"`
	Status         string            `json:"status"`
}

type methodDetails struct {
	Type string      `json:"type"`
	Card cardDetails `json:"card"`
}

type cardDetails struct {
	Brand string `json:"brand"`
	Last4 string `json:"last4"`
}

type refundView struct {
	ID            string            `json:"id"`
	Object        string            `json:"object"`
	Amount        int64             `json:"amount"`
	Charge        any               `json:"charge"`
	Created       int64             `json:"created"`
	Currency      string            `json:"currency"`
	FailureReason string            `json:"failure_reason,omitempty"`
	Metadata      map[string]string `json:"metadata"`
	PaymentIntent any               `json:"payment_intent"`
	PendingReason string            `json:"pending_reason,omitempty"`
	Reason        *string           `json:"reason"`
	Status        string            `json:"status"`
}

type listView struct {
	Object  string `json:"object"`
	Data    []any  `json:"data"`
	HasMore bool   `json:"has_more"`
	URL     string `json:"url"`
}

func (st *state) viewIntent(i *intent, expand []string) intentView {
	v := intentView{
		ID: i.ID, Object: "payment_intent", Amount: i.Amount, CaptureMethod: "automatic",
		CanceledAt: unixOrNull(i.CanceledAt), CancellationReason: orNull(i.CancelReason),
		ClientSecret: i.ID + "_secret_simulated", ConfirmationMethod: "automatic",
		Created: i.CreatedAt.Unix(), Currency: i.Currency, Description: orNull(i.Description),
		LastPaymentError: i.LastError, Livemode: i.Live, Metadata: copyMap(i.Metadata), PaymentMethod: orNull(i.Method),
		PaymentMethodTypes: []string{"card"}, Status: i.Status,
	}
	if i.Status == statusSucceeded {
		v.AmountReceived = i.Amount
	}
	if i.Status == statusNeedsAction {
		v.NextAction = &nextAction{
			Type: "use_stripe_sdk", UseStripeSDK: map[string]any{"type": "three_d_secure_redirect"},
		}
	}
	switch ch := st.chargeByID[i.Charge]; {
	case ch != nil && slices.Contains(expand, "latest_charge"):
		v.LatestCharge = st.viewCharge(ch)
	case i.Charge != "":
		v.LatestCharge = i.Charge
	}
	return v
}

func (st *state) viewCharge(c *charge) chargeView {
	method, _ := cardFor(c.Method)
	v := chargeView{
		ID: c.ID, Object: "charge", Amount: c.Amount, Captured: c.Captured, Created: c.CreatedAt.Unix(),
		Currency: c.Currency, FailureCode: orNull(c.Declined), Metadata: map[string]string{}, Paid: c.Captured,
		PaymentIntent: c.Intent, PaymentMethod: c.Method, Status: statusFailed,
		Details: methodDetails{Type: "card", Card: cardDetails{method.brand, method.last4()}},
	}
	if i := st.intentByID[c.Intent]; i != nil {
		v.Livemode, v.Metadata, v.Disputed = i.Live, copyMap(i.Metadata), len(i.disputes) > 0
		if c.Captured {
			v.AmountRefunded = st.refunded(i)
		}
	}
	if c.Captured {
		v.Status, v.AmountCaptured, v.Refunded = statusSucceeded, c.Amount, v.AmountRefunded == c.Amount
	}
	return v
}

func (st *state) viewRefund(r *refund, expand []string) refundView {
	v := refundView{
		ID: r.ID, Object: "refund", Amount: r.Amount, Charge: r.Charge, Created: r.CreatedAt.Unix(),
		Currency: r.Currency, FailureReason: r.FailureReason, Metadata: copyMap(r.Metadata),
		PaymentIntent: r.Intent, Reason: orNull(r.Reason), Status: r.Status,
	}
	if r.Status == statusPending {
		v.PendingReason = "processing"
	}
	if ch := st.chargeByID[r.Charge]; ch != nil && slices.Contains(expand, "charge") {
		v.Charge = st.viewCharge(ch)
	}
	if i := st.intentByID[r.Intent]; i != nil && slices.Contains(expand, "payment_intent") {
		v.PaymentIntent = st.viewIntent(i, nil)
	}
	return v
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func unixOrNull(t *time.Time) *int64 {
	if t == nil {
		return nil
	}
	n := t.Unix()
	return &n
}
