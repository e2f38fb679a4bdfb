package returnstest

import (
	"errors"
	"fmt"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/returns"
)

// history is a return that was shipped, received in part and inspected.
func (b *bench) history() (purchase.Purchase, returns.Return) {
	b.Helper()
	o := b.order("ann", 3)
	r := b.filed(o, 2)
	b.update(r.ID, func(r *returns.Return) error {
		b.ok(r.Override(b.stamp(), returns.Override{Rules: []string{returns.RuleRestockingFee}, Reason: "ours"}))
		return r.Authorize(b.stamp(), "send it")
	})
	b.update(r.ID, func(r *returns.Return) error {
		b.ok(r.Ship(b.stamp(), returns.ReverseShipment{Carrier: "UPS", TrackingNumber: "1Z"}))
		return r.Receive(b.stamp(), []returns.ReceiptLine{{OrderLineID: r.Lines[0].OrderLineID, Received: 1}}, "one")
	})
	return o, b.update(r.ID, b.inspect(1))
}

// snapshot is all that a store returns of a return.
type snapshot struct {
	Return returns.Return
	Claims map[string]returns.Claims
	Terms  []returns.Terms
	Events []string
}

func (b *bench) snapshot(o purchase.Purchase, r returns.Return) (s snapshot) {
	b.Helper()
	var err error
	s.Return, err = b.store.Return(b.ctx, r.ID)
	b.ok(err)
	s.Claims, err = b.store.Claims(b.ctx, o.OrderID)
	b.ok(err)
	s.Terms, err = b.store.AllTerms(b.ctx)
	b.ok(err)
	events, err := b.store.Events(b.ctx, r.ID)
	b.ok(err)
	for _, e := range events {
		s.Events = append(s.Events, fmt.Sprintf("%+v %s", e, e.Data))
	}
	return suite.Copy(s)
}

// testShared overwrites all that the store was given, or gave.
func testShared(b *bench) {
	o, r := b.history()
	for _, c := range []struct {
		name string
		run  func() (any, error)
	}{
		{"Return", func() (any, error) { v, err := b.store.Return(b.ctx, r.ID); return &v, err }},
		{"List", func() (any, error) { v, _, err := b.store.List(b.ctx, returns.Query{}); return &v, err }},
		{"Claims", func() (any, error) { v, err := b.store.Claims(b.ctx, o.OrderID); return &v, err }},
		{"Events", func() (any, error) { v, err := b.store.Events(b.ctx, r.ID); return &v, err }},
		{"Terms", func() (any, error) { v, err := b.store.Terms(b.ctx, b.terms); return &v, err }},
		{"AllTerms", func() (any, error) { v, err := b.store.AllTerms(b.ctx); return &v, err }},
		{"an empty Update", func() (any, error) {
			v, err := b.store.Update(b.ctx, r.ID, returns.Changing(func(*returns.Return) error { return nil }))
			return &v, err
		}},
	} {
		before := b.snapshot(o, r)
		got, err := c.run()
		b.ok(err)
		suite.Scramble(got)
		b.equal("the stored return after what "+c.name+" returned was overwritten", b.snapshot(o, r), before)
	}
	b.keptCreate()
	b.keptUpdate()
	b.keptTerms()
}

// keptCreate files a return of which the caller keeps all.
func (b *bench) keptCreate() {
	b.Helper()
	o := b.order("bob", 5)
	var all struct {
		Units  returns.Units
		Change returns.Change
		Filed  returns.Return
	}
	create := returns.Creating(o, b.filing(o, false, 2))
	var err error
	all.Filed, err = b.store.Create(b.ctx, o, func(u returns.Units) (returns.Change, error) {
		var err error
		all.Units = u
		all.Change, err = create(u)
		return all.Change, err
	})
	b.ok(err)
	id := all.Filed.ID
	before := b.snapshot(o, all.Filed)
	suite.Scramble(&all)
	suite.Scramble(&o.Lines)
	b.equal("a new return after what Create gave and got was overwritten",
		b.snapshot(o, returns.Return{ID: id}), before)
}

func (b *bench) keptUpdate() {
	b.Helper()
	o := b.order("cid", 5)
	r := b.filed(o, 2)
	var all struct {
		Units   returns.Units
		Before  returns.Return
		Change  returns.Change
		Changed returns.Return
	}
	authorize := returns.Changing(func(r *returns.Return) error { return r.Authorize(b.stamp(), "send it") })
	var err error
	all.Changed, err = b.store.Update(b.ctx, r.ID, func(u returns.Units, r returns.Return) (returns.Change, error) {
		var err error
		all.Units, all.Before = u, r
		all.Change, err = authorize(u, r)
		return all.Change, err
	})
	b.ok(err)
	before := b.snapshot(o, r)
	suite.Scramble(&all)
	b.equal("a changed return after what Update gave and got was overwritten", b.snapshot(o, r), before)
}

func (b *bench) keptTerms() {
	b.Helper()
	t := returns.Terms{ID: newID(), Policy: policy(), PublishedAt: b.now, PublishedBy: event.System("test")}
	published, err := b.store.Publish(b.ctx, t)
	b.ok(err)
	before, err := b.store.Terms(b.ctx, t.ID)
	b.ok(err)
	suite.Scramble(&published)
	suite.Scramble(&t)
	got, err := b.store.Terms(b.ctx, t.ID)
	b.ok(err)
	b.equal("terms after what Publish gave and got was overwritten", got, returns.Terms{
		ID: t.ID, Version: before.Version, Policy: policy(), PublishedAt: b.now, PublishedBy: event.System("test")})
}

// testInPlace changes what a callback gets, and refuses.
func testInPlace(b *bench) {
	o, r := b.history()
	no := errors.New("no")
	before := b.snapshot(o, r)
	_, err := b.store.Create(b.ctx, o, func(u returns.Units) (returns.Change, error) {
		suite.Scramble(&u)
		return returns.Change{}, no
	})
	if !errors.Is(err, no) {
		b.Errorf("Create: error %v, want that of the callback", err)
	}
	b.equal("after a refused Create", b.snapshot(o, r), before)
	_, err = b.store.Update(b.ctx, r.ID, func(u returns.Units, r returns.Return) (returns.Change, error) {
		suite.Scramble(&u)
		suite.Scramble(&r)
		return returns.Change{}, no
	})
	if !errors.Is(err, no) {
		b.Errorf("Update: error %v, want that of the callback", err)
	}
	b.equal("after a refused Update", b.snapshot(o, r), before)
	b.stored(b.update(r.ID, func(*returns.Return) error { return nil }))
}
