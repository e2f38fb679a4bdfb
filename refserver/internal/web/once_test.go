package web

import (
	"net/url"
	"strings"
	"testing"
)

func TestAFieldThatIsGivenTwiceIsRefusedByName(t *testing.T) {
	if err := once(url.Values{"quantity_a": {"1"}, "rules": {"FINAL_SALE", "WINDOW_EXPIRED"}}); err != nil {
		t.Errorf("a list of rules and one quantity: %v", err)
	}
	if err := once(url.Values{"quantity_a": {"1", "2", "3"}}); err == nil ||
		!strings.Contains(err.Error(), "quantity_a is given 3 times") {
		t.Errorf("a quantity given three times: %v", err)
	}
}
