package web

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/idempotency"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

func (s *server) orderRoutes() {
	// Its session and its limit stand before it, in chain.
	s.script("POST /checkout", endpoint.Checkout, s.adapt(s.checkout))
	s.use("GET /order-history", endpoint.ListOrders, s.orderHistory)
	s.use("GET /orders/{id}", endpoint.ReadOrder, s.orderPage)
	s.use("GET /store-credit", endpoint.ReadCredit, s.storeCredit)
	s.use("POST /orders/{id}/cancel", endpoint.CancelOrder, s.cancelOrder)
	s.use("GET /orders/{id}/payment", endpoint.CheckPayment, s.checkPayment)
}

// checkout orders the cart. A completed order answers its receipt, a queued one says
// so, and one to be paid on the provider's page leads there; a refusal shows the
// storefront again with the cart in it. A browser is sent on to the page of the order,
// which it may load again.
func (s *server) checkout(w http.ResponseWriter, r *http.Request) error {
	var p endpoint.CheckoutParams
	if err := readForm(r, &p); err != nil {
		return s.checkoutRefused(w, r, err)
	}
	p.Key = cmp.Or(r.Header.Get(idempotency.Header), p.Key)
	order, err := s.order(r, p)
	if err != nil {
		return s.checkoutRefused(w, r, err)
	}
	s.rememberCart(w, r, "")
	if s.toPage(w, r, order) {
		return nil
	}
	if r.Header.Get("Sec-Fetch-Mode") == "navigate" {
		http.Redirect(w, r, "/orders/"+order.ID, http.StatusSeeOther)
		return nil
	}
	return s.receipt(w, r, order, nil)
}

// checkoutRefused says why the order did not go through and what to do. The
// cart is kept.
func (s *server) checkoutRefused(w http.ResponseWriter, r *http.Request, err error) error {
	p := problem.Of(err)
	if p.Internal || p.Status == http.StatusNotFound {
		return err
	}
	p.SetRetryAfter(w.Header())
	if wantsJSON(r) {
		return s.refusedJSON(w, r, p)
	}
	switch orders.Code(p.Code) {
	case orders.CodePriceChanged, orders.CodeCreditTooLow, orders.CodeAmountNotChargeable:
		// The cart is not what the page showed: a note of its own says so, and no field is wrong.
	default:
		refused(r, p, nil)
	}
	return s.showStore(w, r, p.Status, r.PostForm.Get("payment_method"), notesOf(p)...)
}

// wantsJSON reports whether a program asks that reads JSON: it names it, and not for a
// page.
func wantsJSON(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "application/json") && !wantsPage(r)
}

// refusedJSON answers a refused checkout with the cart as it is now.
func (s *server) refusedJSON(w http.ResponseWriter, r *http.Request, p problem.Problem) error {
	cart, err := s.Endpoints.Cart(r.Context(), user(r))
	if err != nil {
		return err
	}
	body := map[string]any{"success": false, "error": p.Message, "code": p.Code, "cart": cartJSON(cart)}
	switch orders.Code(p.Code) {
	case orders.CodePriceChanged:
		body["old_total"], body["old_currency"] = json.Number(p.OldTotal.Decimal()), p.OldTotal.Currency()
		body["new_total"], body["new_currency"] = json.Number(p.NewTotal.Decimal()), p.NewTotal.Currency()
	case orders.CodeCreditTooLow:
		body["store_credit"], body["currency"] = json.Number(p.Credit.Decimal()), p.Credit.Currency()
	case orders.CodeAmountNotChargeable:
		nearest := make([]json.Number, len(p.Nearest))
		for i, m := range p.Nearest {
			nearest[i] = json.Number(m.Decimal())
		}
		body["nearest"] = nearest
	}
	return answer(w, p.Status, body)
}
