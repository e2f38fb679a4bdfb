package app

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// testCards are the numbers of https://docs.stripe.com/testing that do not
// behave as others of their brand do.
var testCards = map[string]string{
	"4000000000000002": "pm_card_chargeDeclined",
	"4000000000009995": "pm_card_chargeDeclinedInsufficientFunds",
	"4000000000009987": "pm_card_chargeDeclinedLostCard",
	"4000000000009979": "pm_card_chargeDeclinedStolenCard",
	"4000000000000069": "pm_card_chargeDeclinedExpiredCard",
	"4000000000000119": "pm_card_chargeDeclinedProcessingError",
	"4000000000007726": "pm_card_pendingRefund",
	"4000000000005126": "pm_card_refundFail",
}

// brand is a kind of card with the test payment method that stands for it.
type brand struct{ name, token string }

var (
	visa       = brand{"Visa", "pm_card_visa"}
	mastercard = brand{"Mastercard", "pm_card_mastercard"}
	amex       = brand{"American Express", "pm_card_amex"}
	discover   = brand{"Discover", "pm_card_discover"}
	diners     = brand{"Diners Club", "pm_card_diners"}
	jcb        = brand{"JCB", "pm_card_jcb"}
	unionpay   = brand{"UnionPay", "pm_card_unionpay"}
)

// noBrand are the words of a card_type field that fit every brand.
var noBrand = []string{"", "card", "credit", "creditcard", "debit", "debitcard"}

// brandNames are those that name one, in lower case and without spaces.
var brandNames = map[string]brand{
	"visa": visa, "mastercard": mastercard, "mc": mastercard, "amex": amex, "americanexpress": amex,
	"discover": discover,
	"diners":   diners, "dinersclub": diners, "jcb": jcb, "unionpay": unionpay,
}

// CardToken turns what a card form holds into a test payment method of the
// provider: number (spaces and dashes allowed), expiry MM/YYYY and the name of
// the brand, which may be empty or credit or debit. The number is checked and goes no further:
// it is in no error. The error is a *problem.Error with all that is wrong, at the form's fields.
func CardToken(number, expires, kind string, now time.Time) (string, error) {
	digits, b, wrongNumber := checkNumber(number)
	wrongKind := checkKind(kind, b)
	if err := problem.Join(wrongNumber, wrongKind, checkExpiry(expires, now)); err != nil {
		return "", err
	}
	if token, ok := testCards[digits]; ok {
		return token, nil
	}
	return b.token, nil
}

// checkNumber returns the digits of a card's number and its brand; none of a wrong number.
func checkNumber(number string) (string, brand, error) {
	digits, ok := cardDigits(number)
	if !ok {
		return "", brand{}, problem.Invalid(
			"card_number", "A card number has 12 to 19 digits and nothing else but spaces and dashes")
	}
	if !input.Luhn(digits) {
		return "", brand{}, problem.Invalid(
			"card_number", "That is not a card number; one digit is wrong or missing. Please check it")
	}
	b, ok := brandOf(digits)
	if !ok {
		return "", brand{}, problem.Invalid(
			"card_number",
			"The shop accepts Visa, Mastercard, American Express, Discover, Diners Club, JCB and UnionPay cards; "+
				"this number is none of these",
		)
	}
	return digits, b, nil
}

// checkKind compares the name of a brand with that of the number, where there is one.
func checkKind(kind string, b brand) error {
	word := strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(kind))
	named, known := brandNames[word]
	switch {
	case !known && !slices.Contains(noBrand, word):
		return problem.Invalid(
			"card_type",
			"The card type is Visa, Mastercard, American Express (Amex), Discover, Diners Club, JCB or UnionPay; "+
				"or Credit or Debit, or left out",
		)
	case known && b != (brand{}) && named != b:
		return problem.Invalid(
			"card_type",
			fmt.Sprintf("The number is that of a %s card, not %s. Please check both", b.name, named.name),
		)
	}
	return nil
}

// cardDigits returns the digits of a card number as people type it.
func cardDigits(s string) (string, bool) {
	if len(s) > 64 {
		return "", false
	}
	var digits []byte
	for _, c := range []byte(s) {
		switch {
		case '0' <= c && c <= '9':
			digits = append(digits, c)
		case c == ' ' || c == '-':
		default:
			return "", false
		}
	}
	return string(digits), 12 <= len(digits) && len(digits) <= 19
}

// brandOf returns the brand by the first digits, as the card networks publish them.
func brandOf(digits string) (brand, bool) {
	first := func(n int) int {
		v := 0
		for _, c := range []byte(digits[:n]) {
			v = v*10 + int(c-'0')
		}
		return v
	}
	two, three, four := first(2), first(3), first(4)
	switch {
	case digits[0] == '4':
		return visa, true
	case 51 <= two && two <= 55, 2221 <= four && four <= 2720:
		return mastercard, true
	case two == 34, two == 37:
		return amex, true
	case four == 6011, two == 65, 644 <= three && three <= 649:
		return discover, true
	case 300 <= three && three <= 305, two == 36, two == 38:
		return diners, true
	case 3528 <= four && four <= 3589:
		return jcb, true
	case two == 62:
		return unionpay, true
	}
	return brand{}, false
}

// checkExpiry accepts MM/YYYY of a month that is not over everywhere on Earth.
func checkExpiry(s string, now time.Time) error {
	s = strings.TrimSpace(s)
	month, err := time.Parse("01/2006", s)
	if err != nil || len(s) != len("01/2006") {
		return problem.Invalid("card_exp_date", "The expiry date is written MM/YYYY, for example 07/2031")
	}
	// The last place on Earth to end the month is twelve hours behind UTC.
	if end := month.AddDate(0, 1, 0).Add(12 * time.Hour); !now.Before(end) {
		return problem.Invalid("card_exp_date", "That card has expired. Please use another one")
	}
	return nil
}
