package orders_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
)

// demo is a shop in memory with mugs at 12.00 in a cart of ann's, on a provider.
func demo(g *orderstest.Gateway, quantity int) (*orders.Service, orders.Product) {
	ctx := context.Background()
	s, err := orders.New(orders.Config{Store: orderstest.NewStore(), Gateway: g, Currency: "USD"})
	if err != nil {
		panic(err)
	}
	mug, err := s.SaveProduct(ctx, 0, event.System("demo"), func(p *orders.Product) error {
		p.Name, p.Price, p.Stock = "Mug", 1200, 10
		return nil
	})
	if err != nil {
		panic(err)
	}
	if _, err := s.AddToCart(ctx, "ann", mug.ID, quantity); err != nil {
		panic(err)
	}
	return s, mug
}

// byCard is a checkout of ann's cart by a card that pays.
var byCard = orders.CheckoutRequest{
	Customer: event.Actor{Kind: event.ActorCustomer, ID: "ann"}, Method: payment.Card, Token: orderstest.TokenPays,
}

func ExampleNew() {
	_, err := orders.New(orders.Config{Store: orderstest.NewStore(), Currency: "USD"})
	fmt.Println(err)
	// Output: orders: INVALID: Config.Gateway: it is nil; card payments need one
}

func ExampleService_AddToCart() {
	s, mug := demo(&orderstest.Gateway{}, 2)
	cart, err := s.AddToCart(context.Background(), "ann", mug.ID, 1)
	fmt.Println(cart.Items[0].Quantity, money.New(cart.Total, cart.Currency), err)
	_, err = s.AddToCart(context.Background(), "ann", mug.ID, 100)
	fmt.Println(orders.CodeOf(err))
	// Output:
	// 3 36.00 USD <nil>
	// OUT_OF_STOCK
}

// A decline says why in the words of all providers, and gives the cart back.
func ExampleService_Checkout_declined() {
	s, _ := demo(&orderstest.Gateway{}, 2)
	r := byCard
	r.Token = orderstest.TokenDeclined
	_, err := s.Checkout(context.Background(), r)
	var refused *orders.Error
	fmt.Println(errors.As(err, &refused), refused.Code, refused.Reason, refused.Failure)
	cart, err := s.Cart(context.Background(), "ann")
	fmt.Println(len(cart.Items), err)
	// Output:
	// true PAYMENT_DECLINED generic_decline declined_by_bank
	// 1 <nil>
}

// The worker settles what the provider did not settle at checkout.
func ExampleService_Run() {
	provider := &orderstest.Gateway{}
	provider.Script(orderstest.CallConfirm, orderstest.Fault5xx)
	s, _ := demo(provider, 1)
	ctx, stop := context.WithCancel(context.Background())
	o, err := s.Checkout(ctx, byCard)
	fmt.Println(o.Status, err)

	worker := make(chan error)
	go func() { worker <- s.Run(ctx) }()
	for o.Status == orders.StatusQueued {
		s.Wake()
		if o, err = s.Order(ctx, o.ID); err != nil {
			panic(err)
		}
	}
	stop()
	fmt.Println(o.Status, len(provider.Charges()), <-worker)
	// Output:
	// queued <nil>
	// completed 1 <nil>
}

// ChargeDue is one round of what Run does.
func ExampleService_ChargeDue() {
	provider := &orderstest.Gateway{}
	provider.Script(orderstest.CallCreate, orderstest.FaultNothing)
	s, _ := demo(provider, 1)
	o, err := s.Checkout(context.Background(), byCard)
	fmt.Println(o.Status, err)
	n, err := s.ChargeDue(context.Background(), 10)
	fmt.Println(n, err) // it is due a second after the first attempt
	// Output:
	// queued <nil>
	// 0 <nil>
}

func ExampleService_Cancel() {
	provider := &orderstest.Gateway{}
	provider.Script(orderstest.CallCreate, orderstest.FaultNothing)
	s, mug := demo(provider, 4)
	o, err := s.Checkout(context.Background(), byCard)
	fmt.Printf("%q %v\n", o.Status, err)
	o, err = s.Cancel(context.Background(), o.ID, byCard.Customer, "changed my mind")
	fmt.Printf("%q %v\n", o.Status, err)
	mug, err = s.Product(context.Background(), mug.ID)
	fmt.Println(mug.Stock, err)
	// Output:
	// "queued" <nil>
	// "cancelled" <nil>
	// 10 <nil>
}

// A service on a store in a transaction of the caller's places the order, and leaves
// the charge to the worker. In memory there are no transactions; with ordersdb the
// store is store.WithTx(tx).
func ExampleService_With() {
	store := orderstest.NewStore()
	s, err := orders.New(orders.Config{Store: store, Gateway: &orderstest.Gateway{}, Currency: "USD"})
	if err != nil {
		panic(err)
	}
	_, err = s.With(store).ChargeDue(context.Background(), 1)
	fmt.Println(errors.Is(err, payment.ErrInTransaction))
	// Output: true
}

// Restocking the same goods twice puts them back once.
func ExampleService_Restock() {
	s, mug := demo(&orderstest.Gateway{}, 1)
	back := purchase.Restock{Ref: "return-1 line-1", ProductID: fmt.Sprint(mug.ID), Quantity: 2}
	for range 2 {
		fmt.Println(s.Restock(context.Background(), back, event.System("returns")))
	}
	mug, err := s.Product(context.Background(), mug.ID)
	fmt.Println(mug.Stock, err)
	// Output:
	// true <nil>
	// false <nil>
	// 12 <nil>
}

// With Purchase an order is what packages refunds and returns work on.
func ExampleService_Purchase() {
	s, _ := demo(&orderstest.Gateway{}, 2)
	o, err := s.Checkout(context.Background(), byCard)
	if err != nil {
		panic(err)
	}
	p, err := s.Purchase(context.Background(), o.ID)
	fmt.Println(p.Status, p.Lines[0].Quantity, p.Lines[0].Paid.Total(), p.Payments[0].Method, err)
	_, err = s.Purchase(context.Background(), "no such order")
	fmt.Println(errors.Is(err, purchase.ErrNotFound))
	// Output:
	// completed 2 2400 card <nil>
	// true
}

func ExampleService_Orders() {
	s, _ := demo(&orderstest.Gateway{}, 2)
	if _, err := s.Checkout(context.Background(), byCard); err != nil {
		panic(err)
	}
	list, n, err := s.Orders(context.Background(), orders.Query{CustomerID: "ann", Text: "mug"})
	fmt.Println(len(list), n, err)
	// Output: 1 1 <nil>
}

func ExampleService_Events() {
	s, _ := demo(&orderstest.Gateway{}, 2)
	o, err := s.Checkout(context.Background(), byCard)
	if err != nil {
		panic(err)
	}
	events, err := s.Events(context.Background(), o.ID)
	for _, e := range events {
		fmt.Println(e.Type)
	}
	fmt.Println(err)
	// Output:
	// order.placed
	// order.charging
	// order.completed
	// <nil>
}
