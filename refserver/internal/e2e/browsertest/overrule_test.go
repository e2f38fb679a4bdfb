package browsertest

import (
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/returns"
)

// TestStaffOverruleTheProviderWithTheAmount: a refund was never answered, and the provider, which
// can be asked again, does not have it.
func TestStaffOverruleTheProviderWithTheAmount(t *testing.T) {
	browser := newBrowser(t)
	s, url := serve(t)
	r := unanswered(t, s)
	b := browser.open(t, url, 1280, 900, "overrule")
	b.signIn(s.Config.SuperAdminUsername, string(s.Config.SuperAdminPassword))
	form := `form[action="/admin/queue/refunds/` + r.ID + `/resolve"]`
	paid := form + ` button[value="paid"]`
	decide := func(amount string) {
		t.Helper()
		if amount != "" {
			b.fill(form+` input[name="confirm_amount"]`, amount)
		}
		b.next(clickNode(paid))
	}
	b.visit("/admin/queue")
	b.see("it was never answered")
	b.fill(form+` textarea[name="reason"]`, "Their support says that it was paid")
	decide("")
	b.see("The provider has no such refund")
	b.see("to record this against the provider's answer")
	b.shot("asked")
	decide("0.01")
	b.see("and the refund is of")
	b.shot("another-amount")
	decide(money.New(r.Amount(), r.Quote.Currency).Decimal())
	b.see("is recorded as paid")
	b.shot("recorded")
	b.visit("/admin/returns/" + r.ClientReference)
	b.see("against the provider's answer: the provider has no such refund")
	b.shot("history")
}

// unanswered is a refund in the review queue whose only call the provider did not answer.
func unanswered(t *testing.T, s *app.App) refunds.Refund {
	t.Helper()
	ctx := t.Context()
	clerk := event.Actor{Kind: event.ActorStaff, ID: "clerk", Name: "clerk"}
	ada := event.Actor{Kind: event.ActorCustomer, ID: "ada", Name: "ada"}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.Orders.AddToCart(ctx, ada.ID, product, 1)
	must(err)
	o, err := s.Orders.Checkout(ctx, orders.CheckoutRequest{
		Customer: ada, Method: payment.Card, Token: "pm_card_visa", Source: "test",
	})
	must(err)
	c, err := s.Returns.Create(ctx, ada, returns.CreateParams{
		OrderID: o.ID, CustomerID: ada.ID, Reason: returns.ReasonDamaged, Details: "broken",
		Items: []returns.RequestItem{{OrderLineID: o.Lines[0].ID, Quantity: 1}},
	})
	must(err)
	_, err = s.Returns.Authorize(ctx, c.ID, clerk, "")
	must(err)
	_, err = s.Returns.Receive(ctx, c.ID, clerk, returns.ReceiveParams{})
	must(err)
	_, err = s.Returns.Inspect(ctx, c.ID, clerk, returns.InspectionInput{
		Result: returns.InspectionApproved, InspectedBy: "clerk",
	})
	must(err)
	hold := refunds.HoldRequest{OrderID: o.ID, PaymentID: o.Payment.ID, Captured: o.Payment.Amount,
		Currency: o.Currency, Ref: "dp_1", By: clerk}
	_, err = s.Refunds.Hold(ctx, hold)
	must(err)
	_, held, err := s.Returns.Refund(ctx, c.ID, clerk, returns.RefundParams{Method: payment.Card})
	must(err)
	_, err = s.Refunds.Release(ctx, hold)
	must(err)
	r, err := refundsdb.New(s.DB).Update(ctx, held.ID, refunds.Changing(func(r *refunds.Refund) error {
		st := event.Stamp{At: time.Now(), By: event.System("test")}
		if err := r.Submit(st); err != nil {
			return err
		}
		return r.RecordResult(st, refunds.AttemptUpdate{
			Result: payment.Result{Outcome: payment.OutcomeUnknown, HTTP: 500},
			Calls:  1, Tries: 1, Doubt: true, ReviewReason: "it was never answered",
		})
	}))
	must(err)
	return r
}
