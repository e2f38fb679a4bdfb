package stripegateway

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// unit is how Stripe counts the amounts of a currency.
type unit struct {
	digits   int   // after the decimal point, of the amounts in its API
	multiple int64 // what such an amount must be a multiple of
}

// twoDecimals lists the currencies of payments that Stripe counts in hundredths:
// https://docs.stripe.com/currencies#presentment-currencies, without those that
// ISO 4217 has withdrawn.
const twoDecimals = `aed afn all amd aoa ars aud awg azn bam bbd bdt bmd bnd bob brl bsd bwp byn bzd cad
	cdf chf cny cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils
	inr jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio
	nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sek sgd shp sle sos srd svc szl thb tjs
	top try ttd twd tzs uah usd uyu uzs wst xcd xcg yer zar zmw`

// units is Stripe's table of currencies:
// https://docs.stripe.com/currencies#minor-units, with its sections on
// zero-decimal and three-decimal currencies and special cases.
var units = func() map[string]unit {
	all := map[string]unit{
		// Zero-decimal in fact, and two-decimal in the API: the decimals are 00.
		"isk": {2, 100}, "ugx": {2, 100},
	}
	for code := range strings.FieldsSeq(twoDecimals) {
		all[code] = unit{2, 1}
	}
	for code := range strings.FieldsSeq("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf") {
		all[code] = unit{0, 1}
	}
	for code := range strings.FieldsSeq("bhd jod kwd omr tnd") {
		all[code] = unit{3, 10} // the last digit is 0
	}
	return all
}()

// unitOf returns how Stripe counts the currency, and how many of its minor units
// are how many of ours: ours x times = Stripe's x per.
func unitOf(c money.Currency) (u unit, times, per int64, err error) {
	u, ok := units[strings.ToLower(string(c))]
	if known, bad := money.ParseCurrency(string(c)); !ok || bad != nil || known != c {
		return unit{}, 0, 0, fmt.Errorf("stripegateway: Stripe takes no payments in %q", string(c))
	}
	times, per = 1, 1
	for d := c.Digits(); d < u.digits; d++ {
		times *= 10
	}
	for d := u.digits; d < c.Digits(); d++ {
		per *= 10
	}
	return u, times, per, nil
}

// grid is the smallest amount of minor units that Stripe can carry; every
// amount it carries is a multiple of it.
func grid(c money.Currency) (int64, error) {
	u, times, per, err := unitOf(c)
	if err != nil {
		return 0, err
	}
	// times and per are powers of ten, one of them 1, and so is the multiple.
	return per * max(1, u.multiple/times), nil
}

// toUnit returns minor units as Stripe counts them. An amount that it can't
// carry is an error that names the nearest ones.
func toUnit(amount int64, c money.Currency) (int64, error) {
	u, times, per, err := unitOf(c)
	if err != nil {
		return 0, err
	}
	step, err := grid(c)
	if err != nil {
		return 0, err
	}
	if amount%step != 0 {
		below, above, _ := nearest(amount, c)
		return 0, fmt.Errorf("stripegateway: Stripe can't carry %s; the nearest amounts are %s and %s",
			money.New(amount, c), money.New(below, c), money.New(above, c))
	}
	if amount > math.MaxInt64/times || amount < math.MinInt64/times {
		return 0, fmt.Errorf("stripegateway: Stripe can't carry %s; it is too large", money.New(amount, c))
	}
	out := amount * times / per
	if out%u.multiple != 0 {
		return 0, fmt.Errorf("stripegateway: Stripe can't carry %s", money.New(amount, c))
	}
	return out, nil
}

// fromUnit returns an amount of Stripe's in our minor units.
func fromUnit(amount int64, code string) (int64, money.Currency, error) {
	c := currencyFrom(code)
	_, times, per, err := unitOf(c)
	if err != nil {
		return 0, c, err
	}
	if amount%times != 0 || amount > math.MaxInt64/per || amount < math.MinInt64/per {
		return 0, c, fmt.Errorf("stripegateway: %d of Stripe's units of %s are no number of minor units", amount, c)
	}
	return amount / times * per, c, nil
}

var _ payment.Capable = (*Gateway)(nil)

// Capabilities implements payment.Capable: Stripe finds a refund by our id in its
// metadata, knows a key for 24 hours
// (https://docs.stripe.com/api/idempotent_requests), and carries the amounts of
// its table of currencies.
func (g *Gateway) Capabilities() payment.Capabilities {
	return payment.Capabilities{KeyLife: 24 * time.Hour, Nearest: nearest}
}

func nearest(amount int64, c money.Currency) (below, above int64, ok bool) {
	step, err := grid(c)
	if err != nil {
		return 0, 0, false
	}
	below = amount - (amount%step+step)%step
	if above = below; below != amount {
		above += step
	}
	return below, above, true
}
