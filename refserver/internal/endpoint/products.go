package endpoint

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// ProductParams is what staff set of a product; a field left out stays as it is.
type ProductParams struct {
	Name             *string       `json:"name"`
	Price            *input.Number `json:"price"`
	Stock            *int          `json:"stock"`
	Category         *string       `json:"category"`
	FinalSale        *bool         `json:"final_sale"`
	DiscountPercent  *input.Number `json:"discount_percent" validate:"omitempty,percent=0"`
	ShippingWeight   *input.Number `json:"shipping_weight" validate:"omitempty,decimals=3"`
	CountryOfOrigin  *string       `json:"country_of_origin"`
	RequiresShipping *bool         `json:"requires_shipping"`
	// Currency is what the price is in: the shop's for a new product that names none. A product
	// keeps it.
	Currency *string `json:"currency"`

	// StockWas is the stock that a form was filled with, where there was one:
	// units sold while it was open stay sold, so what staff changed is the
	// difference.
	StockWas *int `json:"-"`
	// Whole says that all fields are sent, as a form does: then none of name,
	// price and stock may be missing. A new product needs them too.
	Whole bool `json:"-"`
}

// Products returns all products.
func (e *Endpoints) Products(ctx context.Context, by auth.User) ([]orders.Product, error) {
	if err := ListProducts.Permit(by); err != nil {
		return nil, err
	}
	return e.d.Orders.Products(ctx)
}

// FindProducts returns a page of products, and how many match.
func (e *Endpoints) FindProducts(
	ctx context.Context, by auth.User, q orders.ProductQuery,
) ([]orders.Product, int, error) {
	if err := ListProducts.Permit(by); err != nil {
		return nil, 0, err
	}
	return e.d.Orders.FindProducts(ctx, q)
}

// Product returns a product, for staff.
func (e *Endpoints) Product(ctx context.Context, by auth.User, id int64) (orders.Product, error) {
	if err := ManageProducts.Permit(by); err != nil {
		return orders.Product{}, err
	}
	return e.d.Orders.Product(ctx, id)
}

// CreateProduct makes a new product. It is shipped unless the params say that it is not.
func (e *Endpoints) CreateProduct(ctx context.Context, by auth.User, p ProductParams) (orders.Product, error) {
	if err := CreateProduct.Permit(by); err != nil {
		return orders.Product{}, err
	}
	p.Whole = true
	if p.RequiresShipping == nil {
		p.RequiresShipping = new(true)
	}
	return e.saveProduct(ctx, by, 0, p)
}

// ChangeProduct changes a product.
func (e *Endpoints) ChangeProduct(
	ctx context.Context, by auth.User, id int64, p ProductParams,
) (orders.Product, error) {
	if err := ChangeProduct.Permit(by); err != nil {
		return orders.Product{}, err
	}
	if id < 1 {
		return orders.Product{}, orders.ErrNotFound
	}
	return e.saveProduct(ctx, by, id, p)
}

func (e *Endpoints) saveProduct(
	ctx context.Context, by auth.User, id int64, p ProductParams,
) (orders.Product, error) {
	change, err := e.productChange(ctx, id, p)
	if err != nil {
		return orders.Product{}, err
	}
	saved, err := e.d.Orders.SaveProduct(ctx, id, actor(by), change)
	if err == nil && id == 0 {
		audit.Created(ctx, strconv.FormatInt(saved.ID, 10))
	}
	return saved, err
}

// priceCurrency is the currency in which the price of a product is read: the one that is sent, else
// its own, else the shop's.
func (e *Endpoints) priceCurrency(ctx context.Context, id int64, p ProductParams) (money.Currency, error) {
	switch {
	case p.Currency != nil && *p.Currency != "":
		return e.currency(*p.Currency)
	case id == 0:
		return e.d.Currency, nil
	}
	was, err := e.d.Orders.Product(ctx, id)
	return was.Currency, err
}

// CheckProduct returns all that is wrong with what is set of a product; id is 0 for a new one.
func (e *Endpoints) CheckProduct(ctx context.Context, by auth.User, id int64, p ProductParams) error {
	if err := ManageProducts.Permit(by); err != nil {
		return err
	}
	_, err := e.productChange(ctx, id, p)
	return err
}

// productChange returns what sets the params, or all that is wrong with them. In a currency that is
// none the price is read as one in the shop's.
func (e *Endpoints) productChange(ctx context.Context, id int64, p ProductParams) (func(*orders.Product) error, error) {
	currency, err := e.priceCurrency(ctx, id, p)
	if err != nil {
		if problem.Of(err).Status != http.StatusBadRequest {
			return nil, err
		}
		currency = e.d.Currency
	}
	change, wrong := p.change(currency)
	return change, problem.Join(err, wrong)
}

// change reads the numbers, exactly, and returns what sets them.
func (p ProductParams) change(currency money.Currency) (func(*orders.Product) error, error) {
	mistakes := p.missing()
	var price int64
	if p.Price != nil {
		amount, err := money.Parse(p.Price.String(), currency)
		if err != nil {
			mistakes = append(mistakes, amountMistake("price", "List price", p.Price.String(), currency))
		}
		price = amount.Minor()
	}
	if err := input.Check(p); err != nil {
		mistakes = append(mistakes, problem.Of(err).Mistakes...)
	}
	if len(mistakes) > 0 {
		return nil, problem.Mistaken(mistakes...)
	}
	return func(to *orders.Product) error {
		to.Currency = currency
		set(&to.Name, p.Name)
		set(&to.Category, p.Category)
		set(&to.FinalSale, p.FinalSale)
		set(&to.CountryOfOrigin, p.CountryOfOrigin)
		set(&to.RequiresShipping, p.RequiresShipping)
		if p.Price != nil {
			to.Price = price
		}
		switch {
		case p.Stock != nil && p.StockWas != nil:
			to.Stock += *p.Stock - *p.StockWas
		case p.Stock != nil:
			to.Stock = *p.Stock
		}
		if p.DiscountPercent != nil {
			to.DiscountBP = int(units(*p.DiscountPercent, 2))
		}
		if p.ShippingWeight != nil {
			to.ShippingWeight = units(*p.ShippingWeight, 3)
		}
		return nil
	}, nil
}

// missing names what a whole product lacks.
func (p ProductParams) missing() []problem.Mistake {
	var out []problem.Mistake
	const need = " is missing; a product needs a name, a price and a stock."
	if p.Whole && (p.Name == nil || strings.TrimSpace(*p.Name) == "") {
		out = append(out, problem.Mistake{Field: "name", Label: "Name", Text: need})
	}
	if p.Whole && p.Price == nil {
		out = append(out, problem.Mistake{Field: "price", Label: "List price", Text: need})
	}
	if p.Whole && p.Stock == nil {
		out = append(out, problem.Mistake{Field: "stock", Label: "Units in stock", Text: need})
	}
	return out
}

// units is a number that was checked, as a count of its smallest unit.
func units(n input.Number, digits int) int64 {
	value, _ := money.ParseDecimal(n.String(), digits)
	return value
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}
