package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/returns"
)

// One search finds whatever a scanner or a customer on the phone says.
func TestOneSearchFindsEveryNumber(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada, staff := b.customer("ada.lovelace"), b.staff()
	o := b.bought(ada, 2)
	ask(ada, o.ID, o.Lines[0].ID, "1", nil).want(http.StatusFound)
	c := b.caseOf(o.ID)
	at := "/admin/returns/" + c.ID
	staff.form(at+"/authorize", "decision", "approve").want(http.StatusFound)
	staff.form(at+"/shipment", "carrier", "UPS", "tracking_number", "1Z-4711").want(http.StatusFound)
	staff.form(at + "/receive").want(http.StatusFound)
	staff.form(at+"/inspection", "result", "APPROVED").want(http.StatusFound)
	_, refund, err := b.Returns.Refund(t.Context(), c.ID, event.Actor{Kind: event.ActorStaff, ID: "boss"},
		returns.RefundParams{Method: payment.Cash})
	if err != nil {
		t.Fatal(err)
	}
	c = b.caseOf(o.ID)
	for what, q := range map[string]string{
		"the RMA number": strings.ToLower(c.RMA), "the tracking number": "1z-4711",
		"the refund number": refund.Attempt().ProviderID,
	} {
		t.Run(what, func(t *testing.T) {
			if to := staff.get("/admin/search?q=" + q).want(http.StatusFound).Header.Get("Location"); to != at {
				t.Errorf("leads to %s", to)
			}
		})
	}
	if to := staff.get("/admin/search?q=" + o.Number).
		want(http.StatusFound).Header.Get("Location"); to != "/orders/"+o.ID {
		t.Errorf("the order number leads to %s", to)
	}
	for what, link := range map[string]struct{ id, to string }{
		"the return": {c.ID, at}, "the refund": {refund.ID, at},
		"the order":   {strings.ToUpper(o.ID), "/orders/" + o.ID},
		"the account": {o.CustomerID, "/admin/users/" + o.CustomerID},
	} {
		t.Run("the id of "+what, func(t *testing.T) {
			found := staff.get("/admin/search?q=" + link.id).want(http.StatusFound)
			if to := found.Header.Get("Location"); to != link.to {
				t.Errorf("leads to %s, want %s", to, link.to)
			}
		})
	}
	staff.get("/admin/search?q=0197c000-0000-7000-8000-000000000000").want(http.StatusOK, "Nothing matches")
	for what, q := range map[string]string{
		"part of a name": "lovel", "an e-mail address": "ada.lovelace@example.com", "part of a tracking number": "4711",
		"a product": "keyb",
	} {
		t.Run(what, func(t *testing.T) { staff.get("/admin/search?q="+q).want(http.StatusOK, at, c.RMA) })
	}
	staff.get("/admin/search?q=nothing-at-all").want(http.StatusOK, "Nothing matches")
	staff.get("/admin/search").want(http.StatusOK, "tracking or refund number")
	ada.get("/admin/search?q=lovel").want(http.StatusForbidden)
}

// The header counts what is in the cart, the desk what waits for staff.
func TestTheFrameCountsTheCartAndWhatWaits(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada, staff := b.customer("ada"), b.staff()
	o := b.bought(ada, 1)
	ask(ada, o.ID, o.Lines[0].ID, "1", nil).want(http.StatusFound)
	ada.form("/add_to_cart", "product_id", "3", "quantity", "2")
	page := ada.get("/returns").want(http.StatusOK, `href="/cart"`, `<span class="count">2</span>`).body
	if strings.Contains(page, "desk-nav") || strings.Contains(page, "/admin/") {
		t.Error("a customer sees the desk")
	}
	ada.get("/cart").want(http.StatusOK, "2 × $", `id="checkout"`, `name="total"`, "Place order for $")
	staff.get("/admin/returns").want(http.StatusOK, `aria-label="Desk"`, "Review queue",
		"Returns <span class=\"count\">")
	staff.get("/").want(http.StatusOK, `href="/admin/returns">Desk</a>`)
}
