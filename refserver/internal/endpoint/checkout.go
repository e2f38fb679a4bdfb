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
		if e.d.Card == nil {
			return orders.Order{}, problem.Invalid(
				"payment_method", "Card payment is not available. Choose Cash.")
		}
		if request.Token, err = e.d.Card(p.Number, p.Expires, p.Kind); err != nil {
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
	if !errors.As(err, &e) {
		return err
	}
	p := problem.Of(err)
	switch e.Code {
	case orders.CodePaymentDeclined:
		p.Message = DeclineWords(e.Reason)
	case orders.CodePriceChanged:
		p.Message = fmt.Sprintf(
			"The total of your cart was %s and is now %s. Nothing was ordered. "+
				"Check your cart, then place the order again.",
			p.OldTotal.Format(language), p.NewTotal.Format(language))
	default:
		return err
	}
	return &problem.Error{Problem: p}
}

// DeclineWords says why a card was declined and what to do, for the reasons a
// bank gives; docs.stripe.com/declines/codes lists them.
func DeclineWords(reason string) string {
	const kept = " Nothing was charged, and your cart is saved."
	switch reason {
	case "insufficient_funds":
		return "Payment declined: the card has insufficient funds. Use another card or pay cash." + kept
	case "expired_card":
		return "Payment declined: the card has expired. Use another card or pay cash." + kept
	case "incorrect_cvc", "incorrect_number", "invalid_number", "invalid_expiry_month", "invalid_expiry_year":
		return "Payment declined: the card details are incorrect. Check them and try again." + kept
	case "authentication_required":
		return "Payment declined: your bank requires you to confirm this payment, which this page doesn't " +
			"support. Use another card or pay cash." + kept
	}
	return "Payment declined: your bank declined this payment. " +
		"Use another card or pay cash, or contact your bank." + kept
}
