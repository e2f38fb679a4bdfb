package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/returnkit/returnkit/internal/paging"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

func (s *server) flashSaleRoutes() {
	s.use("GET /admin/flash-sales", endpoint.ListAllFlashSales, s.flashSales)
	s.use("POST /admin/flash-sales", endpoint.CreateFlashSale, s.createFlashSale)
	s.use("GET /admin/flash-sales/{id}", endpoint.ListAllFlashSales, s.flashSale)
	s.use("POST /admin/flash-sales/{id}", endpoint.ChangeFlashSale, s.changeFlashSale)
	s.use("POST /admin/flash-sales/{id}/end", endpoint.EndFlashSale, s.endFlashSale)
}

// flashSalesBody is all flash sales, with the form for a new one.
type flashSalesBody struct {
	Sales []saleRow
	Pages pager
	Form  saleForm
}

// saleRow is a flash sale in the list.
type saleRow struct {
	orders.FlashSale
	Product string
	State   badge
	Over    bool
}

// saleForm is a flash sale as a form holds it: numbers and instants as text, so
// that a refused form comes back as it was sent.
type saleForm struct {
	ID, ProductID, Percent, Starts, Ends, Cap, CapPerCustomer string

	Sale     *saleRow         // nil: a new one
	Begun    bool             // its start stays
	Products []orders.Product // to choose from: the first that match
	Q        string           // part of a product's name or category
	Total    int              // products that match
	Zone     string
	Problem  string
	Field    string // the input the problem is about
}

// Search reports whether the search is shown: for products beyond those to choose from.
func (f saleForm) Search() bool { return f.Q != "" || f.Total > catalogPage }

// Key makes a double click on the form one sale.
func (saleForm) Key() string { return newKey() }

func (s *server) flashSales(w http.ResponseWriter, r *http.Request) error {
	start := s.Now().In(s.Zone).Truncate(time.Hour).Add(time.Hour)
	return s.showFlashSales(w, r, http.StatusOK, saleForm{
		Percent: "20", Starts: start.Format(endpoint.SaleMoment),
		Ends: start.Add(time.Hour).Format(endpoint.SaleMoment),
	})
}

func (s *server) showFlashSales(w http.ResponseWriter, r *http.Request, status int, form saleForm) error {
	filter, notes, err := catalogOf(r)
	if err != nil {
		return err
	}
	if len(notes) > 0 {
		status = listStatus(notes)
	}
	sales, err := s.Endpoints.FlashSales(r.Context(), user(r))
	if err != nil {
		return err
	}
	var body flashSalesBody
	body.Pages, err = pagesAt(r, "/admin/flash-sales", "page", filter.Page(), catalogPage, len(sales))
	if err != nil {
		return err
	}
	sales = paging.Cut(sales, filter.Page(), catalogPage)
	chosen, _ := strconv.ParseInt(form.ProductID, 10, 64)
	named, err := s.productsOnSale(r, sales, chosen)
	if err != nil {
		return err
	}
	for _, f := range sales {
		body.Sales = append(body.Sales, s.saleRow(f, named[f.ProductID].Name))
	}
	filter.Paging = endpoint.Paging{} // the page number is of the sales
	if form.Products, form.Total, _, err = s.find(r, "", filter); err != nil {
		return err
	}
	among := func(p orders.Product) bool { return p.ID == chosen }
	if p, ok := named[chosen]; ok && !slices.ContainsFunc(form.Products, among) {
		form.Products = append([]orders.Product{p}, form.Products...) // a refused form keeps it
	}
	form.Zone, form.Q = s.Zone.String(), filter.Text
	body.Form = form
	notes = append(notes, s.switchedOff(feature.FlashSales)...)
	return s.pageStatus(w, r, status, "admin_flash_sales", "Flash sales", body, notes...)
}

// productsOnSale returns the products of the sales, and the one that is chosen, by id.
func (s *server) productsOnSale(
	r *http.Request, sales []orders.FlashSale, chosen int64,
) (map[int64]orders.Product, error) {
	ids := []int64{chosen}
	for _, f := range sales {
		ids = append(ids, f.ProductID)
	}
	q := orders.ProductQuery{IDs: ids, PageSize: len(ids)}
	products, _, err := s.Endpoints.FindProducts(r.Context(), user(r), q)
	out := map[int64]orders.Product{}
	for _, p := range products {
		out[p.ID] = p
	}
	return out, err
}

func (s *server) saleRow(f orders.FlashSale, product string) saleRow {
	row := saleRow{FlashSale: f, Product: product, State: badge{"info", "scheduled"}}
	switch now := s.Now(); {
	case !now.Before(f.Ends):
		row.State, row.Over = badge{"", "ended"}, true
	case f.On(now):
		row.State = badge{"good", "active"}
	}
	return row
}

func (s *server) createFlashSale(w http.ResponseWriter, r *http.Request) error {
	var p endpoint.NewSaleParams
	err := readForm(r, &p)
	if err == nil {
		var f orders.FlashSale
		if f, err = s.Endpoints.CreateFlashSale(r.Context(), user(r), p); err == nil {
			return s.redirect(w, r, "/admin/flash-sales", "The flash sale "+s.span(f)+" is scheduled.")
		}
	}
	q := problem.Of(err)
	if q.Internal {
		return err
	}
	form := sentSale(r)
	refused(r, q, nil)
	form.Problem, form.Field = q.PageMessage(), q.Field
	return s.showFlashSales(w, r, q.Status, form)
}

func (s *server) flashSale(w http.ResponseWriter, r *http.Request) error {
	f, err := s.Endpoints.FlashSale(r.Context(), user(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.showFlashSale(w, r, http.StatusOK, f, saleForm{
		Percent: money.FormatDecimal(int64(f.PercentBP), 2),
		Starts:  f.Starts.In(s.Zone).Format(endpoint.SaleMoment), Ends: f.Ends.In(s.Zone).Format(endpoint.SaleMoment),
		Cap: capText(f.Cap), CapPerCustomer: capText(f.CapPerCustomer),
	})
}

func (s *server) showFlashSale(
	w http.ResponseWriter,
	r *http.Request,
	status int,
	f orders.FlashSale,
	form saleForm,
) error {
	p, err := s.Endpoints.Product(r.Context(), user(r), f.ProductID)
	if err != nil {
		return err
	}
	row := s.saleRow(f, p.Name)
	form.ID, form.Sale, form.Begun, form.Zone = f.ID, &row, !f.Starts.After(s.Now()), s.Zone.String()
	return s.pageStatus(w, r, status, "admin_flash_sale", "Flash sale of "+p.Name, form)
}

func (s *server) changeFlashSale(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	var p endpoint.SaleParams
	err := readForm(r, &p)
	if err == nil {
		var f orders.FlashSale
		if f, err = s.Endpoints.ChangeFlashSale(r.Context(), user(r), id, p); err == nil {
			return s.redirect(w, r, "/admin/flash-sales", "The flash sale "+s.span(f)+" is saved.")
		}
	}
	q := problem.Of(err)
	if q.Internal || q.Status == http.StatusNotFound {
		return err
	}
	f, err := s.Endpoints.FlashSale(r.Context(), user(r), id)
	if err != nil {
		return err
	}
	form := sentSale(r)
	refused(r, q, nil)
	form.Problem, form.Field = q.PageMessage(), q.Field
	return s.showFlashSale(w, r, q.Status, f, form)
}

func (s *server) endFlashSale(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.Endpoints.EndFlashSale(r.Context(), user(r), r.PathValue("id")); err != nil {
		return err
	}
	return s.redirect(w, r, "/admin/flash-sales", "The flash sale has ended.")
}

// span says from when to when a sale is on.
func (s *server) span(f orders.FlashSale) string {
	const layout = "2 Jan 2006, 15:04"
	return "from " + f.Starts.In(s.Zone).Format(layout) + " to " + f.Ends.In(s.Zone).Format(layout+" MST")
}

func sentSale(r *http.Request) saleForm {
	get := func(field string) string { return strings.TrimSpace(r.PostForm.Get(field)) }
	return saleForm{
		ProductID: get("product_id"), Percent: get("percent"), Starts: get("starts"), Ends: get("ends"),
		Cap: get("cap"), CapPerCustomer: get("cap_per_customer"),
	}
}

// capText is a cap in a form: empty where there is none.
func capText(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
