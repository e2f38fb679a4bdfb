package ordersdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/purchase"
)

// purse is the store credit of a customer in a currency.
type purse struct {
	customer string
	currency money.Currency
}

var errNoLedger = errors.New("ordersdb: the order is paid by store credit, and the store has no ledger of it; " +
	"see WithCredit")

// move makes the entry of a change in the ledger, in the transaction of the change.
func (c CreditLedger) move(ctx context.Context, tx bun.IDB, m purchase.CreditMove, s event.Stamp) error {
	if m.Amount == 0 {
		return nil
	}
	if c == nil {
		return errNoLedger
	}
	did, err := c(tx).MoveCredit(ctx, m, s)
	if err == nil && !did && m.Amount < 0 {
		err = fmt.Errorf("ordersdb: store credit was taken before for %s", m.Ref)
	}
	return err
}

// lockCredit locks the store credit that the calls may take: after carts and
// products, and in one order, as every transaction does.
func (b *book) lockCredit(ctx context.Context) error {
	if b.store.credit == nil {
		return nil
	}
	wanted := map[purse]bool{}
	for _, p := range b.batch {
		if !p.req.Credit {
			continue
		}
		cart := b.open[p.req.CustomerID]
		if p.req.CartID != "" {
			cart = b.byID[p.req.CartID]
		}
		if cart == nil {
			continue
		}
		for _, c := range (orders.Placement{Cart: *cart, Products: b.products}).Currencies() {
			wanted[purse{p.req.CustomerID, c}] = true
		}
	}
	b.credit = make(map[purse]int64, len(wanted))
	for _, w := range slices.SortedFunc(maps.Keys(wanted), func(x, y purse) int {
		return cmp.Or(cmp.Compare(x.customer, y.customer), cmp.Compare(x.currency, y.currency))
	}) {
		have, err := b.store.credit(b.tx).LockCredit(ctx, w.customer, w.currency)
		if err != nil {
			return err
		}
		b.credit[w] = have
	}
	return nil
}

// moveCredit makes the entries of what was decided.
func (b *book) moveCredit(ctx context.Context) error {
	for _, c := range b.placed {
		if err := b.store.credit.move(ctx, b.tx, c.Credit, c.Stamp()); err != nil {
			return err
		}
	}
	return nil
}

// creditOf returns the customer's store credit for decide.
func (b *book) creditOf(p *placeCall, placement orders.Placement) map[money.Currency]int64 {
	if !p.req.Credit || b.store.credit == nil {
		return nil
	}
	found := map[money.Currency]int64{}
	for _, c := range placement.Currencies() {
		found[c] = b.credit[purse{p.req.CustomerID, c}]
	}
	return found
}

// takeCredit counts what a new order takes, so that the calls after it see it gone.
func (b *book) takeCredit(m purchase.CreditMove) error {
	if m.Amount == 0 {
		return nil
	}
	of := purse{m.CustomerID, m.Currency}
	have, locked := b.credit[of]
	if !locked {
		return errNoLedger
	}
	if have+m.Amount < 0 {
		return orders.CreditTooLow(-m.Amount, have, m.Currency)
	}
	b.credit[of] = have + m.Amount
	return nil
}

// returnCredit undoes takeCredit for an order that is refused after it.
func (b *book) returnCredit(m purchase.CreditMove) {
	if m.Amount != 0 {
		b.credit[purse{m.CustomerID, m.Currency}] -= m.Amount
	}
}
