package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// returnJSON is a return case. What is not known yet is null; a text that
// nobody wrote is empty. Times are RFC 3339 in UTC.
type returnJSON struct {
	ID         string          `json:"id"`
	OrderID    string          `json:"sale_id"`
	CustomerID string          `json:"customer_id"`
	Status     string          `json:"status"`
	Reason     string          `json:"reason"`
	Details    string          `json:"details"`
	RMA        *string         `json:"rma_number"`
	CreatedAt  time.Time       `json:"created_at"`
	UpdatedAt  time.Time       `json:"updated_at"`
	Items      []lineJSON      `json:"items"`
	Photos     []photoJSON     `json:"photos"`
	Shipment   *shipmentJSON   `json:"shipment"`
	Inspection *inspectionJSON `json:"inspection"`
	Refund     *refundJSON     `json:"refund"`
}

type lineJSON struct {
	OrderLineID string      `json:"sale_item_id"`
	ProductID   json.Number `json:"product_id"`
	ProductName string      `json:"product_name"`
	Quantity    int         `json:"quantity"`
	Accepted    int         `json:"accepted_quantity"`
	Disposition *string     `json:"disposition"`
	Requested   json.Number `json:"requested_refund_amount"`
}

type photoJSON struct {
	Path       string    `json:"path"`
	URL        string    `json:"url"`
	UploadedAt time.Time `json:"uploaded_at"`
}

type shipmentJSON struct {
	Carrier        string     `json:"carrier"`
	TrackingNumber string     `json:"tracking_number"`
	ShippedAt      *time.Time `json:"shipped_at"`
	ReceivedAt     *time.Time `json:"received_at"`
	Notes          string     `json:"notes"`
}

type inspectionJSON struct {
	Result      string    `json:"result"`
	InspectedBy string    `json:"inspected_by"`
	InspectedAt time.Time `json:"inspected_at"`
	Notes       string    `json:"notes"`
}

type refundJSON struct {
	ID            string      `json:"id"`
	Amount        json.Number `json:"amount"`
	Method        string      `json:"method"`
	Status        string      `json:"status"` // PENDING, COMPLETED, FAILED or UNKNOWN
	FailureReason *string     `json:"failure_reason"`
	ProcessedAt   *time.Time  `json:"processed_at"`
	Reference     *string     `json:"reference"` // null where there are several legs
	Legs          []legJSON   `json:"legs"`      // one for each payment that gives a part back
}

type legJSON struct {
	Payment   string      `json:"payment"`
	Method    string      `json:"method"`
	Amount    json.Number `json:"amount"`
	Status    string      `json:"status"`
	Reference *string     `json:"reference"`
}

// view shows one case with its refund; nil for one that has to be read.
func (a *API) view(ctx context.Context, c returns.Return, refund *refunds.Intent, staff bool) (returnJSON, error) {
	one, err := a.Endpoints.Case(ctx, c, refund)
	if err != nil {
		return returnJSON{}, err
	}
	return viewOf(one, staff), nil
}

// viewOf shows a case to staff or to its customer.
func viewOf(c endpoint.Case, staff bool) returnJSON {
	j := returnJSON{
		ID: c.ID, OrderID: c.OrderID, CustomerID: c.CustomerID, Status: say(c.Status), Reason: say(c.Reason),
		Details: c.Details, RMA: known(c.RMA), CreatedAt: c.CreatedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC(),
		Items: make([]lineJSON, 0, len(c.Lines)), Photos: make([]photoJSON, 0, len(c.Evidence)),
	}
	for _, l := range c.Lines {
		j.Items = append(j.Items, lineJSON{
			OrderLineID: l.OrderLineID, ProductID: json.Number(l.ProductID), ProductName: l.Name, Quantity: l.Quantity,
			Accepted: l.Accepted, Disposition: known(say(l.Disposition)),
			Requested: amount(c.Requested(l), c.Order.Currency),
		})
	}
	for _, e := range c.Evidence {
		j.Photos = append(
			j.Photos,
			photoJSON{Path: e.Path, URL: "/returns/" + c.ID + "/photos/" + e.ID, UploadedAt: e.UploadedAt.UTC()},
		)
	}
	if s := c.Shipment; s == nil && len(c.Receipts) > 0 {
		// Nobody announced it, and it arrived all the same.
		j.Shipment = &shipmentJSON{ReceivedAt: when(c.Receipts[0].At), Notes: c.Receipts[0].Notes}
	} else if s != nil {
		j.Shipment = &shipmentJSON{
			Carrier: s.Carrier, TrackingNumber: s.TrackingNumber, Notes: s.Notes,
			ShippedAt: when(s.ShippedAt), ReceivedAt: when(s.ReceivedAt),
		}
	}
	if i := c.Inspection; i != nil {
		j.Inspection = &inspectionJSON{
			Result:      say(i.Result),
			InspectedBy: i.InspectedBy,
			InspectedAt: i.InspectedAt.UTC(),
			Notes:       i.Notes,
		}
	}
	if c.Refund != nil {
		j.Refund = refundOf(*c.Refund, staff)
	}
	return j
}

func refundOf(r refunds.Intent, staff bool) *refundJSON {
	j := &refundJSON{
		ID:     r.IntentID,
		Amount: amount(r.Amount(), r.Quote.Currency),
		Method: say(r.Method),
		Status: refundStatus(r.Status),
		Legs:   make([]legJSON, 0, len(r.Legs)),
	}
	if j.ID == "" {
		j.ID = r.ID // it waits for approval
	}
	for _, leg := range r.Legs {
		l := legJSON{Payment: leg.PaymentID, Method: say(leg.Method), Status: refundStatus(leg.Status),
			Amount: amount(leg.Amount(), leg.Quote.Currency)}
		if a := leg.Attempt(); a != nil {
			l.Reference = known(a.ProviderID)
		}
		j.Legs = append(j.Legs, l)
	}
	attempt := r.Attempt()
	if attempt == nil {
		return j
	}
	if len(r.Legs) == 1 {
		j.Reference = known(attempt.ProviderID)
	}
	if !r.Status.Open() {
		j.ProcessedAt = when(attempt.SettledAt)
	}
	if j.Status == "FAILED" {
		j.FailureReason = known(endpoint.FailureOf(r.Refund, staff))
	}
	return j
}

// refundStatus is the word for a refund's state. One that the provider took
// back later counts as failed: the customer does not have the money.
func refundStatus(s refunds.Status) string {
	switch {
	case s == refunds.StatusSucceeded:
		return "COMPLETED"
	case s == refunds.StatusUnknown:
		return "UNKNOWN"
	case s.Open():
		return "PENDING"
	}
	return "FAILED"
}

// known is nil for a text that is not there yet.
func known(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// when is nil for an instant that has not come.
func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
