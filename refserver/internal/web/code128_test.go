package web

import (
	"slices"
	"strings"
	"testing"
)

// Each symbol of Code 128 has three bars and three spaces of eleven modules, an even number of
// them bars; the stop has a bar more.
func TestTheSymbolsOfCode128AreThoseOfTheStandard(t *testing.T) {
	if len(code128) != 107 {
		t.Fatalf("%d symbols", len(code128))
	}
	seen := map[string]bool{}
	for value, widths := range code128 {
		all, bars := 0, 0
		for i, w := range widths {
			all += int(w - '0')
			if i%2 == 0 {
				bars += int(w - '0')
			}
		}
		want, elements := 11, 6
		if value == code128Stop {
			want, elements = 13, 7
		}
		if all != want || len(widths) != elements || bars%2 != 0 && value != code128Stop || seen[widths] {
			t.Errorf("symbol %d is %s: %d modules, %d of them bars", value, widths, all, bars)
		}
		seen[widths] = true
	}
}

func TestATextIsCodedWithItsCheck(t *testing.T) {
	// Worked out from the standard: start B 104, P 48, J 42, and the check
	// (104 + 1*48 + 2*42) mod 103 = 30.
	got, err := code128Symbols("PJ")
	if err != nil || !slices.Equal(got, []int{104, 48, 42, 30, 106}) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := code128Symbols("Ä"); err == nil {
		t.Error("a letter that code set B does not have is coded")
	}
	svg, err := barCode(`RMA-20261130-00001`)
	if err != nil || !strings.Contains(string(svg), `aria-label="Bar code RMA-20261130-00001"`) {
		t.Errorf("%s, %v", svg, err)
	}
	if n := strings.Count(string(svg), "<rect"); n != 1+3*20+4 { // ground, 20 symbols, stop
		t.Errorf("%d bars", n)
	}
}
