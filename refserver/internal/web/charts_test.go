package web

import (
	"html"
	"image"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-analyze/charts"

	"github.com/returnkit/returnkit/observability/observabilitydb"
	"github.com/returnkit/returnkit/orders/money"
)

func TestAmountsAreWrittenAsPeopleWriteThem(t *testing.T) {
	for _, tc := range []struct {
		minor    int64
		currency money.Currency
		want     string
	}{
		{0, "USD", "$0.00"}, {99, "USD", "$0.99"}, {-99, "USD", "-$0.99"}, {105000, "USD", "$1,050.00"},
		{-123456789, "USD", "-$1,234,567.89"}, {68420, "JPY", "¥68,420"}, {123456, "EUR", "€1,234.56"},
		{1234567, "KWD", "KWD\u00a01,234.567"},
	} {
		if got := amount(tc.minor, tc.currency); got != tc.want {
			t.Errorf("%d %s: %q, want %q", tc.minor, tc.currency, got, tc.want)
		}
	}
}

func TestTheReasonsStandUnderALineOfTheirCumulativeShare(t *testing.T) {
	c := reasonChart(
		observabilitydb.KPIs{
			Reasons: []observabilitydb.Share{
				{Name: "NOT_AS_DESCRIBED", N: 6},
				{Name: "DAMAGED", N: 3},
				{Name: "OTHER", N: 1},
			},
		},
	)
	if got := c.shares; len(got) != 3 || got[0] != 60 || got[1] != 90 || got[2] != 100 {
		t.Errorf("shares %v", got)
	}
	for _, width := range []int{halfSizes[0].Width, halfSizes[len(halfSizes)-1].Width} {
		svg, err := c.draw(width)
		if err != nil {
			t.Fatal(err)
		}
		// both axes end at all there is
		for _, want := range []string{"Cumulative", "75 %", "100 %", "Damag", ">6<", ">10<"} {
			if !strings.Contains(string(svg), want) {
				t.Errorf("%d wide: no %q in the picture", width, want)
			}
		}
	}
	if got := whole(6000) + whole(0.5); got != "6,000" {
		t.Errorf("6000 and a half at the axis are %q", got)
	}
	if got := folded("Not as described", 8); got != "Not as …" {
		t.Errorf("folded to %q", got)
	}
}

func TestDaysThatAreNotYetAreNotDrawnAsZero(t *testing.T) {
	k := observabilitydb.KPIs{
		Zone: time.UTC,
		Days: []observabilitydb.DayCounts{{Date: "2026-05-11"}, {Date: "2026-05-12"}, {Date: "2026-05-13"}},
	}
	c := dayChart(k, time.Date(2026, 5, 12, 23, 59, 0, 0, time.UTC))
	if got := c.data[0]; got[0] != 0 || got[1] != 0 || got[2] != charts.GetNullValue() || c.largest() != 0 {
		t.Errorf("orders %v, the most %v", got, c.largest())
	}
}

// letters are the texts of a picture, each with the place that it takes.
func letters(t *testing.T, svg []byte) (out []struct {
	text string
	box  image.Rectangle
}) {
	t.Helper()
	for _, m := range regexp.MustCompile(`<text x="(-?\d+)" y="(-?\d+)"[^>]*>([^<]*)`).FindAllSubmatch(svg, -1) {
		x, errX := strconv.Atoi(string(m[1]))
		y, errY := strconv.Atoi(string(m[2]))
		if errX != nil || errY != nil {
			t.Fatalf("%s: %v, %v", m[0], errX, errY)
		}
		text := html.UnescapeString(string(m[3]))
		width, height := 7*utf8.RuneCountInString(text), 10 // of letters as wide as they come on average, and high
		out = append(out, struct {
			text string
			box  image.Rectangle
		}{text, image.Rect(x, y-height, x+width, y)})
	}
	return out
}

// TestNoTextOfAChartIsWrittenOverAnother, at no width, for little and for much.
func TestNoTextOfAChartIsWrittenOverAnother(t *testing.T) {
	minutes := func(n int) observabilitydb.Spread {
		d := time.Duration(n) * time.Minute
		return observabilitydb.Spread{N: 3, Name: "authorization", Avg: d, Median: d, P90: 3 * d}
	}
	days := func(n int, orders int64) (out []observabilitydb.DayCounts) {
		for i := range n {
			d := observabilitydb.DayCounts{Date: time.Date(2026, 4, 1+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)}
			d.Orders = orders
			out = append(out, d)
		}
		return out
	}
	share := func(name string, n int64) observabilitydb.Share { return observabilitydb.Share{Name: name, N: n} }
	for name, k := range map[string]observabilitydb.KPIs{
		"one of each": {
			Zone: time.UTC, Days: days(91, 1), Reasons: []observabilitydb.Share{share("DAMAGED", 2)},
			Paid:  []observabilitydb.Money{{Method: "CARD", Currency: "USD", N: 1, Amount: 111000}},
			Cycle: observabilitydb.Cycle{Total: minutes(1)},
		},
		"one reason far ahead": {
			Zone: time.UTC, Reasons: []observabilitydb.Share{share("DAMAGED", 19), share("OTHER", 1)},
		},
		"much": {
			Zone: time.UTC, Days: days(91, 123456), Reasons: []observabilitydb.Share{
				share("NOT_AS_DESCRIBED", 6000), share("DAMAGED", 3000), share("WRONG_ITEM", 200), share("OTHER", 100),
			},
			Paid: []observabilitydb.Money{
				{Method: "CARD", Currency: "USD", N: 9, Amount: 111000000},
				{Method: "STORE_CREDIT", Currency: "USD", N: 9, Amount: 1},
			},
			Cycle: observabilitydb.Cycle{
				Total: minutes(90000), Stages: []observabilitydb.Spread{minutes(1), minutes(80000)},
			},
		},
	} {
		for of, p := range pictures {
			c := p.of(&server{Deps: Deps{Currency: "USD", Now: time.Now}}, k)
			if len(c.labels) == 0 {
				continue
			}
			for _, size := range sizesOf(p) {
				svg, err := c.draw(size.Width)
				if err != nil {
					t.Fatal(err)
				}
				all := letters(t, svg)
				for i, a := range all {
					for _, b := range all[:i] {
						if a.box.Overlaps(b.box) {
							t.Errorf("%s, %s at %d px: %q is written over %q", name, of, size.Width, a.text, b.text)
						}
					}
				}
			}
		}
	}
}
