package returnstest

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"
	"testing"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/returns"
)

// OrdersUnderTest is what TestOrders works with.
type OrdersUnderTest struct {
	Orders returns.Orders
	// Completed is the id of an order that was completed and paid, and Lines
	// how many lines it has.
	Completed string
	Lines     int
	// ProviderMethods are the payment methods that go through a provider; none
	// means payment.Card.
	ProviderMethods []payment.Method
}

// TestOrders is the conformance suite of returns.Orders: what a shop's adapter
// makes of its orders.
func TestOrders(t *testing.T, newOrders func(t *testing.T) OrdersUnderTest) {
	t.Run("a completed order is a purchase without a wrong field", func(t *testing.T) {
		u := newOrders(t)
		p, err := u.Orders.Purchase(t.Context(), u.Completed)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Check(u.ProviderMethods...); err != nil {
			t.Error(err)
		}
		if p.OrderID != u.Completed || len(p.Lines) != u.Lines || p.Status != purchase.Completed {
			t.Errorf(
				"got order %q, %s, of %d lines; want %q, completed, of %d", p.OrderID, p.Status, len(p.Lines),
				u.Completed, u.Lines,
			)
		}
		if p.Captured() != p.Total() {
			t.Errorf(
				"its payments captured %d and its lines were paid %d minor units; the two must be equal",
				p.Captured(), p.Total(),
			)
		}
	})
	t.Run("an order reads the same each time, whatever the caller does to what it got", func(t *testing.T) {
		u := newOrders(t)
		first, err := u.Orders.Purchase(t.Context(), u.Completed)
		if err != nil {
			t.Fatal(err)
		}
		want := clonePurchase(first)
		first.Lines[0].Quantity, first.Payments[0].Captured = -1, -1
		if again, err := u.Orders.Purchase(t.Context(), u.Completed); err != nil || !reflect.DeepEqual(again, want) {
			t.Errorf("error %v,\n got %+v\nwant %+v", err, again, want)
		}
	})
	t.Run("an order that is not there is not found", func(t *testing.T) {
		u := newOrders(t)
		for _, id := range []string{"no such order", "", "0", "nul\x00", "bad\xff", "' OR 1=1 --"} {
			if p, err := u.Orders.Purchase(t.Context(), id); !errors.Is(err, returns.ErrNotFound) {
				t.Errorf("order %q: %+v, error %v, want ErrNotFound", id, p, err)
			}
		}
	})
	t.Run("a context that has ended is an error", func(t *testing.T) {
		u := newOrders(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := u.Orders.Purchase(ctx, u.Completed); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
	})
}

// RestockerUnderTest is what TestRestocker works with.
type RestockerUnderTest struct {
	Restocker returns.Restocker
	ProductID string // of a product that exists
	// Stock returns the units of the product that are on the shelf.
	Stock func(t *testing.T) int
}

// TestRestocker is the conformance suite of returns.Restocker.
func TestRestocker(t *testing.T, newRestocker func(t *testing.T) RestockerUnderTest) {
	by := event.System("returns")
	t.Run("units go back on the shelf once per Ref", func(t *testing.T) {
		u := newRestocker(t)
		was := u.Stock(t)
		for i, want := range []bool{true, false, false} {
			did, err := u.Restocker.Restock(
				t.Context(), purchase.Restock{Ref: "line-1", ProductID: u.ProductID, Quantity: 2}, by,
			)
			if did != want || err != nil {
				t.Errorf("call %d: %v, %v, want %v", i+1, did, err, want)
			}
		}
		another := purchase.Restock{Ref: "line-2", ProductID: u.ProductID, Quantity: 1}
		if did, err := u.Restocker.Restock(t.Context(), another, by); !did || err != nil {
			t.Errorf("another Ref: %v, %v", did, err)
		}
		if got := u.Stock(t); got != was+3 {
			t.Errorf("stock is %d, want %d", got, was+3)
		}
	})
	t.Run("one of many calls at once does it", func(t *testing.T) {
		u := newRestocker(t)
		was := u.Stock(t)
		var done atomic.Int64
		together(20, func(int) {
			did, err := u.Restocker.Restock(
				t.Context(), purchase.Restock{Ref: "line-1", ProductID: u.ProductID, Quantity: 3}, by,
			)
			if err != nil {
				t.Error(err)
			}
			if did {
				done.Add(1)
			}
		})
		if got := u.Stock(t); done.Load() != 1 || got != was+3 {
			t.Errorf("%d calls did it, stock is %d, want 1 and %d", done.Load(), got, was+3)
		}
	})
	t.Run("what can't be restocked is refused, and may be sent right later", func(t *testing.T) {
		u := newRestocker(t)
		was := u.Stock(t)
		for name, r := range map[string]purchase.Restock{
			"no Ref":          {ProductID: u.ProductID, Quantity: 1},
			"no product":      {Ref: "line-1", Quantity: 1},
			"no such product": {Ref: "line-1", ProductID: "no such product", Quantity: 1},
			"no units":        {Ref: "line-1", ProductID: u.ProductID},
			"negative units":  {Ref: "line-1", ProductID: u.ProductID, Quantity: -1},
		} {
			if did, err := u.Restocker.Restock(t.Context(), r, by); did || err == nil {
				t.Errorf("%s: %v, %v, want an error", name, did, err)
			}
		}
		right := purchase.Restock{Ref: "line-1", ProductID: u.ProductID, Quantity: 1}
		if did, err := u.Restocker.Restock(t.Context(), right, by); !did || err != nil {
			t.Errorf("sent right: %v, %v", did, err)
		}
		if got := u.Stock(t); got != was+1 {
			t.Errorf("stock is %d, want %d", got, was+1)
		}
	})
	t.Run("a context that has ended restocks nothing", func(t *testing.T) {
		u := newRestocker(t)
		was := u.Stock(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		one := purchase.Restock{Ref: "line-1", ProductID: u.ProductID, Quantity: 1}
		if _, err := u.Restocker.Restock(ctx, one, by); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
		if got := u.Stock(t); got != was {
			t.Errorf("stock is %d, want %d", got, was)
		}
	})
}
