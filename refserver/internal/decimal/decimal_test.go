package decimal

import (
	"math"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in     string
		digits int
		want   int64
		ok     bool
	}{
		{"", 2, 0, true}, {"0", 2, 0, true}, {"12.5", 2, 1250, true}, {" 33.33 ", 2, 3333, true}, {".5", 2, 50, true},
		{"-0.5", 2, -50, true}, {"7", 0, 7, true}, {"1.250", 3, 1250, true},
		{"33.333", 2, 0, false}, {"1.", 2, 0, false}, {"1e3", 2, 0, false}, {"1.-5", 2, 0, false}, {"+1", 2, 0, false},
		{"1_000", 2, 0, false}, {"x", 2, 0, false}, {"99999999999999999999", 2, 0, false}, {"1.5", 0, 0, false},
	} {
		got, err := Parse(c.in, c.digits)
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("Parse(%q, %d) = %d, %v; want %d, ok %v", c.in, c.digits, got, err, c.want, c.ok)
		}
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add(int64(0), uint8(2))
	f.Add(int64(-5), uint8(3))
	f.Add(int64(math.MinInt64), uint8(4))
	f.Fuzz(func(t *testing.T, n int64, d uint8) {
		digits := int(d % 6)
		text := string(Format(n, digits))
		back, err := Parse(text, digits)
		if err != nil || back != n {
			t.Errorf("%d with %d digits is %q, which reads %d, %v", n, digits, text, back, err)
		}
	})
}
