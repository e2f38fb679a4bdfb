package orders

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders/money"
)

// cartPrice is what a cart costs, and why some of it can't be priced.
type cartPrice struct {
	currency money.Currency
	lines    []Line   // of the items without a problem
	of       []int    // the item that each line is of
	problems []*Error // of each item; nil: none
	problem  *Error   // of the cart as a whole; there are no lines then
	total    int64
}

// price prices a cart, in the currency of the first product that is sold here; an
// order has one currency.
func (s *Service) price(c Cart, products map[int64]Product, at time.Time) cartPrice {
	cp := cartPrice{currency: s.cfg.Currency, problems: make([]*Error, len(c.Items))}
	var items []Item
	for i, it := range c.Items {
		p, ok := products[it.ProductID]
		first := len(items) == 0
		switch {
		case !ok:
			cp.problems[i] = &Error{Code: CodeNotFound, Field: "product_id", ProductID: it.ProductID,
				Message: fmt.Sprintf("product %d is not sold any more; take it out of the cart", it.ProductID)}
			continue
		case !slices.Contains(s.cfg.Currencies, p.Currency):
			cp.problems[i] = notSoldIn(p, s.cfg.Currencies)
			continue
		case !first && p.Currency != cp.currency:
			cp.problems[i] = &Error{Code: CodeCurrencyMismatch, Field: "currency", ProductID: p.ID,
				Message: fmt.Sprintf("%s is priced in %s, the cart in %s; order it by itself", p.Name, p.Currency,
					cp.currency)}
			continue
		}
		parts := p.split(it.Quantity, at)
		if _, err := Price(parts, s.cfg.Pricing); err != nil {
			cp.problems[i] = problemOf(err, p.ID)
			continue
		}
		if first {
			cp.currency = p.Currency
		}
		for range parts {
			cp.of = append(cp.of, i)
		}
		items = append(items, parts...)
	}
	lines, err := Price(items, s.cfg.Pricing)
	if err != nil {
		cp.problem, cp.of = problemOf(err, 0), nil
		return cp
	}
	cp.lines = lines
	for _, l := range lines {
		cp.total += l.Paid.Total()
	}
	return cp
}

// err is the first reason why the cart can't be ordered.
func (cp cartPrice) err() error {
	for _, problem := range cp.problems {
		if problem != nil {
			return problem
		}
	}
	if cp.problem != nil {
		return cp.problem
	}
	return nil
}

// split returns the units of a product as they are priced: those within the
// caps of a flash sale that is on, then those beyond, at the product's own price.
func (p Product) split(quantity int, at time.Time) []Item {
	sale := p.SaleAt(at)
	if sale == nil {
		return []Item{{Product: p, Quantity: quantity}}
	}
	within := min(quantity, sale.Left())
	var parts []Item
	if within > 0 {
		parts = append(parts, Item{Product: p, Quantity: within, Sale: &sale.FlashSale})
	}
	if within < quantity {
		parts = append(parts, Item{Product: p, Quantity: quantity - within})
	}
	return parts
}

// notSoldIn refuses a product in a currency that the shop does not sell in.
func notSoldIn(p Product, currencies []money.Currency) *Error {
	return &Error{Code: CodeCurrencyMismatch, Field: "currency", ProductID: p.ID,
		Message: fmt.Sprintf("%s is priced in %q; this shop sells in %s", p.Name, string(p.Currency),
			currencyList(currencies))}
}

// problemOf is err as a refusal about the product.
func problemOf(err error, productID int64) *Error {
	e := &Error{Code: CodeOf(err), Field: "cart", Message: "it can't be priced: " + err.Error(), Err: err}
	var own *Error
	if errors.As(err, &own) {
		*e = *own
	}
	if e.Code == CodeOverflow {
		e.Message = "its price is beyond what can be counted; take some units out"
	}
	e.ProductID = productID
	return e
}

// view shows a cart, priced.
func (s *Service) view(c Cart, products map[int64]Product, at time.Time) CartView {
	cp := s.price(c, products, at)
	v := CartView{
		Cart:     c,
		Currency: cp.currency,
		Total:    cp.total,
		Problem:  cp.problem,
		Items:    make([]CartViewItem, len(c.Items)),
	}
	for i, it := range c.Items {
		p, ok := products[it.ProductID]
		if p.ID = it.ProductID; !ok {
			p.Name = fmt.Sprintf("Product %d", it.ProductID)
		}
		v.Items[i] = CartViewItem{
			Product:   p,
			Quantity:  it.Quantity,
			UnitList:  p.Price,
			Available: p.availableAt(at),
			Problem:   cp.problems[i],
		}
		var short *Error
		if err := p.checkAvailable(it.Quantity, at); v.Items[i].Problem == nil && errors.As(err, &short) {
			v.Items[i].Problem = short
		}
	}
	for n, l := range cp.lines {
		it, unit := &v.Items[cp.of[n]], l.UnitList-l.UnitDiscount
		if l.SaleID != "" {
			it.Sale, it.AtSale, it.UnitDiscounted = it.Product.SaleAt(at), l.Quantity, unit
		} else if it.AtSale > 0 {
			it.UnitBeyond = unit
		} else {
			it.UnitDiscounted = unit
		}
		it.Subtotal += l.Paid.Price
		it.Shipping += l.Paid.Shipping
		it.Duty += l.Paid.Duty
	}
	return v
}
