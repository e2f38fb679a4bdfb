package endpoint

import (
	"context"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// card is how a checkout pays by card: with the provider's payment method that the
// card form stands for, or on the provider's page.
func (e *Endpoints) card(p CheckoutParams) (token string, onPage bool, err error) {
	switch {
	case e.d.CardPage && p.Number == "":
		return "", true, nil
	case e.d.Card == nil && e.d.CardPage:
		return "", false, problem.Invalid("card_number",
			"This shop does not accept card numbers. Leave the number out; you enter it on the payment "+
				"provider's page.")
	case e.d.Card == nil:
		return "", false, problem.Invalid("payment_method", "Card payment is not available. Choose Cash.")
	}
	token, err = e.d.Card(p.Number, p.Expires, p.Kind)
	return token, false, err
}

// CheckPayment looks the payment of an order of who asks up, when they come back
// from the provider's page. Somebody else's does not exist.
func (e *Endpoints) CheckPayment(ctx context.Context, by auth.User, id string) (orders.Order, error) {
	if err := CheckPayment.Permit(by); err != nil {
		return orders.Order{}, err
	}
	o, err := e.order(ctx, id, func(o orders.Order) bool { return o.CustomerID == by.ID })
	if err != nil || !o.Payment.OnPage() {
		return o, err
	}
	return e.d.Orders.CheckPayment(ctx, o.ID)
}
