package orders_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
)

// withPages has orders paid on a page of the provider's.
func withPages(c *orders.Config) {
	c.Pages = orders.Pages{
		PaidURL:   func(id string) string { return "https://shop.example/orders/" + id + "/payment" },
		UnpaidURL: func(id string) string { return "https://shop.example/orders/" + id + "/payment" },
	}
}

func onPage(key string) orders.CheckoutRequest {
	return orders.CheckoutRequest{
		Customer: ann, Method: payment.Card, OnPage: true, IdempotencyKey: key, Source: "web",
	}
}

// opened is a shop with an order of three units whose page is open.
func opened(t *testing.T) (*shop, orders.Order) {
	t.Helper()
	s := open(t, withPages)
	s.fill(3)
	o, err := s.Checkout(t.Context(), onPage(""))
	must(t, err)
	s.expect("answer", []any{o.Status, o.Payment.Status, o.PayAt(time.Now()), s.stock()},
		[]any{orders.StatusQueued, orders.PaymentUnknown, "https://pay.example/cs_00001", 7})
	return s, o
}

func TestAnOrderIsPaidOnThePage(t *testing.T) {
	for _, c := range []struct {
		name   string
		settle func(*shop, string)
	}{
		{"the customer comes back", func(s *shop, id string) {
			_, err := s.CheckPayment(s.t.Context(), id)
			must(s.t, err)
		}},
		{"the provider's message comes", func(s *shop, id string) {
			_, err := s.Expedite(s.t.Context(), id)
			must(s.t, err)
			_, err = s.ChargeDue(s.t.Context(), 10)
			must(s.t, err)
		}},
		{"nobody tells, and the worker finds it", func(s *shop, _ string) { s.work(3 * time.Minute) }},
		{"all of them at once", func(s *shop, id string) {
			var wg sync.WaitGroup
			for range 5 {
				wg.Go(func() { _, _ = s.CheckPayment(s.t.Context(), id) })
				wg.Go(func() { _, _ = s.Expedite(s.t.Context(), id) })
				wg.Go(func() { _, _ = s.ChargeDue(s.t.Context(), 10) })
			}
			wg.Wait()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, o := opened(t)
				time.Sleep(20 * time.Second)
				if !s.gateway.PayPage(o.Payment.Page.ProviderID) {
					t.Fatal("the page takes no payment")
				}
				c.settle(s, o.ID)
				o = s.order(o.ID)
				s.expect("in the end", []any{o.Status, o.Payment.Status, o.Payment.ProviderID, o.PayAt(time.Now())},
					[]any{orders.StatusCompleted, orders.PaymentCaptured, "pi_cs_00001", ""})
				s.expect("settled", strings.Count(s.seen.String(), "settled"), 1)
				s.expect("pages and misuse", []any{s.gateway.Pages(), s.gateway.Misuse()}, []any{1, []string{}})
				foldsTo(t, s, o)
			})
		})
	}
}

// foldsTo requires that the trail of an order gives the order.
func foldsTo(t *testing.T, s *shop, o orders.Order) {
	t.Helper()
	events, err := s.Events(t.Context(), o.ID)
	must(t, err)
	folded, err := orders.Fold(events)
	must(t, err)
	// When to look next, and the lease, are not history.
	folded.Payment.Work.NextAt, o.Payment.Work.NextAt = time.Time{}, time.Time{}
	o.Payment.Work.Lease("", time.Time{})
	if !reflect.DeepEqual(folded, o) {
		t.Errorf("events fold to %+v, stored is %+v", folded, o)
	}
}

func TestASecondTabGetsTheSamePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, withPages)
		s.fill(3)
		cart, _, err := s.store.Cart(t.Context(), "ann")
		must(t, err)
		var wg sync.WaitGroup
		urls := make([]string, 6)
		for i := range urls {
			wg.Go(func() {
				request := onPage(fmt.Sprint("key-", i%2)) // twice the same key, and tabs with keys of their own
				request.CartID = cart.ID
				o, err := s.Checkout(t.Context(), request)
				if err != nil {
					t.Error(err)
				}
				urls[i] = o.PayAt(time.Now())
			})
		}
		wg.Wait()
		for _, u := range urls {
			s.expect("page", u, "https://pay.example/cs_00001")
		}
		s.expect("pages", s.gateway.Pages(), 1)
	})
}

func TestAPageThatIsNotPaidEndsTheOrder(t *testing.T) {
	for _, c := range []struct {
		name string
		life time.Duration // from the purchase to the end
		end  func(*shop, string)
		want string
	}{
		{"expired", 61 * time.Minute, func(*shop, string) {}, "not paid on the payment page by"},
		{"canceled by the customer", time.Minute, func(s *shop, id string) {
			_, err := s.Cancel(s.t.Context(), id, ann, "canceled by the customer")
			must(s.t, err)
		}, "canceled by the customer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, o := opened(t)
				s.work(c.life)
				c.end(s, o.ID)
				s.work(2 * time.Minute)
				o = s.order(o.ID)
				s.expect("in the end", []any{o.Status, o.Payment.Status, s.stock()},
					[]any{orders.StatusCanceled, orders.PaymentCanceled, 10})
				if !strings.Contains(o.CancelReason, c.want) {
					t.Errorf("reason %q, want %q", o.CancelReason, c.want)
				}
				s.expect("the page takes money", s.gateway.PayPage(o.Payment.Page.ProviderID), false)
				events, err := s.Events(t.Context(), o.ID)
				must(t, err)
				if len(events) > 5 {
					t.Errorf("%d events of an hour of waiting", len(events))
				}
				foldsTo(t, s, o)
				cart, _, err := s.store.Cart(t.Context(), "ann")
				must(t, err)
				s.expect("the cart is open again", len(cart.Items), 1)
			})
		})
	}
}

// TestNoOrderIsCanceledThatIsPaidOnThePage: whoever cancels it gets the order that is
// paid.
func TestNoOrderIsCanceledThatIsPaidOnThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, o := opened(t)
		s.gateway.PayPage(o.Payment.Page.ProviderID)
		o, err := s.Cancel(t.Context(), o.ID, ann, "no")
		s.expect("cancel", []any{o.Status, orders.CodeOf(err)},
			[]any{orders.StatusCompleted, orders.CodeTransition})
	})
	synctest.Test(t, func(t *testing.T) {
		s, o := opened(t)
		s.gateway.PayPage(o.Payment.Page.ProviderID)
		s.gateway.Always(orderstest.CallFindPage, orderstest.FaultLostBefore)
		s.work(3 * time.Hour)
		o = s.order(o.ID)
		s.expect("while the provider is gone", []any{o.Status, s.stock()}, []any{orders.StatusQueued, 7})
		s.gateway.Always(orderstest.CallFindPage, orderstest.FaultNone)
		s.work(3 * time.Minute)
		s.expect("when it is back", s.order(o.ID).Status, orders.StatusCompleted)
	})
}

func TestAPageThatCannotBeOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, withPages)
		s.fill(3)
		s.gateway.Script(orderstest.CallOpenPage, orderstest.FaultDecline)
		_, err := s.Checkout(t.Context(), onPage(""))
		s.expect("declined", []any{orders.CodeOf(err), s.stock()}, []any{orders.CodePaymentDeclined, 10})

		s.gateway.Always(orderstest.CallOpenPage, orderstest.FaultLostAfter)
		o, err := s.Checkout(t.Context(), onPage(""))
		must(t, err)
		s.expect("no answer", []any{o.Status, o.Payment.Status, o.PayAt(time.Now())},
			[]any{orders.StatusQueued, orders.PaymentPending, ""})
		s.work(20 * time.Second)
		s.gateway.Always(orderstest.CallOpenPage, orderstest.FaultNone)
		s.work(time.Minute)
		o = s.order(o.ID)
		s.expect("the same page", []any{o.PayAt(time.Now()), s.gateway.Pages(), s.gateway.Misuse()},
			[]any{"https://pay.example/cs_00001", 1, []string{}})
		_, err = s.Cancel(t.Context(), o.ID, ann, "")
		must(t, err)

		s.gateway.Always(orderstest.CallOpenPage, orderstest.FaultNothing)
		o, err = s.Checkout(t.Context(), onPage(""))
		must(t, err)
		s.work(32 * time.Minute)
		o = s.order(o.ID)
		s.expect("given up", []any{o.Status, o.CancelReason, s.stock()},
			[]any{orders.StatusCanceled, "the payment page could not be opened", 10})
	})
}

func TestACheckoutOnAPageThatTheShopDoesNotHave(t *testing.T) {
	s := open(t, nil)
	s.fill(1)
	with := open(t, withPages)
	with.fill(1)
	withToken, cashOnPage := onPage(""), onPage("")
	withToken.Token, cashOnPage.Method = "pm_card_visa", payment.Cash
	for _, c := range []struct {
		name  string
		shop  *shop
		r     orders.CheckoutRequest
		field string
	}{
		{"no pages", s, onPage(""), "payment_method"},
		{"with a card of its own", with, withToken, "token"},
		{"cash", with, cashOnPage, "payment_method"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.shop.Checkout(t.Context(), c.r)
			if e, ok := err.(*orders.Error); !ok || e.Code != orders.CodeInvalid || e.Field != c.field {
				t.Errorf("%v, want INVALID of %s", err, c.field)
			}
		})
	}
	for name, pages := range map[string]orders.Pages{
		"life": {Life: 25 * time.Hour},
		"half": {PaidURL: func(string) string { return "" }},
	} {
		if _, err := orders.New(orders.Config{
			Store: s.store, Gateway: s.gateway, Currency: "USD", Pages: pages,
		}); err == nil {
			t.Errorf("%s: the settings are taken", name)
		}
	}
}

func (g dyingGateway) OpenPage(ctx context.Context, r payment.PageRequest) (p payment.Page, a payment.Result) {
	a = g.call(func() (a payment.Result) {
		p, a = g.ChargeGateway.(payment.PageGateway).OpenPage(ctx, r)
		return a
	})
	return p, a
}

func (g dyingGateway) FindPage(ctx context.Context, r payment.ChargeRequest,
	id string) (payment.PaymentStatus, payment.Result) {
	return g.read(func() (payment.PaymentStatus, payment.Result) {
		return g.ChargeGateway.(payment.PageGateway).FindPage(ctx, r, id)
	})
}

func (g dyingGateway) ClosePage(ctx context.Context, r payment.ChargeRequest,
	id string) (payment.PaymentStatus, payment.Result) {
	return g.read(func() (payment.PaymentStatus, payment.Result) {
		return g.ChargeGateway.(payment.PageGateway).ClosePage(ctx, r, id)
	})
}

// TestAPageSurvivesEveryFaultAtEveryCut cuts a checkout on a page after every store
// write and every provider call, under every fault, with a customer who pays as soon
// as there is somewhere to pay, and another who cancels; then another process
// recovers it. Money moves at most once, and only for an order that is completed.
func TestAPageSurvivesEveryFaultAtEveryCut(t *testing.T) {
	faults := []orderstest.Fault{
		orderstest.FaultNone, orderstest.FaultLostBefore, orderstest.FaultLostAfter, orderstest.Fault5xx,
		orderstest.FaultStored5xx, orderstest.FaultNothing,
	}
	ends := map[orders.Status]int{}
	for _, fault := range faults {
		for _, cancels := range []bool{false, true} {
			for step := 1; step < 40; step++ {
				died := false
				for _, after := range []bool{false, true} {
					name := fmt.Sprintf("%q, cancels %v, cut %d after=%v", fault, cancels, step, after)
					synctest.Test(t, func(t *testing.T) {
						p := &process{cut: step, after: after}
						ends[cutOnPage(t, name, fault, cancels, p)]++
						died = died || p.dead
					})
				}
				if !died {
					break
				}
			}
		}
	}
	if ends[orders.StatusCompleted] < 20 || ends[orders.StatusCanceled] < 20 {
		t.Errorf("too few cases: %v", ends)
	}
}

func cutOnPage(t *testing.T, name string, fault orderstest.Fault, cancels bool, p *process) orders.Status {
	s := open(t, withPages)
	s.fill(3)
	for _, c := range []orderstest.Call{
		orderstest.CallOpenPage, orderstest.CallFindPage, orderstest.CallClosePage,
	} {
		s.gateway.Script(c, fault)
	}
	config := orders.Config{
		Store: dyingStore{s.store, p}, Gateway: dyingGateway{s.gateway, p}, Currency: "USD",
		CallTimeout: 500 * time.Millisecond,
	}
	withPages(&config)
	first, err := orders.New(config)
	must(t, err)
	_, _ = first.Checkout(t.Context(), onPage("key"))
	id := ""
	for range 4 {
		found, _, err := s.Orders(t.Context(), orders.Query{})
		must(t, err)
		if len(found) > 0 {
			id = found[0].ID
			switch page := found[0].Payment.Page; {
			case cancels:
				_, _ = first.Cancel(t.Context(), id, ann, "no")
			case page.URL != "":
				s.gateway.PayPage(page.ProviderID)
				_, _ = first.CheckPayment(t.Context(), id)
			}
		}
		time.Sleep(time.Second)
		_, _ = first.ChargeDue(t.Context(), 10)
	}
	_ = first.Close(t.Context())
	// The other process, and a customer who pays if there is a way to.
	s.work(20 * time.Second)
	if id != "" && !cancels {
		if u := s.order(id).Payment.Page; u.URL != "" {
			s.gateway.PayPage(u.ProviderID)
		}
	}
	for range 150 {
		time.Sleep(30 * time.Second)
		_, err := s.ChargeDue(t.Context(), 10)
		must(t, err)
	}
	found, n, err := s.Orders(t.Context(), orders.Query{})
	must(t, err)
	charges := s.gateway.Charges()
	if n == 0 {
		if len(charges) != 0 || s.stock() != 10 {
			t.Errorf("%s: no order, charges %v, stock %d", name, charges, s.stock())
		}
		return ""
	}
	o := found[0]
	wantCharges, wantStock := 0, 10
	if o.Status == orders.StatusCompleted {
		wantCharges, wantStock = 1, 7
	} else if o.Status != orders.StatusCanceled {
		t.Errorf("%s: stuck as %s: %+v", name, o.Status, o.Payment)
	}
	if len(charges) != wantCharges || s.stock() != wantStock || len(s.gateway.Misuse()) > 0 {
		t.Errorf("%s: %s, charges %v, stock %d, %v", name, o.Status, charges, s.stock(), s.gateway.Misuse())
	}
	if wantCharges == 1 && charges[0].Reference != o.Payment.ProviderID {
		t.Errorf("%s: charged %+v for %+v", name, charges[0], o.Payment)
	}
	foldsTo(t, s, o)
	return o.Status
}

// TestAPaymentIsCheckedByOneAtATime: who comes back while a worker looks waits for it.
func TestAPaymentIsCheckedByOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, o := opened(t)
		_, err := s.store.Update(t.Context(), o.ID, func(o *orders.Order) error {
			o.Payment.Work.Lease("worker", time.Now().Add(10*time.Second))
			return nil
		})
		must(t, err)
		o, err = s.CheckPayment(t.Context(), o.ID)
		must(t, err)
		s.expect("lease and look-ups", []any{o.Payment.Work.LeaseToken, s.gateway.Calls(orderstest.CallFindPage)},
			[]any{"worker", 0})
	})
}

// TestAKeyIsOfOneWayToPay: a method without a token is charged, or paid on a page.
func TestAKeyIsOfOneWayToPay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, func(c *orders.Config) {
			withPages(c)
			c.ProviderMethods = []payment.Method{payment.Card, "ideal"}
		})
		s.fill(1)
		r := onPage("key")
		r.Method = "ideal"
		_, err := s.Checkout(t.Context(), r)
		must(t, err)
		r.OnPage = false
		_, err = s.Checkout(t.Context(), r)
		s.expect("the key with another way", orders.CodeOf(err), orders.CodeIdempotencyMismatch)
	})
}
