package server_test

import (
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/approval"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/returns"
)

// owedRest is an order of which a case was paid so much less than its unit, because others had
// given that back, and theirs came back since.
func (b *bench) owedRest(who event.Actor, minor int64) (o orders.Order, c returns.Return) {
	b.t.Helper()
	ctx := b.t.Context()
	o = b.buy(who, 2)
	c = b.approved(o)
	made, err := b.Simulator.RefundOutside(paysim.RefundParams{
		PaymentIntent: o.Payment.ProviderID, AmountMinor: o.Payment.Amount/2 + minor,
	})
	sync := func() {
		if err == nil {
			_, err = b.Refunds.SyncPayment(ctx, o.Payment.ProviderID, event.System("test"))
		}
	}
	sync()
	if err == nil {
		_, _, err = b.Returns.Refund(ctx, c.ID, event.System("test"), returns.RefundParams{
			Method: payment.StoreCredit, LessOutside: true,
		})
	}
	if err == nil {
		_, err = b.Simulator.SettleRefund(made.ID, "failed", "lost_or_stolen_card")
	}
	if sync(); err != nil {
		b.t.Fatal(err)
	}
	return o, c
}

// A shop that was cut off between the payment of a rest that was approved and its booking finds
// that it was paid, and does not say that the approval is void.
func TestAnApprovedRestThatWasCutOffIsBookedAsPaid(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, append(settings, "APPROVAL_AMOUNT=5")...)
		who := b.customer("ada")
		o, _ := b.owedRest(who, 700)
		before := b.credit(who)
		b.signIn().json("/api/admin/orders/"+o.ID+"/rest", `{"amount":7.00}`).want(t, 202)
		waiting, _, err := b.Approvals.Waiting(t.Context(), 10)
		if err != nil || len(waiting) != 1 {
			t.Fatal(waiting, err)
		}
		id := waiting[0].ID
		b.withRole("second", auth.Finance).json("/api/admin/queue/approvals/"+id+"/approve", `{}`).want(t, 200)
		_, err = b.DB.Writer().NewRaw("UPDATE ?(rk)approvals SET state = 'approved', refund_id = '', "+
			"decided_at = asked_at WHERE id = ?", id).Exec(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b.Approvals.Now = func() time.Time { return time.Now().Add(time.Hour) }
		if n, err := b.Approvals.Resume(t.Context(), 10); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		a, err := b.Approvals.Approval(t.Context(), id)
		if err != nil || a.State != approval.Paid || a.RefundID == "" {
			t.Errorf("the approval is %s of refund %q, %v", a.State, a.RefundID, err)
		}
		if have := b.credit(who) - before; have != 700 {
			t.Errorf("%d of store credit more, want 700", have)
		}
	})
}

// The answer was lost, and the program sends the request again under its key.
func TestARestThatIsRequestedAgainUnderItsKeyIsAnsweredAsPaid(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, append(settings, "APPROVAL_AMOUNT_PER_DAY=10")...)
		who := b.customer("ada")
		o, _ := b.owedRest(who, 700)
		before := b.credit(who)
		staff, path := b.signIn(), "/api/admin/orders/"+o.ID+"/rest"
		for range 2 {
			staff.json(path, `{"amount":7.00}`, "Idempotency-Key", "rest-1").want(t, 200, `"success":true`)
			if _, err := b.DB.Writer().NewRaw("DELETE FROM ?(rk)idempotency_keys").Exec(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		staff.json(path, `{"amount":7.00}`, "Idempotency-Key", "rest-2").want(t, 202, "waits for approval")
		if have := b.credit(who) - before; have != 700 {
			t.Errorf("%d of store credit more, want 700", have)
		}
	})
}

func TestStaffPayWhatRefundsLeft(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		who := b.customer("ada")
		o, c := b.owedRest(who, 700)
		staff := b.signIn()
		before := b.credit(who)
		path, pays := "/api/admin/orders/"+o.ID+"/rest", "Pay $7.00 as store credit now"
		for _, page := range []string{"/admin/returns/" + c.ID, "/orders/" + o.ID} {
			staff.get(page).want(t, 200, "$7.00 is still owed for earlier refunds", pays)
		}
		ada := b.signInAs("ada", "correct horse")
		if page := ada.get("/orders/"+o.ID).want(t, 200).body; strings.Contains(page, "Still owed") {
			t.Error("the customer sees what staff may pay")
		}
		ada.json(path, `{"amount":7.00}`).want(t, 403)
		staff.json(path, `{}`).want(t, 400, `"amount"`)
		staff.json(path, `{"amount":"seven"}`).want(t, 400, `"amount"`)
		staff.json(path, `{"amount":8.00}`).want(t, 412, "7.00 USD is owed now and not 8.00 USD")
		staff.json("/api/admin/orders/none/rest", `{"amount":7.00}`).want(t, 404)

		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { staff.form("/admin/orders/"+o.ID+"/rest", url.Values{"amount": {"7.00"}}) })
			all.Go(func() { staff.json(path, `{"amount":7.00}`) })
		}
		all.Wait()
		if have := b.credit(who) - before; have != 700 {
			t.Errorf("%d of store credit more, want 700", have)
		}
		staff.json(path, `{"amount":7.00}`).want(t, 409, "nothing is owed")
		if page := staff.get("/orders/" + o.ID).body; strings.Contains(page, pays) ||
			!strings.Contains(page, "$7.00 of the refunds of this order") {
			t.Error("the page does not say that it was paid")
		}
	})
}

func TestWhatRefundsLeftWaitsForApprovalAboveTheLimit(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, append(settings, "APPROVAL_AMOUNT=5")...)
		who := b.customer("ada")
		o, _ := b.owedRest(who, 700)
		before := b.credit(who)
		staff, path := b.signIn(), "/api/admin/orders/"+o.ID+"/rest"
		for range 2 {
			staff.json(path, `{"amount":7.00}`).want(t, 202, `"pending":true`, "waits for approval by someone else")
		}
		if have := b.credit(who) - before; have != 0 {
			t.Errorf("%d of store credit more before the approval", have)
		}
		staff.get("/admin/queue").want(t, 200, "Rest of earlier refunds", "/orders/"+o.ID)
		waiting, _, err := b.Approvals.Waiting(t.Context(), 10)
		if err != nil || len(waiting) != 1 {
			t.Fatal(waiting, err)
		}
		staff.get("/api/admin/queue").want(t, 200, `"return_id":null`)
		approve := "/api/admin/queue/approvals/" + waiting[0].ID + "/approve"
		staff.json(approve, `{}`).want(t, 403, "SELF_APPROVAL")
		second := b.withRole("second", auth.Finance)
		second.json(approve, `{}`).want(t, 200)
		if have := b.credit(who) - before; have != 700 {
			t.Errorf("%d of store credit more, want 700", have)
		}
		second.json(approve, `{}`).want(t, 409)
	})
}
