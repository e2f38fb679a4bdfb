package orders

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/returnkit/returnkit/orders/money"
)

// Limits of a product.
const (
	MaxPrice          = 1_000_000_000_000 // minor units
	MaxStock          = 1_000_000_000     // units
	MaxShippingWeight = 1_000_000_000     // thousandths of a weight unit
	maxName           = 200               // letters
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
		return &Error{Code: CodeInvalid, Field: "name", Message: "the product has no name; 1 to 200 letters"}
	}
	for _, f := range []struct {
		name, value string
		most        int
	}{{"name", p.Name, maxName}, {"category", p.Category, maxCategory}, {"country_of_origin", p.CountryOfOrigin, maxCountry}} {
		if !utf8.ValidString(f.value) || strings.ContainsRune(f.value, 0) {
			return &Error{Code: CodeInvalid, Field: f.name, Message: "it holds bytes that are no text; UTF-8 without NUL is allowed"}
		}
		if n := utf8.RuneCountInString(f.value); n > f.most {
			return &Error{Code: CodeInvalid, Field: f.name, Message: fmt.Sprintf("it has %d letters; at most %d", n, f.most)}
		}
	}
	for _, f := range []struct {
		name        string
		value, most int64
	}{
		{"price", p.Price, MaxPrice},
		{"stock", int64(p.Stock), MaxStock},
		{"discount", int64(p.DiscountBP), 10_000},
		{"shipping_weight", p.ShippingWeight, MaxShippingWeight},
	} {
		if f.value < 0 || f.value > f.most {
			return &Error{Code: CodeInvalid, Field: f.name, Message: fmt.Sprintf("%d is out of range; 0 to %d", f.value, f.most)}
		}
	}
	return nil
}
