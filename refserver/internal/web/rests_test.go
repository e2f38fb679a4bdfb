package web_test

import (
	"net/http"
	"testing"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/returns"
)

// 1.235 KWD can't be sent to a card: 1.230 is, and 0.005 becomes store credit once no
// unit can be returned any more. The order, the case and the store credit show it.
func TestARestThatBecameStoreCreditIsShown(t *testing.T) {
	t.Parallel()
	b := newBundle(t, "CURRENCY=KWD")
	boss := event.Actor{Kind: event.ActorStaff, ID: "boss", Name: "boss"}
	_, err := b.Orders.SaveProduct(t.Context(), 3, boss, func(p *orders.Product) error {
		p.Price, p.FinalSale, p.CountryOfOrigin, p.RequiresShipping = 1235, true, "USA", false
		p.DiscountBP, p.ShippingWeight = 0, 0
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ada, staff := b.customer("ada"), b.staff()
	o := b.bought(ada, 2)
	if o.Total() != 2470 {
		t.Fatalf("the order is of %d", o.Total())
	}
	c, err := b.Returns.Create(t.Context(), boss, returns.CreateParams{
		OrderID: o.ID, CustomerID: ada.id, Reason: returns.ReasonDamaged,
		Items:    []returns.RequestItem{{OrderLineID: o.Lines[0].ID, Quantity: 1}},
		Override: &returns.Override{Rules: []string{"FINAL_SALE"}, Reason: "it came broken", By: boss},
	})
	if err != nil {
		t.Fatal(err)
	}
	at := "/admin/returns/" + c.ID
	staff.form(at+"/authorize", "decision", "approve").want(http.StatusFound)
	staff.form(at + "/receive").want(http.StatusFound)
	staff.form(at+"/inspection", "result", "APPROVED").want(http.StatusFound)
	_, refund, err := b.Returns.Refund(t.Context(), c.ID, boss, returns.RefundParams{})
	if err != nil || refund.Amount() != 1230 || refund.Quote.Carried != 5 {
		t.Fatalf("refunded %d, %d carried, %v", refund.Amount(), refund.Quote.Carried, err)
	}
	for want := range 2 {
		if n, err := b.Refunds.PayCarried(t.Context(), boss, b.Returns.Over); n != 1-want || err != nil {
			t.Fatalf("%d rests are paid, %v", n, err)
		}
		if _, err := b.Refunds.ResumeDue(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
	}
	const says = "could not be paid with them"
	ada.get("/orders/"+o.ID).want(http.StatusOK, says, "0.005")
	ada.get("/returns/"+c.ID).want(http.StatusOK, says, "0.005")
	ada.get("/store-credit").want(http.StatusOK, says, "0.005")
	staff.get(at).want(http.StatusOK, says, "0.005", "Carried over to the next refund")
	staff.get("/admin/search?q=MANUAL-STO-00001").want(http.StatusFound)
}
