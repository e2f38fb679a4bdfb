package server_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/paysim"
)

// What the provider says about its own objects is evidence, and not how staff
// are spoken to.
func TestARefusedRefundIsExplainedInWords(t *testing.T) {
	t.Parallel()
	b := open(t)
	staff := b.signIn()
	c := b.approved(b.buy(b.customer("ada"), 1))
	b.faults(paysim.Faults{Refund: paysim.CallFaults{Error4xx: 1}})
	const words = "the payment can&#39;t be refunded at the provider any more"
	staff.form("/admin/returns/"+c.ID+"/refund", url.Values{"method": {"CARD"}}).want(t, 302)
	a := staff.json("/api/admin/returns/"+c.ID+"/refund", `{"method":"CARD"}`).want(t, 409,
		`"failure_reason":"the payment can't be refunded at the provider any more"`)
	for _, page := range []answer{
		a, staff.get("/admin/returns/"+c.ID).want(t, 200, "Why: "+words), staff.get("/api/admin/returns/" + c.ID),
	} {
		for _, raw := range []string{"charge_not_refundable", "cannot be refunded", "ch_", "refused "} {
			if strings.Contains(page.body, raw) {
				t.Errorf("it says %q: %s", raw, shorten(page.body))
			}
		}
	}
}

// Goods that nobody announced have been received all the same, and were not
// seen to be sent.
func TestACaseThatIsReceivedWithoutAShipmentSaysSo(t *testing.T) {
	t.Parallel()
	b := open(t)
	staff := b.signIn()
	c := b.approved(b.buy(b.customer("ada"), 1))
	staff.get("/admin/returns/"+c.ID).
		want(t, 200, "not recorded; received", `Shipped<span class="sr">: not recorded`,
			`Received<span class="sr">: done`, `Refunded<span class="sr">: next`)
	staff.get("/api/admin/returns/"+c.ID).want(t, 200,
		`"shipment":{"carrier":"","tracking_number":"","shipped_at":null,"received_at":"20`)
}
