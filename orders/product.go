package orders

import (
	"fmt"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders/money"
)

// Limits of a product.
const (
	MaxPrice          = 1_000_000_000_000 // minor units
	MaxStock          = 1_000_000_000     // units
	MaxShippingWeight = 1_000_000_000     // thousandths of a weight unit
	maxName           = 200               // characters
	maxCategory       = 100
	maxCountry        = 100
)

// Product is something the shop sells. Ids are small integers.
type Product struct {
	ID               int64
	Name             string
	Category         string
	Price            int64 // list price of one unit, minor units, 0 or more
	Currency         money.Currency
	Stock            int // units on hand that can be sold, 0 or more
	FinalSale        bool
	DiscountBP       int   // discount in basis points, 0 to 10000 (15 % is 1500)
	ShippingWeight   int64 // thousandths of a weight unit, 0 or more
	CountryOfOrigin  string
	RequiresShipping bool
	// Sales are the product's flash sales that are not over, for the customer
	// it was loaded for; a store fills them in and never saves them.
	Sales     []SaleState
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Cart is what a customer means to buy. Each customer has one open cart; it
// is closed by the order made of it and reopened when that order is declined.
type Cart struct {
	ID         string // UUIDv7
	CustomerID string
	OrderID    string // the order made of it, empty while open
	Items      []CartItem
	UpdatedAt  time.Time
}

// CartItem is a product and how many of it, 1 or more.
type CartItem struct {
	ProductID int64
	Quantity  int
}

// Validate reports the first field that is out of its range, as CodeInvalid.
func (p Product) Validate() error {
	if strings.TrimSpace(p.Name) == "" {
		return &Error{
			Code:    CodeInvalid,
			Field:   "name",
			Message: fmt.Sprintf("it is empty; 1 to %d characters", maxName),
		}
	}
	for _, f := range []struct {
		name, value string
		limit       int
	}{
		{"name", p.Name, maxName}, {"category", p.Category, maxCategory},
		{"country_of_origin", p.CountryOfOrigin, maxCountry},
	} {
		if err := checkText(f.name, f.value, f.limit); err != nil {
			return err
		}
	}
	if err := p.checkPriced(); err != nil {
		return err
	}
	return checkRange("stock", int64(p.Stock), MaxStock)
}

// checkPriced reports the first field that a price is made of and that is out
// of its range. The stock is none of them: a product is priced whatever is left.
func (p Product) checkPriced() error {
	for _, f := range []struct {
		name         string
		value, limit int64
	}{
		{"price", p.Price, MaxPrice},
		{"discount", int64(p.DiscountBP), 10_000},
		{"shipping_weight", p.ShippingWeight, MaxShippingWeight},
	} {
		if err := checkRange(f.name, f.value, f.limit); err != nil {
			return err
		}
	}
	return nil
}

func checkRange(field string, value, limit int64) error {
	if value < 0 || value > limit {
		return &Error{
			Code:    CodeInvalid,
			Field:   field,
			Message: fmt.Sprintf("%d is out of range; 0 to %d", value, limit),
		}
	}
	return nil
}

// CheckRestock refuses to put n units on the shelf beyond MaxStock, as
// CodeInvalid.
func (p Product) CheckRestock(n int) error {
	if room := MaxStock - p.Stock; n > room {
		return &Error{Code: CodeInvalid, Field: "stock", ProductID: p.ID, Available: max(room, 0),
			Message: fmt.Sprintf("%d units are in stock; %d more are beyond the limit of %d, so lower the stock first",
				p.Stock, n, MaxStock)}
	}
	return nil
}
