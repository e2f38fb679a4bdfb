package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/decimal"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

func (a *API) productRoutes() {
	a.member("GET /api/products", a.listProducts)
	a.staffOnce("POST /api/admin/products", a.createProduct)
	a.staff("POST /api/admin/products/{id}", a.changeProduct)
}

// productJSON is a product; fields from category on are for staff.
type productJSON struct {
	ID        int64       `json:"id"`
	Name      string      `json:"name"`
	Price     json.Number `json:"price"`
	Currency  string      `json:"currency"`
	Stock     int         `json:"stock"`
	FlashSale *saleJSON   `json:"flash_sale"` // null: none is on

	*productDetail
}

type productDetail struct {
	Category         string      `json:"category"`
	FinalSale        bool        `json:"final_sale"`
	DiscountPercent  json.Number `json:"discount_percent"`
	ShippingWeight   json.Number `json:"shipping_weight"`
	CountryOfOrigin  string      `json:"country_of_origin"`
	RequiresShipping bool        `json:"requires_shipping"`
}

func productOf(p orders.Product, at time.Time, detail bool) (productJSON, error) {
	j := productJSON{
		ID:       p.ID,
		Name:     p.Name,
		Price:    amount(p.Price, p.Currency),
		Currency: string(p.Currency),
		Stock:    p.Stock,
	}
	if sale := p.SaleAt(at); sale != nil {
		var err error
		if j.FlashSale, err = saleOf(p, sale.FlashSale); err != nil {
			return j, err
		}
	}
	if detail {
		j.productDetail = &productDetail{
			Category: p.Category, FinalSale: p.FinalSale, DiscountPercent: decimal.Format(int64(p.DiscountBP), 2),
			ShippingWeight: decimal.Format(
				p.ShippingWeight,
				3,
			), CountryOfOrigin: p.CountryOfOrigin, RequiresShipping: p.RequiresShipping,
		}
	}
	return j, nil
}

func (a *API) listProducts(r *http.Request) (int, any, error) {
	products, err := a.Orders.Products(r.Context())
	if err != nil {
		return 0, nil, err
	}
	out, now := make([]productJSON, 0, len(products)), a.Now()
	for _, p := range products {
		j, err := productOf(p, now, user(r).IsStaff())
		if err != nil {
			return 0, nil, err
		}
		out = append(out, j)
	}
	return http.StatusOK, map[string]any{"products": out}, nil
}

// productChange is what staff send; a field left out stays as it is.
type productChange struct {
	Name             *string `json:"name"`
	Price            *number `json:"price"`
	Stock            *int    `json:"stock"`
	Category         *string `json:"category"`
	FinalSale        *bool   `json:"final_sale"`
	DiscountPercent  *number `json:"discount_percent"`
	ShippingWeight   *number `json:"shipping_weight"`
	CountryOfOrigin  *string `json:"country_of_origin"`
	RequiresShipping *bool   `json:"requires_shipping"`
}

func (a *API) createProduct(r *http.Request) (int, any, error) {
	var c productChange
	if err := decode(r, maxJSON, &c); err != nil {
		return 0, nil, err
	}
	switch {
	case c.Name == nil:
		return 0, nil, problem.Invalid("name", "name is missing; a new product needs a name, a price and a stock")
	case c.Price == nil:
		return 0, nil, problem.Invalid("price", "price is missing; a new product needs a name, a price and a stock")
	case c.Stock == nil:
		return 0, nil, problem.Invalid("stock", "stock is missing; a new product needs a name, a price and a stock")
	}
	return a.saveProduct(r, 0, c)
}

func (a *API) changeProduct(r *http.Request) (int, any, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		return 0, nil, orders.ErrNotFound
	}
	var c productChange
	if err := decode(r, maxJSON, &c); err != nil {
		return 0, nil, err
	}
	return a.saveProduct(r, id, c)
}

func (a *API) saveProduct(r *http.Request, id int64, c productChange) (int, any, error) {
	change, err := c.apply(a.Currency)
	if err != nil {
		return 0, nil, err
	}
	p, err := a.Orders.SaveProduct(
		r.Context(),
		id,
		event.Stamp{At: a.Now(), By: actor(r), Source: event.SourceOf(r.Context())},
		change,
	)
	if err != nil {
		return 0, nil, err
	}
	j, err := productOf(p, a.Now(), true)
	return http.StatusOK, map[string]any{"product": j}, err
}

// apply reads the numbers, exactly, and returns what sets them.
func (c productChange) apply(currency money.Currency) (func(*orders.Product) error, error) {
	var price, discount, weight int64
	var err error
	if c.Price != nil {
		m, err := money.Parse(c.Price.String(), currency)
		if err != nil {
			return nil, problem.Invalid(
				"price",
				fmt.Sprintf(
					"price is %s; it must be a number of %s with at most %d decimals",
					clip(c.Price.String()),
					currency,
					currency.Digits(),
				),
			)
		}
		price = m.Minor()
	}
	if c.DiscountPercent != nil {
		if discount, err = decimal.Parse(c.DiscountPercent.String(), 2); err != nil || discount < 0 ||
			discount > 10000 {
			return nil, problem.Invalid(
				"discount_percent",
				"discount_percent is "+clip(
					c.DiscountPercent.String(),
				)+"; it must be a number from 0 to 100 with at most 2 decimals",
			)
		}
	}
	if c.ShippingWeight != nil {
		if weight, err = decimal.Parse(c.ShippingWeight.String(), 3); err != nil || weight < 0 {
			return nil, problem.Invalid(
				"shipping_weight",
				"shipping_weight is "+clip(
					c.ShippingWeight.String(),
				)+"; it must be a number from 0 on with at most 3 decimals",
			)
		}
	}
	return func(p *orders.Product) error {
		if p.Currency == "" {
			p.Currency, p.RequiresShipping = currency, true
		}
		set(&p.Name, c.Name)
		set(&p.Stock, c.Stock)
		set(&p.Category, c.Category)
		set(&p.FinalSale, c.FinalSale)
		set(&p.CountryOfOrigin, c.CountryOfOrigin)
		set(&p.RequiresShipping, c.RequiresShipping)
		if c.Price != nil {
			p.Price = price
		}
		if c.DiscountPercent != nil {
			p.DiscountBP = int(discount)
		}
		if c.ShippingWeight != nil {
			p.ShippingWeight = weight
		}
		return nil
	}, nil
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}
