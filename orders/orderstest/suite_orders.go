package orderstest

import (
	"errors"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/payment"
)

func (b *bench) update(id string, change func(*orders.Order) error) orders.Order {
	b.Helper()
	o, err := b.store.Update(b.ctx, id, change)
	b.ok(err)
	return o
}

func testUpdate(b *bench) {
	p := b.product("Mouse", 10)
	was := b.bought("ann", p.ID, 2)
	no := errors.New("no")
	_, err := b.store.Update(b.ctx, was.ID, func(o *orders.Order) error {
		b.equal("order under the lock", *o, was)
		b.ok(o.Queue(b.stamp(), "later"))
		return no
	})
	if !errors.Is(err, no) {
		b.Errorf("error %v, want that of the change", err)
	}
	stored, err := b.store.Order(b.ctx, was.ID)
	b.ok(err)
	b.equal("order after a failed change", stored, was)

	_, err = b.store.Update(b.ctx, was.ID, func(o *orders.Order) error {
		o.Version--
		return nil
	})
	if err == nil {
		b.Error("a stale save was accepted")
	}

	b.now = b.now.Add(time.Minute)
	var changed orders.Order
	got := b.update(was.ID, func(o *orders.Order) error {
		b.ok(o.Confirming(b.stamp(), "pi_1"))
		b.ok(o.ChargeAttempted(b.stamp(), orders.ChargeResult{
			Outcome:       payment.OutcomeUnknown,
			Code:          "api_error",
			Failure:       payment.NotYetKnown,
			Message:       "it's ? broken",
			MayBeCaptured: true,
			NewKey:        true,
			NextAt:        b.now.Add(time.Second),
		}))
		b.ok(o.Queue(b.stamp(), "no answer"))
		o.Payment.Work.Lease("token-1", b.now.Add(time.Second))
		changed = o.Clone()
		return nil
	})
	b.equal("updated order", got, changed)
	got = b.update(was.ID, func(o *orders.Order) error {
		b.ok(o.Complete(b.stamp(), ""))
		b.ok(o.RecordDelivery(b.stamp(), b.now))
		changed = o.Clone()
		return nil
	})
	b.equal("updated order", got, changed)
	stored, err = b.store.Order(b.ctx, was.ID)
	b.ok(err)
	b.equal("stored order", stored, changed)
	b.equal("stock", b.stock(p.ID), 8)
	b.folded(was.ID)

	got = b.update(was.ID, func(*orders.Order) error { return nil })
	b.equal("order after no change", got, changed)
}

// declinedFor is a definite no with the reason, and the limit that was passed.
func declinedFor(reason string) payment.Result {
	return payment.Result{
		Outcome: payment.OutcomeDeclined, Code: "amount_too_large", Message: reason,
		Failure: payment.AmountTooLarge, Limit: 1,
	}
}

func testCancel(b *bench) {
	mouse, desk := b.product("Mouse", 10), b.product("Desk", 5)
	id := b.cart("ann", orders.CartItem{ProductID: desk.ID, Quantity: 5},
		orders.CartItem{ProductID: mouse.ID, Quantity: 3})
	before, products, err := b.store.Cart(b.ctx, "ann")
	b.ok(err)
	o, _, err := b.place("ann", id, "")
	b.ok(err)
	// An empty cart of the customer makes room for the one that comes back.
	b.cart("ann")
	o = b.update(o.ID, func(o *orders.Order) error { return o.Decline(b.stamp(), declinedFor("no")) })
	b.equal("status", o.Status, orders.StatusCanceled)
	b.equal("stock", []int{b.stock(mouse.ID), b.stock(desk.ID)}, []int{10, 5})
	after, again, err := b.store.Cart(b.ctx, "ann")
	b.ok(err)
	b.equal("cart", after, before)
	b.equal("products", again, products)
	b.folded(o.ID)

	second, placed, err := b.place("ann", id, "")
	b.ok(err)
	if !placed || second.ID == o.ID {
		b.Errorf("the cart of a cancelled order can't be ordered again: placed %v, order %s", placed, second.ID)
	}
	// Saving the canceled order again gives nothing back a second time.
	b.update(o.ID, func(*orders.Order) error { return nil })
	b.equal("stock", []int{b.stock(mouse.ID), b.stock(desk.ID)}, []int{7, 0})
	third, placed, err := b.place("ann", id, "")
	b.ok(err)
	b.equal("ordering it a third time", []any{third.ID, placed}, []any{second.ID, false})
}

func testCancelOtherCart(b *bench) {
	p := b.product("Mouse", 10)
	o := b.bought("ann", p.ID, 4)
	other := b.cart("ann", orders.CartItem{ProductID: p.ID, Quantity: 1})
	b.update(o.ID, func(o *orders.Order) error { return o.Cancel(b.stamp(), "test") })
	c, _, err := b.store.Cart(b.ctx, "ann")
	b.ok(err)
	b.equal("open cart", c.ID, other)
	b.equal("stock", b.stock(p.ID), 10)
	again, placed, err := b.place("ann", o.CartID, "")
	b.ok(err)
	b.equal("the closed cart can be ordered by its id", []any{placed, again.CartID}, []any{true, o.CartID})
	c, _, err = b.store.Cart(b.ctx, "ann")
	b.ok(err)
	b.equal("open cart", c.ID, other)
}

func testCancelRace(b *bench) {
	p, q := b.product("Mouse", 500), b.product("Desk", 500)
	const n = 20
	var placed []orders.Order
	for i := range n {
		o, _, err := b.place(customer(i), b.cart(customer(i),
			orders.CartItem{ProductID: q.ID, Quantity: 2}, orders.CartItem{ProductID: p.ID, Quantity: 1}), "")
		b.ok(err)
		placed = append(placed, o)
		b.cart(customer(n+i), orders.CartItem{ProductID: p.ID, Quantity: 1},
			orders.CartItem{ProductID: q.ID, Quantity: 1})
	}
	b.AtOnce(3*n, func(i int) {
		if i < n {
			if _, _, err := b.place(customer(n+i), "", ""); err != nil {
				b.Error(err)
			}
			return
		}
		// Each cancel comes twice; the second finds it canceled.
		_, err := b.store.Update(b.ctx, placed[i%n].ID,
			func(o *orders.Order) error { return o.Cancel(b.stamp(), "test") })
		if err != nil && orders.CodeOf(err) != orders.CodeTransition {
			b.Error(err)
		}
	})
	b.equal("stock", []int{b.stock(p.ID), b.stock(q.ID)}, []int{500 - n, 500 - n})
}

func testEvents(b *bench) {
	p := b.product("Mouse", 10)
	o := b.bought("ann", p.ID, 1)
	b.update(o.ID, func(o *orders.Order) error { return o.Confirming(b.stamp(), "pi_1") })
	b.update(o.ID, func(o *orders.Order) error { return o.Withdraw(b.stamp()) })
	b.update(o.ID, func(o *orders.Order) error { return o.Cancel(b.stamp(), "it's over") })
	events, err := b.store.Events(b.ctx, o.ID)
	b.ok(err)
	var types []string
	for i, e := range events {
		types = append(types, e.Type)
		b.equal("event id", e.ID, fmt.Sprintf("%s:%d", o.ID, i+1))
		b.equal("event actor", e.Actor, b.stamp().By)
		b.equal("event origin", e.Source, b.stamp().Source)
		b.equal("event instant", e.At, b.now)
	}
	b.equal("types", types,
		[]string{orders.EventPlaced, orders.EventCharging, orders.EventChargeWithdrawn, orders.EventCanceled})
	b.folded(o.ID)
}

func testListPages(b *bench) {
	p := b.product("Mouse", 1000)
	var want []string
	for range 7 {
		b.now = b.now.Add(time.Minute)
		want = append([]string{b.bought("ann", p.ID, 1).ID}, want...)
	}
	// Orders of one instant are listed by id, the newest id first.
	last := b.bought("ann", p.ID, 1).ID
	want = append([]string{last}, want...)
	for page, ids := range [][]string{1: want[:3], 2: want[3:6], 3: want[6:], 4: nil} {
		if page == 0 {
			continue
		}
		found, n, err := b.store.List(b.ctx, orders.Query{CustomerID: "ann", Page: page, PageSize: 3})
		b.ok(err)
		var got []string
		for _, o := range found {
			got = append(got, o.ID)
			full, err := b.store.Order(b.ctx, o.ID)
			b.ok(err)
			b.equal("order on a page", o, full)
		}
		b.equal(fmt.Sprintf("page %d", page), got, ids)
		b.equal("count", n, 8)
	}
	found, n, err := b.store.List(b.ctx, orders.Query{})
	b.ok(err)
	b.equal("first page by default", []int{len(found), n}, []int{8, 8})
	for limit, want := range map[int]int{1: 1, 5: 5, 8: 8, 100: 8} { // however few are counted, the page is whole
		for page, onIt := range map[int]int{1: 3, 2: 3, 3: 2, 4: 0} {
			found, n, err := b.store.List(b.ctx,
				orders.Query{CustomerID: "ann", Page: page, PageSize: 3, CountUpTo: limit})
			b.ok(err)
			b.equal(fmt.Sprintf("page %d, counted up to %d", page, limit), []int{len(found), n}, []int{onIt, want})
		}
	}
}

func testListFilters(b *bench) {
	mouse, desk := b.product("Maus 100% Ärger_x", 100), b.product("Desk", 100)
	first := b.bought("ann", mouse.ID, 1)
	start := b.now
	b.now = b.now.Add(time.Hour)
	second := b.bought("ann", desk.ID, 1)
	b.now = b.now.Add(time.Hour)
	third := b.bought("bob", desk.ID, 1)
	b.update(second.ID, func(o *orders.Order) error { return o.Queue(b.stamp(), "later") })
	b.update(third.ID, func(o *orders.Order) error { return o.Cancel(b.stamp(), "test") })
	b.update(first.ID, func(o *orders.Order) error {
		return o.ChargeAttempted(b.stamp(), orders.ChargeResult{Outcome: payment.OutcomeUnknown, NeedsReview: true})
	})

	for _, c := range []struct {
		name string
		q    orders.Query
		want []string
	}{
		{"all", orders.Query{}, []string{third.ID, second.ID, first.ID}},
		{"one customer", orders.Query{CustomerID: "ann"}, []string{second.ID, first.ID}},
		{"nobody", orders.Query{CustomerID: "ann' OR '1'='1"}, nil},
		{"nobody in another case", orders.Query{CustomerID: "Ann"}, nil},
		{"nobody by NUL", orders.Query{CustomerID: "ann\x00"}, nil},
		{"two by id", orders.Query{IDs: []string{first.ID, third.ID, third.ID, "none", "\x00"}},
			[]string{third.ID, first.ID}},
		{"an id that can't be one", orders.Query{IDs: []string{"\x00"}}, nil},
		{"of some ids those of a customer", orders.Query{IDs: []string{second.ID, third.ID}, CustomerID: "ann"},
			[]string{second.ID}},
		{"one status", orders.Query{Status: []orders.Status{orders.StatusQueued}}, []string{second.ID}},
		{"two statuses", orders.Query{Status: []orders.Status{orders.StatusSubmitted, orders.StatusCanceled}},
			[]string{third.ID, first.ID}},
		{"those that need review", orders.Query{NeedsReview: true}, []string{first.ID}},
		{"from is included", orders.Query{From: start.Add(time.Hour)}, []string{third.ID, second.ID}},
		{"to is not", orders.Query{To: start.Add(time.Hour)}, []string{first.ID}},
		{"part of a product's name", orders.Query{Text: "DES"}, []string{third.ID, second.ID}},
		{"any case beyond ASCII", orders.Query{Text: "äRGER"}, []string{first.ID}},
		{"percent is a letter", orders.Query{Text: "0%"}, []string{first.ID}},
		{"underscore is a letter", orders.Query{Text: "_"}, []string{first.ID}},
		{"backslash is a letter", orders.Query{Text: `\`}, nil},
		{"quote", orders.Query{Text: "'"}, nil},
		{"order number", orders.Query{Text: third.Number}, []string{third.ID}},
		{"all at once", orders.Query{CustomerID: "ann", Status: []orders.Status{orders.StatusQueued}, From: start,
			To: start.Add(2 * time.Hour), Text: "desk"}, []string{second.ID}},
	} {
		found, n, err := b.store.List(b.ctx, c.q)
		b.ok(err)
		var got []string
		for _, o := range found {
			got = append(got, o.ID)
		}
		b.equal(c.name, got, c.want)
		b.equal(c.name+": count", n, len(c.want))
	}
}
