package returnstest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/returns"
)

func testUpdate(b *bench) {
	o := b.order("ann", 3)
	was := b.filed(o, 2)
	no := errors.New("no")
	_, err := b.change(b.ctx, was.ID, func(r *returns.Return) error {
		b.equal("return under the lock", *r, was)
		b.ok(r.Cancel(b.stamp()))
		return no
	})
	if !errors.Is(err, no) {
		b.Errorf("error %v, want that of the change", err)
	}
	b.stored(was)
	b.equal("claims", b.claims(o), []int{2})

	_, err = b.change(b.ctx, was.ID, func(r *returns.Return) error {
		b.ok(r.Authorize(b.stamp(), ""))
		r.Version--
		return nil
	})
	if err == nil {
		b.Error("a stale save was accepted")
	}
	b.stored(was)

	b.equal("return after no change", b.update(was.ID, func(*returns.Return) error { return nil }), was)

	b.now = b.now.Add(time.Minute)
	changed := b.update(was.ID, func(r *returns.Return) error {
		b.ok(
			r.Override(
				b.stamp(), returns.Override{
					Rules: []string{returns.RuleRefundEarly, returns.RuleRestockingFee}, Reason: "it's \\ 100 % ours",
				},
			),
		)
		b.ok(r.Authorize(b.stamp(), "send it"))
		return r.StartEarlyRefund(b.stamp())
	})
	b.equal("RMA", changed.RMA, "RMA-20260504-00001")
	b.stored(changed)
	changed = b.update(was.ID, func(r *returns.Return) error {
		b.ok(r.Ship(b.stamp(), returns.ReverseShipment{Carrier: "UPS", TrackingNumber: "1Z \"?\"", Notes: "door"}))
		b.ok(
			r.Receive(
				b.stamp(), []returns.ReceiptLine{{OrderLineID: r.Lines[0].OrderLineID, Received: 1}}, "one of two",
			),
		)
		return r.RefundSucceeded(b.stamp(), "refund-1")
	})
	b.stored(changed)
	changed = b.update(was.ID, b.inspect(1))
	b.equal("status", changed.Status, returns.StatusRefunded)
	b.equal("open tasks", len(changed.OpenTasks()), 1)
	b.stored(changed)
	b.equal("claims, while the money of both units is given", b.claims(o), []int{2})
	b.stored(b.update(was.ID, func(r *returns.Return) error { return r.RefundReversed(b.stamp(), "refund-1") }))
	b.equal("claims, when it was reversed", b.claims(o), []int{2})
	b.stored(b.update(was.ID, func(r *returns.Return) error { return r.RefundSucceeded(b.stamp(), "refund-2") }))
	b.equal("claims, when what was accepted is paid", b.claims(o), []int{1})
}

func testUpdateRace(b *bench) {
	r := b.filed(b.order("ann", 3), 2)
	const n = 20
	b.AtOnce(n, func(int) {
		_, err := b.change(b.ctx, r.ID, func(r *returns.Return) error {
			return r.Override(
				b.stamp(), returns.Override{Rules: []string{returns.RuleRestockingFee}, Reason: "one of many"},
			)
		})
		if err != nil {
			b.Error(err)
		}
	})
	got, err := b.store.Return(b.ctx, r.ID)
	b.ok(err)
	b.equal("overrides", len(got.Overrides), n)
	b.equal("version", got.Version, 1+n)
	b.stored(got)
}

func testRMARace(b *bench) {
	const n = 40
	var mu sync.Mutex
	var got []string
	b.AtOnce(n, func(i int) {
		o := b.order("ann", 1)
		var r returns.Return
		var err error
		if i%2 == 0 { // half are authorized as they are filed
			r, err = b.create(b.ctx, o, b.filing(o, true, 1))
		} else if r, err = b.create(b.ctx, o, b.filing(o, false, 1)); err == nil {
			r, err = b.change(b.ctx, r.ID, b.authorize)
		}
		// What is refused must use no number up.
		_, refused := b.change(b.ctx, r.ID, func(r *returns.Return) error {
			_ = r.Authorize(b.stamp(), "")
			return errors.New("no")
		})
		if err != nil || refused == nil {
			b.Errorf("%v, %v", err, refused)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.RMA)
	})
	slices.Sort(got)
	for i, rma := range got {
		b.equal("RMA", rma, fmt.Sprintf("RMA-20260504-%05d", i+1))
	}
}

func testRMADays(b *bench) {
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{time.Date(2026, 5, 4, 23, 59, 59, 999_999_000, time.UTC), "RMA-20260504-00001"},
		{time.Date(2026, 5, 5, 1, 30, 0, 0, time.FixedZone("", 2*3600)), "RMA-20260504-00002"}, // 23:30 UTC
		{time.Date(2026, 5, 5, 0, 0, 0, 0, time.UTC), "RMA-20260505-00001"},
		{time.Date(2026, 5, 4, 20, 0, 0, 0, time.FixedZone("", -5*3600)), "RMA-20260505-00002"}, // 01:00 UTC
	} {
		b.now = c.at.UTC()
		r := b.filed(b.order("ann", 1), 1)
		b.now = c.at
		r = b.update(r.ID, b.authorize)
		b.equal(c.at.String(), r.RMA, c.want)
		// Ended cases keep their numbers; none is used again.
		b.stored(b.update(r.ID, func(r *returns.Return) error { return r.Cancel(b.stamp()) }))
	}
}

func testRMAChosen(b *bench) {
	choose := func(rma string) error {
		o := b.order("ann", 1)
		_, err := b.create(b.ctx, o, func(returns.Claims) (*returns.Return, error) {
			return returns.NewReturn(b.stamp(), returns.Params{
				ID: newID(), OrderID: o.OrderID, CustomerID: o.CustomerID, TermsID: b.terms,
				Reason: returns.ReasonOther, RMA: rma,
				Lines: []returns.Line{{ID: newID(), OrderLineID: o.Lines[0].ID, Name: "Mouse", Quantity: 1}},
			})
		})
		return err
	}
	b.ok(choose("RMA-DEMO-1"))
	if err := choose("RMA-DEMO-1"); err == nil {
		b.Error("a number was given twice")
	}
	_, n, err := b.store.List(b.ctx, returns.Query{Text: "rma-demo"})
	b.ok(err)
	b.equal("returns", n, 1)
}

// A change that authorizes a case and ships it in one step leaves the store no
// point at which to give it a number.
func testRMAMissing(b *bench) {
	r := b.filed(b.order("ann", 1), 1)
	_, err := b.change(b.ctx, r.ID, func(r *returns.Return) error {
		if err := r.Authorize(b.stamp(), ""); err != nil {
			return err
		}
		return r.Ship(b.stamp(), returns.ReverseShipment{Carrier: "UPS", TrackingNumber: "1Z"})
	})
	if err == nil {
		b.Error("a case is on its way without an RMA number")
	}
	b.stored(r)
	b.equal("the next number", b.update(r.ID, b.authorize).RMA, "RMA-20260504-00001")
}

func testListPages(b *bench) {
	var want []string
	for range 7 {
		b.now = b.now.Add(time.Minute)
		want = append([]string{b.filed(b.order("ann", 1), 1).ID}, want...)
	}
	// Returns of one instant are listed by id, the newest id first.
	want = append([]string{b.filed(b.order("ann", 1), 1).ID}, want...)
	for page, ids := range map[int][]string{0: want[:3], 1: want[:3], 2: want[3:6], 3: want[6:], 4: nil, 1 << 40: nil} {
		found, n, err := b.store.List(b.ctx, returns.Query{CustomerID: "ann", Page: page, PageSize: 3})
		b.ok(err)
		for _, r := range found {
			b.stored(r)
		}
		b.equal(fmt.Sprintf("page %d", page), ids, idsOf(found))
		b.equal("count", n, 8)
	}
	found, n, err := b.store.List(b.ctx, returns.Query{})
	b.ok(err)
	b.equal("first page by default", []int{len(found), n}, []int{8, 8})
	for limit, want := range map[int]int{1: 1, 5: 5, 8: 8, 100: 8} { // however few are counted, the page is whole
		for page, onIt := range map[int]int{1: 3, 2: 3, 3: 2, 4: 0} {
			found, n, err := b.store.List(
				b.ctx, returns.Query{CustomerID: "ann", Page: page, PageSize: 3, CountUpTo: limit},
			)
			b.ok(err)
			b.equal(fmt.Sprintf("page %d, counted up to %d", page, limit), []int{len(found), n}, []int{onIt, want})
		}
	}
}

func idsOf(list []returns.Return) []string {
	var ids []string
	for _, r := range list {
		ids = append(ids, r.ID)
	}
	return ids
}

func testListFilters(b *bench) {
	named := func(customer, name string) purchase.Purchase {
		o := b.order(customer, 2)
		o.Lines[0].Name = name
		return o
	}
	mouse, desk := named("ann", "Maus 100% Ärger_x!"), named("ann", "Desk")
	first := b.filed(mouse, 1)
	start := b.now
	b.now = b.now.Add(time.Hour)
	second := b.filed(desk, 1)
	b.now = b.now.Add(time.Hour)
	third := b.filed(named("bob", "Desk"), 1)
	second = b.update(second.ID, b.authorize)
	b.update(second.ID, func(r *returns.Return) error {
		return r.Ship(b.stamp(), returns.ReverseShipment{Carrier: "UPS", TrackingNumber: "1Z99-Eleven"})
	})
	b.update(third.ID, func(r *returns.Return) error { return r.Reject(b.stamp(), "no") })
	b.update(first.ID, func(r *returns.Return) error { return r.OpenTask(b.stamp(), "kind", "look") })
	b.update(second.ID, func(r *returns.Return) error { return r.OpenTask(b.stamp(), "kind", "look") })
	b.update(second.ID, func(r *returns.Return) error { return r.CloseTask(b.stamp(), 1, "done") })

	for _, c := range []struct {
		name string
		q    returns.Query
		want []string
	}{
		{"all", returns.Query{}, []string{third.ID, second.ID, first.ID}},
		{"one customer", returns.Query{CustomerID: "ann"}, []string{second.ID, first.ID}},
		{"nobody", returns.Query{CustomerID: "ann' OR '1'='1"}, nil},
		{"nobody by NUL", returns.Query{CustomerID: "ann\x00"}, nil},
		{"one order", returns.Query{OrderID: desk.OrderID}, []string{second.ID}},
		{"no order", returns.Query{OrderID: "bad\xff"}, nil},
		{"one status", returns.Query{Status: []returns.Status{returns.StatusInTransit}}, []string{second.ID}},
		{
			"two statuses",
			returns.Query{Status: []returns.Status{returns.StatusPendingAuthorization, returns.StatusRejected}},
			[]string{third.ID, first.ID},
		},
		{"those with an open task", returns.Query{OpenTasks: true}, []string{first.ID}},
		{"from is included", returns.Query{From: start.Add(time.Hour)}, []string{third.ID, second.ID}},
		{"to is not", returns.Query{To: start.Add(time.Hour)}, []string{first.ID}},
		{"part of a product's name", returns.Query{Text: "DES"}, []string{third.ID, second.ID}},
		{"part of the tracking number", returns.Query{Text: "z99-eleven"}, []string{second.ID}},
		{"any case beyond ASCII", returns.Query{Text: "äRGER"}, []string{first.ID}},
		{"percent is a letter", returns.Query{Text: "0%"}, []string{first.ID}},
		{"underscore is a letter", returns.Query{Text: "_"}, []string{first.ID}},
		{"exclamation mark is a letter", returns.Query{Text: "!"}, []string{first.ID}},
		{"backslash is a letter", returns.Query{Text: `\`}, nil},
		{"quote", returns.Query{Text: "'"}, nil},
		{"bytes that are no text", returns.Query{Text: "\xff"}, nil},
		{"RMA number", returns.Query{Text: second.RMA}, []string{second.ID}},
		{"part of an RMA number", returns.Query{Text: "rma-2026"}, []string{second.ID}},
		{
			"all at once",
			returns.Query{
				CustomerID: "ann", OrderID: desk.OrderID, Status: []returns.Status{returns.StatusInTransit},
				From: start, To: start.Add(2 * time.Hour), Text: "desk",
			},
			[]string{second.ID},
		},
	} {
		found, n, err := b.store.List(b.ctx, c.q)
		b.ok(err)
		b.equal(c.name, idsOf(found), c.want)
		b.equal(c.name+": count", n, len(c.want))
	}
}

func testCounts(b *bench) {
	counts, err := b.store.Counts(b.ctx)
	b.ok(err)
	b.equal("counts of none", len(counts), 0)
	for i := range 5 {
		r := b.filed(b.order("ann", 1), 1)
		if i < 2 {
			b.update(r.ID, b.authorize)
		}
	}
	b.update(b.filed(b.order("ann", 1), 1).ID, func(r *returns.Return) error { return r.Cancel(b.stamp()) })
	counts, err = b.store.Counts(b.ctx)
	b.ok(err)
	b.equal(
		"counts of what is open", counts, map[returns.Status]int{
			returns.StatusAuthorized: 2, returns.StatusPendingAuthorization: 3,
		},
	)
}

func testEvents(b *bench) {
	r := b.filed(b.order("ann", 1), 1)
	b.update(r.ID, b.authorize)
	b.update(r.ID, func(r *returns.Return) error { return r.Cancel(b.stamp()) })
	events, err := b.store.Events(b.ctx, r.ID)
	b.ok(err)
	var types []string
	for i, e := range events {
		types = append(types, e.Type)
		b.equal("event id", e.ID, fmt.Sprintf("%s:%d", r.ID, i+1))
		b.equal("event actor", e.Actor, b.stamp().By)
		b.equal("event origin", e.Source, b.stamp().Source)
		b.equal("event instant", e.At, b.now)
	}
	b.equal(
		"types", types, []string{
			returns.EventRequested, returns.EventAuthorized, returns.EventRMAAssigned, returns.EventCanceled,
		},
	)
}

func testTerms(b *bench) {
	_, err := b.store.Terms(b.ctx, "")
	b.missing("current terms before the first", err)
	all, err := b.store.AllTerms(b.ctx)
	b.ok(err)
	b.equal("terms before the first", len(all), 0)

	first := b.publish(policy())
	b.equal("first version", first.Version, 1)
	b.equal("policy", first.Policy, policy())
	p := policy()
	p.WindowDays = 14
	b.now = b.now.Add(time.Hour)
	second := b.publish(p)
	b.equal("second version", second.Version, 2)
	second.Policy.Windows[0].Days = 1 // the caller's copy alone

	if _, err := b.store.Publish(b.ctx, returns.Terms{ID: first.ID, Policy: p, PublishedAt: b.now}); err == nil {
		b.Error("published terms were replaced")
	}
	got, err := b.store.Terms(b.ctx, first.ID)
	b.ok(err)
	b.equal("terms by id", got, first)
	got, err = b.store.Terms(b.ctx, "")
	b.ok(err)
	second.Policy.Windows[0].Days = 90
	b.equal("current terms", got, second)
	all, err = b.store.AllTerms(b.ctx)
	b.ok(err)
	b.equal("all terms, latest first", all, []returns.Terms{second, first})
}

func testTermsRace(b *bench) {
	const n = 20
	var published [n]returns.Terms
	b.AtOnce(n, func(i int) {
		var err error
		published[i], err = b.store.Publish(b.ctx, returns.Terms{ID: newID(), Policy: policy(), PublishedAt: b.now})
		if err != nil {
			b.Error(err)
		}
	})
	all, err := b.store.AllTerms(b.ctx)
	b.ok(err)
	b.equal("terms", len(all), n)
	for i, t := range all {
		b.equal("version", t.Version, n-i)
		same := slices.ContainsFunc(published[:], func(p returns.Terms) bool {
			return p.ID == t.ID && p.Version == t.Version
		})
		b.equal(fmt.Sprintf("version %d is the one that Publish returned", t.Version), same, true)
	}
}
