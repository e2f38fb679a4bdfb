package orders

import (
	"fmt"
	"slices"
	"strings"

	"github.com/returnkit/returnkit/orders/money"
)

var (
	statuses        = []Status{StatusSubmitted, StatusQueued, StatusCompleted, StatusCanceled}
	paymentStatuses = []PaymentStatus{
		PaymentPending,
		PaymentUnknown,
		PaymentCaptured,
		PaymentDeclined,
		PaymentCanceled,
	}
)

// validate reports the first field of the order that no order has, as
// CodeInvalid. A store calls it before it saves, so that an order that was not
// made by NewOrder and changed by its methods is refused by every store alike.
func (o *Order) validate() error {
	for _, f := range []struct{ name, value string }{
		{"id", o.ID}, {"number", o.Number}, {"customer", o.CustomerID}, {"payment", o.Payment.ID},
	} {
		if f.value == "" {
			return &Error{Code: CodeInvalid, Field: f.name, Message: "it is empty"}
		}
	}
	if err := checkCurrency("currency", o.Currency); err != nil {
		return err
	}
	if !slices.Contains(statuses, o.Status) {
		return &Error{
			Code:    CodeInvalid,
			Field:   "status",
			Message: fmt.Sprintf("%s is not a status; allowed is %v", quoted(string(o.Status)), statuses),
		}
	}
	if !slices.Contains(paymentStatuses, o.Payment.Status) {
		return &Error{
			Code:  CodeInvalid,
			Field: "payment",
			Message: fmt.Sprintf("%s is not a status; allowed is %v", quoted(string(o.Payment.Status)),
				paymentStatuses),
		}
	}
	if err := checkStoredMethod(o.Payment.Method); err != nil {
		return err
	}
	if o.PlacedAt.IsZero() {
		return &Error{Code: CodeInvalid, Field: "placed_at", Message: "it is unset; an order is placed at an instant"}
	}
	amount, err := checkLines(o.Lines)
	if err != nil {
		return err
	}
	if o.Payment.Amount != amount-o.Credit.Amount {
		return &Error{
			Code:  CodeInvalid,
			Field: "payment",
			Message: fmt.Sprintf("it is %d minor units and store credit pays %d, the lines sum to %d",
				o.Payment.Amount, o.Credit.Amount, amount),
		}
	}
	return checkParts(o.Credit.Amount, o.Credit.PaymentID, o.Payment.Amount, o.Payment.Method)
}

// checkLines reports the first line that can't be in an order, and returns
// what all lines are paid.
func checkLines(lines []Line) (int64, error) {
	if len(lines) == 0 {
		return 0, &Error{Code: CodeCartEmpty, Field: "lines", Message: "there is nothing to order"}
	}
	var amount int64
	for i, l := range lines {
		if l.ID == "" || l.Paid.Price < 0 || l.Paid.Duty < 0 || l.Paid.Shipping < 0 {
			return 0, &Error{
				Code:    CodeInvalid,
				Field:   "lines",
				Message: fmt.Sprintf("line %d has no id, or a negative amount", i+1),
			}
		}
		if err := checkQuantity(l.Quantity); err != nil {
			return 0, err
		}
		for _, part := range []int64{l.Paid.Price, l.Paid.Duty, l.Paid.Shipping} {
			var err error
			if amount, err = money.Add(amount, part); err != nil {
				return 0, err
			}
		}
	}
	return amount, nil
}

// currencyList names currencies for a message.
func currencyList(currencies []money.Currency) string {
	names := make([]string, len(currencies))
	for i, c := range currencies {
		names[i] = string(c)
	}
	return strings.Join(names, ", ")
}

func checkCurrency(field string, c money.Currency) error {
	if p, err := money.ParseCurrency(string(c)); err != nil || p != c {
		return &Error{
			Code:    CodeInvalid,
			Field:   field,
			Message: fmt.Sprintf("%q is not an ISO 4217 currency code in upper case, such as USD", string(c)),
		}
	}
	return nil
}
