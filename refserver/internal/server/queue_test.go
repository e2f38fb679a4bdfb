package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/refserver/internal/review"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/returns"
)

// unknown makes a refund with an unknown outcome, by one answer that says
// nothing.
func (b *bench) unknown(c *returns.Return) refunds.Refund {
	b.t.Helper()
	r, err := refundsdb.New(b.DB).Update(b.t.Context(), b.unsent(c).ID, refunds.Changing(func(r *refunds.Refund) error {
		st := event.Stamp{At: time.Now(), By: event.System("test")}
		if err := r.Submit(st); err != nil {
			return err
		}
		return r.RecordResult(st, refunds.AttemptUpdate{
			Result: payment.Result{
				Outcome: payment.OutcomeUnknown,
				HTTP:    500,
			}, Calls: 1, Tries: 1, Doubt: true, ReviewReason: "it was never answered",
			ProviderCalls: []refunds.Call{
				{
					At:      st.At,
					Kind:    refunds.CallCreate,
					Outcome: payment.OutcomeUnknown,
					HTTP:    500,
					Message: "the answer of the provider",
				},
			},
		})
	}))
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// unsent opens a refund that waits for a dispute, and lets it go without
// anybody who executes it.
func (b *bench) unsent(c *returns.Return) refunds.Refund {
	b.t.Helper()
	ctx := b.t.Context()
	o, err := b.Orders.Order(ctx, c.OrderID)
	if err != nil {
		b.t.Fatal(err)
	}
	h := refunds.HoldRequest{
		OrderID:   o.ID,
		PaymentID: o.Payment.ID,
		Captured:  o.Payment.Amount,
		Currency:  o.Currency,
		Ref:       "dp_" + c.ID,
		By:        clerk,
	}
	if _, err := b.Refunds.Hold(ctx, h); err != nil {
		b.t.Fatal(err)
	}
	_, r, err := b.Returns.Refund(ctx, c.ID, clerk, returns.RefundParams{Method: payment.Card})
	if err != nil || !r.OnHold() {
		b.t.Fatalf("%s, %v", r.Status, err)
	}
	if _, err := b.Refunds.Release(ctx, h); err != nil {
		b.t.Fatal(err)
	}
	return r.Refund
}

func TestThePersonAtTheQueueSettlesARefund(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		ctx := t.Context()
		staff := b.signIn()
		staff.get("/admin/queue").want(t, 200, "Nothing needs review")
		who := b.customer("ada")
		for _, tc := range []struct {
			outcome string
			refund  refunds.Status
			status  returns.Status
			back    int
		}{
			{"paid", refunds.StatusSucceeded, returns.StatusRefunded, 1},
			{"not_paid", refunds.StatusFailed, returns.StatusApproved, 0},
		} {
			t.Run(tc.outcome, func(t *testing.T) {
				o := b.buy(who, 1)
				c := b.approved(o)
				stock := b.stock()
				r := b.unknown(&c)
				staff.get("/admin/queue").
					want(t, 200, r.Attempts[0].Key, o.Payment.ProviderID, "it was never answered",
						"the answer of the provider", "HTTP 500", "Record as paid",
						"Record as not paid")
				staff.get("/admin/dashboard").want(t, 200, "Needs review")
				path := "/admin/queue/refunds/" + r.ID + "/resolve"
				staff.form(path, url.Values{"outcome": {tc.outcome}}).want(t, 400, "Say how you know")
				staff.form(path, url.Values{"outcome": {"perhaps"}, "reason": {"typed before"}}).
					want(t, 400, "typed before")
				browser{b, http.DefaultClient}.
					form(path, url.Values{"outcome": {tc.outcome}, "reason": {"I say so"}}).
					want(t, 200, "Sign in") // it follows to the login page
				fields := url.Values{
					"outcome": {tc.outcome}, "reason": {"seen on the provider's page"},
					"provider_reference": {"re_seen"},
				}
				if tc.outcome == "paid" {
					staff.form(path, fields).want(t, 400, "The provider has no refund")
				}
				fields.Del("provider_reference")
				if tc.outcome == "paid" {
					amount := money.New(r.Amount(), r.Quote.Currency).Decimal()
					staff.form(path, fields).want(t, 409, "The provider has no such refund",
						"Enter "+amount+" to record",
						"seen on the provider&#39;s page")
					fields.Set("confirm_amount", "much")
					staff.form(path, fields).want(t, 400, "it must be a number of USD", `value="much"`)
					fields.Set("confirm_amount", "0.01")
					staff.form(path, fields).want(t, 400, "the refund is of", `value="0.01"`)
					fields.Set("confirm_amount", amount)
				}
				fields.Set("Idempotency-Key", "k-"+tc.outcome)
				staff.form(path, fields).want(t, 302)
				staff.form(path, fields).want(t, 302) // the double click
				fields.Del("Idempotency-Key")
				staff.form(path, fields).want(t, 409, "can&#39;t be resolved")

				now, err := b.Refunds.ByID(ctx, r.ID)
				if err != nil || now.Status != tc.refund || now.Attempts[0].ProviderID != "" {
					t.Errorf("refund %s, %+v, %v", now.Status, now.Attempts[0], err)
				}
				if c := b.theCase(c.ID); c.Status != tc.status || b.stock() != stock+tc.back {
					t.Errorf("case %s, stock %d after %d", c.Status, b.stock(), stock)
				}
				audited := false
				events, err := b.Refunds.Events(ctx, r.ID)
				for _, e := range events {
					audited = audited || e.Type == refunds.EventResolved && e.Actor.Name == "super_admin"
				}
				if err != nil || !audited {
					t.Errorf("it is not recorded who resolved it: %v, %v", events, err)
				}
				staff.get("/admin/queue").want(t, 200, "Nothing needs review")
				_, balance, err := b.Returns.Quote(ctx, c.ID, returns.RefundParams{Method: payment.Card})
				if free := balance.Available(); err == nil &&
					free != map[string]int64{"paid": 0, "not_paid": o.Total()}[tc.outcome] {
					t.Errorf("%d of the payment are free", free)
				}
			})
		}
		staff.form("/admin/queue/refunds/none/resolve", url.Values{"outcome": {"paid"}, "reason": {"x"}}).want(t, 404)
	})
}

// uncharged makes an order of one unit by card whose charge has an unknown outcome.
func (b *bench) uncharged(who event.Actor) orders.Order {
	b.t.Helper()
	b.faults(paysim.Faults{Down: true})
	o := b.buy(who, 1)
	b.faults(paysim.Faults{})
	o, err := ordersdb.New(b.DB).Update(b.t.Context(), o.ID, func(o *orders.Order) error {
		st := event.Stamp{At: time.Now(), By: event.System("test")}
		if err := o.Confirming(st, "pi_"+o.ID); err != nil {
			return err
		}
		return o.ChargeAttempted(st, orders.ChargeResult{
			Outcome: payment.OutcomeUnknown, Message: "nobody answers", MayBeCaptured: true, NeedsReview: true,
		})
	})
	if err != nil || !o.Payment.Work.NeedsReview {
		b.t.Fatalf("%+v, %v", o.Payment.Work, err)
	}
	return o
}

func TestThePersonAtTheQueueSettlesACharge(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		ctx := t.Context()
		staff := b.signIn()
		who := b.customer("ada")
		for _, tc := range []struct {
			outcome string
			want    orders.Status
			back    int
		}{
			{"ask_again", orders.StatusQueued, 0}, {"paid", orders.StatusCompleted, 0},
			{"not_paid", orders.StatusCanceled, 1},
		} {
			t.Run(tc.outcome, func(t *testing.T) {
				o := b.uncharged(who)
				stock := b.stock()
				staff.get("/admin/queue").want(t, 200, o.Number, o.Payment.Key, "nobody answers",
					"Record payment as captured", "Look up again")
				path := "/admin/queue/orders/" + o.ID + "/resolve"
				staff.form(path, url.Values{"outcome": {tc.outcome}}).want(t, 400, "Say how you know")
				staff.form(path, url.Values{"outcome": {"x"}, "reason": {"why"}}).want(t, 400)
				fields := url.Values{"outcome": {tc.outcome}, "reason": {"seen there"}}
				if tc.outcome == "paid" { // the provider answers, and does not know the payment
					amount := money.New(o.Payment.Amount, o.Currency).Decimal()
					staff.form(path, fields).
						want(t, 409, "The provider has no such payment", "Enter "+amount, "seen there")
					fields.Set("confirm_amount", "0.01")
					staff.form(path, fields).want(t, 400, `value="0.01"`)
					fields.Set("confirm_amount", amount)
				}
				staff.form(path, fields).want(t, 302)
				staff.form(path, fields).want(t, 409)
				o, err := b.Orders.Order(ctx, o.ID)
				if err != nil || o.Status != tc.want ||
					o.Payment.Work.NeedsReview ||
					b.stock() != stock+tc.back {
					t.Errorf("order %s, stock %d after %d, %v", o.Status, b.stock(), stock, err)
				}
				staff.get("/admin/queue").want(t, 200, "Nothing needs review")
			})
		}
	})
}

func TestAHeldRefundIsShownAndLetGo(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		ctx := t.Context()
		staff := b.signIn()
		o := b.buy(b.customer("ada"), 1)
		c := b.approved(o)
		_, err := b.Refunds.Hold(
			ctx,
			refunds.HoldRequest{
				OrderID:   o.ID,
				PaymentID: o.Payment.ID,
				Captured:  o.Payment.Amount,
				Currency:  o.Currency,
				Ref:       "dp_9",
				Reason:    "fraudulent",
				By:        clerk,
			},
		)
		if err != nil {
			t.Fatal(err)
		}
		_, r, err := b.Returns.Refund(ctx, c.ID, clerk, returns.RefundParams{Method: payment.Card})
		if err != nil {
			t.Fatal(err)
		}
		staff.get("/admin/queue").want(t, 200, "dp_9", "on hold", "release refund", "Do not pay")
		staff.get("/admin/returns/"+c.ID).want(t, 200, "On hold")
		staff.form("/admin/queue/refunds/"+r.ID+"/resolve",
			url.Values{"outcome": {"paid"}, "reason": {"x"}}).want(t, 409)
		path := "/admin/queue/refunds/" + r.ID + "/release"
		staff.form(path, url.Values{}).want(t, 400)
		staff.form(path, url.Values{"reason": {"the bank took it back"}}).want(t, 302)
		staff.form(path, url.Values{"reason": {"the bank took it back"}}).want(t, 409, "is no longer on hold")
		b.run()
		b.eventually("the refund", func() bool { return b.theCase(c.ID).Status == returns.StatusRefunded })
	})
}

func TestARefundThatMayHaveBeenSentIsHeldBackAndLetGo(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		staff := b.signIn()
		o := b.buy(b.customer("ada"), 1)
		c := b.approved(o)
		r := b.unknown(&c)
		_, err := b.Refunds.Hold(
			t.Context(),
			refunds.HoldRequest{
				OrderID:   o.ID,
				PaymentID: o.Payment.ID,
				Captured:  o.Payment.Amount,
				Currency:  o.Currency,
				Ref:       "dp_9",
				Reason:    "fraudulent",
				By:        clerk,
			},
		)
		if err != nil {
			t.Fatal(err)
		}
		staff.get("/admin/queue").
			want(t, 200, "dp_9", "on hold", "Record as paid", "Record as not paid",
				"release refund")
		staff.form("/admin/queue/refunds/"+r.ID+"/release",
			url.Values{"reason": {"the bank took it back"}}).want(t, 302)
		staff.get("/admin/queue").want(t, 200, "Nothing needs review")
		b.run()
		b.eventually("the refund", func() bool { return b.theCase(c.ID).Status == returns.StatusRefunded })
	})
}

func TestARefundThatCouldNotBeSentIsNotCalledPaid(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		staff := b.signIn()
		c := b.approved(b.buy(b.customer("ada"), 1))
		r, err := refundsdb.New(b.DB).Update(
			t.Context(),
			b.unsent(&c).ID,
			refunds.Changing(func(r *refunds.Refund) error {
				st := event.Stamp{At: time.Now(), By: event.System("test")}
				if err := r.Submit(st); err != nil {
					return err
				}
				return r.RecordResult(
					st,
					refunds.AttemptUpdate{
						Result:       payment.Result{Outcome: payment.OutcomeNoEffect, HTTP: 403},
						Calls:        1,
						Tries:        1,
						ReviewReason: "nothing of it could be sent",
					},
				)
			}),
		)
		if err != nil {
			t.Fatal(err)
		}
		page := staff.get("/admin/queue").want(t, 200, "not sent", "nothing of it could be sent", "Do not pay")
		if strings.Contains(page.body, "Record as paid") {
			t.Error("the page offers to call it paid")
		}
		if q := staff.waiting().Refunds[0]; len(q.Outcomes) != 1 || q.Outcomes[0] != "not_paid" {
			t.Errorf("%+v", q)
		}
		path := "/admin/queue/refunds/" + r.ID + "/resolve"
		staff.form(path, url.Values{"outcome": {"paid"}, "reason": {"x"}}).want(t, 409, "never sent")
		staff.form(path,
			url.Values{"outcome": {"not_paid"}, "reason": {"the provider has closed our account"}}).want(t, 302)
		_, again, err := b.Returns.Refund(t.Context(), c.ID, clerk, returns.RefundParams{Method: payment.StoreCredit})
		if err != nil || again.Status != refunds.StatusSucceeded {
			t.Errorf("by store credit: %s, %v", again.Status, err)
		}
	})
}

func TestAnAlarmIsClosedWithANote(t *testing.T) {
	t.Parallel()
	b := open(t)
	staff := b.signIn()
	if _, err := b.Discrepancies.Raise(t.Context(), review.Discrepancy{
		ID: "evt_1", Kind: "refund", Message: "5 is not <6>", ProviderID: "re_1",
	}); err != nil {
		t.Fatal(err)
	}
	staff.get("/admin/queue").want(t, 200, "5 is not &lt;6&gt;", "re_1")
	staff.form("/admin/queue/alarms/evt_1/close", url.Values{}).want(t, 400)
	staff.form("/admin/queue/alarms/evt_1/close", url.Values{"note": {"our mistake"}}).want(t, 302)
	staff.form("/admin/queue/alarms/evt_1/close", url.Values{"note": {"our mistake"}}).want(t, 409)
	staff.form("/admin/queue/alarms/none/close", url.Values{"note": {"x"}}).want(t, 404)
	if a, err := b.Discrepancies.Discrepancy(t.Context(), "evt_1"); err != nil || a.ClosedBy != "super_admin" ||
		a.Note != "our mistake" {
		t.Errorf("%+v, %v", a, err)
	}
	b.customer("bob")
	b.signInAs("bob", "correct horse").get("/admin/queue").want(t, 403)
}
