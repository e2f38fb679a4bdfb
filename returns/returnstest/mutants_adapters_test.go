//go:build mutants

package returnstest

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/returns"
)

// named are mutants of anything that is made by an M.
type named[M any] suite.Mutant[M]

// somePurchase is an order that was completed and paid.
func somePurchase() purchase.Purchase {
	p := purchase.Purchase{
		OrderID: newID(), CustomerID: "ann", Currency: "USD", Status: purchase.Completed,
		PlacedAt: time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC),
	}
	for i, id := range []string{"1", "2"} {
		p.Lines = append(p.Lines, purchase.Line{
			ID: id, ProductID: "sku/" + id, Name: "Mouse", Quantity: 3,
			Paid: purchase.Paid("USD", money.Components{Price: 99_999_999 + int64(i)}),
		})
	}
	p.Payments = []purchase.Payment{{ID: newID(), Method: payment.Card, ProviderID: "pi_1", Captured: p.Total()}}
	return p
}

type (
	buying     = func(ctx context.Context, o *Orders, id string) (purchase.Purchase, error)
	restocking = func(ctx context.Context, o *Orders, r purchase.Restock) (bool, error)
)

// shop is a shop in memory with a method made wrong.
type shop struct {
	*Orders
	buy     buying
	restock restocking
}

func (s shop) Purchase(ctx context.Context, id string) (purchase.Purchase, error) {
	return s.buy(ctx, s.Orders, id)
}

func (s shop) Restock(ctx context.Context, r purchase.Restock, _ event.Actor) (bool, error) {
	return s.restock(ctx, s.Orders, r)
}

func TestOrdersMutants(t *testing.T) {
	suite.Mutants(t, "TestOrdersMutant", len(ordersPromises), ordersMutants())
}

// TestOrdersMutant is the suite on the mutant of this process.
func TestOrdersMutant(t *testing.T) {
	buy, ok := suite.UnderTest(ordersMutants())
	if !ok {
		return
	}
	TestOrders(t, func(*testing.T) OrdersUnderTest {
		p := somePurchase()
		return OrdersUnderTest{
			Orders: shop{Orders: NewOrders(p), buy: buy}, Completed: p.OrderID, Lines: len(p.Lines),
		}
	})
}

func TestRestockerMutants(t *testing.T) {
	suite.Mutants(t, "TestRestockerMutant", len(restockerPromises), restockerMutants())
}

// TestRestockerMutant is the suite on the mutant of this process.
func TestRestockerMutant(t *testing.T) {
	restock, ok := suite.UnderTest(restockerMutants())
	if !ok {
		return
	}
	TestRestocker(t, func(*testing.T) RestockerUnderTest {
		p := somePurchase()
		s := shop{Orders: NewOrders(p), restock: restock}
		product := p.Lines[0].ProductID
		return RestockerUnderTest{
			Restocker: s, ProductID: product, Stock: func(*testing.T) int { return s.Stock(product) },
		}
	})
}

// spoiled reads a purchase and changes it.
func spoiled(spoil func(p *purchase.Purchase)) buying {
	return func(ctx context.Context, o *Orders, id string) (purchase.Purchase, error) {
		p, err := o.Purchase(ctx, id)
		if err == nil {
			spoil(&p)
		}
		return p, err
	}
}

func ordersMutants() []named[buying] {
	reads := 0
	return []named[buying]{
		{1, "it has no currency", spoiled(func(p *purchase.Purchase) { p.Currency = "" })},
		{1, "it has the price of one unit", spoiled(func(p *purchase.Purchase) {
			for i := range p.Lines {
				p.Lines[i].Paid.Price /= int64(p.Lines[i].Quantity)
			}
		})},
		{1, "it captured through a float", spoiled(func(p *purchase.Purchase) {
			p.Payments[0].Captured = int64(float32(p.Payments[0].Captured))
		})},
		{1, "it has a payment method of its own", spoiled(func(p *purchase.Purchase) {
			p.Payments[0].Method = "CARD"
		})},
		{1, "it leaves out a line", spoiled(func(p *purchase.Purchase) { p.Lines = p.Lines[1:] })},
		{2, "it returns the purchase that it keeps", func(
			_ context.Context, o *Orders, id string,
		) (purchase.Purchase, error) {
			o.mu.Lock()
			defer o.mu.Unlock()
			return o.purchases[id], nil
		}},
		{2, "it makes ids each time", spoiled(func(p *purchase.Purchase) { p.Lines[0].ID = newID() })},
		{2, "it reads lines in any order", spoiled(func(p *purchase.Purchase) {
			if reads++; reads%2 == 0 {
				p.Lines[0], p.Lines[1] = p.Lines[1], p.Lines[0]
			}
		})},
		{3, "it finds an empty order", func(ctx context.Context, o *Orders, id string) (purchase.Purchase, error) {
			p, err := o.Purchase(ctx, id)
			if errors.Is(err, returns.ErrNotFound) {
				err = nil
			}
			return p, err
		}},
		{3, "it has an error of its own for what is not there", func(
			ctx context.Context, o *Orders, id string,
		) (purchase.Purchase, error) {
			p, err := o.Purchase(ctx, id)
			if errors.Is(err, returns.ErrNotFound) {
				err = errors.New("sql: no rows in result set")
			}
			return p, err
		}},
		{3, "it panics for an empty id", func(ctx context.Context, o *Orders, id string) (purchase.Purchase, error) {
			_ = id[0]
			return o.Purchase(ctx, id)
		}},
		{4, "it reads in a context that has ended", func(
			ctx context.Context, o *Orders, id string,
		) (purchase.Purchase, error) {
			return o.Purchase(context.WithoutCancel(ctx), id)
		}},
		{4, "it finds nothing in a context that has ended", func(
			ctx context.Context, o *Orders, id string,
		) (purchase.Purchase, error) {
			if ctx.Err() != nil {
				return purchase.Purchase{}, returns.ErrNotFound
			}
			return o.Purchase(ctx, id)
		}},
		{4, "it loses the context's error", func(ctx context.Context, o *Orders, id string) (purchase.Purchase, error) {
			if err := ctx.Err(); err != nil {
				return purchase.Purchase{}, errors.New("orders: " + err.Error())
			}
			return o.Purchase(ctx, id)
		}},
	}
}

// by restocks as the shop in memory does.
func by(ctx context.Context, o *Orders, r purchase.Restock) (bool, error) {
	return o.Restock(ctx, r, event.System("returns"))
}

func restockerMutants() []named[restocking] {
	return []named[restocking]{
		{1, "it restocks each time", func(ctx context.Context, o *Orders, r purchase.Restock) (bool, error) {
			r.Ref = newID()
			return by(ctx, o, r)
		}},
		{1, "it restocks a product once", func(ctx context.Context, o *Orders, r purchase.Restock) (bool, error) {
			r.Ref = r.ProductID
			return by(ctx, o, r)
		}},
		{1, "it says true each time", func(ctx context.Context, o *Orders, r purchase.Restock) (bool, error) {
			_, err := by(ctx, o, r)
			return true, err
		}},
		{1, "it restocks one unit", func(ctx context.Context, o *Orders, r purchase.Restock) (bool, error) {
			r.Quantity = 1
			return by(ctx, o, r)
		}},
		{2, "it looks for the Ref before it locks", checkedFirst},
		{2, "it refuses who comes at once", func(ctx context.Context, o *Orders, r purchase.Restock) (bool, error) {
			if !o.mu.TryLock() {
				return false, errors.New("database is locked")
			}
			runtime.Gosched()
			o.mu.Unlock()
			if did, err := by(ctx, o, r); did || err != nil {
				return did, err
			}
			return false, errors.New("duplicate key value violates unique constraint")
		}},
		{1, "it adds to a stock that it read before it locks", func(
			ctx context.Context, o *Orders, r purchase.Restock,
		) (bool, error) {
			was := o.Stock(r.ProductID)
			suite.Pause()
			did, err := by(ctx, o, r)
			o.mu.Lock()
			defer o.mu.Unlock()
			if did {
				o.stock[r.ProductID] = was + r.Quantity
			}
			return did, err
		}},
		{2, "it remembers the Ref after it restocked", func(
			ctx context.Context, o *Orders, r purchase.Restock,
		) (bool, error) {
			did, err := by(ctx, o, r)
			if did {
				o.mu.Lock()
				o.restocked[r.Ref] = false
				o.mu.Unlock()
				suite.Pause()
				o.mu.Lock()
				o.restocked[r.Ref] = true
				o.mu.Unlock()
			}
			return did, err
		}},
		{3, "it takes a product that is not there", func(
			ctx context.Context, o *Orders, r purchase.Restock,
		) (bool, error) {
			did, err := by(ctx, o, r)
			if errors.Is(err, returns.ErrNotFound) {
				return false, nil
			}
			return did, err
		}},
		{3, "it remembers the Ref of what it refuses", func(
			ctx context.Context, o *Orders, r purchase.Restock,
		) (bool, error) {
			did, err := by(ctx, o, r)
			o.mu.Lock()
			defer o.mu.Unlock()
			o.restocked[r.Ref] = true
			return did, err
		}},
		{3, "it takes units off the shelf", func(ctx context.Context, o *Orders, r purchase.Restock) (bool, error) {
			if r.Quantity < 0 {
				o.mu.Lock()
				defer o.mu.Unlock()
				o.stock[r.ProductID] += r.Quantity
				return true, nil
			}
			return by(ctx, o, r)
		}},
		{4, "it restocks in a context that has ended", func(
			ctx context.Context, o *Orders, r purchase.Restock,
		) (bool, error) {
			return by(context.WithoutCancel(ctx), o, r)
		}},
		{4, "it restocks and says that the context has ended", func(
			ctx context.Context, o *Orders, r purchase.Restock,
		) (bool, error) {
			did, err := by(context.WithoutCancel(ctx), o, r)
			return did, errors.Join(err, ctx.Err())
		}},
		{4, "it hides that the context has ended", func(
			ctx context.Context, o *Orders, r purchase.Restock,
		) (bool, error) {
			did, err := by(ctx, o, r)
			if ctx.Err() != nil {
				return false, nil
			}
			return did, err
		}},
	}
}

// checkedFirst looks for the Ref before the lock.
func checkedFirst(ctx context.Context, o *Orders, r purchase.Restock) (bool, error) {
	o.mu.Lock()
	done := o.restocked[r.Ref]
	o.mu.Unlock()
	if done {
		return false, nil
	}
	suite.Pause()
	ref := r.Ref
	r.Ref = newID()
	did, err := by(ctx, o, r)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.restocked[ref] = o.restocked[ref] || did
	return did, err
}
