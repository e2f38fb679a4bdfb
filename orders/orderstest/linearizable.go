package orderstest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/returnkit/returnkit/internal/linear"
	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders"
)

// TestLinearizable runs random programs of parallel calls on the stock of one product:
// purchases, cancellations, restocks and adjustments, some cut off as by a crash. It
// fails if no order of the calls explains what they returned, with the shortest program
// it finds, as a Go test that calls ReplayLinearizable. newStore is called once.
func TestLinearizable(t *testing.T, newStore func(t *testing.T) orders.Store, programs int) {
	linearizable(t, newStore, func(b *bench) {
		linear.Search(b.T, stockModel, func() linear.Object { return newOneProduct(b) }, replay, programs)
	})
}

// ReplayLinearizable runs a program that TestLinearizable printed some hundred times,
// until it fails again.
func ReplayLinearizable(t *testing.T, newStore func(t *testing.T) orders.Store, program [][]string) {
	linearizable(t, newStore, func(b *bench) {
		linear.Replay(b.T, stockModel, func() linear.Object { return newOneProduct(b) }, program, replay)
	})
}

const replay = "orderstest.ReplayLinearizable(t, newStore"

func linearizable(t *testing.T, newStore func(t *testing.T) orders.Store, onStock func(b *bench)) {
	suite.Run(t, []suite.Promise[*bench]{
		suite.Says("some order explains parallel calls", suite.By("on the stock of a product", onStock)),
	}, suite.Options[*bench]{Start: func(t *suite.T) *bench { return newBench(t, newStore) }})
}

// stockState is a product, and two orders of two units each.
type stockState struct {
	Stock    int
	Canceled [2]bool
	Done     [3]bool // restocks, by their Ref
}

var stockModel = linear.Model[stockState]{
	Init: stockState{Stock: 4},
	Random: func(r *rand.Rand) string {
		switch r.IntN(8) {
		case 0, 1, 2:
			return fmt.Sprintf("buy %d", 1+r.IntN(3))
		case 3:
			return fmt.Sprintf("cancel %d", r.IntN(2))
		case 4, 5:
			return fmt.Sprintf("restock %d", r.IntN(3))
		case 6:
			return "adjust 1"
		}
		return "stock"
	},
	Step: func(s stockState, op string) (stockState, string) {
		var verb string
		var n int
		_, _ = fmt.Sscan(op, &verb, &n) // the words that the verb has
		switch verb {
		case "buy":
			if n > s.Stock {
				return s, string(orders.CodeOutOfStock)
			}
			s.Stock -= n
			return s, "bought"
		case "cancel":
			if s.Canceled[n] {
				return s, "again"
			}
			s.Canceled[n], s.Stock = true, s.Stock+2
			return s, "canceled"
		case "restock":
			if s.Done[n] {
				return s, "false"
			}
			s.Done[n], s.Stock = true, s.Stock+2
			return s, "true"
		case "adjust":
			s.Stock += n
		}
		return s, fmt.Sprint(s.Stock)
	},
}

// oneProduct is a product in the store.
type oneProduct struct {
	*bench
	product int64
	orders  [2]string
	refs    [3]string
}

func newOneProduct(b *bench) *oneProduct {
	o := &oneProduct{bench: b, product: b.product("Mouse", 8).ID}
	for i := range o.orders {
		o.orders[i] = b.bought(newID(), o.product, 2).ID
	}
	for i := range o.refs {
		o.refs[i] = newID()
	}
	return o
}

var errAgain = errors.New("the order is canceled already")

// Do implements linear.Object.
func (o *oneProduct) Do(ctx context.Context, op string) (string, error) {
	var verb string
	var n int
	_, _ = fmt.Sscan(op, &verb, &n) // the words that the verb has
	switch verb {
	case "buy":
		who := newID()
		c, err := o.store.UpdateCart(ctx, who, newID(), []int64{o.product},
			func(c *orders.Cart, _ map[int64]orders.Product) error {
				c.Items = []orders.CartItem{{ProductID: o.product, Quantity: n}}
				return nil
			})
		if err == nil {
			_, _, err = o.store.Place(ctx, orders.PlaceRequest{CustomerID: who, CartID: c.ID, At: o.now}, o.decide(""))
		}
		return known("bought", err)
	case "cancel":
		_, err := o.store.Update(ctx, o.orders[n], func(order *orders.Order) error {
			if order.Status == orders.StatusCanceled {
				return errAgain
			}
			return order.Cancel(o.stamp(), "changed my mind")
		})
		return known("canceled", err)
	case "restock":
		did, err := o.store.Restock(ctx, orders.Restock{Ref: o.refs[n], ProductID: o.product, Quantity: 2}, o.stamp())
		return known(fmt.Sprint(did), err)
	case "adjust":
		p, err := o.store.SaveProduct(ctx, o.product, o.stamp(), func(p *orders.Product) error {
			p.Stock += n
			return nil
		})
		return known(fmt.Sprint(p.Stock), err)
	}
	p, err := o.store.Product(ctx, o.product)
	return known(fmt.Sprint(p.Stock), err)
}

// known is the answer of a call, or its error in a word; other errors say nothing of
// the call's effect.
func known(answer string, err error) (string, error) {
	switch {
	case err == nil:
		return answer, nil
	case errors.Is(err, errAgain):
		return "again", nil
	case orders.CodeOf(err) != "":
		return string(orders.CodeOf(err)), nil
	}
	return "", err
}
