package scenarios

import (
	"context"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/quality"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

func t2() Scenario {
	return Scenario{quality.Scenario{
		ID:       "T.2",
		Stimulus: "the payment provider and the database are replaced by test doubles",
		Measure:  "how long the suites of the domain take",
		Target:   "less than 5 s, without network or database",
		StandIn:  "1,000 orders are placed by card and refunded in memory; the suites themselves are run by go test",
	}, runT2}
}

func runT2(ctx context.Context, b *bench) (Result, error) {
	const n = 1000
	begun := time.Now()
	gateway := &orderstest.Gateway{}
	shop, err := orders.New(orders.Config{Store: orderstest.NewStore(), Gateway: gateway, Currency: "USD"})
	if err != nil {
		return Result{}, err
	}
	money, err := refunds.New(refunds.Config{Store: refundstest.NewStore(), Gateway: &refundstest.Gateway{}})
	if err != nil {
		return Result{}, err
	}
	kim := event.Actor{Kind: event.ActorStaff, ID: "kim", Name: "Kim"}
	product, err := shop.SaveProduct(ctx, 0, kim, func(p *orders.Product) error {
		p.Name, p.Price, p.Stock = "Lamp", 4000, n
		return nil
	})
	if err != nil {
		return Result{}, err
	}
	refunded := 0
	for i := range n {
		ada := event.Actor{Kind: event.ActorCustomer, ID: fmt.Sprint("customer", i), Name: "Ada"}
		if _, err := shop.AddToCart(ctx, ada.ID, product.ID, 1); err != nil {
			return Result{}, err
		}
		o, err := shop.Checkout(
			ctx, orders.CheckoutRequest{Customer: ada, Method: payment.Card, Token: orderstest.TokenPays},
		)
		if err != nil {
			return Result{}, err
		}
		if b.broken {
			time.Sleep(6 * time.Millisecond)
		}
		if err := refundInMemory(ctx, money, o, kim); err != nil {
			return Result{}, err
		}
		refunded++
	}
	took := time.Since(begun)
	return Result{
		Observed:  fmt.Sprintf("%d of %d orders paid and refunded in %s", refunded, n, ms(took)),
		Fulfilled: refunded == n && took < 5*time.Second,
		sound:     refunded == n,
	}, nil
}

// refundInMemory pays an order back to its card.
func refundInMemory(ctx context.Context, money *refunds.Service, o orders.Order, by event.Actor) error {
	p := o.Purchase()
	line, paid := p.Lines[0], p.Payments[0]
	r, err := money.Refund(ctx, refunds.Request{
		ClientReference: "return of " + o.ID, OrderID: o.ID,
		Payments: []refunds.Payment{
			{ID: paid.ID, Method: paid.Method, ProviderID: paid.ProviderID, Captured: paid.Captured},
		},
		Currency: p.Currency, Customer: o.CustomerID,
		Method: payment.OriginalMethod, By: by,
		Quote: refunds.QuoteRequest{Currency: p.Currency, Lines: []refunds.QuoteRequestLine{
			{OrderLineID: line.ID, Bought: line.Quantity, Paid: line.Paid.Components, Units: line.Quantity},
		}},
	})
	if err == nil && r.Status != refunds.StatusSucceeded {
		err = fmt.Errorf("the refund is %s", r.Status)
	}
	return err
}
