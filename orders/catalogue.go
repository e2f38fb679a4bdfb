package orders

import (
	"context"
	"fmt"
	"slices"

	"github.com/returnkit/returnkit/orders/event"
)

// Products lists all products by id.
func (s *Service) Products(ctx context.Context) ([]Product, error) { return s.store.Products(ctx) }

// FindProducts returns a page of products, by id, and how many match.
func (s *Service) FindProducts(ctx context.Context, q ProductQuery) ([]Product, int, error) {
	return s.store.FindProducts(ctx, q)
}

// Product returns a product, or ErrNotFound.
func (s *Service) Product(ctx context.Context, id int64) (Product, error) {
	return s.store.Product(ctx, id)
}

// SaveProduct creates a product when id is 0, in Config.Currency unless change
// sets another of Config.Currencies, or changes product id. change gets the
// product as it is under the lock and may run more than once; what it leaves is
// validated. A change of Stock is recorded as an adjustment.
//
// A product keeps its currency: a price in another one is another price.
func (s *Service) SaveProduct(ctx context.Context, id int64, by event.Actor,
	change func(*Product) error) (Product, error) {
	return s.store.SaveProduct(ctx, id, s.stamp(ctx, by), func(p *Product) error {
		was := *p
		if p.Currency == "" {
			p.Currency = s.cfg.Currency
		}
		if err := change(p); err != nil {
			return err
		}
		if p.ID != was.ID {
			return &Error{
				Code:    CodeInvalid,
				Field:   "id",
				Message: fmt.Sprintf("product %d can't become product %d", was.ID, p.ID),
			}
		}
		if was.Currency != "" && p.Currency != was.Currency {
			return &Error{Code: CodeCurrencyMismatch, Field: "currency", ProductID: p.ID,
				Message: fmt.Sprintf("%s is priced in %s and keeps that currency; create another product for %q",
					p.Name, was.Currency, string(p.Currency))}
		}
		if p.ID == 0 && !slices.Contains(s.cfg.Currencies, p.Currency) {
			return notSoldIn(*p, s.cfg.Currencies)
		}
		checked := *p
		if p.Stock == was.Stock {
			// Units that came back may have gone beyond the limit; that keeps
			// nobody from changing the rest.
			checked.Stock = 0
		}
		return checked.Validate()
	})
}

// Validate reports the first field that is out of its range.
func (r Restock) Validate() error {
	if r.Ref == "" {
		return &Error{Code: CodeInvalid, Field: "ref", Message: "it is empty; it makes the restock happen once"}
	}
	if err := checkText("ref", r.Ref, 200); err != nil {
		return err
	}
	return checkQuantity(r.Quantity)
}
