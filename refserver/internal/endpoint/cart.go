package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// ProductRef names a product.
type ProductRef struct {
	ProductID *int64 `json:"product_id" validate:"required,min=1"`
}

// AddParams is what is added to the cart: one unit where no quantity is named.
type AddParams struct {
	ProductRef

	Quantity *int `json:"quantity"`
}

// QuantityParams is how many units of a product there are to be in the cart.
type QuantityParams struct {
	ProductRef

	Quantity *int `json:"quantity" validate:"required"`
}

// CartChange is the cart after a change.
type CartChange struct {
	Cart        orders.CartView
	Message     string
	ProductName string
	Quantity    int
}

// Cart returns the cart of who asks.
func (e *Endpoints) Cart(ctx context.Context, by auth.User) (orders.CartView, error) {
	if err := ReadCart.Permit(by); err != nil {
		return orders.CartView{}, err
	}
	return e.d.Orders.Cart(ctx, by.ID)
}

// AddToCart adds units of a product, one where no quantity is named.
func (e *Endpoints) AddToCart(ctx context.Context, by auth.User, p AddParams) (CartChange, error) {
	if err := AddToCart.Permit(by); err != nil {
		return CartChange{}, err
	}
	if err := input.Check(p); err != nil {
		return CartChange{}, err
	}
	quantity := 1
	if p.Quantity != nil {
		quantity = *p.Quantity
	}
	cart, err := e.d.Orders.AddToCart(ctx, by.ID, *p.ProductID, quantity)
	if short, ok := tooFew(err); ok {
		// The contract answers too few units with 400 here and 409 on a change of
		// quantity.
		return CartChange{}, &problem.Error{Problem: problem.Problem{
			Status: http.StatusBadRequest, Code: string(short.Code), Message: short.Message, Available: short.Available,
		}}
	}
	if err != nil {
		return CartChange{}, err
	}
	c := CartChange{Cart: cart, ProductName: itemName(cart, *p.ProductID), Quantity: quantity}
	c.Message = fmt.Sprintf("Added %d × %s to the cart", quantity, c.ProductName)
	return c, nil
}

// SetCartQuantity sets how many units of a product are in the cart; 0 removes
// it.
func (e *Endpoints) SetCartQuantity(ctx context.Context, by auth.User, p QuantityParams) (CartChange, error) {
	if err := SetCartQuantity.Permit(by); err != nil {
		return CartChange{}, err
	}
	if err := input.Check(p); err != nil {
		return CartChange{}, err
	}
	cart, err := e.d.Orders.SetCartQuantity(ctx, by.ID, *p.ProductID, *p.Quantity)
	if err != nil {
		return CartChange{}, err
	}
	return CartChange{
		Cart: cart, Message: "The cart is updated", ProductName: itemName(cart, *p.ProductID), Quantity: *p.Quantity,
	}, nil
}

// ClearCart empties the cart.
func (e *Endpoints) ClearCart(ctx context.Context, by auth.User) error {
	if err := ClearCart.Permit(by); err != nil {
		return err
	}
	_, err := e.d.Orders.ClearCart(ctx, by.ID)
	return err
}

// tooFew finds the refusal of more units than can be had.
func tooFew(err error) (*orders.Error, bool) {
	var e *orders.Error
	if errors.As(err, &e) && (e.Code == orders.CodeOutOfStock || e.Code == orders.CodeSaleLimit) {
		return e, true
	}
	return nil, false
}

func itemName(cart orders.CartView, id int64) string {
	for _, item := range cart.Items {
		if item.Product.ID == id {
			return item.Product.Name
		}
	}
	return ""
}
