package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/input"
)

func (a *API) productRoutes() {
	a.use("GET /api/products", endpoint.ListProducts, a.listProducts)
	a.use("POST /api/admin/products", endpoint.CreateProduct, a.createProduct)
	a.use("POST /api/admin/products/{id}", endpoint.ChangeProduct, a.changeProduct)
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
			Category: p.Category, FinalSale: p.FinalSale, DiscountPercent: percent(int64(p.DiscountBP)),
			ShippingWeight:  json.Number(money.FormatDecimal(p.ShippingWeight, 3)),
			CountryOfOrigin: p.CountryOfOrigin, RequiresShipping: p.RequiresShipping,
		}
	}
	return j, nil
}

// productsPage is how many products one page holds.
const productsPage = 100

// listProducts answers all products, or a page of them where one is asked for.
func (a *API) listProducts(r *http.Request) (int, any, error) {
	var p endpoint.Paging
	err := input.Query(r.URL.Query(), &p)
	if err != nil {
		return 0, nil, err
	}
	var products []orders.Product
	var total int
	if p.Number == nil {
		products, err = a.Endpoints.Products(r.Context(), user(r))
		total = len(products)
	} else {
		q := orders.ProductQuery{Page: p.Page(), PageSize: productsPage}
		products, total, err = a.Endpoints.FindProducts(r.Context(), user(r), q)
	}
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
	return http.StatusOK, map[string]any{"products": out, "total": total}, nil
}

func (a *API) createProduct(r *http.Request) (int, any, error) {
	var p endpoint.ProductParams
	if err := input.JSON(r, &p); err != nil {
		return 0, nil, err
	}
	saved, err := a.Endpoints.CreateProduct(r.Context(), user(r), p)
	return a.savedProduct(saved, err)
}

func (a *API) changeProduct(r *http.Request) (int, any, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0, nil, orders.ErrNotFound
	}
	var p endpoint.ProductParams
	if err := input.JSON(r, &p); err != nil {
		return 0, nil, err
	}
	saved, err := a.Endpoints.ChangeProduct(r.Context(), user(r), id, p)
	return a.savedProduct(saved, err)
}

func (a *API) savedProduct(p orders.Product, err error) (int, any, error) {
	if err != nil {
		return 0, nil, err
	}
	j, err := productOf(p, a.Now(), true)
	return http.StatusOK, map[string]any{"product": j}, err
}

// percent is a count of hundredths of a percent as a JSON number.
func percent(bp int64) json.Number { return json.Number(money.FormatDecimal(bp, 2)) }
