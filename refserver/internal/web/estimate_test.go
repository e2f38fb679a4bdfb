package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/returns"
)

var estimateField = regexp.MustCompile(`name="estimate" value="([^"]+)"`)

// publish makes the current policy another one.
func (b *bundle) publish(change func(*returns.Policy)) {
	b.t.Helper()
	terms, err := b.Returns.Terms(b.t.Context(), "")
	if err != nil {
		b.t.Fatal(err)
	}
	p := terms.Policy.Clone()
	change(&p)
	boss := event.Actor{Kind: event.ActorStaff, ID: "boss", Name: "boss"}
	if _, err := b.Returns.PublishTerms(b.t.Context(), boss, p, "for a test"); err != nil {
		b.t.Fatal(err)
	}
}

// Before anything is sent the customer sees what the return refunds: amount, deductions,
// method, latest day. That is what is refunded when everything is accepted.
func TestTheEstimateIsShownBeforeARequestIsSentAndIsWhatIsRefunded(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.publish(func(p *returns.Policy) {
		p.RestockingFees = []returns.FeeRule{{PercentBP: 1000}}
		p.ReturnShippingFees = []returns.FeeRule{{Fixed: 499}}
		p.RefundWithinDays = 14
	})
	ada, staff := b.customer("ada"), b.staff()
	o := b.bought(ada, 1)
	line := o.Lines[0].ID
	address := "/returns/new?sale_id=" + o.ID + "&reason=DAMAGED&quantity_" + line + "=1"
	page := ada.get(address).want(http.StatusOK, "Estimated refund", "Restocking fee", "-$4.99", "At the latest",
		"card, cash, store credit", "Request return for $").body
	shown := estimateField.FindStringSubmatch(page)
	if shown == nil {
		t.Fatal("the form does not send what it showed")
	}
	to := ada.photos("/returns/request", nil, "sale_id", o.ID, "reason", "DAMAGED", "quantity_"+line, "1",
		"estimate", shown[1], "currency", "USD").want(http.StatusFound).Header.Get("Location")
	if to != "/returns" {
		t.Errorf("leads to %s", to)
	}
	c := b.caseOf(o.ID)
	at := "/admin/returns/" + c.ID
	staff.form(at+"/authorize", "decision", "approve").want(http.StatusFound)
	staff.form(at + "/receive").want(http.StatusFound)
	staff.form(at+"/inspection", "result", "APPROVED").want(http.StatusFound)
	_, refund, err := b.Returns.Refund(t.Context(), c.ID, event.Actor{Kind: event.ActorStaff, ID: "boss"},
		returns.RefundParams{Method: payment.Cash})
	if err != nil {
		t.Fatal(err)
	}
	if got := money.FormatMinor(refund.Amount(), "USD"); got != shown[1] {
		t.Errorf("refunded %s, and the page said %s", got, shown[1])
	}
}

// A customer who was shown more than the return refunds now is asked again, with both amounts.
func TestALowerRefundThanThePageSaidIsAskedAgain(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.customer("ada")
	o := b.bought(ada, 2)
	line := o.Lines[0].ID
	one := estimateField.FindStringSubmatch(ada.get("/returns/new?sale_id=" + o.ID +
		"&reason=OTHER&quantity_" + line + "=1").want(http.StatusOK).body)
	two := estimateField.FindStringSubmatch(ada.get("/returns/new?sale_id=" + o.ID +
		"&reason=OTHER&quantity_" + line + "=2").want(http.StatusOK).body)
	if one == nil || two == nil || one[1] == two[1] {
		t.Fatalf("one unit %v, two units %v", one, two)
	}
	request := func(estimate, currency string) reply {
		return ada.photos("/returns/request", nil, "sale_id", o.ID, "reason", "OTHER", "quantity_"+line, "1",
			"details", "both <b>sides</b>", "estimate", estimate, "currency", currency)
	}
	r := request(two[1], "USD").want(
		http.StatusConflict,
		`data-code="PRICE_CHANGED"`,
		"$"+two[1]+" and is now $"+one[1],
		"Nothing was requested",
		"both &lt;b&gt;sides",
		"Request return for $"+one[1],
	)
	if again := estimateField.FindStringSubmatch(r.body); again == nil || again[1] != one[1] {
		t.Errorf("the page sends %v the next time", again)
	}
	request(one[1], "EUR").want(http.StatusConflict, `data-code="PRICE_CHANGED"`)
	request("lots", "USD").want(http.StatusBadRequest, "Estimate")
	request(one[1], "").want(http.StatusBadRequest, "of the estimate")
	if _, n, err := b.Returns.Returns(t.Context(), returns.Query{OrderID: o.ID}); err != nil || n != 0 {
		t.Fatalf("%d requests, %v", n, err)
	}
	request(one[1], "USD").want(http.StatusFound)
	b.caseOf(o.ID)
}

func TestARequestThatCannotBeEstimatedIsCorrectedOnItsPage(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada, bob := b.customer("ada"), b.customer("bob")
	o := b.bought(ada, 2)
	field := "quantity_" + o.Lines[0].ID
	ada.get("/returns/new?sale_id="+o.ID+"&reason=OTHER&"+field+"=3").
		want(http.StatusBadRequest, "only 2 were bought", "Update refund estimate", `value="3"`)
	ada.get("/returns/new?sale_id="+o.ID+"&reason=OTHER&"+field+"=0").
		want(http.StatusBadRequest, "Choose at least one item")
	ada.photos("/returns/request", nil, "step", "estimate", "sale_id", o.ID, "reason", "OTHER", field, "1",
		"details", "a scratch").want(http.StatusOK, "Request return for $", "a scratch")
	other := bob.get("/returns/new?sale_id=" + o.ID + "&reason=OTHER&" + field + "=1").want(http.StatusBadRequest)
	if strings.Contains(other.body, o.Number) || strings.Contains(other.body, "Estimated refund") {
		t.Error("somebody else sees the order")
	}
	if _, n, err := b.Returns.Returns(t.Context(), returns.Query{OrderID: o.ID}); err != nil || n != 0 {
		t.Errorf("%d requests, %v", n, err)
	}
}

// What is missing in a request and what the policy says of its items is said at once, at the fields,
// on the page of the estimate as on that of the request.
func TestAllThatIsWrongWithARequestIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.customer("ada")
	o := b.bought(ada, 1)
	field := "quantity_" + o.Lines[0].ID
	both := []string{"reason", field}
	for _, tt := range []struct {
		name, units, reason string
		says, marks         []string
	}{
		{"no reason for too many", "7", "", []string{"Choose a reason.", "You can return up to 1"}, both},
		{"no reason for nothing", "0", "", []string{"Choose a reason.", "at least one item"}, both},
		{"nothing", "0", "OTHER", []string{"at least one item"}, []string{field}},
		{"no number and no reason", "x", "", []string{"Choose a reason.", "whole number"}, both},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for from, a := range map[string]reply{
				"the estimate": ada.get("/returns/new?sale_id=" + o.ID + "&reason=" + tt.reason + "&" + field +
					"=" + tt.units),
				"the request": ada.photos("/returns/request", nil,
					"sale_id", o.ID, "reason", tt.reason, field, tt.units),
			} {
				a.want(http.StatusBadRequest, append(tt.says, `id="mistakes"`)...)
				for _, name := range tt.marks {
					marked := regexp.MustCompile(`<[^>]*name="` + name + `"[^>]*aria-invalid="true"`)
					if !marked.MatchString(a.body) {
						t.Errorf("%s does not mark %s", from, name)
					}
				}
			}
		})
	}
}
