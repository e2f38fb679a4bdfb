package paysim

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stripe/stripe-go/v85"
)

// chargeIn asks for a charge in a currency.
func (b *bundle) chargeIn(currency string, amount int64) (*stripe.PaymentIntent, error) {
	return b.client.V1PaymentIntents.Create(ctx, &stripe.PaymentIntentCreateParams{
		Amount: stripe.Int64(amount), Currency: stripe.String(currency), Confirm: stripe.Bool(true),
		PaymentMethod: stripe.String("pm_card_visa"),
	})
}

// The examples of https://docs.stripe.com/currencies, and the amounts beside
// them.
func TestChargesObeyTheRulesOfTheirCurrency(t *testing.T) {
	const (
		small    = stripe.ErrorCodeAmountTooSmall
		large    = stripe.ErrorCodeAmountTooLarge
		notWhole = stripe.ErrorCodeParameterInvalidInteger
	)
	b := start(t, Config{Seed: 1})
	for _, tc := range []struct {
		currency string
		amount   int64
		refused  stripe.ErrorCode
		says     string
	}{
		{"usd", 1000, "", ""}, // 10.00
		{"usd", 50, "", ""},
		{"usd", 49, small, "Amount must be at least $0.50 usd"},
		{"usd", 0, notWhole, "greater than or equal to 1"},
		{"usd", -50, notWhole, "greater than or equal to 1"},
		{"usd", 99_999_999, "", ""},
		{"usd", 100_000_000, large, "Amount must be no more than $999,999.99"},
		{"USD", 1000, "", ""},
		{"eur", 49, small, "€0.50 eur"},
		{"gbp", 30, "", ""},
		{"gbp", 29, small, "£0.30 gbp"},
		{"huf", 17_501, "", ""}, // the rule of whole forints is for payouts
		{"huf", 17_499, small, "175.00 huf"},
		{"twd", 1501, "", ""},
		{"mxn", 999, small, "10.00 mxn"},
		{"jpy", 500, "", ""}, // 500 yen, not 5
		{"jpy", 50, "", ""},
		{"jpy", 49, small, "¥50 jpy"},
		{"krw", 690, "", ""},
		{"krw", 689, small, "must convert to at least 50 cents. 689 krw converts to approximately $0.49"},
		{"vnd", 14_001, "", ""},
		{"kwd", 5120, "", ""},
		{"kwd", 5124, notWhole, "divisible by 10"},
		{"kwd", 3702, notWhole, "divisible by 10"},
		{"kwd", 150, small, "0.150 kwd"},
		{"bhd", 1001, notWhole, "divisible by 10"},
		{"tnd", 1500, "", ""},
		{"isk", 50_000, "", ""},
		{"isk", 50_050, notWhole, "divisible by 100"},
		{"isk", 500, small, "5.00 isk"}, // 5 krónur
		{"ugx", 1_500_000, "", ""},      // 15000 shillings
		{"ugx", 1_500_050, notWhole, "divisible by 100"},
		{"ugx", 15_000, small, "150.00 ugx converts to approximately $0.04"}, // 15000 by mistake
		{"idr", 999_999_999_999, "", ""},
		{"idr", 1_000_000_000_000, large, "9,999,999,999.99 idr"},
		{"inr", 999_999_999, "", ""},
		{"inr", 1_000_000_000, large, "9,999,999.99 inr"},
		{"jpy", 100_000_000, large, "¥99,999,999"},
		{"xyz", 1000, "", "Invalid currency: xyz. Stripe currently supports these currencies: usd"},
		{"us", 1000, "", "Invalid currency: us."},
	} {
		t.Run(fmt.Sprintf("%s %d", tc.currency, tc.amount), func(t *testing.T) {
			b := &bundle{T: t, sim: b.sim, url: b.url, client: b.client}
			i, err := b.chargeIn(tc.currency, tc.amount)
			if tc.refused == "" && tc.says == "" {
				if err != nil || i.AmountReceived != tc.amount || string(i.Currency) != strings.ToLower(tc.currency) {
					t.Fatalf("%+v, %v", i, err)
				}
				return
			}
			e := b.wantError(err, 400, stripe.ErrorTypeInvalidRequest, tc.refused)
			if !contains(e.Msg, tc.says) || e.Param != "amount" && e.Param != "currency" {
				t.Errorf("%s: %q, want %q", e.Param, e.Msg, tc.says)
			}
		})
	}
}

func TestRefundsObeyTheRulesOfTheirCurrency(t *testing.T) {
	b := start(t, Config{Seed: 1})
	for _, tc := range []struct {
		currency     string
		paid, refund int64
		ok           bool
	}{
		{"usd", 1000, 1, true}, // there is no least refund
		{"jpy", 500, 1, true},
		{"kwd", 3700, 10, true},
		{"kwd", 3700, 1234, false},
		{"ugx", 1_500_000, 500_000, true},
		{"ugx", 1_500_000, 5001, false},
		{"isk", 50_000, 100, true},
		{"isk", 50_000, 50, false},
	} {
		t.Run(fmt.Sprintf("%d of %s", tc.refund, tc.currency), func(t *testing.T) {
			b := &bundle{T: t, sim: b.sim, url: b.url, client: b.client}
			i, err := b.chargeIn(tc.currency, tc.paid)
			if err != nil {
				t.Fatal(err)
			}
			r, err := b.client.V1Refunds.Create(ctx, &stripe.RefundCreateParams{
				PaymentIntent: stripe.String(i.ID), Amount: stripe.Int64(tc.refund),
			})
			outside, err2 := b.sim.RefundOutside(RefundParams{PaymentIntent: i.ID, AmountMinor: tc.refund})
			if !tc.ok {
				b.wantError(err, 400, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodeParameterInvalidInteger)
				if err2 == nil {
					t.Errorf("on the provider's own pages it was made: %+v", outside)
				}
				return
			}
			if err != nil || r.Amount != tc.refund || string(r.Currency) != tc.currency || err2 != nil {
				t.Errorf("%+v, %v, %v", r, err, err2)
			}
			left, err := b.refund(ctx, "rest of "+i.ID, i.ID, 0)
			if err != nil || left.Amount != tc.paid-2*tc.refund {
				t.Errorf("the rest: %+v, %v", left, err)
			}
		})
	}
}

// The lists of the page, written down once more.
func TestTheTableOfCurrenciesIsWhole(t *testing.T) {
	kinds := map[currencyKind]string{
		zeroDecimal:  "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf",
		threeDecimal: "bhd jod kwd omr tnd",
		wholeOnly:    "isk ugx",
	}
	minimums := map[string]int64{
		"usd": 50, "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250,
		"eur": 50, "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300,
		"nzd": 50, "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000,
	}
	seen := map[string]bool{}
	for _, r := range currencyRules {
		if seen[r.code] || len(r.code) != 3 || r.code != strings.ToLower(r.code) {
			t.Errorf("%q stands there twice, or is no code", r.code)
		}
		seen[r.code] = true
		want := twoDecimal
		for kind, codes := range kinds {
			if slices.Contains(strings.Fields(codes), r.code) {
				want = kind
			}
		}
		if r.kind != want {
			t.Errorf("%s is of kind %d, want %d", r.code, r.kind, want)
		}
		least, own := minimums[r.code]
		if own == r.converted || own && least != r.minimum {
			t.Errorf("%s: minimum %d, converted %v, want %d", r.code, r.minimum, r.converted, least)
		}
		if r.minimum < 1 || r.minimum%r.kind.step() != 0 || r.maximum()/r.minimum < 20 {
			t.Errorf("%s: minimum %d, step %d, maximum %d", r.code, r.minimum, r.kind.step(), r.maximum())
		}
	}
	for _, codes := range kinds {
		for _, code := range strings.Fields(codes) {
			if !seen[code] {
				t.Errorf("%s is missing", code)
			}
		}
	}
	if len(seen) < 135 {
		t.Errorf("%d currencies; Stripe takes more than 135", len(seen))
	}
}

func TestTheLedgerSaysHowAmountsAreWritten(t *testing.T) {
	b := start(t, Config{Seed: 1})
	for currency, digits := range map[string]int{"usd": 2, "jpy": 0, "kwd": 3, "ugx": 2} {
		i, err := b.chargeIn(currency, 1_000_000)
		if err != nil {
			t.Fatal(err)
		}
		r, err := b.sim.RefundOutside(RefundParams{PaymentIntent: i.ID})
		if err != nil || r.Digits != digits || r.AmountMinor != 1_000_000 {
			t.Errorf("%s: %+v, %v", currency, r, err)
		}
	}
	for _, c := range b.sim.Ledger().Charges {
		if c.Digits != digitsOf(c.Currency) {
			t.Errorf("%+v", c)
		}
	}
}

func TestARefundHereAndOneAtTheProviderShareOneRemainder(t *testing.T) {
	b := start(t, Config{Seed: 1})
	for round := range 100 {
		i := b.paid(fmt.Sprint("k", round), 1000, "pm_card_visa")
		var both sync.WaitGroup
		var here, there error
		both.Go(func() { _, here = b.refund(ctx, fmt.Sprint("r", round), i.ID, 600) })
		both.Go(func() { _, there = b.sim.RefundOutside(RefundParams{PaymentIntent: i.ID, AmountMinor: 600}) })
		both.Wait()
		if (here == nil) == (there == nil) {
			t.Fatalf("round %d: here %v, there %v", round, here, there)
		}
	}
	b.wantMoney(100, 100)
}
