package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// Payload is the body of a message: what has happened, when, and the object as it was after.
// The same event always has the same payload.
type Payload struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

// Order is an order in a payload. Amounts are numbers with the currency's decimals.
type Order struct {
	ID         string      `json:"id"`
	Number     string      `json:"number"`
	CustomerID string      `json:"customer_id"`
	Status     string      `json:"status"` // COMPLETED, QUEUED or CANCELLED
	Total      json.Number `json:"total"`
	Currency   string      `json:"currency"`
	PlacedAt   time.Time   `json:"placed_at"`
	Items      []OrderItem `json:"items"`
}

// OrderItem is a line of an Order.
type OrderItem struct {
	ID          string      `json:"sale_item_id"`
	ProductID   int64       `json:"product_id"`
	ProductName string      `json:"product_name"`
	Quantity    int         `json:"quantity"`
	UnitPrice   json.Number `json:"unit_price"`
}

// Return is a return in a payload, without what its customer and staff wrote to each other.
type Return struct {
	ID         string       `json:"id"`
	OrderID    string       `json:"sale_id"`
	CustomerID string       `json:"customer_id"`
	Status     string       `json:"status"`
	Reason     string       `json:"reason"`
	RMA        *string      `json:"rma_number"`
	CreatedAt  time.Time    `json:"created_at"`
	UpdatedAt  time.Time    `json:"updated_at"`
	Items      []ReturnItem `json:"items"`
	Shipment   *Shipment    `json:"shipment"`
}

// ReturnItem is a line of a Return.
type ReturnItem struct {
	OrderLineID string  `json:"sale_item_id"`
	ProductID   string  `json:"product_id"`
	ProductName string  `json:"product_name"`
	Quantity    int     `json:"quantity"`
	Accepted    int     `json:"accepted_quantity"`
	Disposition *string `json:"disposition"`
}

// Shipment is how the items of a Return travel.
type Shipment struct {
	Carrier        string    `json:"carrier"`
	TrackingNumber string    `json:"tracking_number"`
	ShippedAt      time.Time `json:"shipped_at"`
}

// Refund is a refund in a payload.
type Refund struct {
	ID          string      `json:"id"`
	ReturnID    string      `json:"return_id"`
	OrderID     string      `json:"sale_id"`
	CustomerID  string      `json:"customer_id"`
	Amount      json.Number `json:"amount"`
	Currency    string      `json:"currency"`
	Method      string      `json:"method"`
	Status      string      `json:"status"` // PENDING, COMPLETED or FAILED
	Reference   *string     `json:"reference"`
	ProcessedAt *time.Time  `json:"processed_at"`
}

// payload builds the body of a delivery of the history of its aggregate.
func (s *Service) payload(ctx context.Context, d deliveryRow) ([]byte, error) {
	p := Payload{Type: d.Type, Timestamp: d.EventAt.Time().UTC()}
	if d.Type == TypePing {
		p.Data = map[string]string{"message": "This is a test of your webhook."}
		return json.Marshal(p)
	}
	history, err := outboxdb.Events(ctx, s.cfg.DB.Writer(), d.Stream, d.AggregateID)
	if err != nil {
		return nil, err
	}
	if len(history) < d.Seq {
		return nil, fmt.Errorf("webhook: %s has %d events, and this is number %d", d.AggregateID, len(history), d.Seq)
	}
	if p.Data, err = dataOf(d.Stream, history[:d.Seq]); err != nil {
		return nil, err
	}
	return json.Marshal(p)
}

// dataOf is the object that a history makes.
func dataOf(stream string, history []event.Event) (any, error) {
	switch stream {
	case ordersStream:
		o, err := orders.Fold(history)
		return map[string]Order{"order": orderOf(o)}, err
	case returnsStream:
		r, err := returns.Fold(history)
		return map[string]Return{"return": returnOf(r)}, err
	case refundsStream:
		r, err := refunds.Fold(history)
		return map[string]Refund{"refund": refundOf(r)}, err
	}
	return nil, fmt.Errorf("webhook: there is no stream %q", stream)
}

func orderOf(o orders.Order) Order {
	out := Order{
		ID: o.ID, Number: o.Number, CustomerID: o.CustomerID, Status: say(o.Status),
		Total:    amount(o.Payment.Amount, o.Currency),
		Currency: string(o.Currency), PlacedAt: o.PlacedAt.UTC(), Items: make([]OrderItem, 0, len(o.Lines)),
	}
	for _, l := range o.Lines {
		out.Items = append(out.Items, OrderItem{
			ID: l.ID, ProductID: l.ProductID, ProductName: l.Name, Quantity: l.Quantity,
			UnitPrice: amount(l.UnitList-l.UnitDiscount, o.Currency),
		})
	}
	return out
}

func returnOf(r returns.Return) Return {
	out := Return{
		ID: r.ID, OrderID: r.OrderID, CustomerID: r.CustomerID, Status: say(r.Status), Reason: say(r.Reason),
		RMA: text(r.RMA), CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
		Items: make([]ReturnItem, 0, len(r.Lines)),
	}
	for _, l := range r.Lines {
		out.Items = append(out.Items, ReturnItem{
			OrderLineID: l.OrderLineID, ProductID: l.ProductID, ProductName: l.Name, Quantity: l.Quantity,
			Accepted: l.Accepted, Disposition: text(say(l.Disposition)),
		})
	}
	if s := r.Shipment; s != nil {
		out.Shipment = &Shipment{s.Carrier, s.TrackingNumber, s.ShippedAt.UTC()}
	}
	return out
}

func refundOf(r refunds.Refund) Refund {
	out := Refund{
		ID: r.ID, ReturnID: r.ClientReference, OrderID: r.OrderID, CustomerID: r.Customer,
		Amount: amount(r.Amount(), r.Quote.Currency), Currency: string(r.Quote.Currency), Method: say(r.Method),
		Status: "FAILED", // one that was reversed too: the customer does not have the money
	}
	if _, rest := refunds.CarriedPayment(r.ClientReference); rest {
		out.ReturnID = "" // of no return: what refunds of the order carried over
	}
	switch {
	case r.Status == refunds.StatusSucceeded:
		out.Status = "COMPLETED"
	case r.Status.Open():
		out.Status = "PENDING"
	}
	if a := r.Attempt(); a != nil {
		out.Reference = text(a.ProviderID)
		if !a.SettledAt.IsZero() {
			at := a.SettledAt.UTC()
			out.ProcessedAt = &at
		}
	}
	return out
}

// say is a state as the contract spells it.
func say[T ~string](code T) string { return strings.ToUpper(string(code)) }

func amount(minor int64, c money.Currency) json.Number {
	return json.Number(money.New(minor, c).Decimal())
}

// text is nil for what is not there.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
