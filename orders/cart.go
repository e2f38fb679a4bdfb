package orders

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders/money"
)

// maxCartItems is how many different products one cart holds.
const maxCartItems = 200

// CartView is an open cart at today's prices. Every cart has one: what can't be
// ordered is shown with its problem, so that the customer can mend it.
type CartView struct {
	Cart     Cart
	Currency money.Currency // the currency of its products; of an empty cart, the service's
	Items    []CartViewItem // in the order they were added
	Total    int64          // what the items that can be priced would cost now, minor units
	Problem  *Error         // why the cart as a whole can't be priced; nil: it can
}

// CartViewItem is one product of a cart, priced. Amounts are minor units.
type CartViewItem struct {
	Product        Product
	Quantity       int
	UnitList       int64      // list price of one unit
	UnitDiscounted int64      // of one unit, after the discount of the product or the flash sale
	Subtotal       int64      // of all units, after discounts
	Shipping       int64      // of all units
	Duty           int64      // of all units
	Available      int        // units the customer can have, see Product.AvailableAt
	Sale           *SaleState // the flash sale that units are priced by; nil: none
	AtSale         int        // units within the caps of Sale
	UnitBeyond     int64      // price of each unit beyond them, after the discount of the product
	Problem        *Error     // why it can't be ordered; nil: it can
}

// Orderable reports whether an order can be made of the cart now.
func (v CartView) Orderable() bool {
	for _, it := range v.Items {
		if it.Problem != nil {
			return false
		}
	}
	return v.Problem == nil && len(v.Items) > 0
}

// Cart returns the customer's open cart, priced. A cart that can't be ordered is
// no error; see CartView.Problem and CartViewItem.Problem.
func (s *Service) Cart(ctx context.Context, customerID string) (CartView, error) {
	c, products, err := s.store.Cart(ctx, customerID)
	if err != nil {
		return CartView{}, err
	}
	return s.view(c, products, s.now()), nil
}

// AddToCart puts quantity units of a product in the cart, on top of the units
// already there. It returns CodeOutOfStock, with Available, for more than is in
// stock, CodeCurrencyMismatch for a product in another currency than the rest of
// the cart or than the shop sells in, and CodeOverflow where the total can't be
// computed; the cart is unchanged then. Units beyond the caps of a flash sale are
// priced without it.
func (s *Service) AddToCart(ctx context.Context, customerID string, productID int64, quantity int) (CartView, error) {
	if err := checkQuantity(quantity); err != nil {
		return CartView{}, err
	}
	return s.changeCart(ctx, customerID, []int64{productID},
		func(c *Cart, products map[int64]Product, now time.Time) error {
			have := 0
			if i := c.index(productID); i >= 0 {
				have = c.Items[i].Quantity
			}
			return s.set(c, products, productID, have+quantity, now)
		})
}

// SetCartQuantity makes the cart hold quantity units of a product; 0 takes it
// out, whatever is wrong with it. It returns the errors of AddToCart.
func (s *Service) SetCartQuantity(ctx context.Context, customerID string, productID int64,
	quantity int) (CartView, error) {
	if quantity != 0 {
		if err := checkQuantity(quantity); err != nil {
			return CartView{}, &Error{
				Code:    CodeInvalid,
				Field:   "quantity",
				Message: fmt.Sprintf("%d is not a quantity; 0 to %d", quantity, maxQuantity),
			}
		}
	}
	return s.changeCart(ctx, customerID, []int64{productID},
		func(c *Cart, products map[int64]Product, now time.Time) error {
			return s.set(c, products, productID, quantity, now)
		})
}

// ClearCart empties the customer's cart.
func (s *Service) ClearCart(ctx context.Context, customerID string) (CartView, error) {
	return s.changeCart(ctx, customerID, nil, func(c *Cart, _ map[int64]Product, _ time.Time) error {
		c.Items = nil
		return nil
	})
}

func (s *Service) changeCart(ctx context.Context, customerID string, productIDs []int64,
	change func(*Cart, map[int64]Product, time.Time) error) (CartView, error) {
	if customerID == "" {
		return CartView{}, &Error{
			Code:    CodeInvalid,
			Field:   "customer",
			Message: "a cart belongs to a customer; the id is empty",
		}
	}
	var found map[int64]Product
	now := s.now()
	c, err := s.store.UpdateCart(ctx, customerID, s.cfg.NewID(), productIDs,
		func(c *Cart, products map[int64]Product) error {
			found = products
			if err := change(c, products, now); err != nil {
				return err
			}
			c.UpdatedAt = now
			return nil
		})
	if err != nil {
		return CartView{}, err
	}
	return s.view(c, found, now), nil
}

func (c *Cart) index(productID int64) int {
	return slices.IndexFunc(c.Items, func(it CartItem) bool { return it.ProductID == productID })
}

// set changes the quantity of a product. What adds to the cart is refused when
// the product can't be ordered, or the cart no longer priced, after it.
func (s *Service) set(c *Cart, products map[int64]Product, productID int64, quantity int, now time.Time) error {
	i := c.index(productID)
	if quantity == 0 && i >= 0 {
		c.Items = slices.Delete(c.Items, i, i+1)
		return nil
	}
	p, ok := products[productID]
	if !ok {
		return &Error{
			Code:      CodeNotFound,
			Field:     "product_id",
			Message:   fmt.Sprintf("there is no product %d", productID),
			ProductID: productID,
		}
	}
	if quantity == 0 {
		return nil
	}
	if err := checkQuantity(quantity); err != nil {
		return err
	}
	if err := p.checkAvailable(quantity, now); err != nil {
		return err
	}
	if i < 0 && len(c.Items) >= maxCartItems {
		return &Error{
			Code:    CodeInvalid,
			Field:   "cart",
			Message: fmt.Sprintf("the cart holds %d different products; that is the most", maxCartItems),
		}
	}
	if i >= 0 && quantity <= c.Items[i].Quantity {
		c.Items[i].Quantity = quantity
		return nil
	}
	before := s.price(*c, products, now)
	if i < 0 {
		i, c.Items = len(c.Items), append(c.Items, CartItem{ProductID: productID})
	}
	c.Items[i].Quantity = quantity
	after := s.price(*c, products, now)
	switch {
	case after.problems[i] != nil:
		return after.problems[i]
	case after.problem != nil && before.problem == nil:
		return after.problem
	}
	return nil
}
