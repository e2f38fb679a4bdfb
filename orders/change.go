package orders

import (
	"fmt"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/purchase"
)

// Change is what a store saves in one transaction: an order as it was and as it
// is now, the events between the two, and what follows for the other rows. The
// rules are all here, so that a store copies none.
type Change struct {
	Before Order // the zero Order for a new one
	After  Order
	Events []event.Event // of After, in order of Seq
	Effects
}

// Effects are what a change of an order does to other rows.
type Effects struct {
	// Stock are the units by product that join the stock, or leave it where
	// they are negative.
	Stock map[int64]int
	// Sales are the units by flash sale that count as sold to the customer more,
	// or less where they are negative. A store refuses what is beyond the caps.
	Sales map[string]int
	// Reservations are the flash sales in which the customer's reservation, if
	// there is one, is used by the order.
	Reservations []string
	// ClosesCart: the order is made of its cart.
	ClosesCart bool
	// OpensCart: the order's cart is open again, unless the customer has another
	// one with items in it.
	OpensCart bool
	// Credit is the store credit that the order takes from the customer's, or gives
	// back; the zero value: none. A store refuses what is more than there is.
	Credit purchase.CreditMove
	// FreesKey: the idempotency key that is no longer the order's, empty for none.
	FreesKey string
}

// NewChange returns the change from before to after, the zero Order for an
// order that is new. It returns CodeInvalid, with the field, for an order that no
// shop has, and an error without a code for one that was not made of before by
// its methods: a stale or a foreign one.
func NewChange(before, after Order) (Change, error) {
	if err := after.validate(); err != nil {
		return Change{}, err
	}
	if before.ID != "" && before.ID != after.ID || after.Version != before.Version+len(after.changes) {
		return Change{}, fmt.Errorf("orders: order %s of version %d with %d events can't follow %s of version %d",
			after.ID, after.Version, len(after.changes), before.ID, before.Version)
	}
	for i, e := range after.changes {
		if e.Seq != before.Version+1+i || e.AggregateID != after.ID {
			return Change{}, fmt.Errorf("orders: event %s of order %s stands where number %d belongs", e.ID, after.ID,
				before.Version+1+i)
		}
	}
	if err := checkTexts(after.changes, &after); err != nil {
		return Change{}, err
	}
	c := Change{Before: before, After: after.Clone(), Events: after.changes}
	switch {
	case before.ID == "":
		c.ClosesCart = after.CartID != ""
		c.count(-1)
		for _, l := range after.Lines {
			if l.SaleID != "" {
				c.Reservations = append(c.Reservations, l.SaleID)
			}
		}
	case after.Status == StatusCanceled && before.Status != StatusCanceled:
		c.OpensCart = after.CartID != ""
		c.count(1)
	}
	c.Credit = c.creditMove()
	if before.IdempotencyKey != "" && after.IdempotencyKey == "" {
		c.FreesKey = before.IdempotencyKey
	}
	return c, nil
}

// count has the order's units join the stock and leave the sales, sign times.
func (c *Change) count(sign int) {
	c.Stock, c.Sales = map[int64]int{}, map[string]int{}
	for _, l := range c.After.Lines {
		c.Stock[l.ProductID] += sign * l.Quantity
		if l.SaleID != "" {
			c.Sales[l.SaleID] -= sign * l.Quantity
		}
	}
}

// Cancels reports whether the change gives back what the order held.
func (c Change) Cancels() bool { return c.OpensCart || c.Before.ID != "" && len(c.Stock) > 0 }

// Stamp says when the change was made and who made it.
func (c Change) Stamp() event.Stamp {
	if len(c.Events) == 0 {
		return event.Stamp{}
	}
	e := c.Events[0]
	return event.Stamp{At: e.At, By: e.Actor, Source: e.Source}
}
