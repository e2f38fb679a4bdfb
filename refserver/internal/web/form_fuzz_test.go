package web

import (
	"net/url"
	"testing"

	"github.com/returnkit/returnkit/orders/money"
)

// Whatever a form holds, it is read or refused in words, and what is read
// names only lines with a whole number of units.
func FuzzRequestForm(f *testing.F) {
	f.Add("sale_id=1&reason=DAMAGED&quantity_a=2")
	f.Add("sale_id=1&reason=OTHER&quantity_=1&quantity_b=0.5")
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		q, err := readRequest(values)
		if err != nil {
			if err.Error() == "" {
				t.Error("refused without words")
			}
			return
		}
		for _, it := range q.Items {
			if *it.Quantity == 0 || it.OrderLineID == "" {
				t.Errorf("%q gave %+v", query, it)
			}
		}
	})
}

// A policy that was read from a form goes back into the form as the same.
func FuzzPolicyForm(f *testing.F) {
	f.Add(
		"enabled=1&window_days=30&max_quantity=5&photos_required=0&max_photos=3&photo_types=jpeg&restock_at=refund" +
			"&restocking_percent_0=12.5&shipping_fixed_0=3&reasons_choice=all&photos_required_for_choice=all" +
			"&methods_choice=some&methods=card&zone=Europe/Dublin&start=delivery&working_day_end=1" +
			"&holidays=2026-12-25+Christmas&refund_within_days=14",
	)
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		p, wrong := parsePolicy(values, money.Currency("USD"))
		if len(wrong) > 0 {
			return
		}
		if err := p.Validate(); err != nil {
			t.Fatalf("%q is read, and is no policy: %v", query, err)
		}
		again, wrong := parsePolicy(formOfPolicy(p).Values, p.Currency)
		if len(wrong) > 0 || len(policyDifferences(p, again)) > 0 {
			t.Errorf("%+v came back as %+v, %v", p, again, wrong)
		}
	})
}
