package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/review"
	"github.com/returnkit/returnkit/returns"
)

// ownActions are the actions of staff on a case, an order, a refund and an
// alarm, as forms and as JSON.
func ownActions(c returns.Return, refund, alarm string) []string {
	var all []string
	for _, at := range []string{"", "/api"} {
		for _, verb := range []string{
			"authorize", "request-info", "override", "shipment", "receive", "inspection", "refund",
		} {
			all = append(all, at+"/admin/returns/"+c.ID+"/"+verb)
		}
		all = append(all,
			at+"/admin/queue/refunds/"+refund+"/resolve",
			at+"/admin/queue/refunds/"+refund+"/release",
			at+"/admin/queue/orders/"+c.OrderID+"/resolve",
			at+"/admin/queue/alarms/"+alarm+"/close")
	}
	return append(all, "/admin/returns/"+c.ID+"/tasks/1/close", "/admin/orders/"+c.OrderID+"/delivery")
}

func TestNobodyActsAsStaffOnTheirOwnOrderOrCase(t *testing.T) {
	t.Parallel()
	b := open(t)
	super := b.signIn()
	ada := b.withRole("ada", auth.Admin)
	u, err := b.Auth.UserByName(t.Context(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	o := b.buy(event.Actor{Kind: event.ActorCustomer, ID: u.ID, Name: "ada"}, 3)
	c := b.approved(o)
	r := b.unknown(&c)
	if _, err := b.Discrepancies.Raise(t.Context(), review.Discrepancy{
		ID: "evt_1", Kind: "test", RefundID: r.ID,
	}); err != nil {
		t.Fatal(err)
	}
	post := func(u browser, path string) answer {
		if strings.HasPrefix(path, "/api/") {
			return u.json(path, `{}`)
		}
		return u.form(path, url.Values{})
	}
	for _, path := range ownActions(c, r.ID, "evt_1") {
		t.Run(path, func(t *testing.T) {
			post(ada, path).want(t, http.StatusForbidden, "This is your own order or return.")
			if now := b.theCase(c.ID); now.Version != c.Version {
				t.Errorf("the case has changed from version %d to %d", c.Version, now.Version)
			}
		})
	}
	t.Run("filing", func(t *testing.T) {
		item := fmt.Sprintf(`[{"sale_item_id":%q,"quantity":1}]`, o.Lines[0].ID)
		body := `{"sale_id":"` + o.ID + `","customer_id":"someone else",` +
			`"reason":"OTHER","details":"x","items":` + item + `}`
		ada.json("/api/admin/returns", body).want(t, http.StatusForbidden, "OWN_CASE")
		fields := url.Values{"sale_id": {o.ID}, "reason": {"OTHER"}, "quantity_" + o.Lines[0].ID: {"1"}}
		ada.form("/admin/returns", fields).want(t, http.StatusForbidden, "This is your own order or return.")
	})
	t.Run("the audit has each of them", func(t *testing.T) {
		list := b.refusals("ada", "OWN_CASE")
		for _, path := range ownActions(c, r.ID, "evt_1") {
			if !slices.ContainsFunc(list, func(e audit.Entry) bool {
				at := strings.ReplaceAll(strings.TrimPrefix(e.Details["route"], "POST "), "{id}", e.SubjectID)
				return strings.ReplaceAll(at, "{task}", "1") == path && e.SubjectKind != ""
			}) {
				t.Errorf("no entry of %s", path)
			}
		}
		if !slices.ContainsFunc(list, func(e audit.Entry) bool {
			return e.SubjectKind == "order" && e.SubjectID == o.ID && e.Details["action"] == "file a return"
		}) {
			t.Error("no entry of the return that was filed")
		}
	})
	t.Run("the page offers nothing", func(t *testing.T) {
		a := ada.get("/admin/returns/"+c.ID).want(t, 200, "This is your own order or return.")
		if strings.Contains(a.body, "/admin/returns/"+c.ID+"/refund") {
			t.Error("a refund is offered")
		}
	})
	for _, path := range ownActions(c, r.ID, "evt_1") {
		if a := post(super, path); a.status == http.StatusForbidden {
			t.Errorf("%s by another admin: %d %s", path, a.status, shorten(a.body))
		}
	}
}

func TestTheDemoCaseMayBeProcessedByItsOwnerAndItsTrailSaysSo(t *testing.T) {
	t.Parallel()
	b := open(t)
	super := b.signIn()
	list, _, err := b.Returns.Returns(t.Context(), returns.Query{Text: app.DemoRMA})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	path := "/admin/returns/" + list[0].ID
	super.get(path).want(t, 200, "in development its owner may process this return")
	super.form(path+"/receive", nil).want(t, http.StatusFound)
	super.form(path+"/inspection", url.Values{"result": {"APPROVED"}}).want(t, http.StatusFound)
	super.form(path+"/refund", url.Values{"method": {"CASH"}}).want(t, http.StatusFound)
	if c := b.theCase(list[0].ID); c.Status != returns.StatusRefunded {
		t.Errorf("the case is %s", c.Status)
	}
}
