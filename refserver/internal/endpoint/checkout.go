package endpoint

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// CheckoutParams is what buys the cart. The card's number ends here: it becomes
// a payment method of the provider, and is neither kept nor repeated.
type CheckoutParams struct {
	CartID string `json:"cart_id"` // empty: the open cart
	// Total is what the buyer was shown for the whole cart, in Currency: the form
	// carries it, a script may leave it out.
	Total    *input.Number `json:"total"`
	Currency string        `json:"currency"`
	Method   string        `json:"payment_method" validate:"word=Cash Card"`
	Number   string        `json:"card_number"`
	Expires  string        `json:"card_exp_date"`
	Kind     string        `json:"card_type"`
	// Key is the Idempotency-Key, which orders keeps too: a crash between the
	// order and its answer makes no second order.
	Key string `json:"Idempotency-Key"`
}

// Checkout orders the cart. An order whose charge is not certain yet is queued.
// A refusal says what to do and keeps the cart.
func (e *Endpoints) Checkout(ctx context.Context, by auth.User, p CheckoutParams) (orders.Order, error) {
	if err := Checkout.Permit(by); err != nil {
		return orders.Order{}, err
	}
	request := orders.CheckoutRequest{Customer: actor(by), CartID: p.CartID, IdempotencyKey: p.Key, Source: "web"}
	var err error
	if request.Total, err = e.consent(p.Total, p.Currency); err != nil {
		return orders.Order{}, err
	}
	if err := input.Check(p); err != nil {
		return orders.Order{}, err
	}
	if request.Method = payment.Cash; strings.EqualFold(p.Method, "card") {
		request.Method = payment.Card
		if request.Token, request.OnPage, err = e.card(p); err != nil {
			return orders.Order{}, err
		}
	}
	o, err := e.d.Orders.Checkout(ctx, request)
	return o, explainCheckout(err)
}

// consent reads the total that a buyer was shown; the zero value where they
// were shown none.
func (e *Endpoints) consent(total *input.Number, code string) (money.Money, error) {
	if total == nil {
		return money.Money{}, nil
	}
	currency := e.d.Currency
	if code != "" {
		var err error
		if currency, err = money.ParseCurrency(code); err != nil {
			return money.Money{}, problem.Mistaken(problem.Mistake{Field: "currency", Text: fmt.Sprintf(
				" is %q; it must be the code of a currency, such as %s.", input.Clip(code), e.d.Currency)})
		}
	}
	shown, err := money.Parse(total.String(), currency)
	if err != nil || shown.Sign() < 0 {
		return money.Money{}, problem.Mistaken(amountMistake("total", "", total.String(), currency))
	}
	return shown, nil
}

// amountMistake says that a field holds no amount of the currency.
func amountMistake(field, label, text string, c money.Currency) problem.Mistake {
	return problem.Mistake{Field: field, Label: label, Text: fmt.Sprintf(
		" is %q; it must be a number of %s with at most %d decimals.", input.Clip(text), c, c.Digits())}
}

// explainCheckout gives a refused checkout its words. The problem keeps its
// status, its code and its totals.
func explainCheckout(err error) error {
	var e *orders.Error
	if !errors.As(err, &e) || e.Code != orders.CodePriceChanged {
		return err
	}
	p := problem.Of(err)
	p.Message = fmt.Sprintf(
		"The total of your cart was %s and is now %s. Nothing was ordered. "+
			"Check your cart, then place the order again.",
		p.OldTotal.Format(language), p.NewTotal.Format(language))
	return &problem.Error{Problem: p}
}
