package ordersdb

import (
	"errors"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// TestUpdatesThatMeet executes in one go: a change, a second one of the same
// order, one that is refused, one of no order, and a cancellation.
func TestUpdatesThatMeet(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		h := hold(t, db, 10, []string{"ann", "bob", "cid"})
		h.release()
		placed := map[string]orders.Order{}
		for _, who := range []string{"ann", "bob", "cid"} {
			o, _, err := h.place(t.Context(), who, "", func(*orders.Order) error { return nil })
			h.must(err)
			placed[who] = o
		}
		st := event.Stamp{At: time.Now(), By: event.System("test")}
		deliver := func(o *orders.Order) error { return o.RecordDelivery(st, st.At) }
		no := errors.New("no")
		first := &updateCall{
			id:     placed["ann"].ID,
			change: func(o *orders.Order) error { return o.Complete(st, "ch_1") },
		}
		second := &updateCall{id: placed["ann"].ID, change: deliver}
		refused := &updateCall{
			id:     placed["bob"].ID,
			change: func(o *orders.Order) error { _ = o.Complete(st, "ch_2"); return no },
		}
		missing := &updateCall{id: "nobody", change: deliver}
		canceled := &updateCall{
			id:     placed["cid"].ID,
			change: func(o *orders.Order) error { return o.Cancel(st, "gone") },
		}
		h.commits.Store(0)
		calls := []*updateCall{first, canceled, refused, second, missing}
		sqldb.RunBatch(t.Context(), calls, h.store.updateAll)
		for _, u := range calls {
			_, _ = h.store.finish(t.Context(), u) // its error is looked at below
		}

		if n := h.commits.Load(); n != 2 {
			t.Errorf("%d commits, want one for the cancellation and one for the others", n)
		}
		if first.err != nil || second.err != nil || canceled.err != nil || refused.err != no ||
			orders.CodeOf(missing.err) != orders.CodeNotFound {
			t.Errorf("errors: %v, %v, %v, %v, %v", first.err, second.err, canceled.err, refused.err, missing.err)
		}
		for who, want := range map[string]orders.Status{"ann": orders.StatusCompleted, "bob": placed["bob"].Status,
			"cid": orders.StatusCanceled} {
			o, err := h.store.Order(t.Context(), placed[who].ID)
			h.must(err)
			events, err := h.store.Events(t.Context(), o.ID)
			h.must(err)
			if o.Status != want || len(events) != o.Version {
				t.Errorf("%s: %s, version %d with %d events", who, o.Status, o.Version, len(events))
			}
			if delivered := !o.DeliveredAt.IsZero(); delivered != (who == "ann") {
				t.Errorf("%s: delivered %v", who, delivered)
			}
		}
		p, err := h.store.Product(t.Context(), h.product.ID)
		h.must(err)
		if p.Stock != 8 {
			t.Errorf("stock %d, want 8", p.Stock)
		}
	})
}
