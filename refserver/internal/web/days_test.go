package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// The first and the last days of the calendar are days, and what is none is refused with
// the form and what was typed: no list fails for its filters.
func TestListsAreFilteredByAnyDay(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada, staff := b.customer("ada"), b.staff()
	b.bought(ada, 1)
	for _, list := range []struct {
		who  *person
		path string
	}{
		{ada, "/order-history"}, {staff, "/admin/orders"}, {staff, "/admin/returns"}, {staff, "/admin/audit"},
		{staff, "/admin/audit/log"}, {staff, "/admin/reconciliation"},
	} {
		for _, days := range [][2]string{
			{"0000-01-01", ""}, {"0001-01-01", ""}, {"", "9999-12-31"}, {"0000-01-01", "9999-12-31"},
			{"9999-12-31", "0000-01-01"}, {"-0001-01-01", ""}, {"", "10000-01-01"}, {"2026-02-30", "x"},
		} {
			q := url.Values{"from": {days[0]}, "to": {days[1]}}
			got := list.who.get(list.path + "?" + q.Encode())
			if got.StatusCode == http.StatusNotFound {
				t.Fatalf("there is no list at %s", list.path)
			}
			if got.StatusCode != http.StatusOK && got.StatusCode != http.StatusBadRequest {
				t.Errorf("%s from %q to %q: %d", list.path, days[0], days[1], got.StatusCode)
			}
			if got.StatusCode == http.StatusBadRequest && !strings.Contains(got.body, `name="from"`) {
				t.Errorf("%s from %q to %q is refused without its form", list.path, days[0], days[1])
			}
		}
	}
}
