package orders

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// The types of an order's events.
const (
	EventPlaced          = "order.placed"
	EventQueued          = "order.queued"
	EventCompleted       = "order.completed"
	EventCanceled        = "order.cancelled"
	EventDelivered       = "order.delivered"
	EventCharging        = "order.charging"         // a confirm is about to be sent
	EventChargeAttempted = "order.charge_attempted" // an attempt ended without settling the order
	EventChargeRetried   = "order.charge_retried"   // staff have the provider asked again
	EventChargeWithdrawn = "order.charge_withdrawn" // the provider will never capture it
	EventPageOpened      = "order.page_opened"      // the customer can pay on a page of the provider's
	EventPageAwaited     = "order.page_awaited"     // a look-up answers again, and the customer can still pay
)

// payload is the data of an event. The same apply serves the change itself
// and Fold, so that the two can't differ.
type payload interface {
	apply(o *Order, at time.Time)
}

// record applies the data to the order and notes the event.
func (o *Order) record(s event.Stamp, typ string, data payload) error {
	e, err := event.NewEvent(o.ID, o.Version+1, typ, s, data)
	if err != nil {
		return err
	}
	data.apply(o, e.At)
	o.Version, o.UpdatedAt = e.Seq, e.At
	o.changes = append(o.changes, e)
	return nil
}

// Fold replays the events of one order, in order of Seq from 1, and returns
// the order they make. Leases are not history; they are left zero.
func Fold(events []event.Event) (Order, error) {
	var o Order
	err := event.Fold(events, payloadOf, func(e event.Event, data payload) {
		at := instant(e.At)
		o.ID = e.AggregateID
		data.apply(&o, at)
		o.Version, o.UpdatedAt = e.Seq, at
	})
	if err != nil {
		return Order{}, foldError(err)
	}
	return o, nil
}

func payloadOf(typ string) (payload, bool) {
	switch typ {
	case EventPlaced:
		return &placed{}, true
	case EventQueued:
		return &queued{}, true
	case EventCompleted:
		return &completed{}, true
	case EventCanceled:
		return &canceled{}, true
	case EventDelivered:
		return &delivered{}, true
	case EventCharging:
		return &charging{}, true
	case EventChargeAttempted:
		return &chargeAttempted{}, true
	case EventChargeRetried:
		return &chargeRetried{}, true
	case EventChargeWithdrawn:
		return &chargeWithdrawn{}, true
	case EventPageOpened:
		return &pageOpened{}, true
	case EventPageAwaited:
		return &pageAwaited{}, true
	}
	return nil, false
}

// foldError is an error of event.Fold in the terms of this package.
func foldError(err error) error {
	if errors.Is(err, event.ErrNoHistory) {
		return &Error{Code: CodeNotFound, Field: "events", Message: "There are no events to fold.", Err: err}
	}
	if _, ok := errors.AsType[*event.HistoryError](err); ok {
		return &Error{
			Code:    CodeInvalid,
			Field:   "events",
			Message: "They are not one history: " + err.Error() + ".",
			Err:     err,
		}
	}
	return fmt.Errorf("orders: fold %w", err)
}

// Clone is the order as a store keeps it: without the events recorded since
// it was loaded, sharing nothing with o.
func (o Order) Clone() Order {
	o.changes = nil
	o.Lines = slices.Clone(o.Lines)
	return o
}

type placed struct {
	Number         string         `json:"number"`
	CustomerID     string         `json:"customer_id"`
	CartID         string         `json:"cart_id,omitempty"`
	IdempotencyKey string         `json:"idempotency_key,omitempty"`
	TermsID        string         `json:"terms_id,omitempty"`
	Source         string         `json:"source,omitempty"`
	Currency       money.Currency `json:"currency"`
	Lines          []placedLine   `json:"lines"`
	PaymentID      string         `json:"payment_id"`
	Method         payment.Method `json:"method"`
	Token          string         `json:"token,omitempty"`
	PageExpiresAt  time.Time      `json:"page_expires_at,omitzero"`
	Key            string         `json:"key"`
	Priority       int            `json:"priority,omitempty"`
	Amount         int64          `json:"amount"`
	CreditID       string         `json:"credit_payment_id,omitempty"`
	Credit         int64          `json:"store_credit,omitempty"`
}

type placedLine struct {
	ID           string           `json:"id"`
	ProductID    int64            `json:"product_id"`
	Name         string           `json:"name"`
	Category     string           `json:"category,omitempty"`
	FinalSale    bool             `json:"final_sale,omitempty"`
	Quantity     int              `json:"quantity"`
	UnitList     int64            `json:"unit_list"`
	UnitDiscount int64            `json:"unit_discount"`
	Paid         money.Components `json:"paid"`
	SaleID       string           `json:"sale_id,omitempty"`
}

func (p *placed) apply(o *Order, at time.Time) {
	o.Number, o.CustomerID, o.CartID, o.IdempotencyKey = p.Number, p.CustomerID, p.CartID, p.IdempotencyKey
	o.TermsID, o.Source, o.Currency = p.TermsID, p.Source, p.Currency
	o.Status, o.PlacedAt = StatusSubmitted, at
	o.Lines = make([]Line, len(p.Lines))
	for i, l := range p.Lines {
		o.Lines[i] = Line(l)
	}
	o.Credit = CreditPart{PaymentID: p.CreditID, Amount: p.Credit}
	o.Payment = Payment{
		ID:       p.PaymentID,
		Method:   p.Method,
		Amount:   p.Amount,
		Status:   PaymentPending,
		Token:    p.Token,
		Key:      p.Key,
		Priority: p.Priority,
		Page:     PaymentPage{ExpiresAt: p.PageExpiresAt},
	}
	if o.needsCharge() {
		// Whoever charges may send from now on, so the row says so first.
		o.Payment.FirstSentAt, o.Payment.Work.NextAt = at, at
	}
}

type queued struct {
	Reason string `json:"reason,omitempty"`
}

func (*queued) apply(o *Order, _ time.Time) { o.Status = StatusQueued }

type completed struct {
	Reference string `json:"reference,omitempty"`
	Note      string `json:"note,omitempty"` // what staff saw at the provider
}

func (c *completed) apply(o *Order, at time.Time) {
	o.Status, o.CompletedAt = StatusCompleted, at
	o.Payment.Status, o.Payment.CapturedAt, o.Payment.ProviderID = PaymentCaptured, at, c.Reference
	o.Payment.Failure = ""
	o.Payment.Work = payment.Work{Attempts: o.Payment.Work.Attempts}
}

type canceled struct {
	Reason      string          `json:"reason,omitempty"`
	DeclineCode string          `json:"decline_code,omitempty"`
	Failure     payment.Failure `json:"failure,omitempty"`
	Limit       int64           `json:"limit,omitempty"`
	Payment     PaymentStatus   `json:"payment"`
}

func (c *canceled) apply(o *Order, at time.Time) {
	if c.Payment == PaymentDeclined && o.Status == StatusSubmitted {
		o.IdempotencyKey = "" // the decline is the answer; the key, as the cart, is free for another try
	}
	o.Status, o.CanceledAt, o.CancelReason = StatusCanceled, at, c.Reason
	o.Payment.Status, o.Payment.DeclineCode = c.Payment, c.DeclineCode
	o.Payment.Failure, o.Payment.FailureLimit = c.Failure, c.Limit
	o.Payment.Work = payment.Work{Attempts: o.Payment.Work.Attempts}
}

type delivered struct {
	At time.Time `json:"at"`
}

func (d *delivered) apply(o *Order, _ time.Time) { o.DeliveredAt = d.At }

type charging struct {
	Reference string `json:"reference"`
}

func (c *charging) apply(o *Order, _ time.Time) {
	o.Payment.ProviderID, o.Payment.Status = c.Reference, PaymentUnknown
}

type chargeAttempted struct {
	Outcome     payment.Outcome `json:"outcome"`
	Code        string          `json:"code,omitempty"`
	Failure     payment.Failure `json:"failure,omitempty"`
	LastError   string          `json:"last_error"`
	Payment     PaymentStatus   `json:"payment"`
	KeyRound    int             `json:"key_round,omitempty"`
	Attempts    int             `json:"attempts"`
	NextAt      time.Time       `json:"next_at"`
	NeedsReview bool            `json:"needs_review,omitempty"`
}

func (c *chargeAttempted) apply(o *Order, _ time.Time) {
	o.Payment.Status, o.Payment.KeyRound, o.Payment.Failure = c.Payment, c.KeyRound, c.Failure
	o.Payment.Work = payment.Work{
		NextAt:      c.NextAt,
		Attempts:    c.Attempts,
		LastError:   c.LastError,
		NeedsReview: c.NeedsReview,
	}
}

type chargeRetried struct {
	Reason string `json:"reason"`
}

func (*chargeRetried) apply(o *Order, at time.Time) {
	o.Payment.Work.NextAt, o.Payment.Work.NeedsReview = at, false
}

type chargeWithdrawn struct{}

func (*chargeWithdrawn) apply(o *Order, _ time.Time) { o.Payment.Status = PaymentCanceled }
