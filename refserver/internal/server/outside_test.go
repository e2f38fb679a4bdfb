package server_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

func TestARefundOnTheProvidersPagesIsNotPaidAgain(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		b.run()
		ctx := t.Context()
		who := b.customer("ada")
		o := b.buy(who, 1)
		c := b.approved(o)
		if _, err := b.Simulator.RefundOutside(paysim.RefundParams{PaymentIntent: o.Payment.ProviderID}); err != nil {
			t.Fatal(err)
		}
		b.eventually("what happened, in the review queue and on the case", func() bool {
			alarms, _, err := b.Discrepancies.Open(ctx, 10)
			return err == nil && len(alarms) == 1 && alarms[0].OrderID == o.ID && len(b.theCase(c.ID).OpenTasks()) == 1
		})
		for _, method := range []payment.Method{payment.Card, payment.StoreCredit, payment.Cash} {
			_, _, err := b.Returns.Refund(ctx, c.ID, clerk, returns.RefundParams{Method: method})
			if refunds.CodeOf(err) != refunds.CodeBalance {
				t.Errorf("%s: %v", method, err)
			}
		}
		if credit, err := b.Refunds.CreditBalance(ctx, who.ID, "USD"); err != nil || credit != 0 {
			t.Errorf("store credit %d, %v", credit, err)
		}

		// The bank sends it back: it can be paid by us now, and the task is over.
		made := b.Simulator.Ledger().Refunds[0]
		if _, err := b.Simulator.SettleRefund(made.ID, "failed", ""); err != nil {
			t.Fatal(err)
		}
		b.eventually("the money that came back", func() bool {
			all, err := b.Refunds.OutsideMoney(ctx, o.ID)
			return err == nil && len(all) == 1 && all[0].Counted == 0 && len(b.theCase(c.ID).OpenTasks()) == 0
		})
		if _, r, err := b.Returns.Refund(ctx, c.ID, clerk, returns.RefundParams{Method: payment.Card}); err != nil ||
			r.Status != refunds.StatusSucceeded {
			t.Errorf("refund %s, %v", r.Status, err)
		}
	})
}

func TestALostDisputeOfAnOrderWithoutAReturnIsShown(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		b.run()
		ctx := t.Context()
		o := b.buy(b.customer("ada"), 1)
		d, err := b.Simulator.OpenDispute(o.Payment.ProviderID, "fraudulent", true)
		if err != nil {
			t.Fatal(err)
		}
		alarms := func(want int) {
			t.Helper()
			b.eventually("the review queue", func() bool {
				_, n, err := b.Discrepancies.Open(ctx, 10)
				return err == nil && n == want
			})
		}
		alarms(1)
		// It becomes a dispute by a message of type updated alone.
		for _, status := range []string{"needs_response", "under_review", "lost"} {
			if _, err := b.Simulator.MoveDispute(d.ID, status); err != nil {
				t.Fatal(err)
			}
		}
		alarms(2)
		all, err := b.Refunds.OutsideMoney(ctx, o.ID)
		if err != nil || len(all) != 1 || all[0].Counted != o.Payment.Amount || all[0].State != refunds.OutsidePaid {
			t.Errorf("outside money %+v, %v", all, err)
		}
		staff := b.signIn()
		staff.get("/orders/"+o.ID).want(t, 200, "Refunded outside this shop", d.ID)
		staff.get("/admin/queue").want(t, 200, o.Number, d.ID)
		dashboard := staff.get("/admin/dashboard").want(t, 200, "Needs attention").body
		if n := needsReview.FindStringSubmatch(dashboard); n == nil || n[1] != "2" {
			t.Errorf("the dashboard says that %q need review", n)
		}
	})
}

// needsReview finds how much needs review on the dashboard.
var needsReview = regexp.MustCompile(`(?s)Needs review</[^>]*>\D*?>(\d+)<`)

func TestACaseThatWasRefundedElsewhereIsClosed(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		b.run()
		ctx := t.Context()
		who := b.customer("ada")
		o := b.buy(who, 1)
		c := b.approved(o)
		if _, err := b.Simulator.RefundOutside(paysim.RefundParams{PaymentIntent: o.Payment.ProviderID}); err != nil {
			t.Fatal(err)
		}
		b.eventually("the booking", func() bool {
			all, err := b.Refunds.OutsideMoney(ctx, o.ID)
			return err == nil && len(all) == 1
		})
		staff := b.signIn()
		for _, page := range []string{"/admin/returns/" + c.ID, "/orders/" + o.ID} {
			staff.get(page).want(t, 200, "Refunded outside this shop")
		}
		b.eventually("the alert", func() bool {
			_, n, err := b.Discrepancies.Open(ctx, 1)
			return err == nil && n > 0
		})
		queue := staff.get("/admin/queue").want(t, 200, "It is recorded with the payment.")
		if strings.Contains(queue.body, "Nothing was changed") {
			t.Error("the queue says that nothing was changed of money that is booked")
		}
		staff.get("/admin/returns/"+c.ID).want(t, 200, "Close as refunded elsewhere")
		staff.form("/admin/returns/"+c.ID+"/refund", map[string][]string{
			"method": {"store_credit"}, "less_outside": {"yes"}, "refund_amount_available": {"0.00"},
		}).want(t, 302)
		if now := b.theCase(c.ID); now.Status != returns.StatusRefunded {
			t.Errorf("the case is %s", now.Status)
		}
		if credit, err := b.Refunds.CreditBalance(ctx, who.ID, "USD"); err != nil || credit != 0 {
			t.Errorf("store credit %d, %v", credit, err)
		}
	})
}

func TestProgramsCloseACaseThatWasRefundedElsewhere(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		b.run()
		ctx := t.Context()
		who := b.customer("ada")
		o := b.buy(who, 2)
		c := b.approved(o)
		unit := o.Payment.Amount / 2
		made, err := b.Simulator.RefundOutside(paysim.RefundParams{
			PaymentIntent: o.Payment.ProviderID, AmountMinor: o.Payment.Amount - unit/2,
		})
		if err != nil {
			t.Fatal(err)
		}
		b.eventually("the booking", func() bool {
			all, err := b.Refunds.OutsideMoney(ctx, o.ID)
			return err == nil && len(all) == 1
		})
		staff, path := b.signIn(), "/api/admin/returns/"+c.ID+"/refund"
		staff.json(path, `{"method":"store_credit"}`).want(t, 409)
		staff.json(path, `{"method":"store_credit","less_outside":"yes"}`).want(t, 400, `"field":"less_outside"`)
		staff.json(path, `{"method":"store_credit","less_outside":true}`).want(t, 200, `"success":true`)
		if now := b.theCase(c.ID); now.Status != returns.StatusRefunded {
			t.Errorf("the case is %s", now.Status)
		}
		if credit, err := b.Refunds.CreditBalance(ctx, who.ID, "USD"); err != nil || credit != unit/2 {
			t.Errorf("store credit %d, want %d, %v", credit, unit/2, err)
		}

		// It is in the comparison as what it is, and nobody has to look.
		rec, err := b.Refunds.Reconcile(ctx, o.PlacedAt.Add(-time.Minute), time.Now().Add(time.Minute))
		if err != nil || rec.Totals.Count[refunds.MadeOutside] != 1 || rec.Differences != 0 {
			t.Errorf("%+v, %v, want %s as made outside", rec.Totals, err, made.ID)
		}

		// Theirs fails: what the case was paid less is owed, and joins the next refund.
		if _, err := b.Simulator.SettleRefund(made.ID, "failed", "lost_or_stolen_card"); err != nil {
			t.Fatal(err)
		}
		b.eventually("the alert that more is owed", func() bool {
			return strings.Contains(staff.get("/admin/queue").body, "is still owed for earlier refunds")
		})
		next := b.approved(o)
		staff.json("/api/admin/returns/"+next.ID+"/refund", `{"method":"store_credit"}`).want(t, 200, `"success":true`)
		if credit, err := b.Refunds.CreditBalance(ctx, who.ID, "USD"); err != nil || credit != o.Payment.Amount {
			t.Errorf("store credit %d, want %d, %v", credit, o.Payment.Amount, err)
		}
	})
}

// The bank sends our refund back, and others have refunded a part meanwhile: the page of the
// case offers what is left, and the case ends with it.
func TestACaseThatWasTakenBackAndRefundedElsewhereIsClosed(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		b.run()
		ctx := t.Context()
		who := b.customer("ada")
		o := b.buy(who, 1)
		c := b.approved(o)
		_, paid, err := b.Returns.Refund(ctx, c.ID, clerk, returns.RefundParams{Method: payment.Card})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Simulator.SettleRefund(paid.Attempt().ProviderID, "failed", ""); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Simulator.RefundOutside(paysim.RefundParams{
			PaymentIntent: o.Payment.ProviderID, AmountMinor: o.Payment.Amount - 700,
		}); err != nil {
			t.Fatal(err)
		}
		staff := b.signIn()
		var page string
		b.eventually("the reversal, offered with what is left", func() bool {
			page = staff.get("/admin/returns/" + c.ID).body
			return strings.Contains(page, "Record $7.00 by store credit and close")
		})
		staff.get("/admin/queue").want(t, 200, "returns/"+c.ID)
		if !strings.Contains(page, `name="refund_amount_available" value="7.00"`) {
			t.Error("the form does not say what it records")
		}
		staff.form("/admin/returns/"+c.ID+"/refund", map[string][]string{
			"method": {"store_credit"}, "less_outside": {"yes"}, "refund_amount_available": {"7.00"},
		}).want(t, 302)
		if credit, err := b.Refunds.CreditBalance(ctx, who.ID, "USD"); err != nil || credit != 700 {
			t.Errorf("store credit %d, %v", credit, err)
		}
		if now := b.theCase(c.ID); now.Reversed() {
			t.Error("the case is reversed yet")
		}
	})
}
