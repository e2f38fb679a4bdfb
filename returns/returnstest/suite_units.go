package returnstest

import (
	"errors"
	"strconv"
	"sync"

	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/returns"
)

func testCreate(b *bench) {
	o := b.order("ann", 3, 2)
	r := b.filed(o, 2, 1)
	b.equal("status", r.Status, returns.StatusPendingAuthorization)
	b.equal("claims", b.claims(o), []int{2, 1})
	b.stored(r)

	auto, err := b.create(b.ctx, o, b.filing(o, true, 1))
	b.ok(err)
	b.equal("RMA", auto.RMA, "RMA-20260504-00001")
	b.equal("claims", b.claims(o), []int{3, 1})
	b.stored(auto)
}

func testCreateRefused(b *bench) {
	o := b.order("ann", 3)
	no := errors.New("no")
	_, err := b.create(b.ctx, o, func(returns.Claims) (*returns.Return, error) { return nil, no })
	if !errors.Is(err, no) {
		b.Errorf("error %v, want that of the decision", err)
	}
	// A return of another order, and one that is not new.
	if _, err := b.create(b.ctx, o, b.filing(b.order("ann", 3), false, 1)); err == nil {
		b.Error("a return of another order was saved")
	}
	r := b.filed(o, 1)
	if _, err := b.create(b.ctx, o, func(returns.Claims) (*returns.Return, error) { return &r, nil }); err == nil {
		b.Error("a return was filed twice")
	}
	_, n, err := b.store.List(b.ctx, returns.Query{})
	b.ok(err)
	b.equal("returns", n, 1)
	b.equal("claims", b.claims(o), []int{1})
}

func testSeen(b *bench) {
	o := b.order("ann", 3, 2)
	b.filed(o, 2)
	_, err := b.create(b.ctx, o, func(c returns.Claims) (*returns.Return, error) {
		b.equal("claims under the lock", c, returns.Claims{o.Lines[0].ID: 2})
		return b.filing(o, false, 1, 2)(c)
	})
	b.ok(err)
	for _, units := range [][]int{{1}, {0, 1}} {
		_, err = b.create(b.ctx, o, b.filing(o, false, units...))
		b.code(err, returns.AlreadyReturned)
	}
	// What was bought counts as it was when the order was first seen.
	more := o
	more.Lines = append([]purchase.Line(nil), o.Lines...)
	more.Lines[0].Quantity = 9
	_, err = b.create(b.ctx, more, b.filing(more, false, 1))
	b.code(err, returns.AlreadyReturned)
}

func testOverclaim(b *bench) {
	o := b.order("ann", 3)
	b.filed(o, 2)
	// A decision that does not look at the claims it is given.
	_, err := b.create(
		b.ctx, o, func(returns.Claims) (*returns.Return, error) { return b.filing(o, true, 2)(nil) },
	)
	b.code(err, returns.AlreadyReturned)
	b.equal("claims", b.claims(o), []int{2})
	// Its RMA number is not lost.
	r, err := b.create(b.ctx, o, b.filing(o, true, 1))
	b.ok(err)
	b.equal("RMA", r.RMA, "RMA-20260504-00001")
}

func testPairs(b *bench) {
	const pairs = 100
	all := make([]purchase.Purchase, pairs)
	for i := range all {
		all[i] = b.order("ann", 2)
		b.filed(all[i], 1) // so that one is left
	}
	var mu sync.Mutex
	filed, refused := 0, 0
	b.AtOnce(2*pairs, func(i int) {
		o := all[i%pairs]
		_, err := b.create(b.ctx, o, b.filing(o, false, 1))
		mu.Lock()
		defer mu.Unlock()
		switch returns.CodeOf(err) {
		case returns.Code(returns.AlreadyReturned):
			refused++
		default:
			if err != nil {
				b.Error(err)
				return
			}
			filed++
		}
	})
	b.equal("filed and refused", []int{filed, refused}, []int{pairs, pairs})
	for _, o := range all {
		b.equal("claims", b.claims(o), []int{2})
	}
}

func testOneOrderRace(b *bench) {
	// First requests of an order, so that its units are seeded by many at once;
	// half of them name the lines in the other order.
	o := b.order("ann", 10, 10)
	turned := o
	turned.Lines = []purchase.Line{o.Lines[1], o.Lines[0]}
	b.AtOnce(50, func(i int) {
		which := o
		if i%2 == 1 {
			which = turned
		}
		_, err := b.create(b.ctx, which, b.filing(which, false, 1, 1))
		if err != nil && returns.CodeOf(err) != returns.Code(returns.AlreadyReturned) {
			b.Error(err)
		}
	})
	b.equal("claims", b.claims(o), []int{10, 10})
	_, n, err := b.store.List(b.ctx, returns.Query{OrderID: o.OrderID})
	b.ok(err)
	b.equal("returns", n, 10)
}

// step advances a return.
type step = func(r *returns.Return) error

func (b *bench) authorize(r *returns.Return) error { return r.Authorize(b.stamp(), "fine") }
func (b *bench) receive(r *returns.Return) error   { return r.Receive(b.stamp(), nil, "") }

// inspect accepts units of the lines, in order.
func (b *bench) inspect(units ...int) step {
	return func(r *returns.Return) error {
		in := returns.InspectionInput{Result: returns.InspectionPartiallyApproved, InspectedBy: "Kim"}
		for i := range units {
			in.Lines = append(
				in.Lines, returns.InspectionLine{
					OrderLineID: r.Lines[i].OrderLineID, Accepted: &units[i], Note: "it's fine",
					Condition: returns.ConditionOpened,
				},
			)
		}
		return r.Inspect(b.stamp(), in)
	}
}

func testClaimsFollow(b *bench) {
	for _, c := range []struct {
		name  string
		steps []step
		want  []int
	}{
		{"filed", nil, []int{3, 2}},
		{"authorised", []step{b.authorize}, []int{3, 2}},
		{"received", []step{b.authorize, b.receive}, []int{3, 2}},
		{"approved in part", []step{b.authorize, b.receive, b.inspect(1, 0)}, []int{1, 0}},
		{
			"refunded",
			[]step{
				b.authorize, b.receive, b.inspect(1, 2),
				func(r *returns.Return) error { return r.RefundSucceeded(b.stamp(), "refund-1") },
			},
			[]int{1, 2},
		},
		{"rejected by the inspection", []step{b.authorize, b.receive, func(r *returns.Return) error {
			return r.Inspect(b.stamp(), returns.InspectionInput{Result: returns.InspectionRejected, InspectedBy: "Kim"})
		}}, []int{0, 0}},
		{"rejected", []step{func(r *returns.Return) error { return r.Reject(b.stamp(), "no") }}, []int{0, 0}},
		{"cancelled", []step{b.authorize, func(r *returns.Return) error { return r.Cancel(b.stamp()) }}, []int{0, 0}},
	} {
		o := b.order("ann", 4, 2)
		r := b.filed(o, 3, 2)
		for _, s := range c.steps {
			r = b.update(r.ID, s)
			b.stored(r)
		}
		b.equal(c.name, b.claims(o), c.want)
	}
}

func testClaims(b *bench) {
	first, second := b.order("ann", 3, 1), b.order("ann", 2)
	b.filed(first, 2)
	b.filed(second, 1)
	for _, c := range []struct {
		name   string
		orders []string
		want   map[string]returns.Claims
	}{
		{"none", nil, map[string]returns.Claims{}},
		{"one", []string{first.OrderID}, map[string]returns.Claims{first.OrderID: {"1": 2}}},
		{"both", []string{first.OrderID, second.OrderID, second.OrderID}, map[string]returns.Claims{
			first.OrderID: {"1": 2}, second.OrderID: {"1": 1},
		}},
		{"one without any", []string{b.order("ann", 2).OrderID}, map[string]returns.Claims{}},
		{"what no id can be", []string{"", "nul\x00", "bad\xff", "' OR 1=1 --"}, map[string]returns.Claims{}},
	} {
		got, err := b.store.Claims(b.ctx, c.orders...)
		b.ok(err)
		b.equal(c.name, got, c.want)
	}
}

func testReleased(b *bench) {
	o := b.order("ann", 1)
	for range 10 {
		r := b.filed(o, 1)
		b.AtOnce(2, func(i int) {
			var err error
			if i == 0 {
				_, err = b.change(b.ctx, r.ID, func(r *returns.Return) error { return r.Cancel(b.stamp()) })
			} else {
				_, err = b.create(b.ctx, o, b.filing(o, false, 1))
				if returns.CodeOf(err) == returns.Code(returns.AlreadyReturned) {
					err = nil // it came first
				}
			}
			if err != nil {
				b.Error(err)
			}
		})
		open, n, err := b.store.List(
			b.ctx, returns.Query{OrderID: o.OrderID, Status: []returns.Status{returns.StatusPendingAuthorization}},
		)
		b.ok(err)
		b.equal("claims", b.claims(o), []int{n})
		for _, r := range open {
			b.update(r.ID, func(r *returns.Return) error { return r.Cancel(b.stamp()) })
		}
	}
}

func testLineIDs(b *bench) {
	// The same line id in three orders, of which one never sold that many.
	all := []purchase.Purchase{b.order("ann", 3), b.order("ann", 3, 1), b.order("bob", 1)}
	var filed []returns.Return
	for _, o := range all {
		filed = append(filed, b.filed(o, 1))
	}
	b.update(filed[0].ID, b.authorize)
	b.update(filed[1].ID, func(r *returns.Return) error { return r.Cancel(b.stamp()) })
	for i, want := range [][]int{{1}, {0, 0}, {1}} {
		b.equal("claims of order "+strconv.Itoa(i+1), b.claims(all[i]), want)
	}
	_, err := b.create(b.ctx, all[2], b.filing(all[2], false, 1))
	b.code(err, returns.AlreadyReturned)
	b.filed(all[0], 2)
	b.equal("claims of the first order", b.claims(all[0]), []int{3})
}
