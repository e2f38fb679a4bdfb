package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
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
	"github.com/returnkit/returnkit/returns"
)

// waiting is the queue as JSON.
type waiting struct {
	Refunds []struct {
		ID, Why, Status string
		ReturnID        string  `json:"return_id"`
		HoldRef         *string `json:"held_by"`
		Outcomes        []string
		Attempts        []struct {
			Key string `json:"idempotency_key"`
		}
		Evidence []struct {
			Call, Outcome, Message string
			HTTP                   int `json:"http_status"`
		}
	}
	RefundCount int `json:"refund_count"`
	Orders      []struct{ ID, Why string }
	OrderCount  int `json:"order_count"`
	Alarms      []struct{ ID, Message string }
	AlarmCount  int `json:"alarm_count"`
}

func (u browser) waiting() (w waiting) {
	u.t.Helper()
	if err := json.Unmarshal([]byte(u.get("/api/admin/queue").want(u.bench.t, 200).body), &w); err != nil {
		u.t.Fatal(err)
	}
	return w
}

// resolvedBy is who the trail says resolved an aggregate, and why.
func resolvedBy(t *testing.T, events []event.Event, typ string) (who, why string) {
	t.Helper()
	for _, e := range events {
		if e.Type == typ {
			var d struct{ Reason string }
			if err := json.Unmarshal(e.Data, &d); err != nil {
				t.Fatal(err)
			}
			who, why = e.Actor.Name, d.Reason
		}
	}
	return who, why
}

func TestAProgramAtTheQueueSettlesARefund(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		ctx := t.Context()
		staff, who := b.signIn(), b.customer("ada")
		nobody := browser{b, &http.Client{}}
		if w := staff.waiting(); w.RefundCount+w.OrderCount+w.AlarmCount != 0 || w.Refunds == nil {
			t.Errorf("an empty queue is %+v", w)
		}
		for _, tc := range []struct {
			outcome string
			refund  refunds.Status
			status  returns.Status
		}{
			{"paid", refunds.StatusSucceeded, returns.StatusRefunded},
			{"not_paid", refunds.StatusFailed, returns.StatusApproved},
		} {
			c := b.approved(b.buy(who, 1))
			r := b.unknown(&c)
			w := staff.waiting()
			if len(w.Refunds) != 1 || w.RefundCount != 1 {
				t.Fatalf("%+v", w)
			}
			q := w.Refunds[0]
			if q.ID != r.ID || q.ReturnID != c.ID || q.Status != "UNKNOWN" || q.Why != "it was never answered" ||
				q.HoldRef != nil || len(q.Outcomes) != 2 ||
				q.Attempts[0].Key != r.Attempts[0].Key ||
				len(q.Evidence) != 1 ||
				q.Evidence[0].HTTP != 500 ||
				q.Evidence[0].Message != "the answer of the provider" {
				t.Errorf("%+v", q)
			}
			path := "/api/admin/queue/refunds/" + r.ID + "/resolve"
			invented := fmt.Sprintf(`{"outcome":%q,"reason":"x","provider_reference":"re_seen"}`, tc.outcome)
			if tc.outcome == "paid" {
				staff.json(path, invented).want(t, 400, `"field":"provider_reference"`)
			}
			good := fmt.Sprintf(`{"outcome":%q,"reason":"seen on the provider's page"}`, tc.outcome)
			if tc.outcome == "paid" {
				staff.json(path, good).want(t, 409, `"code":"UNCONFIRMED"`, `"field":"confirm_amount"`)
				good = fmt.Sprintf(`{"outcome":"paid","reason":"seen on the provider's page","confirm_amount":%s}`,
					money.New(r.Amount(), r.Quote.Currency).Decimal())
			}
			nobody.json(path, good).want(t, 401)
			staff.json(path, fmt.Sprintf(`{"outcome":%q}`, tc.outcome)).want(t, 400, `"field":"reason"`)
			staff.json(path, `{"outcome":"perhaps","reason":"x"}`).want(t, 400, `"field":"outcome"`)
			staff.json(path, `{"outcome":"paid","reasn":"x"}`).want(t, 400, "reasn")
			staff.json(path, good, "Idempotency-Key", "k-"+tc.outcome).want(t, 200, `"success":true`)
			staff.json(path, good, "Idempotency-Key", "k-"+tc.outcome).want(t, 200, `"success":true`)
			staff.json(path, good).want(t, 409)
			now, err := b.Refunds.ByID(ctx, r.ID)
			if err != nil || now.Status != tc.refund || b.theCase(c.ID).Status != tc.status {
				t.Errorf("refund %s, case %s, %v", now.Status, b.theCase(c.ID).Status, err)
			}
			events, err := b.Refunds.Events(ctx, r.ID)
			if by, why := resolvedBy(t, events, refunds.EventResolved); err != nil || by != "super_admin" ||
				!strings.HasPrefix(why, "seen on the provider's page") {
				t.Errorf("resolved by %q because %q, %v", by, why, err)
			}
		}
		staff.json("/api/admin/queue/refunds/none/resolve", `{"outcome":"paid","reason":"x"}`).want(t, 404)
		b.customer("bob")
		bob := b.signInAs("bob", "correct horse")
		bob.get("/api/admin/queue").want(t, 403)
		bob.get("/api/admin/reconciliation").want(t, 403)
		bob.json("/api/admin/queue/alarms/x/close", `{"note":"x"}`).want(t, 403)
	})
}

func TestAProgramAtTheQueueReleasesSettlesAndCloses(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		ctx := t.Context()
		staff, who := b.signIn(), b.customer("ada")

		o := b.buy(who, 1)
		c := b.approved(o)
		if _, err := b.Refunds.Hold(ctx, refunds.HoldRequest{
			OrderID: o.ID, PaymentID: o.Payment.ID, Captured: o.Payment.Amount, Currency: o.Currency, Ref: "dp_9",
			By: clerk,
		}); err != nil {
			t.Fatal(err)
		}
		_, r, err := b.Returns.Refund(ctx, c.ID, clerk, returns.RefundParams{Method: payment.Card})
		if err != nil {
			t.Fatal(err)
		}
		if q := staff.waiting().Refunds[0]; q.HoldRef == nil || *q.HoldRef != "dp_9" || len(q.Outcomes) != 1 {
			t.Errorf("%+v", q)
		}
		path := "/api/admin/queue/refunds/" + r.ID + "/release"
		staff.json(path, `{}`).want(t, 400, `"field":"reason"`)
		staff.json(path, `{"reason":"the bank took it back"}`).want(t, 200, "dp_9")
		staff.json(path, `{"reason":"the bank took it back"}`).want(t, 409)
		if holds, err := b.Refunds.Holds(ctx, o.ID, o.Payment.ID); err != nil || len(holds) != 1 ||
			holds[0].ReleasedBy.Name != "super_admin" ||
			holds[0].ReleaseReason != "the bank took it back" {
			t.Errorf("%+v, %v", holds, err)
		}

		b.faults(paysim.Faults{Down: true})
		o = b.buy(who, 1)
		b.faults(paysim.Faults{})
		if _, err := ordersdb.New(b.DB).Update(ctx, o.ID, func(o *orders.Order) error {
			st := event.Stamp{At: time.Now(), By: event.System("test")}
			if err := o.Confirming(st, "pi_"+o.ID); err != nil {
				return err
			}
			return o.ChargeAttempted(st, orders.ChargeResult{
				Outcome: payment.OutcomeUnknown, Message: "nobody answers", MayBeCaptured: true, NeedsReview: true,
			})
		}); err != nil {
			t.Fatal(err)
		}
		if w := staff.waiting(); w.OrderCount != 1 || w.Orders[0].ID != o.ID {
			t.Errorf("%+v", w.Orders)
		}
		path = "/api/admin/queue/orders/" + o.ID + "/resolve"
		staff.json(path, `{"outcome":"not_paid"}`).want(t, 400, `"field":"reason"`)
		staff.json(path, `{"outcome":"x","reason":"y"}`).want(t, 400, `"field":"outcome"`)
		staff.json(path, `{"outcome":"not_paid","reason":"seen there"}`).want(t, 200, `"success":true`)
		staff.json(path, `{"outcome":"not_paid","reason":"seen there"}`).want(t, 409)
		events, err := b.Orders.Events(ctx, o.ID)
		if by, why := resolvedBy(t, events, orders.EventCanceled); err != nil || by != "super_admin" ||
			why != "seen there" {
			t.Errorf("resolved by %q because %q, %v", by, why, err)
		}

		if _, err := b.Discrepancies.Raise(ctx, review.Discrepancy{
			ID: "evt_1", Kind: "refund", Message: "5 is not 6",
		}); err != nil {
			t.Fatal(err)
		}
		if w := staff.waiting(); w.AlarmCount != 1 || w.Alarms[0].Message != "5 is not 6" {
			t.Errorf("%+v", w.Alarms)
		}
		staff.json("/api/admin/queue/alarms/evt_1/close", `{}`).want(t, 400)
		staff.json("/api/admin/queue/alarms/evt_1/close", `{"note":"our mistake"}`).want(t, 200)
		if a, err := b.Discrepancies.Discrepancy(ctx, "evt_1"); err != nil || a.ClosedBy != "super_admin" ||
			a.Note != "our mistake" {
			t.Errorf("%+v, %v", a, err)
		}
	})
}
