package web

import (
	"strings"
	"testing"
	"time"

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
		for _, want := range []string{"Cumulative", "75 %", "100 %", "Damaged", ">6<", ">10<"} {
			if !strings.Contains(string(svg), want) {
				t.Errorf("%d wide: no %q in the picture", width, want)
			}
		}
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
