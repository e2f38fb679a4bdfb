package returns_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/returns"
)

// The order of these tests has three lamps, of which one is in another return.
var lampUnits = returns.Units{"lamp": {Bought: 3, Claimed: 1}, "desk": {Bought: 1}}

func lampReturn(t *testing.T, s event.Stamp, units int, authorize bool) *returns.Return {
	t.Helper()
	r, err := returns.NewReturn(s, returns.Params{
		ID: "r", OrderID: "o", CustomerID: "ann", TermsID: "t", Reason: returns.ReasonOther, Authorize: authorize,
		Lines: []returns.Line{{ID: "l", OrderLineID: "lamp", ProductID: "p", Name: "Lamp", Quantity: units}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAChangeCarriesItsEventsAndItsEffects(t *testing.T) {
	at := event.Stamp{At: time.Date(2026, 5, 4, 23, 30, 0, 0, time.FixedZone("", -3600)), By: kim,
		Source: event.Source{Request: "req-1"}}
	r := lampReturn(t, at, 2, true)
	c, err := returns.NewChange(lampUnits, nil, r)
	if err != nil {
		t.Fatal(err)
	}
	if want := (returns.Effects{Claims: map[string]int{"lamp": 2}, RMADay: "20260505"}); !reflect.DeepEqual(
		c.Effects,
		want,
	) {
		t.Errorf("effects %+v, want %+v", c.Effects, want)
	}
	n, err := c.WithRMA(42)
	if err != nil {
		t.Fatal(err)
	}
	last := n.Events[len(n.Events)-1]
	if n.After.RMA != "RMA-20260505-00042" || n.Effects.RMADay != "" || last.Type != returns.EventRMAAssigned ||
		last.Actor != kim || last.Source != at.Source || !last.At.Equal(at.At) || n.After.Version != len(n.Events) {
		t.Errorf("numbered: %+v", n)
	}
	if len(c.Events) != 2 || c.After.RMA != "" {
		t.Errorf("the change without a number became %+v", c)
	}
	if folded, err := returns.Fold(n.Events); err != nil || !reflect.DeepEqual(folded, n.After) {
		t.Errorf("folded %+v, %v; after %+v", folded, err, n.After)
	}

	cancel := returns.Changing(func(r *returns.Return) error { return r.Cancel(at) })
	c, err = cancel(returns.Units{"lamp": {Bought: 3, Claimed: 3}}, n.After)
	if want := map[string]int{"lamp": -2}; err != nil || !reflect.DeepEqual(c.Effects.Claims, want) || c.Empty() {
		t.Errorf("canceled: %+v, %v", c, err)
	}
	if c.Before.Status != returns.StatusAuthorized {
		t.Errorf("before became %+v", c.Before)
	}
	none := returns.Changing(func(*returns.Return) error { return nil })
	if c, err := none(lampUnits, n.After); err != nil || !c.Empty() || len(c.Effects.Claims) != 0 {
		t.Errorf("no change: %+v, %v", c, err)
	}
}

func TestAChangeThatMustNotBeSavedIsRefused(t *testing.T) {
	at := event.Stamp{At: start, By: kim}
	saved := func() *returns.Return {
		r := lampReturn(t, at, 2, false).Clone()
		return &r
	}
	for _, c := range []struct {
		name  string
		units returns.Units
		make  func() (before, after *returns.Return)
		want  string
	}{
		{"more units than are left", lampUnits, func() (_, after *returns.Return) {
			return nil, lampReturn(t, at, 3, false)
		}, "ALREADY_RETURNED: quantity: 3 more units can't be returned; 2 of 3 are left."},
		{"more given back than is claimed", returns.Units{"lamp": {Bought: 3, Claimed: 1}},
			func() (before, after *returns.Return) {
				after = saved()
				_ = after.Cancel(at)
				return saved(), after
			}, "ALREADY_RETURNED"},
		{"a line of another order", returns.Units{"desk": {Bought: 9}}, func() (_, after *returns.Return) {
			return nil, lampReturn(t, at, 1, false)
		}, "claims line lamp, which is not of its order"},
		{"a stale case", lampUnits, func() (before, after *returns.Return) {
			before, after = saved(), saved()
			before.Version++
			_ = after.Reject(at, "no")
			return before, after
		}, "stale save of return r: version 2 with 1 events on version 2"},
		{"a new case without events", lampUnits, func() (_, after *returns.Return) {
			return nil, saved()
		}, "stale save"},
		{"another case", lampUnits, func() (before, after *returns.Return) {
			before, after = saved(), saved()
			before.ID = "s"
			return before, after
		}, "return s can't be saved as return r"},
		{"a case of another order", lampUnits, func() (before, after *returns.Return) {
			before, after = saved(), saved()
			before.OrderID = "p"
			return before, after
		}, "another order"},
		{"on its way without a number", lampUnits, func() (before, after *returns.Return) {
			after = saved()
			_ = after.Authorize(at, "")
			_ = after.Ship(at, returns.ReverseShipment{Carrier: "UPS", TrackingNumber: "1Z"})
			return saved(), after
		}, "return r is in transit without an RMA number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, after := c.make()
			if got, err := returns.NewChange(c.units, before, after); err == nil ||
				!strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v, %v; want %q", got, err, c.want)
			}
		})
	}
	create := returns.Creating(
		purchase.Purchase{OrderID: "other"},
		func(claims returns.Claims) (*returns.Return, error) {
			if want := (returns.Claims{"lamp": 1}); !reflect.DeepEqual(claims, want) {
				t.Errorf("claims %v, want %v", claims, want)
			}
			return lampReturn(t, at, 1, false), nil
		},
	)
	if _, err := create(lampUnits); err == nil || !strings.Contains(err.Error(), "is of order o, not of order other") {
		t.Errorf("of another order: %v", err)
	}
}
