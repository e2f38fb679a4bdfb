package orders

import (
	"fmt"
	"strings"

	"github.com/returnkit/returnkit/orders/money"
)

// maxQuantity is the most units of one product in a cart or an order.
const maxQuantity = 1_000_000

// Item is a product and how many of it, to be priced.
type Item struct {
	Product  Product
	Quantity int        // 1 to 1,000,000
	Sale     *FlashSale // the flash sale it is bought in; nil: none
}

// Rules are what Price adds to the list prices. The zero value adds nothing.
type Rules struct {
	// DutyBP is the import duty in basis points of the list price.
	DutyBP int
	// DutyFreeOrigins are the countries of origin without duty, compared
	// without regard to case and blanks.
	DutyFreeOrigins []string
	// ShippingRate is the price of shipping one weight unit, in thousandths of
	// the currency's major unit: 1500 is 1.5 dollars, or 1.5 yen.
	ShippingRate int64
	// OrderDiscount (a coupon) comes off the prices of the whole order, never
	// below zero. In minor units, 0 or more.
	OrderDiscount int64
	// OrderFee (a flat fee) is added to the whole order, as shipping. In minor
	// units, 0 or more.
	OrderFee int64
}

// validate reports the first field that is out of its range.
func (r Rules) validate() error {
	for _, f := range []struct {
		name  string
		value int64
		limit int64
	}{
		{"DutyBP", int64(r.DutyBP), 100_000},
		{"ShippingRate", r.ShippingRate, 1_000_000_000},
		{"OrderDiscount", r.OrderDiscount, MaxPrice},
		{"OrderFee", r.OrderFee, MaxPrice},
	} {
		if f.value < 0 || f.value > f.limit {
			return &Error{
				Code:    CodeInvalid,
				Field:   f.name,
				Message: fmt.Sprintf("%d is out of range; 0 to %d", f.value, f.limit),
			}
		}
	}
	return nil
}

func (r Rules) dutyFree(origin string) bool {
	origin = strings.TrimSpace(origin)
	for _, free := range r.DutyFreeOrigins {
		if strings.EqualFold(origin, strings.TrimSpace(free)) {
			return true
		}
	}
	return false
}

// Price turns items into order lines (without ids), in the same order, with
// what each line is paid, exactly:
//
//   - a product has the price it is sold at, in its own currency;
//   - the discount of one unit is DiscountBP of the list price, or PercentBP of
//     the flash sale where that is more, rounded half up;
//   - duty is DutyBP of the list price of all units of the line, rounded half up;
//   - shipping is ShippingRate x weight of all units of the line, rounded half
//     up, where the product ships;
//   - OrderDiscount is allocated over the lines by price, OrderFee by price
//     (by quantity when every price is zero), each once, by largest remainder.
//
// It is a pure function. Items in two currencies are CodeCurrencyMismatch,
// quantities or products out of range CodeInvalid, sums beyond int64
// CodeOverflow.
func Price(items []Item, r Rules) ([]Line, error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	lines := make([]Line, len(items))
	for i, it := range items {
		if it.Product.Currency != items[0].Product.Currency {
			return nil, &Error{Code: CodeCurrencyMismatch, Field: "currency",
				Message: fmt.Sprintf("%s is priced in %q, %s in %q; an order has one currency", it.Product.Name,
					string(it.Product.Currency), items[0].Product.Name, string(items[0].Product.Currency))}
		}
		var err error
		if lines[i], err = priceLine(it, r); err != nil {
			return nil, err
		}
	}
	if err := allocateOrder(lines, r); err != nil {
		return nil, err
	}
	var total int64
	for _, l := range lines {
		for _, part := range []int64{l.Paid.Price, l.Paid.Duty, l.Paid.Shipping} {
			var err error
			if total, err = money.Add(total, part); err != nil {
				return nil, err
			}
		}
	}
	return lines, nil
}

func priceLine(it Item, r Rules) (Line, error) {
	p := it.Product
	if err := checkQuantity(it.Quantity); err != nil {
		return Line{}, err
	}
	if err := p.checkPriced(); err != nil {
		return Line{}, err
	}
	l := Line{
		ProductID: p.ID,
		Name:      p.Name,
		Category:  p.Category,
		FinalSale: p.FinalSale,
		Quantity:  it.Quantity,
		UnitList:  p.Price,
	}
	var err error
	discount := p.DiscountBP
	if it.Sale != nil {
		l.SaleID, discount = it.Sale.ID, max(discount, it.Sale.PercentBP)
	}
	if l.UnitDiscount, err = money.BasisPoints(p.Price, discount); err != nil {
		return Line{}, err
	}
	if l.Paid.Price, err = money.Mul(l.UnitList-l.UnitDiscount, int64(it.Quantity)); err != nil {
		return Line{}, err
	}
	if !r.dutyFree(p.CountryOfOrigin) {
		list, err := money.Mul(p.Price, int64(it.Quantity))
		if err != nil {
			return Line{}, err
		}
		if l.Paid.Duty, err = money.BasisPoints(list, r.DutyBP); err != nil {
			return Line{}, err
		}
	}
	if p.RequiresShipping {
		// thousandths of the major unit x thousandths of a weight unit
		rate := r.ShippingRate
		for range p.Currency.Digits() {
			rate *= 10
		}
		if l.Paid.Shipping, err = money.MulDiv(rate, p.ShippingWeight*int64(it.Quantity), 1_000_000); err != nil {
			return Line{}, err
		}
	}
	return l, nil
}

// allocateOrder adds what is for the whole order to the lines.
func allocateOrder(lines []Line, r Rules) error {
	if len(lines) == 0 || r.OrderDiscount == 0 && r.OrderFee == 0 {
		return nil
	}
	weights := make([]int64, len(lines))
	var sum int64
	for i, l := range lines {
		weights[i] = l.Paid.Price
		var err error
		if sum, err = money.Add(sum, l.Paid.Price); err != nil {
			return err
		}
	}
	if off := min(r.OrderDiscount, sum); off > 0 {
		parts, err := money.Allocate(off, weights)
		if err != nil {
			return err
		}
		for i := range lines {
			lines[i].Paid.Price -= parts[i]
		}
	}
	if r.OrderFee == 0 {
		return nil
	}
	if sum == 0 {
		for i, l := range lines {
			weights[i] = int64(l.Quantity)
		}
	}
	parts, err := money.Allocate(r.OrderFee, weights)
	if err != nil {
		return err
	}
	for i := range lines {
		if lines[i].Paid.Shipping, err = money.Add(lines[i].Paid.Shipping, parts[i]); err != nil {
			return err
		}
	}
	return nil
}

func checkQuantity(n int) error {
	if n < 1 || n > maxQuantity {
		return &Error{
			Code:    CodeInvalid,
			Field:   "quantity",
			Message: fmt.Sprintf("%d is not a quantity; 1 to %d", n, maxQuantity),
		}
	}
	return nil
}
