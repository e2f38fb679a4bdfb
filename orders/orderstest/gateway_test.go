package orderstest_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
)

func ExampleGateway() {
	ctx := context.Background()
	g := &orderstest.Gateway{}
	g.Script(orderstest.CallConfirm, orderstest.FaultLostAfter)
	r := payment.ChargeRequest{Key: "k", OrderID: "o-1", Amount: 1999, Currency: "USD", Token: orderstest.TokenPays}
	created := g.CreatePayment(ctx, r)
	fmt.Println(g.ConfirmPayment(ctx, r, created.ProviderID).Outcome)
	status, _ := g.FindPayment(ctx, created.ProviderID)
	fmt.Println(status)
	fmt.Println(g.ConfirmPayment(ctx, r, created.ProviderID).Replayed)
	fmt.Println(len(g.Charges()))
	// Output:
	// unknown
	// captured
	// true
	// 1
}

// A provider that is down for three calls, and then works.
func ExampleGateway_Script() {
	ctx, g := context.Background(), &orderstest.Gateway{}
	g.Script(orderstest.CallCreate, orderstest.FaultHangBefore, orderstest.Fault5xx, orderstest.FaultNothing)
	for range 4 {
		ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
		r := g.CreatePayment(ctx, payment.ChargeRequest{Key: "k", Amount: 1999, Currency: "USD"})
		cancel()
		fmt.Println(r.Outcome)
	}
	fmt.Println(g.Calls(orderstest.CallCreate), "calls,", len(g.Charges()), "charges")
	// Output:
	// unknown
	// unknown
	// nothing_happened
	// done
	// 4 calls, 0 charges
}

func ExampleNewStore() {
	ctx := context.Background()
	store := orderstest.NewStore()
	p, err := store.SaveProduct(ctx, 0, event.Stamp{At: time.Now()}, func(p *orders.Product) error {
		p.Name, p.Currency, p.Stock = "Mouse", "USD", 10
		return nil
	})
	fmt.Println(p.ID, p.Stock, err)
	// Output:
	// 1 10 <nil>
}

func TestGatewayKeepsItsLedger(t *testing.T) {
	r := payment.ChargeRequest{Key: "k", OrderID: "o-1", Amount: 1999, Currency: "USD", Token: orderstest.TokenPays}
	for _, c := range []struct {
		name    string
		run     func(t *testing.T, g *orderstest.Gateway, ref string) payment.Result
		want    payment.Outcome
		status  payment.PaymentStatus // after it
		charges int
	}{
		{"a confirm", func(t *testing.T, g *orderstest.Gateway, ref string) payment.Result {
			return g.ConfirmPayment(t.Context(), r, ref)
		}, payment.OutcomeDone, payment.Captured, 1},
		{"a declined card", func(t *testing.T, g *orderstest.Gateway, ref string) payment.Result {
			bad := r
			bad.Token = orderstest.TokenDeclined
			return g.ConfirmPayment(t.Context(), bad, ref)
		}, payment.OutcomeDeclined, payment.Open, 0},
		{"a confirm after cancel", func(t *testing.T, g *orderstest.Gateway, ref string) payment.Result {
			g.CancelPayment(t.Context(), r, ref)
			return g.ConfirmPayment(t.Context(), r, ref)
		}, payment.OutcomeDeclined, payment.Canceled, 0},
		{"a cancel after confirm", func(t *testing.T, g *orderstest.Gateway, ref string) payment.Result {
			g.ConfirmPayment(t.Context(), r, ref)
			_, a := g.CancelPayment(t.Context(), r, ref)
			return a
		}, payment.OutcomeDone, payment.Captured, 1},
		{"twice, keys forgotten", func(t *testing.T, g *orderstest.Gateway, ref string) payment.Result {
			g.ConfirmPayment(t.Context(), r, ref)
			g.PruneKeys()
			return g.ConfirmPayment(t.Context(), r, ref)
		}, payment.OutcomeDone, payment.Captured, 1},
		{"looking up what is open", func(t *testing.T, g *orderstest.Gateway, ref string) payment.Result {
			_, a := g.FindPayment(t.Context(), ref)
			return a
		}, payment.OutcomeDone, payment.Open, 0},
		{"looking up what is not there", func(t *testing.T, g *orderstest.Gateway, _ string) payment.Result {
			_, a := g.FindPayment(t.Context(), "pi_x")
			return a
		}, payment.OutcomeUnknown, payment.Open, 0},
		{"a stored error, again and again", func(t *testing.T, g *orderstest.Gateway, ref string) payment.Result {
			g.Script(orderstest.CallConfirm, orderstest.FaultStored5xx)
			g.ConfirmPayment(t.Context(), r, ref)
			return g.ConfirmPayment(t.Context(), r, ref)
		}, payment.OutcomeUnknown, payment.Open, 0},
	} {
		g := &orderstest.Gateway{}
		ref := g.CreatePayment(t.Context(), r).ProviderID
		a := c.run(t, g, ref)
		if status, _ := g.FindPayment(t.Context(), ref); status != c.status {
			t.Errorf("%s: the payment is %s, want %s", c.name, status, c.status)
		}
		if a.Outcome != c.want || len(g.Charges()) != c.charges {
			t.Errorf("%s: %+v and charges %v; want %s and %d", c.name, a, g.Charges(), c.want, c.charges)
		}
	}
}

func TestGatewayHangsUntilTheCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &orderstest.Gateway{}
		r := payment.ChargeRequest{Key: "k", OrderID: "o-1", Amount: 1, Currency: "USD"}
		ref := g.CreatePayment(t.Context(), r).ProviderID
		g.Script(orderstest.CallConfirm, orderstest.FaultHangAfter)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		a := g.ConfirmPayment(ctx, r, ref)
		if a.Outcome != payment.OutcomeUnknown || time.Since(start) != time.Minute || len(g.Charges()) != 1 {
			t.Errorf("%+v after %s, charges %v", a, time.Since(start), g.Charges())
		}
	})
}

func TestGatewayNotesMisuse(t *testing.T) {
	g := &orderstest.Gateway{}
	r := payment.ChargeRequest{Key: "k", OrderID: "o-1", Amount: 1, Currency: "USD"}
	g.CreatePayment(t.Context(), r)
	r.Amount = 2
	g.CreatePayment(t.Context(), r)
	r.Key = ""
	g.CreatePayment(t.Context(), r)
	if len(g.Misuse()) != 2 {
		t.Errorf("noted: %v", g.Misuse())
	}
}
