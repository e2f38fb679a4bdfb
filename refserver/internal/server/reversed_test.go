package server_test

import (
	"strings"
	"testing"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// A refund that the provider reversed was not paid: no page shows it as paid, and the
// first refund stays on the timeline of staff.
func TestAReversedRefundIsShownAsReversedEverywhere(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.run()
	ctx := t.Context()
	who := b.customer("ada")
	ada, staff := b.signInAs("ada", "correct horse"), b.signIn()
	c := b.approved(b.buy(who, 1))
	b.faults(paysim.Faults{RefundFailsLater: 1})
	_, r, err := b.Returns.Refund(ctx, c.ID, clerk, returns.RefundParams{Method: payment.Card})
	if err != nil || r.Status != refunds.StatusSucceeded {
		t.Fatalf("%s, %v", r.Status, err)
	}
	b.eventually("the reversal", func() bool {
		now, err := b.Refunds.ByID(ctx, r.ID)
		return err == nil && now.Status == refunds.StatusReversed && len(b.theCase(c.ID).OpenTasks()) == 1
	})
	const green = `<span class="badge good">Refunded</span>`
	for _, page := range []answer{
		ada.get("/returns"), ada.get("/returns/" + c.ID),
		staff.get("/admin/returns"), staff.get("/admin/returns/" + c.ID),
	} {
		page.want(t, 200, `<span class="badge bad">Reversed by the provider</span>`)
		if strings.Contains(page.body, green) {
			t.Errorf("a page shows a green Refunded: %s", shorten(page.body))
		}
		if strings.Contains(page.body, "by store credit") {
			t.Errorf("a page names a method that was not chosen: %s", shorten(page.body))
		}
	}
	staff.get("/admin/returns/"+c.ID).want(t, 200, "paid the refund", "reversed the refund", "started the refund")
	b.eventually("the dashboard's net", func() bool {
		if err := b.CountNow(ctx); err != nil {
			t.Fatal(err)
		}
		page := staff.get("/admin/dashboard").want(t, 200)
		return strings.Contains(page.body, "$0.00, net of ") && strings.Contains(page.body, " reversed")
	})
}
