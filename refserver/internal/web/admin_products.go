package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/decimal"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

func (s *server) adminRoutes() {
	s.staff("GET /admin/users", s.adminUsers)
	s.staff("POST /admin/users", s.setRole)
	s.staff("GET /admin/products", s.adminProducts)
	s.staff("GET /admin/products/{id}", s.adminProduct)
	s.staffOnce("POST /admin/products", s.saveProduct)
	s.staff("POST /admin/products/{id}", s.saveProduct)
	s.staff("GET /admin/orders", s.adminOrders)
	s.staff("POST /admin/orders/{id}/delivery", s.recordDelivery)
	s.staff("GET /admin/policy", s.policyPage)
	s.staff("POST /admin/policy", s.publishPolicy)
}

// productsBody is the catalog for staff, with the form for a new product.
type productsBody struct {
	Products []storeProduct
	New      productForm
}

// productForm is a product as a form holds it: decimals as text, so that a
// refused form comes back as it was sent.
type productForm struct {
	ID                                                     int64 // 0: a new one
	Name, Category, Price, Stock, Discount, Weight, Origin string
	// StockWas is the stock that the form was filled with; empty for a new product.
	StockWas           string
	FinalSale, Shipped bool
	Currency           money.Currency
	Problem            string
}

// Key makes a double click on the form one product.
func (productForm) Key() string { return newKey() }

func (s *server) adminProducts(w http.ResponseWriter, r *http.Request) error {
	products, err := s.Orders.Products(r.Context())
	if err != nil {
		return err
	}
	body := productsBody{New: productForm{Currency: s.Currency, Shipped: true, Discount: "0", Weight: "0"}}
	for _, p := range products {
		body.Products = append(body.Products, storeProduct{Product: p, Low: p.Stock <= s.LowStock})
	}
	return s.page(w, r, "admin_products", "Products", body)
}

func (s *server) adminProduct(w http.ResponseWriter, r *http.Request) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return orders.ErrNotFound
	}
	p, err := s.Orders.Product(r.Context(), id)
	if err != nil {
		return err
	}
	return s.page(w, r, "admin_product", p.Name, productForm{
		ID: p.ID, Name: p.Name, Category: p.Category, Currency: p.Currency, FinalSale: p.FinalSale, Shipped: p.RequiresShipping,
		Price: money.New(
			p.Price,
			p.Currency,
		).Decimal(), Stock: strconv.Itoa(p.Stock), StockWas: strconv.Itoa(p.Stock), Origin: p.CountryOfOrigin,
		Discount: decimal.Format(int64(p.DiscountBP), 2).String(), Weight: decimal.Format(p.ShippingWeight, 3).String(),
	})
}

// saveProduct creates a product, or changes the one of the address.
func (s *server) saveProduct(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	var id int64
	if text := r.PathValue("id"); text != "" {
		var err error
		if id, err = strconv.ParseInt(text, 10, 64); err != nil || id < 1 {
			return orders.ErrNotFound
		}
	}
	f := r.PostForm
	form := productForm{
		ID: id, Name: strings.TrimSpace(f.Get("name")), Category: strings.TrimSpace(f.Get("category")), Price: f.Get("price"),
		Stock: f.Get(
			"stock",
		), StockWas: f.Get("stock_was"), Discount: f.Get("discount_percent"), Weight: f.Get("shipping_weight"),
		Origin: strings.TrimSpace(
			f.Get("country_of_origin"),
		), FinalSale: f.Get("final_sale") != "", Shipped: f.Get("requires_shipping") != "",
		Currency: s.Currency,
	}
	change, err := form.change()
	if err == nil {
		var saved orders.Product
		if saved, err = s.Orders.SaveProduct(r.Context(), id, event.Stamp{At: s.Now(), By: actor(r), Source: event.SourceOf(r.Context())}, change); err == nil {
			return s.redirect(w, r, "/admin/products", saved.Name+" is saved")
		}
	}
	p := problem.Of(err)
	if p.Status != http.StatusBadRequest {
		return err
	}
	form.Problem = p.Message
	return s.pageStatus(w, r, p.Status, "admin_product", "Product", form)
}

// change reads the numbers, exactly, and returns what sets the product.
func (f productForm) change() (func(*orders.Product) error, error) {
	price, err := money.Parse(strings.TrimSpace(f.Price), f.Currency)
	if err != nil {
		return nil, problem.Invalid(
			"price",
			fmt.Sprintf(
				"The price is %q; it must be an amount in %s with at most %d decimals.",
				clip(f.Price),
				f.Currency,
				f.Currency.Digits(),
			),
		)
	}
	stock, err := strconv.Atoi(strings.TrimSpace(f.Stock))
	if err != nil {
		return nil, problem.Invalid("stock", fmt.Sprintf("The stock is %q; it must be a whole number.", clip(f.Stock)))
	}
	discount, err := decimal.Parse(f.Discount, 2)
	if err != nil || discount < 0 || discount > 10000 {
		return nil, problem.Invalid(
			"discount_percent",
			fmt.Sprintf(
				"The discount is %q; it must be a number from 0 to 100 with at most 2 decimals.",
				clip(f.Discount),
			),
		)
	}
	weight, err := decimal.Parse(f.Weight, 3)
	if err != nil || weight < 0 {
		return nil, problem.Invalid(
			"shipping_weight",
			fmt.Sprintf("The weight is %q; it must be 0 or more with at most 3 decimals.", clip(f.Weight)),
		)
	}
	was := 0
	if f.StockWas != "" {
		if was, err = strconv.Atoi(f.StockWas); err != nil {
			return nil, problem.Invalid("stock_was", "The form is incomplete. Reload the page and try again.")
		}
	}
	return func(p *orders.Product) error {
		p.Name, p.Category, p.Currency, p.Price = f.Name, f.Category, f.Currency, price.Minor()
		// Units sold while the form was open stay sold: what staff changed is
		// the difference, not the number.
		p.Stock += stock - was
		p.DiscountBP, p.ShippingWeight, p.CountryOfOrigin = int(discount), weight, f.Origin
		p.FinalSale, p.RequiresShipping = f.FinalSale, f.Shipped
		return nil
	}, nil
}
