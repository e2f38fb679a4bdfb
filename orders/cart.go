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

// CartView is an open cart at today's prices.
type CartView struct {
	Cart     Cart
	Currency money.Currency
	Items    []CartViewItem // in the order they were added
	Total    int64          // what an order of it would cost now, minor units
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
	Sale           *SaleState // the flash sale it is priced by; nil: none
}

// Cart returns the customer's open cart, priced.
func (s *Service) Cart(ctx context.Context, customerID string) (CartView, error) {
	c, products, err := s.store.Cart(ctx, customerID)
	if err != nil {
		return CartView{}, err
	}
	return s.view(c, products, s.now())
}

// AddToCart puts quantity units of a product in the cart, on top of those
// already there. More than is in stock is CodeOutOfStock, more than a flash sale
// that is on allows CodeSaleLimit, both with Available.
func (s *Service) AddToCart(ctx context.Context, customerID string, productID int64, quantity int) (CartView, error) {
	if err := checkQuantity(quantity); err != nil {
		return CartView{}, err
	}
	return s.changeCart(ctx, customerID, []int64{productID}, func(c *Cart, products map[int64]Product, now time.Time) error {
		have := 0
		if i := c.index(productID); i >= 0 {
			have = c.Items[i].Quantity
		}
		return c.set(products, productID, have+quantity, now)
	})
}

// SetCartQuantity makes the cart hold quantity units of a product; 0 takes
// it out.
func (s *Service) SetCartQuantity(ctx context.Context, customerID string, productID int64, quantity int) (CartView, error) {
	if quantity != 0 {
		if err := checkQuantity(quantity); err != nil {
			return CartView{}, &Error{Code: CodeInvalid, Field: "quantity", Message: fmt.Sprintf("%d is not a quantity; 0 to %d", quantity, MaxQuantity)}
		}
	}
	return s.changeCart(ctx, customerID, []int64{productID}, func(c *Cart, products map[int64]Product, now time.Time) error {
		return c.set(products, productID, quantity, now)
	})
}

// ClearCart empties the customer's cart.
func (s *Service) ClearCart(ctx context.Context, customerID string) (CartView, error) {
	return s.changeCart(ctx, customerID, nil, func(c *Cart, _ map[int64]Product, _ time.Time) error {
		c.Items = nil
		return nil
	})
}

func (s *Service) changeCart(ctx context.Context, customerID string, productIDs []int64, change func(*Cart, map[int64]Product, time.Time) error) (CartView, error) {
	if customerID == "" {
		return CartView{}, &Error{Code: CodeInvalid, Field: "customer", Message: "a cart belongs to a customer; the id is empty"}
	}
	var found map[int64]Product
	now := s.now()
	c, err := s.store.UpdateCart(ctx, customerID, s.cfg.NewID(), productIDs, func(c *Cart, products map[int64]Product) error {
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
	return s.view(c, found, now)
}

func (c *Cart) index(productID int64) int {
	return slices.IndexFunc(c.Items, func(it CartItem) bool { return it.ProductID == productID })
}

func (c *Cart) set(products map[int64]Product, productID int64, quantity int, now time.Time) error {
	p, ok := products[productID]
	if !ok {
		return &Error{Code: CodeNotFound, Field: "product_id", Message: fmt.Sprintf("there is no product %d", productID), ProductID: productID}
	}
	i := c.index(productID)
	if quantity == 0 {
		if i >= 0 {
			c.Items = slices.Delete(c.Items, i, i+1)
		}
		return nil
	}
	if err := checkQuantity(quantity); err != nil {
		return err
	}
	if err := p.checkAvailable(quantity, now); err != nil {
		return err
	}
	if i >= 0 {
		c.Items[i].Quantity = quantity
		return nil
	}
	if len(c.Items) >= maxCartItems {
		return &Error{Code: CodeInvalid, Field: "cart", Message: fmt.Sprintf("the cart holds %d different products; that is the most", maxCartItems)}
	}
	c.Items = append(c.Items, CartItem{ProductID: productID, Quantity: quantity})
	return nil
}

func outOfStock(p Product, wanted int) error {
	return &Error{Code: CodeOutOfStock, Field: "quantity", ProductID: p.ID, Available: p.Stock,
		Message: fmt.Sprintf("%d of %s asked for, %d in stock", wanted, p.Name, p.Stock)}
}

// items pairs the cart's items with their products and the flash sales that
// are on.
func (c Cart) items(products map[int64]Product, at time.Time) ([]Item, error) {
	items := make([]Item, len(c.Items))
	for i, it := range c.Items {
		p, ok := products[it.ProductID]
		if !ok {
			return nil, &Error{Code: CodeNotFound, Field: "product_id", ProductID: it.ProductID, Message: fmt.Sprintf("the cart holds product %d, which does not exist", it.ProductID)}
		}
		items[i] = Item{Product: p, Quantity: it.Quantity}
		if sale := p.SaleAt(at); sale != nil {
			items[i].Sale = &sale.FlashSale
		}
	}
	return items, nil
}

func (s *Service) view(c Cart, products map[int64]Product, at time.Time) (CartView, error) {
	items, err := c.items(products, at)
	if err != nil {
		return CartView{}, err
	}
	lines, err := Price(items, s.cfg.Pricing)
	if err != nil {
		return CartView{}, err
	}
	v := CartView{Cart: c, Currency: s.cfg.Currency, Items: make([]CartViewItem, len(lines))}
	for i, l := range lines {
		v.Items[i] = CartViewItem{
			Product: items[i].Product, Quantity: l.Quantity,
			UnitList: l.UnitList, UnitDiscounted: l.UnitList - l.UnitDiscount,
			Subtotal: l.Paid.Price, Shipping: l.Paid.Shipping, Duty: l.Paid.Duty,
			Available: items[i].Product.AvailableAt(at), Sale: items[i].Product.SaleAt(at),
		}
		v.Total += l.Paid.Total()
	}
	return v, nil
}
