package web

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
)

func (s *server) cartRoutes() {
	s.member("GET /cart", s.cartPage)
}

// cartForm is the cart with the form that orders it.
type cartForm struct {
	orders.CartView
	Lines    []cartLine
	Shown    string // the total, as the form sends it back
	CardForm bool
	CardPage bool   // the card is entered on the provider's page
	Method   string // the method chosen before a problem
	Expires  string // an example of a month that a card expires in
	Credit   creditForm
}

// cartLine is one product of the cart, in words.
type cartLine struct {
	orders.CartViewItem
	Price   string // of all units
	Details string // quantity, price of one, fees
}

// cartForm reads the customer's cart.
func (s *server) cartForm(r *http.Request, method string) (cartForm, error) {
	cart, err := s.Endpoints.Cart(r.Context(), user(r))
	if err != nil {
		return cartForm{}, err
	}
	form := cartForm{
		CartView: cart, Shown: money.New(cart.Total, cart.Currency).Decimal(), Method: method,
		CardForm: s.CardForm, CardPage: s.CardPage != "",
		Expires: fmt.Sprintf("12/%d", s.Now().Year()+3),
	}
	if form.Credit, err = s.creditForm(r, cart); err != nil {
		return cartForm{}, err
	}
	for _, item := range cart.Items {
		form.Lines = append(form.Lines, cartLine{
			CartViewItem: item, Price: amount(item.Subtotal, cart.Currency), Details: lineDetails(item, cart.Currency),
		})
	}
	return form, nil
}

// lineDetails says how the price of a line comes about.
func lineDetails(i orders.CartViewItem, c money.Currency) string {
	each := fmt.Sprintf("%d × %s", i.Quantity, amount(i.UnitDiscounted, c))
	if i.UnitBeyond != 0 {
		each = fmt.Sprintf("%d × %s in the flash sale, the others %s each",
			i.AtSale, amount(i.UnitDiscounted, c), amount(i.UnitBeyond, c))
	}
	parts := []string{each}
	if i.Shipping != 0 {
		parts = append(parts, "shipping "+amount(i.Shipping, c))
	}
	if i.Duty != 0 {
		parts = append(parts, "import duty "+amount(i.Duty, c))
	}
	return strings.Join(parts, " · ")
}

// Button names what placing the order does.
func (f cartForm) Button() string { return "Place order for " + amount(f.Total, f.Currency) }

func (s *server) cartPage(w http.ResponseWriter, r *http.Request) error {
	form, err := s.cartForm(r, "")
	if err != nil {
		return err
	}
	return s.page(w, r, "cart", "Cart", form)
}

// cartUnits is how many units the cart of the page's reader holds, for the header. A cart
// that can't be read is not shown: the page itself is what was asked.
func (s *server) cartUnits(r *http.Request, body any) int {
	var cart orders.CartView
	switch b := body.(type) {
	case receiptBody:
		if r.Method == http.MethodPost {
			return 0 // the cart has just become this order
		}
		return s.unitsIn(r)
	case cartForm:
		cart = b.CartView
	case storefrontBody:
		cart = b.Cart.CartView
	default:
		return s.unitsIn(r)
	}
	return unitsOf(cart)
}

// unitsIn reads how many units the cart of the page's reader holds.
func (s *server) unitsIn(r *http.Request) int {
	cart, err := s.Endpoints.Cart(r.Context(), user(r))
	if err != nil {
		s.Log.DebugContext(r.Context(), "cart not counted", "error", err.Error())
	}
	return unitsOf(cart)
}

func unitsOf(cart orders.CartView) int {
	units := 0
	for _, item := range cart.Items {
		units += item.Quantity
	}
	return units
}
