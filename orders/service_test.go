package orders_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
)

var (
	ann   = event.Actor{Kind: event.ActorCustomer, ID: "ann"}
	staff = event.Actor{Kind: event.ActorStaff, ID: "1"}
)

// shop is a service on a store in memory, with one product of ten units.
type shop struct {
	*orders.Service
	t       testing.TB
	store   *orderstest.Store
	gateway *orderstest.Gateway
	seen    *observer
	mouse   orders.Product
}

// observer notes what a service tells.
type observer struct {
	mu    sync.Mutex
	notes []string
}

func (o *observer) note(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.notes = append(o.notes, fmt.Sprintf(format, args...))
}

func (o *observer) Submitted(_ context.Context, source string)  { o.note("submitted %s", source) }
func (o *observer) Declined(context.Context, orders.Order)      { o.note("declined") }
func (o *observer) Failed(_ context.Context, s string, _ error) { o.note("failed %s", s) }
func (o *observer) Accepted(_ context.Context, _ orders.Order, m orders.Status, took time.Duration) {
	o.note("accepted %s %s", m, took)
}
func (o *observer) Settled(_ context.Context, p orders.Order, took time.Duration) {
	o.note("settled %s %s", p.Status, took)
}

func (o *observer) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.notes, ", ")
}

func open(t testing.TB, change func(*orders.Config)) *shop {
	t.Helper()
	s := &shop{t: t, store: orderstest.NewStore(), gateway: &orderstest.Gateway{}, seen: &observer{}}
	c := orders.Config{
		Store: s.store, Gateway: s.gateway, Currency: "USD", Observer: s.seen,
		Pricing: dutyAndShipping, CallTimeout: 500 * time.Millisecond,
		Terms:  func(context.Context) (string, error) { return "terms-1", nil },
		Jitter: func(d time.Duration) time.Duration { return d },
	}
	if change != nil {
		change(&c)
	}
	var err error
	s.Service, err = orders.New(c)
	must(t, err)
	s.mouse, err = s.SaveProduct(t.Context(), 0, staff, func(p *orders.Product) error {
		p.Name, p.Price, p.Stock, p.CountryOfOrigin = "Mouse", 1000, 10, "USA"
		return nil
	})
	must(t, err)
	return s
}

func (s *shop) fill(n int) {
	s.t.Helper()
	_, err := s.AddToCart(s.t.Context(), "ann", s.mouse.ID, n)
	must(s.t, err)
}

func card(key string) orders.CheckoutRequest {
	return orders.CheckoutRequest{
		Customer:       ann,
		Method:         payment.Card,
		Token:          orderstest.TokenPays,
		IdempotencyKey: key,
		Source:         "web",
	}
}

func cash() orders.CheckoutRequest {
	return orders.CheckoutRequest{Customer: ann, Method: payment.Cash, Source: "web"}
}

func (s *shop) stock() int {
	s.t.Helper()
	p, err := s.Product(s.t.Context(), s.mouse.ID)
	must(s.t, err)
	return p.Stock
}

func (s *shop) order(id string) orders.Order {
	s.t.Helper()
	o, err := s.Order(s.t.Context(), id)
	must(s.t, err)
	return o
}

func (s *shop) expect(what string, got, want any) {
	s.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestCheckoutCash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		s.fill(3)
		o, err := s.Checkout(t.Context(), cash())
		must(t, err)
		s.expect("status", o.Status, orders.StatusCompleted)
		s.expect("payment", o.Payment.Status, orders.PaymentCaptured)
		s.expect("total", o.Total(), 3000)
		s.expect("terms", o.TermsID, "terms-1")
		s.expect("stock", s.stock(), 7)
		s.expect("calls", s.gateway.Calls(orderstest.CallCreate), 0)
		s.expect("observer", s.seen, "submitted web, accepted completed 0s")
		events, err := s.Events(t.Context(), o.ID)
		must(t, err)
		s.expect("events", len(events), 2)
	})
}

func TestCheckoutCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		s.fill(3)
		o, err := s.Checkout(t.Context(), card(""))
		must(t, err)
		s.expect("status", o.Status, orders.StatusCompleted)
		s.expect("charges", s.gateway.Charges(),
			[]orderstest.Charge{{Reference: o.Payment.ProviderID, OrderID: o.ID, Amount: 3000, Currency: "USD"}})
		s.expect("observer", s.seen, "submitted web, accepted completed 0s")
		must(t, s.Close(t.Context()))
	})
}

func TestCheckoutOfAFreeOrderByCardAsksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		_, err := s.SaveProduct(t.Context(), s.mouse.ID, event.Actor{},
			func(p *orders.Product) error { p.Price = 0; return nil })
		must(t, err)
		s.fill(1)
		o, err := s.Checkout(t.Context(), card(""))
		must(t, err)
		s.expect("status and calls", []any{o.Status, s.gateway.Calls(orderstest.CallCreate)}, "[completed 0]")
	})
}

func TestCheckoutDeclined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		s.fill(3)
		r := card("key-1")
		r.Token = orderstest.TokenDeclined
		o, err := s.Checkout(t.Context(), r)
		var refusal *orders.Error
		if !errors.As(err, &refusal) || refusal.Code != orders.CodePaymentDeclined ||
			refusal.Reason != "generic_decline" {
			t.Fatalf("declined: %v", err)
		}
		s.expect("order", []any{o.Status, o.Payment.Status}, "[cancelled declined]")
		s.expect("stock", s.stock(), 10)
		s.expect("observer", s.seen, "submitted web, declined")
		view, err := s.Cart(t.Context(), "ann")
		must(t, err)
		s.expect("cart is kept", []any{view.Cart.ID, len(view.Items)}, []any{o.CartID, 1})

		again, err := s.Checkout(t.Context(), r)
		s.expect("the key was freed: it is tried again", []any{again.ID != o.ID, orders.CodeOf(err)},
			[]any{true, orders.CodePaymentDeclined})
		s.expect("calls", s.gateway.Calls(orderstest.CallConfirm), 2)
		r.Token = orderstest.TokenPays
		anew, err := s.Checkout(t.Context(), r)
		must(t, err)
		s.expect("another card under the same key", []any{anew.CartID, anew.Status, s.stock()},
			[]any{o.CartID, orders.StatusCompleted, 7})
		same, err := s.Checkout(t.Context(), r)
		must(t, err)
		s.expect("the key is that order's now", same.ID, anew.ID)
		r.Token = orderstest.TokenDeclined
		_, err = s.Checkout(t.Context(), r)
		s.expect("and no other card's", orders.CodeOf(err), orders.CodeIdempotencyMismatch)
		s.expect("charges", len(s.gateway.Charges()), 1)
	})
}

func TestCheckoutRefuses(t *testing.T) {
	s := open(t, nil)
	for name, c := range map[string]struct {
		r    orders.CheckoutRequest
		want orders.Code
	}{
		"nobody":         {orders.CheckoutRequest{Method: payment.Cash}, orders.CodeInvalid},
		"no such method": {orders.CheckoutRequest{Customer: ann, Method: "barter"}, orders.CodeInvalid},
		"a long key": {orders.CheckoutRequest{Customer: ann, Method: payment.Cash,
			IdempotencyKey: strings.Repeat("k", 201)}, orders.CodeInvalid},
		"a key that is data": {orders.CheckoutRequest{Customer: ann, Method: payment.Cash,
			IdempotencyKey: "\x00"}, orders.CodeInvalid},
		"an empty cart": {cash(), orders.CodeCartEmpty},
		"no such cart": {orders.CheckoutRequest{Customer: ann, Method: payment.Cash,
			CartID: "nope"}, orders.CodeNotFound},
	} {
		if _, err := s.Checkout(t.Context(), c.r); orders.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	s.fill(10)
	for name, r := range map[string]orders.CheckoutRequest{
		"no method": {Customer: ann}, "a card of nothing": {Customer: ann, Method: payment.Card},
	} {
		if _, err := s.Checkout(t.Context(), r); orders.CodeOf(err) != orders.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := s.SaveProduct(t.Context(), s.mouse.ID, event.Actor{},
		func(p *orders.Product) error { p.Stock = 4; return nil })
	must(t, err)
	_, err = s.Checkout(t.Context(), cash())
	var refusal *orders.Error
	if !errors.As(err, &refusal) || refusal.Code != orders.CodeOutOfStock || refusal.Available != 4 ||
		refusal.ProductID != s.mouse.ID {
		t.Errorf("10 of 4: %v", err)
	}
	s.expect("stock", s.stock(), 4)
	s.expect("observer", s.seen, "")
}

func TestCheckoutTwiceIsOneOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		s.fill(2)
		view, err := s.Cart(t.Context(), "ann")
		must(t, err)
		s.gateway.Script(orderstest.CallConfirm, orderstest.FaultNone)
		var wg sync.WaitGroup
		var got [5]orders.Order
		for i := range got {
			wg.Go(func() {
				r := card("")
				r.CartID = view.Cart.ID
				o, err := s.Checkout(t.Context(), r)
				if err != nil {
					t.Error(err)
				}
				got[i] = o
			})
		}
		wg.Wait()
		for _, o := range got {
			s.expect("order", []any{o.ID, o.Status}, []any{got[0].ID, orders.StatusCompleted})
		}
		s.expect("charges", len(s.gateway.Charges()), 1)
		s.expect("stock", s.stock(), 8)
	})
}

// TestASecondSubmitIsToldTheDeclineToo: the second does not take the order in
// flight for a success.
func TestASecondSubmitIsToldTheDeclineToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		s.fill(2)
		slow := &slowGateway{ChargeGateway: s.gateway, d: 300 * time.Millisecond}
		svc, err := orders.New(orders.Config{Store: s.store, Gateway: slow, Currency: "USD"})
		must(t, err)
		r := card("key")
		r.Token = orderstest.TokenDeclined
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 100 * time.Millisecond)
				_, err := svc.Checkout(t.Context(), r)
				s.expect("answer", orders.CodeOf(err), orders.CodePaymentDeclined)
			})
		}
		wg.Wait()
	})
}

type slowGateway struct {
	payment.ChargeGateway
	d time.Duration
}

func (g *slowGateway) CreatePayment(ctx context.Context, r payment.ChargeRequest) payment.Result {
	select {
	case <-time.After(g.d):
	case <-ctx.Done():
	}
	return g.ChargeGateway.CreatePayment(ctx, r)
}

func TestConfigNamesTheFieldThatIsWrong(t *testing.T) {
	good := func() orders.Config {
		return orders.Config{Store: orderstest.NewStore(), Gateway: &orderstest.Gateway{}, Currency: "USD"}
	}
	for field, change := range map[string]func(*orders.Config){
		"Store":           func(c *orders.Config) { c.Store = nil },
		"Gateway":         func(c *orders.Config) { c.Gateway = nil },
		"Currency":        func(c *orders.Config) { c.Currency = "usd" },
		"PaymentWait":     func(c *orders.Config) { c.PaymentWait = -1 },
		"CallTimeout":     func(c *orders.Config) { c.CallTimeout = 81 * time.Second },
		"Lease":           func(c *orders.Config) { c.Lease = time.Minute },
		"QueueLimit":      func(c *orders.Config) { c.QueueLimit = -1 },
		"GiveUpAfter":     func(c *orders.Config) { c.GiveUpAfter = time.Hour },
		"ReservationTime": func(c *orders.Config) { c.ReservationTime = -1 },
		"Parallel":        func(c *orders.Config) { c.Parallel = -1 },
		"Pricing":         func(c *orders.Config) { c.Pricing = orders.Rules{DutyBP: -1} },
		"Currencies":      func(c *orders.Config) { c.Currencies = []money.Currency{"EUR"} },
		"ProviderMethods": func(c *orders.Config) { c.ProviderMethods = []payment.Method{payment.Card, payment.Cash} },
	} {
		c := good()
		change(&c)
		if _, err := orders.New(c); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	must(t, good().Validate())
}

func TestOrdersRefusesPagesThatAreNone(t *testing.T) {
	s := open(t, nil)
	for _, q := range []orders.Query{{Page: -1}, {PageSize: -1}, {PageSize: 1001}} {
		if _, _, err := s.Orders(t.Context(), q); orders.CodeOf(err) != orders.CodeInvalid {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func ExampleService_Checkout() {
	ctx := context.Background()
	s, err := orders.New(orders.Config{Store: orderstest.NewStore(), Gateway: &orderstest.Gateway{}, Currency: "USD"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close(ctx)
	mouse, err := s.SaveProduct(ctx, 0, event.System("demo"), func(p *orders.Product) error {
		p.Name, p.Price, p.Stock, p.CountryOfOrigin = "Mouse", 1999, 10, "USA"
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := s.AddToCart(ctx, "ann", mouse.ID, 2); err != nil {
		fmt.Println(err)
		return
	}
	o, err := s.Checkout(ctx, orders.CheckoutRequest{
		Customer: event.Actor{Kind: event.ActorCustomer, ID: "ann"}, Method: payment.Card, Token: orderstest.TokenPays,
	})
	fmt.Println(o.Status, money.New(o.Total(), o.Currency), err)
	// Output:
	// completed 39.98 USD <nil>
}
