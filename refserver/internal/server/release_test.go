package server_test

import (
	"net/url"
	"testing"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// TestAReleaseDuringADisputeNeedsTheAmount: staff say that a dispute is over, and the provider,
// which is asked, says that it is not.
func TestAReleaseDuringADisputeNeedsTheAmount(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		b.run()
		staff := b.signIn()
		o := b.buy(b.customer("ada"), 1)
		c := b.approved(o)
		d, err := b.Simulator.OpenDispute(o.Payment.ProviderID, "fraudulent", false)
		if err != nil {
			t.Fatal(err)
		}
		b.eventually("the hold", func() bool {
			holds, err := b.Refunds.Holds(t.Context(), o.ID, o.Payment.ID)
			return err == nil && len(holds) == 1
		})
		_, r, err := b.Returns.Refund(t.Context(), c.ID, clerk, returns.RefundParams{Method: payment.Card})
		if err != nil || !r.OnHold() || r.HoldRef != d.ID {
			t.Fatalf("refund %s, held by %q; %v", r.Status, r.HoldRef, err)
		}
		held := func() bool {
			now, err := b.Refunds.ByID(t.Context(), r.ID)
			return err == nil && now.OnHold()
		}
		path := "/queue/refunds/" + r.ID + "/release"
		form := url.Values{"reason": {"their support says that it is over"}}
		amount := money.New(r.Amount(), r.Quote.Currency).Decimal()
		staff.form("/admin"+path, form).want(t, 409, d.ID+" is needs_response", "Enter "+amount+" to record",
			"their support says that it is over")
		staff.json("/api/admin"+path, `{"reason":"x"}`).want(t, 409, `"code":"UNCONFIRMED"`, `"field":"confirm_amount"`)
		staff.json("/api/admin"+path, `{"reason":"x","confirm_amount":0.01}`).want(t, 400, `"code":"INVALID"`,
			"the refund is of")
		if !held() {
			t.Fatal("it is released")
		}
		form.Set("confirm_amount", amount)
		staff.form("/admin"+path, form).want(t, 302)
		// The provider refuses it as long as the dispute is open: it is tried, and not paid.
		b.eventually("the refund", func() bool {
			now, err := b.Refunds.ByID(t.Context(), r.ID)
			return err == nil && now.Status == refunds.StatusFailed
		})
		if n := len(b.Simulator.Ledger().Refunds); n != 0 {
			t.Errorf("%d refunds at the provider during the dispute", n)
		}
		staff.get("/admin/returns/"+c.ID).want(t, 200,
			"against the provider&#39;s answer: dispute "+d.ID+" is needs_response")
	})
}
