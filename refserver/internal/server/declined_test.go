package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
)

// card is a checkout by the card that the storefront names.
var card = url.Values{
	"payment_method": {"Card"}, "card_number": {"4242 4242 4242 4242"}, "card_exp_date": {"12/2099"},
}

// A payment that the provider refuses for its amount is not said to be refused by
// the customer's bank, and the limit is named.
func TestAMillionByCardIsRefusedForItsAmount(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.customer("ada")
	ada := b.signInAs("ada", "correct horse")
	b.reprice(func(p *orders.Product) { p.Price = 1_000_000_00 })
	ada.form("/add_to_cart", url.Values{"product_id": {"3"}}).want(t, http.StatusOK)
	const words = "the largest card payment is $999,999.99. Pay cash, or order in several parts. Nothing was charged"
	page := ada.form("/checkout", card).want(t, http.StatusPaymentRequired, words)
	if strings.Contains(page.body, "bank") {
		t.Errorf("it speaks of a bank: %s", shorten(page.body))
	}
}

// What the provider suspects is for staff; the customer reads no more than for
// any other card that was refused.
func TestASuspectedCardIsRefusedLikeAnyOther(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.customer("ada")
	ada := b.signInAs("ada", "correct horse")
	ada.form("/add_to_cart", url.Values{"product_id": {"3"}}).want(t, http.StatusOK)
	b.faults(paysim.Faults{Charge: paysim.CallFaults{Error4xx: 1}, ChargeCode: "fraudulent"})
	const words = "Payment declined: your card was refused. Use another card or pay cash"
	ada.form("/checkout", card).want(t, http.StatusPaymentRequired, words)
	list, n, err := b.Orders.Orders(t.Context(), orders.Query{Status: []orders.Status{orders.StatusCanceled}})
	if err != nil || n != 1 {
		t.Fatal(n, err)
	}
	ada.get("/orders/"+list[0].ID).want(t, http.StatusOK, words)
	b.signIn().get("/orders/"+list[0].ID).want(t, http.StatusOK,
		"rules refused it, such as its protection against fraud. The provider&#39;s code is fraudulent.")
}
