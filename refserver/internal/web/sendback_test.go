package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/returns"
)

// A customer whose return is authorized knows where to send it, until when, has a slip to
// print, and says how it was sent.
func TestAnAuthorizedReturnIsSentBackByItsCustomer(t *testing.T) {
	t.Parallel()
	b := newBundle(t, "RETURN_ADDRESS=Returns desk, 7 Harbor Road, Porttown", "RETURN_SHIP_DAYS=10")
	ada, bob, staff := b.customer("ada"), b.customer("bob"), b.staff()
	o := b.bought(ada, 1)
	ask(ada, o.ID, o.Lines[0].ID, "1", nil).want(http.StatusFound)
	c := b.caseOf(o.ID)
	page, slip := "/returns/"+c.ID, "/returns/"+c.ID+"/slip"
	if body := ada.get(page).want(http.StatusOK).body; strings.Contains(body, "Harbor Road") {
		t.Error("the address is shown before the return is authorized")
	}
	ada.get(slip).want(http.StatusConflict, "no RMA number yet")
	staff.form("/admin"+page+"/authorize", "decision", "approve").want(http.StatusFound)
	c = b.caseOf(o.ID)
	by := returns.DayOf(c.UpdatedAt.AddDate(0, 0, 10), b.Config.DefaultTimezone.Location())
	ada.get(page).want(http.StatusOK, "7 Harbor Road", by.Words(by), slip, c.RMA)
	ada.get("/returns").want(http.StatusOK, page+"#send")
	ada.get(slip).want(http.StatusOK, "7 Harbor Road", "Bar code "+c.RMA, o.Number, "1 × Keyboard")
	staff.get(slip).want(http.StatusOK, c.RMA)
	bob.get(slip).want(http.StatusNotFound)
	bob.form(page+"/shipment", "carrier", "UPS", "tracking_number", "1Z").want(http.StatusNotFound)
	ada.form(page+"/shipment").want(http.StatusBadRequest, "Enter the carrier", "racking number",
		"There are 2 problems")
	ada.form(page+"/shipment", "carrier", "UPS").want(http.StatusBadRequest, "tracking number", `value="UPS"`)
	ada.form(page+"/shipment", "carrier", "UPS", "tracking_number", "1Z-4711").want(http.StatusFound)
	ada.get(page).want(http.StatusOK, "1Z-4711", "recorded the shipment")
	ada.form(page+"/shipment", "carrier", "UPS", "tracking_number", "1Z-4711").want(http.StatusConflict)
	if c = b.caseOf(o.ID); c.Status != returns.StatusInTransit {
		t.Errorf("the return is %s", c.Status)
	}
}
