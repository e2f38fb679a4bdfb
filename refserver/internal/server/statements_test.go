package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/internal/statements"
)

// TestStatementsPerRequest holds what each step of buying costs over HTTP, the
// session and the page included, and that it costs the same for much as for
// little.
func TestStatementsPerRequest(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		b.customer("ada")
		ada := b.signInAs("ada", "correct horse")
		c := statements.Watch(b.DB)
		fill := func(products int) {
			t.Helper()
			for id := 1; id <= products; id++ {
				ada.form("/add_to_cart", url.Values{"product_id": {fmt.Sprint(id)}}).want(t, http.StatusOK)
				// The session; the cart and its items, the product where the cart has
				// none of it, and both written. The first makes a cart.
				limit := 6
				if id == 1 {
					limit = 5
				}
				c.Want(t, fmt.Sprintf("add to a cart of %d products", id-1), limit, 1)
			}
		}
		cash := url.Values{"payment_method": {"Cash"}}
		card := url.Values{
			"payment_method": {"Card"},
			"card_number":    {"4242424242424242"},
			"card_exp_date":  {"12/2099"},
			"card_type":      {"Visa"},
		}
		for _, products := range []int{1, 3} {
			fill(products)
			ada.get("/").want(t, http.StatusOK)
			// The session, the products, the cart and its items, and the store credit that could pay it.
			c.Want(t, "storefront with a cart", 6, 0)
			ada.form("/checkout", cash).want(t, http.StatusOK, "Receipt")
			// The session, the terms in force, and 8 to place the order.
			c.Want(t, fmt.Sprintf("checkout of %d products, cash", products), 10, 1)
			ada.get("/order-history").want(t, http.StatusOK)
			// The session, the page, its count, the names, and the cart that the header counts.
			c.Want(t, "order history", 6, 0)
			fill(products)
			ada.form("/checkout", card).want(t, http.StatusOK, "Receipt")
			// Of it 6 before the provider is asked, and 6 after it has answered.
			c.Want(t, fmt.Sprintf("checkout of %d products, card", products), 22, 3)
		}
		ada.form("/checkout", cash).want(t, http.StatusBadRequest)
		c.Want(t, "checkout of an empty cart", 5, 1)
	})
}

// TestStatementsPerRefundRequest holds what a refund by card costs over HTTP, alone, from the
// session to the restock.
func TestStatementsPerRefundRequest(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		who, admin := b.customer("ada"), b.signIn()
		first, second := b.approved(b.buy(who, 1)), b.approved(b.buy(who, 1))
		c := statements.Watch(b.DB)
		refund := func(id string) {
			t.Helper()
			c.Take()
			admin.json("/api/admin/returns/"+id+"/refund", `{"method":"CARD"}`).want(t, http.StatusOK)
		}
		refund(first.ID)
		// The session; the case and its order with lines and payments, for who may act, and again for
		// what is done; the refund; and the case as refunded, the stock, and that it is back.
		c.Want(t, "refund by card", 41, 5)
		admin.json("/api/admin/returns/"+second.ID+"/receive", `{}`).want(t, http.StatusConflict)
		refund(second.ID)
		c.Want(t, "refund by card of a case on which this process has let somebody act", 36, 5)
	})
}

// TestStatementsPerReviewQueue holds what the review queue costs over HTTP, and that it costs the
// same for much as for little.
func TestStatementsPerReviewQueue(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		who, staff := b.customer("ada"), b.signIn()
		c := statements.Watch(b.DB)
		for n := 1; n <= 3; n += 2 {
			for range n {
				r := b.approved(b.buy(who, 1))
				b.unknown(&r)
				b.uncharged(who)
			}
			c.Take()
			// The session; the refunds that wait, how many they are, their attempts and their events; the
			// orders, their lines, their payments and their events; approvals and discrepancies.
			queue := staff.get("/api/admin/queue").want(t, http.StatusOK)
			for _, what := range []string{"the answer of the provider", "nobody answers"} {
				if got := strings.Count(queue.body, what); got < n {
					t.Errorf("of %d and more %q is said %d times", n, what, got)
				}
			}
			c.Want(t, fmt.Sprintf("review queue with %d more of each", n), 11, 0)
		}
	})
}
