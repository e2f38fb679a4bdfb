package money

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/bojanz/currency"
)

// Currency is an ISO 4217 code in upper case, such as "USD".
type Currency string

// ParseCurrency returns the currency with the code, in any case.
func ParseCurrency(code string) (Currency, error) {
	c := strings.ToUpper(strings.TrimSpace(code))
	if c == "" || !currency.IsValid(c) { // the package takes "" for the currency of a zero amount
		return "", &Error{
			Code:    CodeInvalid,
			Field:   "currency",
			Message: "\"" + code + "\" is not an ISO 4217 currency code, such as USD",
		}
	}
	return Currency(c), nil
}

// Digits is the number of decimals: JPY 0, USD 2, KWD 3; 2 for an unknown code.
func (c Currency) Digits() int {
	d, ok := currency.GetDigits(string(c))
	if !ok {
		return 2
	}
	return int(d)
}

// Money is an amount in minor units of a currency. It is immutable and
// comparable with ==. The zero value is nothing of no currency. All
// arithmetic is checked: a result beyond int64 is CodeOverflow, two
// currencies in one operation are CodeCurrencyMismatch.
type Money struct {
	minor    int64
	currency Currency
}

// New returns minor units of the currency: New(1050, "USD") is
// 10.50 dollars, New(1050, "JPY") is 1050 yen.
func New(minor int64, c Currency) Money { return Money{minor: minor, currency: c} }

// Parse reads a decimal number such as "1110", "-3.5" or "19.99". It is
// exact: a number with more decimals than the currency has is refused, also
// when they are zero, and so are exponents, separators and blanks.
func Parse(decimal string, c Currency) (Money, error) {
	minor, err := parse(decimal, c.Digits(), string(c))
	if err != nil {
		return Money{}, err
	}
	return New(minor, c), nil
}

// ParseDecimal reads a decimal number with at most digits decimals as a count of
// its smallest unit: a discount of "12.5" percent at two digits is 1250. It is
// as exact as Parse.
func ParseDecimal(decimal string, digits int) (int64, error) {
	return parse(decimal, digits, "it")
}

// parse reads a decimal number; what says who has at most digits decimals.
func parse(decimal string, digits int, what string) (int64, error) {
	s, negative := decimal, false
	if strings.HasPrefix(s, "-") {
		s, negative = s[1:], true
	}
	whole, fraction, dot := strings.Cut(s, ".")
	if whole == "" || !isDigits(whole) || !isDigits(fraction) || dot && fraction == "" {
		return 0, &Error{Code: CodeInvalid, Field: "amount",
			Message: fmt.Sprintf("%s is not a decimal number such as %s", quoted(decimal), FormatDecimal(1050, digits))}
	}
	if len(fraction) > digits {
		return 0, &Error{Code: CodeInvalid, Field: "amount",
			Message: fmt.Sprintf("%s has %d decimals; %s has at most %d", quoted(decimal), len(fraction), what, digits)}
	}
	text := whole + fraction + strings.Repeat("0", digits-len(fraction))
	if negative {
		text = "-" + text
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, &Error{Code: CodeOverflow, Field: "amount",
			Message: fmt.Sprintf(
				"%s is out of range; at most %s", quoted(decimal), FormatDecimal(math.MaxInt64, digits))}
	}
	return n, nil
}

func isDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// quoted is s in quotes, cut so that a message stays readable.
func quoted(s string) string {
	const most = 40
	if len(s) > most {
		return strconv.Quote(s[:most]) + "..."
	}
	return strconv.Quote(s)
}

// Minor is the amount in minor units.
func (m Money) Minor() int64 { return m.minor }

// Currency is the currency of the amount.
func (m Money) Currency() Currency { return m.currency }

// IsZero reports whether the amount is zero, in whatever currency.
func (m Money) IsZero() bool { return m.minor == 0 }

// Sign is -1, 0 or 1.
func (m Money) Sign() int {
	switch {
	case m.minor < 0:
		return -1
	case m.minor > 0:
		return 1
	}
	return 0
}

// Add returns m + n.
func (m Money) Add(n Money) (Money, error) {
	if err := m.same(n); err != nil {
		return Money{}, err
	}
	sum, err := Add(m.minor, n.minor)
	return Money{minor: sum, currency: m.currency}.orZero(err), err
}

// Sub returns m - n.
func (m Money) Sub(n Money) (Money, error) {
	if err := m.same(n); err != nil {
		return Money{}, err
	}
	d := m.minor - n.minor
	if (d < m.minor) != (n.minor > 0) {
		return Money{}, overflow("difference")
	}
	return Money{minor: d, currency: m.currency}, nil
}

// Mul returns m times n, a number of units.
func (m Money) Mul(n int64) (Money, error) {
	p, err := Mul(m.minor, n)
	return Money{minor: p, currency: m.currency}.orZero(err), err
}

// Neg returns -m.
func (m Money) Neg() (Money, error) { return m.Mul(-1) }

// Cmp returns -1, 0 or 1 as m is less than, equal to or more than n.
func (m Money) Cmp(n Money) (int, error) {
	if err := m.same(n); err != nil {
		return 0, err
	}
	switch {
	case m.minor < n.minor:
		return -1, nil
	case m.minor > n.minor:
		return 1, nil
	}
	return 0, nil
}

// Decimal is the plain number with all decimals of the currency, such as
// "1110.00" or "-0.05": what JSON carries (as a json.Number) and Parse reads.
func (m Money) Decimal() string { return FormatMinor(m.minor, m.currency) }

// FormatMinor is Money.Decimal for an amount that is not a Money.
func FormatMinor(minor int64, c Currency) string { return FormatDecimal(minor, c.Digits()) }

// FormatDecimal writes n, a count of the smallest unit, with digits decimals:
// 1250 at two digits is "12.50". The result is a JSON number, and ParseDecimal
// reads it.
func FormatDecimal(n int64, digits int) string {
	sign, u := "", uint64(n)
	if n < 0 {
		sign, u = "-", -u
	}
	text := strconv.FormatUint(u, 10)
	if digits == 0 {
		return sign + text
	}
	if len(text) <= digits {
		text = strings.Repeat("0", digits-len(text)+1) + text
	}
	cut := len(text) - digits
	return sign + text[:cut] + "." + text[cut:]
}

// String is the decimal and the currency code, such as "1110.00 USD".
func (m Money) String() string {
	if m.currency == "" {
		return m.Decimal()
	}
	return m.Decimal() + " " + string(m.currency)
}

// Format is the amount as people of the locale write it, such as "$1,110.00"
// for "en" or "1.110,00 $" for "de". A currency that is not of ISO 4217 is
// written as String does.
func (m Money) Format(locale string) string {
	a, err := currency.NewAmountFromInt64(m.minor, string(m.currency))
	if err != nil {
		return m.String()
	}
	return currency.NewFormatter(currency.NewLocale(locale)).Format(a)
}

func (m Money) same(n Money) error {
	if m.currency != n.currency {
		return &Error{Code: CodeCurrencyMismatch, Field: "currency",
			Message: fmt.Sprintf("%q and %q can't be in one sum", string(m.currency), string(n.currency))}
	}
	return nil
}

func (m Money) orZero(err error) Money {
	if err != nil {
		return Money{}
	}
	return m
}

func overflow(what string) error {
	return &Error{
		Code:    CodeOverflow,
		Field:   "amount",
		Message: "the " + what + " is out of the range of int64 minor units",
	}
}

func Add(a, b int64) (int64, error) {
	s := a + b
	if (s > a) != (b > 0) {
		return 0, overflow("sum")
	}
	return s, nil
}

func Mul(a, b int64) (int64, error) {
	if a == 0 || b == 0 {
		return 0, nil
	}
	p := a * b
	if p/b != a || (a == -1 && b == math.MinInt64) || (b == -1 && a == math.MinInt64) {
		return 0, overflow("product")
	}
	return p, nil
}
