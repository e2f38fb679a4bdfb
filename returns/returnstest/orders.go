package returnstest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/returns"
)

// Orders is a shop's orders and stock in memory: a returns.Orders and a
// returns.Restocker. Make one with NewOrders.
type Orders struct {
	mu        sync.Mutex
	purchases map[string]purchase.Purchase
	stock     map[string]int  // by product id
	restocked map[string]bool // by Ref
}

var (
	_ returns.Orders    = (*Orders)(nil)
	_ returns.Restocker = (*Orders)(nil)
)

// NewOrders returns Orders with these purchases. The products that they name
// exist, with no stock.
func NewOrders(purchases ...purchase.Purchase) *Orders {
	o := &Orders{purchases: map[string]purchase.Purchase{}, stock: map[string]int{}, restocked: map[string]bool{}}
	for _, p := range purchases {
		o.Put(p)
	}
	return o
}

// Put adds a purchase, or replaces the one of the same order.
func (o *Orders) Put(p purchase.Purchase) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.purchases[p.OrderID] = clonePurchase(p)
	for _, l := range p.Lines {
		o.stock[l.ProductID] += 0 // it exists now
	}
}

// Stock returns how many units of the product were restocked.
func (o *Orders) Stock(productID string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.stock[productID]
}

// Purchase implements returns.Orders.
func (o *Orders) Purchase(ctx context.Context, orderID string) (purchase.Purchase, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return purchase.Purchase{}, fmt.Errorf("returnstest: purchase %s: %w", orderID, err)
	}
	p, ok := o.purchases[orderID]
	if !ok {
		return purchase.Purchase{}, notFound("order", orderID)
	}
	return clonePurchase(p), nil
}

// Restock implements returns.Restocker.
func (o *Orders) Restock(ctx context.Context, r purchase.Restock, _ event.Actor) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("returnstest: restock %s: %w", r.Ref, err)
	}
	if err := r.Check(); err != nil {
		return false, err
	}
	if _, ok := o.stock[r.ProductID]; !ok {
		return false, notFound("product", r.ProductID)
	}
	if o.restocked[r.Ref] {
		return false, nil
	}
	o.restocked[r.Ref] = true
	o.stock[r.ProductID] += r.Quantity
	return true, nil
}

func clonePurchase(p purchase.Purchase) purchase.Purchase {
	p.Lines, p.Payments = slices.Clone(p.Lines), slices.Clone(p.Payments)
	return p
}
