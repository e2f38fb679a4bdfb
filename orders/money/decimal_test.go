package money_test

import (
	"math"
	"testing"

	"github.com/returnkit/returnkit/orders/money"
)

func TestParseDecimal(t *testing.T) {
	for _, c := range []struct {
		in     string
		digits int
		want   int64
		ok     bool
	}{
		{"0", 2, 0, true}, {"12.5", 2, 1250, true}, {"33.33", 2, 3333, true}, {"-0.5", 2, -50, true}, {"7", 0, 7, true},
		{"1.250", 3, 1250, true}, {"", 2, 0, false}, {" 1", 2, 0, false}, {".5", 2, 0, false}, {"33.333", 2, 0, false},
		{"1.", 2, 0, false}, {"1e3", 2, 0, false}, {"1.-5", 2, 0, false}, {"+1", 2, 0, false}, {"1_000", 2, 0, false},
		{"x", 2, 0, false}, {"99999999999999999999", 2, 0, false}, {"1.5", 0, 0, false},
	} {
		t.Run(c.in, func(t *testing.T) {
			got, err := money.ParseDecimal(c.in, c.digits)
			if got != c.want || (err == nil) != c.ok {
				t.Errorf("ParseDecimal(%q, %d) = %d, %v; want %d, ok %v", c.in, c.digits, got, err, c.want, c.ok)
			}
		})
	}
}

func FuzzDecimal(f *testing.F) {
	f.Add(int64(0), uint8(2))
	f.Add(int64(-5), uint8(3))
	f.Add(int64(math.MaxInt64), uint8(0))
	f.Add(int64(math.MinInt64), uint8(2))
	f.Fuzz(func(t *testing.T, n int64, digits uint8) {
		d := int(digits % 10)
		text := money.FormatDecimal(n, d)
		if back, err := money.ParseDecimal(text, d); err != nil || back != n {
			t.Errorf("%d with %d digits is %q, read as %d, %v", n, d, text, back, err)
		}
	})
}
