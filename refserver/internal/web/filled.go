package web

import (
	"net/http"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// filledCookie holds the cart that a session filled last, until the session has seen an order.
//
// An account has one cart, whatever its sessions: a checkout of one of them orders what all of
// them put in. A program that names no cart, as the form does, would then read that its cart is
// empty, though what it put in is ordered; by the cookie it reads the receipt.
const filledCookie = "cart"

// filledSeconds is how long a cart is remembered.
const filledSeconds = 3600

// rememberCart keeps the cart that a request changed. An empty id forgets it.
func (s *server) rememberCart(w http.ResponseWriter, r *http.Request, id string) {
	seconds := filledSeconds
	if id == "" {
		seconds = -1
	}
	if cartFilled(r) != id {
		http.SetCookie(w, s.cookie(filledCookie, "/", id, seconds))
	}
}

// cartFilled is the cart that the session filled last; empty where it has seen an order since.
func cartFilled(r *http.Request) string {
	cookie, err := r.Cookie(filledCookie)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// order orders the cart. Where it names none and the current one is empty, because another session
// ordered what this one put in, the answer is that order.
func (s *server) order(r *http.Request, p endpoint.CheckoutParams) (orders.Order, error) {
	o, err := s.Endpoints.Checkout(r.Context(), user(r), p)
	filled := cartFilled(r)
	if p.CartID != "" || filled == "" || problem.Of(err).Code != string(orders.CodeCartEmpty) {
		return o, err
	}
	p.CartID = filled
	if again, failed := s.Endpoints.Checkout(r.Context(), user(r), p); failed == nil {
		return again, nil
	}
	return o, err
}
