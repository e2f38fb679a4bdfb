package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

func (s *server) shopRoutes() {
	s.member("GET /{$}", s.storefront)
	s.script("POST /add_to_cart", endpoint.AddToCart, s.adaptScript(s.addToCart))
	s.script("POST /set_cart_quantity", endpoint.SetCartQuantity, s.adaptScript(s.setCartQuantity))
	s.use("POST /cancel_sale", endpoint.ClearCart, s.cancelSale)
}

// script is the door of an action that programs call as well as forms: who is
// not signed in gets a 401, not a way to the sign-in page.
func (s *server) script(pattern string, a endpoint.Action, h http.Handler) {
	refuse := func(w http.ResponseWriter, r *http.Request, p problem.Problem) {
		s.denyScript(w, r, &problem.Error{Problem: p})
	}
	s.guarded(pattern, refuse, s.Action(s.door(a, s.denyScript, s.once(a, h))))
}

func (s *server) adaptScript(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		if wantsPage(r) {
			s.fail(w, r, err)
			return
		}
		p := problem.Of(err)
		if p.Internal {
			s.Log.ErrorContext(r.Context(), "request failed", "error", err.Error())
		}
		s.answerProblem(w, r, p)
	})
}

func (s *server) denyScript(w http.ResponseWriter, r *http.Request, err error) {
	p := problem.Of(err)
	if wantsPage(r) {
		s.failWith(w, r, p)
		return
	}
	s.answerProblem(w, r, p)
}

// answerProblem writes a problem as JSON: error, code, and how many units can
// be had where stock is the problem.
func (s *server) answerProblem(w http.ResponseWriter, r *http.Request, p problem.Problem) {
	body := map[string]any{"error": p.Message, "code": p.Code}
	if p.Counts() {
		body["available"] = p.Available
	}
	p.SetRetryAfter(w.Header())
	if err := answer(w, p.Status, body); err != nil {
		s.Log.WarnContext(r.Context(), "answer not written", "error", err.Error())
	}
}

// wantsPage reports whether a browser's form asks, and not a program: a browser asks
// for HTML by name.
func wantsPage(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

// storefrontBody is what is for sale, and the cart with the form to buy it.
type storefrontBody struct {
	Products []storeProduct
	Cart     cartForm
	Q        string
	Total    int // products that match
	Pages    pager
	Here     string // the address of this page, for forms that come back to it
}

// Search reports whether the search is shown: for products beyond one page.
func (b storefrontBody) Search() bool { return b.Q != "" || b.Pages.Last > 1 }

// storeProduct is a product with the price after its discount, or the price of the
// flash sale it is in.
type storeProduct struct {
	orders.Product
	Now  int64 // minor units, of the next unit sold
	Low  bool
	Sale *orders.SaleState // nil: none is on
	Left int               // units left in the sale, where it has a cap
}

// Reduced reports whether it costs less than its list price.
func (p storeProduct) Reduced() bool { return p.Now != p.Price }

// SaleNote says how many units of the flash sale are left, and how many a customer may buy.
func (p storeProduct) SaleNote() string {
	var notes []string
	if p.Sale == nil {
		return ""
	}
	if n := p.Sale.CapPerCustomer; n > 0 {
		notes = append(notes, fmt.Sprintf("%d per customer", n))
	}
	switch {
	case p.Sale.Cap == 0:
	case p.Left > 0:
		notes = append(notes, plural(p.Left, "unit", "units")+" left at this price; more sell at the regular price")
	default:
		notes = append(notes, "sold out at the sale price; sells at the regular price")
	}
	return strings.Join(notes, " · ")
}

// onSale is a product as it is sold at the instant.
func (s *server) onSale(p orders.Product, at time.Time) (storeProduct, error) {
	off, sp := p.DiscountBP, storeProduct{Product: p, Low: p.Stock > 0 && p.Stock <= s.LowStock, Sale: p.SaleAt(at)}
	if sp.Sale != nil {
		sp.Left = max(0, sp.Sale.Cap-sp.Sale.Sold-sp.Sale.Held)
		if sp.Left > 0 || sp.Sale.Cap == 0 {
			off = max(off, sp.Sale.PercentBP)
		}
	}
	discount, err := money.BasisPoints(p.Price, off)
	if err != nil {
		return sp, fmt.Errorf("price of product %d: %w", p.ID, err)
	}
	sp.Now = p.Price - discount
	return sp, nil
}

func (s *server) storefront(w http.ResponseWriter, r *http.Request) error {
	return s.showStore(w, r, http.StatusOK, "")
}

// showStore renders the storefront, with notes where a checkout did not go
// through: the cart is still there.
func (s *server) showStore(w http.ResponseWriter, r *http.Request, status int, method string, notes ...note) error {
	var body storefrontBody
	filter, unread, err := catalogOf(r)
	if err != nil {
		return err
	}
	if notes = append(notes, unread...); len(unread) > 0 {
		status = listStatus(unread)
	}
	body.Q, body.Here = filter.Text, "/"
	if r.Method == http.MethodGet {
		body.Here = r.URL.RequestURI()
	}
	var products []orders.Product
	if products, body.Total, body.Pages, err = s.find(r, "/", filter); err != nil {
		return err
	}
	if body.Cart, err = s.cartForm(r, method); err != nil {
		return err
	}
	now := s.Now()
	for _, p := range products {
		shown, err := s.onSale(p, now)
		if err != nil {
			return err
		}
		body.Products = append(body.Products, shown)
	}
	return s.pageStatus(w, r, status, "storefront", "Shop", body, notes...)
}

func (s *server) addToCart(w http.ResponseWriter, r *http.Request) error {
	var p endpoint.AddParams
	if err := readForm(r, &p); err != nil {
		return err
	}
	c, err := s.Endpoints.AddToCart(r.Context(), user(r), p)
	return s.cartChanged(w, r, c, err, map[string]any{"product_name": c.ProductName})
}

func (s *server) setCartQuantity(w http.ResponseWriter, r *http.Request) error {
	var p endpoint.QuantityParams
	if err := readForm(r, &p); err != nil {
		return err
	}
	c, err := s.Endpoints.SetCartQuantity(r.Context(), user(r), p)
	return s.cartChanged(w, r, c, err, map[string]any{"new_quantity": c.Quantity})
}

// cartChanged answers a change of the cart: a browser goes back to the page of the
// storefront it came from, a program gets the cart and what else it is to know.
func (s *server) cartChanged(
	w http.ResponseWriter, r *http.Request, c endpoint.CartChange, err error, body map[string]any,
) error {
	if err != nil {
		return err
	}
	if wantsPage(r) {
		return s.redirect(w, r, local(r.PostForm.Get("next")), c.Message)
	}
	s.rememberCart(w, r, c.Cart.Cart.ID)
	body["message"], body["cart"] = c.Message, cartJSON(c.Cart)
	return answer(w, http.StatusOK, body)
}

func (s *server) cancelSale(w http.ResponseWriter, r *http.Request) error {
	if err := s.Endpoints.ClearCart(r.Context(), user(r)); err != nil {
		return err
	}
	return s.redirect(w, r, "/", "The cart is empty")
}

// cartJSON is the cart in the shape of the contract; amounts are JSON numbers with the
// currency's decimals.
func cartJSON(cart orders.CartView) map[string]any {
	amount := func(minor int64) json.Number {
		return json.Number(money.New(minor, cart.Currency).Decimal())
	}
	items := make([]map[string]any, 0, len(cart.Items))
	for _, i := range cart.Items {
		item := map[string]any{
			"product_id": i.Product.ID, "name": i.Product.Name, "quantity": i.Quantity,
			"original_price": amount(i.UnitList), "discounted_unit_price": amount(i.UnitDiscounted),
			"subtotal": amount(i.Subtotal), "shipping_fee": amount(i.Shipping), "import_duty": amount(i.Duty),
			"available_stock": i.Available,
		}
		if i.AtSale > 0 && i.AtSale < i.Quantity {
			item["sale_quantity"], item["unit_price_beyond_sale"] = i.AtSale, amount(i.UnitBeyond)
		}
		if i.Problem != nil {
			item["problem"] = i.Problem.Message
		}
		items = append(items, item)
	}
	out := map[string]any{"items": items, "grand_total": amount(cart.Total), "currency": cart.Currency}
	if cart.Problem != nil {
		out["problem"] = cart.Problem.Message
	}
	return out
}
