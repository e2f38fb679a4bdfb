package server_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"testing"
)

// TestTwoSessionsShareACart: what one session put in, another one of the account has ordered. Its
// checkout is answered with that order, once, and orders nothing again.
func TestTwoSessionsShareACart(t *testing.T) {
	b := open(t)
	b.customer("ada")
	cash := url.Values{"payment_method": {"Cash"}}
	session := func() browser { return b.signInAs("ada", "correct horse") }
	add := func(s browser) {
		t.Helper()
		s.form("/add_to_cart", url.Values{"product_id": {"2"}}).want(t, http.StatusOK)
	}
	number := regexp.MustCompile(`ORD-[0-9A-Z-]+`)
	placed := func(want int) {
		t.Helper()
		var list struct{ Total int }
		a := session().get("/api/orders").want(t, http.StatusOK)
		if err := json.Unmarshal([]byte(a.body), &list); err != nil || list.Total != want {
			t.Errorf("%d orders, want %d: %v", list.Total, want, err)
		}
	}
	first, second, third := session(), session(), session()
	add(first)
	add(second)
	one := number.FindString(first.form("/checkout", cash).want(t, http.StatusOK, "Receipt").body)
	again := second.form("/checkout", cash).want(t, http.StatusOK, "Receipt", `<td class="num">2</td>`)
	two := number.FindString(again.body)
	if one == "" || one != two {
		t.Errorf("the sessions see the orders %q and %q", one, two)
	}
	for _, s := range []browser{first, second, third} {
		s.form("/checkout", cash).want(t, http.StatusBadRequest, "The cart is empty")
	}
	placed(1)

	// The current cart comes first, and a cart that was emptied is no order.
	add(first)
	second.form("/checkout", cash).want(t, http.StatusOK, "Receipt")
	add(second)
	first.form("/checkout", cash).want(t, http.StatusOK, "Receipt")
	second.form("/checkout", cash).want(t, http.StatusOK, "Receipt")
	placed(3)
	add(first)
	second.form("/cancel_sale", nil).want(t, http.StatusFound)
	first.form("/checkout", cash).want(t, http.StatusBadRequest, "The cart is empty")

	// A cart of somebody else who used the browser is nobody's business.
	add(first)
	third.form("/checkout", cash).want(t, http.StatusOK, "Receipt")
	b.customer("bob")
	first.form("/login", url.Values{"username": {"bob"}, "password": {"correct horse"}}).want(t, http.StatusFound)
	first.form("/checkout", cash).want(t, http.StatusBadRequest, "The cart is empty")
}
