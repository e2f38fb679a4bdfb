package web

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/decimal"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

func (s *server) flashSaleRoutes() {
	s.staff("GET /admin/flash-sales", s.flashSales)
	s.staffOnce("POST /admin/flash-sales", s.createFlashSale)
	s.staff("GET /admin/flash-sales/{id}", s.flashSale)
	s.staff("POST /admin/flash-sales/{id}", s.changeFlashSale)
	s.staff("POST /admin/flash-sales/{id}/end", s.endFlashSale)
}

// localMoment is an instant as an input of type datetime-local holds it, in
// the shop's time zone.
const localMoment = "2006-01-02T15:04"

// flashSalesBody is all flash sales, with the form for a new one.
type flashSalesBody struct {
	Sales []saleRow
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

	Sale     *saleRow // nil: a new one
	Begun    bool     // its start stays
	Products []orders.Product
	Zone     string
	Problem  string
	Field    string // the input the problem is about
}

// Key makes a double click on the form one sale.
func (saleForm) Key() string { return newKey() }

func (s *server) flashSales(w http.ResponseWriter, r *http.Request) error {
	start := s.Now().In(s.Zone).Truncate(time.Hour).Add(time.Hour)
	return s.showFlashSales(w, r, http.StatusOK, saleForm{
		Percent: "20", Starts: start.Format(localMoment), Ends: start.Add(time.Hour).Format(localMoment),
	})
}

func (s *server) showFlashSales(w http.ResponseWriter, r *http.Request, status int, form saleForm) error {
	sales, err := s.Orders.FlashSales(r.Context(), true)
	if err != nil {
		return err
	}
	if form.Products, err = s.Orders.Products(r.Context()); err != nil {
		return err
	}
	form.Zone = s.Zone.String()
	body := flashSalesBody{Form: form}
	names := map[int64]string{}
	for _, p := range form.Products {
		names[p.ID] = p.Name
	}
	for _, f := range sales {
		body.Sales = append(body.Sales, s.saleRow(f, names[f.ProductID]))
	}
	return s.pageStatus(w, r, status, "admin_flash_sales", "Flash sales", body)
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
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	form := sentSale(r)
	var draft orders.FlashSaleParams
	err := form.apply(&draft, s.Zone)
	if err == nil {
		if draft.ProductID, err = productID(r); err == nil {
			var f orders.FlashSale
			if f, err = s.Orders.CreateFlashSale(r.Context(), actor(r), draft); err == nil {
				return s.redirect(w, r, "/admin/flash-sales", "The flash sale "+s.span(f)+" is scheduled.")
			}
		}
	}
	if errors.Is(err, orders.ErrNotFound) {
		err = problem.Invalid("product_id", "Choose a product.")
	}
	p := problem.Of(err)
	if p.Internal {
		return err
	}
	form.Problem, form.Field = p.Message, p.Field
	return s.showFlashSales(w, r, p.Status, form)
}

func (s *server) flashSale(w http.ResponseWriter, r *http.Request) error {
	f, err := s.Orders.FlashSale(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.showFlashSale(w, r, http.StatusOK, f, saleForm{
		Percent: decimal.Format(int64(f.PercentBP), 2).String(),
		Starts:  f.Starts.In(s.Zone).Format(localMoment), Ends: f.Ends.In(s.Zone).Format(localMoment),
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
	p, err := s.Orders.Product(r.Context(), f.ProductID)
	if err != nil {
		return err
	}
	row := s.saleRow(f, p.Name)
	form.ID, form.Sale, form.Begun, form.Zone = f.ID, &row, !f.Starts.After(s.Now()), s.Zone.String()
	return s.pageStatus(w, r, status, "admin_flash_sale", "Flash sale of "+p.Name, form)
}

func (s *server) changeFlashSale(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	id, form := r.PathValue("id"), sentSale(r)
	f, err := s.Orders.UpdateFlashSale(
		r.Context(),
		id,
		actor(r),
		func(d *orders.FlashSaleParams) error { return form.apply(d, s.Zone) },
	)
	if err == nil {
		return s.redirect(w, r, "/admin/flash-sales", "The flash sale "+s.span(f)+" is saved.")
	}
	p := problem.Of(err)
	if p.Internal || p.Status == http.StatusNotFound {
		return err
	}
	if f, err = s.Orders.FlashSale(r.Context(), id); err != nil {
		return err
	}
	form.Problem, form.Field = p.Message, p.Field
	return s.showFlashSale(w, r, p.Status, f, form)
}

func (s *server) endFlashSale(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.Orders.EndFlashSale(r.Context(), r.PathValue("id"), actor(r)); err != nil {
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

// apply sets what the form holds. An instant that reads as it did before stays
// what it was: a form knows no seconds.
func (f saleForm) apply(d *orders.FlashSaleParams, zone *time.Location) error {
	percent, err := decimal.Parse(f.Percent, 2)
	if err != nil || percent < 1 || percent > 10_000 {
		return problem.Invalid(
			"percent",
			fmt.Sprintf(
				"Discount is %q; it must be a number from 0.01 to 100 with at most 2 decimals.",
				clip(f.Percent),
			),
		)
	}
	d.PercentBP = int(percent)
	for _, field := range []struct {
		name, text string
		to         *time.Time
	}{{"starts", f.Starts, &d.Starts}, {"ends", f.Ends, &d.Ends}} {
		if !field.to.IsZero() && field.to.In(zone).Format(localMoment) == field.text {
			continue
		}
		if *field.to, err = time.ParseInLocation(localMoment, field.text, zone); err != nil {
			return problem.Invalid(
				field.name,
				fmt.Sprintf(
					"%s is %q; it must be a day and a time, such as 2026-11-27T09:00",
					field.name,
					clip(field.text),
				),
			)
		}
	}
	for _, field := range []struct {
		name, text string
		to         *int
	}{{"cap", f.Cap, &d.Cap}, {"cap_per_customer", f.CapPerCustomer, &d.CapPerCustomer}} {
		*field.to = 0
		if field.text == "" {
			continue
		}
		if *field.to, err = strconv.Atoi(field.text); err != nil || *field.to < 0 {
			return problem.Invalid(
				field.name,
				fmt.Sprintf(
					"%s is %q; it must be a whole number of units, or empty for no cap",
					field.name,
					clip(field.text),
				),
			)
		}
	}
	return nil
}
