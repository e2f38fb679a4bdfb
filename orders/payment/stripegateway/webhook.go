package stripegateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/stripe/stripe-go/v85"
	"github.com/stripe/stripe-go/v85/webhook"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// SignatureHeader is the header that a webhook's signature comes in.
const SignatureHeader = "Stripe-Signature"

// Errors of ParseEvent.
var (
	// ErrSignature: the message was not signed with the secret, or too long
	// ago. Answer 400; nothing in it is to be believed.
	ErrSignature = errors.New("stripegateway: the signature of the webhook is not valid")
	// ErrPayload: it is signed, and not an event of the shape that Stripe
	// describes. Answer 400.
	ErrPayload = errors.New("stripegateway: the webhook holds no event")
)

// EventKind is what an Event reports.
type EventKind string

// The kinds of events that mean something here.
const (
	EventIgnored        EventKind = ""                // a type that nobody here follows: answer 200
	EventRefund         EventKind = "refund"          // refund.created, refund.updated, refund.failed
	EventDispute        EventKind = "dispute"         // every charge.dispute message
	EventPaymentSettled EventKind = "payment_settled" // payment_intent.succeeded
	EventPage           EventKind = "page"            // checkout.session.completed, .expired and its like
)

// Event is a message of the provider. It says where to look, not what is true:
// messages come late, twice, and in the wrong order. Act on it by
// refunds.Service.HandleWebhook and SyncPayment, which bear all three.
type Event struct {
	ID               string // evt_..., unique; what to drop repeated ones by
	Kind             EventKind
	Type             string // Stripe's word
	At               time.Time
	Reference        string // of the object: re_..., dp_..., pi_..., cs_...
	PaymentReference string // pi_...
	Amount           int64  // minor units
	Currency         money.Currency
	Status           string          // Stripe's word for the object's state
	Outcome          payment.Outcome // of a refund's state
	Reason           string          // of a dispute
	Livemode         bool            // false: of test mode; compare it with the key
	Account          string          // acct_... of a connected account; empty for your own
	RefundID         string          // ours, from the metadata
	AttemptID        string
	OrderID          string
	PaymentID        string
}

// WebhookEvent returns the event as package refunds handles it; for EventRefund.
func (e Event) WebhookEvent() payment.WebhookEvent {
	return payment.WebhookEvent{
		RefundID: e.RefundID, AttemptID: e.AttemptID, ProviderID: e.Reference, PaymentProviderID: e.PaymentReference,
		Amount: e.Amount, Currency: e.Currency, Outcome: e.Outcome,
	}
}

// ParseEvent checks the signature of a webhook's body against the endpoint's
// secret, and reads the event. A signature older than tolerance is refused; 0
// means 5 minutes (https://docs.stripe.com/webhooks#replay-attacks). One that is
// ahead is not: a clock here that was set back would have none believed, and who
// sends a message again gains nothing where repeated ids are dropped. The API
// version of the event is not compared: only ids, amounts and states are read,
// and what is done about them is looked up.
// An amount that is no number of minor units is 0: the message still says where
// to look.
//
// Errors: ErrSignature, ErrPayload, and one that names an empty secret, with
// which anybody could sign.
func ParseEvent(body []byte, signature, secret string, tolerance time.Duration) (Event, error) {
	if secret == "" {
		return Event{}, errors.New(
			"stripegateway: the webhook's secret is empty, so no message can be believed; set it",
		)
	}
	if tolerance <= 0 {
		tolerance = webhook.DefaultTolerance
	}
	if err := webhook.ValidatePayloadWithTolerance(body, signature, secret, tolerance); err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	var raw stripe.Event
	if err := json.Unmarshal(body, &raw); err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrPayload, err)
	}
	if raw.ID == "" || raw.Type == "" || raw.Data == nil {
		return Event{}, fmt.Errorf("%w: id, type or data is missing", ErrPayload)
	}
	e := Event{ID: raw.ID, Type: string(raw.Type), At: time.Unix(raw.Created, 0).UTC(), Livemode: raw.Livemode,
		Account: raw.Account}
	read := map[stripe.EventType]func(*Event, []byte) error{
		stripe.EventTypeRefundCreated:                (*Event).readRefund,
		stripe.EventTypeRefundUpdated:                (*Event).readRefund,
		stripe.EventTypeRefundFailed:                 (*Event).readRefund,
		stripe.EventTypeChargeDisputeCreated:         (*Event).readDispute,
		stripe.EventTypeChargeDisputeUpdated:         (*Event).readDispute,
		stripe.EventTypeChargeDisputeFundsWithdrawn:  (*Event).readDispute,
		stripe.EventTypeChargeDisputeFundsReinstated: (*Event).readDispute,
		stripe.EventTypeChargeDisputeClosed:          (*Event).readDispute,
		stripe.EventTypePaymentIntentSucceeded:       (*Event).readPayment,

		stripe.EventTypeCheckoutSessionCompleted:             (*Event).readSession,
		stripe.EventTypeCheckoutSessionExpired:               (*Event).readSession,
		stripe.EventTypeCheckoutSessionAsyncPaymentSucceeded: (*Event).readSession,
		stripe.EventTypeCheckoutSessionAsyncPaymentFailed:    (*Event).readSession,
	}[raw.Type]
	if read == nil {
		return e, nil
	}
	if err := read(&e, raw.Data.Raw); err != nil {
		return Event{}, fmt.Errorf("%w: %s %s: %w", ErrPayload, e.Type, e.ID, err)
	}
	if e.Reference == "" {
		return Event{}, fmt.Errorf("%w: the object of %s %s has no id", ErrPayload, e.Type, e.ID)
	}
	return e, nil
}

func (e *Event) readRefund(raw []byte) error {
	var r stripe.Refund
	if err := json.Unmarshal(raw, &r); err != nil {
		return err
	}
	e.Kind, e.Outcome = EventRefund, refunded(&r).Outcome
	l := listed(&r)
	e.Reference, e.PaymentReference = l.ProviderID, l.PaymentProviderID
	e.Amount, e.Currency, e.Status = l.Amount, l.Currency, l.Status
	e.RefundID, e.AttemptID, e.OrderID = l.RefundID, l.AttemptID, r.Metadata[MetaOrderID]
	return nil
}

func (e *Event) readDispute(raw []byte) error {
	var d stripe.Dispute
	if err := json.Unmarshal(raw, &d); err != nil {
		return err
	}
	e.Kind = EventDispute
	e.Reference, e.Status, e.Reason = d.ID, string(d.Status), string(d.Reason)
	e.Amount, e.Currency = amountTold(d.Amount, string(d.Currency))
	if d.PaymentIntent != nil {
		e.PaymentReference = d.PaymentIntent.ID
	}
	return nil
}

func (e *Event) readPayment(raw []byte) error {
	var pi stripe.PaymentIntent
	if err := json.Unmarshal(raw, &pi); err != nil {
		return err
	}
	e.Kind = EventPaymentSettled
	e.Reference, e.PaymentReference, e.Status = pi.ID, pi.ID, string(pi.Status)
	e.Amount, e.Currency = amountTold(pi.AmountReceived, string(pi.Currency))
	e.OrderID, e.PaymentID = pi.Metadata[MetaOrderID], pi.Metadata[MetaPaymentID]
	return nil
}

func (e *Event) readSession(raw []byte) error {
	var c stripe.CheckoutSession
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	e.Kind = EventPage
	e.Reference, e.Status = c.ID, string(c.Status)
	if c.PaymentIntent != nil {
		e.PaymentReference = c.PaymentIntent.ID
	}
	e.Amount, e.Currency = amountTold(c.AmountTotal, string(c.Currency))
	e.OrderID, e.PaymentID = c.Metadata[MetaOrderID], c.Metadata[MetaPaymentID]
	return nil
}

// amountTold is an amount of a message in minor units, 0 where it is none.
func amountTold(amount int64, code string) (int64, money.Currency) {
	minor, c, err := fromUnit(amount, code)
	if err != nil {
		return 0, c
	}
	return minor, c
}
