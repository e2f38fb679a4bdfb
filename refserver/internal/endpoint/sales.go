package endpoint

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// SaleMoment is how a form holds an instant, in the shop's time zone: as an
// input of type datetime-local does.
const SaleMoment = "2006-01-02T15:04"

// SaleParams is a flash sale as staff plan it.
type SaleParams struct {
	Percent        *input.Number `json:"percent" validate:"required,percent=0.01"`
	Starts         string        `json:"starts" validate:"required,datetime=2006-01-02T15:04"`
	Ends           string        `json:"ends" validate:"required,datetime=2006-01-02T15:04"`
	Cap            *int          `json:"cap" validate:"omitempty,min=0"`
	CapPerCustomer *int          `json:"cap_per_customer" validate:"omitempty,min=0"`
}

// NewSaleParams is a new flash sale.
type NewSaleParams struct {
	ProductRef
	SaleParams
}

// ReserveParams is how many units are to be held.
type ReserveParams struct {
	Quantity *int `json:"quantity" validate:"required" text:"reserved units"`
}

// OnSale returns the products that are in a flash sale now.
func (e *Endpoints) OnSale(ctx context.Context, by auth.User) ([]orders.Product, error) {
	if err := ListFlashSales.Permit(by); err != nil {
		return nil, err
	}
	products, err := e.d.Orders.Products(ctx)
	if err != nil {
		return nil, err
	}
	var out []orders.Product
	now := e.d.Now()
	for _, p := range products {
		if p.SaleAt(now) != nil {
			out = append(out, p)
		}
	}
	return out, nil
}

// ReserveFlashSale holds units for a customer for a while. Another request
// changes how many, and not until when.
func (e *Endpoints) ReserveFlashSale(
	ctx context.Context, by auth.User, id string, p ReserveParams,
) (orders.Reservation, string, error) {
	if err := ReserveFlashSale.Permit(by); err != nil {
		return orders.Reservation{}, "", err
	}
	if err := e.need(feature.FlashSales, by.ID); err != nil {
		return orders.Reservation{}, "", err
	}
	if err := input.Check(p); err != nil {
		return orders.Reservation{}, "", err
	}
	held, err := e.d.Orders.ReserveFlashSale(ctx, id, actor(by), *p.Quantity)
	if err != nil {
		return orders.Reservation{}, "", err
	}
	what := "1 unit is"
	if held.Quantity != 1 {
		what = fmt.Sprintf("%d units are", held.Quantity)
	}
	until := held.ExpiresAt.UTC().Format("15:04:05 UTC")
	return held, what + " held for you until " + until + ". Check out before that.", nil
}

// FlashSales returns all flash sales, those that are over too.
func (e *Endpoints) FlashSales(ctx context.Context, by auth.User) ([]orders.FlashSale, error) {
	if err := ListAllFlashSales.Permit(by); err != nil {
		return nil, err
	}
	return e.d.Orders.FlashSales(ctx, true)
}

// FlashSale returns a flash sale.
func (e *Endpoints) FlashSale(ctx context.Context, by auth.User, id string) (orders.FlashSale, error) {
	if err := ListAllFlashSales.Permit(by); err != nil {
		return orders.FlashSale{}, err
	}
	return e.d.Orders.FlashSale(ctx, id)
}

// CreateFlashSale plans a flash sale.
func (e *Endpoints) CreateFlashSale(ctx context.Context, by auth.User, p NewSaleParams) (orders.FlashSale, error) {
	if err := CreateFlashSale.Permit(by); err != nil {
		return orders.FlashSale{}, err
	}
	if err := input.Check(p); err != nil {
		return orders.FlashSale{}, err
	}
	sale := orders.FlashSaleParams{ProductID: *p.ProductID}
	if err := p.apply(&sale, e.d.Zone); err != nil {
		return orders.FlashSale{}, err
	}
	f, err := e.d.Orders.CreateFlashSale(ctx, actor(by), sale)
	if errors.Is(err, orders.ErrNotFound) {
		return f, problem.Invalid("product_id", "Choose a product.")
	}
	if err == nil {
		audit.Created(ctx, f.ID)
	}
	return f, err
}

// ChangeFlashSale changes a flash sale.
func (e *Endpoints) ChangeFlashSale(
	ctx context.Context, by auth.User, id string, p SaleParams,
) (orders.FlashSale, error) {
	if err := ChangeFlashSale.Permit(by); err != nil {
		return orders.FlashSale{}, err
	}
	return e.d.Orders.UpdateFlashSale(ctx, id, actor(by), func(to *orders.FlashSaleParams) error {
		if err := input.Check(p); err != nil {
			return err
		}
		return p.apply(to, e.d.Zone)
	})
}

// EndFlashSale ends a flash sale now.
func (e *Endpoints) EndFlashSale(ctx context.Context, by auth.User, id string) (orders.FlashSale, error) {
	if err := EndFlashSale.Permit(by); err != nil {
		return orders.FlashSale{}, err
	}
	return e.d.Orders.EndFlashSale(ctx, id, actor(by))
}

// apply sets what was sent and checked. An instant that reads as it did before
// stays what it was: a form knows no seconds.
func (p SaleParams) apply(to *orders.FlashSaleParams, zone *time.Location) error {
	to.PercentBP = int(units(*p.Percent, 2))
	to.Cap, to.CapPerCustomer = 0, 0
	set(&to.Cap, p.Cap)
	set(&to.CapPerCustomer, p.CapPerCustomer)
	for _, moment := range []struct {
		text string
		to   *time.Time
	}{{p.Starts, &to.Starts}, {p.Ends, &to.Ends}} {
		if !moment.to.IsZero() && moment.to.In(zone).Format(SaleMoment) == moment.text {
			continue
		}
		at, err := time.ParseInLocation(SaleMoment, moment.text, zone)
		if err != nil {
			return err // it was checked
		}
		*moment.to = at
	}
	return nil
}
