package partner

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
)

// maxExternalID is how long a partner's id of a product may be, in characters.
const maxExternalID = 200

// Item is a product of a feed, checked.
type Item struct {
	Row        int
	ExternalID string
	Name       string
	Price      int64 // minor units of Currency
	Currency   money.Currency
	Stock      int
	// What is nil was not in the feed: a new product gets the zero value, one that is
	// there keeps what it has.
	Category         *string
	ShippingWeight   *int64 // thousandths
	CountryOfOrigin  *string
	RequiresShipping *bool
	DiscountBP       *int
	FinalSale        *bool
}

// ParseItem checks a record. Amounts are in currency where the record names none.
func ParseItem(rec Record, currency money.Currency) (Item, []RowError) {
	if rec.Err != nil {
		return Item{}, []RowError{*rec.Err}
	}
	p := itemParser{rec: rec, item: Item{Row: rec.Row, Currency: currency}}
	p.required()
	p.optional()
	if len(p.wrong) == 0 {
		p.limits()
	}
	return p.item, p.wrong
}

type itemParser struct {
	rec   Record
	item  Item
	wrong []RowError
}

func (p *itemParser) refuse(field, format string, args ...any) {
	p.wrong = append(p.wrong, RowError{p.rec.Row, field, fmt.Sprintf(format, args...)})
}

// text returns a field; a control character or broken UTF-8 in it is refused.
func (p *itemParser) text(field string) (string, bool) {
	text, ok := p.rec.Fields[field]
	if ok && !printable(text) {
		p.refuse(field, "%s holds a control character or is not UTF-8", field)
		return "", false
	}
	return text, ok
}

func (p *itemParser) required() {
	field := "external_product_id"
	if p.rec.Fields[field] == "" && p.rec.Fields["id"] != "" {
		field = "id"
	}
	id, ok := p.text(field)
	switch {
	case p.rec.Fields[field] == "":
		p.refuse(field, "external_product_id is missing; it is your own id of the product")
	case ok && utf8.RuneCountInString(id) > maxExternalID:
		p.refuse(field, "%s has %d characters; at most %d", field, utf8.RuneCountInString(id), maxExternalID)
	}
	p.item.ExternalID = id
	if p.item.Name, ok = p.text("name"); !ok && p.rec.Fields["name"] == "" {
		p.refuse("name", "name is missing")
	}
	if code, ok := p.text("currency"); ok {
		c, err := money.ParseCurrency(strings.ToUpper(code))
		if err != nil {
			p.refuse(
				"currency",
				"currency is %q; it must be a currency of ISO 4217, such as %s",
				clip(code),
				p.item.Currency,
			)
			return
		}
		p.item.Currency = c
	}
	p.price()
	stock, ok := p.text("stock")
	n, err := strconv.ParseInt(stock, 10, 64)
	switch {
	case !ok && p.rec.Fields["stock"] == "":
		p.refuse("stock", "stock is missing")
	case ok && (err != nil || n < 0 || n > orders.MaxStock):
		p.refuse("stock", "stock is %q; it must be a whole number from 0 to %d", clip(stock), orders.MaxStock)
	}
	p.item.Stock = int(n)
}

func (p *itemParser) price() {
	text, ok := p.text("price")
	if !ok {
		if p.rec.Fields["price"] == "" {
			p.refuse("price", "price is missing")
		}
		return
	}
	m, err := money.Parse(text, p.item.Currency)
	if err != nil || m.Minor() < 0 || m.Minor() > orders.MaxPrice {
		p.refuse("price", "price is %q; it must be a number of %s from 0 to %s with at most %d decimals", clip(text),
			p.item.Currency, money.FormatMinor(orders.MaxPrice, p.item.Currency), p.item.Currency.Digits())
		return
	}
	p.item.Price = m.Minor()
}

// decimal reads a number as feeds hold it: an empty one is 0, and .5 is 0.5.
func decimal(text string, digits int) (int64, error) {
	text = strings.TrimSpace(text)
	if text == "" || strings.HasPrefix(text, ".") {
		text = "0" + text
	}
	return money.ParseDecimal(text, digits)
}

func (p *itemParser) optional() {
	if v, ok := p.text("category"); ok {
		p.item.Category = &v
	}
	if v, ok := p.text("country_of_origin"); ok {
		p.item.CountryOfOrigin = &v
	}
	if v, ok := p.text("shipping_weight"); ok {
		n, err := decimal(v, 3)
		if err != nil || n < 0 || n > orders.MaxShippingWeight {
			p.refuse(
				"shipping_weight",
				"shipping_weight is %q; it must be a number from 0 with at most 3 decimals",
				clip(v),
			)
		}
		p.item.ShippingWeight = &n
	}
	if v, ok := p.text("discount_percent"); ok {
		n, err := decimal(v, 2)
		if err != nil || n < 0 || n > 10_000 {
			p.refuse(
				"discount_percent",
				"discount_percent is %q; it must be a number from 0 to 100 with at most 2 decimals",
				clip(v),
			)
		}
		bp := int(n)
		p.item.DiscountBP = &bp
	}
	p.item.RequiresShipping = p.flag("requires_shipping")
	p.item.FinalSale = p.flag("final_sale")
}

func (p *itemParser) flag(field string) *bool {
	text, ok := p.text(field)
	if !ok {
		return nil
	}
	v := false
	switch strings.ToLower(text) {
	case "true", "yes", "1":
		v = true
	case "false", "no", "0":
	default:
		p.refuse(field, "%s is %q; it must be true or false", field, clip(text))
	}
	return &v
}

// limits asks the shop's own rules of a product.
func (p *itemParser) limits() {
	made := orders.Product{Currency: p.item.Currency}
	p.item.apply(&made)
	var refused *orders.Error
	if err := made.Validate(); errors.As(err, &refused) {
		p.refuse(cmp.Or(refused.Field, "name"), "%s: %s", refused.Field, refused.Message)
	}
}

// apply sets what the feed says of a product.
func (i Item) apply(p *orders.Product) {
	p.Name, p.Price, p.Stock = i.Name, i.Price, i.Stock
	if i.Category != nil {
		p.Category = *i.Category
	}
	if i.ShippingWeight != nil {
		p.ShippingWeight = *i.ShippingWeight
	}
	if i.CountryOfOrigin != nil {
		p.CountryOfOrigin = *i.CountryOfOrigin
	}
	if i.RequiresShipping != nil {
		p.RequiresShipping = *i.RequiresShipping
	}
	if i.DiscountBP != nil {
		p.DiscountBP = *i.DiscountBP
	}
	if i.FinalSale != nil {
		p.FinalSale = *i.FinalSale
	}
}
