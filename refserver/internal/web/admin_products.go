package web

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

func (s *server) adminRoutes() {
	s.use("GET /admin/users", endpoint.ListUsers, s.adminUsers)
	s.use("POST /admin/users", endpoint.SetRole, s.setRole)
	s.use("GET /admin/products", endpoint.ManageProducts, s.adminProducts)
	s.use("GET /admin/products/{id}", endpoint.ManageProducts, s.adminProduct)
	s.use("POST /admin/products", endpoint.CreateProduct, s.createProduct)
	s.use("POST /admin/products/{id}", endpoint.ChangeProduct, s.changeProduct)
	s.use("GET /admin/orders", endpoint.ListAllOrders, s.adminOrders)
	s.use("POST /admin/orders/{id}/delivery", endpoint.RecordDelivery, s.recordDelivery)
	s.use("POST /admin/orders/{id}/rest", endpoint.PayRest, s.payRest)
	s.use("GET /admin/policy", endpoint.ReadPolicy, s.policyPage)
	s.use("POST /admin/policy", endpoint.PublishPolicy, s.publishPolicy)
}

// productsBody is the catalog for staff, with the form for a new product.
type productsBody struct {
	Products []storeProduct
	Low      int    // how many are low on stock
	OnlyLow  bool   // those alone are listed
	Q        string // part of a name or a category
	Total    int    // products that match
	Pages    pager
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
	Currencies         []money.Currency // to choose from, where there is a choice
	Problem            string
}

// Key makes a double click on the form one product.
func (productForm) Key() string { return newKey() }

func (s *server) adminProducts(w http.ResponseWriter, r *http.Request) error {
	body := productsBody{New: productForm{
		Currency: s.Currency, Currencies: s.choices(), Shipped: true, Discount: "0", Weight: "0",
	}}
	filter, notes, err := catalogOf(r)
	if err != nil {
		return err
	}
	body.OnlyLow, body.Q = filter.Stock != "", filter.Text
	var listed []orders.Product
	if listed, body.Total, body.Pages, err = s.find(r, "/admin/products", filter); err != nil {
		return err
	}
	for _, p := range listed {
		body.Products = append(body.Products, storeProduct{Product: p, Low: p.Stock <= s.LowStock})
	}
	low := orders.ProductQuery{StockBelow: s.LowStock + 1, PageSize: 1}
	if _, body.Low, err = s.Endpoints.FindProducts(r.Context(), user(r), low); err != nil {
		return err
	}
	return s.pageStatus(w, r, listStatus(notes), "admin_products", "Products", body, notes...)
}

// choices are the currencies that a new product may be priced in; nil where there is one alone.
func (s *server) choices() []money.Currency {
	if len(s.Currencies) < 2 {
		return nil
	}
	return s.Currencies
}

func (s *server) adminProduct(w http.ResponseWriter, r *http.Request) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return orders.ErrNotFound
	}
	p, err := s.Endpoints.Product(r.Context(), user(r), id)
	if err != nil {
		return err
	}
	return s.page(w, r, "admin_product", p.Name, productForm{
		ID: p.ID, Name: p.Name, Category: p.Category, Currency: p.Currency, Origin: p.CountryOfOrigin,
		Price: money.New(p.Price, p.Currency).Decimal(), Stock: strconv.Itoa(p.Stock), StockWas: strconv.Itoa(p.Stock),
		Discount: money.FormatDecimal(int64(p.DiscountBP), 2), Weight: money.FormatDecimal(p.ShippingWeight, 3),
		FinalSale: p.FinalSale, Shipped: p.RequiresShipping,
	})
}

func (s *server) createProduct(w http.ResponseWriter, r *http.Request) error {
	p, err := s.productParams(r, 0)
	if err != nil {
		return s.productRefused(w, r, 0, err)
	}
	saved, err := s.Endpoints.CreateProduct(r.Context(), user(r), p)
	return s.productSaved(w, r, 0, saved, err)
}

func (s *server) changeProduct(w http.ResponseWriter, r *http.Request) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		return orders.ErrNotFound
	}
	p, err := s.productParams(r, id)
	if err != nil {
		return s.productRefused(w, r, id, err)
	}
	saved, err := s.Endpoints.ChangeProduct(r.Context(), user(r), id, p)
	return s.productSaved(w, r, id, saved, err)
}

func (s *server) productSaved(w http.ResponseWriter, r *http.Request, id int64, saved orders.Product, err error) error {
	if err != nil {
		return s.productRefused(w, r, id, err)
	}
	return s.redirect(w, r, "/admin/products", saved.Name+" is saved")
}

// productParams reads the form of a product, which holds all of it: a box that
// is not ticked is not sent.
func (s *server) productParams(r *http.Request, id int64) (endpoint.ProductParams, error) {
	form := struct {
		endpoint.ProductParams

		StockWas *int `json:"stock_was"`
	}{}
	err := readForm(r, &form)
	p := form.ProductParams
	p.StockWas, p.Whole = form.StockWas, true
	for _, box := range []**bool{&p.FinalSale, &p.RequiresShipping} {
		if *box == nil {
			*box = new(bool)
		}
	}
	if err != nil {
		err = problem.Join(err, s.Endpoints.CheckProduct(r.Context(), user(r), id, p))
	}
	return p, err
}

// productRefused shows the form again, as it was sent, with what is wrong.
func (s *server) productRefused(w http.ResponseWriter, r *http.Request, id int64, err error) error {
	p := problem.Of(err)
	if p.Status != http.StatusBadRequest {
		return err
	}
	refused(r, p, nil)
	f := r.PostForm
	text := func(field string) string { return strings.TrimSpace(f.Get(field)) }
	form := productForm{
		ID: id, Name: text("name"), Category: text("category"), Price: f.Get("price"), Stock: f.Get("stock"),
		StockWas: f.Get("stock_was"), Discount: f.Get("discount_percent"), Weight: f.Get("shipping_weight"),
		Origin: text("country_of_origin"), FinalSale: f.Get("final_sale") != "",
		Shipped: f.Get("requires_shipping") != "", Problem: p.PageMessage(),
		Currency: cmp.Or(money.Currency(text("currency")), s.Currency),
	}
	if id == 0 {
		form.Currencies = s.choices()
	}
	return s.pageStatus(w, r, p.Status, "admin_product", "Product", form)
}
