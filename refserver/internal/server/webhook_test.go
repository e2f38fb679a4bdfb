package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85/webhook"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// message is a webhook as a provider might send it.
type message struct {
	id, kind, object string
	secret           string        // empty: the right one
	age              time.Duration // of the signature
	live             bool
	account          string // a connected one; empty: our own
}

func (b *bench) deliver(m message) answer {
	b.t.Helper()
	if m.secret == "" {
		m.secret = secret
	}
	body := fmt.Sprintf(
		`{"id":%q,"object":"event","type":%q,"created":%d,"livemode":%t,"account":%q,"data":{"object":%s}}`,
		m.id,
		m.kind,
		time.Now().Unix(),
		m.live,
		m.account,
		m.object,
	)
	signed := webhook.GenerateTestSignedPayload(
		&webhook.UnsignedPayload{Payload: []byte(body), Secret: m.secret, Timestamp: time.Now().Add(-m.age)},
	)
	return browser{b, http.DefaultClient}.send("POST", "/webhooks/stripe", "application/json", body,
		"Stripe-Signature", signed.Header)
}

// refundObject is the refund in the provider's shape.
func refundObject(r refunds.Refund, reference, status string, amount int64) string {
	a := r.Attempts[len(r.Attempts)-1]
	return fmt.Sprintf(
		`{"id":%q,"object":"refund","amount":%d,"currency":"usd","payment_intent":%q,"status":%q,"created":%d,`+
			`"metadata":{"refund_id":%q,"attempt_id":%q}}`,
		reference,
		amount,
		a.PaymentProviderID,
		status,
		time.Now().Unix(),
		r.ID,
		a.ID,
	)
}

func paymentObject(o orders.Order, reference string, amount int64) string {
	return fmt.Sprintf(
		`{"id":%q,"object":"payment_intent","amount":%d,"amount_received":%d,"currency":"usd","status":"succeeded",`+
			`"metadata":{"order_id":%q,"payment_id":%q}}`,
		reference,
		amount,
		amount,
		o.ID,
		o.Payment.ID,
	)
}

func TestAMessageOfTheProvider(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		ctx := t.Context()
		o := b.buy(b.customer("ada"), 2)
		c := b.approved(o)
		_, r, err := b.Returns.Refund(ctx, c.ID, clerk, returns.RefundParams{Method: payment.Card})
		if err != nil || r.Status != refunds.StatusSucceeded {
			t.Fatalf("%s, %v", r.Status, err)
		}
		re := r.Attempts[0].ProviderID
		other, err := b.Orders.Order(ctx, o.ID)
		if err != nil {
			t.Fatal(err)
		}
		true_ := refundObject(r.Refund, re, "succeeded", r.Amount())

		for _, tc := range []struct {
			name   string
			m      message
			status int
			result string
			alarms int
		}{
			{
				"signed with another secret",
				message{id: "evt_a", kind: "refund.updated", object: true_, secret: "whsec_forged"},
				400,
				"refused",
				0,
			},
			{
				"signed too long ago",
				message{id: "evt_b", kind: "refund.updated", object: true_, age: 6 * time.Minute},
				400,
				"refused",
				0,
			},
			{
				"signed by a clock that is ahead",
				message{id: "evt_ahead", kind: "refund.updated", object: true_, age: -time.Hour},
				200,
				"handled",
				0,
			},
			{
				"signed by a clock that is ahead, again",
				message{id: "evt_ahead", kind: "refund.updated", object: true_, age: -2 * time.Hour},
				200,
				"repeated",
				0,
			},
			{"without an id", message{kind: "refund.updated", object: true_}, 400, "refused", 0},
			{
				"too large",
				message{id: "evt_c", kind: "refund.updated", object: `"` + strings.Repeat("x", 300<<10) + `"`},
				413,
				"refused",
				0,
			},
			{
				"of a type that means nothing here",
				message{id: "evt_d", kind: "customer.created", object: `{"id":"cus_1"}`},
				200,
				"ignored",
				0,
			},
			{
				"about a refund that is not ours",
				message{
					id: "evt_e", kind: "refund.updated",
					object: `{"id":"re_elsewhere","object":"refund","amount":5,"currency":"usd","status":"succeeded"}`,
				},
				200,
				"unknown_object",
				0,
			},
			{
				"about a payment that is not ours",
				message{
					id: "evt_f", kind: "payment_intent.succeeded",
					object: `{"id":"pi_x","object":"payment_intent","amount_received":5,"currency":"usd",` +
						`"metadata":{"order_id":"none"}}`,
				},
				200,
				"unknown_object",
				0,
			},
			{
				"about a dispute of a payment that is not ours",
				message{
					id: "evt_g", kind: "charge.dispute.created",
					object: `{"id":"dp_1","object":"dispute","payment_intent":"pi_nowhere","status":"needs_response"}`,
				},
				200,
				"unknown_object",
				0,
			},
			{
				"of another amount, in live mode under a test key",
				message{
					id: "evt_live", kind: "payment_intent.succeeded", live: true,
					object: paymentObject(other, other.Payment.ProviderID, other.Payment.Amount-1),
				},
				200,
				"unknown_object",
				0,
			},
			{
				"of another amount, of another account",
				message{
					id: "evt_connected", kind: "payment_intent.succeeded", account: "acct_1",
					object: paymentObject(other, other.Payment.ProviderID, other.Payment.Amount-1),
				},
				200,
				"unknown_object",
				0,
			},
			{"that is true", message{id: "evt_h", kind: "refund.updated", object: true_}, 200, "handled", 0},
			{"that comes again", message{id: "evt_h", kind: "refund.updated", object: true_}, 200, "repeated", 0},
			{
				"that is late: pending, and it has long succeeded",
				message{id: "evt_i", kind: "refund.created", object: refundObject(r.Refund, re, "pending", r.Amount())},
				200,
				"handled",
				0,
			},
			{
				"that claims a failure the provider knows nothing of",
				message{id: "evt_j", kind: "refund.failed", object: refundObject(r.Refund, re, "failed", r.Amount())},
				200,
				"handled",
				0,
			},
			{
				"of another amount",
				message{id: "evt_k", kind: "refund.updated",
					object: refundObject(r.Refund, re, "succeeded", r.Amount()+1)},
				200,
				"alarm",
				1,
			},
			{
				"of another amount, again",
				message{id: "evt_k", kind: "refund.updated",
					object: refundObject(r.Refund, re, "succeeded", r.Amount()+1)},
				200,
				"repeated",
				1,
			},
			{
				"of a payment of another amount",
				message{
					id: "evt_l", kind: "payment_intent.succeeded",
					object: paymentObject(other, other.Payment.ProviderID, other.Payment.Amount-1),
				},
				200,
				"alarm",
				2,
			},
			{
				"of a second payment of the order",
				message{
					id: "evt_m", kind: "payment_intent.succeeded",
					object: paymentObject(other, "pi_second", other.Payment.Amount),
				},
				200,
				"alarm",
				3,
			},
			{
				"of the payment as it is",
				message{
					id: "evt_n", kind: "payment_intent.succeeded",
					object: paymentObject(other, other.Payment.ProviderID, other.Payment.Amount),
				},
				200,
				"handled",
				3,
			},
		} {
			t.Run(tc.name, func(t *testing.T) {
				if got := b.deliver(tc.m); got.status != tc.status || got.body != tc.result+"\n" {
					t.Errorf("%d %q, want %d %q", got.status, got.body, tc.status, tc.result)
				}
				if _, n, err := b.Discrepancies.Open(ctx, 10); err != nil || n != tc.alarms {
					t.Errorf("%d alarms, want %d; %v", n, tc.alarms, err)
				}
				if now, err := b.Refunds.ByID(ctx, r.ID); err != nil || now.Version != r.Version {
					t.Errorf(
						"the refund changed to %s, version %d after %d; %v",
						now.Status,
						now.Version,
						r.Version,
						err,
					)
				}
				if now, err := b.Orders.Order(ctx, o.ID); err != nil || now.Version != other.Version {
					t.Errorf("the order changed: %s, %v", now.Status, err)
				}
			})
		}
	})
}

// A message whose refund can't be looked up is not taken: the provider sends
// it again, and then it counts.
func TestAMessageThatCanNotBeLookedUpHasToComeAgain(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		c := b.approved(b.buy(b.customer("ada"), 1))
		_, r, err := b.Returns.Refund(t.Context(), c.ID, clerk, returns.RefundParams{Method: payment.Card})
		if err != nil {
			t.Fatal(err)
		}
		m := message{
			id:     "evt_1",
			kind:   "refund.failed",
			object: refundObject(r.Refund, r.Attempts[0].ProviderID, "failed", r.Amount()),
		}
		b.faults(paysim.Faults{Down: true})
		b.deliver(m).want(t, 500, "failed")
		b.faults(paysim.Faults{})
		b.eventually("the message to be taken", func() bool { return b.deliver(m).body == "handled\n" })
		b.deliver(m).want(t, 200, "repeated")
	})
}

func TestWithoutASecretNoMessageIsTaken(t *testing.T) {
	t.Parallel()
	b := open(t, "STRIPE_WEBHOOK_SECRET=", "PAYMENT_PROVIDER_URL=http://127.0.0.1:1", "APP_ENV=production",
		"SUPER_ADMIN_PASSWORD=of-my-own-1", "SECRET_KEY=0123456789abcdef0123456789abcdef")
	b.deliver(message{id: "evt_1", kind: "refund.updated", object: `{"id":"re_1"}`}).want(t, 503, "off")
}

func TestAQueuedOrderIsChargedWhenTheProviderSaysThatItPaid(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		ctx := t.Context()
		who := b.customer("ada")
		b.faults(paysim.Faults{Down: true})
		o := b.buy(who, 1)
		if o.Status != orders.StatusQueued {
			t.Fatalf("order %s", o.Status)
		}
		b.faults(paysim.Faults{})
		before, err := b.Orders.Order(ctx, o.ID)
		if err != nil {
			t.Fatal(err)
		}
		b.
			deliver(message{id: "evt_1", kind: "payment_intent.succeeded",
				object: paymentObject(o, "pi_1", o.Payment.Amount)}).
			want(t, 200, "handled")
		after, err := b.Orders.Order(ctx, o.ID)
		if err != nil || after.Status != orders.StatusQueued || after.Version != before.Version ||
			after.Payment.Work.NextAt.After(time.Now()) {
			t.Fatalf(
				"%s, next try at %s, %v: a message is a reason to look, and no more",
				after.Status,
				after.Payment.Work.NextAt,
				err,
			)
		}
		b.run()
		b.eventually("the order to be completed", func() bool {
			o, err := b.Orders.Order(ctx, o.ID)
			return err == nil && o.Status == orders.StatusCompleted
		})
		if n := len(b.Simulator.Ledger().Charges); n != 2 {
			t.Errorf("%d charges, of the demo order and of this one", n)
		}
	})
}

// The provider takes a refund back that had succeeded: the case stays
// refunded, a task is opened, and what is owed is paid as store credit.
func TestARefundThatIsTakenBackIsPaidAgainAsStoreCredit(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		b.run()
		ctx := t.Context()
		who := b.customer("ada")
		c := b.approved(b.buy(who, 1))
		b.faults(paysim.Faults{RefundFailsLater: 1})
		_, r, err := b.Returns.Refund(ctx, c.ID, clerk, returns.RefundParams{Method: payment.Card})
		if err != nil || r.Status != refunds.StatusSucceeded {
			t.Fatalf("%s, %v", r.Status, err)
		}
		stock := b.stock()
		b.eventually("the reversal and its task", func() bool {
			r, err := b.Refunds.ByID(ctx, r.ID)
			return err == nil && r.Status == refunds.StatusReversed && len(b.theCase(c.ID).OpenTasks()) == 1
		})
		if now := b.theCase(c.ID); now.Status != returns.StatusRefunded ||
			now.OpenTasks()[0].Kind != returns.TaskRefundReversed {
			t.Errorf("case %s with %+v", now.Status, now.OpenTasks())
		}
		next, err := b.Refunds.ByClientReference(ctx, c.ID)
		if err != nil || next.ID == r.ID || next.HoldRef != refunds.AwaitingMethod || next.Amount() != r.Amount() {
			t.Fatalf("what is owed: %+v, %v", next, err)
		}
		staff := b.signIn()
		staff.form("/admin/returns/"+c.ID+"/refund", map[string][]string{"method": {"STORE_CREDIT"}}).want(t, 302)
		paid, err := b.Refunds.ByClientReference(ctx, c.ID)
		if err != nil || paid.Status != refunds.StatusSucceeded || paid.Method != payment.StoreCredit {
			t.Errorf("paid again: %s by %s, %v", paid.Status, paid.Method, err)
		}
		if credit, err := b.Refunds.CreditBalance(ctx, who.ID, "USD"); err != nil || credit != r.Amount() {
			t.Errorf("store credit %d, want %d; %v", credit, r.Amount(), err)
		}
		if got := b.stock(); got != stock {
			t.Errorf("stock %d after the second payment, %d before", got, stock)
		}
	})
}

func TestADisputeHoldsTheRefundUntilItIsWon(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		b.run()
		ctx := t.Context()
		o := b.buy(b.customer("ada"), 1)
		c := b.approved(o)
		d, err := b.Simulator.OpenDispute(o.Payment.ProviderID, "fraudulent", false)
		if err != nil {
			t.Fatal(err)
		}
		tasks := func() []returns.Task { return b.theCase(c.ID).OpenTasks() }
		b.eventually("the task", func() bool { return len(tasks()) == 1 })
		if k := tasks()[0].Kind; k != returns.TaskPaymentDisputed {
			t.Errorf("task %s", k)
		}
		_, r, err := b.Returns.Refund(ctx, c.ID, clerk, returns.RefundParams{Method: payment.Card})
		if err != nil || !r.OnHold() || r.HoldRef != d.ID {
			t.Fatalf("refund %s, held by %q; %v", r.Status, r.HoldRef, err)
		}
		if n := len(b.Simulator.Ledger().Refunds); n != 0 {
			t.Errorf("%d refunds at the provider during the dispute", n)
		}
		if _, err := b.Simulator.CloseDispute(d.ID, "won"); err != nil {
			t.Fatal(err)
		}
		b.eventually("the refund and the end of the task", func() bool {
			return b.theCase(c.ID).Status == returns.StatusRefunded && len(tasks()) == 0
		})
		// The message that it was opened comes late, and holds nothing any more.
		b.deliver(message{
			id:   "evt_late",
			kind: "charge.dispute.created",
			object: fmt.Sprintf(
				`{"id":%q,"object":"dispute","payment_intent":%q,"status":"needs_response","reason":"fraudulent"}`,
				d.ID,
				o.Payment.ProviderID,
			),
		}).want(t, 200, "handled")
		if holds, err := b.Refunds.Holds(ctx, o.ID, o.Payment.ID); err != nil || len(holds) != 1 || holds[0].Active() {
			t.Errorf("holds %+v, %v", holds, err)
		}
		if len(tasks()) != 0 {
			t.Errorf("tasks %+v", tasks())
		}
	})
}
