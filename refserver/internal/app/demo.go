package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/resilience"
	"github.com/returnkit/returnkit/returns"
)

// DemoRMA is the number of the return in the demo data. It comes from no
// counter.
const DemoRMA = "RMA-CP3-DEMO-001"

// demoKey is the idempotency key of the demo order: it makes it once.
const demoKey = "demo-order-1"

// demoProduct is a product of the demo data. Price is in hundredths of the
// currency's unit, discount in basis points, weight in thousandths.
type demoProduct struct {
	name, category string
	price          int64
	stock          int
	weight         int64
	origin         string
	discount       int
	finalSale      bool
}

// demoProducts get the ids 1, 2, 3 and so on. The laptop costs 1050.00, and
// with 5 % duty and 5 weight units of shipping at 1.5 each 1110.00.
var demoProducts = []demoProduct{
	{name: "Laptop", category: "Computers", price: 105000, stock: 40, weight: 5000, origin: "Taiwan"},
	{name: "Mouse", category: "Accessories", price: 2500, stock: 1_000_000, weight: 200, origin: "China"},
	{name: "Keyboard", category: "Accessories", price: 7999, stock: 500, weight: 1200, origin: "Germany"},
	{name: "Monitor 27\"", category: "Computers", price: 32900, stock: 60, weight: 6500, origin: "South Korea"},
	{name: "Headphones", category: "Audio", price: 14900, stock: 120, weight: 600, origin: "Japan", discount: 1500},
	{name: "Webcam", category: "Accessories", price: 5950, stock: 3, weight: 300, origin: "China"},
	{name: "Office chair", category: "Furniture", price: 24900, stock: 30, weight: 18000, origin: "USA"},
	{name: "Desk lamp", category: "Furniture", price: 4550, stock: 80, weight: 2000, origin: "Denmark"},
	{name: "Coffee mug", category: "Kitchen", price: 1250, stock: 300, weight: 450, origin: "Portugal"},
	{
		name:      "Printer, last of its kind",
		category:  "Computers",
		price:     11900,
		stock:     12,
		weight:    7500,
		origin:    "Vietnam",
		discount:  4000,
		finalSale: true,
	},
	{name: "Notebook, dotted", category: "Stationery", price: 675, stock: 400, weight: 350, origin: "Italy"},
	{name: "Gift card", category: "Gift cards", price: 5000, stock: 10_000, origin: "USA", finalSale: true},
}

// fill makes sure of what a shop can't be without, and of the demo data. The
// outage that the settings ask for begins after the demo order is paid.
func (s *App) fill(ctx context.Context) error {
	c := s.Config
	_, err := s.Auth.EnsureSuperAdmin(ctx, c.SuperAdminUsername, string(c.SuperAdminPassword), c.SuperAdminEmail)
	if err != nil {
		return fmt.Errorf("making the super admin: %w", err)
	}
	if _, err := s.Returns.EnsureTerms(ctx, event.System("settings"), c.Policy()); err != nil {
		return fmt.Errorf("publishing the first terms: %w", err)
	}
	if c.DemoData() {
		if err := s.ensureDemo(ctx); err != nil {
			// The shop is whole without it; a worker tries again.
			s.Log.Warn("no demo data for now", "error", err)
		}
	}
	if err := s.retryOutage(ctx); err != nil {
		s.Log.Warn("no outage for now", "error", err) // a worker tries again
	}
	return nil
}

// demoWait is how long a start waits for another process that makes the demo
// data, and for the provider.
const demoWait = 5 * time.Second

// ensureDemo makes the demo data, once per database, waiting for a process
// that is at it.
func (s *App) ensureDemo(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, demoWait)
	defer cancel()
	for {
		err := once(ctx, s.DB, "demo data", s.demo)
		if err == nil {
			s.demoDone.Store(true)
		}
		if !errors.Is(err, errElsewhere) {
			return err
		}
		if resilience.Sleep(ctx, 50*time.Millisecond) != nil {
			return err
		}
	}
}

// retryDemo is ensureDemo for a worker.
func (s *App) retryDemo(ctx context.Context) error {
	if s.demoDone.Load() {
		return nil
	}
	return s.ensureDemo(ctx)
}

// demo makes the demo data. It continues where an earlier run was cut off. A
// catalog that does not begin with the demo's laptop is somebody's own, and
// gets none.
func (s *App) demo(ctx context.Context) error {
	have, err := s.Orders.Products(ctx)
	if err != nil {
		return err
	}
	if len(have) > 0 && have[0].Name != demoProducts[0].name {
		return nil
	}
	laptop, err := s.demoCatalogue(ctx, have)
	if err != nil {
		return err
	}
	super, err := s.Auth.UserByName(ctx, s.Config.SuperAdminUsername)
	if err != nil {
		return err
	}
	order, err := s.demoOrder(ctx, super, laptop)
	if err != nil {
		return err
	}
	if order.Status != orders.StatusCompleted {
		return fmt.Errorf(
			"the demo order %s is %s; its return is made when it is completed",
			order.Number,
			order.Status,
		)
	}
	return s.demoReturn(ctx, super, order)
}

// demoCatalogue makes the demo products that are missing and returns the id
// of the first.
func (s *App) demoCatalogue(ctx context.Context, have []orders.Product) (int64, error) {
	for i, d := range demoProducts {
		if i < len(have) {
			continue // made by a run that was cut off
		}
		p, err := s.Orders.SaveProduct(
			ctx,
			0,
			event.System("demo data"),
			func(p *orders.Product) error {
				p.Name, p.Category, p.Price, p.Stock = d.name, d.category, s.minor(d.price), d.stock
				p.DiscountBP, p.FinalSale, p.CountryOfOrigin = d.discount, d.finalSale, d.origin
				p.ShippingWeight, p.RequiresShipping = d.weight, d.weight > 0
				return nil
			},
		)
		if err != nil {
			return 0, fmt.Errorf("product %s: %w", d.name, err)
		}
		have = append(have, p)
	}
	return have[0].ID, nil
}

// minor turns hundredths into the smallest unit of the shop's currency. Where that is worth little, all prices of the
// demo are ten times as high, or a hundred times, so that the provider takes the payment of the demo order.
func (s *App) minor(hundredths int64) int64 {
	for price := demoProducts[0].price; price < 2*paysim.Smallest(string(s.Config.Currency)); price *= 10 {
		hundredths *= 10
	}
	for range s.Config.Money().Digits() {
		hundredths *= 10
	}
	return hundredths / 100
}

// demoOrder buys a laptop by card for the super admin, through the gateway
// like any other order.
func (s *App) demoOrder(ctx context.Context, super auth.User, laptop int64) (orders.Order, error) {
	buyer := event.Actor{Kind: event.ActorCustomer, ID: super.ID, Name: super.Username}
	for page := 1; ; page++ {
		list, _, err := s.Orders.Orders(
			ctx,
			orders.Query{CustomerID: super.ID, Page: page, PageSize: orders.MaxPageSize},
		)
		if err != nil {
			return orders.Order{}, err
		}
		for _, o := range list {
			if o.IdempotencyKey == demoKey {
				return o, nil
			}
		}
		if len(list) < orders.MaxPageSize {
			break
		}
	}
	o, err := s.buyDemo(ctx, buyer, laptop, 1)
	if orders.CodeOf(err) == orders.CodeAmountNotChargeable {
		// The provider carries whole units alone of some currencies, and half of one is shipping.
		o, err = s.buyDemo(ctx, buyer, laptop, 2)
	}
	if err != nil {
		return orders.Order{}, fmt.Errorf("demo order: %w", err)
	}
	return o, nil
}

// buyDemo buys so many laptops by card.
func (s *App) buyDemo(ctx context.Context, buyer event.Actor, laptop int64, quantity int) (orders.Order, error) {
	cart, err := s.Orders.SetCartQuantity(ctx, buyer.ID, laptop, quantity)
	if err != nil {
		return orders.Order{}, err
	}
	return s.Orders.Checkout(ctx, orders.CheckoutRequest{
		Customer: buyer, CartID: cart.Cart.ID, IdempotencyKey: demoKey, Method: payment.Card,
		Token: visa.token, Source: "demo",
	})
}

// demoReturn files and authorizes the return of the demo order.
func (s *App) demoReturn(ctx context.Context, super auth.User, o orders.Order) error {
	list, _, err := s.Returns.Returns(ctx, returns.Query{OrderID: o.ID, PageSize: 1})
	if err != nil || len(list) > 0 || !s.Config.FeatureReturnsEnabled {
		return err // with returns switched off there is none to show
	}
	request := returns.CreateParams{
		OrderID: o.ID, CustomerID: super.ID, Reason: returns.ReasonDamaged,
		// Its trail says why its owner may process it; package server lets them.
		Details: "The screen came with a crack in the lower left corner. " +
			"(Demo data: in development its owner may process this return.)",
		Items: []returns.RequestItem{{OrderLineID: o.Lines[0].ID, Quantity: 1}}, RMA: DemoRMA,
	}
	by := event.System("demo data")
	_, err = s.Returns.Create(ctx, by, request)
	if refused := (*returns.Error)(nil); errors.As(err, &refused) && refused.Verdict != nil {
		// The policy of the settings takes no such return, for want of a photo for
		// one. The demo is there all the same: it is filed with an override, and its
		// trail says so.
		request.Override = &returns.Override{Reason: "Demo data", Rules: overridable(*refused.Verdict)}
		_, err = s.Returns.Create(ctx, by, request)
	}
	return err
}

// overridable are the rules that refused a request and that staff may override.
func overridable(v returns.Verdict) []string {
	var rules []string
	for _, reason := range v.Reasons() {
		if slices.Contains(returns.Rules(), string(reason)) {
			rules = append(rules, string(reason))
		}
	}
	return rules
}
