package app_test

import (
	"sync"
	"testing"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

var clerk = event.Actor{Kind: event.ActorStaff, ID: "clerk", Name: "clerk"}

// inspected takes units of the first line of an order back, up to the
// approved inspection.
func inspected(t *testing.T, s *app.App, o orders.Order, units int) returns.Return {
	t.Helper()
	ctx := t.Context()
	c, err := s.Returns.Create(
		ctx,
		event.Actor{Kind: event.ActorCustomer, ID: o.CustomerID, Name: "customer"},
		returns.CreateParams{
			OrderID: o.ID, CustomerID: o.CustomerID, Reason: returns.ReasonDamaged, Details: "broken",
			Items: []returns.RequestItem{{OrderLineID: o.Lines[0].ID, Quantity: units}},
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	return inspect(t, s, c)
}

func inspect(t *testing.T, s *app.App, c returns.Return) returns.Return {
	t.Helper()
	ctx := t.Context()
	var err error
	if c.Status == returns.StatusPendingAuthorization {
		if c, err = s.Returns.Authorize(ctx, c.ID, clerk, "fine"); err != nil {
			t.Fatal(err)
		}
	}
	if c, err = s.Returns.Receive(ctx, c.ID, clerk, returns.ReceiveParams{Lines: nil, Notes: ""}); err != nil {
		t.Fatal(err)
	}
	c, err = s.Returns.Inspect(
		ctx,
		c.ID,
		clerk,
		returns.InspectionInput{Result: returns.InspectionApproved, InspectedBy: "clerk"},
	)
	if err != nil {
		t.Fatal(err)
	}
	if c.Status != returns.StatusApproved {
		t.Fatalf("after the inspection: %s", c.Status)
	}
	return c
}

func stock(t *testing.T, s *app.App, product int64) int {
	t.Helper()
	p, err := s.Orders.Product(t.Context(), product)
	if err != nil {
		t.Fatal(err)
	}
	return p.Stock
}

func TestOfThreeBoughtTwoComeBackToTheMinorUnit(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		s := open(t, true, settings...)
		o := bought(t, s, customer(t, s, "ada"), 3, 3)
		before := stock(t, s, 3)
		c := inspected(t, s, o, 2)
		c, r, err := s.Returns.Refund(t.Context(), c.ID, clerk, returns.RefundParams{Method: payment.OriginalMethod})
		if err != nil || r.Status != refunds.StatusSucceeded || c.Status != returns.StatusRefunded {
			t.Fatalf("refund %s, return %s, %v", r.Status, c.Status, err)
		}
		paid := o.Lines[0].Paid
		want := paid.Price*2/3 + paid.Duty*2/3 + paid.Shipping*2/3
		if r.Amount() != want {
			t.Errorf("%d of %d refunded, want %d", r.Amount(), o.Total(), want)
		}
		if got := stock(t, s, 3); got != before+2 {
			t.Errorf("stock %d, want %d", got, before+2)
		}
		_, again, err := s.Returns.Refund(
			t.Context(), c.ID, clerk, returns.RefundParams{Method: payment.OriginalMethod},
		)
		if err == nil && again.ID != r.ID {
			t.Errorf("a second refund was made: %+v", again)
		}
		ledger := s.Simulator.Ledger()
		if len(ledger.Refunds) != 1 || ledger.Refunds[0].AmountMinor != want {
			t.Errorf("the provider's ledger: %+v", ledger.Refunds)
		}
		last := inspected(t, s, o, 1)
		_, rest, err := s.Returns.Refund(
			t.Context(),
			last.ID,
			clerk,
			returns.RefundParams{Method: payment.OriginalMethod},
		)
		if err != nil || r.Amount()+rest.Amount() != o.Total() {
			t.Errorf("%d and %d do not sum to %d, %v", r.Amount(), rest.Amount(), o.Total(), err)
		}
	})
}

// An answer that is lost leaves the refund unknown; a worker finds out, and the
// dispatcher has the return and the stock follow.
func TestARefundWhoseAnswerIsLostIsFinishedOnceByTheWorkers(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		s := open(t, true, append(settings, "PAYMENT_PROVIDER_TIMEOUT=50ms")...)
		o := bought(t, s, customer(t, s, "ada"), 3, 1)
		before := stock(t, s, 3)
		c := inspected(t, s, o, 1)
		faults := func(f paysim.Faults) {
			if err := s.Simulator.SetFaults(f); err != nil {
				t.Fatal(err)
			}
		}
		faults(paysim.Faults{Refund: paysim.CallFaults{DropAfter: 1}})
		var r refunds.Intent
		var asked sync.WaitGroup
		asked.Go(func() {
			var err error
			p := returns.RefundParams{Method: payment.OriginalMethod}
			if _, r, err = s.Returns.Refund(t.Context(), c.ID, clerk, p); err != nil {
				t.Error(err)
			}
		})
		// The money moves, and then not even a look-up is answered.
		eventually(t, "the refund at the provider", func() bool { return len(s.Simulator.Ledger().Refunds) == 1 })
		faults(paysim.Faults{Down: true})
		asked.Wait()
		if !r.Status.Open() {
			t.Fatalf("refund without an answer: %s", r.Status)
		}
		faults(paysim.Faults{})
		eventually(t, "the return to be refunded and restocked", func() bool {
			got, err := s.Returns.Return(t.Context(), c.ID)
			return err == nil && got.Status == returns.StatusRefunded && stock(t, s, 3) == before+1
		})
		if n := len(s.Simulator.Ledger().Refunds); n != 1 {
			t.Errorf("%d refunds at the provider", n)
		}
	})
}

func TestTheDemoReturnCanBeTakenToItsRefund(t *testing.T) {
	t.Parallel()
	s := open(t, false)
	list, n, err := s.Returns.Returns(t.Context(), returns.Query{Text: app.DemoRMA})
	if err != nil || n != 1 || list[0].Status != returns.StatusAuthorized || list[0].RMA != app.DemoRMA {
		t.Fatalf("%d found, %+v, %v", n, list, err)
	}
	c := inspect(t, s, list[0])
	c, r, err := s.Returns.Refund(t.Context(), c.ID, clerk, returns.RefundParams{Method: payment.Card})
	if err != nil || c.Status != returns.StatusRefunded || r.Amount() != 111000 {
		t.Errorf("refunded %d, return %s, %v", r.Amount(), c.Status, err)
	}
}

func TestARefundThatFailsCanBePaidInCash(t *testing.T) {
	t.Parallel()
	s := open(t, false)
	if err := s.Simulator.SetFaults(paysim.Faults{Refund: paysim.CallFaults{Error4xx: 1}}); err != nil {
		t.Fatal(err)
	}
	o := bought(t, s, customer(t, s, "ada"), 3, 1)
	c := inspected(t, s, o, 1)
	before := stock(t, s, 3)
	c, r, err := s.Returns.Refund(t.Context(), c.ID, clerk, returns.RefundParams{Method: payment.Card})
	if err != nil || r.Status != refunds.StatusFailed || c.Status != returns.StatusApproved ||
		stock(t, s, 3) != before {
		t.Fatalf("refund %s, return %s, %v", r.Status, c.Status, err)
	}
	c, r, err = s.Returns.Refund(t.Context(), c.ID, clerk, returns.RefundParams{Method: payment.Cash})
	if err != nil || r.Status != refunds.StatusSucceeded || c.Status != returns.StatusRefunded ||
		stock(t, s, 3) != before+1 {
		t.Errorf("refund %s, return %s, %v", r.Status, c.Status, err)
	}
	if n := len(s.Simulator.Ledger().Refunds); n != 0 {
		t.Errorf("%d refunds at the provider", n)
	}
}
