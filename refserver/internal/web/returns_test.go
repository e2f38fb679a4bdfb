package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/returns"
)

// ask posts the form of a return of the first line.
func ask(p *person, orderID, line, units string, files [][]byte) reply {
	p.b.t.Helper()
	return p.photos(
		"/returns/request",
		files,
		"sale_id",
		orderID,
		"reason",
		"DAMAGED",
		"details",
		"broken <b>corner</b>",
		"quantity_"+line,
		units,
	)
}

func (b *bundle) caseOf(orderID string) returns.Return {
	b.t.Helper()
	list, n, err := b.Returns.Returns(b.t.Context(), returns.Query{OrderID: orderID})
	if err != nil || n != 1 {
		b.t.Fatalf("%d cases, %v", n, err)
	}
	return list[0]
}

func TestAReturnGoesThroughItsFormsToTheRefund(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada, bob, staff := b.customer("ada"), b.customer("bob"), b.staff()
	o := b.bought(ada, 3)
	line := o.Lines[0].ID
	ada.get("/returns").want(http.StatusOK, "quantity_"+line, "3 can be returned until")
	if to := ask(
		ada, o.ID, line, "2", [][]byte{picture(t)},
	).want(http.StatusFound).Header.Get("Location"); to != "/returns" {
		t.Errorf("leads to %s", to)
	}
	ada.get("/returns").want(http.StatusOK, "Your return is requested", "Awaiting authorization")
	c := b.caseOf(o.ID)

	photo := "/returns/" + c.ID + "/photos/" + c.Evidence[0].ID
	for _, p := range []*person{ada, staff} {
		h := p.get(photo).want(http.StatusOK).Header
		if h.Get("Content-Type") != c.Evidence[0].ContentType || h.Get("X-Content-Type-Options") != "nosniff" ||
			!strings.HasPrefix(h.Get("Cache-Control"), "private") {
			t.Errorf("headers of the photo: %v", h)
		}
	}
	bob.get(photo).want(http.StatusNotFound)
	b.nobody().get(photo).want(http.StatusFound)
	bobs := b.bought(bob, 1)
	ask(bob, bobs.ID, bobs.Lines[0].ID, "1", [][]byte{picture(t)}).want(http.StatusFound)
	bob.get("/returns/" + b.caseOf(bobs.ID).ID + "/photos/" + c.Evidence[0].ID).want(http.StatusNotFound)
	bob.get("/returns/" + c.ID).want(http.StatusNotFound)
	bob.form("/returns/" + c.ID + "/cancel").want(http.StatusNotFound)
	ada.get("/returns/"+c.ID).want(http.StatusOK, "broken &lt;b&gt;corner", "requested the return")

	at := "/admin/returns/" + c.ID
	staff.get("/admin/returns?status=pending_authorization&q=keyboard").want(http.StatusOK, at)
	staff.form(at+"/request-info", "note", "Which key?").want(http.StatusFound)
	ada.get("/returns").want(http.StatusOK, "Which key?")
	ada.photos("/returns/"+c.ID+"/info", nil, "details", "The space bar.").want(http.StatusFound)
	staff.form(at+"/authorize", "decision", "maybe").want(http.StatusBadRequest, "must be approve or reject")
	staff.form(at+"/refund").want(http.StatusConflict, "a refund can be paid once it is approved")
	staff.form(at+"/authorize", "decision", "approve", "decision_notes", "fine").want(http.StatusFound)
	staff.form(at+"/shipment", "carrier", "UPS").want(http.StatusBadRequest, "tracking number", `value="UPS"`)
	staff.form(at+"/shipment", "carrier", "UPS", "tracking_number", "1Z").want(http.StatusFound)
	staff.form(at+"/receive", "received_"+line, "2").want(http.StatusFound)
	staff.form(at+"/inspection", "result", "PARTIALLY_APPROVED", "inspected_by", "eve",
		"accepted_"+line, "3").
		want(http.StatusBadRequest, "0 to 2 are possible")
	staff.form(at+"/inspection", "result", "PARTIALLY_APPROVED", "inspected_by", "eve",
		"accepted_"+line, "1", "disposition_"+line, "restock").
		want(http.StatusFound)
	staff.get(at).want(http.StatusOK, "Refund summary</h2>", "Refundable on this payment",
		"Refund $", "recorded the inspection by eve")
	staff.form(at+"/refund", "method", "ORIGINAL_METHOD").want(http.StatusFound)
	staff.get(at).want(http.StatusOK, "Refunded", "paid the refund")
	if c = b.caseOf(o.ID); c.Status != returns.StatusRefunded {
		t.Errorf("the case is %s", c.Status)
	}
	want := o.Lines[0].Paid.Share(1, 3).Total()
	if l := b.Simulator.Ledger(); len(l.Refunds) != 1 || l.Refunds[0].AmountMinor != want {
		t.Errorf("the provider paid back %+v, want %d once", l.Refunds, want)
	}
	ada.get("/returns").want(http.StatusOK, "Paid", "2 can be returned until")
}

func TestARefusedRequestSaysWhyAndKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada, bob := b.customer("ada"), b.customer("bob")
	o := b.bought(ada, 3)
	line := o.Lines[0].ID
	for name, refused := range map[string]struct {
		units, says string
		files       [][]byte
	}{
		"more than was bought": {units: "4", says: "only 3 were bought"},
		"over the policy":      {units: "1000000000000", says: "At most 5"},
		"less than one":        {units: "-1", says: "It must be 1 or more"},
		"half of one":          {units: "0.5", says: "must be a whole number"},
		"nothing":              {units: "0", says: "Choose at least one item"},
		"no photo at all":      {units: "1", says: "photo", files: [][]byte{[]byte("<script>alert(1)</script>")}},
	} {
		t.Run(name, func(t *testing.T) {
			r := ask(
				ada,
				o.ID,
				line,
				refused.units,
				refused.files,
			).want(http.StatusBadRequest, refused.says, "broken &lt;b&gt;corner", `value="`+refused.units+`"`)
			if !strings.Contains(r.body, `<option value="DAMAGED" selected`) {
				t.Error("the reason is not kept")
			}
			fields := strings.Count(r.body, `aria-invalid="true"`)
			if strings.Count(r.body, `<p class="wrong"`) > fields {
				t.Errorf("%d fields are wrong, and it is said more often: %s", fields, r.body)
			}
		})
	}
	ask(bob, o.ID, line, "1", nil).want(http.StatusBadRequest, "belongs to another account")
	ask(ada, "nothing", line, "1", nil).want(http.StatusNotFound)
	if _, n, err := b.Returns.Returns(t.Context(), returns.Query{OrderID: o.ID}); err != nil || n != 0 {
		t.Errorf("%d cases were made, %v", n, err)
	}
}

func TestStaffFileForACustomerAndSetRulesAside(t *testing.T) {
	t.Parallel()
	b := newBundle(t, "MAX_RETURN_ITEM_QUANTITY=1")
	ada, staff := b.customer("ada"), b.staff()
	o := b.bought(ada, 2)
	staff.get("/admin/returns/new?order="+o.Number).want(http.StatusOK, "of ada")
	staff.get("/admin/returns/new?order=ORD-none").want(http.StatusNotFound, "No order has that number")
	fields := []string{"sale_id", o.ID, "reason", "OTHER", "quantity_" + o.Lines[0].ID, "2"}
	staff.form("/admin/returns", fields...).want(http.StatusBadRequest, "At most 1")
	staff.form("/admin/returns", append(fields, "rules", "QUANTITY_OVER_POLICY")...).
		want(http.StatusBadRequest, "Say why", "checked")
	staff.form("/admin/returns",
		append(fields, "rules", "QUANTITY_OVER_POLICY", "override_reason", "goodwill")...).want(http.StatusFound)
	c := b.caseOf(o.ID)
	if c.CustomerID != ada.id || len(c.Overrides) != 1 {
		t.Fatalf("%+v", c)
	}
	at := "/admin/returns/" + c.ID
	staff.get(at).want(http.StatusOK, "goodwill", "At most 1 of an item")
	staff.form(at+"/override", "rules", "RESTOCKING_FEE").want(http.StatusBadRequest, "Say why")
	staff.form(at+"/override", "rules", "RESTOCKING_FEE,RETURN_SHIPPING_FEE", "reason",
		"our fault").
		want(http.StatusFound)
	if c = b.caseOf(o.ID); !c.Overridden(returns.RuleReturnShippingFee) {
		t.Errorf("%+v", c.Overrides)
	}
	ada.form("/returns/" + c.ID + "/cancel").want(http.StatusFound)
	ada.form("/returns/"+c.ID+"/cancel").want(http.StatusConflict, "cancelled")
}
