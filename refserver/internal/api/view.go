package api

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/problem"
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
	Reference     *string     `json:"reference"`
}

// views shows cases to staff or to their customer, with their refunds and
// orders read in one query each, however many they are.
func (a *API) views(ctx context.Context, cases []returns.Return, staff bool) ([]returnJSON, error) {
	ids := make([]string, 0, len(cases))
	orderIDs := make(map[string]bool, len(cases))
	for _, c := range cases {
		ids = append(ids, c.ID)
		orderIDs[c.OrderID] = true
	}
	paid, err := a.Refunds.ByClientReferences(ctx, ids)
	if err != nil {
		return nil, err
	}
	sold, err := a.ordersByID(ctx, orderIDs)
	if err != nil {
		return nil, err
	}
	out := make([]returnJSON, 0, len(cases))
	for _, c := range cases {
		o, ok := sold[c.OrderID]
		if !ok {
			return nil, fmt.Errorf("api: return %s is of order %s, which is gone", c.ID, c.OrderID)
		}
		var refund *refunds.Refund
		if r, ok := paid[c.ID]; ok {
			refund = &r
		}
		out = append(out, viewOf(c, o, refund, staff))
	}
	return out, nil
}

// view shows one case with its refund; nil for one that has to be read.
func (a *API) view(ctx context.Context, c returns.Return, refund *refunds.Refund, staff bool) (returnJSON, error) {
	if refund == nil {
		all, err := a.views(ctx, []returns.Return{c}, staff)
		if err != nil {
			return returnJSON{}, err
		}
		return all[0], nil
	}
	if paidWhole(c, *refund) {
		// Then it says all that is shown of the order.
		return viewOf(c, orders.Order{Currency: refund.Quote.Currency}, refund, staff), nil
	}
	o, err := a.Orders.Order(ctx, c.OrderID)
	if err != nil {
		return returnJSON{}, err
	}
	return viewOf(c, o, refund, staff), nil
}

// paidWhole reports whether a refund pays for all units that the case asks for.
func paidWhole(c returns.Return, refund refunds.Refund) bool {
	return !slices.ContainsFunc(c.Lines, func(l returns.Line) bool {
		_, ok := given(l, &refund)
		return !ok
	})
}

// given is what the units of a line gave, where the refund pays for them all.
func given(l returns.Line, refund *refunds.Refund) (int64, bool) {
	if refund == nil || !refund.Status.CountsAgainstCaptured() {
		return 0, false
	}
	for _, q := range refund.Quote.Lines {
		if q.OrderLineID == l.OrderLineID && q.Units == l.Quantity {
			return q.Given.Total(), true
		}
	}
	return 0, false
}

func (a *API) ordersByID(ctx context.Context, ids map[string]bool) (map[string]orders.Order, error) {
	found := make(map[string]orders.Order, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	list, _, err := a.Orders.Orders(ctx, orders.Query{IDs: slices.Collect(maps.Keys(ids)), PageSize: len(ids)})
	if err != nil {
		return nil, err
	}
	for _, o := range list {
		found[o.ID] = o
	}
	return found, nil
}

func viewOf(c returns.Return, o orders.Order, refund *refunds.Refund, staff bool) returnJSON {
	j := returnJSON{
		ID: c.ID, OrderID: c.OrderID, CustomerID: c.CustomerID, Status: say(c.Status), Reason: say(c.Reason),
		Details: c.Details, RMA: known(c.RMA), CreatedAt: c.CreatedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC(),
		Items: make([]lineJSON, 0, len(c.Lines)), Photos: make([]photoJSON, 0, len(c.Evidence)),
	}
	for _, l := range c.Lines {
		j.Items = append(j.Items, lineJSON{
			OrderLineID: l.OrderLineID, ProductID: json.Number(l.ProductID), ProductName: l.Name, Quantity: l.Quantity,
			Accepted: l.Accepted, Disposition: known(say(l.Disposition)), Requested: amount(requested(l, o, refund), o.Currency),
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
		j.Shipment = &shipmentJSON{Carrier: s.Carrier, TrackingNumber: s.TrackingNumber, ShippedAt: when(s.ShippedAt), ReceivedAt: when(s.ReceivedAt), Notes: s.Notes}
	}
	if i := c.Inspection; i != nil {
		j.Inspection = &inspectionJSON{
			Result:      say(i.Result),
			InspectedBy: i.InspectedBy,
			InspectedAt: i.InspectedAt.UTC(),
			Notes:       i.Notes,
		}
	}
	if refund != nil {
		j.Refund = refundOf(*refund, staff)
	}
	return j
}

// requested is what the units of a line are worth before fees, in minor units,
// by the floor law. Once they are paid back it is what they gave, which differs
// by at most one unit for each component where other units of the order line
// came back before.
func requested(l returns.Line, o orders.Order, refund *refunds.Refund) int64 {
	if paid, ok := given(l, refund); ok {
		return paid
	}
	bought, ok := o.Line(l.OrderLineID)
	if !ok {
		return 0
	}
	return bought.Paid.Share(l.Quantity, bought.Quantity).Total()
}

func refundOf(r refunds.Refund, staff bool) *refundJSON {
	j := &refundJSON{
		ID:     r.ID,
		Amount: amount(r.Amount(), r.Quote.Currency),
		Method: say(r.Method),
		Status: refundStatus(r.Status),
	}
	attempt := r.Attempt()
	if attempt == nil {
		return j
	}
	j.Reference = known(attempt.ProviderID)
	j.ProcessedAt = when(attempt.SettledAt)
	if j.Status == "FAILED" {
		j.FailureReason = known(failureOf(r, staff))
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

// failureOf is why a refund failed. Which reason it was is for staff.
func failureOf(r refunds.Refund, staff bool) string {
	if !staff {
		return "The payment did not go through. Our staff will try again or pay by another method."
	}
	attempt := r.Attempt()
	if attempt == nil {
		return "nothing was sent"
	}
	words := problem.RefundFailed(attempt.FailureCode, attempt.FailureReason)
	if r.Status == refunds.StatusReversed {
		return "reversed by the provider: " + words
	}
	return words
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
