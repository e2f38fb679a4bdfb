package paysim

import (
	"fmt"
	"slices"
	"strings"
)

// The rules for amounts are from https://docs.stripe.com/currencies, with
// its sections "Supported presentment currencies", "Zero-decimal currencies",
// "Three-decimal currencies", "Special cases" and "Minimum and maximum charge
// amounts". The table is this package's own: a shop's table and this one are
// made apart, so that one mistake cannot hide in both.

// currencyKind says how the amounts of a currency are written.
type currencyKind int

const (
	twoDecimal   currencyKind = iota // 1000 is 10.00
	zeroDecimal                      // 1000 is 1000
	threeDecimal                     // 1000 is 1.000; the last digit must be 0
	wholeOnly                        // 1000 is 10.00, and only whole units can be charged: it must end in 00
)

// digits returns how many decimals an amount has.
func (k currencyKind) digits() int {
	switch k {
	case zeroDecimal:
		return 0
	case threeDecimal:
		return 3
	}
	return 2
}

// step returns what an amount must be a multiple of.
func (k currencyKind) step() int64 {
	switch k {
	case threeDecimal:
		return 10
	case wholeOnly:
		return 100
	}
	return 1
}

// currencyRule is one row of the table.
type currencyRule struct {
	code      string // ISO 4217, lower case
	kind      currencyKind
	minimum   int64 // the least charge
	converted bool  // the minimum is another currency's, converted
}

// currencyRules are the currencies that can be charged. HUF and TWD have
// special cases for payouts alone, and are charged like any other.
//
// The minimum is the one of the page where the page gives one: the account of
// the simulator settles each such currency as itself. Charges in all others
// are converted to US dollars and must come to at least 0.50; Stripe
// converts at the market's rate, the simulator at the round rates of summer
// 2025, so that a test repeats.
var currencyRules = []currencyRule{
	// Settled as themselves.
	{"usd", twoDecimal, 50, false}, {"aed", twoDecimal, 200, false}, {"aud", twoDecimal, 50, false},
	{"bgn", twoDecimal, 100, false}, {"brl", twoDecimal, 50, false}, {"cad", twoDecimal, 50, false},
	{"chf", twoDecimal, 50, false}, {"czk", twoDecimal, 1_500, false}, {"dkk", twoDecimal, 250, false},
	{"eur", twoDecimal, 50, false}, {"gbp", twoDecimal, 30, false}, {"hkd", twoDecimal, 400, false},
	{"huf", twoDecimal, 17_500, false}, {"inr", twoDecimal, 50, false}, {"mxn", twoDecimal, 1_000, false},
	{"myr", twoDecimal, 200, false}, {"nok", twoDecimal, 300, false}, {"nzd", twoDecimal, 50, false},
	{"pln", twoDecimal, 200, false}, {"ron", twoDecimal, 200, false}, {"sek", twoDecimal, 300, false},
	{"sgd", twoDecimal, 50, false}, {"thb", twoDecimal, 1_000, false},

	// Converted.
	{"afn", twoDecimal, 3_500, true}, {"all", twoDecimal, 4_200, true}, {"amd", twoDecimal, 20_000, true},
	{"ang", twoDecimal, 90, true}, {"aoa", twoDecimal, 46_000, true}, {"ars", twoDecimal, 60_000, true},
	{"awg", twoDecimal, 90, true}, {"azn", twoDecimal, 85, true}, {"bam", twoDecimal, 84, true},
	{"bbd", twoDecimal, 100, true}, {"bdt", twoDecimal, 6_100, true}, {"bmd", twoDecimal, 50, true},
	{"bnd", twoDecimal, 64, true}, {"bob", twoDecimal, 350, true}, {"bsd", twoDecimal, 50, true},
	{"bwp", twoDecimal, 670, true}, {"byn", twoDecimal, 170, true}, {"bzd", twoDecimal, 100, true},
	{"cdf", twoDecimal, 150_000, true}, {"cny", twoDecimal, 360, true}, {"cop", twoDecimal, 210_000, true},
	{"crc", twoDecimal, 26_000, true}, {"cve", twoDecimal, 4_700, true}, {"dop", twoDecimal, 3_000, true},
	{"dzd", twoDecimal, 6_500, true}, {"egp", twoDecimal, 2_500, true}, {"etb", twoDecimal, 6_800, true},
	{"fjd", twoDecimal, 120, true}, {"fkp", twoDecimal, 37, true}, {"gel", twoDecimal, 140, true},
	{"gip", twoDecimal, 37, true}, {"gmd", twoDecimal, 3_600, true}, {"gtq", twoDecimal, 390, true},
	{"gyd", twoDecimal, 11_000, true}, {"hnl", twoDecimal, 1_300, true}, {"htg", twoDecimal, 6_600, true},
	{"idr", twoDecimal, 820_000, true}, {"ils", twoDecimal, 170, true}, {"jmd", twoDecimal, 8_000, true},
	{"kes", twoDecimal, 6_500, true}, {"kgs", twoDecimal, 4_400, true}, {"khr", twoDecimal, 210_000, true},
	{"kyd", twoDecimal, 42, true}, {"kzt", twoDecimal, 26_000, true}, {"lak", twoDecimal, 1_100_000, true},
	{"lbp", twoDecimal, 4_500_000, true}, {"lkr", twoDecimal, 15_000, true}, {"lrd", twoDecimal, 10_000, true},
	{"lsl", twoDecimal, 890, true}, {"mad", twoDecimal, 460, true}, {"mdl", twoDecimal, 850, true},
	{"mkd", twoDecimal, 2_700, true}, {"mmk", twoDecimal, 110_000, true}, {"mnt", twoDecimal, 180_000, true},
	{"mop", twoDecimal, 410, true}, {"mur", twoDecimal, 2_300, true}, {"mvr", twoDecimal, 770, true},
	{"mwk", twoDecimal, 87_000, true}, {"mzn", twoDecimal, 3_200, true}, {"nad", twoDecimal, 890, true},
	{"ngn", twoDecimal, 77_000, true}, {"nio", twoDecimal, 1_900, true}, {"npr", twoDecimal, 6_900, true},
	{"pab", twoDecimal, 50, true}, {"pen", twoDecimal, 180, true}, {"pgk", twoDecimal, 210, true},
	{"php", twoDecimal, 2_900, true}, {"pkr", twoDecimal, 15_000, true}, {"qar", twoDecimal, 190, true},
	{"rsd", twoDecimal, 5_000, true}, {"rub", twoDecimal, 4_000, true}, {"sar", twoDecimal, 190, true},
	{"sbd", twoDecimal, 420, true}, {"scr", twoDecimal, 710, true}, {"shp", twoDecimal, 37, true},
	{"sle", twoDecimal, 1_200, true}, {"sos", twoDecimal, 29_000, true}, {"srd", twoDecimal, 2_000, true},
	{"std", twoDecimal, 1_200_000, true}, {"szl", twoDecimal, 890, true}, {"tjs", twoDecimal, 500, true},
	{"top", twoDecimal, 120, true}, {"try", twoDecimal, 2_000, true}, {"ttd", twoDecimal, 340, true},
	{"twd", twoDecimal, 1_500, true}, {"tzs", twoDecimal, 130_000, true}, {"uah", twoDecimal, 2_100, true},
	{"uyu", twoDecimal, 2_100, true}, {"uzs", twoDecimal, 640_000, true}, {"wst", twoDecimal, 140, true},
	{"xcd", twoDecimal, 140, true}, {"xcg", twoDecimal, 90, true}, {"yer", twoDecimal, 13_000, true},
	{"zar", twoDecimal, 890, true}, {"zmw", twoDecimal, 1_200, true},

	// Zero-decimal; JPY is settled as itself.
	{"jpy", zeroDecimal, 50, false}, {"bif", zeroDecimal, 1_500, true}, {"clp", zeroDecimal, 470, true},
	{"djf", zeroDecimal, 89, true}, {"gnf", zeroDecimal, 4_400, true}, {"kmf", zeroDecimal, 210, true},
	{"krw", zeroDecimal, 690, true}, {"mga", zeroDecimal, 2_300, true}, {"pyg", zeroDecimal, 4_000, true},
	{"rwf", zeroDecimal, 720, true}, {"vnd", zeroDecimal, 14_000, true}, {"vuv", zeroDecimal, 60, true},
	{"xaf", zeroDecimal, 290, true}, {"xof", zeroDecimal, 290, true}, {"xpf", zeroDecimal, 51, true},

	// Three-decimal, converted.
	{"bhd", threeDecimal, 190, true}, {"jod", threeDecimal, 360, true}, {"kwd", threeDecimal, 160, true},
	{"omr", threeDecimal, 200, true}, {"tnd", threeDecimal, 1_500, true},

	// Special cases, converted: decimals are written that the currencies no longer have.
	{"isk", wholeOnly, 6_100, true}, {"ugx", wholeOnly, 180_000, true},
}

// The largest amounts. The reference of PaymentIntents allows eight digits; the
// page on currencies has exceptions; these hold for every card. For
// some cards it allows more, which nothing here needs: an amount taken here is
// taken there.
const (
	maxAmount    = 99_999_999
	maxAmountINR = 999_999_999
	maxAmountIDR = 999_999_999_999
)

func (r currencyRule) maximum() int64 {
	switch r.code {
	case "inr":
		return maxAmountINR
	case "idr":
		return maxAmountIDR
	}
	return maxAmount
}

// Smallest returns the smallest charge in a currency, in hundredths of its unit rounded up; 0 for a currency that the
// provider doesn't know.
func Smallest(c string) (hundredths int64) {
	r, _ := ruleFor(strings.ToLower(c))
	unit := int64(1)
	for range r.kind.digits() {
		unit *= 10
	}
	return (r.minimum*100 + unit - 1) / unit
}

// ruleFor finds the rule of a currency in lower case.
func ruleFor(code string) (currencyRule, bool) {
	i := slices.IndexFunc(currencyRules, func(r currencyRule) bool { return r.code == code })
	if i < 0 {
		return currencyRule{}, false
	}
	return currencyRules[i], true
}

// digitsOf returns how many decimals amounts of the currency have here, which
// differs from ISO 4217 for the special cases.
func digitsOf(code string) int {
	r, _ := ruleFor(strings.ToLower(code))
	return r.kind.digits()
}

// format writes an amount as messages show it.
func (r currencyRule) format(amount int64) string {
	number := decimal(amount, r.kind.digits())
	if symbol := map[string]string{"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}[r.code]; symbol != "" {
		return symbol + number
	}
	return number + " " + r.code
}

// decimal writes an amount that is not negative with its decimals, and with
// commas between thousands.
func decimal(amount int64, digits int) string {
	s := fmt.Sprintf("%0*d", digits+1, amount)
	whole, part := s[:len(s)-digits], s[len(s)-digits:]
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	if digits == 0 {
		return whole
	}
	return whole + "." + part
}

// checkStep refuses an amount that the currency cannot carry.
func (r currencyRule) checkStep(param string, amount int64) *apiError {
	step := r.kind.step()
	if amount%step == 0 {
		return nil
	}
	return invalid("parameter_invalid_integer", param, fmt.Sprintf(
		"Invalid integer: %d. Amounts in %s must be evenly divisible by %d.", amount, r.code, step))
}

// checkCharge refuses an amount that cannot be charged.
func (r currencyRule) checkCharge(param string, amount int64) *apiError {
	switch {
	case amount > r.maximum():
		return invalid("amount_too_large", param, "Amount must be no more than "+r.format(r.maximum()))
	case amount >= r.minimum:
		return r.checkStep(param, amount)
	case r.converted:
		return invalid("amount_too_small", param, fmt.Sprintf(
			"Amount must convert to at least 50 cents. %s converts to approximately $%s.",
			r.format(amount), decimal(amount*50/r.minimum, 2)))
	}
	return invalid("amount_too_small", param, "Amount must be at least "+r.format(r.minimum)+" "+r.code)
}

// currency reads a required currency, in upper or lower case.
func (p params) currency(name string) (currencyRule, *apiError) {
	raw, ok := p.values[name]
	if !ok {
		return currencyRule{}, invalid("parameter_missing", name, "Missing required param: "+name+".")
	}
	r, ok := ruleFor(strings.ToLower(raw))
	if !ok {
		codes := make([]string, len(currencyRules))
		for i, r := range currencyRules {
			codes[i] = r.code
		}
		return currencyRule{}, invalid("", name, fmt.Sprintf(
			"Invalid currency: %s. Stripe currently supports these currencies: %s", raw, strings.Join(codes, ", ")))
	}
	return r, nil
}
