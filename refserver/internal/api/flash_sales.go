package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/input"
)

func (a *API) flashSaleRoutes() {
	a.use("GET /api/flash-sales", endpoint.ListFlashSales, a.listFlashSales)
	a.use("POST /api/flash-sales/{id}/reserve", endpoint.ReserveFlashSale, a.reserve)
}

// saleJSON is a flash sale that is on.
type saleJSON struct {
	ID             string      `json:"id"`
	ProductID      int64       `json:"product_id"`
	ProductName    string      `json:"product_name"`
	Percent        json.Number `json:"percent"`
	OriginalPrice  json.Number `json:"original_price"`
	Price          json.Number `json:"price"` // in the sale
	Currency       string      `json:"currency"`
	StartsAt       time.Time   `json:"starts_at"`
	EndsAt         time.Time   `json:"ends_at"`
	Cap            *int        `json:"cap"` // null: none
	CapPerCustomer *int        `json:"cap_per_customer"`
	Remaining      *int        `json:"remaining"` // of the cap, reserved units taken off
}

func saleOf(p orders.Product, f orders.FlashSale) (*saleJSON, error) {
	// The product's own discount holds where it is greater.
	off, err := money.BasisPoints(p.Price, max(f.PercentBP, p.DiscountBP))
	if err != nil {
		return nil, fmt.Errorf("price of product %d in flash sale %s: %w", p.ID, f.ID, err)
	}
	j := &saleJSON{
		ID: f.ID, ProductID: p.ID, ProductName: p.Name, Percent: percent(int64(f.PercentBP)),
		Currency: string(p.Currency), OriginalPrice: amount(p.Price, p.Currency),
		Price: amount(p.Price-off, p.Currency), StartsAt: f.Starts, EndsAt: f.Ends,
	}
	if f.Cap > 0 {
		left := max(0, f.Cap-f.Sold-f.Held)
		j.Cap, j.Remaining = &f.Cap, &left
	}
	if f.CapPerCustomer > 0 {
		j.CapPerCustomer = &f.CapPerCustomer
	}
	return j, nil
}

// listFlashSales answers the sales that are on. The products carry them, so
// two statements find everything.
func (a *API) listFlashSales(r *http.Request) (int, any, error) {
	products, err := a.Endpoints.OnSale(r.Context(), user(r))
	if err != nil {
		return 0, nil, err
	}
	out, now := []*saleJSON{}, a.Now()
	for _, p := range products {
		if sale := p.SaleAt(now); sale != nil { // it may have ended since
			j, err := saleOf(p, sale.FlashSale)
			if err != nil {
				return 0, nil, err
			}
			out = append(out, j)
		}
	}
	return http.StatusOK, map[string]any{"flash_sales": out}, nil
}

func (a *API) reserve(r *http.Request) (int, any, error) {
	var p endpoint.ReserveParams
	if err := input.JSON(r, &p); err != nil {
		return 0, nil, err
	}
	held, message, err := a.Endpoints.ReserveFlashSale(r.Context(), user(r), r.PathValue("id"), p)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{
		"success": true, "message": message, "reservation_id": held.ID, "expires_at": held.ExpiresAt,
	}, nil
}
