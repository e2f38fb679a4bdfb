package stripegateway

import (
	"math"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/orders/money"
)

func TestAmountsCrossInStripesUnit(t *testing.T) {
	for _, c := range []struct {
		currency money.Currency
		minor    int64
		stripe   int64
		err      string // a part of it
	}{
		{"USD", 1050, 1050, ""},
		{"JPY", 500, 500, ""},
		{"UGX", 5000, 500_000, ""},
		{"ISK", 5, 500, ""},
		{"KWD", 1230, 1230, ""},
		{"KWD", 1234, 0, "1.230 KWD and 1.240 KWD"},
		{"KWD", 9, 0, "0.000 KWD and 0.010 KWD"},
		{"KWD", -1234, 0, "-1.240 KWD and -1.230 KWD"},
		{"HUF", 1045, 1045, ""},
		{"UGX", math.MaxInt64, 0, "too large"},
		{"XAU", 1, 0, "no payments"},
		{"usd", 1, 0, "no payments"},
		{"", 1, 0, "no payments"},
	} {
		t.Run(string(c.currency), func(t *testing.T) {
			got, err := toUnit(c.minor, c.currency)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("%d: %d, %v; want an error with %q", c.minor, got, err, c.err)
				}
				return
			}
			if err != nil || got != c.stripe {
				t.Fatalf("%d is %d, %v; want %d", c.minor, got, err, c.stripe)
			}
			if back, code, err := fromUnit(got, strings.ToLower(string(c.currency))); err != nil ||
				back != c.minor || code != c.currency {
				t.Errorf("and back: %d %s, %v", back, code, err)
			}
		})
	}
}

// In each currency of the table: what is on the grid crosses and comes back,
// what is beside it does not cross, and Stripe's rules hold for what is sent.
func TestEveryCurrencyOfTheTableGoesThereAndBack(t *testing.T) {
	for code, u := range units {
		c := money.Currency(strings.ToUpper(code))
		step, err := grid(c)
		if err != nil {
			t.Errorf("%s: %v", c, err)
			continue
		}
		for _, n := range []int64{0, 1, 7, 1234, 999_999} {
			sent, err := toUnit(n*step, c)
			if err != nil || sent%u.multiple != 0 {
				t.Errorf("%s: %d steps are sent as %d, %v", c, n, sent, err)
				continue
			}
			if back, _, err := fromUnit(sent, code); err != nil || back != n*step {
				t.Errorf("%s: %d comes back as %d, %v", c, n*step, back, err)
			}
			if step > 1 {
				if sent, err := toUnit(n*step+1, c); err == nil {
					t.Errorf("%s: %d beside the grid of %d is sent as %d", c, n*step+1, step, sent)
				}
			}
		}
	}
}

func TestAnAmountThatIsNoneOfOursIsRefused(t *testing.T) {
	for _, c := range []struct {
		amount int64
		code   string
	}{{150, "isk"}, {5, "ugx"}, {100, "xau"}, {100, ""}} {
		if got, _, err := fromUnit(c.amount, c.code); err == nil {
			t.Errorf("%d %s is %d", c.amount, c.code, got)
		}
	}
}
