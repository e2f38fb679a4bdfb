package purchase

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// maxID and maxText bound ids and names, in characters.
const (
	maxID   = 255
	maxText = 1000
)

// Check returns nil for a purchase that returns and refunds can work on, else
// an *Error for each field that is wrong, joined.
//
// providerMethods are the payment methods that go through a provider; none
// means payment.Card alone. Cash and store credit are always allowed.
//
// Payments that captured less than the lines were paid are no error: the money
// may still arrive, and until it does the policy refuses the return.
func (p Purchase) Check(providerMethods ...payment.Method) error {
	c := &checker{}
	c.id("OrderID", p.OrderID)
	c.id("CustomerID", p.CustomerID)
	c.text("TermsID", p.TermsID, maxID)
	if !slices.Contains([]Status{Open, Completed, Canceled}, p.Status) {
		c.bad("Status", "It is %s; %s, %s or %s is allowed.", quoted(string(p.Status)), Open, Completed, Canceled)
	}
	currency := c.currency("Currency", p.Currency)
	if p.PlacedAt.IsZero() {
		c.bad("PlacedAt", "It is not set; it must be when the order was placed.")
	}
	total, fits := c.lines(p, currency)
	captured, sums := c.payments(p, providerMethods)
	if fits && sums && captured > total {
		c.bad("Payments", "They captured %s, but the lines were paid %s; the two must be equal.",
			money.New(captured, p.Currency), money.New(total, p.Currency))
	}
	return errors.Join(c.errs...)
}

// Check returns nil for a restock that can be executed, else an *Error for
// each field that is wrong, joined.
func (r Restock) Check() error {
	c := &checker{}
	c.id("Ref", r.Ref)
	c.id("ProductID", r.ProductID)
	c.quantity("Quantity", r.Quantity)
	return errors.Join(c.errs...)
}

// checker collects what is wrong.
type checker struct{ errs []error }

func (c *checker) bad(field, format string, args ...any) {
	c.errs = append(c.errs, &Error{Field: field, Message: fmt.Sprintf(format, args...)})
}

// lines checks the lines; it returns their sum, and whether there is one.
func (c *checker) lines(p Purchase, currency bool) (sum int64, ok bool) {
	if len(p.Lines) == 0 {
		c.bad("Lines", "There is none; an order has one or more.")
	}
	ok = true
	seen := map[string]bool{}
	for i, l := range p.Lines {
		field := "Lines[" + strconv.Itoa(i) + "]."
		c.id(field+"ID", l.ID)
		c.id(field+"ProductID", l.ProductID)
		c.text(field+"Name", l.Name, maxText)
		c.text(field+"Category", l.Category, maxText)
		c.quantity(field+"Quantity", l.Quantity)
		if seen[l.ID] && l.ID != "" {
			c.bad(field+"ID", "%s is the id of an earlier line; each line of an order needs its own.", quoted(l.ID))
		}
		seen[l.ID] = true
		switch {
		case l.Paid.Currency == "":
			c.bad(field+"Paid", "It is not set; an amount with its currency is needed, also when it is zero.")
		case currency && l.Paid.Currency != p.Currency:
			c.bad(
				field+"Paid.Currency", "It is %s, but the order is in %s.", quoted(string(l.Paid.Currency)), p.Currency,
			)
		}
		for _, part := range []struct {
			name  string
			minor int64
		}{{"Price", l.Paid.Price}, {"Duty", l.Paid.Duty}, {"Shipping", l.Paid.Shipping}} {
			sum, ok = c.add(field+"Paid."+part.name, sum, part.minor, ok)
		}
	}
	return sum, ok
}

// payments checks the payments; it returns their sum, and whether there is one.
func (c *checker) payments(p Purchase, provider []payment.Method) (sum int64, ok bool) {
	if len(p.Payments) == 0 {
		c.bad("Payments", "There is none; an order has one or more, also when nothing was to be paid.")
	}
	if len(provider) == 0 {
		provider = []payment.Method{payment.Card}
	}
	allowed := append(slices.Clone(provider), payment.Cash, payment.StoreCredit)
	ok = true
	seen := map[string]bool{}
	for i, pay := range p.Payments {
		field := "Payments[" + strconv.Itoa(i) + "]."
		c.id(field+"ID", pay.ID)
		if seen[pay.ID] && pay.ID != "" {
			c.bad(field+"ID", "%s is the id of an earlier payment; each needs its own.", quoted(pay.ID))
		}
		seen[pay.ID] = true
		if !slices.Contains(allowed, pay.Method) {
			c.bad(field+"Method", "It is %s; it must be one of %s.", quoted(string(pay.Method)), list(allowed))
		}
		c.text(field+"ProviderID", pay.ProviderID, maxID)
		if slices.Contains(provider, pay.Method) && pay.ProviderID == "" && pay.Captured > 0 {
			c.bad(field+"ProviderID", "It is empty; a payment by %s needs the provider's id of it.", pay.Method)
		}
		sum, ok = c.add(field+"Captured", sum, pay.Captured, ok)
	}
	return sum, ok
}

// add adds an amount to a sum that is ok so far.
func (c *checker) add(field string, sum, minor int64, ok bool) (int64, bool) {
	switch {
	case minor < 0:
		c.bad(field, "It is %d minor units; 0 or more are allowed.", minor)
		return sum, false
	case ok && minor > math.MaxInt64-sum:
		c.bad(field, "With it the sum is more than %d minor units.", int64(math.MaxInt64))
		return sum, false
	}
	return sum + minor, ok
}

func (c *checker) currency(field string, value money.Currency) bool {
	if value == "" {
		c.bad(field, "It is empty; an ISO 4217 code in upper case is needed, such as USD.")
		return false
	}
	if parsed, err := money.ParseCurrency(string(value)); err != nil || parsed != value {
		c.bad(field, "It is %s; an ISO 4217 code in upper case is needed, such as USD.", quoted(string(value)))
		return false
	}
	return true
}

func (c *checker) quantity(field string, n int) {
	if n < 1 || n > maxQuantity {
		c.bad(field, "It is %d; 1 to %d are allowed.", n, maxQuantity)
	}
}

func (c *checker) id(field, value string) {
	if value == "" {
		c.bad(field, "It is empty; 1 to %d characters are needed.", maxID)
		return
	}
	c.text(field, value, maxID)
}

func (c *checker) text(field, value string, limit int) {
	if problem := CheckText(value, limit); problem != "" {
		c.bad(field, "%s", problem)
	}
}

// CheckText returns what is wrong with a text of up to limit characters, as a
// sentence, or "" if nothing is: it must be UTF-8 without NUL, which is what every
// database can hold.
func CheckText(value string, limit int) string {
	if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		return "It is not text; UTF-8 without NUL is allowed."
	}
	if n := utf8.RuneCountInString(value); n > limit {
		return fmt.Sprintf("It has %d characters; at most %d are allowed.", n, limit)
	}
	return ""
}

func list(methods []payment.Method) string {
	out := make([]string, len(methods))
	for i, m := range methods {
		out[i] = string(m)
	}
	return strings.Join(out, ", ")
}

// quoted returns s in quotes, cut so that a message stays readable.
func quoted(s string) string {
	const limit = 40
	if r := []rune(s); len(r) > limit {
		return strconv.Quote(string(r[:limit])) + "..."
	}
	return strconv.Quote(s)
}
