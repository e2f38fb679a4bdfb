package orderstest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/suite"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
)

// CreditStore is a store of orders with the ledger of store credit that it takes
// from. This is what it promises, and TestCredit holds it to, by number:
//
//  1. An order takes its store credit from the ledger once, and is read with it.
//  2. No more is taken than the balance, and nothing by a placement that is refused.
//  3. An order that is canceled gives its store credit back once.
//  4. Store credit that many spend at once is spent once.
type CreditStore struct {
	orders.Store
	// Beside is another store of the same orders, as another process has one; nil:
	// there is none.
	Beside orders.Store
	// Grant adds store credit to a customer's, in minor units of USD.
	Grant func(ctx context.Context, customerID string, amount int64) error
	// Balance is a customer's store credit in USD.
	Balance func(ctx context.Context, customerID string) (int64, error)
}

// creditBench is a bench with a ledger.
type creditBench struct {
	*bench
	CreditStore
}

// creditPromises are the numbered sentences of CreditStore, with the cases of each.
var creditPromises = []suite.Promise[*creditBench]{
	suite.Says("1. An order takes its store credit from the ledger once, and is read with it.",
		suite.By("an order comes back with its store credit, which is taken once", testCreditTaken),
	),
	suite.Says("2. No more is taken than the balance, and nothing by a placement that is refused.",
		suite.By("store credit that is not there is refused by the store too", testCreditBeyond),
		suite.By("a refused placement takes no store credit", testCreditRefused),
	),
	suite.Says("3. An order that is canceled gives its store credit back once.",
		suite.By("a canceled order gives its store credit back once", testCreditBack),
		suite.By("a failing change gives no store credit back", testCreditChangeFails),
	),
	suite.Says("4. Store credit that many spend at once is spent once.",
		suite.By("one customer's store credit is spent once, by several carts at once", testCreditRace),
		suite.By("many customers' store credit is spent at once, and adds up", testCreditTogether),
	),
}

// TestCredit is the conformance suite of an orders.Store with a ledger of store
// credit: each promise of CreditStore is a subtest. newStore returns a fresh, empty
// one for each case.
func TestCredit(t *testing.T, newStore func(t *testing.T) CreditStore) {
	suite.Run(t, creditPromises, suite.Options[*creditBench]{
		Start: func(t *suite.T) *creditBench {
			s := newStore(t.Testing())
			if s.Beside == nil {
				s.Beside = s.Store
			}
			s.Store, s.Beside = watched{s.Store, t}, watched{s.Beside, t}
			return &creditBench{CreditStore: s, bench: &bench{
				T: t, ctx: t.Context(), store: s.Store,
				now: time.Date(2026, 5, 4, 10, 0, 0, 123_456_000, time.UTC),
			}}
		},
		Calibrate: func(b *creditBench) int {
			b.grant("ann", 1000)
			p := b.product("Mouse", 3)
			for range 3 {
				b.bought("ann", p.ID, 1)
			}
			return 8
		},
	})
}

func (b *creditBench) grant(customer string, amount int64) {
	b.Helper()
	b.ok(b.Grant(b.ctx, customer, amount))
}

func (b *creditBench) balance(customer string, want int64) {
	b.Helper()
	got, err := b.Balance(b.ctx, customer)
	b.ok(err)
	b.equal("the store credit of "+customer, got, want)
}

// pay orders the cart with so much of the store credit as it can take, at most
// limit, and the rest by card.
func (b *creditBench) pay(customer, cartID string, limit int64) (orders.Order, bool, error) {
	return b.payAt(b.store, customer, cartID, limit)
}

// payAt is pay at one of the stores.
func (b *creditBench) payAt(s orders.Store, customer, cartID string, limit int64) (orders.Order, bool, error) {
	return s.Place(
		b.ctx, orders.PlaceRequest{CustomerID: customer, CartID: cartID, Credit: true, At: b.now},
		func(p orders.Placement) (*orders.Order, error) {
			o, err := b.decide("")(p)
			if err != nil {
				return nil, err
			}
			return b.spend(o, min(limit, p.Credit["USD"]))
		})
}

// spend is the order with a part of it paid by store credit.
func (b *creditBench) spend(o *orders.Order, amount int64) (*orders.Order, error) {
	p := orders.Params{
		ID: o.ID, CustomerID: o.CustomerID, CartID: o.CartID, TermsID: o.TermsID, Source: o.Source,
		Currency: o.Currency, Lines: o.Lines, PaymentID: o.Payment.ID, Method: o.Payment.Method,
		Token: o.Payment.Token, Credit: amount,
	}
	if amount > 0 {
		p.CreditPaymentID = newID()
	}
	return orders.NewOrder(p, b.stamp())
}

func testCreditTaken(b *creditBench) {
	b.grant("ann", 1500)
	p := b.product("Mouse", 3)
	id := b.cart("ann", orders.CartItem{ProductID: p.ID, Quantity: 1})
	o, placed, err := b.pay("ann", id, 700)
	b.ok(err)
	b.equal("placed", placed, true)
	b.equal("by store credit", o.Credit.Amount, int64(700))
	b.equal("by card", o.Payment.Amount, o.Total()-700)
	b.balance("ann", 800)
	got, err := b.store.Order(b.ctx, o.ID)
	b.ok(err)
	b.equal("the order", got, o)
	b.folded(o.ID)

	again, placed, err := b.pay("ann", id, 700)
	b.ok(err)
	b.equal("placed again", placed, false)
	b.equal("the first order", again.ID, o.ID)
	b.balance("ann", 800)

	_, err = b.store.Update(b.ctx, o.ID, func(o *orders.Order) error { return o.Complete(b.stamp(), "pi_1") })
	b.ok(err)
	b.balance("ann", 800)
}

func testCreditBeyond(b *creditBench) {
	b.grant("ann", 500)
	b.grant("bob", 5000)
	p := b.product("Mouse", 3)
	id := b.cart("ann", orders.CartItem{ProductID: p.ID, Quantity: 1})
	_, placed, err := b.store.Place(b.ctx, orders.PlaceRequest{CustomerID: "ann", CartID: id, Credit: true, At: b.now},
		func(p orders.Placement) (*orders.Order, error) {
			o, err := b.decide("")(p)
			if err != nil {
				return nil, err
			}
			return b.spend(o, 501)
		})
	b.code(err, orders.CodeCreditTooLow)
	var low *orders.Error
	if errors.As(err, &low) {
		b.equal("what there is", low.Limit, money.New(500, "USD"))
	}
	b.equal("placed", placed, false)
	b.equal("stock", b.stock(p.ID), 3)
	b.balance("ann", 500)
	_, placed, err = b.place("ann", id, "")
	b.ok(err)
	b.equal("the cart was kept", placed, true)
}

func testCreditRefused(b *creditBench) {
	b.grant("ann", 500)
	p := b.product("Mouse", 3)
	id := b.cart("ann", orders.CartItem{ProductID: p.ID, Quantity: 4})
	_, _, err := b.pay("ann", id, 500)
	b.code(err, orders.CodeOutOfStock)
	b.balance("ann", 500)
	b.cart("ann", orders.CartItem{ProductID: p.ID, Quantity: 3})
	_, _, err = b.pay("ann", id, 500)
	b.ok(err)
	b.balance("ann", 0)
}

func testCreditBack(b *creditBench) {
	b.grant("ann", 1000)
	p := b.product("Mouse", 3)
	id := b.cart("ann", orders.CartItem{ProductID: p.ID, Quantity: 1})
	for round := range 2 {
		o, placed, err := b.pay("ann", id, 1000)
		b.ok(err)
		b.equal("placed", placed, true)
		b.balance("ann", 0)
		cancel := func(o *orders.Order) error { return o.Cancel(b.stamp(), "never mind") }
		b.AtOnce(4, func(int) {
			if _, err := b.store.Update(b.ctx, o.ID, cancel); err != nil {
				b.code(err, orders.CodeTransition)
			}
		})
		b.balance("ann", 1000)
		b.equal("stock", b.stock(p.ID), 3)
		got, err := b.store.Order(b.ctx, o.ID)
		b.ok(err)
		b.equal("what it was to pay", got.Credit, o.Credit)
		b.equal("the state of its store credit", got.Credit.Status(got.Status), orders.PaymentCanceled)
		b.folded(o.ID)
		if round == 0 {
			b.cart("ann", orders.CartItem{ProductID: p.ID, Quantity: 1})
		}
	}
}

func testCreditChangeFails(b *creditBench) {
	b.grant("ann", 1000)
	p := b.product("Mouse", 3)
	o, _, err := b.pay("ann", b.cart("ann", orders.CartItem{ProductID: p.ID, Quantity: 1}), 1000)
	b.ok(err)
	no := errors.New("no")
	_, err = b.store.Update(b.ctx, o.ID, func(o *orders.Order) error {
		return errors.Join(o.Cancel(b.stamp(), "never mind"), no)
	})
	if !errors.Is(err, no) {
		b.Errorf("error %v, want %v", err, no)
	}
	b.balance("ann", 0)
	b.equal("stock", b.stock(p.ID), 2)
}

// testCreditRace has a customer order several carts at once (of canceled orders, and the
// one after them), and each would take all the store credit.
func testCreditRace(b *creditBench) {
	const carts = 6
	for range 3 {
		b.grant("ann", 1000)
		// Of a product each, so that no other lock keeps them apart.
		fill := func() string {
			return b.cart("ann", orders.CartItem{ProductID: b.product("Mouse", 2).ID, Quantity: 1})
		}
		ids := []string{fill()}
		for len(ids) < carts {
			o, _, err := b.place("ann", ids[len(ids)-1], "")
			b.ok(err)
			ids = append(ids, fill())
			_, err = b.store.Update(b.ctx, o.ID, func(o *orders.Order) error { return o.Cancel(b.stamp(), "") })
			b.ok(err)
		}
		found := make([]orders.Order, carts)
		b.AtOnce(carts, func(i int) {
			o, placed, err := b.payAt([]orders.Store{b.store, b.Beside}[i%2], "ann", ids[i], 1000)
			if err != nil || !placed {
				b.Errorf("cart %d: placed %v, %v", i, placed, err)
			}
			found[i] = o
		})
		var taken int64
		for _, o := range found {
			taken += o.Credit.Amount
		}
		b.equal("taken by all", taken, int64(1000))
		b.balance("ann", 0)
	}
}

func testCreditTogether(b *creditBench) {
	const n = 12
	p := b.product("Mouse", n)
	carts := make([]string, n)
	for i := range n {
		b.grant(customer(i), int64(100*i+1))
		carts[i] = b.cart(customer(i), orders.CartItem{ProductID: p.ID, Quantity: 1})
	}
	b.AtOnce(n, func(i int) {
		limit := int64(600)
		if i%4 == 3 {
			limit = -1 // refused: nobody pays a negative amount
		}
		o, _, err := b.pay(customer(i), carts[i], limit)
		if limit < 0 {
			b.code(err, orders.CodeInvalid)
		} else if err != nil || o.Credit.Amount != min(limit, int64(100*i+1)) {
			b.Errorf("%s pays %d by store credit, %v", customer(i), o.Credit.Amount, err)
		}
	})
	for i := range n {
		have, spent := int64(100*i+1), min(int64(600), int64(100*i+1))
		if i%4 == 3 {
			spent = 0
		}
		b.balance(customer(i), have-spent)
	}
}
