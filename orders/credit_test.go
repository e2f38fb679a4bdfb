package orders_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// creditShop is a shop whose customer ann has store credit.
type creditShop struct {
	*shop
	ledger *refundstest.Store
}

func openCredit(t *testing.T, granted int64, change func(*orders.Config)) *creditShop {
	t.Helper()
	ledger := refundstest.NewStore()
	s := &creditShop{ledger: ledger, shop: open(t, func(c *orders.Config) {
		c.Store.(*orderstest.Store).WithCredit(ledger)
		if change != nil {
			change(c)
		}
	})}
	if granted > 0 {
		_, err := ledger.Credit(t.Context(), refunds.CreditEntry{
			ID: "gift", Ref: "gift", CustomerID: "ann", Currency: "USD", Amount: granted,
		})
		must(t, err)
	}
	return s
}

// left checks what ann has left.
func (s *creditShop) left(want int64) {
	s.t.Helper()
	got, err := s.ledger.CreditBalance(s.t.Context(), "ann", "USD")
	if err != nil || got != want {
		s.t.Errorf("ann has %d of store credit left, want %d; %v", got, want, err)
	}
}

func usd(minor int64) money.Money { return money.New(minor, "USD") }

// mice fills ann's cart: 1000 a mouse, 10 in stock.
func (s *creditShop) mice(n int) {
	s.t.Helper()
	_, err := s.SetCartQuantity(s.t.Context(), "ann", s.mouse.ID, n)
	must(s.t, err)
}

func TestStoreCreditPaysFirstAndTheMethodTheRest(t *testing.T) {
	card := func(r orders.CheckoutRequest) orders.CheckoutRequest {
		r.Method, r.Token = payment.Card, orderstest.TokenPays
		return r
	}
	cash := func(r orders.CheckoutRequest) orders.CheckoutRequest {
		r.Method = payment.Cash
		return r
	}
	type request = orders.CheckoutRequest
	for _, c := range []struct {
		name         string
		granted      int64
		request      request // of two mice, 2000
		credit, rest int64
		method       payment.Method
		calls        int // of the provider
	}{
		{"a part of it, and the rest by card", 5000, card(request{Credit: usd(700)}), 700, 1300, payment.Card, 1},
		{"a part of it, and the rest in cash", 5000, cash(request{Credit: usd(700)}), 700, 1300, payment.Cash, 0},
		{"all there is, which is less than the total", 1500, card(request{AllCredit: true}), 1500, 500,
			payment.Card, 1},
		{"all there is, which is more than the total", 2500, card(request{AllCredit: true}), 2000, 0,
			payment.StoreCredit, 0},
		{"an amount above the total", 2500, card(request{Credit: usd(2400)}), 2000, 0, payment.StoreCredit, 0},
		{"an amount above the total and what there is", 2000, request{Credit: usd(2400)}, 2000, 0,
			payment.StoreCredit, 0},
		{"all of the total, and no other method", 2000, request{AllCredit: true}, 2000, 0, payment.StoreCredit, 0},
		{"all there is, which is nothing", 0, card(request{AllCredit: true}), 0, 2000, payment.Card, 1},
		{"none of it, in so many words", 900, cash(request{Credit: usd(0)}), 0, 2000, payment.Cash, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openCredit(t, c.granted, nil)
			s.mice(2)
			c.request.Customer, c.request.Total = ann, usd(2000)
			o, err := s.Checkout(t.Context(), c.request)
			if err != nil || o.Status != orders.StatusCompleted {
				t.Fatalf("%s, %v", o.Status, err)
			}
			if o.Credit.Amount != c.credit || o.Payment.Amount != c.rest || o.Payment.Method != c.method {
				t.Errorf("store credit pays %d and %s %d", o.Credit.Amount, o.Payment.Method, o.Payment.Amount)
			}
			if o.Total() != 2000 || s.gateway.Calls(orderstest.CallConfirm) != c.calls {
				t.Errorf("total %d, %d charges", o.Total(), s.gateway.Calls(orderstest.CallConfirm))
			}
			s.left(c.granted - c.credit)
			p := o.Purchase()
			if err := p.Check(); err != nil || p.Captured() != 2000 {
				t.Errorf("the purchase has %d captured, %v", p.Captured(), err)
			}
			for _, pay := range p.Payments {
				if pay.Captured == 0 || pay.ID == "" ||
					len(p.Payments) == 2 && p.Payments[0].Method != payment.StoreCredit {
					t.Errorf("payments %+v", p.Payments)
				}
			}
		})
	}
}

func TestStoreCreditThatCantPayIsRefused(t *testing.T) {
	type request = orders.CheckoutRequest
	for _, c := range []struct {
		name    string
		granted int64
		request request // of two mice, 2000
		code    orders.Code
		field   string
	}{
		{"more than there is", 600, request{Credit: usd(700), Method: payment.Cash}, orders.CodeCreditTooLow,
			"store_credit"},
		{"all there is, which does not do, and no other method", 600, request{AllCredit: true},
			orders.CodeCreditTooLow, "store_credit"},
		{"an amount below the total, and no other method", 2000, request{Credit: usd(600)}, orders.CodeCreditTooLow,
			"store_credit"},
		{"nothing, and no other method", 2000, request{Credit: usd(0)}, orders.CodeInvalid, "payment_method"},
		{"a negative amount", 2000, request{Credit: usd(-1), Method: payment.Cash}, orders.CodeInvalid, "store_credit"},
		{"an amount and all", 2000, request{Credit: usd(1), AllCredit: true}, orders.CodeInvalid, "store_credit"},
		{"another currency", 2000, request{Credit: money.New(100, "EUR"), Method: payment.Cash},
			orders.CodeCurrencyMismatch, "store_credit"},
		{"a card without a number for the rest", 600, request{AllCredit: true, Method: payment.Card},
			orders.CodeInvalid, "token"},
		{"as the method", 2000, request{Credit: usd(100), Method: payment.StoreCredit}, orders.CodeInvalid,
			"payment_method"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openCredit(t, c.granted, nil)
			s.mice(2)
			c.request.Customer = ann
			_, err := s.Checkout(t.Context(), c.request)
			var refused *orders.Error
			if !errors.As(err, &refused) || refused.Code != c.code || refused.Field != c.field {
				t.Errorf("%v; want %s of %s", err, c.code, c.field)
			}
			if c.request.AllCredit && !c.request.Credit.IsZero() &&
				!strings.Contains(err.Error(), "choose an amount or all of it, not both") {
				t.Errorf("it says %v", err)
			}
			s.left(c.granted)
			if s.stock() != 10 {
				t.Errorf("stock %d", s.stock())
			}
		})
	}
	t.Run("where there is no ledger", func(t *testing.T) {
		s := open(t, nil)
		_, err := s.AddToCart(t.Context(), "ann", s.mouse.ID, 1)
		must(t, err)
		_, err = s.Checkout(t.Context(), request{Customer: ann, Method: payment.Cash, AllCredit: true})
		if orders.CodeOf(err) != orders.CodeInvalid {
			t.Errorf("%v", err)
		}
	})
}

// TestWhatIsLeftToTheCardCanBeCharged: the provider charges 50 to 1800 here.
func TestWhatIsLeftToTheCardCanBeCharged(t *testing.T) {
	for _, c := range []struct {
		name           string
		granted, asked int64
		mice           int
		used           int64
		nearest        []money.Money // where it is refused
	}{
		{"the smallest charge is left", 5000, 1950, 2, 1950, nil},
		{"less is left: less store credit is used", 5000, 1970, 2, 1950, nil},
		{"more than the largest is left: it can't be charged", 150, 150, 2, 0, []money.Money{usd(1800)}},
		{"the largest charge is left", 200, 200, 2, 200, nil},
		{"nothing is left", 2000, 2000, 2, 2000, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openCredit(t, c.granted, nil)
			s.gateway.Limit(50, 1800)
			s.mice(c.mice)
			o, err := s.Checkout(t.Context(), orders.CheckoutRequest{
				Customer: ann, Method: payment.Card, Token: orderstest.TokenPays, Credit: usd(c.asked),
			})
			if c.nearest == nil {
				if err != nil || o.Status != orders.StatusCompleted || o.Credit.Amount != c.used {
					t.Errorf("%s, %d of store credit, %v", o.Status, o.Credit.Amount, err)
				}
				s.left(c.granted - c.used)
				return
			}
			var refused *orders.Error
			if !errors.As(err, &refused) || refused.Code != orders.CodeAmountNotChargeable ||
				len(refused.Nearest) != len(c.nearest) || refused.Nearest[0] != c.nearest[0] {
				t.Errorf("%v, nearest %v; want %v", err, refused.Nearest, c.nearest)
			}
			s.left(c.granted)
		})
	}
	t.Run("an order below the smallest charge", func(t *testing.T) {
		s := openCredit(t, 500, nil)
		s.gateway.Limit(5000, 0)
		s.mice(1)
		_, err := s.Checkout(t.Context(), orders.CheckoutRequest{
			Customer: ann, Method: payment.Card, Token: orderstest.TokenPays, AllCredit: true,
		})
		if orders.CodeOf(err) != orders.CodeAmountNotChargeable {
			t.Errorf("%v", err)
		}
		s.left(500)
	})
}

// tens is a provider whose unit is ten of our minor units, and which charges 50 at least.
type tens struct{ *orderstest.Gateway }

func (tens) Chargeable(amount int64, _ money.Currency) (below, above int64, ok bool) {
	if amount < 50 {
		return 0, 50, true
	}
	return amount - amount%10, amount + (10-amount%10)%10, true
}

// TestATotalThatTheProvidersUnitCantExpressIsNotOrdered, with and without store credit,
// and none of it is committed; cash pays it, and a limit is the provider's to refuse.
func TestATotalThatTheProvidersUnitCantExpressIsNotOrdered(t *testing.T) {
	type request = orders.CheckoutRequest
	card := request{Method: payment.Card, Token: orderstest.TokenPays}
	none := card
	none.AllCredit = true
	for _, c := range []struct {
		name    string
		price   int64
		request request
		refused bool
	}{
		{"by card", 1006, card, true},
		{"by card, without store credit to use", 1006, none, true},
		{"by cash", 1006, request{Method: payment.Cash}, false},
		{"by card, on its grid", 1010, card, false},
		{"by card, below the smallest charge", 46, card, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openCredit(t, 0, func(c *orders.Config) { c.Gateway = tens{c.Gateway.(*orderstest.Gateway)} })
			_, err := s.SaveProduct(t.Context(), s.mouse.ID, staff, func(p *orders.Product) error {
				p.Price = c.price
				return nil
			})
			must(t, err)
			s.mice(1)
			c.request.Customer = ann
			_, err = s.Checkout(t.Context(), c.request)
			if !c.refused {
				must(t, err)
				return
			}
			var refused *orders.Error
			if !errors.As(err, &refused) || refused.Code != orders.CodeAmountNotChargeable ||
				!slices.Equal(refused.Nearest, []money.Money{usd(1000), usd(1010)}) {
				t.Fatalf("%v", err)
			}
			if list, n, err := s.Orders(t.Context(), orders.Query{CustomerID: "ann"}); err != nil || n != 0 {
				t.Errorf("%d orders, %v, %v", n, list, err)
			}
		})
	}
}

// TestACartThatCostsNothingNeedsNoMethod, nor a card, with and without store credit, and
// the same under a key.
func TestACartThatCostsNothingNeedsNoMethod(t *testing.T) {
	type request = orders.CheckoutRequest
	for _, c := range []struct {
		name    string
		request request
		method  payment.Method
	}{
		{"nothing is said", request{}, payment.Cash},
		{"store credit, and no method", request{AllCredit: true}, payment.Cash},
		{"an amount of store credit", request{Credit: usd(700)}, payment.Cash},
		{"a card that is not named", request{Method: payment.Card}, payment.Card},
		{"the same with store credit", request{Method: payment.Card, AllCredit: true}, payment.Card},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openCredit(t, 700, nil)
			_, err := s.SaveProduct(t.Context(), s.mouse.ID, staff, func(p *orders.Product) error {
				p.Price = 0
				return nil
			})
			must(t, err)
			s.mice(1)
			c.request.Customer, c.request.IdempotencyKey = ann, "key"
			o, err := s.Checkout(t.Context(), c.request)
			if err != nil || o.Status != orders.StatusCompleted || o.Payment.Method != c.method ||
				o.Credit.Amount != 0 {
				t.Fatalf("%s by %q, %d of store credit, %v", o.Status, o.Payment.Method, o.Credit.Amount, err)
			}
			again, err := s.Checkout(t.Context(), c.request)
			if err != nil || again.ID != o.ID {
				t.Errorf("sent again: order %s, %v; want %s", again.Number, err, o.Number)
			}
			s.left(700)
		})
	}
}

func TestADeclineGivesStoreCreditBack(t *testing.T) {
	s := openCredit(t, 700, nil)
	s.mice(2)
	request := orders.CheckoutRequest{
		Customer: ann, IdempotencyKey: "k-1", Method: payment.Card, Token: orderstest.TokenDeclined, AllCredit: true,
	}
	o, err := s.Checkout(t.Context(), request)
	if orders.CodeOf(err) != orders.CodePaymentDeclined || o.Status != orders.StatusCanceled {
		t.Fatalf("%s, %v", o.Status, err)
	}
	s.left(700)
	if p := o.Purchase(); p.Captured() != 0 || len(p.Payments) != 2 {
		t.Errorf("the purchase has %d captured of %+v", p.Captured(), p.Payments)
	}
	request.Token = orderstest.TokenPays
	if o, err = s.Checkout(t.Context(), request); err != nil || o.Credit.Amount != 700 {
		t.Errorf("the cart and the key are not free: %v", err)
	}
	s.left(0)
	again, err := s.Checkout(t.Context(), request)
	if err != nil || again.ID != o.ID {
		t.Errorf("sent again: order %s, %v; want %s", again.Number, err, o.Number)
	}
	for name, c := range map[string]struct {
		credit money.Money
		want   orders.Code
	}{
		"without the store credit":         {money.Money{}, orders.CodeIdempotencyMismatch},
		"with less store credit":           {usd(699), orders.CodeIdempotencyMismatch},
		"with credit in another currency":  {money.New(700, "EUR"), orders.CodeIdempotencyMismatch},
		"with an amount that it may be of": {usd(700), ""},
	} {
		request.AllCredit, request.Credit = false, c.credit
		if _, err = s.Checkout(t.Context(), request); orders.CodeOf(err) != c.want {
			t.Errorf("the key %s: %v, want %q", name, err, c.want)
		}
	}
	entries, err := s.ledger.CreditEntries(t.Context(), "ann")
	must(t, err)
	var sum int64
	for _, e := range entries {
		sum += e.Amount
		if id, ok := orders.CreditOrder(e.Ref); ok != (e.ID != "gift") || ok && e.Note == "" || len(id) == 0 && ok {
			t.Errorf("entry %+v names order %q, %v", e, id, ok)
		}
	}
	if sum != 0 || len(entries) != 4 {
		t.Errorf("%d entries sum to %d", len(entries), sum)
	}
}

// TestAQueuedOrderHoldsItsStoreCredit until it is paid, or ends unpaid: canceled,
// or given up by the worker.
func TestAQueuedOrderHoldsItsStoreCredit(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(*creditShop, orders.Order)
		left int64
		want orders.Status
	}{
		{"and is charged later", func(s *creditShop, _ orders.Order) {
			s.gateway.Always(orderstest.CallCreate, orderstest.FaultNone)
			time.Sleep(time.Minute)
			_, err := s.ChargeDue(s.t.Context(), 10)
			must(s.t, err)
		}, 0, orders.StatusCompleted},
		{"and is canceled", func(s *creditShop, o orders.Order) {
			_, err := s.Cancel(s.t.Context(), o.ID, ann, "never mind")
			must(s.t, err)
			if _, err = s.Cancel(s.t.Context(), o.ID, ann, "again"); orders.CodeOf(err) != orders.CodeTransition {
				s.t.Errorf("canceled again: %v", err)
			}
		}, 700, orders.StatusCanceled},
		{"and is given up", func(s *creditShop, _ orders.Order) {
			time.Sleep(25 * time.Hour)
			_, err := s.ChargeDue(s.t.Context(), 10)
			must(s.t, err)
		}, 700, orders.StatusCanceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := openCredit(t, 700, nil)
				s.gateway.Always(orderstest.CallCreate, orderstest.Fault5xx)
				s.mice(2)
				o, err := s.Checkout(t.Context(), orders.CheckoutRequest{
					Customer: ann, Method: payment.Card, Token: orderstest.TokenPays, AllCredit: true,
				})
				if err != nil || o.Status != orders.StatusQueued {
					t.Fatalf("%s, %v", o.Status, err)
				}
				s.left(0)
				if p := o.Purchase(); p.Status != purchase.Open || p.Captured() != 0 {
					t.Errorf("the open purchase is %s with %d captured", p.Status, p.Captured())
				}
				c.end(s, o)
				s.left(c.left)
				if o, err = s.Order(t.Context(), o.ID); err != nil || o.Status != c.want {
					t.Errorf("%s, %v; want %s", o.Status, err, c.want)
				}
			})
		})
	}
}
