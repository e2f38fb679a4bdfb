package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

func (s *server) orderRoutes() {
	// Its session and its limit stand before it, in chain.
	s.handle("POST /checkout", maxForm, auth.RequireUser(s.denyScript)(s.keyed(true, s.adapt(s.checkout))))
	s.member("GET /order-history", s.orderHistory)
	s.member("GET /orders/{id}", s.orderPage)
	s.member("POST /orders/{id}/cancel", s.cancelOrder)
}

// checkout orders the cart. A completed order answers its receipt, a queued
// one says so; a refusal shows the storefront again with the cart in it.
func (s *server) checkout(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	request := orders.CheckoutRequest{
		Customer: actor(r), CartID: r.PostForm.Get("cart_id"), IdempotencyKey: idempotencyKey(r), Source: "web",
	}
	var err error
	if request.Total, err = s.shownTotal(r); err != nil {
		return s.checkoutRefused(w, r, err)
	}
	if request.Method, request.Token, err = s.payment(r); err != nil {
		return s.checkoutRefused(w, r, err)
	}
	order, err := s.Orders.Checkout(r.Context(), request)
	if err != nil {
		return s.checkoutRefused(w, r, err)
	}
	return s.receipt(w, r, order)
}

// payment reads how the order is paid; the card's number ends here.
func (s *server) payment(r *http.Request) (payment.Method, string, error) {
	switch method := strings.ToLower(strings.TrimSpace(r.PostForm.Get("payment_method"))); method {
	case "cash":
		return payment.Cash, "", nil
	case "card":
		if s.Card == nil {
			return "", "", problem.Invalid("payment_method", "Card payment is not available. Choose Cash.")
		}
		token, err := s.Card(
			r.PostForm.Get("card_number"),
			r.PostForm.Get("card_exp_date"),
			r.PostForm.Get("card_type"),
		)
		return payment.Card, token, err
	default:
		return "", "", problem.Invalid("payment_method", "Choose a payment method: Cash or Card.")
	}
}

// shownTotal reads what the buyer was shown for the whole cart: the form carries
// it, a script may leave it out.
func (s *server) shownTotal(r *http.Request) (money.Money, error) {
	total, code := strings.TrimSpace(r.PostForm.Get("total")), r.PostForm.Get("currency")
	if total == "" {
		return money.Money{}, nil
	}
	currency := s.Currency
	if code != "" {
		var err error
		if currency, err = money.ParseCurrency(code); err != nil {
			return money.Money{}, problem.Invalid(
				"currency",
				fmt.Sprintf("currency is %q; it must be the code of a currency, such as %s.", clip(code), s.Currency),
			)
		}
	}
	shown, err := money.Parse(total, currency)
	if err != nil || shown.Sign() < 0 {
		return money.Money{}, problem.Invalid("total", fmt.Sprintf(
			"total is %q; it must be a number of %s with at most %d decimals.",
			clip(total),
			currency,
			currency.Digits(),
		))
	}
	return shown, nil
}

func idempotencyKey(r *http.Request) string {
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		return key
	}
	return r.PostForm.Get("Idempotency-Key")
}

// checkoutRefused says why the order did not go through and what to do. The
// cart is kept.
func (s *server) checkoutRefused(w http.ResponseWriter, r *http.Request, err error) error {
	p := problem.Of(err)
	if p.Internal || p.Status == http.StatusNotFound {
		return err
	}
	if e, ok := declined(err); ok {
		p.Message = declineWords(e.Reason)
	}
	if p.Code == string(orders.CodePriceChanged) {
		p.Message = fmt.Sprintf(
			"The total of your cart was %s and is now %s. Nothing was ordered. Check your cart, then place the order again.",
			p.OldTotal.Format(language),
			p.NewTotal.Format(language),
		)
	}
	if wantsJSON(r) {
		return s.refusedJSON(w, r, p)
	}
	return s.showStore(
		w,
		r,
		p.Status,
		r.PostForm.Get("payment_method"),
		note{Tone: "bad", Text: p.Message, Code: p.Code},
	)
}

// wantsJSON tells a program that reads JSON: it asks for it by name, and not for
// a page.
func wantsJSON(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "application/json") && !wantsPage(r)
}

// refusedJSON answers a refused checkout with the cart as it is now.
func (s *server) refusedJSON(w http.ResponseWriter, r *http.Request, p problem.Problem) error {
	cart, err := s.Orders.Cart(r.Context(), user(r).ID)
	if err != nil {
		return err
	}
	body := map[string]any{"success": false, "error": p.Message, "code": p.Code, "cart": cartJSON(cart)}
	if p.Code == string(orders.CodePriceChanged) {
		body["old_total"], body["old_currency"] = json.Number(p.OldTotal.Decimal()), p.OldTotal.Currency()
		body["new_total"], body["new_currency"] = json.Number(p.NewTotal.Decimal()), p.NewTotal.Currency()
	}
	return answer(w, p.Status, body)
}

// declineWords says why a card was declined and what to do, for the reasons a
// bank gives; docs.stripe.com/declines/codes lists them.
func declineWords(reason string) string {
	const kept = " Nothing was charged, and your cart is saved."
	switch reason {
	case "insufficient_funds":
		return "Payment declined: the card has insufficient funds. Use another card or pay cash." + kept
	case "expired_card":
		return "Payment declined: the card has expired. Use another card or pay cash." + kept
	case "incorrect_cvc", "incorrect_number", "invalid_number", "invalid_expiry_month", "invalid_expiry_year":
		return "Payment declined: the card details are incorrect. Check them and try again." + kept
	case "authentication_required":
		return "Payment declined: your bank requires you to confirm this payment, which this page doesn't support. Use another card or pay cash." + kept
	}
	return "Payment declined: your bank declined this payment. Use another card or pay cash, or contact your bank." + kept
}

func declined(err error) (*orders.Error, bool) {
	var e *orders.Error
	if errors.As(err, &e) && e.Code == orders.CodePaymentDeclined {
		return e, true
	}
	return nil, false
}
