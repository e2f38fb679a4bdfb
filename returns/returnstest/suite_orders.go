package returnstest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/returnkit/returnkit/internal/suite"
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
// makes of its orders. Each promise of the interface's documentation is a subtest.
func TestOrders(t *testing.T, newOrders func(t *testing.T) OrdersUnderTest) {
	suite.Run(t, ordersPromises, suite.Options[*ordersBench]{
		Start: func(t *suite.T) *ordersBench { return &ordersBench{t, newOrders(t.Testing())} },
	})
}

type ordersBench struct {
	*suite.T
	OrdersUnderTest
}

func (b *ordersBench) purchase(ctx context.Context, id string) (purchase.Purchase, error) {
	defer b.Call("Purchase")()
	return b.Orders.Purchase(ctx, id)
}

// ordersPromises are the numbered sentences of returns.Orders.
var ordersPromises = []suite.Promise[*ordersBench]{
	suite.Says("1. The purchase of a completed order has no wrong field, and was paid what was captured.",
		suite.By("a completed order is a purchase without a wrong field", ordersCompleted),
	),
	suite.Says("2. An order reads the same each time, and shares no memory with the caller.",
		suite.By("whatever the caller does to what it got", ordersSame),
	),
	suite.Says("3. An order that is not there is ErrNotFound, whatever the id.",
		suite.By("an order that is not there is not found", ordersMissing),
	),
	suite.Says("4. A call in a context that has ended returns the context's error.",
		suite.By("a context that has ended is an error", ordersContext),
	),
}

func ordersCompleted(b *ordersBench) {
	p, err := b.purchase(b.Context(), b.Completed)
	b.OK(err)
	if err := p.Check(b.ProviderMethods...); err != nil {
		b.Error(err)
	}
	b.Equal("order, status and lines", []any{p.OrderID, p.Status, len(p.Lines)},
		[]any{b.Completed, purchase.Completed, b.Lines})
	if p.Captured() != p.Total() {
		b.Errorf("its payments captured %d and its lines were paid %d minor units; the two must be equal",
			p.Captured(), p.Total())
	}
}

func ordersSame(b *ordersBench) {
	first, err := b.purchase(b.Context(), b.Completed)
	b.OK(err)
	want := clonePurchase(first)
	suite.Scramble(&first)
	again, err := b.purchase(b.Context(), b.Completed)
	b.OK(err)
	b.Equal("the purchase read again", again, want)
}

func ordersMissing(b *ordersBench) {
	for _, id := range []string{"no such order", "", "0", "nul\x00", "bad\xff", "' OR 1=1 --"} {
		if p, err := b.purchase(b.Context(), id); !errors.Is(err, returns.ErrNotFound) {
			b.Errorf("order %q: a purchase of order %q, error %v, want ErrNotFound", id, p.OrderID, err)
		}
	}
}

func ordersContext(b *ordersBench) {
	ctx, cancel := context.WithCancel(b.Context())
	cancel()
	if _, err := b.purchase(ctx, b.Completed); !errors.Is(err, context.Canceled) {
		b.Errorf("error %v, want context.Canceled", err)
	}
}

// RestockerUnderTest is what TestRestocker works with.
type RestockerUnderTest struct {
	Restocker returns.Restocker
	ProductID string // of a product that exists
	// Stock returns the units of the product that are on the shelf.
	Stock func(t *testing.T) int
}

// TestRestocker is the conformance suite of returns.Restocker. Each promise of the
// interface's documentation is a subtest.
func TestRestocker(t *testing.T, newRestocker func(t *testing.T) RestockerUnderTest) {
	suite.Run(t, restockerPromises, suite.Options[*restockerBench]{
		Start: func(t *suite.T) *restockerBench {
			return &restockerBench{t, newRestocker(t.Testing()), event.System("returns")}
		},
	})
}

type restockerBench struct {
	*suite.T
	RestockerUnderTest
	by event.Actor
}

func (b *restockerBench) restock(ctx context.Context, r purchase.Restock) (bool, error) {
	defer b.Call("Restock")()
	return b.Restocker.Restock(ctx, r, b.by)
}

func (b *restockerBench) stock() int { return b.Stock(b.Testing()) }

// of is n units of the product under a Ref.
func (b *restockerBench) of(ref string, n int) purchase.Restock {
	return purchase.Restock{Ref: ref, ProductID: b.ProductID, Quantity: n}
}

// restockerPromises are the numbered sentences of returns.Restocker.
var restockerPromises = []suite.Promise[*restockerBench]{
	suite.Says("1. Units go back on the shelf once per Ref, and the call that did it reports true.",
		suite.By("units go back on the shelf once per Ref", restockOnce),
		suite.By("units of many Refs at once all go back", restockMany),
	),
	suite.Says("2. Of many calls of one Ref at once, one does it.",
		suite.By("one of many calls at once does it", restockAtOnce),
	),
	suite.Says("3. What can't be restocked is an error, and its Ref may be sent right later.",
		suite.By("what can't be restocked is refused, and may be sent right later", restockRefused),
	),
	suite.Says("4. A call in a context that has ended restocks nothing, and returns the context's error.",
		suite.By("a context that has ended restocks nothing", restockContext),
	),
}

func restockOnce(b *restockerBench) {
	was := b.stock()
	for i, want := range []bool{true, false, false} {
		if did, err := b.restock(b.Context(), b.of("line-1", 2)); did != want || err != nil {
			b.Errorf("call %d: %v, %v, want %v", i+1, did, err, want)
		}
	}
	if did, err := b.restock(b.Context(), b.of("line-2", 1)); !did || err != nil {
		b.Errorf("another Ref: %v, %v, want true", did, err)
	}
	b.Equal("stock", b.stock(), was+3)
}

func restockMany(b *restockerBench) {
	was := b.stock()
	const n = 20
	b.AtOnce(n, func(i int) {
		if did, err := b.restock(b.Context(), b.of(fmt.Sprint("line-", i), 2)); !did || err != nil {
			b.Errorf("Ref line-%d: %v, %v, want true", i, did, err)
		}
	})
	b.Equal("stock", b.stock(), was+2*n)
}

func restockAtOnce(b *restockerBench) {
	was := b.stock()
	var done atomic.Int64
	b.AtOnce(20, func(int) {
		did, err := b.restock(b.Context(), b.of("line-1", 3))
		if err != nil {
			b.Error(err)
		}
		if did {
			done.Add(1)
		}
	})
	b.Equal("calls that did it, and stock", []int{int(done.Load()), b.stock()}, []int{1, was + 3})
}

func restockRefused(b *restockerBench) {
	was := b.stock()
	for name, r := range map[string]purchase.Restock{
		"no Ref":          {ProductID: b.ProductID, Quantity: 1},
		"no product":      {Ref: "line-1", Quantity: 1},
		"no such product": {Ref: "line-1", ProductID: "no such product", Quantity: 1},
		"no units":        {Ref: "line-1", ProductID: b.ProductID},
		"negative units":  {Ref: "line-1", ProductID: b.ProductID, Quantity: -1},
	} {
		if did, err := b.restock(b.Context(), r); did || err == nil {
			b.Errorf("%s: %v, %v, want an error", name, did, err)
		}
	}
	if did, err := b.restock(b.Context(), b.of("line-1", 1)); !did || err != nil {
		b.Errorf("sent right: %v, %v, want true", did, err)
	}
	b.Equal("stock", b.stock(), was+1)
}

func restockContext(b *restockerBench) {
	was := b.stock()
	ctx, cancel := context.WithCancel(b.Context())
	cancel()
	if _, err := b.restock(ctx, b.of("line-1", 1)); !errors.Is(err, context.Canceled) {
		b.Errorf("error %v, want context.Canceled", err)
	}
	b.Equal("stock", b.stock(), was)
}
