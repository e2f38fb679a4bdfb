package api

import (
	"net/http"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/input"
)

// ordersPage is how many orders one answer holds.
const ordersPage = 100

func (a *API) orderRoutes() {
	a.use("GET /api/orders", endpoint.ListOrders, a.listOrders)
	a.use("GET /api/store-credit", endpoint.ReadCredit, a.storeCredit)
}

type orderJSON struct {
	ID       string     `json:"id"`
	Number   string     `json:"number"`
	Status   string     `json:"status"` // COMPLETED, QUEUED or CANCELLED
	Total    any        `json:"total"`
	Currency string     `json:"currency"`
	PlacedAt any        `json:"placed_at"`
	Payments []paidJSON `json:"payments"` // store credit first
	Items    []itemJSON `json:"items"`
}

type paidJSON struct {
	Method string `json:"method"` // CARD, CASH or STORE_CREDIT
	Amount any    `json:"amount"`
}

type itemJSON struct {
	ID          string `json:"sale_item_id"`
	ProductID   int64  `json:"product_id"`
	ProductName string `json:"product_name"`
	Quantity    int    `json:"quantity"`
	Returnable  int    `json:"returnable_quantity"`
	UnitPrice   any    `json:"unit_price"`
}

func (a *API) listOrders(r *http.Request) (int, any, error) {
	p := endpoint.HistoryParams{Size: ordersPage, Uncounted: true}
	if err := input.Query(r.URL.Query(), &p.Paging); err != nil {
		return 0, nil, err
	}
	page, err := a.Endpoints.OrderHistory(r.Context(), user(r), p)
	if err != nil {
		return 0, nil, err
	}
	returnable, err := a.Endpoints.Returnable(r.Context(), page.Orders)
	if err != nil {
		return 0, nil, err
	}
	out := make([]orderJSON, 0, len(page.Orders))
	for _, o := range page.Orders {
		out = append(out, orderOf(o, returnable))
	}
	return http.StatusOK, map[string]any{"orders": out, "total": page.Total}, nil
}

// orderOf is an order in the shape of the contract; returnable is by line id.
func orderOf(o orders.Order, returnable map[string]int) orderJSON {
	j := orderJSON{
		ID: o.ID, Number: o.Number, Status: orderStatus(o.Status), Total: amount(o.Total(), o.Currency),
		Currency: string(o.Currency), PlacedAt: o.PlacedAt, Items: make([]itemJSON, 0, len(o.Lines)),
	}
	for _, p := range o.Payments() {
		j.Payments = append(j.Payments, paidJSON{say(p.Method), amount(p.Amount, o.Currency)})
	}
	for _, l := range o.Lines {
		j.Items = append(j.Items, itemJSON{
			ID: l.ID, ProductID: l.ProductID, ProductName: l.Name, Quantity: l.Quantity,
			Returnable: returnable[l.ID], UnitPrice: amount(l.UnitList-l.UnitDiscount, o.Currency),
		})
	}
	return j
}

func orderStatus(s orders.Status) string {
	switch s {
	case orders.StatusCompleted:
		return "COMPLETED"
	case orders.StatusCanceled:
		return "CANCELLED"
	}
	return "QUEUED"
}
