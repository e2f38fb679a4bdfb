// Command return-flow takes one return through its whole life, in memory: it is
// requested, authorized, received, inspected, paid back and restocked. The
// provider decides on the refund later, and the case follows it.
package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnstest"
)

var (
	now = time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)
	ada = event.Actor{Kind: event.ActorCustomer, ID: "ada"}
	kim = event.Actor{Kind: event.ActorStaff, ID: "kim", Name: "Kim"}
)

// shop is services on stores, here in memory, and a payment provider.
type shop struct {
	bank    *refundstest.Gateway
	orders  *orders.Service
	refunds *refunds.Service
	returns *returns.Service
	events  *outbox.Dispatcher
}

func open(ctx context.Context) *shop {
	clock := func() time.Time { return now }
	refundLog, returnLog := outbox.NewMemory("refunds"), outbox.NewMemory("returns")
	cases := returnstest.NewStore(returnLog.Append)
	s := &shop{bank: &refundstest.Gateway{}}
	s.orders = must(orders.New(orders.Config{
		Store: orderstest.NewStore(), Gateway: &orderstest.Gateway{}, Currency: "USD", Now: clock,
		Terms: func(ctx context.Context) (string, error) {
			t, err := cases.Terms(ctx, "")
			return t.ID, err
		},
	}))
	s.refunds = must(refunds.New(refunds.Config{
		Store: returnstest.RecordRefunds(refundstest.NewStore(), refundLog.Append), Gateway: s.bank, Now: clock,
		Wait: time.Millisecond,
	}))
	s.returns = must(returns.New(returns.Config{
		Store: cases, Orders: s.orders, Refunder: s.refunds, Restocker: s.orders, Now: clock,
		Evidence: returnstest.NewEvidenceStore(),
	}))
	s.events = must(outbox.New(outbox.Config{Now: clock}, refundLog, returnLog))
	check(returns.Subscribe(s.events, s.returns)) // a server runs s.events.Run too
	must(s.returns.PublishTerms(ctx, kim, returns.Policy{
		Enabled: true, WindowDays: 30, MaxQuantity: 5, RestockAt: returns.RestockAtRefund, Currency: "USD",
		ReturnShippingFees: []returns.FeeRule{{Reason: returns.ReasonOther, Fixed: 500}},
	}, "the first"))
	return s
}

func main() {
	ctx := context.Background()
	s := open(ctx)

	// Ada buys three lamps, and sends two back.
	lamp := must(s.orders.SaveProduct(ctx, 0, kim, func(p *orders.Product) error {
		p.Name, p.Price, p.Currency, p.Stock = "Lamp", 4_000, "USD", 10
		return nil
	}))
	must(s.orders.AddToCart(ctx, "ada", lamp.ID, 3))
	order := must(s.orders.Checkout(ctx, orders.CheckoutRequest{
		Customer: ada, Method: payment.Card, Token: orderstest.TokenPays,
	}))
	fmt.Printf("bought for %d, %s\n", order.Payment.Amount, order.Status)
	line := order.Lines[0].ID
	r := must(s.returns.Create(ctx, ada, returns.CreateParams{
		OrderID: order.ID, CustomerID: "ada", Reason: returns.ReasonOther,
		Items: []returns.RequestItem{{OrderLineID: line, Quantity: 2}},
	}))
	fmt.Println("requested:", r.Status)

	s.accept(ctx, r.ID, line)
	s.payBack(ctx, r.ID)
	fmt.Println("on the shelf:", must(s.orders.Product(ctx, lamp.ID)).Stock)
}

// accept takes the goods in, and accepts one of the two units.
func (s *shop) accept(ctx context.Context, id, line string) {
	r := must(s.returns.Authorize(ctx, id, kim, ""))
	fmt.Println("authorized:", r.RMA)
	r = must(s.returns.Ship(ctx, id, ada, returns.ReverseShipment{Carrier: "UPS", TrackingNumber: "1Z999"}))
	fmt.Println("shipped:", r.Status)
	r = must(s.returns.Receive(ctx, id, kim, returns.ReceiveParams{}))
	fmt.Println("received:", r.Receipts[0].Kind)
	one := 1
	r = must(s.returns.Inspect(ctx, id, kim, returns.InspectionInput{
		Result: returns.InspectionPartiallyApproved, InspectedBy: "Kim",
		Lines: []returns.InspectionLine{{OrderLineID: line, Accepted: &one, Note: "the other is scratched"}},
	}))
	fmt.Println("inspected:", r.Status)
}

// payBack pays the case back, at a provider that says a day later that it has.
func (s *shop) payBack(ctx context.Context, id string) {
	s.bank.Script(refundstest.CallCreate, refundstest.FaultPending)
	r, refund, err := s.returns.Refund(ctx, id, kim, returns.RefundParams{})
	check(err)
	fmt.Printf("refund: %d less %d = %d, %s; case %s\n", refund.Quote.Gross, refund.Quote.FeesSum, refund.Amount(),
		refund.Status, r.Status)
	now = now.AddDate(0, 0, 1)
	s.bank.Settle(refund.Attempt().ProviderID, "succeeded")
	must(s.refunds.ResumeDue(ctx, 10))
	check(s.events.DeliverSync(ctx, "refunds", refund.ID))
	fmt.Println("a day later: case", must(s.returns.Return(ctx, id)).Status)
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
