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
	// Credit is how much store credit pays first, in Currency: an amount, or all.
	Credit string `json:"store_credit"`
	// Method pays the rest; it may be empty where there is none.
	Method  string `json:"payment_method"`
	Number  string `json:"card_number"`
	Expires string `json:"card_exp_date"`
	Kind    string `json:"card_type"`
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
	if err := e.askCredit(by, p, &request); err != nil {
		return orders.Order{}, err
	}
	if err := e.askMethod(p, &request); err != nil {
		return orders.Order{}, err
	}
	o, err := e.d.Orders.Checkout(ctx, request)
	if request.Method == payment.Card && request.Token == "" && !request.OnPage && isField(err, "token") {
		_, err = e.d.Card(p.Number, p.Expires, p.Kind) // it was needed after all; says what is wrong with it
	}
	if p.Method == "" && isField(err, "payment_method") {
		err = input.Check(methodParams{p.Method})
	}
	return o, explainCheckout(err)
}

// askMethod reads what pays the order, or what store credit leaves of it. A card
// that is not needed then may be left out.
func (e *Endpoints) askMethod(p CheckoutParams, r *orders.CheckoutRequest) error {
	credit := r.AllCredit || !r.Credit.IsZero()
	if p.Method == "" {
		return nil // orders knows whether anything is left to pay
	}
	if err := input.Check(methodParams{p.Method}); err != nil {
		return err
	}
	if r.Method = payment.Cash; !strings.EqualFold(p.Method, "card") {
		return nil
	}
	r.Method = payment.Card
	if credit && p.Number == "" && e.d.Card != nil && !e.d.CardPage {
		return nil
	}
	var err error
	r.Token, r.OnPage, err = e.card(p)
	return err
}

// methodParams is the payment method alone, which is checked where it pays.
type methodParams struct {
	Method string `json:"payment_method" validate:"word=Cash Card"`
}

// isField reports whether err is a refusal of package orders about the field.
func isField(err error, field string) bool {
	var e *orders.Error
	return errors.As(err, &e) && e.Code == orders.CodeInvalid && e.Field == field
}

// consent reads the total that a buyer was shown; the zero value where they
// were shown none.
func (e *Endpoints) consent(total *input.Number, code string) (money.Money, error) {
	if total == nil {
		return money.Money{}, nil
	}
	currency, err := e.currency(code)
	if err != nil {
		return money.Money{}, err
	}
	shown, err := money.Parse(total.String(), currency)
	if err != nil || shown.Sign() < 0 {
		return money.Money{}, problem.Mistaken(amountMistake("total", "", total.String(), currency))
	}
	return shown, nil
}

// currency reads the code of a currency; the shop's where there is none.
func (e *Endpoints) currency(code string) (money.Currency, error) {
	if code == "" {
		return e.d.Currency, nil
	}
	c, err := money.ParseCurrency(code)
	if err != nil {
		return "", problem.Mistaken(problem.Mistake{Field: "currency", Text: fmt.Sprintf(
			" is %q; it must be the code of a currency, such as %s.", input.Clip(code), e.d.Currency)})
	}
	return c, nil
}

// creditMistake says that a text is no amount of store credit.
func creditMistake(text string, c money.Currency) error {
	return problem.Mistaken(problem.Mistake{Field: "store_credit", Label: "Store credit", Text: fmt.Sprintf(
		" is %q; it must be all, or a number of %s with at most %d decimals.", input.Clip(text), c, c.Digits())})
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
	case orders.CodePriceChanged:
		p.Message = fmt.Sprintf(
			"The total of your cart was %s and is now %s. Nothing was ordered. "+
				"Check your cart, then place the order again.",
			p.OldTotal.Format(language), p.NewTotal.Format(language))
	case orders.CodeCreditTooLow:
		p.Message = fmt.Sprintf(
			"Your store credit can pay %s of this order. Nothing was ordered. "+
				"Choose how to pay the rest, then place the order again.", p.Credit.Format(language))
	case orders.CodeAmountNotChargeable:
		what, how := "What your store credit leaves", "Change the store credit, or pay in cash."
		if e.Field != "store_credit" {
			what, how = "The total of your cart", "Change your cart, or pay in cash."
		}
		p.Message = what + " can't be charged to a card. " + nearest(p.Nearest) + "Nothing was ordered. " + how
	default:
		return err
	}
	return &problem.Error{Problem: p}
}

// nearest says which amounts can be charged instead; nothing where there is none.
func nearest(amounts []money.Money) string {
	switch len(amounts) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("The nearest amount that can be is %s. ", amounts[0].Format(language))
	}
	return fmt.Sprintf("The nearest amounts that can be are %s and %s. ", amounts[0].Format(language),
		amounts[1].Format(language))
}
