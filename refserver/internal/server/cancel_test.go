package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
)

func TestOnlyWhoOrderedCancelsAnOrder(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.faults(paysim.Faults{Down: true})
	o := b.buy(b.customer("ada"), 1)
	if o.Status != orders.StatusQueued {
		t.Fatalf("the order is %s", o.Status)
	}
	page, button := "/orders/"+o.ID, "Cancel order"
	for _, role := range []auth.Role{auth.Customer, auth.Support, auth.Warehouse, auth.Finance, auth.Admin} {
		u := b.withRole("other-"+string(role), role)
		u.form(page+"/cancel", nil).want(t, http.StatusNotFound)
		if a := u.get(page); strings.Contains(a.body, button) {
			t.Errorf("%s is offered to cancel the order of somebody else", role)
		}
	}
	if now, err := b.Orders.Order(t.Context(), o.ID); err != nil || now.Status != orders.StatusQueued {
		t.Fatalf("the order is %s, %v", now.Status, err)
	}
	ada := b.signInAs("ada", "correct horse")
	ada.get(page).want(t, http.StatusOK, button)
	ada.form(page+"/cancel", nil).want(t, http.StatusFound)
	if now, err := b.Orders.Order(t.Context(), o.ID); err != nil || now.Status != orders.StatusCanceled {
		t.Errorf("the order is %s, %v", now.Status, err)
	}
}
